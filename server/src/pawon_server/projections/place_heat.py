"""How warm a place was, by the record: readings, or the minutes that old ones became, of the sensors of that place.

Which sensors those were is what the configuration of that time says. A place's own probe in the food, or in a buffer
that follows it, tells alone; only where there is none the air does. Nothing is stored: every question reads a bounded
part of the record, and what it cannot read is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from ..food_safety.heat import (
    MINUTE_MS,
    Edges,
    Report,
    Slice,
    by_minutes,
    clipped,
    edges_of,
    held,
    together,
)
from ..rulebook import Rulebook, Sensor, Settings
from ..store.tables import compaction, journal, reading, reading_minute
from .minutes import dated

# A month of a probe that reports every minute has 43,200 rows; beyond this many the rest of a stretch is unknown.
MAX_ROWS = 250_000
# Versions of the configuration that are looked at; a kitchen changes it some ten times a year.
MAX_VERSIONS = 200
# Minutes that a stretch covers may lie behind its end, as far as a report is believed: 90 s at most.
REACH_MS = 2 * MINUTE_MS
TEMPERATURE = "temperature_c"
_DECODER = msgspec.json.Decoder(Settings)


class Sources(NamedTuple):
    """What measured a place for a stretch; ``air``: only the air around the food."""

    start_ms: int
    end_ms: int
    sensors: tuple[Sensor, ...]
    air: bool


class Felt(NamedTuple):
    """What was measured where food lay from ``start_ms`` to ``end_ms``.

    ``points`` are the place's control points; ``sensed``: something measures there at all; ``air``: for a time only
    the air around the food; ``edges``: where the place's critical limits are broken.
    """

    start_ms: int
    end_ms: int
    series: list[Slice]
    points: tuple[str, ...]
    air: bool
    sensed: bool
    edges: Edges


class PlaceHeat:
    """The places of a kitchen over a connection. Remembers what it read: ask one for everything of one answer."""

    def __init__(self, connection: Connection, book: Rulebook) -> None:
        self._connection, self._book = connection, book
        self._kitchen = book.settings.kitchen
        self._versions: list[tuple[int, Settings]] | None = None
        self._left = MAX_ROWS
        self._kept: dict[str, tuple[int, int, list[Slice]]] = {}  # by sensor the longest stretch that was read

    @property
    def complete(self) -> bool:
        """Whether all was read; when not, the rest stands as unknown."""
        return self._left > 0

    def felt(self, place: str, start_ms: int, end_ms: int, food: str) -> Felt:
        """What food of a class felt in a place."""
        sources = self._sources(place, start_ms, end_ms)
        series: list[Slice] = []
        for source in sources:
            told = [self._sensor(sensor.id, source.start_ms, source.end_ms) for sensor in source.sensors]
            series += together(told)
        sensors = {sensor.id: sensor for source in sources for sensor in source.sensors}
        points = {sensor.point for sensor in sensors.values() if sensor.point}
        errors = [sensor.error_c for sensor in sensors.values()]
        error_c = max((one for one in errors if one is not None), default=None) if None not in errors else None
        return Felt(
            start_ms, end_ms, series, tuple(sorted(points)), any(one.air for one in sources), bool(sources),
            edges_of(self._book.profile, points, food, error_c),
        )  # fmt: skip

    def _sources(self, place: str, start_ms: int, end_ms: int) -> list[Sources]:
        """Who measured there, version of the configuration by version."""
        if self._versions is None:
            self._versions = self._read_versions()
        found: list[Sources] = []
        for number, (from_ms, settings) in enumerate(self._versions):
            begin_ms = start_ms if number == 0 else max(start_ms, from_ms)
            until_ms = self._versions[number + 1][0] if number + 1 < len(self._versions) else end_ms
            here = _measuring(settings.sensors, place)
            if begin_ms < min(until_ms, end_ms) and here:
                air = all(sensor.measures == "air" for sensor in here)
                if found and found[-1].end_ms == begin_ms and found[-1].sensors == here:
                    found[-1] = found[-1]._replace(end_ms=min(until_ms, end_ms))
                else:
                    found.append(Sources(begin_ms, min(until_ms, end_ms), here, air))
        return found

    def _read_versions(self) -> list[tuple[int, Settings]]:
        found = self._connection.execute(
            select(journal.c.received_ms, journal.c.payload)
            .where(journal.c.kitchen == self._kitchen, journal.c.kind == "config")
            .order_by(journal.c.id.desc())
            .limit(MAX_VERSIONS)
        ).all()
        versions: list[tuple[int, Settings]] = []
        for row in reversed(found):
            # A server's clock that was put back: what came later counts from where the one before it did.
            from_ms = max(row.received_ms, versions[-1][0] if versions else 0)
            versions.append((from_ms, _DECODER.decode(row.payload)))
        return versions

    def _sensor(self, sensor: str, start_ms: int, end_ms: int) -> list[Slice]:
        kept = self._kept.get(sensor)
        if kept is not None and kept[0] <= start_ms and end_ms <= kept[1]:
            return clipped(kept[2], start_ms, end_ms)
        series = [self._minutes(sensor, start_ms, end_ms), self._raw(sensor, start_ms, end_ms)]
        found = clipped(together(series), start_ms, end_ms)
        if kept is None or end_ms - start_ms > kept[1] - kept[0]:
            self._kept[sensor] = (start_ms, end_ms, found)
        return found

    def _raw(self, sensor: str, start_ms: int, end_ms: int) -> list[Slice]:
        """Readings whose time is known, and the last one before, for its value may reach in."""
        asked = select(
            reading.c.measured_ms, reading.c.valid_ms, reading.c.value, reading.c.low, reading.c.high
        ).where(
            reading.c.kitchen == self._kitchen, reading.c.sensor == sensor, reading.c.quantity == TEMPERATURE, dated()
        )  # fmt: skip
        before = asked.where(reading.c.measured_ms < start_ms).order_by(reading.c.measured_ms.desc()).limit(1)
        within = (
            asked.where(reading.c.measured_ms >= start_ms, reading.c.measured_ms < end_ms)
            .order_by(reading.c.measured_ms)
            .limit(self._left)
        )
        rows = [*self._connection.execute(before).all(), *self._connection.execute(within).all()]
        self._left = max(0, self._left - len(rows))
        return held(Report(at, at + valid, value, low, high) for at, valid, value, low, high in rows)

    def _minutes(self, sensor: str, start_ms: int, end_ms: int) -> list[Slice]:
        """Old minutes; a value of the last minute before may still have been believed at the beginning."""
        stretches = self._connection.execute(
            select(compaction.c.start_ms, compaction.c.measured, compaction.c.late).where(
                compaction.c.kitchen == self._kitchen, compaction.c.sensor == sensor,
                compaction.c.end_ms > start_ms - REACH_MS, compaction.c.start_ms < end_ms,
            )
        ).all()  # fmt: skip
        if not stretches:
            return []
        here = (
            reading_minute.c.kitchen == self._kitchen, reading_minute.c.sensor == sensor,
            reading_minute.c.quantity == TEMPERATURE,
        )  # fmt: skip
        asked = select(reading_minute.c.minute_ms, reading_minute.c.low, reading_minute.c.high).where(*here)
        first_ms = start_ms // MINUTE_MS * MINUTE_MS
        before = asked.where(reading_minute.c.minute_ms < first_ms).order_by(reading_minute.c.minute_ms.desc())
        within = asked.where(reading_minute.c.minute_ms >= first_ms, reading_minute.c.minute_ms < end_ms)
        rows = [
            *self._connection.execute(before.limit(1)).all(),
            *self._connection.execute(within.order_by(reading_minute.c.minute_ms).limit(self._left)).all(),
        ]
        self._left = max(0, self._left - len(rows))
        known = {row.minute_ms // MINUTE_MS: (row.low, row.high) for row in rows}
        last = end_ms // MINUTE_MS
        covered = (
            minute
            for row in stretches
            for minute in _minutes_of(row.start_ms // MINUTE_MS, row.measured, row.late)
            if first_ms // MINUTE_MS <= minute <= last
        )
        return by_minutes(known, covered)


def _measuring(sensors: Iterable[Sensor], place: str) -> tuple[Sensor, ...]:
    """The thermometers of a place: those that follow the food if there are any, else those of the air."""
    here = [one for one in sensors if place and one.place == place and one.quantity == TEMPERATURE]
    return tuple([one for one in here if one.measures == "product"] or here)


def _minutes_of(start: int, *marks: bytes) -> Iterable[int]:
    """The minutes that a compacted stretch covers, of its bits."""
    bits = 0
    for one in marks:
        bits |= int.from_bytes(one, "little")
    return (start + place for place in range(bits.bit_length()) if bits >> place & 1)
