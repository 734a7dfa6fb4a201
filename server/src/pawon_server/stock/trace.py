"""From food to its lots and from lots to all other food: the graph of a recall. Pure.

A *use* joins a lot to a cooked batch. A trace goes back once (the lots of the batches that are asked about) and forward
once (every batch that these lots went into, and its schools), so it ends whatever the record says: what else went into
those other batches is not suspect. What the stock book guessed by FEFO is told as ``assumed``.

Where nobody said what went into a batch there is a *gap*. Lots that lay where they could have been taken fill it as
``possible``: never as known, and nothing is traced further from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from .book import NO_LOT

Certainty = Literal["told", "assumed"]
# Why a lot may be in a batch, the likeliest first. ``taken``: it went to the pans then and nobody said into which
# batch; ``beside``: it lay where another lot was assumed to be taken; ``item``: an ingredient of this kind has no lot;
# ``stock``: nobody said any ingredient, and it was in the kitchen.
Why = Literal["taken", "beside", "item", "stock"]
RANK: dict[Why, int] = {"taken": 0, "beside": 1, "item": 2, "stock": 3}
# Ingredients are cut and weighed out hours before the fire: half a shift.
PREPARED_MS = 6 * 3_600_000


class Use(NamedTuple):
    """Some of a lot (``""``: of none that is known) left ``place`` for a batch (``""``: nobody said which)."""

    lot: str
    batch: str
    item: str
    place: str
    amount: int
    at_ms: int
    assumed: bool


class Cooked(NamedTuple):
    """A batch as far as its ingredients are concerned: from when to when something could go into it."""

    batch: str
    from_ms: int
    until_ms: int


class Line(NamedTuple):
    """A lot came to (``amount`` above nothing) or left a place of the kitchen."""

    lot: str
    item: str
    place: str
    amount: int
    at_ms: int


class Lay(NamedTuple):
    """A lot lay in a place; ``until_ms`` ``None``: still."""

    lot: str
    item: str
    place: str
    from_ms: int
    until_ms: int | None


class Gap(NamedTuple):
    """What nobody knows of a batch: an ``item`` (``""``: any) from a ``place`` (``""``: any) in a stretch of time."""

    batch: str
    item: str
    place: str
    from_ms: int
    until_ms: int
    why: Why


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What is known: how surely these lots belong to the food that is asked about, and these batches to these lots."""

    lots: dict[str, Certainty]
    batches: dict[str, Certainty]


def trace(uses: Iterable[Use], lots: Iterable[str] = (), batches: Iterable[str] = ()) -> Trace:
    """Everything that is joined to these lots, and to the lots of these batches."""
    known = [use for use in uses if use.lot != NO_LOT and use.batch]
    asked = frozenset(batches)
    found_lots: dict[str, Certainty] = dict.fromkeys(sorted(lots), "told")
    for use in sorted(known, key=lambda one: (one.assumed, one.lot)):
        if use.batch in asked:
            found_lots.setdefault(use.lot, "assumed" if use.assumed else "told")
    found: dict[str, Certainty] = dict.fromkeys(sorted(asked), "told")
    reached = [use for use in known if use.lot in found_lots]
    for use in sorted(reached, key=lambda one: (one.assumed or found_lots[one.lot] == "assumed", one.batch)):
        sure = not use.assumed and found_lots[use.lot] == "told"
        found.setdefault(use.batch, "told" if sure else "assumed")
    return Trace(lots=found_lots, batches=found)


def lays(lines: Iterable[Line]) -> list[Lay]:
    """Where which lot lay, from when to when. What came and left at one moment lay there at that moment."""
    here: dict[tuple[str, str, str], tuple[int, int]] = {}
    found: list[Lay] = []
    for line in sorted(lines, key=lambda one: (one.at_ms, one.amount < 0)):
        key = (line.lot, line.item, line.place)
        amount, from_ms = here.get(key, (0, line.at_ms))
        if amount <= 0 < amount + line.amount:
            from_ms = line.at_ms
        elif amount > 0 >= amount + line.amount:
            found.append(Lay(*key, from_ms, line.at_ms))
        here[key] = (amount + line.amount, from_ms)
    found += [Lay(*key, from_ms, None) for key, (amount, from_ms) in here.items() if amount > 0]
    return found


def gaps_of(cooked: Iterable[Cooked], uses: Iterable[Use]) -> list[Gap]:
    """What is not known of these batches. A lot that was assumed leaves a gap too: another one may have been taken."""
    of: dict[str, list[Use]] = {}
    for use in uses:
        of.setdefault(use.batch, []).append(use)
    found: list[Gap] = []
    for one in cooked:
        told = of.get(one.batch, [])
        if not told:
            found.append(Gap(one.batch, "", "", one.from_ms, one.until_ms, "stock"))
        for use in told:
            if use.lot == NO_LOT:
                found.append(Gap(one.batch, use.item, "", use.at_ms, use.at_ms, "item"))
            elif use.assumed:
                found.append(Gap(one.batch, use.item, use.place, use.at_ms, use.at_ms, "beside"))
    return found


def could_be(gap: Gap, lay: Lay) -> bool:
    """Whether what lay there could have been taken then. Moments that touch count: both were written by people."""
    if lay.lot == NO_LOT or (gap.item and gap.item != lay.item) or (gap.place and gap.place != lay.place):
        return False
    return lay.from_ms <= gap.until_ms and (lay.until_ms is None or lay.until_ms >= gap.from_ms)


def possible(
    gaps: Iterable[Gap], where: Iterable[Lay], taken: Iterable[Use], known: Mapping[str, frozenset[str]]
) -> dict[str, dict[str, Why]]:
    """By batch the lots that may be in it, each with the best reason; never one that is ``known`` (by batch) to be.
    ``taken``: uses of which nobody said the batch."""
    lying, left = list(where), [use for use in taken if use.lot != NO_LOT]
    found: dict[str, dict[str, Why]] = {}
    for gap in gaps:
        here = found.setdefault(gap.batch, {})
        reasons: list[tuple[str, Why]] = [(lay.lot, gap.why) for lay in lying if could_be(gap, lay)]
        if gap.why == "stock":
            reasons += [(use.lot, "taken") for use in left if gap.from_ms <= use.at_ms <= gap.until_ms]
        sure = known.get(gap.batch, frozenset())
        for lot, why in reasons:
            if lot not in sure and (lot not in here or RANK[why] < RANK[here[lot]]):
                here[lot] = why
    return {batch: dict(sorted(lots.items(), key=lambda one: (RANK[one[1]], one[0]))) for batch, lots in found.items()}


def percent(told: int, whole: int) -> float:
    """How much of a whole is accounted for; more than the whole is as wrong as less. Nothing of nothing is all."""
    if told == whole:
        return 100.0
    low, high = sorted((max(told, 0), max(whole, 0)))
    return round(100 * low / high, 1) if high else 100.0
