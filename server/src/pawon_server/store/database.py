"""Opening the store: SQLite with WAL and FULL sync, one writer, schema by Alembic.

What ``commit`` returned for survives a power cut. One server writes a store; a lock file says who.
"""

from __future__ import annotations

import fcntl
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import DatabaseError

from .tables import store_fact


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
        raise StoreError(f"{path}: {error.orig}; restore a backup, or move the file away to begin anew") from error
    except CommandError as error:
        lock.close()
        raise StoreError(f"{path}: {error}; a newer Pawon wrote this store, so run that one") from error


def migrate(engine: Engine) -> None:
    """Bring the schema up to date."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def new_epoch(connection: Connection) -> str:
    """Begin a new epoch: after a restore, gateways must believe lower numbers than they heard before."""
    epoch = secrets.token_hex(8)
    connection.execute(store_fact.delete().where(store_fact.c.name == "epoch"))
    connection.execute(store_fact.insert().values(name="epoch", value=epoch))
    return epoch


def _fact(connection: Connection, name: str) -> str | None:
    return connection.execute(select(store_fact.c.value).where(store_fact.c.name == name)).scalar()


def _engine(path: Path, *, begin: str) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 5.0})

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:
        # The driver's own transaction handling would begin too late and hide BEGIN IMMEDIATE.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -16000"):
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
