"""Two scales whose cables changed places. Pure: weighings and times in.

Two adapters of one kind have no names of their own, so after ports went and came back (or the gateway restarted) a
scale may speak through its neighbour's cable. Booked as it stands, that moves the whole load of both places in the
stock book. It shows when both return: each stands where the other stood. A scale that returned with another load is
therefore held back for a moment while others are still away; a pair that has changed places is told, never booked.

Only loads that differ and are not nothing can show it: an empty scale and a moved sack look the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pawon_contract.messages import Weighing

# Ports of one hub return within seconds; a port that stays away must not keep the others' weighings for ever.
HOLD_MS = 30_000
# A scale's reading may differ by this share from what its neighbour showed of the same load.
TOLERANCE = 0.005


@dataclass(slots=True, kw_only=True)
class SwapWatch:
    """All scales of one gateway. ``away``: those not seen standing since they were lost, or since the start."""

    away: set[str]
    # Scale -> the one it seems to have changed places with, and what it stood at itself before.
    swapped: dict[str, tuple[str, int]] = field(default_factory=dict)
    _held: dict[str, tuple[int, Weighing]] = field(default_factory=dict)

    def lost(self, sensor: str) -> list[Weighing]:
        """Out of sight; what it was held for is told first."""
        self.away.add(sensor)
        self.swapped.pop(sensor, None)
        return self.held_of(sensor)

    def held_of(self, sensor: str) -> list[Weighing]:
        """What it was held for, to be told before anything later of it; held no longer."""
        held = self._held.pop(sensor, None)
        return [held[1]] if held is not None else []

    def weighed(self, sensor: str, rows: list[Weighing], at_ms: int) -> list[Weighing]:
        """A scale that stands somewhere: the rows that may be told now. Afterwards ``swapped`` may name it."""
        if sensor not in self.away:
            return (self.held_of(sensor) if rows else []) + rows
        self.away.discard(sensor)
        news = next((row for row in rows if row.kind == "restart"), None)
        if news is None:
            return rows
        for other, (pair, before_g) in self.swapped.items():
            if pair == sensor and _same(news.after_g, before_g, news.division_g):
                # Only this port went and came back: its cable is its neighbour's as before.
                self.swapped[sensor] = (other, news.before_g)
                return []
        for other, (_, row) in self._held.items():
            if _changed_places(news, row):
                del self._held[other]
                self.swapped |= {sensor: (other, news.before_g), other: (sensor, row.before_g)}
                return []
        if not self.away:
            return rows
        self._held[sensor] = (at_ms, news)
        return [row for row in rows if row is not news]

    def tick(self, now_ms: int) -> list[Weighing]:
        """Rows that were held long enough, or for nobody any more."""
        due = [name for name, (since, _) in self._held.items() if not self.away or now_ms - since >= HOLD_MS]
        return [self._held.pop(name)[1] for name in due]

    def known_g(self, sensor: str) -> int | None:
        """What a held scale stood at before: the value to keep across a restart until its weighing is told."""
        held = self._held.get(sensor)
        return None if held is None else held[1].before_g


def _changed_places(one: Weighing, other: Weighing) -> bool:
    division_g = max(one.division_g, other.division_g)
    least_g = max(3 * division_g, 20.0)

    real = min(one.before_g, other.before_g) >= least_g
    differ = abs(one.before_g - other.before_g) >= least_g and not _same(one.before_g, other.before_g, division_g)
    crossed = _same(one.after_g, other.before_g, division_g) and _same(other.after_g, one.before_g, division_g)
    return real and differ and crossed


def _same(a_g: int, b_g: int, division_g: float) -> bool:
    return abs(a_g - b_g) <= max(division_g, TOLERANCE * abs(b_g))
