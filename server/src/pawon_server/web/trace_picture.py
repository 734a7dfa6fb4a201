"""The raw samples of a weighing as a line, so that a person sees whether a crate was put down or somebody leaned on.

Drawn here as numbers only; lines and words stand in the template.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# What fits a phone; a unit is a pixel or two.
WIDTH, HEIGHT = 320, 120
# Room for the line's own thickness.
EDGE = 6


class Picture(NamedTuple):
    """``points`` of a polyline within ``WIDTH`` x ``HEIGHT``; where the weights before and after lie; how long it
    took."""

    points: str
    before_y: float
    after_y: float
    span_ms: int


def draw(trace: Sequence[tuple[int, float]], before_g: float, after_g: float) -> Picture | None:
    """The samples ``[[ms, g], ...]`` in order of time; nothing where there are not two of them."""
    if len(trace) < 2:
        return None
    samples = sorted(trace)
    start_ms, span_ms = samples[0][0], max(1, samples[-1][0] - samples[0][0])
    masses = [before_g, after_g, *(mass for _, mass in samples)]
    low, high = min(masses), max(masses)

    def height(mass: float) -> float:
        if high == low:
            return HEIGHT / 2
        return round(HEIGHT - EDGE - (mass - low) / (high - low) * (HEIGHT - 2 * EDGE), 1)

    points = " ".join(f"{round((at - start_ms) / span_ms * WIDTH, 1)},{height(mass)}" for at, mass in samples)
    return Picture(points, height(before_g), height(after_g), samples[-1][0] - start_ms)
