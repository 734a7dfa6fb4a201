"""Cooling ahead: Newton's law fitted to the last half hour, and when a temperature will be reached.

``T(t) = ambient + (T0 - ambient) e^(-t/tau)``. A forecast warns early; what was measured judges whether
cooling was in time. Large pots cool slower at first than this law says; a lid, ice or stirring changes tau: fit anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from .series import COLDEST_C, HOTTEST_C

WINDOW_MS = 30 * 60_000  # older readings tell of another stage of cooling
SHORTEST_MS = 15 * 60_000  # over less, noise outweighs the fall
FEWEST = 5  # a line through fewer always seems to fit
SLOWEST_S = 7 * 24 * 3600.0  # what cools slower than this does not cool, it is noise around a standstill


class Cooling(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted law: the fitted ``value_c`` at ``at_ms`` (the last reading), falling to ``ambient_c`` with ``tau_s``.
    ``error_c``: root mean square of what the readings of the window differ from it."""

    at_ms: int
    value_c: float
    ambient_c: float
    tau_s: float
    error_c: float


def fit(series: Sequence[tuple[int, float]], ambient_c: float) -> Cooling | None:
    """Least squares on ln(T - ambient) over the last ``WINDOW_MS`` of (time in ms, temperature in C), the oldest first.

    What is no temperature is left out. None if there are too few readings or too short a time, if one is not above the
    ambient, or if the line does not fall.
    """
    usable = [(at_ms, value_c) for at_ms, value_c in series if COLDEST_C <= value_c <= HOTTEST_C]
    if not usable:
        return None
    end_ms = usable[-1][0]
    window = [(at_ms, value_c) for at_ms, value_c in usable if end_ms - WINDOW_MS <= at_ms <= end_ms]
    if len(window) < FEWEST or end_ms - window[0][0] < SHORTEST_MS:
        return None
    if not COLDEST_C <= ambient_c < min(value_c for _, value_c in window):
        return None
    # Time counts back from the last reading, so that the intercept is its fitted value.
    points = [((at_ms - end_ms) / 1000, math.log(value_c - ambient_c)) for at_ms, value_c in window]
    mean_s = sum(x for x, _ in points) / len(points)
    mean_log = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_s) ** 2 for x, _ in points)
    slope = sum((x - mean_s) * (y - mean_log) for x, y in points) / spread
    if slope > -1.0 / SLOWEST_S:
        return None
    last_log = mean_log - slope * mean_s
    squares = sum((math.exp(y) - math.exp(last_log + slope * x)) ** 2 for x, y in points)
    return Cooling(
        at_ms=end_ms,
        value_c=ambient_c + math.exp(last_log),
        ambient_c=ambient_c,
        tau_s=-1.0 / slope,
        error_c=math.sqrt(squares / len(window)),
    )


def value_after(cooling: Cooling, seconds: float) -> float:
    """The forecast temperature in C, ``seconds`` after the last reading."""
    return cooling.ambient_c + (cooling.value_c - cooling.ambient_c) * math.exp(-seconds / cooling.tau_s)


def seconds_to(cooling: Cooling, target_c: float) -> float | None:
    """Seconds after the last reading until ``target_c`` is reached: 0 if it is, None if it never will be."""
    if target_c >= cooling.value_c:
        return 0.0
    if not target_c > cooling.ambient_c:
        return None
    return -cooling.tau_s * math.log((target_c - cooling.ambient_c) / (cooling.value_c - cooling.ambient_c))
