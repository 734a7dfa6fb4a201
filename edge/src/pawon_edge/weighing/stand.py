"""Where a load stood: its level, when, and how much of a change of that level was drift.

A stand follows what the scale shows (``level``) and keeps what the book knows (``anchor``). What lies between is drift
when it came slowly and evenly, and stock when it came in small steps: those add up until they are a movement.
"""

from __future__ import annotations

from .plateau import Stretch

# The level is a mean over the newest so many blocks: long for the noise, short for what creeps.
MEMORY_BLOCKS = 40
# Domain: half a division in ten minutes is drift, more is a load that flows.
DRIFT_DIVISIONS = 0.5
DRIFT_MS = 600_000
# Rounding shows drift as whole divisions: it is judged over three times ten minutes, when 1.5 of them may have passed.
JUDGED_MS = 3 * DRIFT_MS
# A change at once that is more than rounding can make of nothing is a small step, and no drift.
STEP_DIVISIONS = 1.5


class Stand:
    """One plateau, ``start_ms`` to ``left_ms``. ``calm``: it was as quiet as the scale is by itself."""

    __slots__ = (
        "anchor", "calm", "count", "judged_ms", "left_ms", "level", "near_ms", "seen_ms", "start_ms", "stepped",
    )  # fmt: skip

    def __init__(self, found: Stretch, *, calm: bool = True) -> None:
        self.level = self.anchor = found.mean
        self.count = found.blocks
        self.stepped = 0.0
        self.start_ms, self.seen_ms = found.start_ms, found.end_ms
        self.judged_ms = self.near_ms = found.end_ms
        self.left_ms: int | None = None
        self.calm = calm

    def follow(self, mass_g: float, end_ms: int) -> None:
        """One more block of the same."""
        if self.count < MEMORY_BLOCKS:
            self.count += 1
        self.level += (mass_g - self.level) / self.count
        self.seen_ms = end_ms

    def resume(self, found: Stretch, division_g: float) -> None:
        """It stands here again, perhaps a little beside where it stood before."""
        if abs(found.mean - self.level) > STEP_DIVISIONS * division_g:
            self.stepped += found.mean - self.level
        self.level, self.count, self.seen_ms, self.left_ms = found.mean, found.blocks, found.end_ms, None

    def shift(self, by_g: float) -> None:
        """The scale counts from elsewhere now; the load is the same."""
        self.level += by_g
        self.anchor += by_g

    def settle_drift(self, division_g: float) -> None:
        """Let the anchor follow what came as slowly as drift; called now and then."""
        passed_ms = self.seen_ms - self.judged_ms
        if passed_ms < JUDGED_MS:
            return
        drifted = self.level - self.anchor - self.stepped
        if abs(drifted) <= DRIFT_DIVISIONS * division_g * passed_ms / DRIFT_MS:
            self.anchor += drifted
            self.judged_ms = self.seen_ms

    def known(self, division_g: float) -> float:
        """The level to count from when it is left: drift up to now is followed, small steps are not."""
        drifted = self.level - self.anchor - self.stepped
        passed_ms = max(0, self.seen_ms - self.judged_ms)
        allowed = division_g * (1 + DRIFT_DIVISIONS * passed_ms / DRIFT_MS)
        if abs(drifted) > allowed:
            return self.anchor
        return self.level - (self.stepped if abs(self.stepped) > division_g else 0.0)

    def rested_ms(self, now_ms: int) -> int:
        """For how long it stood."""
        return (now_ms if self.left_ms is None else self.left_ms) - self.start_ms
