"""What only PostgreSQL knows: how a database is opened and proven durable, whose turn it is, what guards its journal.

Nothing here rests on this machine's clock, nor on a connection that lives: a transaction whose worker is paused or cut
off is ended by the database (``IDLE_MS``), so that nobody holds up a kitchen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, Engine, LargeBinary, Table, create_engine, event, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.exc import DBAPIError

from .address import Database, StoreError
from .tables import lease

# A server that does not answer in a kitchen's network within this is not there.
CONNECT_S = 5
# The longest a transaction that writes may wait for its own worker: a commit of a full group takes a tenth of it. Below
# a lease's length, so that the gateways of a paused worker are not free before its unfinished group is undone.
IDLE_MS = 5_000
# For another worker's commit, or for a repair; then the store is said to take no data, and it is tried again.
LOCK_MS = 15_000
# With these a commit has reached the disk when it returns. ``local`` would be safe here and lose rows in a failover.
SAFE_COMMITS = ("on", "remote_apply")
# One statement's rows: some megabytes, far below the 256 MB that one value may hold.
ROWS_AT_ONCE = 5_000
# Any number, the same for all: migrations run one after another.
_MIGRATING = 7_296_001
# The one row of a kitchen that whoever writes for it locks first.
TURN = "turn"

_APPEND_ONLY = (
    "CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$BEGIN RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation'; END$$"
)
_ONLY_NEXT = (
    "CREATE OR REPLACE FUNCTION journal_takes_its_next() RETURNS trigger LANGUAGE plpgsql AS "
    "$$BEGIN IF NEW.id IS DISTINCT FROM "
    "(SELECT coalesce(max(id), 0) + 1 FROM journal WHERE kitchen = NEW.kitchen) THEN "
    "RAISE EXCEPTION 'the journal takes only its next entry' USING ERRCODE = 'integrity_constraint_violation'; "
    "END IF; RETURN NEW; END$$"
)
# Name -> (the schema version that brought it, its statements). TRUNCATE removes rows without any trigger for rows.
GUARDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **{
            f"journal_no_{verb.lower()}": (
                "0001",
                f"{_APPEND_ONLY}; CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal "
                f"FOR EACH {'STATEMENT' if verb == 'TRUNCATE' else 'ROW'} EXECUTE FUNCTION journal_is_append_only()",
            )
            for verb in ("UPDATE", "DELETE", "TRUNCATE")
        },
        "journal_only_next": (
            "0002",
            f"{_ONLY_NEXT}; CREATE TRIGGER journal_only_next BEFORE INSERT ON journal "
            "FOR EACH ROW EXECUTE FUNCTION journal_takes_its_next()",
        ),
    }
)
_FOUND_GUARDS = text(
    "SELECT t.tgname, p.proname, p.prosrc, t.tgenabled, pg_get_triggerdef(t.oid, true) FROM pg_trigger t "
    "JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = 'journal'::regclass AND NOT t.tgisinternal"
)


def engine(address: Database, *, writes: bool) -> Engine:
    """To write: each statement sees what was committed before it, and no commit returns before the disk has it. To
    read: one moment of the store for as long as a transaction lasts."""
    settings = {
        "idle_in_transaction_session_timeout": IDLE_MS if writes else 0,
        "lock_timeout": LOCK_MS,
        "timezone": "UTC",
    }
    made = _engine(address, "READ COMMITTED" if writes else "REPEATABLE READ", settings)
    if writes:
        event.listen(made, "connect", lambda connection, _: _be_durable(connection, address))
    return made


def read_only(address: Database) -> Engine:
    """The database as it is; nothing can be written through this."""
    settings = {"idle_in_transaction_session_timeout": 0, "default_transaction_read_only": "on", "timezone": "UTC"}
    return _engine(address, "REPEATABLE READ", settings)


def _engine(address: Database, isolation: Any, settings: Mapping[str, object]) -> Engine:
    url = URL.create(
        "postgresql+psycopg", username=address.user, password=address.password, host=address.host, port=address.port,
        database=address.name, query=dict(address.options),
    )  # fmt: skip
    connect = {
        "connect_timeout": CONNECT_S,
        "application_name": "pawon-server",
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        # A server that vanished is noticed within seconds, also in the middle of an answer.
        "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000,
    }  # fmt: skip
    return create_engine(url, isolation_level=isolation, connect_args=connect, pool_pre_ping=True)


def _be_durable(connection: Any, address: Database) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('synchronous_commit'), current_setting('fsync'), current_setting('server_encoding')"
        )
        commit, fsync, encoding = cursor.fetchone()
        if commit not in SAFE_COMMITS:
            raise StoreError(
                f"{address}: synchronous_commit is {commit}: a power cut would take rows that gateways were told are "
                "safe; set it on (postgresql.conf, ALTER DATABASE, ALTER ROLE)"
            )
        if fsync != "on":
            raise StoreError(f"{address}: fsync is {fsync}: a power cut would ruin the record; set it on")
        if encoding != "UTF8":
            raise StoreError(f"{address}: its encoding is {encoding}; make the database with ENCODING 'UTF8'")
        # Whatever the server's files come to say later, this session stays as it was found.
        cursor.execute(f"SET synchronous_commit = {commit}")
    connection.commit()


def lock_migrations(connection: Connection) -> None:
    """Two workers that start at once upgrade one after the other."""
    connection.execute(select(text(f"pg_advisory_xact_lock({_MIGRATING})")))


def is_empty(connection: Connection) -> bool:
    """Whether nobody has begun a store here."""
    return connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None


def unusable(address: Database, error: DBAPIError) -> StoreError:
    """What the database's error means to whoever runs the server."""
    told = " ".join(str(error.orig).split())
    lower = told.lower()
    if "password" in lower or "pg_hba" in lower or "authentication" in lower:
        remedy = "look at store_password_file and at the server's pg_hba.conf"
    elif "permission denied" in lower:
        remedy = "make this user the owner of the database (ALTER DATABASE … OWNER TO …)"
    elif "does not exist" in lower:
        remedy = "make user and database (createuser, createdb), or correct the address (store)"
    elif error.connection_invalidated or "connection" in lower:
        remedy = "is PostgreSQL running there, and is the address right (store)?"
    else:
        remedy = "see PostgreSQL's own log"
    return StoreError(f"{address}: {told}; {remedy}")


def take_turn(connection: Connection, kitchen: str) -> None:
    """Wait until nobody else writes for ``kitchen``; from here to the end of the transaction nobody else does, and
    what they have committed is seen."""
    mine = (lease.c.kitchen == kitchen) & (lease.c.kind == TURN)
    locked = select(lease.c.name).where(mine).with_for_update()
    if connection.execute(locked).first() is None:
        row = {"kitchen": kitchen, "kind": TURN, "name": "", "worker": "", "until_ms": 0}
        connection.execute(insert_once(lease).values(row).on_conflict_do_nothing())
        connection.execute(locked)


def now_ms(connection: Connection) -> int:
    """The database's clock, which alone says when a lease has run out: now, not when the transaction began."""
    found = connection.execute(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")).scalar()
    assert found is not None
    return int(found)


def add_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """As one JSON text a statement: as quick as COPY here, and a worker that is paused in the middle of it keeps
    nobody waiting (a COPY that is not fed ends by no timeout)."""
    statement = _insert(table)
    for place in range(0, len(rows), ROWS_AT_ONCE):
        portion = msgspec.json.encode(rows[place : place + ROWS_AT_ONCE]).decode()
        connection.exec_driver_sql(statement, (portion,))


def put_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """The same, in the place of rows of the same primary key."""
    connection.exec_driver_sql(_insert(table) + _in_place(table), (msgspec.json.encode(rows).decode(),))


@cache
def _in_place(table: Table) -> str:
    quote = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy's
    keys = ", ".join(quote.format_column(column) for column in table.primary_key)
    values = ", ".join(
        f"{name} = EXCLUDED.{name}"
        for name in (quote.format_column(column) for column in table.columns if not column.primary_key)
    )
    return f" ON CONFLICT ({keys}) DO UPDATE SET {values}"


@cache
def _insert(table: Table) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    quote = dialect.identifier_preparer
    values = [
        f"decode(r->>{place}, 'base64')" if isinstance(column.type, LargeBinary)
        else f"(r->>{place})::{column.type.compile(dialect)}"
        for place, column in enumerate(table.columns)
    ]  # fmt: skip
    names = ", ".join(quote.format_column(column) for column in table.columns)
    return (
        f"INSERT INTO {quote.format_table(table)} ({names}) SELECT {', '.join(values)} "  # noqa: S608 - our own names
        "FROM jsonb_array_elements(%s::jsonb) AS r"
    )


def guards_of(schema: str) -> dict[str, str]:
    """The triggers that a store of version ``schema`` must have: name -> statement. Batches are not sealed here, so
    that nothing is ever deleted."""
    return {name: statement for name, (since, statement) in GUARDS.items() if since <= schema}


def found_guards(connection: Connection) -> dict[str, str]:
    """The triggers that are there and will fire, each with its function, as ``GUARDS`` words them."""
    return {
        row[0]: f"CREATE OR REPLACE FUNCTION {row[1]}() RETURNS trigger LANGUAGE plpgsql AS $${row[2]}$$; {row[4]}"
        + ("" if row[3] in ("O", "A") else " -- disabled")
        for row in (tuple(map(_text, found)) for found in connection.execute(_FOUND_GUARDS))
    }


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
