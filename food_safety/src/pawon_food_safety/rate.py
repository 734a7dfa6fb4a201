"""A temperature that moves too fast: an early warning, long before the limit. Not while a door explains it."""

from __future__ import annotations

import msgspec

from .rows import Rate
from .window import Extremes

# Over once the change within the window has come down to this part of the alarm's.
OVER_BELOW = 0.5


class RateState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``recent``: extremes of the window; ``began_ms`` and ``worst`` of a change that is told."""

    recent: tuple[tuple[int, float], ...] = ()
    began_ms: int | None = None
    worst: float = 0.0


class RateWatch:
    """One rate rule at one sensor."""

    __slots__ = ("_over_c", "_window", "began_ms", "limit_c", "row", "worst")

    def __init__(self, row: Rate, state: RateState | None = None) -> None:
        self.row = row
        self.limit_c, self._over_c = abs(row.change_c), abs(row.change_c) * OVER_BELOW
        kept = () if state is None else state.recent
        self._window = Extremes(round(row.within_s * 1000), -1 if row.change_c > 0 else 1, kept)
        self.began_ms = None if state is None else state.began_ms
        self.worst = 0.0 if state is None else state.worst

    def see(self, at_ms: int, value: float, *, explained: bool) -> str:
        """The event that a value brings: ``opened``, ``closed`` or nothing. ``explained``: a door stands open."""
        if explained:
            self._window.clear()
            if self.began_ms is not None:
                return ""  # somebody looks; whether it is over is told once the door is shut
        change_c = self._window.change(at_ms, value)
        if self.began_ms is None:
            if change_c < self.limit_c:
                return ""
            self.began_ms, self.worst = at_ms, value
            return "opened"
        if (value - self.worst) * self.row.change_c > 0:
            self.worst = value
        return "closed" if change_c <= self._over_c else ""

    def over(self) -> None:
        """A closing has been told."""
        self.began_ms = None

    def state(self) -> RateState:
        """For ``RateWatch(row, state)``."""
        return RateState(recent=self._window.state(), began_ms=self.began_ms, worst=self.worst)


def rebase(state: RateState, shift_ms: int) -> RateState:
    """The same state on another timeline."""
    return RateState(
        recent=tuple((at + shift_ms, value) for at, value in state.recent),
        began_ms=None if state.began_ms is None else state.began_ms + shift_ms, worst=state.worst,
    )  # fmt: skip
