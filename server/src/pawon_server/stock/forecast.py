"""How long the stock of an item lasts, and what must be ordered by when. Pure.

All of it is an estimate and is told as one. What was never booked is unknown: not zero, and never enough. Days are
kitchen days (``daily_use``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from .daily_use import Rate
from .plan import Plan, Want, wants_of

# Raw material is bought no earlier than two days before it is served (BGN); it binds what keeps no longer than these
# days. Rice may lie.
BUY_BEFORE_DAYS = 2
FRESH_DAYS = 3
# An order of what keeps is for a week.
ORDER_DAYS = 7

Basis = Literal["none", "plan", "use", "plan+use"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedLot:
    """A part of the stock that does not count from the serving day ``until`` on."""

    until: date
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A delivery that is expected on ``day``: it can be cooked from the serving day after it."""

    day: date
    amount: int


@dataclass(slots=True, kw_only=True)
class _Part:
    """What is left of a part of the stock; ``date.max``: it does not expire."""

    until: date
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLeft:
    """How a day ends: of what was ``wanted`` so much was ``used``; ``expired`` before it; ``left`` after it."""

    day: date
    wanted: int
    used: int
    expired: int
    left: int

    @property
    def short(self) -> int:
        """What was not there."""
        return self.wanted - self.used


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """An item on its way in: days from order to delivery, how long it keeps, and how much should always be there."""

    lead_days: int = 2
    shelf_life_days: int | None = None
    minimum: int | None = None

    @property
    def fresh(self) -> bool:
        """Whether it may not be bought before H-2."""
        return self.shelf_life_days is not None and self.shelf_life_days <= FRESH_DAYS

    @property
    def order_days(self) -> int:
        """For how many serving days one order is."""
        most = BUY_BEFORE_DAYS if self.fresh else ORDER_DAYS
        return most if self.shelf_life_days is None else min(most, self.shelf_life_days)

    def order_by(self, day: date) -> date:
        """The last day to order what a serving day takes."""
        return the_day_before(day) - timedelta(days=self.lead_days)

    def buy_from(self, day: date) -> date | None:
        """The first day on which that may be bought; ``None`` for what keeps."""
        return day - timedelta(days=BUY_BEFORE_DAYS) if self.fresh else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """An estimate for one item, made on the kitchen day ``today``.

    ``runs_out``: the first serving day for which it likely does not suffice, as far as is looked; ``earliest`` and
    ``latest`` if these days take much or little. ``foreseen_to``: the last day of which anything is known.
    ``order_by``: the last day to order, so that it is there the day before; ``buy_from``: the first day on which it may
    be bought. ``days``: how each day ends, in the likely case. ``coming``: what is ordered already and counted on;
    ``soon``: of it, what is there no later than if it were ordered today.
    """

    today: date
    stock: int | None
    basis: Basis
    supply: Supply
    runs_out: date | None = None
    earliest: date | None = None
    latest: date | None = None
    order_by: date | None = None
    buy_from: date | None = None
    order_amount: int | None = None
    foreseen_to: date | None = None
    coming: int = 0
    soon: int = 0
    wants: tuple[Want, ...] = ()
    days: tuple[DayLeft, ...] = ()

    @property
    def known(self) -> bool:
        """Whether anything can be said of how long it lasts."""
        return self.stock is not None and self.basis != "none"

    @property
    def days_left(self) -> int | None:
        """For how many days from today it likely suffices; ``None``: not known, or longer than is looked ahead."""
        return None if self.runs_out is None else (self.runs_out - self.today).days

    @property
    def below_minimum(self) -> bool:
        """Whether less is there than should always be."""
        return self.stock is not None and self.supply.minimum is not None and self.stock < self.supply.minimum

    @property
    def under_minimum(self) -> int:
        """What lacks to the minimum and is not coming soon."""
        return max(0, (self.supply.minimum or 0) - max(0, self.stock or 0) - self.soon) if self.below_minimum else 0

    @property
    def expiring(self) -> int:
        """What expires before it can be used."""
        return sum(day.expired for day in self.days)


def deplete(
    stock: int, lots: Iterable[DatedLot], wants: Iterable[tuple[date, int]], orders: Iterable[Order] = (),
    keeps_days: int | None = None,
) -> list[DayLeft]:  # fmt: skip
    """Day by day what is used, expires and is left: what expires first is used first, and of dated lots of which there
    is more than the stock, the first were used. What is ordered for a day before the first one is not counted;
    ``keeps_days`` is how long a delivery keeps."""
    parts = _parts(max(0, stock), lots)
    coming = sorted(orders, key=lambda order: order.day)
    days: list[DayLeft] = []
    for day, wanted in wants:
        since = days[-1].day if days else day - timedelta(days=1)
        for order in coming:
            if since <= order.day < day:
                until = date.max if keeps_days is None else last_day(order.day, keeps_days) + timedelta(days=1)
                parts.append(_Part(until=until, left=order.amount))
        expired = sum(part.left for part in parts if part.until <= day)
        parts = sorted((part for part in parts if part.until > day), key=lambda part: part.until)
        rest = wanted
        for part in parts:
            taken = min(rest, part.left)
            part.left -= taken
            rest -= taken
        left = sum(part.left for part in parts)
        days.append(DayLeft(day=day, wanted=wanted, used=wanted - rest, expired=expired, left=left))
    return days


def last_day(received: date, keeps_days: int) -> date:
    """The last day on which food is used that carries no date."""
    return received + timedelta(days=keeps_days)


def look_ahead(
    item: str, stock: int | None, today: date, plan: Plan, rates: Sequence[Rate] | None, supply: Supply, *,
    lots: Sequence[DatedLot] = (), orders: Sequence[Order] = (), used_today: int = 0,
) -> Outlook:  # fmt: skip
    """How long an item lasts, and what to order by when."""
    wants = tuple(wants_of(item, today, plan, rates, used_today))
    # Beyond the menu nothing is known of what nobody used before.
    foreseen_to = max(plan.days, default=None) if rates is None else wants[-1].day
    by_plan = item in plan.items and any(day >= today for day in plan.days)
    basis: Basis = "none"
    if by_plan or rates is not None:
        basis = "plan+use" if by_plan and rates is not None else "plan" if by_plan else "use"
    expected = [order for order in orders if order.day >= the_day_before(today)]
    coming = sum(order.amount for order in expected)
    soon = sum(order.amount for order in expected if order.day <= today + timedelta(days=supply.lead_days))
    if stock is None or basis == "none":
        return _ordered(
            Outlook(today=today, stock=stock, basis=basis, supply=supply, wants=wants, coming=coming, soon=soon)
        )
    likely, early, late = (
        deplete(stock, lots, [(want.day, getattr(want, which)) for want in wants], orders, supply.shelf_life_days)
        for which in ("likely", "high", "low")
    )
    runs_out, earliest, latest = (
        next((day.day for day in days if day.short > 0), None) for days in (likely, early, late)
    )
    return _ordered(
        Outlook(
            today=today, stock=stock, basis=basis, supply=supply, runs_out=runs_out, earliest=earliest, latest=latest,
            foreseen_to=foreseen_to, coming=coming, soon=soon, wants=wants, days=tuple(likely),
        )
    )  # fmt: skip


def _ordered(one: Outlook) -> Outlook:
    """The same with what is to be ordered."""
    supply, minimum = one.supply, one.supply.minimum or 0
    if one.runs_out is None:
        return replace(one, order_by=one.today, order_amount=one.under_minimum) if one.under_minimum else one
    until = one.runs_out + timedelta(days=supply.order_days)
    short = sum(day.short for day in one.days if one.runs_out <= day.day < until)
    order_by = one.today if one.below_minimum else supply.order_by(one.runs_out)
    return replace(one, order_by=order_by, buy_from=supply.buy_from(one.runs_out), order_amount=short + minimum)


def the_day_before(day: date) -> date:
    """Its preparation begins then."""
    return day - timedelta(days=1)


def _parts(stock: int, lots: Iterable[DatedLot]) -> list[_Part]:
    """The stock by when it expires, as far as its lots say."""
    parts, rest = [], stock
    for lot in sorted(lots, key=lambda lot: lot.until, reverse=True):
        parts.append(_Part(until=lot.until, left=min(rest, lot.left)))
        rest -= parts[-1].left
    return [*parts, _Part(until=date.max, left=rest)]
