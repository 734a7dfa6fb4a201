"""Readings and the newest value of each sensor; a ``ClockFix`` dates a boot's readings anew, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, union, update

from pawon_contract.messages import Contact, Reading, SensorFault

from ..store.rows import add_rows, put_rows
from ..store.tables import READING_TO_DATE, latest, reading
from .calibrations import AS_IT_CAME, Origin
from .context import Arrival

# A clock that time servers correct moves by less; a stamp further ahead was made while the server's clock was wrong.
CLOCK_STEP_MS = 5_000
DAY_MS = 86_400_000


def believable(fresh_until_ms: int, valid_ms: int, now_ms: int) -> bool:
    """Whether a value may be believed at ``now_ms``: its validity has begun and has not ended."""
    return now_ms < fresh_until_ms <= now_ms + valid_ms + CLOCK_STEP_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """``fresh_until_ms`` by the server's clock; ``boot`` and ``at_ms`` order it against a live value. ``raw`` is the
    value before it was corrected; ``None`` where it was not."""

    value: float | None
    low: float | None
    high: float | None
    measured_ms: int | None
    fresh_until_ms: int
    valid_ms: int
    boot: str | None
    at_ms: int | None
    fault: str | None
    raw: float | None = None


class Readings:
    """Projection of ``reading`` and ``latest``; buffers until ``flush``."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen
        # Nearly every row is as it came: what only the others have is left out, for the insert's sake.
        self._rows: list[tuple[object, ...]] = []
        self._corrected_rows: list[tuple[object, ...]] = []
        self._latest: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()
        # The newest value taken of a sensor, not yet written into its row: only the last of a batch is ever looked at.
        self._taken: dict[str, tuple[Arrival, Reading | Contact, float | None]] = {}

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        self._rows.clear()
        self._corrected_rows.clear()
        self._changed.clear()
        self._taken.clear()
        found = connection.execute(select(latest).where(latest.c.kitchen == self._kitchen))
        self._latest = {row.sensor: dict(row._mapping) for row in found}

    def take(
        self, arrival: Arrival, sequence: int, item: Reading | Contact, origin: Origin = AS_IT_CAME
    ) -> bool:  # fmt: skip
        """One measured value, corrected where it had to be; whether it was older than its validity when it came."""
        quantity, value, low, high, count = _numbers(item)
        valid_ms = item.valid_ms
        late = arrival.sent_ms is None or arrival.sent_ms - item.at_ms > valid_ms
        # In the order of the table's columns.
        row = (
            self._kitchen, arrival.gateway, arrival.spool, sequence, item.sensor, quantity, value, low, high, count,
            arrival.offset_ms + item.at_ms, valid_ms, arrival.boot, item.at_ms, arrival.clock, None,
            arrival.journal_id, late,
        )  # fmt: skip
        if origin is AS_IT_CAME:
            self._rows.append(row)
        else:
            self._corrected_rows.append((*row, origin.raw, origin.calibration))
        if not arrival.replayed or self.is_newest(arrival, item.sensor, item.at_ms):
            if arrival.sent_ms is None:
                self._settle(item.sensor)  # a value whose age is known tells until when the sensor is fresh
            self._taken[item.sensor] = (arrival, item, origin.raw)
        return late

    def _settle(self, sensor: str) -> dict[str, Any] | None:
        """A sensor's row with the newest value taken."""
        if (taken := self._taken.pop(sensor, None)) is None:
            return self._latest.get(sensor)
        arrival, item, raw = taken
        row = self._row(sensor, arrival)
        quantity, value, low, high, _ = _numbers(item)
        valid_ms, age_ms = item.valid_ms, arrival.age_ms(item.at_ms)
        if age_ms is not None:
            # The server's clock and the sender's own ageing decide what is fresh; no gateway's wall clock is trusted.
            row["fresh_until_ms"] = arrival.received_ms - age_ms + valid_ms
        row.update(
            quantity=quantity, value=value, low=low, high=high, measured_ms=arrival.utc_ms(item.at_ms),
            valid_ms=valid_ms, boot=arrival.boot, at_ms=item.at_ms, fault=None, fault_ms=None, raw=raw,
        )  # fmt: skip
        return row

    def take_fault(self, arrival: Arrival, item: SensorFault) -> None:
        """A sensor broke, or works again."""
        self._settle(item.sensor)
        row = self._row(item.sensor, arrival)
        row["fault"] = None if item.cleared else item.fault
        row["fault_ms"] = None if item.cleared else arrival.utc_ms(item.at_ms)

    def is_newest(self, arrival: Arrival, sensor: str, at_ms: int) -> bool:
        """Whether nothing newer is known of the sensor, so that a row of the past can still be judged in its turn."""
        row = self._settle(sensor)
        if row is None:
            return True
        if row["boot"] == arrival.boot:
            return at_ms > int(row["at_ms"])
        known_ms = max(row["measured_ms"] or 0, row["fault_ms"] or 0)
        return arrival.utc_ms(at_ms) > known_ms

    def fix_clock(
        self, connection: Connection, gateway: str, boot: str, offset_ms: int, journal_id: int, *, sensors: set[str]
    ) -> set[tuple[str, int]]:
        """Date a boot's guessed readings by its now known offset; the old stamp is kept, and none is dated twice.

        ``sensors`` are the gateway's: two gateways of one machine share its boot.
        Returns (sensor, UTC day number) of all that were moved, where they were and where they are.
        """
        self.flush(connection)
        guessed = (
            reading.c.kitchen == self._kitchen, reading.c.gateway == gateway, reading.c.boot == boot,
            READING_TO_DATE,
        )  # fmt: skip
        # Used twice it is looked up once, by its own index; a DISTINCT of the table would tempt SQLite to walk it.
        rows = select(reading.c.sensor, reading.c.measured_ms, reading.c.at_ms).where(*guessed).cte("rows_to_date")
        days = [(rows.c.measured_ms // DAY_MS), ((rows.c.at_ms + offset_ms) // DAY_MS)]
        found = connection.execute(union(*(select(rows.c.sensor, day.label("day")) for day in days)))
        moved = {(str(row.sensor), int(row.day)) for row in found}
        connection.execute(
            update(reading)
            .where(*guessed)
            .values(
                first_measured_ms=reading.c.measured_ms, measured_ms=reading.c.at_ms + offset_ms, journal_id=journal_id
            )
        )
        for sensor, row in self._latest.items():
            if sensor in sensors and row["boot"] == boot and row["at_ms"] is not None:
                row["measured_ms"] = row["at_ms"] + offset_ms
                self._changed.add(sensor)
        return moved

    def newest(self, sensor: str) -> Newest | None:
        """The newest stored value of a sensor, or that it is in fault."""
        row = self._settle(sensor)
        if row is None:
            return None
        return Newest(
            value=row["value"], low=row["low"], high=row["high"], measured_ms=row["measured_ms"],
            fresh_until_ms=row["fresh_until_ms"], valid_ms=row["valid_ms"] or 0, boot=row["boot"], at_ms=row["at_ms"],
            fault=row["fault"], raw=row["raw"],
        )  # fmt: skip

    def fresh(self, sensor: str, now_ms: int) -> bool:
        """Whether the newest value may still be believed, by the server's clock."""
        row = self._settle(sensor)
        return row is not None and believable(row["fresh_until_ms"], row["valid_ms"] or 0, now_ms)

    def fresh_until_ms(self, sensor: str) -> int:
        """Since when (server's clock) the newest value is not to be believed any more; 0 when there never was one."""
        row = self._settle(sensor)
        return 0 if row is None else int(row["fresh_until_ms"])

    def fault(self, sensor: str) -> str | None:
        """The fault a sensor is in."""
        row = self._settle(sensor)
        return None if row is None else row["fault"]

    def flush(self, connection: Connection) -> None:
        """Write what was buffered."""
        for rows in (self._rows, self._corrected_rows):
            add_rows(connection, reading, rows)
            rows.clear()
        for sensor in list(self._taken):
            self._settle(sensor)
        put_rows(connection, latest, [self._latest[sensor] for sensor in sorted(self._changed)])
        self._changed.clear()

    def _row(self, sensor: str, arrival: Arrival) -> dict[str, Any]:
        self._changed.add(sensor)
        row = self._latest.get(sensor)
        if row is None:
            row = self._latest[sensor] = {
                "kitchen": self._kitchen, "sensor": sensor, "quantity": None, "value": None, "low": None, "high": None,
                "measured_ms": None, "fresh_until_ms": 0, "valid_ms": None, "boot": None, "at_ms": None,
                "fault": None, "fault_ms": None, "journal_id": 0, "raw": None,
            }  # fmt: skip
        row["journal_id"] = arrival.journal_id
        return row


def _numbers(item: Reading | Contact) -> tuple[str, float, float, float, int]:
    """Quantity, value, lowest and highest since the report before, and how many samples they stand for."""
    if isinstance(item, Contact):
        value = 1.0 if item.active else 0.0
        return item.contact, value, value, value, 1
    value, low, high = item.value, item.low, item.high
    return item.quantity, value, value if low is None else low, value if high is None else high, item.count
