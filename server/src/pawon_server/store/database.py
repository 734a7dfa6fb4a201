"""Opening the store, a file or a database; its schema by Alembic, its epoch.

What ``commit`` returned for survives a power cut. One server writes a file, and a lock file says who; the workers of a
shared database take turns (``turn``).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, ProgrammingError

from . import postgresql, sqlite
from .address import Address, Database, StoreError
from .sqlite import claim
from .tables import store_fact

__all__ = ["SCHEMA", "Store", "StoreError", "claim", "open_store", "open_to_read"]

# The newest migration.
SCHEMA = "0017"


@dataclass(slots=True)
class Store:
    """An open store. ``writer`` belongs to the one writer thread; ``reader`` to everybody else."""

    address: Address
    writer: Engine
    reader: Engine
    epoch: str
    _lock: IO[bytes] | None = None

    @property
    def shared(self) -> bool:
        """Whether other workers may write to it too."""
        return isinstance(self.address, Database)

    def close(self) -> None:
        """Give the files or connections back."""
        self.writer.dispose()
        self.reader.dispose()
        if self._lock is not None:
            self._lock.close()


def open_store(address: Address) -> Store:
    """Open the store at ``address``, creating or upgrading it. Raises ``StoreError``."""
    if isinstance(address, Database):
        writer, reader = postgresql.engine(address, writes=True), postgresql.engine(address, writes=False)
        try:
            with _told(address):
                return Store(address, writer, reader, _begin(writer))
        except BaseException:
            writer.dispose()
            raise
    lock = claim(address)
    try:
        with _told(address):
            writer = sqlite.engine(address, begin="BEGIN IMMEDIATE")
            return Store(address, writer, sqlite.engine(address, begin="BEGIN"), _begin(writer), lock)
    except BaseException:
        lock.close()
        raise


def is_to_blame(error: Exception) -> bool:
    """Whether the store failed (full, read-only, broken, gone), and not a bug of ours in what was asked of it."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    bug = isinstance(error, IntegrityError | DataError | ProgrammingError)
    return (lost or isinstance(error, DatabaseError | StoreError)) and not bug


def remedy(error: DBAPIError, otherwise: str) -> str:
    """What to do about it: nobody is to put a sound record away because a disk was full or a file was held."""
    return sqlite.REMEDIES.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF, otherwise)


def open_to_read(address: Address, *, older: bool = False) -> Engine:
    """The store as it is, to be read beside whoever serves it; nothing is created, upgraded or locked.

    Raises ``StoreError`` when there is no store, or one of another version: its columns would be misread. With
    ``older`` an older version will do: its journal reads the same.
    """
    if isinstance(address, Database):
        engine = postgresql.read_only(address)
    else:
        if not address.is_file():
            raise StoreError(f"{address}: there is no store; look at the setting store")
        engine = sqlite.read_only(address)
    with _told(address, otherwise="restore a backup (pawon-server restore)"), engine.connect() as connection:
        if isinstance(address, Database) and postgresql.is_empty(connection):
            raise StoreError(f"{address}: there is no store; look at the setting store")
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if found != SCHEMA and not (older and str(found) < SCHEMA):
        raise StoreError(
            f"{address}: schema {found}, this Pawon knows {SCHEMA}; "
            + ("run pawon-server check once, which upgrades it" if str(found) < SCHEMA else "run the newer Pawon")
        )
    return engine


def is_there(address: Address) -> bool:
    """Whether a store has been begun at ``address``. Raises ``StoreError`` when a database cannot be asked."""
    if not isinstance(address, Database):
        return address.exists()
    engine = postgresql.engine(address, writes=True)
    try:
        with _told(address), engine.connect() as connection:
            return not postgresql.is_empty(connection)
    finally:
        engine.dispose()


def open_aside(path: Path) -> Engine:
    """A store that is not in its place yet, brought up to date. One file, without a log beside it."""
    engine = sqlite.engine(path, begin="BEGIN IMMEDIATE", journal_mode="DELETE")
    migrate(engine)
    return engine


def open_scratch(path: Path) -> Engine:
    """An empty store of the newest schema for a derivation that is thrown away: quick, and safe from no power cut."""
    engine = sqlite.engine(path, begin="BEGIN", journal_mode="MEMORY", synchronous="OFF")
    migrate(engine)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the schema up to date."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            postgresql.lock_migrations(connection)
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def new_epoch(connection: Connection) -> str:
    """Begin a new epoch: after a restore, gateways must believe lower numbers than they heard before."""
    epoch = secrets.token_hex(8)
    connection.execute(store_fact.delete().where(store_fact.c.name == "epoch"))
    connection.execute(store_fact.insert().values(name="epoch", value=epoch))
    return epoch


def session_key(store: Store) -> bytes:
    """What this store's sessions are signed with: made once, and the same for all workers of a shared store."""
    with store.writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            postgresql.lock_migrations(connection)
        key = _fact(connection, "session_key")
        if key is None:
            key = secrets.token_hex(32)
            connection.execute(store_fact.insert().values(name="session_key", value=key))
    return bytes.fromhex(key)


def has_fact(store: Store, name: str) -> bool:
    """Whether a migration left this to be done."""
    with store.reader.connect() as connection:
        return _fact(connection, name) is not None


def forget_fact(store: Store, name: str) -> None:
    """It is done."""
    with store.writer.begin() as connection:
        connection.execute(store_fact.delete().where(store_fact.c.name == name))


def _begin(writer: Engine) -> str:
    """The schema, and the epoch, which the first to open the store begins."""
    migrate(writer)
    with writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            postgresql.lock_migrations(connection)
        return _fact(connection, "epoch") or new_epoch(connection)


@contextmanager
def _told(
    address: Address, *, otherwise: str = "restore a backup, or move the file away to begin anew"
) -> Iterator[None]:
    """The database's errors as ``StoreError``."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(address, Database):
            raise postgresql.unusable(address, error) from error
        if not isinstance(error, DatabaseError):
            raise
        raise StoreError(f"{address}: {error.orig}; {remedy(error, otherwise)}") from error
    except CommandError as error:
        raise StoreError(f"{address}: {error}; a newer Pawon wrote this store, so run that one") from error


def _fact(connection: Connection, name: str) -> str | None:
    return connection.execute(select(store_fact.c.value).where(store_fact.c.name == name)).scalar()
