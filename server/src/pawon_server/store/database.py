"""Opening the store: SQLite with WAL and FULL sync, one writer, schema by Alembic.

What ``commit`` returned for survives a power cut. One server writes a store; a lock file says who.
"""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from .tables import store_fact

# The newest migration.
SCHEMA = "0002"


# What a person can do about the world around the file; everything else is about the bytes in it.
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another program holds it; end that one and start again",
    sqlite3.SQLITE_FULL: "its disk is full; free some space and start again",
    sqlite3.SQLITE_IOERR: "its disk fails; look at the system's log, and at the disk, before you start again",
    sqlite3.SQLITE_READONLY: "it may not be written; look at the rights of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; look at the rights of the file and its folder, and at free space",
}


class StoreError(Exception):
    """The store cannot be used; the text names the file and the remedy."""


@dataclass(slots=True)
class Store:
    """An open store. ``writer`` belongs to the one writer thread; ``reader`` to everybody else."""

    path: Path
    writer: Engine
    reader: Engine
    epoch: str
    _lock: IO[bytes]

    def close(self) -> None:
        """Give the files back."""
        self.writer.dispose()
        self.reader.dispose()
        self._lock.close()


def open_store(path: Path) -> Store:
    """Open the store at ``path``, creating or upgrading it. Raises ``StoreError``."""
    lock = _claim(path)
    try:
        writer = _engine(path, begin="BEGIN IMMEDIATE")
        migrate(writer)
        with writer.begin() as connection:
            epoch = _fact(connection, "epoch") or new_epoch(connection)
        return Store(path, writer, _engine(path, begin="BEGIN"), epoch, lock)
    except DatabaseError as error:
        lock.close()
        otherwise = "restore a backup, or move the file away to begin anew"
        raise StoreError(f"{path}: {error.orig}; {remedy(error, otherwise)}") from error
    except CommandError as error:
        lock.close()
        raise StoreError(f"{path}: {error}; a newer Pawon wrote this store, so run that one") from error


def remedy(error: DatabaseError, otherwise: str) -> str:
    """What to do about it: nobody is to put a sound record away because a disk was full or a file was held."""
    return _REMEDIES.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF, otherwise)


def open_to_read(path: Path, *, older: bool = False) -> Engine:
    """The store as it is, to be read beside whoever serves it; nothing is created, upgraded or locked.

    Raises ``StoreError`` when there is no store, or one of another version: its columns would be misread. With
    ``older`` an older version will do: its journal reads the same.
    """
    if not path.is_file():
        raise StoreError(f"{path}: there is no store; look at the setting store")
    address = f"file:{quote(str(path.absolute()))}?mode=ro"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=True, timeout=5.0, isolation_level=None)
        # Bytes that are no text any more are to be shown, not to be stumbled over.
        connection.text_factory = lambda value: value.decode(errors="replace")
        return connection

    engine = create_engine("sqlite://", poolclass=NullPool, creator=connect)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    try:
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except DatabaseError as error:
        raise StoreError(f"{path}: {error.orig}; restore a backup (pawon-server restore)") from error
    if found != SCHEMA and not (older and str(found) < SCHEMA):
        raise StoreError(
            f"{path}: schema {found}, this Pawon knows {SCHEMA}; "
            + ("run pawon-server check once, which upgrades it" if str(found) < SCHEMA else "run the newer Pawon")
        )
    return engine


def open_aside(path: Path) -> Engine:
    """A store that is not in its place yet, brought up to date. One file, without a log beside it."""
    engine = _engine(path, begin="BEGIN IMMEDIATE", journal_mode="DELETE")
    migrate(engine)
    return engine


def open_scratch(path: Path) -> Engine:
    """An empty store of the newest schema for a derivation that is thrown away: quick, and safe from no power cut."""
    engine = _engine(path, begin="BEGIN", journal_mode="MEMORY", synchronous="OFF")
    migrate(engine)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the schema up to date."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def claim(path: Path) -> IO[bytes]:
    """Hold the store at ``path`` without opening it, until the returned file is closed. Raises ``StoreError``."""
    return _claim(path)


def new_epoch(connection: Connection) -> str:
    """Begin a new epoch: after a restore, gateways must believe lower numbers than they heard before."""
    epoch = secrets.token_hex(8)
    connection.execute(store_fact.delete().where(store_fact.c.name == "epoch"))
    connection.execute(store_fact.insert().values(name="epoch", value=epoch))
    return epoch


def _fact(connection: Connection, name: str) -> str | None:
    return connection.execute(select(store_fact.c.value).where(store_fact.c.name == name)).scalar()


def _engine(path: Path, *, begin: str, journal_mode: str = "WAL", synchronous: str = "FULL") -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 5.0})

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:
        # The driver's own transaction handling would begin too late and hide BEGIN IMMEDIATE.
        connection.isolation_level = None
        settings = (f"journal_mode = {journal_mode}", f"synchronous = {synchronous}", "foreign_keys = ON")
        for pragma in (*settings, "cache_size = -16000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _claim(path: Path) -> IO[bytes]:
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
