"""What only a PostgreSQL store has: how it is opened and refused, what guards it, its commands."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from tests.postgresql import LOCKED, PASSWORD, Cluster
from tests.server.conftest import Bench, on_postgresql
from tests.server.sender import Sender, temperature
from tests.server.test_rebuild import rebuilt
from tests.server.test_store import CONFIG
from tests.server.test_verify import KITCHEN

from pawon_contract.messages import SensorFault
from pawon_server.cli import main
from pawon_server.record.verify import verify
from pawon_server.store.address import Database, parse_database
from pawon_server.store.database import StoreError, open_store, open_to_read
from pawon_server.store.postgresql import GUARDS, IDLE_MS
from pawon_server.store.schema import metadata

STORES = ("postgresql",)


def config_of(folder: Path, store: str, more: str = "") -> Path:
    """A good configuration with this store."""
    path = folder / "server.toml"
    text_ = CONFIG.format(folder=folder).replace(f"{folder}/store/pawon.db", store)
    path.write_text(more + text_)
    return path


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql://pawon:geheim@db/pawon", "give store_password_file"),
        ("postgresql://db/pawon", "must be a file, or look like"),
        ("postgresql://pawon@db", "must be a file, or look like"),
        ("postgresql://pawon@db:99999/pawon", "the port is no port"),
        ("mysql://pawon@db/pawon", "must be a file, or look like"),
        ("postgresql://pawon@db/pawon?options=-cfsync", "'options' is not known"),
    ],
)
def test_an_address_that_cannot_be_is_told(
    address: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the setting's name and what it must look like; a password is never repeated."""
    assert main(["check", "--config", str(config_of(tmp_path, address))]) == 1
    said = capsys.readouterr().err
    assert "store: " in said
    assert told in said
    assert "geheim" not in said


def test_a_password_is_shown_nowhere() -> None:
    """Neither as text nor when a program prints what it has."""
    found = parse_database("postgresql://pawon@db:5433/pawon?sslmode=verify-full", "geheim")
    assert str(found) == "postgresql://pawon@db:5433/pawon"
    assert "geheim" not in repr(found)
    assert (found.port, found.options) == (5433, (("sslmode", "verify-full"),))


def test_check_names_what_is_wrong_with_the_database(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody there, no such database, a wrong password, unsafe commits: a sentence with the remedy each; then all is
    well, and looking has begun nothing."""
    address = cluster.new(empty=True)
    (tmp_path / "password").write_text("falsch\n")
    locked = f'store_password_file = "{tmp_path}/password"\n'

    def check(store: object, more: str = "") -> str:
        status = main(["check", "--config", str(config_of(tmp_path, str(store), more))])
        said = capsys.readouterr()
        assert (status == 0) == ("is good" in said.out)
        return said.err or said.out

    assert "is PostgreSQL running there" in check("postgresql://pawon@127.0.0.1:1/pawon")
    assert "createdb" in check(cluster.address("nowhere"))
    theirs = cluster.address(address.name, LOCKED)
    assert "look at store_password_file" in check(theirs, locked)
    assert "look at store_password_file" in check(theirs)
    cluster.ask(f"ALTER DATABASE {address.name} SET synchronous_commit = off")
    assert "synchronous_commit is off" in check(address)
    cluster.ask(f"ALTER DATABASE {address.name} RESET synchronous_commit")
    (tmp_path / "password").write_text(PASSWORD + "\n")
    assert str(theirs) in check(theirs, locked)
    with psycopg.connect(host=address.host, port=address.port, user=address.user, dbname=address.name) as db:
        assert db.execute("SELECT to_regclass('journal')").fetchone() == (None,)


def test_commits_that_would_not_last_are_refused_while_it_runs(bench: Bench, cluster: Cluster) -> None:
    """Switched off under a running server: its session keeps what it found, and whoever opens the store is refused."""
    assert isinstance(bench.store.address, Database)
    name = bench.store.address.name
    cluster.ask(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with bench.store.writer.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
    with pytest.raises(StoreError, match="synchronous_commit is off"):
        open_store(bench.store.address)
    cluster.ask(f"ALTER DATABASE {name} SET synchronous_commit = local")
    with pytest.raises(StoreError, match="synchronous_commit is local"):
        open_store(bench.store.address)


def test_the_migrations_build_the_tables_of_an_empty_database(cluster: Cluster) -> None:
    """From nothing, by whoever opens it first; it opens again as it was, its epoch the same."""
    address = cluster.new(empty=True)
    with pytest.raises(StoreError, match="there is no store"):
        open_to_read(address)
    store = open_store(address)
    with store.reader.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    again = open_store(address)
    assert again.epoch == store.epoch
    store.close()
    again.close()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE journal SET kind = 'x'", "DELETE FROM journal WHERE id = 1", "TRUNCATE journal",
     "INSERT INTO journal SELECT * FROM journal WHERE id = 1 ON CONFLICT (kitchen, id) DO UPDATE SET kind = 'x'"],
)  # fmt: skip
def test_no_program_changes_the_journal(bench: Bench, statement: str) -> None:
    """The database itself refuses, with the error of a broken rule."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    with (
        pytest.raises(IntegrityError, match=r"append-only|only its next entry"),
        bench.store.writer.begin() as connection,
    ):
        connection.execute(text(statement))


def test_nothing_is_put_over_or_between_entries(bench: Bench) -> None:
    """Only the next entry is taken, also of many that come in one statement."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    end = bench.value("SELECT max(id) FROM journal")
    assert isinstance(end, int)
    copied = "kitchen, {}, kind, received_ms, gateway, spool, first, last, chain_before, chain, payload, link"
    for number in ("-1", "0", str(end + 2), f"id + {end + 1}"):
        with pytest.raises(DBAPIError, match="only its next entry"), bench.store.writer.begin() as connection:
            connection.execute(text(f"INSERT INTO journal SELECT {copied.format(number)} FROM journal WHERE id = 1"))
    with bench.store.writer.begin() as connection:
        connection.execute(text(f"INSERT INTO journal SELECT {copied.format(f'id + {end}')} FROM journal ORDER BY id"))
    assert bench.value("SELECT count(*) FROM journal") == 2 * end


@pytest.mark.parametrize("name", GUARDS)
@pytest.mark.parametrize("harm", ["DROP TRIGGER {} ON journal", "ALTER TABLE journal DISABLE TRIGGER {}"])
def test_a_guard_that_is_taken_away_is_named_and_mended(bench: Bench, name: str, harm: str) -> None:
    """Removed or only switched off; the remedy that is told puts it back."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    with bench.store.writer.begin() as connection:
        connection.execute(text(harm.format(name)))
    finding = verify(bench.store.reader, KITCHEN).finding
    assert finding is not None
    assert name in finding.what
    with bench.store.writer.begin() as connection:
        for statement in finding.remedy.split("psql: ")[1].split("; CREATE TRIGGER"):
            connection.exec_driver_sql(statement if "FUNCTION journal" in statement[:40] or "DROP" in statement[:4]
                                       else f"CREATE TRIGGER{statement}")  # fmt: skip
    assert verify(bench.store.reader, KITCHEN).finding is None


def test_a_changed_row_is_found_and_repaired(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table edited by hand is named by ``rebuild``, put right by ``--repair``, and a journal edited by hand by
    ``verify``."""
    bench.send(Sender().add(*(temperature(9.5, n * 60_000) for n in range(40))).batch(sent_ms=40 * 60_000))
    bench.writer.stop()
    with bench.store.writer.begin() as connection:
        connection.execute(text("UPDATE reading SET value = 3.5, late = NOT late WHERE sequence = 7"))
        connection.execute(text("DELETE FROM completeness"))
        connection.execute(text("INSERT INTO alert VALUES ('dapur-uji', 'x', 'x', 'opened', 1, 'x', NULL, NULL)"))
    wrong = {table.table: (table.missing, table.extra, table.changed)
             for table in rebuilt(bench.store.address).tables if not table.same}  # fmt: skip
    assert wrong == {"reading": (0, 0, 1), "completeness": (1, 0, 0), "alert": (0, 1, 0)}
    config = config_of(tmp_path, str(bench.store.address))
    assert main(["rebuild", "--repair", "--config", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["repaired"]
    assert rebuilt(bench.store.address).same
    assert main(["verify", "--config", str(config)]) == 0
    with bench.store.writer.begin() as connection:
        connection.execute(text("ALTER TABLE journal DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE journal SET received_ms = received_ms + 1 WHERE id = 3"))
        connection.execute(text("ALTER TABLE journal ENABLE TRIGGER USER"))
    finding = verify(open_to_read(bench.store.address), KITCHEN).finding
    assert finding is not None
    assert finding.journal_id == 3


def test_kitchens_share_a_database(bench: Bench) -> None:
    """Another kitchen's entries are nobody's finding, and each has its own numbers."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    with bench.store.writer.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO journal SELECT 'dapur-lain', id, kind, received_ms, gateway, spool, first, last, "
                "chain_before, chain, payload, link FROM journal WHERE id = 1"
            )
        )
    assert verify(bench.store.reader, KITCHEN).ok


def test_somebody_elses_words_are_kept_as_far_as_the_store_can(bench: Bench) -> None:
    """A NUL in a fault's detail costs that sign and no row, and the bytes stay in the journal."""
    fault = SensorFault(at_ms=1, sensor="chiller-1", fault="crc", detail="a\0b")
    assert bench.send(Sender().add(temperature(4, 1), fault, temperature(5, 2, "chiller-2")).batch()).upto == 3
    assert bench.rows("SELECT detail FROM incident") == [("a�b",)]
    assert bench.value("SELECT count(*) FROM reading") == 2
    assert bench.value("SELECT count(*) FROM quarantine") == 0


def test_nothing_is_written_through_what_only_reads(bench: Bench) -> None:
    """``open_to_read`` beside a serving worker: the database refuses."""
    with open_to_read(bench.store.address).connect() as connection, pytest.raises(DBAPIError, match="read-only"):
        connection.execute(text("DELETE FROM latest"))


def test_backups_are_the_databases_own(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``backup`` and ``restore`` name the tools and what follows them; ``--new-epoch`` makes a database that was put
    back one that gateways believe, only while no worker runs."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    config = str(config_of(tmp_path, str(bench.store.address)))
    assert main(["backup", "--config", config, "copy"]) == 1
    assert "pg_dump --format=custom" in capsys.readouterr().err
    assert main(["restore", "--config", config, "copy"]) == 1
    said = capsys.readouterr().err
    assert "pg_restore" in said
    assert "restore --new-epoch" in said
    assert main(["restore", "--config", config, "--new-epoch"]) == 1
    assert "another server runs on this store" in capsys.readouterr().err
    bench.writer.stop()
    assert main(["restore", "--config", config, "--new-epoch"]) == 0
    again = open_store(bench.store.address)
    assert again.epoch != bench.store.epoch
    assert again.epoch in capsys.readouterr().out
    again.close()
    assert bench.value("SELECT count(*) FROM journal WHERE kind = 'restored'") == 1
    assert rebuilt(bench.store.address).same


@on_postgresql
def test_a_transaction_that_its_worker_forgot_holds_up_nobody(bench: Bench) -> None:
    """Every session that writes is ended by the database when it idles in a transaction, before its lease runs out."""
    with bench.store.writer.connect() as connection:
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == f"{IDLE_MS // 1000}s"
