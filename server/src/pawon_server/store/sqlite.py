"""What only SQLite knows: how a file is opened, claimed and made durable, and what guards its journal."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from sqlalchemy import Connection, Dialect, Engine, Table, create_engine, event, text
from sqlalchemy.pool import NullPool

from .address import StoreError

# What a person can do about the world around the file; everything else is about the bytes in it.
REMEDIES = {
    sqlite3.SQLITE_BUSY: "another program holds it; end that one and start again",
    sqlite3.SQLITE_FULL: "its disk is full; free some space and start again",
    sqlite3.SQLITE_IOERR: "its disk fails; look at the system's log, and at the disk, before you start again",
    sqlite3.SQLITE_READONLY: "it may not be written; look at the rights of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; look at the rights of the file and its folder, and at free space",
}
# Statements by name and the schema version that brought them; a store needs the newest that its version has.
_ANY_DELETE = (
    "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
)
_VERSIONS: tuple[tuple[str, str, str], ...] = (
    (
        "journal_no_update", "0001",
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    ),
    ("journal_no_delete", "0001", _ANY_DELETE),
    (
        "journal_only_next", "0002",
        "CREATE TRIGGER journal_only_next BEFORE INSERT ON journal WHEN NEW.id IS NOT "
        "(SELECT coalesce(max(id), 0) + 1 FROM journal WHERE kitchen = NEW.kitchen) "
        "BEGIN SELECT RAISE(ABORT, 'the journal takes only its next entry'); END",
    ),
    (
        "journal_no_delete", "0004",
        "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal WHEN OLD.kind IS NOT 'batch' OR OLD.id IS NULL OR "
        "coalesce((SELECT last_id FROM segment WHERE kitchen = OLD.kitchen AND first_id <= OLD.id "
        "ORDER BY first_id DESC LIMIT 1), 0) < OLD.id "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    ),
    (
        # A row that an insert replaces by its hidden number is removed without any delete trigger.
        "journal_no_replace", "0004",
        "CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal WHEN EXISTS "
        "(SELECT 1 FROM journal WHERE rowid = NEW.rowid) "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    ),
    (
        "segment_only_next", "0004",
        "CREATE TRIGGER segment_only_next BEFORE INSERT ON segment WHEN NEW.first_id IS NOT "
        "(SELECT coalesce(max(last_id), 0) + 1 FROM segment WHERE kitchen = NEW.kitchen) "
        "OR NEW.last_id IS NULL OR NEW.last_id < NEW.first_id OR NOT EXISTS (SELECT 1 FROM journal WHERE "
        "kitchen = NEW.kitchen AND id = NEW.journal_id AND kind = 'sealed' AND id > NEW.last_id) "
        "BEGIN SELECT RAISE(ABORT, 'a segment follows the one before and is journalled'); END",
    ),
    *(
        (
            f"{table}_no_{verb.lower()}", "0004",
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END",
        )
        for table in ("segment", "segment_spool")
        for verb in ("UPDATE", "DELETE")
    ),
    *(
        (
            f"{table}_no_replace", "0004",
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS "  # noqa: S608 - our own names
            f"(SELECT 1 FROM {table} WHERE rowid = NEW.rowid{same}) "
            "BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END",
        )
        for table, same in (
            ("segment", ""),
            (
                "segment_spool",
                " OR (kitchen = NEW.kitchen AND gateway = NEW.gateway AND spool = NEW.spool AND last = NEW.last)",
            ),
        )
    ),
)  # fmt: skip


def guards_of(schema: str) -> dict[str, str]:
    """The triggers that a store of version ``schema`` must have: name -> statement."""
    return {name: statement for name, since, statement in _VERSIONS if since <= schema}


def engine(path: Path, *, begin: str, journal_mode: str = "WAL", synchronous: str = "FULL") -> Engine:
    """The file, every transaction begun by ``begin``."""
    made = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 5.0})

    @event.listens_for(made, "connect")
    def _settings(connection: Any, _record: object) -> None:
        # The driver's own transaction handling would begin too late and hide BEGIN IMMEDIATE.
        connection.isolation_level = None
        settings = (f"journal_mode = {journal_mode}", f"synchronous = {synchronous}", "foreign_keys = ON")
        for pragma in (*settings, "cache_size = -16000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return made


def read_only(path: Path) -> Engine:
    """The file as it is; nothing can be written through this."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=True, timeout=5.0, isolation_level=None)
        # Bytes that are no text any more are to be shown, not to be stumbled over.
        connection.text_factory = lambda value: value.decode(errors="replace")
        return connection

    made = create_engine("sqlite://", poolclass=NullPool, creator=connect)

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return made


def claim(path: Path) -> IO[bytes]:
    """Hold the store at ``path`` without opening it, until the returned file is closed. Raises ``StoreError``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = Path(f"{path}.lock").open("ab")  # noqa: SIM115 - held, with its lock, for the store's lifetime
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; give the server a folder it may write (store)") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise StoreError(f"{path}: another server runs on this store; stop it first") from error
    return handle


def add_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """At a third of what the same insert costs through named parameters."""
    connection.exec_driver_sql(_insert(table, connection.dialect, len(rows[0])), list(rows))


def put_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """The same, in the place of rows of the same primary key."""
    statement = _insert(table, connection.dialect, len(table.columns)).replace("INSERT", "INSERT OR REPLACE", 1)
    connection.exec_driver_sql(statement, list(rows))


@cache
def _insert(table: Table, dialect: Dialect, width: int) -> str:
    first = [column.name for column in table.columns][:width]
    return str(table.insert().compile(dialect=dialect, column_keys=first))


def found_guards(connection: Connection) -> dict[str, str]:
    """The triggers that are there."""
    found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    return {str(row[0]): str(row[1]) for row in found}
