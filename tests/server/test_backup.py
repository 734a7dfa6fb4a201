"""Backup and restore: a proven copy while data comes in, and a record that is whole again after it was put back."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
from tests.server.conftest import Bench
from tests.server.sender import Sender, temperature
from tests.server.straight import Straight
from tests.server.test_rebuild import rebuilt
from tests.server.test_store import CONFIG
from tests.server.test_verify import harm, make_old, sql

from pawon_server.cli import main
from pawon_server.record import backup as copying
from pawon_server.record.backup import NotProvenError, back_up, restore
from pawon_server.record.verify import verify
from pawon_server.store.database import StoreError, open_store, open_to_read

# A backup is a copy of a file; databases bring tools of their own.
STORES = ("sqlite",)

KITCHEN = "dapur-uji"
MINUTE = 60_000


def clock() -> int:
    """22 November 2026, 10:42:05 in Jakarta."""
    return 1_795_318_925_000


def names(folder: Path) -> list[str]:
    """The files in a folder but for the lock."""
    return sorted(file.name for file in folder.iterdir() if not file.name.endswith(".lock"))


def test_a_backup_is_one_proven_file_of_one_moment(bench: Bench, tmp_path: Path) -> None:
    """Made while a writer stores batches without pause: it comes to its end, and holds a whole number of batches."""
    sender = Sender().add(*(temperature(4 + n % 9, n * MINUTE) for n in range(2_000)))
    bench.send(sender.batch(1, 500))
    done = threading.Event()

    def ingest() -> None:
        for n in range(501, 2_001):
            if done.is_set():
                return
            bench.send(sender.batch(n, n, sent_ms=n * MINUTE))

    thread = threading.Thread(target=ingest)
    thread.start()
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    steps: list[tuple[int, int]] = []
    try:
        copied = back_up(bench.store.address, KITCHEN, folder / "copy.db", progress=lambda *step: steps.append(step))
    finally:
        done.set()
        thread.join()
    assert names(folder) == ["copy.db"]
    assert copied.proof.ok
    upto = copied.proof.spools[0].upto
    assert 500 <= upto == copied.rows
    assert copied.bytes == (folder / "copy.db").stat().st_size
    assert rebuilt(folder / "copy.db").same
    with sql(folder / "copy.db") as other:
        assert other.execute("SELECT max(sequence) FROM reading").fetchone() == (upto,)
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_commits_do_not_make_the_copy_begin_again(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every page something is committed; the copy goes on from page to page to its end."""
    monkeypatch.setattr(copying, "STEP_PAGES", 1)
    sender = Sender().add(*(temperature(4, n) for n in range(3_000)))
    bench.send(sender.batch(1, 1_000))
    done: list[int] = []

    def step(copied: int, _of: int) -> None:
        done.append(copied)
        bench.send(sender.batch(1_000 + len(done), 1_000 + len(done)))

    copied = back_up(bench.store.address, KITCHEN, tmp_path / "copy.db", progress=step)
    assert len(done) > 20
    assert done == sorted(set(done)), "no page was copied twice"
    assert copied.rows == 1_000


def test_only_a_proven_copy_replaces_an_older_one(tmp_path: Path) -> None:
    """Of a harmed store no backup is made: the finding is told, the older backup stays, nothing is left lying about."""
    record = Straight(tmp_path / "pawon.db")
    record.send(Sender().add(temperature(4, 1)).batch())
    record.close()
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    back_up(tmp_path / "pawon.db", KITCHEN, folder / "copy.db")
    before = (folder / "copy.db").read_bytes()
    (folder / "copy.db.new").write_bytes(b"left by a killed one")
    harm(tmp_path / "pawon.db", "UPDATE journal SET received_ms = 1 WHERE id = 3")
    with pytest.raises(NotProvenError, match="journal entry 3"):
        back_up(tmp_path / "pawon.db", KITCHEN, folder / "copy.db")
    assert (folder / "copy.db").read_bytes() == before
    assert names(folder) == ["copy.db"]


def test_a_backup_leaves_the_server_its_room_and_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room, a folder that is none, the store itself, two at once: refused with the remedy."""
    store = tmp_path / "pawon.db"
    Straight(store).close()
    with pytest.raises(StoreError, match="is the store itself"):
        back_up(store, KITCHEN, store)
    with pytest.raises(StoreError, match="give a folder"):
        back_up(store, KITCHEN, tmp_path / "none" / "copy.db")
    with copying._mine(tmp_path / "copy.db.new"), pytest.raises(StoreError, match="another backup"):
        back_up(store, KITCHEN, tmp_path / "copy.db")
    monkeypatch.setattr(copying, "KEEP_FREE_BYTES", 2**62)
    with pytest.raises(StoreError, match="make room"):
        back_up(store, KITCHEN, tmp_path / "copy.db")
    assert {name for name in names(tmp_path) if "copy" in name} == set()


def warm(record: Straight, sender: Sender, first: int, last: int) -> None:
    """Rows of a warm chiller as they are measured."""
    for n in range(first, last + 1):
        record.now_ms = sender.offset_ms + n * MINUTE
        record.send(sender.batch(n, n, sent_ms=n * MINUTE))


def test_after_a_restore_the_record_is_whole_again_and_nobody_is_paged_twice(tmp_path: Path) -> None:
    """Backup, an alarm that goes out, more data, the store lost, restore: the gateway's rows are there once, every
    alert bears the mark of its first sending, and what is new after the restore pages as ever."""
    store, copy = tmp_path / "pawon.db", tmp_path / "copy.db"
    record = Straight(store)
    epoch = record.store.epoch
    sender = Sender().add(*(temperature(9.5, n * MINUTE) for n in range(1, 31)))
    warm(record, sender, 1, 10)
    back_up(store, KITCHEN, copy)
    warm(record, sender, 11, 25)
    assert record.send_alerts(100) > 0
    readings = record.rows("SELECT sequence, value, measured_ms FROM reading ORDER BY sequence")
    sent = record.rows("SELECT id, sent_ms FROM alert WHERE event = 'opened' ORDER BY id")
    record.close()

    result = restore(store, KITCHEN, copy, clock)
    assert result.epoch != epoch
    assert (result.carried, result.unknown_alerts) == (len(sent), False)
    assert result.aside == f"{store}.replaced-20261122T034205Z"
    assert verify(open_to_read(Path(result.aside)), KITCHEN).spools[0].upto == 25

    record = Straight(store)
    assert record.store.epoch == result.epoch
    assert record.rows("SELECT max(sequence) FROM reading") == [(10,)]
    record.now_ms = sender.offset_ms + 26 * MINUTE
    answer = record.send(sender.batch(26, 26, sent_ms=26 * MINUTE))
    assert answer is not None
    assert (answer.epoch, answer.upto) == (result.epoch, 10), "the gateway learns from where to send again"
    # Within two minutes of the alarm and an hour later: both are the same alarm.
    for n in range(11, 26):
        record.send(sender.batch(n, n, sent_ms=26 * MINUTE))
    assert record.rows("SELECT sequence, value, measured_ms FROM reading ORDER BY sequence") == readings
    again = record.rows(
        "SELECT incident || '.opened', sent_ms FROM alert WHERE event IN ('opened', 'late') ORDER BY id"
    )
    assert {name for name, _ in again} == {name for name, _ in sent}
    assert {mark for _, mark in again} == {mark for _, mark in sent}
    assert record.send_alerts(100) == 0
    warm(record, sender, 26, 30)
    assert record.send_alerts(100) == 0, "still the same alarm, now as news"
    sender.add(*(temperature(3.0, n * MINUTE) for n in range(31, 60)))
    warm(record, sender, 31, 59)
    sender.add(*(temperature(9.5, n * MINUTE) for n in range(60, 90)))
    warm(record, sender, 60, 89)
    assert record.rows("SELECT count(*) FROM alert WHERE sent_ms IS NULL AND event = 'opened'") != [(0,)]
    assert verify(record.store.reader, KITCHEN).ok
    assert rebuilt(store).same
    record.close()


def test_a_second_restore_knows_what_the_first_one_knew(tmp_path: Path) -> None:
    """Restored twice before a gateway came back: the alarm of long ago still does not go out again."""
    store, copy = tmp_path / "pawon.db", tmp_path / "copy.db"
    record = Straight(store)
    sender = Sender().add(*(temperature(9.5, n * MINUTE) for n in range(1, 31)))
    warm(record, sender, 1, 2)
    back_up(store, KITCHEN, copy)
    warm(record, sender, 3, 25)
    sent = record.send_alerts(100)
    record.close()
    assert [restore(store, KITCHEN, copy, clock).carried for _ in range(3)] == [sent] * 3
    assert [name for name in names(tmp_path) if "replaced" in name] == [
        f"pawon.db.replaced-20261122T034205Z{end}" for end in ("", "-2", "-3")]  # fmt: skip
    record = Straight(store)
    warm(record, sender, 3, 25)
    assert record.send_alerts(100) == 0
    record.close()


def test_a_silence_of_another_history_is_another_silence(tmp_path: Path) -> None:
    """Silences are numbered by the journal: one that the backup does not have may not silence the next one's alarm."""
    store, copy = tmp_path / "pawon.db", tmp_path / "copy.db"
    record = Straight(store)
    sender = Sender().add(*(temperature(3, n * MINUTE) for n in range(1, 31)))
    warm(record, sender, 1, 2)
    back_up(store, KITCHEN, copy)
    record.now_ms += 60 * MINUTE
    record.look_at_clock()
    assert record.send_alerts(100) > 0
    record.close()
    assert restore(store, KITCHEN, copy, clock).carried == 0
    record = Straight(store)
    record.now_ms = sender.offset_ms + 2 * MINUTE
    record.load()
    record.now_ms += 60 * MINUTE
    record.look_at_clock()
    assert record.send_alerts(100) > 0
    record.close()


def test_a_store_that_is_lost_or_broken_is_restored_too(tmp_path: Path) -> None:
    """No file, or one that cannot be read: the backup takes its place, the broken one is kept, and it is said that an
    alarm may go out once more."""
    store, copy = tmp_path / "pawon.db", tmp_path / "copy.db"
    record = Straight(store)
    record.send(Sender().add(temperature(4, 1)).batch())
    record.close()
    back_up(store, KITCHEN, copy)
    store.unlink()
    Path(f"{store}-wal").write_bytes(b"a log of the lost one")
    result = restore(store, KITCHEN, copy, clock)
    assert not Path(f"{store}-wal").exists()
    assert (result.aside, result.unknown_alerts) == (None, False)
    store.write_bytes(b"broken" * 1_000)
    Path(f"{store}-wal").write_bytes(b"a log of the broken one")
    result = restore(store, KITCHEN, copy, clock)
    assert result.unknown_alerts
    assert result.aside is not None
    assert Path(result.aside).read_bytes() == b"broken" * 1_000
    assert Path(f"{result.aside}-wal").read_bytes() == b"a log of the broken one"
    assert not Path(f"{store}-wal").exists()
    record = Straight(store)
    assert record.rows("SELECT count(*) FROM reading") == [(1,)]
    record.close()


def test_a_restore_that_is_refused_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    """Under a running server, from a backup not proven, of another kitchen, none at all, or the store itself."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    store, copy = bench.store.address, tmp_path / "copy.db"
    back_up(store, KITCHEN, copy)
    with pytest.raises(StoreError, match="another server runs"):
        restore(store, KITCHEN, copy, clock)
    bench.writer.stop()
    bench.store.close()
    before = store.read_bytes()
    epoch = dict(sqlite3.connect(store).execute("SELECT name, value FROM store_fact"))["epoch"]
    with pytest.raises(StoreError, match="another kitchen"):
        restore(store, "warung", copy, clock)
    with pytest.raises(StoreError, match="is the store itself"):
        restore(store, KITCHEN, store, clock)
    with pytest.raises(StoreError, match="there is no store"):
        restore(store, KITCHEN, tmp_path / "none.db", clock)
    harm(copy, "DELETE FROM journal WHERE id = 2")
    with pytest.raises(NotProvenError, match="journal entry 2"):
        restore(store, KITCHEN, copy, clock)
    assert store.read_bytes() == before
    assert [name for name in names(tmp_path) if "restore" in name or "replaced" in name] == []
    again = open_store(store)
    assert again.epoch == epoch
    again.close()


def test_an_older_backup_is_restored_and_brought_up_to_date(tmp_path: Path) -> None:
    """A backup of the first schema: proven as it is, then opened by today's version."""
    store, copy = tmp_path / "pawon.db", tmp_path / "copy.db"
    record = Straight(store)
    record.send(Sender().add(temperature(4, 1)).batch())
    record.close()
    shutil.copy(store, copy)
    make_old(copy)
    assert restore(store, KITCHEN, copy, clock).proof.ok
    assert verify(open_to_read(store), KITCHEN).ok
    assert {table.table for table in rebuilt(store).tables if not table.same} == {
        "reading",
        "completeness",
        "boot",
        "judgement",
    }


def test_the_commands_say_what_they_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Size, rows, how far each gateway is stored; the new epoch and where the old store is; ``restored`` is no more."""
    config = tmp_path / "server.toml"
    config.write_text(CONFIG.format(folder=tmp_path))
    store = tmp_path / "store" / "pawon.db"
    record = Straight(store)
    record.send(Sender().add(*(temperature(4, n) for n in range(7))).batch())
    record.close()
    copy = str(tmp_path / "copy.db")
    assert main(["backup", "--config", str(config), copy]) == 0
    said = capsys.readouterr().out
    for word in ("gw-1", "rows 1..7", "bytes, 7 rows, 3 journal entries; head 3:"):
        assert word in said
    assert main(["backup", "--config", str(config), copy, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["rows"], answer["bytes"]) == (7, Path(copy).stat().st_size)
    assert main(["restore", "--config", str(config), copy]) == 0
    said = capsys.readouterr().out
    assert "is kept as" in said
    assert open_store(store).epoch in said
    with pytest.raises(SystemExit):
        main(["restored", "--config", str(config)])


def test_a_backup_is_as_private_as_the_store(tmp_path: Path) -> None:
    """It holds the same secrets; the restored store is as private as the one it replaces."""
    store, copy = tmp_path / "pawon.db", tmp_path / "copy.db"
    Straight(store).close()
    store.chmod(0o600)
    back_up(store, KITCHEN, copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    copy.chmod(0o644)
    restore(store, KITCHEN, copy, clock)
    assert store.stat().st_mode & 0o777 == 0o600
