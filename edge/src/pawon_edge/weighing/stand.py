"""Where a load stood: its level, when, and how much of a change of that level was drift.

A stand follows what the scale shows (``level``) and keeps what the book knows (``anchor``). What lies between them is
drift if it is no more than drift can make in the time that passed; more adds up until it is a movement. A movement of
its own that comes first is told exactly, from level to level, and names what lay between in the row's drift.
"""

from __future__ import annotations

from .plateau import Stretch

# The level is a mean over the newest so many blocks: long for the noise, short for what creeps.
MEMORY_BLOCKS = 40
# And a mean over the newest three seconds, which shows earlier that it flows.
NEWEST_BLOCKS = 6
# Domain: half a division in ten minutes is drift, more is a load that flows.
DRIFT_DIVISIONS = 0.5
DRIFT_MS = 600_000
# Rounding shows drift as whole divisions: it is judged over three times ten minutes, when 1.5 of them may have passed.
JUDGED_MS = 3 * DRIFT_MS
# Domain: steps of one direction within 20 s are one; what stood still for so long has ended. The mean of the newest
# seconds is still later than the load is, and not before the load has gone.
STILL_MS = 15_000
# Of what the newest seconds may differ by: so that rounding, by whole divisions, does not decide.
STILL_SHARE = 0.9
# The least plateau that is promised to be one.
STOOD_MS = 5_000


class Stand:
    """One plateau, ``start_ms`` to ``left_ms``. ``calm``: it was as quiet as the scale is by itself.

    ``flowed``: no hand brought it, it came slowly; ``rested``: it stood still for long, last at ``rest_g``.
    """

    __slots__ = (
        "_still_g", "_still_ms", "anchor", "calm", "count", "flowed", "judged_ms", "left_ms", "level", "marked",
        "near_ms", "newest", "rest_g", "rest_ms", "rested", "seen_ms", "start_ms", "steady_ms",
    )  # fmt: skip

    def __init__(self, found: Stretch, *, calm: bool = True, flowed: bool = False) -> None:
        self.level = self.anchor = self.newest = self.rest_g = self._still_g = found.mean
        self.flowed, self.rested = flowed, False
        self.rest_ms, self._still_ms = found.end_ms, found.start_ms
        self.count = found.blocks
        self.start_ms, self.seen_ms = found.start_ms, found.end_ms
        self.judged_ms = self.near_ms = found.end_ms
        self.left_ms: int | None = None
        self.calm = calm
        self.marked, self.steady_ms = found.mean, found.start_ms

    def follow(self, mass_g: float, end_ms: int, astray_g: float) -> None:
        """One more block of the same; ``astray_g``: the newest seconds may differ from the level by so much."""
        if self.count < MEMORY_BLOCKS:
            self.count += 1
        self.level += (mass_g - self.level) / self.count
        self.newest += (mass_g - self.newest) / NEWEST_BLOCKS
        self.seen_ms = end_ms
        if not -astray_g <= self.newest - self.level <= astray_g:
            self.level, self.count = self.newest, NEWEST_BLOCKS
        still_g = STILL_SHARE * astray_g
        if not -still_g <= self.newest - self._still_g <= still_g:
            self._still_g, self._still_ms = self.newest, end_ms
        elif end_ms - self._still_ms >= STILL_MS:
            self.rest_g, self.rest_ms, self.rested = self.level, end_ms, True

    def believe(self) -> None:
        """The book knows the level now, or the one where it rested last should it flow on."""
        self.anchor = self.rest_g = self.told_g
        self.near_ms = self.rest_ms if self.rested else self.seen_ms

    @property
    def told_g(self) -> float:
        """What is told of it."""
        return self.rest_g if self.rested and self.left_ms is None else self.level

    def resume(self, found: Stretch) -> None:
        """It stands here again, perhaps a little beside where it stood before."""
        self.level = self.newest = found.mean
        self.count, self.seen_ms, self.left_ms = found.blocks, found.end_ms, None
        self._still_g, self._still_ms = found.mean, found.start_ms

    def left_for(self, stand: Stand, least_g: float) -> None:
        """The load stands elsewhere now, a step of ``least_g`` or more away: from where did it go?

        Where it stood still just before, or where it rested last, should it have flowed since; and where the book knows
        it, if only that is a whole step away: small steps add up."""
        left_ms = self.seen_ms if self.left_ms is None else self.left_ms
        if abs(stand.level - self.level) < least_g or self.seen_ms - self._still_ms < STOOD_MS:
            rested = abs(stand.level - self.rest_g) >= least_g
            self.level, since_ms = (self.rest_g, self.rest_ms) if rested else (self.anchor, self.near_ms)
            left_ms = min(left_ms, since_ms) if stand.flowed else left_ms
        self.left_ms = left_ms

    def shift(self, by_g: float) -> None:
        """The scale counts from elsewhere now; the load is the same."""
        self.level += by_g
        self.newest += by_g
        self.anchor += by_g
        self.marked += by_g
        self.rest_g += by_g
        self._still_g += by_g

    def steady(self, within_g: float, for_ms: int, now_ms: int) -> bool:
        """Its level has not moved by more than ``within_g`` for so long; what swings slowly (wind) is no load yet."""
        if abs(self.level - self.marked) > within_g:
            self.marked, self.steady_ms = self.level, now_ms
        return now_ms - self.steady_ms >= for_ms

    def settle_drift(self, division_g: float) -> None:
        """Let the anchor follow what came as slowly as drift; called now and then."""
        passed_ms = self.seen_ms - self.judged_ms
        drifted = self.level - self.anchor
        if passed_ms >= JUDGED_MS and abs(drifted) <= DRIFT_DIVISIONS * division_g * passed_ms / DRIFT_MS:
            self.anchor, self.judged_ms = self.level, self.seen_ms

    def rested_ms(self, now_ms: int) -> int:
        """For how long it stood."""
        return (now_ms if self.left_ms is None else self.left_ms) - self.start_ms
