"""Plays a signal of the library in real time: what the indicator of a scale shows at each of its samples."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from pawon_firmware_bridge.scenarios.signals import Sample, Signal
from pawon_firmware_bridge.scenarios.truth import Movement
from pawon_firmware_bridge.scenarios.weighing_platform import SETTLE_S, Reading

MOST_AT_ONCE = 100
"""Samples that a late step may still give; what is older is skipped, as by a scale."""


class Player:
    """A signal from `start` on, again from its beginning when it has ended."""

    def __init__(self, signal: Signal) -> None:
        self.newest = Reading(mass_g=signal.load_g, stable=False)
        self._signal = signal
        self._began = 0.0
        self._shown: deque[Sample] = deque()
        self._samples: Iterator[Sample]
        self._movements: Iterator[Movement]
        self._next: Sample
        self._movement: Movement | None
        self._rewind(0.0)

    def start(self, now: float) -> None:
        self._rewind(now)

    @property
    def due(self) -> float:
        """When the next sample comes."""
        return self._began + self._next.time_s

    def readings(self, now: float) -> list[Reading]:
        """What was shown since the last call."""
        found: list[Reading] = []
        while self.due <= now and len(found) < MOST_AT_ONCE:
            self.newest = self._reading(self._next)
            found.append(self.newest)
            sample = next(self._samples, None)
            if sample is None:
                self._rewind(self._began + self._signal.length_s)
            else:
                self._next = sample
        if self.due <= now - self._signal.length_s:
            self._rewind(now)
        return found

    def movements(self, now: float) -> list[Movement]:
        """True movements that have come to rest since the last call."""
        found = []
        while self._movement is not None and self._began + self._movement.end_s + SETTLE_S <= now:
            found.append(self._movement)
            self._movement = next(self._movements, None)
        return found

    def _rewind(self, began: float) -> None:
        self._began = began
        self._samples = self._signal.samples()
        self._next = next(self._samples)
        self._movements = self._signal.movements()
        self._movement = next(self._movements, None)
        self._shown.clear()

    def _reading(self, sample: Sample) -> Reading:
        if sample.mass_g is None:
            self._shown.clear()
            return Reading(mass_g=None, stable=False, state="overload")
        self._shown.append(sample)
        while self._shown[0].time_s < sample.time_s - SETTLE_S:
            self._shown.popleft()
        masses = [one.mass_g for one in self._shown if one.mass_g is not None]
        # An indicator's own lamp: nothing moved by more than a division for a second.
        stable = (
            max(masses) - min(masses) <= self._signal.scale.division_g
            and sample.time_s - self._shown[0].time_s > 0.7 * SETTLE_S
        )
        return Reading(mass_g=sample.mass_g, stable=stable, load=sample.load or "gross")
