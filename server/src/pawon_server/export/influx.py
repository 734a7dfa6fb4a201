"""Carries the store's rows to InfluxDB 2.x, behind a cursor of its own: any outage is only lag.

Every projection row names the journal entry that last changed it. The exporter asks for the rows of the next entries,
writes their points, and only then moves its cursor; killed in between, it writes the same points again, which changes
nothing (see ``points``). It depends on one property of the store: journal numbers of a kitchen become visible in order.

It must not write anything but its cursor, nor hold up anybody: ``run`` is the body of a thread of its own.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from sqlalchemy import Connection, Engine, LargeBinary, Table, func, insert, select, update
from sqlalchemy.exc import OperationalError
from urllib3.exceptions import HTTPError

from pawon_food_safety.profile import Profile

from ..store.stock_tables import movement
from ..store.tables import export_cursor, gateway, incident, journal, reading
from . import points

log = logging.getLogger(__name__)

EXPORTER = "influx"
# Journal entries a step: a batch holds at most 2000 rows, and a step that fails is done again from its start.
STEP_ENTRIES = 200
# Rows a request: about 500 kB of line protocol before compression, a tenth of InfluxDB's advice for weak machines.
REQUEST_ROWS = 5000
IDLE_S = 1.0
BACKOFF_FIRST_S = 0.5
BACKOFF_LONGEST_S = 60.0
# A connection in a kitchen's network is made within 2 s or not at all; a loaded Raspberry Pi may need long to store.
CONNECT_TIMEOUT_MS = 2_000
READ_TIMEOUT_MS = 10_000
# InfluxDB's word for "I stored the rest, these points I never will": beyond retention, or another type of field.
PARTLY_REFUSED = 422
# Other people's error texts end here.
ERROR_TEXT_LONGEST = 200

# The world failed: the database of points, the network before it, or a store that is locked right now.
WORLD_FAILED = (InfluxDBError, HTTPError, OSError, OperationalError)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExportStatus:
    """Where the exporter stands, for ``/metrics``. ``last_error`` is empty while all is well."""

    cursor: int = 0
    newest: int = 0
    points_total: int = 0
    refused_total: int = 0  # requests of which InfluxDB stored only a part, for ever
    left_out_total: int = 0  # rows whose time does not exist in InfluxDB
    failures_total: int = 0
    last_error: str = ""

    @property
    def lag_entries(self) -> int:
        """Journal entries not yet exported."""
        return max(0, self.newest - self.cursor)


class InfluxExporter:
    """Exports one kitchen. ``sensors`` gives each configured sensor's name and control point."""

    def __init__(
        self,
        engine: Engine,
        *,
        kitchen: str,
        url: str,
        org: str,
        bucket: str,
        token: str,
        profile: Profile,
        sensors: Mapping[str, tuple[str, str]],
        jitter: Callable[[], float] = random.random,
        on_duty: Callable[[], bool] = lambda: True,
    ) -> None:
        self._engine = engine
        self._kitchen = kitchen
        self._bucket = bucket
        self._org = org
        self._profile = profile
        self._sensors = dict(sensors)
        self._jitter = jitter
        self._on_duty = on_duty
        self._stop = threading.Event()
        self._status = ExportStatus()
        self._limits_at: dict[tuple[str, str], int] = {}
        # No retries inside the client: the one loop that retries is ``run``.
        self._client = InfluxDBClient(
            url=url, token=token, org=org, timeout=(CONNECT_TIMEOUT_MS, READ_TIMEOUT_MS), enable_gzip=True
        )
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)

    @property
    def status(self) -> ExportStatus:
        """A snapshot; may be read from any thread."""
        return self._status

    def run(self) -> None:
        """Exports until ``stop``. Make it a daemon thread: at worst it ends one request's timeout after ``stop``."""
        failures = 0
        try:
            while not self._stop.is_set():
                if not self._on_duty():  # another worker of this kitchen exports
                    self._stop.wait(IDLE_S)
                    continue
                try:
                    self.step()
                except WORLD_FAILED as error:
                    failures += 1
                    self._failed(error, first=failures == 1)
                    self._stop.wait(backoff_s(failures, self._jitter()))
                    continue
                if failures:
                    log.info("InfluxDB takes points again; %d journal entries behind", self._status.lag_entries)
                failures = 0
                if not self._status.lag_entries:
                    self._stop.wait(IDLE_S)
        finally:
            self._client.close()

    def stop(self) -> None:
        """Asks ``run`` to end; returns at once. What was not finished is exported after the next start."""
        self._stop.set()

    def step(self) -> int:
        """Exports the next journal entries and moves the cursor past them. Returns the points written.

        Raises one of ``WORLD_FAILED`` with the cursor where it was.
        """
        written = left_out = 0
        limits_at = dict(self._limits_at)
        with self._engine.connect() as connection:
            cursor, newest = self._position(connection)
            upto = min(newest, cursor + STEP_ENTRIES)
            if upto <= cursor:
                self._status = dataclasses.replace(self._status, last_error="")
                return 0
            for table in (reading, incident, movement, gateway):
                wanted = [column for column in table.c if not isinstance(column.type, LargeBinary)]
                # Streamed, for one ClockFix may touch a whole day's rows.
                found = connection.execution_options(yield_per=REQUEST_ROWS).execute(
                    select(*wanted)
                    .where(table.c.kitchen == self._kitchen, table.c.journal_id > cursor, table.c.journal_id <= upto)
                    .order_by(table.c.journal_id)
                )
                for rows in found.mappings().partitions():
                    if self._stop.is_set():
                        return written
                    made = list(self._points(table, rows, limits_at))
                    left_out += sum(not of_row for of_row in made)
                    written += self._write([point for of_row in made for point in of_row])
        self._move_cursor(upto)
        self._limits_at = limits_at
        self._status = dataclasses.replace(
            self._status,
            cursor=upto,
            points_total=self._status.points_total + written,
            left_out_total=self._status.left_out_total + left_out,
            last_error="",
        )
        return written

    def _position(self, connection: Connection) -> tuple[int, int]:
        """The last entry exported and the newest there is."""
        mine = (export_cursor.c.kitchen == self._kitchen) & (export_cursor.c.exporter == EXPORTER)
        cursor = connection.execute(select(export_cursor.c.journal_id).where(mine)).scalar()
        newest = connection.execute(select(func.max(journal.c.id)).where(journal.c.kitchen == self._kitchen)).scalar()
        place = (0 if cursor is None else int(cursor), 0 if newest is None else int(newest))
        self._status = dataclasses.replace(self._status, cursor=place[0], newest=place[1])
        return place

    def _points(
        self, table: Table, rows: Iterable[Mapping[Any, Any]], limits_at: dict[tuple[str, str], int]
    ) -> Iterator[list[Point]]:
        """The points of each row."""
        for row in rows:
            if table is reading:
                name, point = self._sensors.get(row["sensor"], ("", ""))
                made = list(points.reading_points(row, point=point))
                key, slot = (row["sensor"], row["quantity"]), points.limit_slot_ms(row["measured_ms"])
                if made and point and limits_at.get(key) != slot:
                    limits_at[key] = slot
                    made += points.limit_points(row, name=name, point=point, profile=self._profile)
                yield made
            elif table is incident:
                yield list(points.incident_points(row))
            elif table is movement:
                yield list(points.movement_points(row))
            else:
                yield list(points.gateway_points(row))

    def _write(self, made: list[Point]) -> int:
        if not made:
            return 0
        try:
            self._writer.write(bucket=self._bucket, org=self._org, record=made, write_precision=WritePrecision.MS)
        except ApiException as error:
            if error.status != PARTLY_REFUSED:
                raise
            self._status = dataclasses.replace(self._status, refused_total=self._status.refused_total + 1)
            log.warning("InfluxDB refused some of %d points for ever: %s", len(made), describe(error))
        return len(made)

    def _move_cursor(self, upto: int) -> None:
        mine = (export_cursor.c.kitchen == self._kitchen) & (export_cursor.c.exporter == EXPORTER)
        with self._engine.begin() as connection:
            if not connection.execute(update(export_cursor).where(mine).values(journal_id=upto)).rowcount:
                connection.execute(
                    insert(export_cursor).values(kitchen=self._kitchen, exporter=EXPORTER, journal_id=upto)
                )

    def _failed(self, error: Exception, *, first: bool) -> None:
        text = describe(error)
        self._status = dataclasses.replace(
            self._status, failures_total=self._status.failures_total + 1, last_error=text
        )
        # An outage is one line in the log, not one a minute; /metrics tells the rest.
        log.log(logging.WARNING if first else logging.DEBUG, "InfluxDB takes no points: %s", text)


def backoff_s(failures: int, chance: float) -> float:
    """The wait after the n-th failure in a row; ``chance`` in 0..1 spreads many exporters over half of it."""
    longest = min(BACKOFF_LONGEST_S, BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + 0.5 * chance)


def describe(error: Exception) -> str:
    """An error in a few words, without headers: nothing that was sent, above all no token, may come back in it."""
    if isinstance(error, ApiException) and error.status is not None:
        return f"HTTP {error.status}: {_message(error.body)}"[:ERROR_TEXT_LONGEST]
    return f"{type(error).__name__}: {error}"[:ERROR_TEXT_LONGEST]


def _message(body: bytes | str | None) -> str:
    try:
        answer = json.loads(body or b"{}")
    except ValueError:
        return "no readable answer"
    told = answer.get("message") or answer.get("error") if isinstance(answer, dict) else None
    return str(told or "no reason given")
