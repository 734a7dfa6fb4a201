"""How far a scale may be wrong, and what an empty pan, a check weight and a legal mark say of it. Pure.

By OIML R 76-1:2006 (which the Indonesian technical requirements follow): a scale that is used is held to twice the
errors of its first verification. ``division_g`` is *e*, the verification scale interval on the plate; what a cheap
scale displays (*d*) is the same there. Nothing here corrects a weight: a scale that is wrong is set right or set aside.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Literal

import msgspec

AccuracyClass = Literal["II", "III", "IIII"]
ZeroState = Literal["good", "off", "unknown"]
CheckVerdict = Literal["good", "failed", "unjudged"]
TeraState = Literal["valid", "expired", "missing"]

# Loads in e up to which an error in e is permitted at the first verification (R 76-1:2006, 3.5.1, table 6).
STEPS: Mapping[AccuracyClass, tuple[tuple[int, float], ...]] = MappingProxyType(
    {
        "II": ((5_000, 0.5), (20_000, 1.0), (100_000, 1.5)),
        "III": ((500, 0.5), (2_000, 1.0), (10_000, 1.5)),
        "IIII": ((50, 0.5), (200, 1.0), (1_000, 1.5)),
    }
)
# A scale in use may be off by so many times the error of its first verification (3.5.2).
IN_SERVICE = 2
# Below so many e nothing is promised (3.2, table 3); class II below e = 0.1 g begins at 20 e.
LEAST_E: Mapping[AccuracyClass, int] = MappingProxyType({"II": 50, "III": 20, "IIII": 10})
FINE_G, FINE_LEAST_E = 0.1, 20
# What setting to zero leaves at most (4.5.2), and what an empty scale may show in use before it is cleaned and zeroed.
ZERO_SET_E, ZERO_ACCEPTED_E = 0.25, 1.0
# Masses are told in milligrams at the finest: what lies below is the arithmetic's, not the scale's.
DECIMALS_G = 3
# A trend is told from the results of so many days over so long a time; older than the newest so many count no more.
TREND_POINTS, TREND_DAYS, MAX_TREND_POINTS = 5, 7, 60
DAY_MS = 86_400_000
MONTH_DAYS = 30


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What a check weight said. ``error_g``: shown less nominal; ``mpe_g``: how large it may be in use, unknown where
    nobody told division and class."""

    verdict: CheckVerdict
    error_g: float
    mpe_g: float | None


class Tera(msgspec.Struct, frozen=True, kw_only=True):
    """A mark of legal verification, good from the day ``verified`` through the day ``until``, both ``YYYY-MM-DD``."""

    verified: str
    until: str


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """How results move: ``g_per_month`` (30 days) over ``days``, from ``points`` results."""

    g_per_month: float
    days: float
    points: int


def mpe_g(accuracy: AccuracyClass, division_g: float, load_g: float, *, in_service: bool = True) -> float:
    """The maximum permissible error at a load, in g. Beyond the last step, where no scale of the class weighs, it is
    the last one's."""
    load_e = round(abs(load_g) / division_g, 6)
    steps = STEPS[accuracy]
    error_e = next((error for upto, error in steps if load_e <= upto), steps[-1][1])
    return round(error_e * division_g * (IN_SERVICE if in_service else 1), DECIMALS_G)


def least_g(accuracy: AccuracyClass, division_g: float) -> float:
    """The minimum capacity (*Min*): lighter loads prove nothing."""
    fine = accuracy == "II" and division_g < FINE_G
    return (FINE_LEAST_E if fine else LEAST_E[accuracy]) * division_g


def most_divisions(accuracy: AccuracyClass) -> int:
    """Into how many divisions a class divides its range at most."""
    return STEPS[accuracy][-1][0]


def judge_weight(accuracy: AccuracyClass | None, division_g: float | None, nominal_g: float, shown_g: float) -> Tested:
    """Judge what the scale showed for a known mass by the error that is permitted there in use."""
    error_g = round(shown_g - nominal_g, DECIMALS_G)
    if accuracy is None or division_g is None:
        return Tested(verdict="unjudged", error_g=error_g, mpe_g=None)
    permitted_g = mpe_g(accuracy, division_g, nominal_g)
    return Tested(verdict="good" if abs(error_g) <= permitted_g else "failed", error_g=error_g, mpe_g=permitted_g)


def zero_state(zero_g: float | None, division_g: float | None) -> ZeroState:
    """Whether an empty scale returned to zero. Without a division nobody can say."""
    if zero_g is None or division_g is None:
        return "unknown"
    return "good" if round(abs(zero_g), DECIMALS_G) <= round(ZERO_ACCEPTED_E * division_g, DECIMALS_G) else "off"


def wants_zeroing(zero_g: float, division_g: float) -> bool:
    """Whether pressing zero would help: more is left than zeroing leaves."""
    return round(abs(zero_g), DECIMALS_G) > round(ZERO_SET_E * division_g, DECIMALS_G)


def tera_on(marks: Iterable[Tera], day: str) -> tuple[TeraState, str | None]:
    """How the legal verification stood on a local day, and until when the mark that counts is good.

    UU 2/1981 (Metrologi Legal), Permendag 67/2018 and 68/2018: scales of trade carry a valid mark. A mark that was put
    on later says nothing about the day.
    """
    ends = [mark.until for mark in marks if mark.verified <= day]
    if not ends:
        return "missing", None
    return ("valid" if day <= max(ends) else "expired"), max(ends)


def trend(results: Sequence[tuple[int, float]]) -> Trend | None:
    """How errors or zeros, as ``(at_ms, g)``, move: of each day the newest, and of those the median of the slopes
    between any two (Theil and Sen), which single mistakes do not turn. ``None`` while they are too few to tell."""
    newest = sorted({at_ms // DAY_MS: (at_ms, off_g) for at_ms, off_g in sorted(results)}.values())[-MAX_TREND_POINTS:]
    if len(newest) < TREND_POINTS or newest[-1][0] - newest[0][0] < TREND_DAYS * DAY_MS:
        return None
    slopes = [(late[1] - early[1]) / (late[0] - early[0]) for early, late in combinations(newest, 2)]
    return Trend(
        g_per_month=round(statistics.median(slopes) * DAY_MS * MONTH_DAYS, DECIMALS_G),
        days=(newest[-1][0] - newest[0][0]) / DAY_MS, points=len(newest),
    )  # fmt: skip
