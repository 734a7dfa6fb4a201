"""Growth under any temperature: the dynamic Baranyi-Roberts model, fed reading by reading.

The model's two equations, ``y' = mu a (1 - 10^(y-ymax))`` and ``(ln q)' = mu ln 10`` with ``a = q/(1+q)``, share one
``mu(T(t))``. Measured in ``M = integral of mu dt`` instead of hours they no longer contain the temperature and have a
closed solution (``grown``). So M is all there is to remember, more heat below the optimum can never predict less, and
only M is computed in steps: at most a minute long, the temperature on the straight line between two readings.

In a gap the organism is taken to have grown as fast as at the *fastest* temperature between the two readings beside it,
which may lie above both of their rates (60 C and 5 C grow nothing, what lies between them does). The prediction is then
never lower than for any course between those two; ``Track.unknown_ms`` tells how much of it rests on that. Killing
by heat is never subtracted. While a sensor is silent the state stands still: silence has its own alarm.
"""

from __future__ import annotations

import math

import msgspec

from .growth_rate import GrowthRate, fastest
from .series import Segment, Track, follow

# The engine's step: a minute, within which food of a kitchen's size changes by well under a degree.
LONGEST_STEP_MS = 60_000


class GrowthState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``potential``: the integral of the growth rate in log10 units, as if there were neither lag nor ceiling.
    Small, JSON-able and complete."""

    track: Track = Track()
    potential: float = 0.0


def step(rate: GrowthRate, state: GrowthState, at_ms: int, value_c: float, held: bool) -> GrowthState:
    """Take one reading of the food. ``held``: the reading before it was still valid at ``at_ms``; else the time between
    them is a gap."""
    track, segment = follow(state.track, at_ms, value_c, held)
    potential = state.potential if segment is None else state.potential + _potential(rate, segment)
    return GrowthState(track=track, potential=potential)


def grown(potential: float, h0: float, start: float, ceiling: float | None) -> float:
    """log10 by which the number has grown since the start.

    ``h0``: the work of the lag (0: none, which is fail-safe); ``start`` and ``ceiling``: log10 CFU/g at the beginning
    and at most (None: no ceiling, which is fail-safe).
    """
    # Written with 10^-x throughout: 10^x would leave a float's range after some days of growth without a ceiling.
    growth = potential
    if h0 > 0:
        q0 = 1.0 / math.expm1(h0)
        growth -= math.log10((1.0 + q0) / (10.0**-potential + q0))
    if ceiling is not None:
        share = min(1.0, 10.0 ** (start - ceiling))
        growth = -math.log10(share + (1.0 - share) * 10.0**-growth)
    return max(0.0, growth)


def huang_grown(rate: float, lag_h: float, hours: float, start: float, ceiling: float | None) -> float:
    """log10 grown after ``hours`` at a constant temperature by Huang's primary model, whose lag is a time:
    ``y' = rate / (1 + exp(-4 (t - lag))) (1 - 10^(y-ymax))``."""
    # The integral of the switch, of which both terms stay finite for any time.
    effective_h = (_softplus(4.0 * (hours - lag_h)) - _softplus(-4.0 * lag_h)) / 4.0
    return grown(rate * effective_h, 0.0, start, ceiling)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _potential(rate: GrowthRate, segment: Segment) -> float:
    hours = segment.duration_ms / 3_600_000
    if not segment.known:
        return fastest(rate, segment.from_c, segment.to_c) * hours
    if segment.from_c == segment.to_c:
        return rate.rate(segment.from_c) * hours
    count = -(-segment.duration_ms // LONGEST_STEP_MS)
    slope_c = (segment.to_c - segment.from_c) / count
    return sum(rate.rate(segment.from_c + (n + 0.5) * slope_c) for n in range(count)) * hours / count
