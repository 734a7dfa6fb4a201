"""What a scale does by itself while nobody touches it: how far its samples, and means of half a second, stray.

Learned only while the scale stands. It is the yardstick for everything else: a step must exceed it, a load that sways
exceeds it, and a scale with much of it still weighs. Never below what rounding to the division hides.
"""

from __future__ import annotations

import math
from collections import deque

# Rounding hides up to half a division: a value that flips between two neighbours strays by 0.5 at most and by 0.29 as a
# uniform error; between them, a scale that seems without noise is given this much.
LEAST_DIVISIONS = 0.35
# Half a minute of blocks: long against a hand, short against a mixer that is switched on or off.
MEMORY_BLOCKS = 64
# What shook stopped shaking: eight blocks whose variance is a sixth of what is known are no chance (1 in 200).
CALM_BLOCKS = 8
CALMER = 6.0
# 6 sigma of a mean of one second is the least step that can be promised; a block is half of one.
SIGMAS = 6.0
# A stretch of three seconds may stray this much more than usual by chance (variance, chi square, 1 in 5000): indicators
# average, so its six block means are worth about four, and its thirty samples about eight.
STRAYS_MORE = 5.5
SHAKES_MORE = 3.7
# One block alone is worth two.
BLOCK_SHAKES_MORE = 8.5


class Noise:
    """Of one scale, in g². ``samples``: variance of samples within a block; ``blocks``: of block means."""

    __slots__ = ("_least", "_recent", "blocks", "known", "samples")

    def __init__(self, division_g: float) -> None:
        self._least = (LEAST_DIVISIONS * division_g) ** 2
        self.samples = self.blocks = self._least
        self.known = False
        self._recent: deque[tuple[float, float]] = deque(maxlen=CALM_BLOCKS)

    def learn(self, differs_g: float, squares: float, count: int) -> None:
        """One block of a scale that stands: how its mean differs from that of two seconds before (so that what flows
        slowly is no noise), and its inner squares."""
        self.blocks += (max(self._least, differs_g * differs_g / 2) - self.blocks) / MEMORY_BLOCKS
        inner = squares / (count - 1) if count > 1 else 0.0
        if count > 1:
            self.samples += (max(self._least, inner) - self.samples) / MEMORY_BLOCKS
        recent = self._recent
        recent.append((differs_g * differs_g / 2, inner))
        if len(recent) == CALM_BLOCKS:
            calm = max(self._least, CALMER * sum(one for one, _ in recent) / CALM_BLOCKS)
            self.blocks = min(self.blocks, calm)
            if count > 1:
                self.samples = min(self.samples, max(self._least, CALMER * sum(one for _, one in recent) / CALM_BLOCKS))

    def set(self, blocks: float, samples: float) -> None:
        """What a whole stretch showed, at once: the first one, or a mixer that runs now."""
        self.blocks, self.samples, self.known = max(self._least, blocks), max(self._least, samples), True
        self._recent.clear()

    @property
    def least_step_g(self) -> float:
        """Six sigma of a mean of one second, which is two blocks."""
        return SIGMAS * math.sqrt(self.blocks / 2)

    @property
    def block_g(self) -> float:
        """Sigma of a block's mean."""
        return math.sqrt(self.blocks)

    @property
    def sample_g(self) -> float:
        """Sigma of one sample."""
        return math.sqrt(self.samples)
