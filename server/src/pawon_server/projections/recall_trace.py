"""Where a recall begins, what is joined to it, and what may be: rows of ``recall_rows`` walked by ``stock.trace``."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..food_safety.batch import Batch
from ..food_safety.meal import LONGEST_MS, TOLERANCE_MS, Meal, meals
from ..stock.recall import Asked, Sureness
from ..stock.trace import PREPARED_MS, Cooked, Lay, Use, Why, gaps_of, lays, possible, trace
from .recall_rows import Rows

DAY_MS = 24 * 3_600_000


class UnknownError(LookupError):
    """There is nothing to start from; the text is Indonesian."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Where a trace begins. ``unnamed``: batches that nobody named and the school may have eaten."""

    lots: list[str] = []
    meals: list[Meal] = []
    near: list[Batch] = []
    unnamed: list[Batch] = []
    school: str = ""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is joined to it; ``uses`` of all of them."""

    lots: dict[str, Sureness]
    batches: dict[str, Sureness]
    all_batches: dict[str, Batch]
    uses: list[Use]


class Possible(msgspec.Struct, frozen=True, kw_only=True):
    """What may be joined to it: by batch its lots with the reason. ``where`` the known lots lay."""

    of: dict[str, dict[str, Why]]
    batches: dict[str, Batch]
    untold: set[str]
    where: list[Lay]


def find_start(rows: Rows, asked: Asked) -> Start:
    """Where a question begins. Raises ``UnknownError``."""
    if asked.lot:
        if not rows.lots([asked.lot]):
            raise UnknownError("Lot ini tidak dikenal")
        return Start(lots=[asked.lot])
    if asked.batch:
        found = rows.batches([asked.batch])
        if not found:
            raise UnknownError("Batch tidak dikenal")
        return Start(meals=[Meal(found[0], () if found[0].named else ("unnamed",))])
    school = school_of(rows.schools(), asked.school)
    if school is None or asked.eaten_ms is None:
        raise UnknownError("Sekolah ini tidak ada di catatan")
    about = rows.batches_between(asked.eaten_ms - LONGEST_MS, asked.eaten_ms + TOLERANCE_MS)
    eaten, near = meals(about, school, asked.eaten_ms)
    return Start(meals=eaten, near=near, unnamed=[one for one in about if not one.named], school=school)


def school_of(known: Iterable[str], said: str) -> str | None:
    """A school as the record writes it, whatever its capitals and blanks."""
    names = list(known)
    if said in names:
        return said
    return next((name for name in names if _plain(name) == _plain(said)), None)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def follow(rows: Rows, start: Start) -> Known:
    """What is known: back to the lots, forward to every batch of theirs."""
    begun = {one.batch.id: one.batch for one in start.meals}
    back = rows.uses_of_batches(begun)
    suspects = {use.lot for use in back if use.lot} | set(start.lots)
    forward = rows.uses_of_lots(suspects)
    traced = trace([*back, *forward], start.lots, begun)
    others = rows.batches(set(traced.batches) - set(begun))
    return Known(
        lots={**traced.lots}, batches={**traced.batches},
        all_batches={**begun, **{one.id: one for one in others}}, uses=[*dict.fromkeys([*back, *forward])],
    )  # fmt: skip


def find_possible(rows: Rows, start: Start, known: Known, now_ms: int) -> Possible:
    """What nobody said: lots that may be in the batches that are asked about, batches that the known lots may be in."""
    of_lots = rows.lines_of(known.lots)
    where = lays(of_lots)
    asked = [one.batch for one in start.meals]
    found: dict[str, dict[str, Why]] = {}
    untold: set[str] = set()
    named: dict[str, frozenset[str]] = {}
    gaps = gaps_of((_cooked(one, now_ms) for one in asked), known.uses)
    if gaps:
        untold |= {gap.batch for gap in gaps if gap.why == "stock"}
        since_ms, until_ms = min(gap.from_ms for gap in gaps), max(gap.until_ms for gap in gaps)
        for use in known.uses:
            named[use.batch] = named.get(use.batch, frozenset()) | {use.lot}
        taken = rows.uses_of_no_batch(since_ms, until_ms)
        found = possible(gaps, lays(rows.lines_between(since_ms, until_ms)), taken, named)
    others: dict[str, Batch] = {}
    if where:
        since_ms = min(lay.from_ms for lay in where) - DAY_MS
        until_ms = max(now_ms if lay.until_ms is None else lay.until_ms for lay in where) + DAY_MS
        there = {one.id: one for one in rows.batches_between(since_ms, until_ms) if one.id not in known.all_batches}
        gaps = gaps_of((_cooked(one, now_ms) for one in there.values()), rows.uses_of_batches(there))
        mine = [use for use in rows.uses_of_no_batch(since_ms, until_ms) if use.lot in known.lots]
        may = {name: lots for name, lots in possible(gaps, where, mine, {}).items() if lots}
        untold |= {gap.batch for gap in gaps if gap.why == "stock"}
        others = {name: there[name] for name in may}
        found |= may
    return Possible(of=found, batches=others, untold=untold, where=where)


def _cooked(one: Batch, now_ms: int) -> Cooked:
    begun = [ms for ms in (one.opened_ms, one.cooking_began_ms, one.cooked_ms) if ms is not None]
    done_ms = max((pan.cooked_ms for pan in one.pans), default=now_ms)
    return Cooked(one.id, min(begun) - PREPARED_MS, done_ms)
