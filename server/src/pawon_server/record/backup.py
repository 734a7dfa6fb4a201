"""Copies a store while it is served, and puts a copy in a store's place.

A backup is one file that was proven before it got its name. A restore never deletes: what it replaces is kept under a
dated name. It begins a new epoch, so that gateways believe the lower numbers and send again what the backup lacks, and
it carries over which alerts had gone out since, so that nobody is paged twice.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError

from ..ingest.acceptance import Acceptance, OwnEntry
from ..projections.context import Changes
from ..projections.projector import AlertSent, Restored
from ..store.database import StoreError, claim, new_epoch, open_aside, open_to_read
from ..store.turn import be_alone
from .verify import Finding, Proof, verify

# Pages copied between two words of progress: 16 MB with SQLite's 4 kB pages.
STEP_PAGES = 4_000
# What a copy leaves free on its disk: a serving server may need it.
KEEP_FREE_BYTES = 256 << 20
# Alerts in one ``restored`` entry; more make more entries.
ALERTS_AT_ONCE = 1_000

_SENT = "SELECT id AS alert, channel, sent_ms FROM alert WHERE kitchen = :kitchen AND sent_ms IS NOT NULL ORDER BY id"
_SENT_BEFORE = "SELECT alert, channel, sent_ms FROM sent_before WHERE kitchen = :kitchen ORDER BY alert"

Progress = Callable[[int, int], None]

# The files of a store.
PARTS = ("", "-wal", "-shm", "-journal")


class NotProvenError(StoreError):
    """The copy cannot be true; ``finding`` says where."""

    def __init__(self, path: Path, finding: Finding) -> None:
        super().__init__(f"{path} is not proven: {finding.text()}")
        self.finding = finding


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """A finished backup."""

    file: str
    bytes: int
    rows: int
    proof: Proof


class PutBack(msgspec.Struct, frozen=True, kw_only=True):
    """A finished restore. ``aside``: where the store that was there is kept now; ``carried``: alerts known as sent."""

    epoch: str
    aside: str | None
    carried: int
    unknown_alerts: bool
    proof: Proof


def back_up(store: Path, kitchen: str, file: Path, *, progress: Progress = lambda *_: None) -> Copied:
    """Copy ``store`` to ``file``, which is replaced only by a proven copy. Raises ``StoreError``."""
    open_to_read(store).dispose()
    if file.exists() and file.samefile(store):
        raise StoreError(f"{file} is the store itself; give another file")
    new = file.with_name(f"{file.name}.new")
    with _mine(new):
        _copy(store, new, progress)
        os.chmod(new, store.stat().st_mode & 0o777)  # noqa: PTH101 - as private as what it is a copy of
        proof = _proven(new, kitchen)
        _sync(new)
        new.replace(file)
        _sync(file.parent)
    rows = sum(one.upto - one.lost for one in proof.spools)
    return Copied(file=str(file), bytes=file.stat().st_size, rows=rows, proof=proof)


def restore(
    store: Path, kitchen: str, file: Path, utc_ms: Callable[[], int], *, progress: Progress = lambda *_: None
) -> PutBack:
    """Put the backup ``file`` in the place of ``store``. Raises ``StoreError``, and then nothing has changed."""
    open_to_read(file, older=True).dispose()
    if store.exists() and file.samefile(store):
        raise StoreError(f"{file} is the store itself; give a backup")
    with closing(claim(store)):
        new = store.with_name(f"{store.name}.restore")
        with _mine(new):
            _copy(file, new, progress)
            proof = _proven(new, kitchen)
            sent = _sent_since(store, kitchen)
            epoch, carried = _begin_anew(new, kitchen, utc_ms, sent or [])
            if store.exists():
                os.chmod(new, store.stat().st_mode & 0o777)  # noqa: PTH101 - as private as it was
            _sync(new)
            aside = _put_aside(store, utc_ms(), readable=sent is not None)
            new.replace(store)
            _sync(store.parent)
    return PutBack(
        epoch=epoch, aside=None if aside is None else str(aside), carried=carried,
        unknown_alerts=aside is not None and sent is None, proof=proof,
    )  # fmt: skip


# --- copying ----------------------------------------------------------------------------------------------------------


@contextmanager
def _mine(new: Path) -> Iterator[IO[bytes]]:
    """An empty file that nobody else writes; gone at the end unless it got another name."""
    try:
        handle = new.open("ab")
    except OSError as error:
        raise StoreError(f"{new}: {error.strerror}; give a folder that may be written") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(f"{new}: is being written by another backup; wait for its end") from error
        number = os.fstat(handle.fileno()).st_ino
        try:
            handle.truncate(0)  # what a killed one left
            yield handle
        finally:
            with suppress(OSError):
                if new.stat().st_ino == number:
                    new.unlink()
            for beside in PARTS[1:]:
                Path(f"{new}{beside}").unlink(missing_ok=True)


def _copy(source: Path, target: Path, progress: Progress) -> None:
    """One moment of ``source`` into ``target``. The moment is held open, which blocks no writer; without it every
    commit of a serving server would make the copy begin again."""
    address = f"file:{quote(str(source.absolute()))}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(address, uri=True, timeout=5.0, isolation_level=None)) as one,
            closing(sqlite3.connect(target, isolation_level=None)) as other,
        ):
            one.execute("BEGIN")
            size = one.execute("PRAGMA page_count").fetchone()[0] * one.execute("PRAGMA page_size").fetchone()[0]
            one.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if shutil.disk_usage(target.parent).free < size + KEEP_FREE_BYTES:
                raise StoreError(
                    f"{target.parent}: a copy takes {size >> 20} MB and leaves less than {KEEP_FREE_BYTES >> 20} MB "
                    "free; make room or give another folder"
                )
            one.backup(other, pages=STEP_PAGES, progress=lambda _, left, of: progress(of - left, of))
            other.execute("PRAGMA journal_mode = DELETE")  # one file, with no log beside it
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error}") from error


def _proven(copy: Path, kitchen: str) -> Proof:
    proof = verify(open_to_read(copy, older=True), kitchen)
    if proof.finding is not None:
        raise NotProvenError(copy, proof.finding)
    return proof


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# --- putting back -----------------------------------------------------------------------------------------------------


def _sent_since(store: Path, kitchen: str) -> list[AlertSent] | None:
    """The alerts that went out from the store that is replaced; ``None`` when it cannot be read."""
    if not store.exists():
        return []
    queries = [_SENT]
    try:
        with open_to_read(store, older=True).begin() as connection:
            if connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'sent_before'")).first() is not None:
                queries.append(_SENT_BEFORE)  # of a restore before this one
            return [
                AlertSent(alert=row.alert, channel=row.channel, sent_ms=row.sent_ms)
                for query in queries
                for row in connection.execute(text(query), {"kitchen": kitchen})
            ]
    except (StoreError, DatabaseError, msgspec.ValidationError):
        return None


def _begin_anew(new: Path, kitchen: str, utc_ms: Callable[[], int], sent: list[AlertSent]) -> tuple[str, int]:
    """A new epoch in the copy, and what is known of alerts, as entries of its journal."""
    engine = open_aside(new)
    try:
        with engine.begin() as connection:
            missing = _not_known(connection, kitchen, sent)
            return _journal_epoch(connection, kitchen, utc_ms, missing), len(missing)
    finally:
        engine.dispose()


def begin_new_epoch(writer: Engine, kitchen: str, utc_ms: Callable[[], int]) -> str:
    """For a database that was put back by its own tools. Raises ``StoreError`` while a worker lives, of any kitchen:
    it would go on to speak of the epoch that it knows."""
    with writer.begin() as connection:
        be_alone(connection, kitchen, everywhere=True)
        return _journal_epoch(connection, kitchen, utc_ms, [])


def _journal_epoch(connection: Connection, kitchen: str, utc_ms: Callable[[], int], sent: list[AlertSent]) -> str:
    epoch = new_epoch(connection)
    acceptance = Acceptance(kitchen, epoch, utc_ms)
    acceptance.load(connection)
    for place in range(0, max(1, len(sent)), ALERTS_AT_ONCE):
        payload = msgspec.json.encode(Restored(epoch=epoch, sent=sent[place : place + ALERTS_AT_ONCE]))
        acceptance.own(connection, OwnEntry(kind="restored", payload=payload), Changes())
    acceptance.flush(connection)
    return epoch


def _not_known(connection: Connection, kitchen: str, sent: Iterable[AlertSent]) -> list[AlertSent]:
    """Those that the backup does not know as sent. A silence is named by its journal entry, and that number will mean
    another silence from here on: only those that the backup has are the same."""
    alerts = connection.execute(text("SELECT id, sent_ms FROM alert WHERE kitchen = :kitchen"), {"kitchen": kitchen})
    there = {row.id: row.sent_ms for row in alerts}
    incidents = set(
        connection.execute(text("SELECT id FROM incident WHERE kitchen = :kitchen"), {"kitchen": kitchen}).scalars()
    )
    by_name = {one.alert: one for one in sent}
    return [
        one
        for name, one in by_name.items()
        if there.get(name) is None and (not name.startswith("silence.") or name.rpartition(".")[0] in incidents)
    ]


def _put_aside(store: Path, now_ms: int, *, readable: bool) -> Path | None:
    """Keep the store that is there under a dated name, nothing of it deleted; ``None`` when there is none."""
    at = datetime.fromtimestamp(now_ms / 1000, tz=UTC)
    aside = store.with_name(f"{store.name}.replaced-{at:%Y%m%dT%H%M%S}Z")
    number = 1
    while any(Path(f"{aside}{part}").exists() for part in PARTS):
        number += 1
        aside = store.with_name(f"{store.name}.replaced-{at:%Y%m%dT%H%M%S}Z-{number}")
    if store.exists() and readable:
        with suppress(sqlite3.Error), closing(sqlite3.connect(store, timeout=5.0)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")  # its log is folded in
    for part in PARTS[1:]:  # a log left beside the new file would be taken for its own
        if Path(f"{store}{part}").exists():
            Path(f"{store}{part}").rename(f"{aside}{part}")
    there = store.exists()
    if there:
        try:
            os.link(store, aside)  # the place is never empty: a crash here leaves the old store in it
        except OSError:
            store.rename(aside)  # a file system without links
    _sync(store.parent)
    return aside if there else None
