"""Looks after old data beside a serving writer: seals old batches into segments, makes old readings minutes.

A thread of its own reads and plans; a process of its own packs (``sealing``); the writer only gets small steps, one
between two groups. Every step leaves a whole store behind, and what is to be done next is read from the store: killed
anywhere, it goes on where it stood. It deletes nothing that a proven segment does not hold.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import SQLAlchemyError

from ..ingest.acceptance import Acceptance, OwnEntry
from ..ingest.writer import Step, StepNotDoneError
from ..projections.context import Changes
from ..projections.minutes import Compacted
from ..store.database import StoreError
from ..store.journal import sealed_upto
from ..store.segments import digest_of
from ..store.tables import journal, segment
from .compacting import guessed, horizon_ms, next_slice, sensors
from .sealing import Answer, Job, Prepared, put_in

log = logging.getLogger(__name__)

# Batches taken out of the journal's table in one step: some ten milliseconds on a Raspberry Pi.
DELETE_AT_ONCE = 500
LOOK_EVERY_S = 3_600.0
# After a step the writer is left alone for so many times as long as the step took.
REST = 4.0
SHORTEST_REST_S = 0.02
# A run that fills no segment is sealed when it is older than this many times ``seal_after_days``.
PATIENCE = 5
DAY_MS = 86_400_000
# Packing a segment takes some seconds; on a loaded Raspberry Pi a minute.
PACK_TIMEOUT_S = 900.0

Packer = Callable[[Job], Answer]


class Upkeep:
    """One kitchen's old data. ``step``: the writer's ``run_step``; ``exported`` tells how far an exporter has read."""

    def __init__(
        self, reader: Engine, store: Path, kitchen: str, zone: str, *, seal_after_days: int, raw_days: int,
        step: Callable[[Step], None], utc_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        exported: Callable[[], int] | None = None, pack: Packer | None = None,
    ) -> None:  # fmt: skip
        self._reader, self._store, self._kitchen, self._zone = reader, store, kitchen, zone
        self._seal_after_days, self._raw_days = seal_after_days, raw_days
        self._step, self._utc_ms, self._exported = step, utc_ms, exported
        self._pack: Packer = pack or self._pack_apart
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._finding = ""
        self._said_guessed = 0
        self.sealed_rows = 0
        self.compacted_slices = 0
        self.left_raw = 0  # old readings whose time is only guessed
        self.failures = 0

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step at hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def look(self) -> None:
        """Do all that is due. Raises what the store or the writer raises; whatever was done stays done."""
        try:
            self.seal()
        finally:
            self.compact()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except (StepNotDoneError, StoreError, SQLAlchemyError, OSError, subprocess.SubprocessError) as error:
                if not self._stop.is_set():
                    self.failures += 1
                    log.error("old data waits for its upkeep: %s", error)
            self._stop.wait(LOOK_EVERY_S)

    def _do(self, work: Step) -> None:
        began = time.monotonic()
        self._step(work)
        self._stop.wait(max(SHORTEST_REST_S, REST * (time.monotonic() - began)))

    # --- sealing ----------------------------------------------------------------------------------------------------

    def seal(self) -> None:
        """Finish what was begun, and seal what is old enough, segment by segment."""
        self._clear()
        while not self._stop.is_set():
            before_ms = self._utc_ms() - self._seal_after_days * DAY_MS
            answer = self._pack(
                Job(
                    store=str(self._store), kitchen=self._kitchen, before_ms=before_ms,
                    patience_ms=before_ms - (PATIENCE - 1) * self._seal_after_days * DAY_MS,
                )
            )  # fmt: skip
            if answer.finding is not None and answer.finding.text() != self._finding:
                self._finding = answer.finding.text()
                log.critical("a run of the journal is not proven and so not sealed: %s", self._finding)
            if answer.prepared is None or self._stop.is_set():
                return
            self._put_in(answer.prepared)
            self._clear()

    def _put_in(self, prepared: Prepared) -> None:
        self._do(put_in(prepared))
        self.sealed_rows += prepared.head.rows
        head = prepared.head
        log.info("journal entries %d..%d are sealed: %d rows in %d bytes", head.first_id, head.last_id, head.rows,
                 len(prepared.content))  # fmt: skip

    def _clear(self) -> None:
        """Take out of the journal's table what segments hold. Raises ``StoreError`` for a segment that is damaged."""
        proven = 0
        while not self._stop.is_set():
            with self._reader.begin() as connection:
                upto = sealed_upto(connection, self._kitchen)
                batches = (
                    select(journal.c.id)
                    .where(journal.c.kitchen == self._kitchen, journal.c.kind == "batch", journal.c.id <= upto)
                    .order_by(journal.c.id)
                )
                found = connection.execute(batches.limit(DELETE_AT_ONCE)).scalars().all()
                if not found:
                    return
                if found[-1] > proven:
                    proven = self._proven(connection, found[0])
            self._do(taken_out(found[0], min(found[-1], proven)))

    def _proven(self, connection: Connection, number: int) -> int:
        """The end of the segment of an entry, whose bytes are those that were sealed."""
        row = connection.execute(
            select(segment)
            .where(segment.c.kitchen == self._kitchen, segment.c.first_id <= number)
            .order_by(segment.c.first_id.desc())
            .limit(1)
        ).one()
        if digest_of(row.content) != row.digest:
            raise StoreError(
                f"the segment of journal entries {row.first_id}..{row.last_id} is damaged; its batches stay where they "
                "are. Run pawon-server verify"
            )
        return int(row.last_id)

    def _pack_apart(self, job: Job) -> Answer:
        """In a process of its own, which is ended when the server ends."""
        command = [sys.executable, "-m", "pawon_server.record.sealing"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            text: bytes | None = msgspec.json.encode(job)
            until_s = time.monotonic() + PACK_TIMEOUT_S
            while True:
                try:
                    answer, _ = process.communicate(text, timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    text = None
                    if self._stop.is_set() or time.monotonic() > until_s:
                        process.kill()
        if process.returncode != 0:
            if self._stop.is_set():
                return Answer()
            raise StoreError(f"packing a segment has failed with status {process.returncode}; see above")
        return msgspec.msgpack.decode(answer, type=Answer)

    # --- compaction -------------------------------------------------------------------------------------------------

    def compact(self) -> None:
        """Make readings minutes that are old enough, slice by slice; count those that cannot be."""
        with self._reader.begin() as connection:
            before_ms = horizon_ms(connection, self._kitchen, self._zone, self._utc_ms(), self._raw_days)
            names = list(sensors(connection, self._kitchen))
        for name in names:
            while not self._stop.is_set():
                with self._reader.begin() as connection:
                    found = next_slice(
                        connection, self._kitchen, name, self._zone, before_ms=before_ms,
                        exported=None if self._exported is None else self._exported(),
                    )  # fmt: skip
                if found is None:
                    break
                self._do(compacted(found))
                self.compacted_slices += 1
        with self._reader.begin() as connection:
            self.left_raw = sum(guessed(connection, self._kitchen, name, before_ms) for name in names)
        if self.left_raw != self._said_guessed:
            self._said_guessed = self.left_raw
            log.warning("%d old readings stay raw: the time of their boot was only guessed", self.left_raw)


def taken_out(first: int, last: int) -> Step:
    """The step that takes sealed batches out of the journal's table."""

    def step(connection: Connection, acceptance: Acceptance) -> None:
        connection.execute(
            delete(journal).where(
                journal.c.kitchen == acceptance.kitchen, journal.c.kind == "batch", journal.c.id >= first,
                journal.c.id <= last,
            )
        )  # fmt: skip

    return step


def compacted(what: Compacted) -> Step:
    """The step that makes a stretch of readings minutes."""

    def step(connection: Connection, acceptance: Acceptance) -> None:
        acceptance.own(connection, OwnEntry(kind="compacted", payload=msgspec.json.encode(what)), Changes())

    return step
