"""The least (or greatest) value of the last minutes, kept in a few numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

# Values closer together than this part of the window are not kept apart.
RESOLUTION = 30


class Extremes:
    """``sign`` -1: how far values have risen above the least of the last ``within_ms``; +1: fallen below the greatest.

    Holds at most ``RESOLUTION`` + 2 values; a change is seen to its last thirtieth of the window.
    """

    __slots__ = ("_apart_ms", "_kept", "_sign", "_within_ms")

    def __init__(self, within_ms: int, sign: int, kept: Iterable[tuple[int, float]] = ()) -> None:
        self._within_ms, self._sign = within_ms, sign
        self._apart_ms = within_ms // RESOLUTION
        self._kept = deque(kept)

    def change(self, at_ms: int, value: float) -> float:
        """How far ``value`` lies from the extreme of the window that ends with it; at least 0. Times must rise."""
        kept, sign = self._kept, self._sign
        while kept and (kept[-1][1] - value) * sign <= 0:
            kept.pop()
        if not kept or at_ms - kept[-1][0] >= self._apart_ms:
            kept.append((at_ms, value))
        while kept[0][0] < at_ms - self._within_ms:
            kept.popleft()
            if not kept:
                kept.append((at_ms, value))
        return (kept[0][1] - value) * sign

    def clear(self) -> None:
        """Begin anew."""
        self._kept.clear()

    def state(self) -> tuple[tuple[int, float], ...]:
        """For ``Extremes(..., kept)``."""
        return tuple(self._kept)
