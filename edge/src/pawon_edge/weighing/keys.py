"""Tare and zero keys of a scale that does not say what it shows: which jump was one, and what they took off by now."""

from __future__ import annotations

import math

from pawon_contract.messages import WeighingKind

from .jump import SIGMAS, Jumps
from .measure import Measure
from .plateau import Stretch
from .stand import Stand

# Keys that nobody cleared; a zero and some tares are usual, and more count together.
MAX_KEYS = 4


class Keys:
    """``taken``: what each key took off what is shown, oldest first, as far as nobody cleared it. Each is taken back on
    its own: a tare is cleared while the zero of before it stays."""

    __slots__ = ("_measure", "taken")

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self.taken: list[float] = []

    @property
    def _zero_g(self) -> float:
        """A key takes what is felt at that moment for zero, noise included: what is fast, and what is slower than a
        block."""
        noise = self._measure.noise
        return max(self._measure.division_g, SIGMAS * math.sqrt(noise.samples + noise.blocks))

    def kind(self, found: Stretch, top: Stand, jumps: Jumps) -> WeighingKind | None:
        """A clean jump to 0, below 0, or back by what a key took off before: nobody moves a load like that."""
        zero = self._zero_g
        to_zero = abs(found.mean) <= zero
        if jumps.unseen:
            return "restart" if to_zero else None
        if not jumps.believed:
            return None
        cleared = self._cleared(found.mean - top.level, 2 * zero) is not None
        below = found.mean < -zero and top.level > -zero
        return "tare" if to_zero or cleared or below else None

    def _cleared(self, by_g: float, near_g: float) -> slice | None:
        """Which of the keys were taken back: the newest ones together, or one before them (a zero, then a tare)."""
        keyed, total = self.taken, 0.0
        for number in range(len(keyed) - 1, -1, -1):
            total += keyed[number]
            if abs(by_g - total) <= near_g:
                return slice(number, None)
        return next((slice(n, n + 1) for n, one in enumerate(keyed) if abs(by_g - one) <= near_g), None)

    def pressed(self, by_g: float) -> None:
        """A key changed what is shown by so much."""
        cleared = self._cleared(by_g, 2 * max(self._measure.division_g, SIGMAS * self._measure.noise.sample_g))
        if cleared is not None:
            del self.taken[cleared]
        elif abs(by_g) >= self._measure.division_g:
            self.taken.append(-by_g)
            if len(self.taken) > MAX_KEYS:
                self.taken[:2] = [sum(self.taken[:2])]
