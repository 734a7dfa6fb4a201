"""From samples to rows: plausibility, liveness, reports, weighings. Pure of ports and files.

What comes out is what the gateway will accept into its spool, and the live values for the wall.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pawon_contract.messages import Contact, Item, LiveValue, Reading, SensorHealth, Weighing
from pawon_contract.units import implausible

from .health import Health
from .reporting import ContactReporter, Reporter
from .sample import Observed, Sample, Trouble
from .stillness import Stillness
from .swap import SwapWatch
from .weighing import WeighingDetector

# A scale at 20 Hz is the fastest useful device; a babbling one must not fill the gateway.
MIN_SPACING_MS = 40
MAX_TROUBLES = 200
# The line to the device itself was gone: another may be behind it when it returns.
LOST = frozenset({"port_lost", "hub_lost"})
# The scale still answers from its place, only not with a load: nobody lost sight of it.
IN_SIGHT = frozenset({"overload", "underload", "nonsense", "frozen", "swapped", "no_zero"})


@dataclass(slots=True, kw_only=True)
class SensorLine:
    """Everything that follows one sensor's samples."""

    quantity: str
    reporter: Reporter | ContactReporter
    health: Health
    stillness: Stillness | None = None
    detector: WeighingDetector | None = None
    newest: LiveValue | None = None
    last_ms: int = -1


@dataclass(slots=True, kw_only=True)
class Intake:
    """All sensors of the gateway. ``take`` and ``tick`` return rows in the order they are to be stored."""

    lines: dict[str, SensorLine]
    unknown: int = 0
    _swap: SwapWatch = field(init=False)
    # Troubles since ``complaints`` was last asked; the newest, for there may be many.
    _troubles: deque[Trouble] = field(default_factory=lambda: deque(maxlen=MAX_TROUBLES))

    def __post_init__(self) -> None:
        self._swap = SwapWatch(away={name for name, line in self.lines.items() if line.detector is not None})

    def take(self, observed: Observed) -> tuple[list[Item], LiveValue | None]:
        """One observation of one sensor: the rows it makes, and the value to show now."""
        line = self.lines.get(observed.sensor)
        if line is None:
            self.unknown += 1
            return [], None
        if isinstance(observed, Trouble):
            self._trouble(line, observed)
            if observed.kind in LOST:
                return self._lose_sight(line, observed.sensor), None
            return self._without_number(line, observed), None
        if line.last_ms >= 0 and 0 <= observed.at_ms - line.last_ms < MIN_SPACING_MS:
            return [], None
        wrong = self._wrong(line, observed)
        if wrong is not None:
            kind, detail = wrong
            trouble = Trouble(sensor=observed.sensor, at_ms=observed.at_ms, kind=kind, detail=detail, raw=observed.raw)
            self._trouble(line, trouble)
            return self._without_number(line, trouble), None
        return self._good(line, observed)

    def _wrong(self, line: SensorLine, sample: Sample) -> tuple[str, str] | None:
        """Why a value that came whole cannot be believed: the trouble's kind and detail."""
        if sample.quantity != line.quantity:
            return "nonsense", f"gives {sample.quantity}, configured as {line.quantity}"
        if (reason := implausible(line.quantity, sample.value)) is not None:
            return "nonsense", reason
        if line.stillness is not None and (reason := line.stillness.frozen(sample.at_ms, sample.value)) is not None:
            return "frozen", reason
        if (pair := self._swap.swapped.get(sample.sensor)) is not None:
            return "swapped", f"stands where {pair[0]} stood: put the cables back, or exchange their paths"
        return None

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
            rows += self._weigh(line.detector, sample)
        line.newest = LiveValue(
            sensor=sample.sensor, quantity=sample.quantity, at_ms=sample.at_ms, value=sample.value,  # type: ignore[arg-type]  # checked by implausible()
            every_s=line.reporter.heartbeat_s, stable=sample.stable,
        )  # fmt: skip
        return rows, line.newest

    def _weigh(self, detector: WeighingDetector, sample: Sample) -> list[Weighing]:
        rows = detector.take(
            sample.at_ms, sample.value, device_stable=sample.stable, load=sample.load, tare_g=sample.tare_g
        )
        if detector.stable_g is None:
            return (self._swap.held_of(sample.sensor) if rows else []) + rows
        rows = self._swap.weighed(sample.sensor, rows, sample.at_ms)
        if (pair := self._swap.swapped.get(sample.sensor)) is not None:
            # Neither of them moved: both go on from what they stood at before.
            for name in (sample.sensor, pair[0]):
                scale = self.lines[name].detector
                assert scale is not None  # only scales change places
                scale.forget_plateau(self._swap.swapped[name][1])
        return rows

    def _without_number(self, line: SensorLine, trouble: Trouble) -> list[Item]:
        """A scale that answers, but with no load: what comes after is not unseen, only handled."""
        if line.detector is None or trouble.kind not in IN_SIGHT:
            return []
        return [*line.detector.take(trouble.at_ms, None)]

    def _lose_sight(self, line: SensorLine, sensor: str) -> list[Item]:
        if line.detector is None:
            return []
        told: list[Item] = [*line.detector.lose_sight()]
        return [*self._swap.lost(sensor), *told]

    def tick(self, now_ms: int) -> list[Item]:
        """Sensors whose good data is overdue, and weighings that waited for another scale."""
        rows: list[Item] = [*self._swap.tick(now_ms)]
        for sensor, line in self.lines.items():
            if (fault := line.health.tick(now_ms)) is not None:
                rows.append(fault)
                rows += [] if fault.fault in IN_SIGHT else self._lose_sight(line, sensor)
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
        values = {
            name: line.detector.last_stable_g if (stable := line.detector.stable_g) is None else stable
            for name, line in self.lines.items()
            if line.detector is not None
        }
        held = {name: self._swap.known_g(name) for name in values}
        return {
            name: known
            for name, stable in values.items()
            if (known := stable if held[name] is None else held[name]) is not None
        }


def judged(rows: list[Item]) -> list[Reading | Contact]:
    """What the guard judges among rows."""
    return [row for row in rows if isinstance(row, Reading | Contact)]
