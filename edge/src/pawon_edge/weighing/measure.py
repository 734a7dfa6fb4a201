"""How large a step must be to be told, and how far two values of one load may lie apart, on one scale and its noise."""

from __future__ import annotations

import math

from .jump import SIGMAS
from .noise import Noise

# Domain: three divisions, 20 g, a thousandth of the load.
LEAST_DIVISIONS = 3.0
LEAST_G = 20.0
LEAST_SHARE = 0.001
# A block is on the plateau within so many sigma: 1 in 400 falls out, which costs a closer look.
NEAR_SIGMAS = 3.0
# Or within a division and what its rounding adds; no fraction that a mean of a few rounded samples has, for then the
# last bit would decide.
NEAR_DIVISIONS = 1.23
# Rounding takes up to half a division from a step; a little less, for the same reason.
HALF = 0.487


class Measure:
    """Of one scale; all in grams."""

    __slots__ = ("division_g", "noise")

    def __init__(self, division_g: float, noise: Noise) -> None:
        self.division_g, self.noise = division_g, noise

    def least(self, load_g: float) -> float:
        """The least step that is told."""
        return max(self.small_g, LEAST_SHARE * abs(load_g), self.noise.least_step_g)

    def needed(self, load_g: float) -> float:
        """What a step of that size at least measures: rounding takes up to half a division."""
        return self.least(load_g) - HALF * min(self.division_g, LEAST_G / 3)

    def chance_g(self) -> float:
        """How far two samples of one load may lie apart: rounding, and the noise of both within and between blocks."""
        return self.division_g + SIGMAS * math.sqrt(2 * (self.noise.samples + self.noise.blocks))

    def shown(self, level_g: float) -> int:
        """As the scale would show it, in whole grams."""
        # Half up: to even would show the same step as another one above another zero.
        return round(math.floor(level_g / self.division_g + 0.5) * self.division_g)

    @property
    def small_g(self) -> float:
        """The least step of an empty scale that nothing shakes."""
        return max(LEAST_DIVISIONS * self.division_g, LEAST_G)

    @property
    def near_g(self) -> float:
        """How far the mean of a block of the same load may stray."""
        return max(NEAR_SIGMAS * math.sqrt(self.noise.blocks), NEAR_DIVISIONS * self.division_g)

    @property
    def quiet_g(self) -> float:
        """What the scale does by itself from sample to sample."""
        return max(self.division_g, 3 * self.noise.sample_g)
