"""How complete the record is: for every sensor and local day, which minutes were measured, which came late.

A minute counts by its middle: it is measured when some value could be believed at hh:mm:30, that is, when a reading
covers that moment with its validity. *Late* is a minute known only by readings that were older than their validity when
they came: nobody could have acted on them. What no reading covers is unknown. Minutes are bits, so that any order of
arrival, and any repetition, gives the same; a reading sets two bits at most.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, delete, select

from ..store.rows import put_rows
from ..store.tables import compaction, completeness, reading

# Days that can be asked for; those of ``LAST_MS``.
FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(9998, 11, 30)
MINUTE_MS = 60_000
MIDDLE_MS = 30_000
DAY_MS = 86_400_000
# Dates a calendar has: what a broken clock claims outside the years 1970 to 9998 is on no day.
LAST_MS = 253_370_764_800_000
# Sensor-days held in memory: a hundred sensors that drain a month of backlog.
MAX_HELD = 4_096


@dataclass(frozen=True, slots=True)
class Day:
    """A local day: its name, and its minutes ``start``..``end`` (exclusive) counted from 1970 in UTC."""

    name: str
    start: int
    end: int


@dataclass(slots=True)
class _Bits:
    """The minutes of one sensor-day; bit 0 is the first."""

    start: int
    minutes: int
    measured: int = 0
    late: int = 0


@lru_cache(maxsize=64)
def local_day(name: str, zone: str) -> Day:
    """The local day ``name`` (ISO). It has 1440 minutes wherever no clock is put back or forward."""
    at = date.fromisoformat(name)
    start, end = (datetime(one.year, one.month, one.day, tzinfo=ZoneInfo(zone)) for one in (at, at + timedelta(days=1)))
    return Day(name, int(start.timestamp()) // 60, int(end.timestamp()) // 60)


def day_of(minute: int, zone: str) -> Day:
    """The local day of a minute counted from 1970 in UTC."""
    return local_day(datetime.fromtimestamp(minute * 60, tz=UTC).astimezone(ZoneInfo(zone)).date().isoformat(), zone)


def minutes_covered(measured_ms: int, valid_ms: int) -> range:
    """The minutes, counted from 1970 in UTC, whose middles a reading covers."""
    first = (measured_ms + MIDDLE_MS - 1) // MINUTE_MS
    return range(first, (measured_ms + valid_ms - MIDDLE_MS - 1) // MINUTE_MS + 1)


def minutes_known(measured: bytes, late: bytes, of: int) -> tuple[int, int]:
    """How many of the first ``of`` minutes were measured, and how many are known by late readings only."""
    mask = (1 << of) - 1
    on_time = int.from_bytes(measured, "little") & mask
    return on_time.bit_count(), (int.from_bytes(late, "little") & mask & ~on_time).bit_count()


class Completeness:
    """Projection of ``completeness``; buffers until ``flush``."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen
        self._held: OrderedDict[tuple[str, str], _Bits] = OrderedDict()
        self._dirty: set[tuple[str, str]] = set()
        self._day: tuple[str, Day] = ("", Day("", 0, 0))
        # What each sensor's newest reading marked: the next one mostly marks the same.
        self._last: dict[str, tuple[int, int, bool, str]] = {}

    def load(self, _connection: Connection) -> None:
        """Forget what was not committed; what was is read when it is needed."""
        self._held.clear()
        self._dirty.clear()
        self._last.clear()

    def take(self, connection: Connection, zone: str, sensor: str, measured_ms: int, valid_ms: int, late: bool) -> None:
        """One reading or switch report. Asked for every one, so it says at once what the one before it has marked."""
        first = (measured_ms + MIDDLE_MS - 1) // MINUTE_MS
        end = (measured_ms + valid_ms - MIDDLE_MS - 1) // MINUTE_MS + 1
        marks = (first, end, late, zone)
        if first == end or self._last.get(sensor) == marks or not 0 <= measured_ms < LAST_MS:
            return
        self._last[sensor] = marks
        for minute in range(first, end):
            if zone != self._day[0] or not self._day[1].start <= minute < self._day[1].end:
                self._day = (zone, day_of(minute, zone))
            self._mark(connection, sensor, self._day[1], minute, late)

    def fix_clock(self, connection: Connection, zone: str, moved: set[tuple[str, int]]) -> None:
        """Readings were dated anew: the days they left and the days they came to are counted again.

        ``moved``: (sensor, UTC day number) of each, before and after. ``reading`` holds the new dates.
        """
        self._last.clear()
        days: set[tuple[str, Day]] = set()
        for sensor, number in moved:
            if 0 <= number * DAY_MS < LAST_MS:
                days |= {(sensor, day_of(number * 1440 + minute, zone)) for minute in (0, 1439)}
        for sensor, day in sorted(days, key=lambda one: (one[0], one[1].name)):
            self._count_again(connection, sensor, day)

    def flush(self, connection: Connection) -> None:
        """Write the days that changed, and let go of those held longest."""
        put_rows(connection, completeness, [self._row(sensor, name) for sensor, name in sorted(self._dirty)])
        self._dirty.clear()
        while len(self._held) > MAX_HELD:
            self._held.popitem(last=False)

    def _row(self, sensor: str, name: str) -> dict[str, object]:
        bits = self._held[sensor, name]
        size = (bits.minutes + 7) // 8
        return {
            "kitchen": self._kitchen, "sensor": sensor, "day": name, "start_ms": bits.start * MINUTE_MS,
            "minutes": bits.minutes, "measured": bits.measured.to_bytes(size, "little"),
            "late": bits.late.to_bytes(size, "little"),
        }  # fmt: skip

    def _mark(self, connection: Connection, sensor: str, day: Day, minute: int, late: bool) -> None:
        bits = self._bits(connection, sensor, day)
        place = minute - bits.start
        if not 0 <= place < bits.minutes:
            return  # the kitchen's zone was changed on that day
        before = bits.late if late else bits.measured
        after = before | 1 << place
        if after != before:
            if late:
                bits.late = after
            else:
                bits.measured = after
            self._dirty.add((sensor, day.name))

    def _bits(self, connection: Connection, sensor: str, day: Day) -> _Bits:
        key = (sensor, day.name)
        bits = self._held.get(key)
        if bits is None:
            row = connection.execute(select(completeness).where(*self._key(*key))).first()
            bits = _Bits(day.start, day.end - day.start) if row is None else _Bits(
                row.start_ms // MINUTE_MS, row.minutes, int.from_bytes(row.measured, "little"),
                int.from_bytes(row.late, "little"),
            )  # fmt: skip
            self._held[key] = bits
        self._held.move_to_end(key)
        return bits

    def _count_again(self, connection: Connection, sensor: str, day: Day) -> None:
        """One sensor-day from its readings. A day without any is a day without a row."""
        self._held.pop((sensor, day.name), None)
        self._dirty.discard((sensor, day.name))
        connection.execute(delete(completeness).where(*self._key(sensor, day.name)))
        found = connection.execute(
            select(reading.c.measured_ms, reading.c.valid_ms, reading.c.late).where(
                reading.c.kitchen == self._kitchen, reading.c.sensor == sensor,
                reading.c.measured_ms >= (day.start - 2) * MINUTE_MS, reading.c.measured_ms < day.end * MINUTE_MS,
            )
        )  # fmt: skip
        for row in found:
            for minute in minutes_covered(row.measured_ms, row.valid_ms):
                if day.start <= minute < day.end:
                    self._mark(connection, sensor, day, minute, bool(row.late))
        self._mark_compacted(connection, sensor, day)

    def _mark_compacted(self, connection: Connection, sensor: str, day: Day) -> None:
        """What readings covered that have become minutes since."""
        found = connection.execute(
            select(compaction).where(
                compaction.c.kitchen == self._kitchen, compaction.c.sensor == sensor,
                compaction.c.end_ms > (day.start - 2) * MINUTE_MS, compaction.c.start_ms < day.end * MINUTE_MS,
            )
        )  # fmt: skip
        for row in found:
            bits, start = self._bits(connection, sensor, day), row.start_ms // MINUTE_MS
            measured, late = (
                int.from_bytes(marks, "little") << max(0, start - bits.start) >> max(0, bits.start - start)
                & (1 << bits.minutes) - 1
                for marks in (row.measured, row.late)
            )
            if measured or late:
                bits.measured |= measured
                bits.late |= late
                self._dirty.add((sensor, day.name))

    def _key(self, sensor: str, name: str) -> tuple[ColumnElement[bool], ...]:
        return (
            completeness.c.kitchen == self._kitchen, completeness.c.sensor == sensor, completeness.c.day == name,
        )  # fmt: skip
