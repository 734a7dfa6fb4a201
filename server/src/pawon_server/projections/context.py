"""What a projection is told about the row at hand, and what it tells of what it changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from pawon_contract.messages import TRUSTED_CLOCKS, ClockQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One batch on its arrival: who sent it, in which boot, how its times become UTC and ages."""

    journal_id: int
    received_ms: int
    gateway: str
    spool: str
    boot: str
    offset_ms: int
    clock: ClockQuality
    error_ms: int
    # Monotonic ms of the sending in the rows' own boot; ``None`` for rows of an earlier boot.
    sent_ms: int | None
    # The same in whichever boot sent them, and which that was.
    sender_ms: int = 0
    sender_boot: str = ""
    # A row of the past out of quarantine: it pages nobody as if it were now, and books nothing by itself.
    replayed: bool = False

    def utc_ms(self, at_ms: int) -> int:
        """A row's time as the sender believes it."""
        return self.offset_ms + at_ms

    def age_ms(self, at_ms: int) -> int | None:
        """How old a row was on arrival, by the sender's own monotonic clock; unknown for an earlier boot."""
        return None if self.sent_ms is None else max(0, self.sent_ms - at_ms)

    @property
    def trusted(self) -> bool:
        """Whether the sender's time is known rather than guessed."""
        return self.clock in TRUSTED_CLOCKS


@dataclass(slots=True)
class Changes:
    """What a commit changed, for the screens and the alert sender."""

    sensors: set[str] = field(default_factory=set)
    incidents: bool = False
    stock: bool = False
    gateways: bool = False
    alerts: bool = False
    batches: bool = False

    def __bool__(self) -> bool:
        return bool(self.sensors or self.incidents or self.stock or self.gateways or self.alerts or self.batches)
