"""Raw samples around an event, few enough for a row: thinned where nothing happens, never first where it moved.

A sample is kept when it is far from the one kept before, or when some time has passed. When there are too many, those
go whose neighbours tell best where they were.
"""

from __future__ import annotations

# What a row may carry (contract: Weighing.trace).
MAX_POINTS = 256
# Held at most: thinning sorts, so it must not happen at every sample.
MAX_HELD = 3 * MAX_POINTS
# Of a quiet scale two points a second show that it was quiet.
QUIET_MS = 500
# Shown before an event, so that people see where it began.
LEAD_MS = 5_000

Point = tuple[int, float]


class Trace:
    """The newest raw samples of one scale; ``quiet_g``: smaller changes are its own noise."""

    __slots__ = ("_last_g", "_next_ms", "points", "quiet_g")

    def __init__(self, quiet_g: float) -> None:
        self.points: list[Point] = []
        self.quiet_g = quiet_g
        self._next_ms = -1
        self._last_g = 0.0

    def keep(self, at_ms: int, mass_g: float) -> None:
        """Offer one sample."""
        off = mass_g - self._last_g
        if at_ms < self._next_ms and -self.quiet_g < off < self.quiet_g:
            return
        self._next_ms, self._last_g = at_ms + QUIET_MS, mass_g
        self.points.append((at_ms, mass_g))
        if len(self.points) >= MAX_HELD:
            self.points = thin(self.points, MAX_HELD // 2)

    def forget_before(self, at_ms: int) -> None:
        """Nothing before it will be asked for; what leads up to it stays."""
        old = at_ms - LEAD_MS
        keep_from = next((number for number, point in enumerate(self.points) if point[0] >= old), len(self.points))
        del self.points[:keep_from]

    def between(self, start_ms: int, end_ms: int) -> list[tuple[int, float]]:
        """At most ``MAX_POINTS`` points ``[ms since start_ms, g]``, from a little before to ``end_ms``."""
        chosen = [point for point in self.points if start_ms - LEAD_MS <= point[0] <= end_ms]
        return [(at - start_ms, round(mass, 1)) for at, mass in thin(chosen, MAX_POINTS)]


def thin(points: list[Point], count: int) -> list[Point]:
    """At most ``count`` of the points: the ends, and those that a line between their neighbours would miss most."""
    if count < 3:
        return points[:count]
    while len(points) > count:
        inner = range(1, len(points) - 1, 2)
        spare = sorted((_off_line(points, n), n) for n in inner)[: len(points) - count]
        dropped = {n for _, n in spare}
        points = [point for n, point in enumerate(points) if n not in dropped]
    return points


def _off_line(points: list[Point], number: int) -> float:
    (t0, m0), (t, m), (t1, m1) = points[number - 1 : number + 2]
    return abs(m - m0 - (m1 - m0) * (t - t0) / (t1 - t0)) if t1 > t0 else 0.0
