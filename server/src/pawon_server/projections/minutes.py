"""Readings of old days become a row for each minute: least, mean and greatest value, and how much that stands for.

Each stretch is a ``compacted`` journal entry, so that deriving the tables again gives the same minutes. What comes late
for a stretch, or is moved into it by a ``ClockFix``, stands as a raw reading until the next such entry merges it. A
reading whose time is only guessed is never compacted: nobody knows which minute it belongs to.

The mean weighs every report by its samples: a report stands for those since the one before it, and samples come at a
steady rate. Weights in time would need the neighbours of each report, and a late one would change what was told before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, delete, or_, select

from pawon_contract.messages import TRUSTED_CLOCKS

from ..store.rows import add_rows
from ..store.tables import compaction, reading, reading_minute
from .completeness import MINUTE_MS, minutes_covered


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of a ``compacted`` journal entry: one sensor, whole minutes from ``start_ms`` to before ``end_ms``."""

    sensor: str
    start_ms: int
    end_ms: int


def dated() -> ColumnElement[bool]:
    """Readings whose time is known, at once or since a ``ClockFix``."""
    return or_(reading.c.clock.in_(sorted(TRUSTED_CLOCKS)), reading.c.first_measured_ms.is_not(None))


@dataclass(slots=True)
class _Minute:
    """What was measured in one minute, as far as it is known. ``sums``: mean times samples, of every part."""

    low: float = math.inf
    high: float = -math.inf
    sums: list[float] = field(default_factory=list)
    count: int = 0
    reports: int = 0
    late: int = 0
    fixed: int = 0

    def add(self, low: float, mean: float, high: float, *, count: int, reports: int, late: int, fixed: int) -> None:
        """Another part of it. In any order: ``fsum`` rounds once."""
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.sums.append(mean * count)
        self.count += count
        self.reports += reports
        self.late += late
        self.fixed += fixed


class Minutes:
    """Projection of ``reading_minute`` and ``compaction``; takes what it compacts out of ``reading``."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen

    def compact(self, connection: Connection, payload: bytes, journal_id: int) -> None:
        """Apply one ``compacted`` entry. Every reading of earlier entries must be in the table."""
        what = msgspec.json.decode(payload, type=Compacted)
        mine = (
            reading.c.kitchen == self._kitchen, reading.c.sensor == what.sensor,
            reading.c.measured_ms >= what.start_ms, reading.c.measured_ms < what.end_ms, dated(),
        )  # fmt: skip
        rows = connection.execute(select(reading).where(*mine)).all()
        if not rows:
            return
        minutes = self._known(connection, what)
        for row in rows:
            minute = minutes.setdefault((row.measured_ms // MINUTE_MS * MINUTE_MS, row.quantity), _Minute())
            minute.add(row.low, row.value, row.high, count=row._mapping["count"], reports=1, late=int(bool(row.late)),
                       fixed=int(row.first_measured_ms is not None))  # fmt: skip
        connection.execute(delete(reading_minute).where(*self._stretch(what)))
        add_rows(
            connection, reading_minute,
            [
                (
                    self._kitchen, what.sensor, at_ms, quantity, one.low, math.fsum(one.sums) / one.count, one.high,
                    one.count, one.reports, one.late, one.fixed,
                )
                for (at_ms, quantity), one in sorted(minutes.items())
            ],
        )  # fmt: skip
        connection.execute(delete(reading).where(*mine))
        measured, late = (_bits(what, (row for row in rows if bool(row.late) is wanted)) for wanted in (False, True))
        size = (max(measured.bit_length(), late.bit_length()) + 7) // 8
        add_rows(
            connection, compaction,
            [
                (
                    self._kitchen, what.sensor, journal_id, what.start_ms, what.end_ms, len(rows),
                    measured.to_bytes(size, "little"), late.to_bytes(size, "little"),
                )
            ],
        )  # fmt: skip

    def _known(self, connection: Connection, what: Compacted) -> dict[tuple[int, str], _Minute]:
        """The minutes that were compacted before."""
        minutes: dict[tuple[int, str], _Minute] = {}
        for row in connection.execute(select(reading_minute).where(*self._stretch(what))):
            minutes[row.minute_ms, row.quantity] = minute = _Minute()
            minute.add(row.low, row.mean, row.high, count=row._mapping["count"], reports=row.reports, late=row.late,
                       fixed=row.fixed)  # fmt: skip
        return minutes

    def _stretch(self, what: Compacted) -> tuple[ColumnElement[bool], ...]:
        return (
            reading_minute.c.kitchen == self._kitchen, reading_minute.c.sensor == what.sensor,
            reading_minute.c.minute_ms >= what.start_ms, reading_minute.c.minute_ms < what.end_ms,
        )  # fmt: skip


def _bits(what: Compacted, rows: Iterable[Row[Any]]) -> int:
    """The minutes that readings cover, for ``completeness``: the first bit is the minute of ``start_ms``."""
    start, bits = what.start_ms // MINUTE_MS, 0
    for row in rows:
        for minute in minutes_covered(row.measured_ms, row.valid_ms):
            bits |= 1 << (minute - start)
    return bits
