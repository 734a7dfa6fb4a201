"""Is a sensor alive? Judged by the age of its good data, never by the state of its port.

One bad answer is not a fault: a DS18B20 says 85 C once after every plugging in. A sensor is faulty when nothing good
has come for ``fault_after_ms``; the fault is named after the last trouble seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pawon_contract.messages import SensorFault, SensorHealth

from .sample import Trouble

MAX_RAW_BYTES = 64
# More kinds of trouble than this of one sensor are counted together; we know twenty.
MAX_KINDS = 32


@dataclass(slots=True, kw_only=True)
class Health:
    """One sensor's liveness and its counters since the start."""

    sensor: str
    fault_after_ms: int
    repeat_ms: int = 60_000
    started_ms: int
    good: int = 0
    bad: int = 0
    last_good_ms: int | None = None
    fault: str | None = None
    # How often each kind of trouble was seen since the start.
    troubles: dict[str, int] = field(default_factory=dict)
    _trouble: Trouble | None = None
    _repeat_ms: int = 0
    _baseline_ms: int = 0

    def saw_good(self, at_ms: int) -> SensorFault | None:
        """A usable value; ends a fault."""
        self.good += 1
        self.last_good_ms, self._trouble = at_ms, None
        if self.fault is None:
            return None
        ended, self.fault = self.fault, None
        return SensorFault(at_ms=at_ms, sensor=self.sensor, fault=ended, cleared=True)

    def saw_trouble(self, trouble: Trouble) -> None:
        """No usable value; ``tick`` decides what it means."""
        self.bad += 1
        kind = trouble.kind if trouble.kind in self.troubles or len(self.troubles) < MAX_KINDS else "other"
        self.troubles[kind] = self.troubles.get(kind, 0) + 1
        self._trouble = trouble

    def tick(self, now_ms: int) -> SensorFault | None:
        """A fault when good data is overdue, and again every heartbeat: alive, and still nothing good."""
        since = max(self._baseline_ms, self.started_ms if self.last_good_ms is None else self.last_good_ms)
        if now_ms - since < self.fault_after_ms or (self.fault is not None and now_ms < self._repeat_ms):
            return None
        self._repeat_ms = now_ms + self.repeat_ms
        trouble = self._trouble
        if trouble is None and self.fault is None:
            self.troubles["silent"] = self.troubles.get("silent", 0) + 1
        self.fault = trouble.kind if trouble else "silent"
        return SensorFault(
            at_ms=now_ms, sensor=self.sensor, fault=self.fault,
            detail=(trouble.detail if trouble else f"nothing for {(now_ms - since) / 1000:.0f} s")[:200],
            raw=(trouble.raw if trouble else b"")[:MAX_RAW_BYTES].hex(),
        )  # fmt: skip

    def forgive(self, now_ms: int) -> None:
        """The gateway itself stood still: silence before now says nothing about the sensor."""
        if self.fault is None:
            self._baseline_ms = now_ms

    def status(self, now_ms: int) -> SensorHealth:
        """For the status message."""
        age = None if self.last_good_ms is None else max(0, now_ms - self.last_good_ms)
        state = self.fault or ("ok" if age is not None else "waiting")
        return SensorHealth(
            sensor=self.sensor, state=state, age_ms=age, good=self.good, bad=self.bad, troubles=dict(self.troubles)
        )
