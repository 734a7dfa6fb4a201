"""What a series of temperatures did to food that lay in it: time in the danger zone, beyond the limit, and unknown.

Pure. A *slice* is a stretch of time in which the temperature is known to have lain between two values: one value for a
report that is still believed, least and greatest for an old minute or for several sensors. Time without a slice is
unknown: never safe, and never an excursion. Between two values the unsafe one counts: food was outside the danger zone
only where all of them were.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from pawon_food_safety.exposure import Exposure, ladder_step
from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Disposition, Ladder, Limit
from pawon_food_safety.rows import Exposure as Band

MINUTE_MS = 60_000
# Where a profile says nothing of a point, the row of this name stands.
ANYWHERE = "*"
# Binary fractions would make "exactly the limit" a matter of luck (see ``pawon_food_safety.limit``).
_TOLERANCE = 1e-6
# A thermometer's value by hand is believed as long as kitchens are told to wait before they measure again
# ("Ukur manual tiap 30 menit").
BY_HAND_MS = 30 * MINUTE_MS


class Report(NamedTuple):
    """A reported value in C, believed until ``until_ms``; its samples since the report before lay in low..high."""

    at_ms: int
    until_ms: int
    value_c: float
    low_c: float
    high_c: float


class Slice(NamedTuple):
    """From ``start_ms`` to before ``end_ms`` the temperature lay in ``low_c``..``high_c``; its extremes may have gone
    further for less than a report's time."""

    start_ms: int
    end_ms: int
    low_c: float
    high_c: float
    least_c: float
    most_c: float


class Edges(NamedTuple):
    """From where on a place's critical limits are broken: the strictest of each direction."""

    above_c: float = math.inf
    below_c: float = -math.inf


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to food: ``exposure`` to the danger zone, and the time beyond its places' critical limits."""

    exposure: Exposure = Exposure()
    beyond_ms: int = 0

    def __add__(self, other: Heat) -> Heat:
        """Both, one after the other."""
        return Heat(exposure=self.exposure + other.exposure, beyond_ms=self.beyond_ms + other.beyond_ms)

    @property
    def least_ms(self) -> int:
        """Time in the danger zone that was measured."""
        return self.exposure.inside_ms

    @property
    def most_ms(self) -> int:
        """As long as it may have been, for all that anybody knows."""
        return self.exposure.inside_ms + self.exposure.unknown_ms

    @property
    def all_ms(self) -> int:
        """How long it was, known or not."""
        one = self.exposure
        return one.below_ms + one.inside_ms + one.above_ms + one.unknown_ms


# --- from what was measured to slices -------------------------------------------------------------------------------


def held(reports: Iterable[Report]) -> list[Slice]:
    """A sensor's reports, in any order, as slices: each value holds until the next report or its validity's end,
    whichever is first. Of two reports of one moment both values hold."""
    found: list[Slice] = []
    for report in sorted(reports):
        last = found[-1] if found else None
        if last is not None and last.start_ms == report.at_ms:
            found[-1] = Slice(
                last.start_ms, max(last.end_ms, report.until_ms), min(last.low_c, report.value_c),
                max(last.high_c, report.value_c), min(last.least_c, report.value_c), max(last.most_c, report.value_c),
            )  # fmt: skip
            continue
        if last is not None:
            # What a report says of the time before it belongs to that time.
            found[-1] = Slice(
                last.start_ms, min(last.end_ms, report.at_ms), last.low_c, last.high_c,
                min(last.least_c, report.low_c), max(last.most_c, report.high_c),
            )  # fmt: skip
        value = report.value_c
        found.append(Slice(report.at_ms, report.until_ms, value, value, value, value))
    return [one for one in found if one.end_ms > one.start_ms]


def by_minutes(known: Mapping[int, tuple[float, float]], covered: Iterable[int]) -> list[Slice]:
    """Old minutes as slices. ``known``: least and greatest value by the minute's number since 1970; ``covered``: the
    minutes in which some value was still believed. A minute begins with the last value of the one before it, so that
    it lay between the extremes of both."""
    found: list[Slice] = []
    last: tuple[float, float] | None = None
    for minute in sorted({*known, *covered}):
        own = known.get(minute, last)
        if own is None:
            continue
        low, high = own
        if last is not None and found and found[-1].end_ms == minute * MINUTE_MS:
            low, high = min(low, last[0]), max(high, last[1])
        found.append(Slice(minute * MINUTE_MS, (minute + 1) * MINUTE_MS, low, high, *own))
        last = own
    return found


def together(series: Sequence[Sequence[Slice]]) -> list[Slice]:
    """Several sensors of one place as one: at each moment the coldest and the warmest of those that are believed."""
    told = [one for one in series if one]
    if len(told) <= 1:
        return list(told[0]) if told else []
    edges = sorted({edge for one in told for piece in one for edge in (piece.start_ms, piece.end_ms)})
    at = [0] * len(told)
    found: list[Slice] = []
    for start_ms, end_ms in itertools.pairwise(edges):
        here = []
        for number, one in enumerate(told):
            while at[number] < len(one) and one[at[number]].end_ms <= start_ms:
                at[number] += 1
            if at[number] < len(one) and one[at[number]].start_ms <= start_ms:
                here.append(one[at[number]])
        if here:
            found.append(
                Slice(
                    start_ms, end_ms, min(one.low_c for one in here), max(one.high_c for one in here),
                    min(one.least_c for one in here), max(one.most_c for one in here),
                )
            )  # fmt: skip
    return found


def clipped(series: Sequence[Slice], start_ms: int, end_ms: int) -> list[Slice]:
    """What of a series lies within a stretch."""
    first = bisect.bisect_right(series, start_ms, key=lambda one: one.end_ms)
    found = []
    for one in itertools.islice(series, first, None):
        if one.start_ms >= end_ms:
            break
        if one.start_ms < start_ms or one.end_ms > end_ms:
            one = one._replace(start_ms=max(one.start_ms, start_ms), end_ms=min(one.end_ms, end_ms))
        found.append(one)
    return found


def by_hand(values: Iterable[tuple[int, float]]) -> list[Slice]:
    """Temperatures that people measured, each with its time."""
    return held(Report(at_ms, at_ms + BY_HAND_MS, value, value, value) for at_ms, value in values)


# --- what it means --------------------------------------------------------------------------------------------------


def band_of(profile: Profile) -> Band | None:
    """The danger zone; ``None`` when the profile names none, so that nothing can be said."""
    return next((row for row in profile.exposure if row.point == ANYWHERE), None)


def edges_of(profile: Profile, points: Iterable[str], food: str, error_c: float | None) -> Edges:
    """Where the critical limits of these points are broken. ``error_c``: how far the sensors may be off; unknown: the
    limits' own guard bands."""
    critical = [
        limit if error_c is None else msgspec.structs.replace(limit, guard_band=error_c)
        for point in sorted(set(points))
        for limit in profile.limits_at(point, "temperature_c", food)
        if limit.severity == "critical"
    ]
    return Edges(
        min((limit.edge for limit in critical if limit.direction > 0), default=math.inf),
        max((limit.edge for limit in critical if limit.direction < 0), default=-math.inf),
    )


def expose(series: Sequence[Slice], start_ms: int, end_ms: int, band: Band, edges: Edges = Edges()) -> Heat:  # noqa: B008  # immutable
    """What food felt from ``start_ms`` to before ``end_ms``; what no slice tells is unknown."""
    below = inside = above = beyond = 0
    coldest, hottest = math.inf, -math.inf
    for one in clipped(series, start_ms, end_ms):
        length = one.end_ms - one.start_ms
        if one.high_c <= band.low_c:
            below += length
        elif one.low_c >= band.high_c:
            above += length
        else:
            inside += length
        if one.high_c > edges.above_c + _TOLERANCE or one.low_c < edges.below_c - _TOLERANCE:
            beyond += length
        coldest, hottest = min(coldest, one.least_c), max(hottest, one.most_c)
    known = below + inside + above
    exposure = Exposure(
        below_ms=below, inside_ms=inside, above_ms=above, unknown_ms=max(0, end_ms - start_ms) - known,
        min_c=coldest if known else None, max_c=hottest if known else None,
    )  # fmt: skip
    return Heat(exposure=exposure, beyond_ms=beyond)


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What the ladder suggests: ``least`` by what was measured, ``most`` if all unknown time had been dangerous.

    ``green``: nothing speaks against using it, known or unknown. The disposition is a suggestion; a person decides.
    """

    disposition: Disposition
    green: bool
    least: Ladder | None = None
    most: Ladder | None = None


def advise(profile: Profile, measured: Heat, possible: Heat, stays: Iterable[tuple[str, Heat]] = ()) -> Advice:
    """The suggestion for food with these histories in all, and with these stays (point of the place, what it felt
    there): the gravest of the general ladder and of each point's own. Where unknown time could make it graver, food is
    held: what nobody measured frees none and condemns none."""
    judged = [(_ladder(profile, ANYWHERE), measured.least_ms, possible.most_ms)]
    judged += [(_ladder(profile, point), heat.least_ms, heat.most_ms) for point, heat in stays if point]
    least = _gravest(ladder_step(ladder, least_ms) for ladder, least_ms, _ in judged)
    most = _gravest(ladder_step(ladder, most_ms) for ladder, _, most_ms in judged)
    disposition: Disposition = "use" if least is None else least.disposition
    if disposition == "use" and most is not None and most.disposition != "use":
        disposition = "hold"
    first = all(step is None or (step.from_s == 0 and step.disposition == "use") for step in (least, most))
    return Advice(disposition=disposition, green=first and bool(judged[0][0]), least=least, most=most)


def _ladder(profile: Profile, point: str) -> list[Ladder]:
    return [row for row in profile.ladder if row.point == point]


def _gravest(steps: Iterable[Ladder | None]) -> Ladder | None:
    return ladder_step([step for step in steps if step is not None], math.inf)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery at its receiving point: what is suggested, and the gravest limit that it broke."""

    suggestion: str  # accept, hold, reject
    limit: Limit | None = None


def judge_delivery(profile: Profile, point: str, food: str, temperature_c: float | None) -> Judged:
    """Beyond a critical limit: ``reject``. Not measured where it has to be, or a profile that knows no limit there:
    ``hold``, for silence is never green."""
    if not point:
        return Judged(suggestion="accept")
    limits = profile.limits_at(point, "temperature_c", food)
    if temperature_c is None or not limits:
        return Judged(suggestion="hold")
    gravest = gravest_broken(limits, temperature_c)
    return Judged(
        suggestion="reject" if gravest is not None and gravest.severity == "critical" else "accept", limit=gravest
    )


def gravest_broken(limits: Iterable[Limit], value: float) -> Limit | None:
    """The gravest of the limits whose edge (the guard band inside the limit) a single value lies beyond."""
    broken = [limit for limit in limits if (value - limit.edge) * limit.direction > _TOLERANCE]
    return max(broken, key=gravity, default=None)


def gravity(limit: Limit) -> tuple[bool, float, float]:
    """How bad it is to break a limit, beside others of its side: critical, far out, and with little patience."""
    return limit.severity == "critical", limit.value * limit.direction, -limit.delay_s
