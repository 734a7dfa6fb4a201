"""When a sample becomes a report: on change beyond a step, and at least once a heartbeat.

A report says how much it stands for: the count, least and greatest of the samples since the report before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pawon_contract.messages import Contact, Reading

from .sample import Sample

# A report is due a little before the heartbeat promised, so that a late sample does not break the promise.
_EARLY_MS = 250


@dataclass(slots=True, kw_only=True)
class Reporter:
    """One sensor's reports. ``step`` in the quantity's unit; ``heartbeat_s`` <= 60."""

    sensor: str
    step: float
    heartbeat_s: float
    _count: int = 0
    _low: float = 0.0
    _high: float = 0.0
    _reported: float | None = None
    _reported_ms: int = field(default=0)
    _last_ms: int | None = None

    def take(self, sample: Sample) -> Reading | None:
        """Count a sample in; a report when one is due."""
        if self._count == 0:
            self._low = self._high = sample.value
        else:
            self._low, self._high = min(self._low, sample.value), max(self._high, sample.value)
        self._count += 1
        # A slow sensor reports when its next sample would come too late, not when it has come too late.
        spacing_ms = 0 if self._last_ms is None else sample.at_ms - self._last_ms
        self._last_ms = sample.at_ms
        due = (
            self._reported is None
            or abs(sample.value - self._reported) >= self.step
            or sample.at_ms + spacing_ms - self._reported_ms > self.heartbeat_s * 1000 - _EARLY_MS
        )
        if not due:
            return None
        report = Reading(
            at_ms=sample.at_ms, sensor=self.sensor, quantity=sample.quantity,  # type: ignore[arg-type]  # checked by intake
            value=sample.value, count=self._count, low=self._low, high=self._high, every_s=self.heartbeat_s,
        )  # fmt: skip
        self._count, self._reported, self._reported_ms = 0, sample.value, sample.at_ms
        return report


@dataclass(slots=True, kw_only=True)
class ContactReporter:
    """A switch's reports: every change, and at least once a heartbeat."""

    sensor: str
    contact: Literal["door", "power"]
    heartbeat_s: float
    _active: bool | None = None
    _reported_ms: int = 0
    _last_ms: int | None = None

    def take(self, sample: Sample) -> Contact | None:
        """A report when one is due; a value other than 0 is active."""
        active = sample.value != 0
        spacing_ms = 0 if self._last_ms is None else sample.at_ms - self._last_ms
        self._last_ms = sample.at_ms
        if (
            active == self._active
            and sample.at_ms + spacing_ms - self._reported_ms <= self.heartbeat_s * 1000 - _EARLY_MS
        ):
            return None
        self._active, self._reported_ms = active, sample.at_ms
        return Contact(
            at_ms=sample.at_ms, sensor=self.sensor, contact=self.contact, active=active, every_s=self.heartbeat_s
        )
