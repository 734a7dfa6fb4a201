"""The store: its schema, its epoch, its lock, and the commands about it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from tests.server.conftest import Bench, on_sqlite
from tests.server.sender import Sender, temperature
from tests.torture.disk import FULL, IOERR, Disk

from pawon_server.cli import main
from pawon_server.store.database import SCHEMA, StoreError, open_store
from pawon_server.store.schema import metadata

CONFIG = """
kitchen = "dapur-uji"
name = "Dapur Uji"
store = "{folder}/store/pawon.db"
[[gateway]]
id = "gw-1"
[[sensor]]
id = "chiller-1"
gateway = "gw-1"
name = "Chiller 1"
point = "chiller"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A good configuration with its store in the test's folder."""
    path = tmp_path / "server.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def test_the_migrations_lead_to_the_tables(bench: Bench) -> None:
    """What the migrations built and what the program expects are the same schema."""
    with bench.store.reader.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    assert found == []


@on_sqlite
def test_a_commit_survives_a_power_cut(bench: Bench) -> None:
    """Both connections write through the log and sync it fully before a commit returns."""
    for engine in (bench.store.writer, bench.store.reader):
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


def test_a_store_opens_again_as_it_was(tmp_path: Path) -> None:
    """The epoch and the journal stay; opening changes nothing."""
    path = tmp_path / "deep" / "pawon.db"
    store = open_store(path)
    bench = Bench(store)
    bench.send(Sender().add(temperature(4, 1)).batch())
    bench.writer.stop()
    journal = bench.rows("SELECT * FROM journal")
    store.close()
    again = Bench(open_store(path))
    assert again.store.epoch == store.epoch
    assert again.rows("SELECT * FROM journal") == journal
    assert again.send(Sender().add(temperature(4, 1), temperature(5, 2)).batch()).upto == 2
    again.writer.stop()
    again.store.close()


@on_sqlite
@pytest.mark.parametrize("statement", ["UPDATE journal SET kind = 'x'", "DELETE FROM journal WHERE id = 1"])
def test_no_program_changes_the_journal(bench: Bench, statement: str) -> None:
    """Not ours and not another one: the file itself refuses."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    with pytest.raises(DatabaseError, match="append-only"), bench.store.writer.begin() as connection:
        connection.execute(text(statement))
    with sqlite3.connect(bench.store.address) as other, pytest.raises(sqlite3.DatabaseError, match="append-only"):
        other.execute(statement)


@on_sqlite
def test_nothing_is_put_over_or_between_entries(bench: Bench) -> None:
    """A replacing insert would remove an entry past the guards against removal: only the next entry is taken."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    end = bench.value("SELECT max(id) FROM journal")
    assert isinstance(end, int)
    for number in (-1, 0, 1, end, end + 2):
        copied = "kitchen, :n, kind, received_ms, gateway, spool, first, last, chain_before, chain, payload, link"
        for verb in ("INSERT", "INSERT OR REPLACE"):
            with pytest.raises(DatabaseError, match="only its next entry"), bench.store.writer.begin() as connection:
                connection.execute(
                    text(f"{verb} INTO journal SELECT {copied} FROM journal WHERE id = 1"), {"n": number}
                )


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """After a downgrade: a sentence that says so, and the file can be opened by the newer one afterwards."""
    path = tmp_path / "pawon.db"
    open_store(path).close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer Pawon"):
        open_store(path)
    with sqlite3.connect(path) as other:
        other.execute("UPDATE alembic_version SET version_num = ?", (SCHEMA,))
    open_store(path).close()


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    """The store's folder is a file: told with the setting to look at."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"give the server a folder it may write \(store\)"):
        open_store(tmp_path / "file" / "pawon.db")


@on_sqlite
def test_what_the_server_asks_at_its_start_is_found_by_an_index(bench: Bench) -> None:
    """However long the journal has grown, the configuration in force and the journal's end are found at once."""
    for query in (
        "SELECT payload FROM journal WHERE kitchen = 'k' AND kind = 'config' ORDER BY id DESC LIMIT 1",
        "SELECT id, link FROM journal WHERE kitchen = 'k' ORDER BY id DESC LIMIT 1",
        "SELECT * FROM journal WHERE kitchen = 'k' AND gateway = 'g' AND spool = 's' AND last >= 5 ORDER BY last",
    ):
        plan = " ".join(str(row[-1]) for row in bench.rows(f"EXPLAIN QUERY PLAN {query}"))
        assert "SEARCH journal USING INDEX" in plan
        assert "TEMP B-TREE" not in plan


def test_check_says_what_the_server_would_do(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One command before the first start: the kitchen, its store, its sensors and the limits that judge them."""
    assert main(["check", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    for word in ("dapur-uji", "ID-MBG", "chiller-1: chiller-warm, chiller-hot, chiller-very-hot", "is good"):
        assert word in said
    assert not (config.parent / "store").exists(), "looking makes nothing"


def test_check_names_every_mistake_and_ends_with_one(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Mistakes go to the error stream, a line each; nothing is created."""
    config.write_text(config.read_text().replace("chiller-1", "Chiller 1").replace('"chiller"', '"cellar"'))
    assert main(["check", "--config", str(config)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["sensor[0].id", "sensor[0].point"]
    assert not (config.parent / "store").exists()


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_store_that_is_in_use_is_not_touched(config: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A second server, or a restore under a running one: refused with the remedy."""
    store = open_store(config.parent / "store" / "pawon.db")
    assert main([command, "--config", str(config)]) == 1
    assert "another server runs on this store" in capsys.readouterr().err
    store.close()


@pytest.mark.parametrize(("code", "word"), [(FULL, "free some space"), (IOERR, "its disk fails")])
def test_a_disk_in_trouble_is_no_reason_to_put_a_sound_store_away(tmp_path: Path, code: int, word: str) -> None:
    """A store that cannot be opened because its disk is full or fails: the remedy is about the disk, and the record,
    untouched, opens again as it was."""
    path = tmp_path / "pawon.db"
    first = open_store(path)
    first.close()
    disk = Disk(1, remembers=False)
    disk.fault = lambda kind, _path: code if kind in ("create", "write") else 0
    with disk.installed(), pytest.raises(StoreError, match=word) as refused:
        open_store(path)
    assert "restore a backup" not in str(refused.value)
    again = open_store(path)
    assert again.epoch == first.epoch
    again.close()


def test_a_store_of_spoiled_bytes_asks_for_a_backup(tmp_path: Path) -> None:
    """There nothing else helps."""
    path = tmp_path / "pawon.db"
    path.write_bytes(b"no store" * 1_000)
    with pytest.raises(StoreError, match="restore a backup"):
        open_store(path)
