"""Heat treatment: minutes at a temperature, told as minutes at a reference temperature (the F value).

``L(T) = 10^((T - reference)/z)`` and ``F = integral of L dt``. Between two readings the temperature is the straight
line, over which L is integrated exactly: L is convex, so the trapezoid of its end values would credit more heat than
the line gave (at z 7.5: 3 % over 2 C, 19 % over 5 C), and too much credit is the unsafe side. A gap adds nothing.

An F value measures the coldest place only where the probe is in it; it knows nothing of spores or toxins, and reaching
``need_min`` ends a cooking step, it does not release food.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from .series import Segment, Track, follow

_LN10 = math.log(10.0)


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A named heat treatment.

    ``z_below_c`` holds below ``reference_c`` and ``z_from_c`` from there on; ``need_min``: minutes at the reference
    that make the process (None: depends on the product); ``d_min``: minutes there for one decimal reduction. Below
    ``floor_c`` nothing is credited, above ``ceiling_c`` no more than at it.
    """

    id: str
    title: str
    reference_c: float
    z_below_c: float
    z_from_c: float
    need_min: float | None
    d_min: float | None
    floor_c: float
    ceiling_c: float
    source: str


# Hotter than boiling is a probe that is not in the food, and no table used here reaches beyond it.
_BOILING_C = 100.0
# Below it, killing is too slow and too uncertain to count.
_FLOOR_C = 55.0
# A line that rises less than any thermometer shows; minutes per degree would leave a float's range.
_FLAT_C = 1e-9

PROCESSES: dict[str, Process] = {
    process.id: process
    for process in (
        Process(
            id="f70",
            title="Listeria 6 log: 70 C for 2 min or its equal",
            reference_c=70.0, z_below_c=7.5, z_from_c=7.5, need_min=2.0, d_min=2.0 / 6.0,
            floor_c=_FLOOR_C, ceiling_c=_BOILING_C,
            source="ACMSF / UK guidance on cooking, 70 C 2 min, z 7.5",
        ),
        Process(
            id="f70-strict",
            title="the same with E. coli O157's z below 70 C",
            reference_c=70.0, z_below_c=6.0, z_from_c=7.5, need_min=2.0, d_min=2.0 / 6.0,
            floor_c=_FLOOR_C, ceiling_c=_BOILING_C,
            source="ACMSF revision, z 6 below 70 C; above it the smaller credit of z 7.5",
        ),
        Process(
            id="salmonella-beef",
            title="Salmonella 6.5 log in beef; poultry needs longer",
            reference_c=60.0, z_below_c=5.56, z_from_c=5.56, need_min=11.50, d_min=1.77,
            # The table ends at 70.0 C; z may be trusted 5.6 C beyond the data (Thomas et al. 1966).
            floor_c=_FLOOR_C, ceiling_c=75.6,
            source="straight line fitted to USDA FSIS Appendix A, 54.4-70.0 C",
        ),
        Process(
            id="c-botulinum-90",
            title="non-proteolytic C. botulinum 6 log: 90 C for 10 min or its equal",
            reference_c=90.0, z_below_c=9.0, z_from_c=10.0, need_min=10.0, d_min=10.0 / 6.0,
            floor_c=80.0, ceiling_c=_BOILING_C,  # both ends of the published table
            source="Chilled Food Association 2006, table shown by the UK FSA; z 9 below 90 C, 10 from 90 C",
        ),
        Process(
            id="pasteurisation-units",
            title="pasteurisation units of drinks: one is a minute at 60 C",
            reference_c=60.0, z_below_c=1.0 / math.log10(1.393), z_from_c=1.0 / math.log10(1.393),
            need_min=None, d_min=None,
            floor_c=_FLOOR_C, ceiling_c=_BOILING_C,
            source="PU = sum of 1.393^(T-60) per minute; the brewers' measure",
        ),
    )
}  # fmt: skip


class LethalityState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``f_min``: minutes at the reference so far. Small, JSON-able and complete."""

    track: Track = Track()
    f_min: float = 0.0


def rate(process: Process, value_c: float) -> float:
    """Minutes at the reference that one minute at ``value_c`` is worth; 0 below the floor."""
    return _formula(process, min(value_c, process.ceiling_c)) if value_c >= process.floor_c else 0.0


def minutes_at(process: Process, value_c: float) -> float | None:
    """Minutes at a constant ``value_c`` that make the process, as its table would print them: neither floor nor ceiling
    apply. None if the process names no need."""
    return None if process.need_min is None else process.need_min / _formula(process, value_c)


def decimal_min(process: Process, value_c: float) -> float | None:
    """D(T): minutes at a constant ``value_c`` for one decimal reduction; None if unknown for the process."""
    return None if process.d_min is None else process.d_min / _formula(process, value_c)


def log_reduction(process: Process, f_min: float) -> float | None:
    """Decimal reductions that ``f_min`` minutes at the reference give; None if unknown for the process."""
    return None if process.d_min is None else f_min / process.d_min


def enough(process: Process, f_min: float) -> bool:
    """Whether the process is made; never, where its need is not named."""
    return process.need_min is not None and f_min >= process.need_min


def step(process: Process, state: LethalityState, at_ms: int, value_c: float, held: bool) -> LethalityState:
    """Take one reading of the core. ``held``: the reading before it was still valid at ``at_ms``; else the time between
    them is a gap, which adds nothing."""
    track, segment = follow(state.track, at_ms, value_c, held)
    f_min = state.f_min + _credit_min(process, segment) if segment is not None and segment.known else state.f_min
    return LethalityState(track=track, f_min=f_min)


def f_value(process: Process, series: Iterable[tuple[int, float]]) -> float:
    """F in minutes of a series without gaps: (time in ms, temperature in C), the oldest first."""
    state = LethalityState()
    for at_ms, value_c in series:
        state = step(process, state, at_ms, value_c, held=True)
    return state.f_min


def _formula(process: Process, value_c: float) -> float:
    above = value_c - process.reference_c
    decades = above / (process.z_below_c if above < 0 else process.z_from_c)
    return float(10.0 ** max(-300.0, min(300.0, decades)))  # what a float can hold


def _credit_min(process: Process, segment: Segment) -> float:
    """The exact integral of the rate over a straight line, cut where the rate bends."""
    minutes = segment.duration_ms / 60_000
    low, high = sorted((segment.from_c, segment.to_c))
    if high - low < _FLAT_C:
        return minutes * rate(process, low)
    per_degree = minutes / (high - low)
    credit = max(0.0, high - max(low, process.ceiling_c)) * per_degree * rate(process, process.ceiling_c)
    low, high = max(low, process.floor_c), min(high, process.ceiling_c)
    for start, end, z in (
        (low, min(high, process.reference_c), process.z_below_c),
        (max(low, process.reference_c), high, process.z_from_c),
    ):
        if end > start:
            # expm1 keeps its precision where the line is nearly flat.
            credit += per_degree * _formula(process, start) * z / _LN10 * math.expm1(_LN10 * (end - start) / z)
    return credit
