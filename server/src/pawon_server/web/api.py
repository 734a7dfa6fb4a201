"""``/api/v1``: the record as JSON. Lists are newest first and answer ``{"items": [...], "next": cursor}``; ``next`` is
given back as ``cursor`` and is null on the last page. Times are ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, Table, func, literal, or_, select, tuple_

from pawon_contract.codec import digest
from pawon_contract.units import QUANTITIES

from ..projections.boot_times import Span
from ..projections.calibrations import Instrument, Record, instruments, records_of, state_of
from ..projections.completeness import (
    FIRST_DAY,
    LAST_DAY,
    MIDDLE_MS,
    MINUTE_MS,
    day_of,
    local_day,
    minutes_known,
)
from ..rulebook import Rulebook
from ..store.stock_tables import ledger_line, lot, movement, purchase
from ..store.tables import (
    batch,
    batch_school,
    calibration,
    checked,
    completeness,
    gateway,
    incident,
    quarantine,
    reading,
    reading_minute,
)
from .dates import Dates
from .queries import incident_views
from .view import Snapshot

MAX_PAGE = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_INTEGER = 2**63 - 1  # the store's

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
# PostgreSQL's texts hold no NUL, so nothing that is asked for can hold one.
NO_NUL = r"^[^\x00]*$"
Cursor = Annotated[str | None, Query(max_length=200, pattern=NO_NUL)]
AskedDay = Annotated[date | None, Query(ge=FIRST_DAY, le=LAST_DAY)]
Word = Annotated[str | None, Query(max_length=64, pattern=NO_NUL)]


class Page(BaseModel):
    """One page of a list."""

    items: list[dict[str, Any]]
    next: str | None


def iso(at_ms: int | None) -> str | None:
    """Milliseconds UTC as text; ``None`` also for what a broken clock claimed outside the years 1 to 9999."""
    if at_ms is None:
        return None
    try:
        at = EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def api(reader: Engine, book: Rulebook, snapshot: Callable[[], Snapshot]) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["record"])
    kitchen = book.settings.kitchen
    names = {sensor.id: sensor.name for sensor in book.settings.sensors}
    thermometers = instruments(book)

    @router.get("/latest")
    def latest(sensor: Word = None, point: Word = None, quantity: Word = None, state: Word = None) -> Page:
        """The newest value of every sensor, with its state and age. ``calibration`` (of thermometers): ``ok``,
        ``overdue``, ``rejected``, ``never`` where the profile asks for it, else ``none``; ``due_at`` the next check."""
        now = snapshot()
        with reader.connect() as connection:
            known = records_of(connection, kitchen, names)
        items = [
            {
                "sensor": tile.sensor, "name": tile.name, "point": tile.point, "quantity": tile.quantity,
                "unit": tile.unit, "value": tile.value, "state": tile.state, "fault": tile.fault,
                "age_s": None if tile.age_ms is None else round(tile.age_ms / 1000, 3),
                "measured_at": None if tile.age_ms is None else iso(now.now_ms - tile.age_ms),
                "valid_for_s": round(tile.valid_for_ms / 1000, 3), "stable": tile.stable, "limit": tile.limit,
                "calibration": None if tile.sensor not in thermometers else calibration_state(
                    book, thermometers[tile.sensor], known.get(tile.sensor, []), now.now_ms
                ),
            }
            for tile in now.tiles
            if _wanted(tile.sensor, sensor) and _wanted(tile.point, point) and _wanted(tile.quantity, quantity)
            and _wanted(tile.state, state)
        ]  # fmt: skip
        return Page(items=items, next=None)

    @router.get("/readings")
    def readings(
        sensor: Word = None, quantity: Word = None, since: AwareDatetime | None = None,
        until: AwareDatetime | None = None, cursor: Cursor = None, limit: Limit = 100,
    ) -> Page:  # fmt: skip
        """What was measured; ``since`` is included, ``until`` is not. ``raw`` is the value before ``calibration`` (its
        number) corrected it; null where none did. Where the clock only guessed (``rtc``,
        ``guess``), ``earliest_at`` and ``latest_at`` bound the time; null where nothing does. ``resolution``: a report
        as it came (``raw``), or of old days a whole ``minute`` with its mean, least and greatest value."""
        asked = {"sensor": sensor, "quantity": quantity}
        where = _where(reading, kitchen, asked) + _between(reading.c.measured_ms, since, until)
        keys = (reading.c.measured_ms, reading.c.sequence, reading.c.spool, reading.c.gateway)
        rows, following = _page(reader, select(reading).where(*where), keys, cursor, limit)
        dates = _dates(reader, kitchen, [row.boot for row in rows])
        items = [
            {
                "resolution": "raw", "sensor": row.sensor, "name": names.get(row.sensor, row.sensor),
                "quantity": row.quantity,
                "unit": QUANTITIES[row.quantity].unit if row.quantity in QUANTITIES else "", "value": row.value,
                "low": row.low, "high": row.high, "raw": row.raw, "calibration": row.calibration,
                "count": row.count, "measured_at": iso(row.measured_ms),
                "first_measured_at": iso(row.first_measured_ms), "clock": row.clock,
                **_between_at("", dates.span(row.gateway, row.boot, row.clock, row.at_ms)),
                "valid_s": row.valid_ms / 1000, "gateway": row.gateway, "spool": row.spool, "sequence": row.sequence,
            }
            for row in rows
        ]  # fmt: skip
        between = _between(reading_minute.c.minute_ms, since, until)
        minutes = old_minutes(reader, kitchen, asked, between, cursor, limit)
        if not minutes:
            return Page(items=items, next=following)
        places: list[tuple[Any, ...]] = [tuple(row._mapping[key] for key in keys) for row in rows]
        items += [
            {
                "resolution": "minute", "sensor": row.sensor, "name": names.get(row.sensor, row.sensor),
                "quantity": row.quantity, "unit": QUANTITIES[row.quantity].unit if row.quantity in QUANTITIES else "",
                "value": row.mean, "low": row.low, "high": row.high, "raw": None, "calibration": None,
                "count": row._mapping["count"],
                "measured_at": iso(row.minute_ms), "first_measured_at": None, "clock": None,
                "valid_s": MINUTE_MS / 1000, "gateway": None, "spool": None, "sequence": None,
            }
            for row in minutes
        ]  # fmt: skip
        places += [(row.minute_ms, 0, row.sensor, row.quantity) for row in minutes]
        order = sorted(range(len(items)), key=lambda place: places[place], reverse=True)
        if following is None and len(order) <= limit:
            return Page(items=[items[place] for place in order], next=None)
        last = places[order[limit - 1]]
        return Page(items=[items[place] for place in order[:limit]], next="~".join(map(str, last)))

    @router.get("/completeness")
    def complete(day: AskedDay = None, sensor: Word = None) -> Page:
        """How complete a day's record is, per sensor (today by default): minutes measured, known late only, unknown;
        of how many. A minute counts by its middle. Of today only what is over counts."""
        now_ms = snapshot().now_ms
        zone = book.settings.timezone
        here = local_day(day.isoformat() if day else day_of(now_ms // MINUTE_MS, zone).name, zone)
        over = max(0, (now_ms - MIDDLE_MS) // MINUTE_MS + 1 - here.start)
        where = _where(completeness, kitchen, {"sensor": sensor, "day": here.name})
        with reader.connect() as connection:
            found = {row.sensor: row for row in connection.execute(select(completeness).where(*where).limit(MAX_PAGE))}
        wanted = [name for name in names if _wanted(name, sensor)]
        items = []
        for name in [*wanted, *sorted(set(found) - set(wanted))][:MAX_PAGE]:
            row = found.get(name)
            of = min(over, here.end - here.start if row is None else row.minutes)
            measured, late = (0, 0) if row is None else minutes_known(row.measured, row.late, of)
            items.append(
                {
                    "sensor": name, "name": names.get(name, name), "day": here.name, "measured": measured,
                    "late": late, "unknown": of - measured - late, "of": of,
                }
            )  # fmt: skip
        return Page(items=items, next=None)

    @router.get("/incidents")
    def incidents(
        sensor: Word = None, kind: Word = None, severity: Word = None, open: bool | None = None,
        since: AwareDatetime | None = None, until: AwareDatetime | None = None, cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page:  # fmt: skip
        """What went wrong; ``closed_at`` is null while it lasts. Where the clock that dated the opening (``clock``) or
        the closing (``closed_clock``) only guessed, ``earliest_at`` and so on bound it. ``calibration`` is how the
        thermometer's calibration stood when it opened; ``handling`` how far people have come with it: opened,
        acknowledged, acted, unsigned (a second signature is missing), held, settled."""
        where = _where(incident, kitchen, {"sensor": sensor, "kind": kind, "severity": severity})
        where += _between(incident.c.opened_ms, since, until)
        if open is not None:
            where.append(incident.c.closed_ms.is_(None) if open else incident.c.closed_ms.is_not(None))
        keys = (incident.c.opened_ms, incident.c.id)
        rows, following = _page(reader, select(incident).where(*where), keys, cursor, limit)
        with reader.connect() as connection:
            items = incident_items(connection, book, rows)
        return Page(items=items, next=following)

    @router.get("/gateways")
    def gateways(name: Annotated[str | None, Query(alias="gateway", max_length=64, pattern=NO_NUL)] = None) -> Page:
        """How every gateway does."""
        with reader.connect() as connection:
            rows = {row.gateway: row for row in connection.execute(select(gateway).where(gateway.c.kitchen == kitchen))}
        items = []
        for view in snapshot().gateways:
            if not _wanted(view.gateway, name):
                continue
            row = rows.get(view.gateway)
            items.append(
                {
                    "gateway": view.gateway, "online": view.online, "queue_rows": view.queue_rows,
                    "oldest_s": None if view.oldest_ms is None else view.oldest_ms / 1000, "upto": view.upto,
                    "spool": row.spool if row else None, "boot": row.boot if row else None,
                    "clock": row.clock if row else None, "clock_error_ms": row.error_ms if row else None,
                    "received_at": iso(row.received_ms) if row else None,
                    "delay_s": row.delay_ms / 1000 if row else None, "refused": row.refused if row else 0,
                    "guard": view.guard, "trouble": view.trouble,
                }
            )  # fmt: skip
        return Page(items=items, next=None)

    @router.get("/quarantine")
    def quarantined(name: Annotated[str | None, Query(alias="gateway", max_length=64, pattern=NO_NUL)] = None,
                    cursor: Cursor = None, limit: Limit = 100) -> Page:  # fmt: skip
        """What could not be used, with its reason, its digest (SHA-256) and its bytes (hex, the first 512)."""
        rows, following = kept_rows(reader, kitchen, name, cursor, limit)
        items = [
            {
                "id": f"{row.journal_id}.{row.sequence}", "gateway": row.gateway, "spool": row.spool,
                "sequence": row.sequence or None, "reason": row.reason, "received_at": iso(row.received_ms),
                "digest": digest(row.raw), "raw": row.raw[:512].hex(), "raw_bytes": len(row.raw),
            }
            for row in rows
        ]  # fmt: skip
        return Page(items=items, next=following)

    return router


def incident_items(connection: Connection, book: Rulebook, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Incidents as the API gives them."""
    dates = Dates.of(connection, book.settings.kitchen, [name for row in rows for name in (row.boot, row.closed_boot)])
    known = records_of(connection, book.settings.kitchen, {row.sensor for row in rows})
    items = []
    for row, view in zip(rows, incident_views(connection, book, rows), strict=True):
        ours = row.id.partition(".")[0]
        opened = dates.span(ours, row.boot, row.clock, row.opened_ms - (row.offset_ms or 0))
        closed = dates.span(ours, row.closed_boot, row.closed_clock, (row.closed_ms or 0) - (row.closed_offset_ms or 0))
        items.append(
            {
                "id": row.id, "kind": row.kind, "severity": row.severity, "sensor": row.sensor, "name": view.name,
                "point": row.point, "rule": row.rule, "text": view.text_id, "text_en": view.text_en,
                "action": view.action_id, "action_en": view.action_en, "began_at": iso(row.began_ms),
                "opened_at": iso(row.opened_ms), "closed_at": iso(row.closed_ms), "worst": row.worst,
                "limit": row.limit_value, "unit": view.unit, "late": row.late, "detail": row.detail,
                "explained_by": row.explained_by,
                # What was measured by hand was not measured by the sensor that it is about.
                "calibration": None if row.kind == "check" else calibrated(book, known, row.sensor, row.opened_ms),
                "first_opened_at": iso(row.first_opened_ms), "first_closed_at": iso(row.first_closed_ms),
                "clock": row.clock, **_between_at("", opened), "closed_clock": row.closed_clock,
                **_between_at("closed_", closed), "profile": row.profile, "profile_version": row.profile_version,
                "handling": view.handling, "acknowledged_at": iso(row.acknowledged_ms),
                "settled": view.handling == "settled", "settled_at": iso(row.settled_ms),
                "disposition": row.disposition, "cause": view.cause, "corrective_action": view.done,
            }
        )  # fmt: skip
    return items


def batch_rows(
    reader: Engine,
    kitchen: str,
    day: date | None,
    state: str | None,
    school: str | None,
    cursor: str | None,
    limit: int,
) -> tuple[list[Any], str | None]:
    """One page of cooked batches, the newest first, and where the next page begins."""
    where = _where(batch, kitchen, {"day": None if day is None else day.isoformat(), "state": state})
    if school is not None:
        there = select(batch_school.c.batch).where(batch_school.c.kitchen == kitchen, batch_school.c.school == school)
        where.append(batch.c.id.in_(there))
    return _page(reader, select(batch).where(*where), (batch.c.opened_ms, batch.c.id), cursor, limit)


def calibrated(book: Rulebook, known: dict[str, list[Record]], name: str, at_ms: int) -> str | None:
    """How the calibration of a sensor stood at a time; ``None`` for what is no thermometer."""
    one = instruments(book).get(name)
    return None if one is None else calibration_state(book, one, known.get(name, []), at_ms)["state"]


def calibration_state(book: Rulebook, one: Instrument, records: list[Record], at_ms: int) -> dict[str, Any]:
    """How a thermometer's calibration stood at a time, as the API says it."""
    state, due_ms = state_of(records, book.profile, one.kind, at_ms)
    return {"state": state, "due_at": iso(due_ms)}


def calibration_rows(
    reader: Engine, kitchen: str, asked: dict[str, str | None], cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """One page of the checks of thermometers, the newest performed first, and the cursor of the next. Raises
    ``HTTPException`` for a bad one."""
    keys = (calibration.c.performed_ms, calibration.c.id)
    return _page(reader, select(calibration).where(*_where(calibration, kitchen, asked)), keys, cursor, limit)


def check_rows(
    reader: Engine, kitchen: str, filters: dict[str, str | None], between: tuple[datetime | None, datetime | None],
    cursor: str | None, limit: int,
) -> tuple[list[Any], str | None]:  # fmt: skip
    """One page of what was measured by hand, newest first, and the cursor of the next. Raises ``HTTPException`` for a
    bad one."""
    where = _where(checked, kitchen, filters) + _between(checked.c.at_ms, *between)
    return _page(reader, select(checked).where(*where), (checked.c.at_ms, checked.c.id), cursor, limit)


def kept_rows(
    reader: Engine, kitchen: str, name: str | None, cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """One page of the quarantine, newest first, and the cursor of the next. Raises ``HTTPException`` for a bad one."""
    keys = (quarantine.c.journal_id, quarantine.c.sequence)
    return _page(reader, select(quarantine).where(*_where(quarantine, kitchen, {"gateway": name})), keys, cursor, limit)


def lot_rows(
    reader: Engine, kitchen: str, filters: dict[str, str | None], between: tuple[datetime | None, datetime | None],
    cursor: str | None, limit: int,
) -> tuple[list[Any], str | None]:  # fmt: skip
    """One page of the lots, newest first, and the cursor of the next. Raises ``HTTPException`` for a bad one."""
    where = _where(lot, kitchen, filters) + _between(lot.c.received_ms, *between)
    return _page(reader, select(lot).where(*where), (lot.c.received_ms, lot.c.id), cursor, limit)


def order_rows(
    reader: Engine, kitchen: str, filters: dict[str, str | None], cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """One page of the orders, newest first, and the cursor of the next. Raises ``HTTPException`` for a bad one."""
    where = _where(purchase, kitchen, filters)
    return _page(reader, select(purchase).where(*where), (purchase.c.placed_ms, purchase.c.id), cursor, limit)


def movement_rows(
    reader: Engine, kitchen: str, filters: dict[str, str | None], lot: str | None,
    between: tuple[datetime | None, datetime | None], cursor: str | None, limit: int,
) -> tuple[list[Any], str | None]:  # fmt: skip
    """One page of the movements, newest first, and the cursor of the next; of a ``lot`` also those of which nobody said
    it and the book assumes so. Raises ``HTTPException`` for a bad cursor."""
    where = _where(movement, kitchen, filters) + _between(movement.c.occurred_ms, *between)
    if lot is not None:
        of = select(ledger_line.c.movement).where(ledger_line.c.kitchen == kitchen, ledger_line.c.lot == lot)
        where.append(or_(movement.c.lot == lot, movement.c.id.in_(of)) if lot else movement.c.lot == lot)
    return _page(reader, select(movement).where(*where), (movement.c.occurred_ms, movement.c.id), cursor, limit)


def _dates(reader: Engine, kitchen: str, names: list[str | None]) -> Dates:
    with reader.connect() as connection:
        return Dates.of(connection, kitchen, names)


def _between_at(of: str, span: Span) -> dict[str, str | None]:
    return {f"{of}earliest_at": iso(span[0]), f"{of}latest_at": iso(span[1])}


def old_minutes(
    reader: Engine, kitchen: str, asked: dict[str, str | None], between: list[ColumnElement[bool]], cursor: str | None,
    limit: int,
) -> list[Any]:  # fmt: skip
    """The newest minutes of old days before ``cursor``, at most one more than ``limit``, sensor by sensor as they lie
    in the table. In the order of readings a minute stands at its beginning, behind what is raw there."""
    zero: ColumnElement[int] = literal(0)
    keys = (reading_minute.c.minute_ms, zero, reading_minute.c.sensor, reading_minute.c.quantity)
    where = _where(reading_minute, kitchen, asked) + between
    if cursor is not None:
        where.append(_after(keys, cursor))
    rows: list[Any] = []
    with reader.connect() as connection:
        name: str | None = ""
        while True:
            following = select(func.min(reading_minute.c.sensor)).where(
                reading_minute.c.kitchen == kitchen, reading_minute.c.sensor > name
            )
            name = asked["sensor"] or connection.execute(following).scalar()
            if name is None:
                break
            newest = select(reading_minute).where(*where, reading_minute.c.sensor == name)
            rows += connection.execute(newest.order_by(reading_minute.c.minute_ms.desc()).limit(limit + 1)).all()
            if asked["sensor"] is not None:
                break
    rows.sort(key=lambda row: (row.minute_ms, row.sensor, row.quantity), reverse=True)
    return rows[: limit + 1]


def _wanted(value: str, filter_value: str | None) -> bool:
    return filter_value is None or value == filter_value


def _where(table: Table, kitchen: str, filters: dict[str, str | None]) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [table.c.kitchen == kitchen]
    where += [table.c[name] == value for name, value in filters.items() if value is not None]
    return where


def _between(column: ColumnElement[int], since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if since is not None:
        where.append(column >= _ms(since))
    if until is not None:
        where.append(column < _ms(until))
    return where


def _ms(at: datetime) -> int:
    """Milliseconds UTC, rounded up: a whole millisecond lies before ``at`` exactly when it lies before this."""
    return -((EPOCH - at) // timedelta(milliseconds=1))


def _page(
    reader: Engine, query: Select[Any], keys: tuple[ColumnElement[Any], ...], cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """One page in descending order of ``keys``; the cursor is the last row's keys, so rows may come in between."""
    if cursor is not None:
        query = query.where(_after(keys, cursor))
    query = query.order_by(*(key.desc() for key in keys)).limit(limit + 1)
    with reader.connect() as connection:
        rows = list(connection.execute(query).all())
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]._mapping
    return rows[:limit], "~".join(str(last[key]) for key in keys)


def _after(keys: tuple[ColumnElement[Any], ...], cursor: str) -> ColumnElement[bool]:
    parts = cursor.split("~")
    try:
        if len(parts) != len(keys):
            raise ValueError
        values = [int(part) if key.type.python_type is int else part for key, part in zip(keys, parts, strict=True)]
        if any(isinstance(value, int) and abs(value) > MAX_INTEGER for value in values):
            raise ValueError
    except ValueError as error:
        raise HTTPException(422, "cursor: give back what `next` said") from error
    return tuple_(*keys) < tuple_(*values)
