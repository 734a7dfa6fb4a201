"""What only SQLite knows: how a file is opened, claimed and made durable, and what guards its journal."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any
from urllib.parse import quote

from sqlalchemy import Connection, Dialect, Engine, Table, create_engine, event, text
from sqlalchemy.pool import NullPool

from .address import StoreError

# Name -> (the schema version that brought it, its statement).
GUARDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **{
            f"journal_no_{verb.lower()}": (
                "0001",
                f"CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal "
                "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
            )
            for verb in ("UPDATE", "DELETE")
        },
        "journal_only_next": (
            "0002",
            "CREATE TRIGGER journal_only_next BEFORE INSERT ON journal WHEN NEW.id IS NOT "
            "(SELECT coalesce(max(id), 0) + 1 FROM journal WHERE kitchen = NEW.kitchen) "
            "BEGIN SELECT RAISE(ABORT, 'the journal takes only its next entry'); END",
        ),
    }
)


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
    connection.exec_driver_sql(_insert(table, connection.dialect), list(rows))


@cache
def _insert(table: Table, dialect: Dialect) -> str:
    return str(table.insert().compile(dialect=dialect))


def found_guards(connection: Connection) -> dict[str, str]:
    """The triggers that are there."""
    found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    return {str(row[0]): str(row[1]) for row in found}
