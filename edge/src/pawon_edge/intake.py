"""From samples to rows: plausibility, liveness, reports, weighings. Pure of ports and files.

What comes out is what the gateway will accept into its spool, and the live values for the wall.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pawon_contract.messages import Item, LiveValue, Reading, SensorHealth
from pawon_contract.units import implausible

from .health import Health
from .reporting import Reporter
from .sample import Observed, Sample, Trouble
from .weighing import WeighingDetector

# A scale at 20 Hz is the fastest useful device; a babbling one must not fill the gateway.
MIN_SPACING_MS = 40
MAX_TROUBLES = 200


@dataclass(slots=True, kw_only=True)
class SensorLine:
    """Everything that follows one sensor's samples."""

    quantity: str
    reporter: Reporter
    health: Health
    detector: WeighingDetector | None = None
    newest: LiveValue | None = None
    last_ms: int = -1


@dataclass(slots=True, kw_only=True)
class Intake:
    """All sensors of the gateway. ``take`` and ``tick`` return rows in the order they are to be stored."""

    lines: dict[str, SensorLine]
    unknown: int = 0
    # Troubles since ``complaints`` was last asked; the newest, for there may be many.
    _troubles: deque[Trouble] = field(default_factory=lambda: deque(maxlen=MAX_TROUBLES))

    def take(self, observed: Observed) -> tuple[list[Item], LiveValue | None]:
        """One observation of one sensor: the rows it makes, and the value to show now."""
        line = self.lines.get(observed.sensor)
        if line is None:
            self.unknown += 1
            return [], None
        if isinstance(observed, Trouble):
            self._trouble(line, observed)
            return [], None
        if line.last_ms >= 0 and 0 <= observed.at_ms - line.last_ms < MIN_SPACING_MS:
            return [], None
        reason = implausible(line.quantity, observed.value)
        if observed.quantity != line.quantity:
            reason = f"gives {observed.quantity}, configured as {line.quantity}"
        if reason is not None:
            trouble = Trouble(
                sensor=observed.sensor, at_ms=observed.at_ms, kind="nonsense", detail=reason, raw=observed.raw
            )
            self._trouble(line, trouble)
            return [], None
        return self._good(line, observed)

    def complaints(self) -> list[Trouble]:
        """What was not usable since the last call, to be written down."""
        found = list(self._troubles)
        self._troubles.clear()
        return found

    def _trouble(self, line: SensorLine, trouble: Trouble) -> None:
        line.health.saw_trouble(trouble)
        self._troubles.append(trouble)

    def _good(self, line: SensorLine, sample: Sample) -> tuple[list[Item], LiveValue]:
        line.last_ms = sample.at_ms
        rows: list[Item] = []
        if (fault := line.health.saw_good(sample.at_ms)) is not None:
            rows.append(fault)
        if (report := line.reporter.take(sample)) is not None:
            rows.append(report)
        if line.detector is not None:
            rows += line.detector.take(sample.at_ms, sample.value, device_stable=sample.stable, load=sample.load)
        line.newest = LiveValue(
            sensor=sample.sensor, quantity=sample.quantity, at_ms=sample.at_ms, value=sample.value,  # type: ignore[arg-type]  # checked by implausible()
            every_s=line.reporter.heartbeat_s, stable=sample.stable,
        )  # fmt: skip
        return rows, line.newest

    def tick(self, now_ms: int) -> list[Item]:
        """Sensors whose good data is overdue."""
        rows: list[Item] = []
        for line in self.lines.values():
            if (fault := line.health.tick(now_ms)) is not None:
                rows.append(fault)
                line.newest = None
        return rows

    def forgive(self, now_ms: int) -> None:
        """The gateway stood still (suspended, starved): nobody is silent because of that."""
        for line in self.lines.values():
            line.health.forgive(now_ms)

    def live(self) -> list[LiveValue]:
        """The newest good value of every sensor that is not in fault."""
        return [line.newest for line in self.lines.values() if line.newest is not None]

    def health(self, now_ms: int) -> list[SensorHealth]:
        """For the status message."""
        return [line.health.status(now_ms) for line in self.lines.values()]

    def stable_values(self) -> dict[str, int]:
        """The plateau each scale stands on, to be kept across a restart."""
        return {
            sensor: line.detector.stable_g
            for sensor, line in self.lines.items()
            if line.detector is not None and line.detector.stable_g is not None
        }


def readings(rows: list[Item]) -> list[Reading]:
    """The readings among rows: what the guard judges."""
    return [row for row in rows if isinstance(row, Reading)]
