"""Checking a thermometer against something known: how far off it is, and what is done about it.

Within its tolerance nothing is corrected; somewhat beyond, its values are corrected by a straight line through the
points that were checked; far beyond, it is broken, and no correction makes it a thermometer again. Nothing here knows
a sensor, a clock or a store.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from .profile import Profile
from .rows import Calibration

Kind = Literal["fixed", "hand", "reference"]
Method = Literal["ice", "boiling", "ice-boiling", "comparison", "certificate"]
Verdict = Literal["ok", "adjust", "reject"]

DAY_MS = 86_400_000
ICE_C = 0.0
# Crushed clean ice with a little water: so long it is stirred with the probe in it before it is read.
STIR_S = 240
# What a thermometer may be off where the profile has no row for its kind (ice point of fixed and of hand probes).
TOLERANCE_C: dict[Kind, float] = {"fixed": 0.5, "hand": 1.0, "reference": 0.5}
# So many tolerances off, it is broken: drift of a sound probe is tenths of a degree, a wet or torn one is off by more.
REJECT_TOLERANCES = 4
# Two points nearer than this make a slope of the errors of the reading.
LEAST_SPAN_C = 20.0
# Where a correction must be bearable: from the coldest freezer to boiling water.
REACH_C = (-30.0, 105.0)
# How well the reference is known. Tap water's ice lies a little below 0; the weather moves boiling water by 0.3 C;
# nobody has said anything of another thermometer: as much as it may be off.
REFERENCE_ERROR_C: dict[Method, float] = {
    "ice": 0.2, "boiling": 0.3, "ice-boiling": 0.3, "comparison": 0.5, "certificate": 0.5,
}  # fmt: skip
# The last digit of a display; a DS18B20 has steps of 0.0625 C.
READING_ERROR_C = 0.1
# Corrected values are kept to the thousandth: finer is noise of the arithmetic.
DECIMALS = 3

# Antoine's equation for water from 1 to 100 C (NIST; pressure in mmHg), and ICAO's standard atmosphere.
_ANTOINE_A, _ANTOINE_B, _ANTOINE_C = 8.07131, 1730.63, 233.426
_SEA_LEVEL_MMHG, _LAPSE, _EXPONENT = 760.0, 2.25577e-5, 5.25588


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One point that was checked: what the thermometer said by itself, and what was true. Degrees Celsius."""

    reading_c: float
    reference_c: float

    @property
    def error_c(self) -> float:
        """How much too warm it reads."""
        return self.reading_c - self.reference_c


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """A straight line: ``corrected = raw * slope + offset_c``. As made, it changes nothing."""

    slope: float = 1.0
    offset_c: float = 0.0

    def apply(self, raw_c: float) -> float:
        """The corrected value; without a correction exactly what came."""
        if self.slope == 1.0 and self.offset_c == 0.0:
            return raw_c
        return round(raw_c * self.slope + self.offset_c, DECIMALS)


NONE = Correction()


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a check. ``error_c``: the error of the worst point; ``uncertainty_c``: how far a value may still
    be off, once ``correction`` is applied. A rejected thermometer's correction is none, and its values are no good."""

    verdict: Verdict
    error_c: float
    correction: Correction
    uncertainty_c: float


def boiling_c(altitude_m: float) -> float:
    """At which temperature water boils so high above the sea, in ordinary weather."""
    pressure_mmhg = _SEA_LEVEL_MMHG * (1 - _LAPSE * altitude_m) ** _EXPONENT
    return float(_ANTOINE_B / (_ANTOINE_A - math.log10(pressure_mmhg)) - _ANTOINE_C)


def correction(points: Sequence[Point]) -> Correction:
    """What maps one point, or two, to their references. Two must lie apart: see ``unfit``."""
    first = points[0]
    if len(points) == 1:
        return Correction(offset_c=-first.error_c)
    second = points[1]
    slope = (second.reference_c - first.reference_c) / (second.reading_c - first.reading_c)
    return Correction(slope=slope, offset_c=first.reference_c - first.reading_c * slope)


def unfit(points: Sequence[Point]) -> str | None:
    """Why nothing can be derived from these points, in Indonesian; ``None`` when it can."""
    if len(points) not in (1, 2):
        return "Perlu satu atau dua titik"
    if not all(math.isfinite(value) for point in points for value in (point.reading_c, point.reference_c)):
        return "Angka tidak masuk akal"
    if len(points) == 2 and abs(points[0].reference_c - points[1].reference_c) < LEAST_SPAN_C:
        return f"Dua titik harus berjarak paling sedikit {LEAST_SPAN_C:.0f} °C"
    return None


def judge(points: Sequence[Point], tolerance_c: float, reference_error_c: float) -> Judgement:
    """The verdict on one or two points that are not ``unfit``; the true values are known to ``reference_error_c``."""
    error_c = max((point.error_c for point in points), key=abs)
    bearable_c = tolerance_c * REJECT_TOLERANCES
    least_c = math.hypot(reference_error_c, READING_ERROR_C)
    verdict: Verdict = "reject"
    found = NONE
    if not _beyond(error_c, tolerance_c):
        verdict = "ok"
    elif not _beyond(error_c, bearable_c) and not _backwards(points):
        line = correction(points)
        if not any(_beyond(line.apply(raw_c) - raw_c, bearable_c) for raw_c in REACH_C):
            verdict, found = "adjust", line
    left_c = 0.0 if verdict == "adjust" else abs(error_c)
    return Judgement(
        verdict=verdict, error_c=error_c, correction=found, uncertainty_c=round(left_c + least_c, DECIMALS)
    )  # fmt: skip


def tolerance_c(profile: Profile, kind: Kind) -> float:
    """How far off a thermometer of this kind may be."""
    row = row_of(profile, kind)
    return TOLERANCE_C[kind] if row is None else row.tolerance_c


def row_of(profile: Profile, kind: Kind) -> Calibration | None:
    """The profile's row for this kind of thermometer."""
    return next((row for row in profile.calibration if row.kind == kind), None)


def due_ms(profile: Profile, kind: Kind, from_ms: int, next_ms: int | None = None) -> int | None:
    """When the next check is due after one at ``from_ms``: by the profile, or earlier where a laboratory said so
    (``next_ms``); ``None`` where neither says anything."""
    row = row_of(profile, kind)
    said = [] if next_ms is None else [next_ms]
    return min([*said, *([] if row is None else [from_ms + row.every_days * DAY_MS])], default=None)


def _beyond(error_c: float, bound_c: float) -> bool:
    """Beyond it by more than the binary fractions of a decimal number are."""
    return abs(error_c) > bound_c + 1e-6


def _backwards(points: Sequence[Point]) -> bool:
    """Whether the warmer of two points was read as not warmer."""
    if len(points) == 1:
        return False
    first, second = points
    return (second.reference_c - first.reference_c) * (second.reading_c - first.reading_c) <= 0
