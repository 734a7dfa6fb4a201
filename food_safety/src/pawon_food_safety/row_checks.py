"""What makes a profile's rows unusable although each of them has the right shape: mistakes, each with its place.

Nothing is mended here and nothing raised: every check returns what it found, so that all is told at once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from datetime import date

from . import rows
from .rows import UNITS, Limit, Row, Spoken

# What becomes of food, the milder first.
DISPOSITIONS: tuple[rows.Disposition, ...] = ("use", "hold", "discard")
# Fields of a row that must not fall from one to the next.
_RISING: tuple[tuple[type[Row], tuple[str, ...]], ...] = (
    (rows.Cooking, ("floor_c", "core_c")),
    (rows.Cooling, ("end_c", "middle_c", "from_c")),
    (rows.Cooling, ("first_target_s", "first_warning_s", "first_s")),
    (rows.Reheating, ("begin_c", "accept_c", "core_c")),
    (rows.Reheating, ("target_s", "longest_s")),
    (rows.Exposure, ("low_c", "high_c")),
    (rows.Retention, ("least_s", "keep_s")),
    (rows.Silence, ("warning_s", "critical_s")),
)


def name(row: Row) -> str:
    """What a row is called: its id, or its point when it has none."""
    return row.id if isinstance(row, Spoken) else row.point


def row_problems(table: str, row: Row) -> list[str]:
    """What is wrong with a single row of this table."""
    where = f"{table} {name(row)}"
    problems = [
        f"{where}: {field} must be a finite number"
        for field in row.__struct_fields__
        if isinstance(value := getattr(row, field), float) and not math.isfinite(value)
    ]
    if not row.source.strip(" -"):
        problems.append(f"{where}: source is missing")
    if not row.approved_by.strip(" -"):
        problems.append(f"{where}: approved_by is missing")
    try:
        date.fromisoformat(row.effective_from)
    except ValueError:
        problems.append(f"{where}: effective_from must be a date like 2025-10-01")
    if isinstance(row, Limit):
        if (row.above is None) == (row.below is None):
            problems.append(f"{where}: exactly one of above, below")
        if row.unit != UNITS.get(row.quantity):
            problems.append(f"{where}: {row.quantity} is measured in {UNITS.get(row.quantity, 'no unit')}")
    if isinstance(row, rows.TooEarly) and row.not_before > "23:59":
        problems.append(f"{where}: not_before must be a time of day like 00:00")
    problems += [
        f"{where}: {lower} lies above {upper}"
        for kind, fields in _RISING
        if isinstance(row, kind)
        for lower, upper in itertools.pairwise(fields)
        if getattr(row, lower) > getattr(row, upper)
    ]
    return problems


def repeated(found: Mapping[str, Iterable[Row]]) -> list[str]:
    """Ids that stand twice in one file."""
    seen: set[str] = set()
    problems = []
    for row in (row for own in found.values() for row in own if isinstance(row, Spoken)):
        if row.id in seen:
            problems.append(f"{row.id}: id used twice")
        seen.add(row.id)
    return problems


def crowded(found: Mapping[str, Iterable[Row]]) -> list[str]:
    """Points where one core would go through two processes of a kind: only one of them would be judged."""
    return [
        f"{table} {later.point}: only one row may judge a point"
        for table in ("cooking", "cooling", "reheating", "buffer", "defrost")
        for earlier, later in itertools.combinations(found.get(table, ()), 2)
        if earlier.point == later.point
    ]


def pair_problems(limits: Iterable[Limit]) -> list[str]:
    """Warnings that would come only after the critical limit they warn of: they lie beyond it and wait as long."""
    known = list(limits)
    return [
        f"limit {mild.id}: warns beyond the critical {bad.id} and waits no shorter"
        for mild in known
        if mild.severity == "warning"
        for bad in known
        if bad.severity == "critical"
        and (mild.point, mild.quantity, mild.food, mild.direction) == (bad.point, bad.quantity, bad.food, bad.direction)
        and bad.excess(mild.value) > 0
        and mild.delay_s >= bad.delay_s
    ]


def ladder_problems(ladders: Iterable[rows.Ladder]) -> list[str]:
    """Ladders whose rungs are not in order: times rise, and what becomes of food never gets milder."""
    problems = []
    points: dict[str, list[rows.Ladder]] = {}
    for rung in ladders:
        points.setdefault(rung.point, []).append(rung)
    for point, rungs in points.items():
        for one, next_one in itertools.pairwise(rungs):
            if next_one.from_s <= one.from_s:
                problems.append(f"ladder {point}: from_s {next_one.from_s:g} does not come after {one.from_s:g}")
            if DISPOSITIONS.index(next_one.disposition) < DISPOSITIONS.index(one.disposition):
                problems.append(f"ladder {point}: {next_one.disposition} after {one.disposition} is milder")
    return problems
