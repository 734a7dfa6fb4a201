"""The needs list for donors, farmers and suppliers: what is missing for the menu, and by when. Pure; names nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from .forecast import Outlook, Supply, the_day_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What the kitchen lacks of an item. ``amount`` is ``None`` where the stock is not known; ``planned``: what the
    menu takes within the horizon; ``day``: the first serving day that lacks it, unknown for what is only below its
    minimum. It must be there the day before (``by``)."""

    item: str
    amount: int | None
    planned: int
    day: date | None = None
    by: date | None = None
    order_by: date | None = None
    buy_from: date | None = None


def needs(outlooks: Mapping[str, Outlook], days: int) -> list[Need]:
    """What is missing for the planned meals of the next ``days`` days, and below its minimum, the most urgent first."""
    found = []
    for item, one in outlooks.items():
        wants = one.wants[:days]
        planned = sum(want.planned for want in wants)
        if one.stock is None:
            first = next((want.day for want in wants if want.planned), None)
            if first is not None:
                found.append(_need(item, one.supply, None, planned, first))
            continue
        # Of a day's shortage as much is the menu's as the menu takes; the rest is only an estimate.
        short = [
            (day.day, min(day.short, want.planned))
            for day, want in zip(one.days, wants, strict=False) if day.short and want.planned
        ]  # fmt: skip
        if short:
            found.append(_need(item, one.supply, sum(amount for _, amount in short), planned, short[0][0]))
        elif one.under_minimum:
            found.append(Need(item=item, amount=one.under_minimum, planned=planned, order_by=one.today))
    return sorted(found, key=lambda need: (need.day or date.max, need.item))


def _need(item: str, supply: Supply, amount: int | None, planned: int, day: date) -> Need:
    return Need(
        item=item, amount=amount, planned=planned, day=day, by=the_day_before(day), order_by=supply.order_by(day),
        buy_from=supply.buy_from(day),
    )  # fmt: skip
