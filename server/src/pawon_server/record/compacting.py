"""Which old readings become minutes next. Looks only; the entry it asks for does it (``projections.minutes``)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, not_, select

from ..projections.completeness import LAST_MS, MINUTE_MS, day_of
from ..projections.minutes import Compacted, dated
from ..store.tables import latest, reading

# Readings in one entry. Those of one sensor lie scattered among the others', so a step changes about as many pages:
# a megabyte, some ten milliseconds of the writer's time.
SLICE_READINGS = 250
DAY_MS = 86_400_000


def horizon_ms(connection: Connection, kitchen: str, zone: str, now_ms: int, raw_days: int) -> int:
    """The start of the first local day that stays raw. It is ``raw_days`` ago both by this server's clock and by the
    newest reading: a server whose clock has jumped ahead compacts nothing before its time."""
    newest_ms = connection.execute(select(func.max(latest.c.measured_ms)).where(latest.c.kitchen == kitchen)).scalar()
    known_ms = min(now_ms, LAST_MS, now_ms if newest_ms is None else newest_ms)
    return day_of(max(0, known_ms - raw_days * DAY_MS) // MINUTE_MS, zone).start * MINUTE_MS


def sensors(connection: Connection, kitchen: str) -> Iterator[str]:
    """Every sensor that has raw readings."""
    name = ""
    while True:
        found = connection.execute(
            select(reading.c.sensor)
            .where(reading.c.kitchen == kitchen, reading.c.sensor > name)
            .order_by(reading.c.sensor)
            .limit(1)
        ).scalar()
        if found is None:
            return
        name = str(found)
        yield name


def next_slice(
    connection: Connection, kitchen: str, sensor: str, zone: str, *, before_ms: int, exported: int | None
) -> Compacted | None:
    """The oldest stretch of a sensor's readings that may become minutes: at most ``SLICE_READINGS`` of one local day.

    ``exported``: the journal entry up to which readings were exported; none goes before it has been.
    """
    mine = (reading.c.kitchen == kitchen, reading.c.sensor == sensor, reading.c.measured_ms >= 0, dated())
    times = (
        select(reading.c.measured_ms).where(*mine, reading.c.measured_ms < before_ms).order_by(reading.c.measured_ms)
    )
    oldest = connection.execute(times.limit(1)).scalar()
    if oldest is None:
        return None
    start_ms = oldest // MINUTE_MS * MINUTE_MS
    end_ms = min(before_ms, day_of(oldest // MINUTE_MS, zone).end * MINUTE_MS)
    beyond = connection.execute(times.where(reading.c.measured_ms < end_ms).offset(SLICE_READINGS).limit(1)).scalar()
    if beyond is not None:
        end_ms = max(beyond // MINUTE_MS * MINUTE_MS, start_ms + MINUTE_MS)
    if exported is not None:
        newest = select(func.max(reading.c.journal_id)).where(
            *mine, reading.c.measured_ms >= start_ms, reading.c.measured_ms < end_ms
        )
        if int(connection.execute(newest).scalar() or 0) > exported:
            return None
    return Compacted(sensor=sensor, start_ms=start_ms, end_ms=end_ms)


def guessed(connection: Connection, kitchen: str, sensor: str, before_ms: int) -> int:
    """How many of a sensor's old readings stay raw because nobody knows when they were measured."""
    left = select(func.count()).where(
        reading.c.kitchen == kitchen, reading.c.sensor == sensor, reading.c.measured_ms < before_ms, not_(dated())
    )
    return int(connection.execute(left).scalar() or 0)
