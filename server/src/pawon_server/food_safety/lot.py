"""A lot of raw material on its way: where it lay from when to when, what was split off, where it went.

Pure; worked out from what was written each time it is asked for, so that a step that a person dates back changes all
that follows. A lot may lie in several places at once. Which part of what lies in one place was taken is not known:
every history that it may have had is followed, and the worst counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from .heat import Heat
from .lot_acts import ReceiveLot

What = Literal["move", "use", "discard"]
# The place of food that the record has lost sight of.
NOWHERE = ""
# Letters and digits that nobody confuses on a wet label (Crockford's base 32).
_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a lot at a moment; ``amount`` unsaid: all that lay at ``place``. ``order`` as it was written."""

    id: str
    order: int
    what: What
    at_ms: int
    place: str
    to_place: str = ""
    batch: str = ""
    amount: int | None = None


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """How it began."""

    id: str
    place: str
    received_ms: int
    amount: int


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a lot in a place for a stretch in which nothing came or went. ``before``: the legs that it may have come
    from, by number; ``amount`` lies there."""

    place: str
    start_ms: int
    end_ms: int
    before: tuple[int, ...]
    amount: int
    open: bool = False


class End(msgspec.Struct, frozen=True, kw_only=True):
    """Food that left the lot: used or thrown away. ``before``: the legs that it may have come from."""

    step: Step
    amount: int
    before: tuple[int, ...]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """All of it up to now. ``doubts``: steps that took what the record says was not there."""

    legs: tuple[Leg, ...]
    ends: tuple[End, ...]
    doubts: tuple[str, ...]

    @property
    def left(self) -> dict[str, int]:
        """What lies where now."""
        return {leg.place: leg.amount for leg in self.legs if leg.open}


class Stay(NamedTuple):
    """A place where some of the lot lay without interruption."""

    place: str
    start_ms: int
    end_ms: int
    open: bool


class History(NamedTuple):
    """The worst that may have happened to food: the history with most measured time in the danger zone, and the one
    with most time that may have been dangerous. Both are true histories, each of its own way."""

    measured: Heat
    possible: Heat


NOTHING = History(Heat(), Heat())


def lot_id(act: ReceiveLot, zone: str) -> str:
    """``SPPG-YYMMDD-SUP-XXXX``: the local day, three signs of the supplier, four that the act decides."""
    try:
        day = datetime.fromtimestamp(act.at_ms / 1000, tz=UTC).astimezone(ZoneInfo(zone))
    except (ValueError, OverflowError):
        day = datetime(1970, 1, 1, tzinfo=UTC)
    supplier = "".join(sign for sign in act.supplier.upper() if sign.isascii() and sign.isalnum())
    number = int.from_bytes(hashlib.sha256(act.id.encode()).digest()[:8])
    signs = "".join(_SIGNS[number >> 5 * place & 31] for place in range(4))
    return f"SPPG-{day:%y%m%d}-{supplier[:3].ljust(3, 'X')}-{signs}"


def follow(lot: Lot, steps: Iterable[Step], until_ms: int) -> Way:
    """The way of a lot up to ``until_ms``. Nothing happens before it was received.

    A step that takes from a place where nothing lay is believed as far as it is unsafe: what it moved may come from
    anywhere, and nothing is taken away for it.
    """
    way = _Walk(lot, max(until_ms, lot.received_ms))
    for step in sorted(steps, key=lambda one: (max(one.at_ms, lot.received_ms), one.order)):
        if step.at_ms <= until_ms:
            way.take(step)
    return way.done()


class _Walk:
    """One pass over the steps."""

    def __init__(self, lot: Lot, until_ms: int) -> None:
        self._until_ms, self._received_ms = until_ms, lot.received_ms
        self._legs = [Leg(place=lot.place, start_ms=lot.received_ms, end_ms=until_ms, before=(), amount=lot.amount,
                          open=True)]  # fmt: skip
        self._here = {lot.place: 0}
        self._ends: list[End] = []
        self._doubts: list[str] = []

    def take(self, step: Step) -> None:
        """One step, in order of time."""
        at_ms, source = max(step.at_ms, self._received_ms), self._here.get(step.place)
        if source is None:
            self._doubts.append(step.id)
            before, amount = self._anywhere(at_ms), step.amount or 0
        else:
            there = self._legs[source].amount
            amount = there if step.amount is None else min(step.amount, there)
            if step.amount is not None and step.amount > there:
                self._doubts.append(step.id)
            before = (source,)
            self._close(step.place, at_ms)
            if amount < there:
                self._open(step.place, at_ms, (source,), there - amount)
        if step.what == "move":
            came = self._here.get(step.to_place)
            known = 0 if came is None else self._legs[came].amount
            if came is not None:
                self._close(step.to_place, at_ms)
                before = (*before, came)
            self._open(step.to_place, at_ms, before, known + amount)
        else:
            self._ends.append(End(step=step, amount=amount, before=before))

    def done(self) -> Way:
        """What came of it."""
        return Way(legs=tuple(self._legs), ends=tuple(self._ends), doubts=tuple(self._doubts))

    def _anywhere(self, at_ms: int) -> tuple[int, ...]:
        """All legs up to ``at_ms`` that food from nowhere may have come from."""
        here = dict(self._here)
        if not here:  # it was gone by the record: where it has been since is unknown
            ended_ms = max(leg.end_ms for leg in self._legs)
            before = tuple(range(len(self._legs)))
            self._legs.append(Leg(place=NOWHERE, start_ms=ended_ms, end_ms=at_ms, before=before, amount=0))
            return (len(self._legs) - 1,)
        for place, number in here.items():
            self._close(place, at_ms)
            self._open(place, at_ms, (number,), self._legs[number].amount)
        return tuple(here.values())

    def _close(self, place: str, at_ms: int) -> None:
        number = self._here.pop(place)
        self._legs[number] = msgspec.structs.replace(self._legs[number], end_ms=at_ms, open=False)

    def _open(self, place: str, at_ms: int, before: tuple[int, ...], amount: int) -> None:
        self._here[place] = len(self._legs)
        self._legs.append(
            Leg(place=place, start_ms=at_ms, end_ms=self._until_ms, before=before, amount=amount, open=True)
        )


def stays_of(legs: Iterable[Leg]) -> list[Stay]:
    """Where it lay, in the order of its coming."""
    found: list[Stay] = []
    last: dict[str, int] = {}
    for leg in sorted(legs, key=lambda one: (one.start_ms, one.end_ms)):
        number = last.get(leg.place)
        if number is not None and found[number].end_ms == leg.start_ms:
            found[number] = found[number]._replace(end_ms=leg.end_ms, open=leg.open)
        else:
            last[leg.place] = len(found)
            found.append(Stay(leg.place, leg.start_ms, leg.end_ms, leg.open))
    return found


def carried(way: Way, heats: Sequence[Heat]) -> list[History]:
    """For each leg the worst history of what lay there, up to its end. ``heats``: what was felt in each leg alone."""
    found: list[History] = []
    for leg, heat in zip(way.legs, heats, strict=True):
        before = worst(found[number] for number in leg.before)
        found.append(History(before.measured + heat, before.possible + heat))
    return found


def worst(histories: Iterable[History]) -> History:
    """The worst of several: food that was mixed is as bad as the worst of it."""
    known = list(histories)
    if not known:
        return NOTHING
    return History(
        max((one.measured for one in known), key=lambda heat: (heat.least_ms, heat.most_ms, heat.beyond_ms)),
        max((one.possible for one in known), key=lambda heat: (heat.most_ms, heat.least_ms, heat.beyond_ms)),
    )


def worst_path(way: Way, carried_: Sequence[History]) -> list[int]:
    """The legs of the history with most time that may have been dangerous, in order of time."""
    last = [number for number, leg in enumerate(way.legs) if leg.open] + [one for end in way.ends for one in end.before]
    path: list[int] = []
    while last:
        path.append(max(last, key=lambda number: carried_[number].possible.most_ms))
        last = list(way.legs[path[-1]].before)
    return path[::-1]


def in_all(way: Way, carried_: Sequence[History]) -> History:
    """The worst of all that this lot became: what still lies somewhere, was used or was thrown away."""
    return worst(
        [one for one, leg in zip(carried_, way.legs, strict=True) if leg.open]
        + [worst(carried_[number] for number in end.before) for end in way.ends]
    )


def mixed(lots: Iterable[History], own: Heat) -> History:
    """A batch: as bad as the worst of its lots was when it went in, and what the batch felt itself."""
    before = worst(lots)
    return History(before.measured + own, before.possible + own)
