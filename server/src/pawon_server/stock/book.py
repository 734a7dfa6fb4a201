"""The book of one item: from what was moved and counted to the lines of each account. Pure.

Double entry: what leaves one account enters another, so the lines of a movement sum to nothing and all accounts
together hold nothing. Movements are taken in order of measured time, never of arrival: a row that comes late is worked
in where it belongs, and all that follows is derived again (``settle`` from the balances before it).

A movement of which nobody said the lot is *assumed* to take the lot that should go first (FEFO: first expired, first
out). A stocktake says how much lay there at its time; its difference follows from what the book held until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from . import accounts

# ``short``: more was taken than the book knew of; ``blocked``: only lots that must not be used lay there.
Doubt = Literal["", "short", "blocked"]
# Grams of each lot in each place; the lot "" is what nobody gave a lot.
Balances = dict[tuple[str, str], int]

NO_LOT = ""
NEVER_MS = 2**62
# In service a class III scale may be off by twice 0.5 e at 500 e, which is 0.2 % (OIML R 76-1); twice, for two scales.
SLACK_SHARE = 0.004
# Food that is on its way out may be of a lot that must not be used; that is the point.
DISPOSED_TO = frozenset({accounts.WASTE, accounts.RETURNED, accounts.SAMPLE, accounts.DIFFERENCE})


class LotFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides when a lot is used. ``expires_ms``: the end of its last day; ``held``: from when to when it was set
    aside (``None``: still)."""

    id: str
    received_ms: int
    expires_ms: int | None = None
    held: tuple[tuple[int, int | None], ...] = ()

    def blocked(self, at_ms: int) -> bool:
        """Whether it must not be used at a moment."""
        if self.expires_ms is not None and at_ms >= self.expires_ms:
            return True
        return any(begun <= at_ms and (ended is None or at_ms < ended) for begun, ended in self.held)

    @property
    def turn(self) -> tuple[int, int, str]:
        """FEFO: by expiry, then by receipt."""
        return (NEVER_MS if self.expires_ms is None else self.expires_ms, self.received_ms, self.id)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A movement or a count of one item at a moment, in its base unit.

    ``lot`` ``None``: nobody said. ``amount`` ``None``: all of the lot that lay there. ``counted``: a count of
    ``to_place``, whose difference comes from ``from_place``. ``booked`` false: looked at, and no line is written.
    ``opens``: a count that is booked only where the book knows nothing of the place yet. ``within``: how far its amount
    may be off, by the division of its scale.
    """

    id: str
    at_ms: int
    from_place: str
    to_place: str
    lot: str | None = None
    amount: int | None = None
    counted: int | None = None
    booked: bool = True
    opens: bool = False
    within: int = 0

    @property
    def turn(self) -> tuple[int, int, str]:
        """In which order events of one moment count: what comes in, what is carried, what leaves, what is counted. The
        order of arrival is no part of it."""
        kind = 1
        if self.counted is not None:
            kind = 3
        elif self.from_place in accounts.OUTSIDE:
            kind = 0
        elif self.to_place in accounts.OUTSIDE:
            kind = 2
        return (self.at_ms, kind, self.id)


class Line(NamedTuple):
    """One side of a movement. ``assumed``: the lot follows from FEFO, nobody said it."""

    movement: str
    place: str
    lot: str
    amount: int
    at_ms: int
    assumed: bool


class Outcome(NamedTuple):
    """What a movement came to: ``amount`` went from its ``from_place`` to its ``to_place``; ``book`` is what lay in a
    counted place before; ``booked`` whether it has lines."""

    movement: str
    amount: int
    doubt: Doubt
    booked: bool
    book: int | None = None


class Settled(NamedTuple):
    """``settle``'s answer: lines and outcomes in order of time, and what lies where at the end."""

    lines: list[Line]
    outcomes: list[Outcome]
    balances: Balances


def settle(before: Mapping[tuple[str, str], int], events: Iterable[Event], lots: Mapping[str, LotFacts]) -> Settled:
    """Work ``events`` of one item in, from the balances ``before`` the first of them."""
    walk = _Walk(dict(before), lots)
    for event in sorted(events, key=lambda one: one.turn):
        if event.counted is None:
            walk.move(event)
        else:
            walk.count(event, event.counted)
    return Settled(walk.lines, walk.outcomes, walk.balances)


def in_turn(held: Mapping[str, int], lots: Mapping[str, LotFacts], at_ms: int, *, disposed: bool = False) -> list[str]:
    """The lots that may be taken at a moment, the one to be used first at the front; disposal takes blocked ones
    first. What carries no lot comes last."""
    known = [lots[lot] for lot, amount in held.items() if amount > 0 and lot in lots]
    if disposed:
        return [one.id for one in sorted(known, key=lambda one: (not one.blocked(at_ms), one.turn))]
    return [one.id for one in sorted(known, key=lambda one: one.turn) if not one.blocked(at_ms)]


def _slack(event: Event, amount: int) -> int:
    """What weighing twice may differ by: so little more than there was is no doubt."""
    return max(2 * event.within, round(amount * SLACK_SHARE))


class _Walk:
    """One pass in order of time."""

    def __init__(self, balances: Balances, lots: Mapping[str, LotFacts]) -> None:
        self.balances, self._lots = balances, lots
        self.lines: list[Line] = []
        self.outcomes: list[Outcome] = []
        self._known = {place for place, _ in balances}
        # What is there at all, by place: a year's used-up lots are not looked at again.
        self._there: dict[str, dict[str, int]] = {}
        for (place, lot), amount in balances.items():
            if amount:
                self._there.setdefault(place, {})[lot] = amount

    def move(self, event: Event) -> None:
        lot = event.lot
        if event.from_place == event.to_place:  # an older version took such words: it never left
            self.outcomes.append(Outcome(event.id, event.amount or 0, "", booked=False))
            return
        if lot is not None:
            here = self.balances.get((event.from_place, lot), 0)
            amount = max(here, 0) if event.amount is None else event.amount
            self._write(event, {lot: amount}, assumed=False)
            self._tell(event, amount, self._doubt_of(event, lot, here, amount))
            return
        amount = event.amount or 0
        parts, doubt = self._by_turn(event, event.from_place, amount)
        self._write(event, parts, assumed=True)
        self._tell(event, amount, doubt)

    def count(self, event: Event, counted: int) -> None:
        held = self._held(event.to_place)
        book = sum(held.values()) if event.lot is None else held.get(event.lot, 0)
        difference = counted - book
        booked = event.booked and not (event.opens and event.to_place in self._known)
        if booked:
            if event.lot is not None:
                parts = {event.lot: difference}
            elif difference >= 0:
                parts = {NO_LOT: difference}
            else:
                taken, _ = self._by_turn(event, event.to_place, -difference)
                parts = {lot: -amount for lot, amount in taken.items()}
            self._write(event, parts, assumed=event.lot is None)
        self.outcomes.append(Outcome(event.id, difference, "", booked, book))

    def _by_turn(self, event: Event, place: str, amount: int) -> tuple[dict[str, int], Doubt]:
        """Which lots ``amount`` is taken of, when nobody said."""
        if place in accounts.OUTSIDE:
            return {NO_LOT: amount}, ""
        held = self._held(place)
        disposed = event.counted is not None or event.to_place in DISPOSED_TO
        parts: dict[str, int] = {}
        rest = amount
        for lot in in_turn(held, self._lots, event.at_ms, disposed=disposed):
            if rest <= 0:
                break
            parts[lot] = min(rest, held[lot])
            rest -= parts[lot]
        if rest > 0 or not parts:
            parts[NO_LOT] = rest
        if rest - max(held.get(NO_LOT, 0), 0) <= _slack(event, amount):
            return parts, ""
        return parts, "short" if amount - sum(held.values()) > _slack(event, amount) else "blocked"

    def _doubt_of(self, event: Event, lot: str, here: int, amount: int) -> Doubt:
        if event.from_place in accounts.OUTSIDE:
            return ""
        if amount - here > _slack(event, amount):
            return "short"
        used = event.to_place in accounts.OUTSIDE and event.to_place not in DISPOSED_TO
        return "blocked" if used and lot in self._lots and self._lots[lot].blocked(event.at_ms) else ""

    def _held(self, place: str) -> dict[str, int]:
        return self._there.get(place, {})

    def _write(self, event: Event, parts: Mapping[str, int], *, assumed: bool) -> None:
        """Also a difference of nothing is written: the place has been counted, so the book knows it."""
        for lot, amount in parts.items():
            for place, signed in ((event.from_place, -amount), (event.to_place, amount)):
                after = self.balances.get((place, lot), 0) + signed
                self.balances[place, lot] = after
                self._known.add(place)
                there = self._there.setdefault(place, {})
                if after:
                    there[lot] = after
                else:
                    there.pop(lot, None)
                self.lines.append(Line(event.id, place, lot, signed, event.at_ms, assumed))

    def _tell(self, event: Event, amount: int, doubt: Doubt) -> None:
        self.outcomes.append(Outcome(event.id, amount, doubt, booked=True))
