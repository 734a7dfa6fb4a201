"""Sealing changes the encoding of the record and nothing else: same entries, same tables, same answers, same proofs."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from tests.server.conftest import BOOK
from tests.server.sender import Sender, temperature
from tests.server.straight import Straight
from tests.server.test_verify import harm, sql

from pawon_server.record.backup import back_up, restore
from pawon_server.record.rebuild import rebuild, repair
from pawon_server.record.sealing import Job, prepare
from pawon_server.record.verify import verify
from pawon_server.rulebook import Rulebook, Sensor
from pawon_server.store.database import open_store, open_to_read
from pawon_server.store.journal import Entry, entries, entry_at
from pawon_server.store.segments import text_of

KITCHEN = "dapur-uji"
ROWS = 40


def fill(record: Straight) -> Sender:
    """Small batches and deflated ones, what cannot be used, entries of the server's own between them."""
    sender = Sender()
    for number in range(ROWS):
        value = 4 + number % 9
        sender.add(temperature(value, number * 60_000, "chiller-3" if number % 13 == 7 else "chiller-1"))
    sender.add(b'{"k":"bad"}')
    first = 1
    for size in (1, 1, 2, 15, 1, 1, 1, 14, 3, 2):
        record.now_ms += 60_000
        record.send(sender.batch(first, first + size - 1, sent_ms=first * 60_000))
        first += size
        if size == 2:
            record.look_at_clock()
            record.send_alerts()
    assert first == ROWS + 2
    return sender


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Straight]:
    """A store with some of everything."""
    made = Straight(tmp_path / "pawon.db")
    fill(made)
    yield made
    made.close()


def copied(record: Straight, path: Path) -> Path:
    """The store of this moment in a file of its own."""
    with closing(sqlite3.connect(record.store.address)) as store:
        store.execute("VACUUM INTO ?", (str(path),))
    return path


def content(record: Straight) -> list[tuple[object, ...]]:
    """The journal as its readers see it, payloads as text; links are the table's own matter."""
    with record.store.reader.begin() as connection:
        return [
            (one.id, one.kind, one.received_ms, one.gateway, text_of(one.payload), one.spool, one.first, one.last,
             one.chain_before, one.chain)
            for one in entries(connection, KITCHEN, at_once=3)
        ]  # fmt: skip


def same_tables(record: Straight, folder: Path) -> bool:
    """What rebuild says."""
    found = rebuild(open_to_read(record.store.address), KITCHEN, folder)
    assert found.finding is None, found.finding.text()
    return found.same


def damaged(path: Path, *statements: str) -> str:
    """What verify says of a store that a hand has changed."""
    harm(path, *statements)
    finding = verify(open_to_read(path), KITCHEN).finding
    assert finding is not None
    return finding.text()


@pytest.mark.parametrize("rows", [1, 7, 1_000])
def test_everything_reads_as_before(record: Straight, rows: int, tmp_path: Path) -> None:
    """Entries, proof, committed numbers and every table, in segments of any size, also half taken out."""
    before, proof = content(record), verify(open_to_read(record.store.address), KITCHEN)
    tables = record.rows("SELECT * FROM reading ORDER BY sequence")
    sealed = 0
    while more := record.seal(rows, take_out=2):
        sealed += more
        assert content(record)[: len(before)] == before
        again = verify(open_to_read(record.store.address), KITCHEN)
        assert again.finding is None, again.finding.text()
        assert again.spools == proof.spools
    assert sealed == ROWS + 1
    assert record.rows("SELECT * FROM reading ORDER BY sequence") == tables
    assert same_tables(record, tmp_path)
    ids = [one[0] for one in before]
    with record.store.reader.begin() as connection:
        for number in ids:
            one = entry_at(connection, KITCHEN, int(str(number)))
            assert isinstance(one, Entry)
            assert one.id == number
        for after in range(len(ids)):
            assert [one.id for one in entries(connection, KITCHEN, after=after, upto=after + 3)] == [
                *range(after + 1, min(after + 3, len(ids) + len(record.rows("SELECT 1 FROM segment"))) + 1)
            ]


def test_a_head_noted_before_is_still_known(record: Straight) -> None:
    """Undeflated batches prove their links again, and so do deflated ones where this machine's zlib deflates alike; a
    head that is not the journal's is told."""
    heads = [(int(str(row[0])), bytes(row[1]).hex()) for row in record.rows("SELECT id, link FROM journal")]  # type: ignore[arg-type]
    assert record.seal() == ROWS + 1
    reader = open_to_read(record.store.address)
    for number, link in heads:
        assert verify(reader, KITCHEN, known=f"{number}:{link}").ok
        found = verify(reader, KITCHEN, known=f"{number}:{link[::-1]}").finding
        assert found is not None
        assert found.journal_id == number


def test_old_rows_are_answered_as_before(record: Straight) -> None:
    """A gateway that sends sealed rows again is told what is stored; another card with the same numbers is refused."""
    sender = fill_again()
    record.seal(7)
    record.seal(1_000)
    assert not record.rows("SELECT 1 FROM journal WHERE kind = 'batch'")
    for first, last in ((1, 1), (3, 9), (2, 30), (41, 41)):
        answer = record.send(sender.batch(first, last))
        assert answer is not None
        assert (answer.upto, answer.refused) == (ROWS + 1, None)
    copied = Sender().add(*(temperature(1, number) for number in range(5)))
    answer = record.send(copied.batch(2, 4))
    assert answer is not None
    assert answer.refused is not None
    sender.add(temperature(4, 10**7))
    answer = record.send(sender.batch(ROWS + 2))
    assert answer is not None
    assert answer.upto == ROWS + 2


def fill_again() -> Sender:
    """The rows of ``fill``."""
    sender = Sender()
    for number in range(ROWS):
        sender.add(temperature(4 + number % 9, number * 60_000, "chiller-3" if number % 13 == 7 else "chiller-1"))
    return sender.add(b'{"k":"bad"}')


def test_sealed_rows_leave_quarantine(record: Straight, tmp_path: Path) -> None:
    """What its batch said is read from the segment."""
    record.seal()
    more = Sensor(id="chiller-3", gateway="gw-1", name="Chiller 3", point="chiller", quantity="temperature_c")
    settings = msgspec.structs.replace(BOOK.settings, sensors=[*BOOK.settings.sensors, more])
    result = record.replay(Rulebook(settings=settings, profile=BOOK.profile))
    assert (result.used, result.kept) == (3, 1)
    assert record.rows("SELECT min(measured_ms) FROM reading WHERE sensor = 'chiller-3'") == [
        (1_760_000_000_000 + 7 * 60_000,)
    ]
    assert same_tables(record, tmp_path)


def test_a_backup_holds_the_segments(record: Straight, tmp_path: Path) -> None:
    """Copied while half taken out, proven, put back: the same record, and repair finds nothing to do."""
    record.seal(15, take_out=3)
    before = content(record)
    back_up(record.store.address, KITCHEN, tmp_path / "copy.db")
    restore(tmp_path / "again.db", KITCHEN, tmp_path / "copy.db", lambda: record.now_ms)
    store = open_store(tmp_path / "again.db")
    with store.reader.begin() as connection:
        found = [one.id for one in entries(connection, KITCHEN)]
    assert found[:-1] == [one[0] for one in before]
    assert repair(store, KITCHEN, tmp_path, record.now_ms).same
    store.close()


# --- guards -----------------------------------------------------------------------------------------------------------


def refused(record: Straight, statement: str) -> None:
    """The file itself refuses, ours and another program."""
    with pytest.raises(DatabaseError, match=r"append-only|follows the one"), record.store.writer.begin() as connection:
        connection.execute(text(statement))
    with sqlite3.connect(record.store.address) as other, pytest.raises(sqlite3.DatabaseError):
        other.execute(statement)


def test_only_what_a_segment_holds_can_be_deleted(record: Straight) -> None:
    """Batches of a sealed run; never another entry, never a later batch."""
    refused(record, "DELETE FROM journal WHERE kind = 'batch'")
    record.seal(7, take_out=0)
    end = record.rows("SELECT last_id FROM segment")[0][0]
    refused(record, f"DELETE FROM journal WHERE kind = 'batch' AND id > {end}")
    refused(record, f"DELETE FROM journal WHERE id <= {end}")
    refused(record, "DELETE FROM journal WHERE kind <> 'batch'")
    with sqlite3.connect(record.store.address) as other:
        other.execute(f"DELETE FROM journal WHERE kind = 'batch' AND id <= {end}")
    assert verify(open_to_read(record.store.address), KITCHEN).ok


def test_a_segment_is_neither_changed_nor_replaced(record: Straight) -> None:
    """No update, no delete, no second one over a sealed range, no replacing insert by key or by hidden number, none
    without its journal entry."""
    record.seal(7)
    columns = "batches, rows, first_ms, last_ms, digest, journal_id, content"
    unsealed = columns.replace("journal_id", "1")
    for statement in (
        "UPDATE segment SET rows = 1", "DELETE FROM segment", "UPDATE segment_spool SET last = 1",
        "DELETE FROM segment_spool", "INSERT OR REPLACE INTO segment SELECT * FROM segment",
        f"INSERT OR REPLACE INTO segment SELECT kitchen, 2, last_id, {columns} FROM segment",
        f"INSERT INTO segment SELECT kitchen, last_id + 1, last_id + 2, {unsealed} FROM segment",
        f"INSERT OR REPLACE INTO segment (rowid, kitchen, first_id, last_id, {columns}) "
        f"SELECT rowid, kitchen, last_id + 1, last_id + 1, {columns} FROM segment",
        "INSERT OR REPLACE INTO segment_spool SELECT * FROM segment_spool",
        "INSERT OR REPLACE INTO segment_spool (rowid, kitchen, gateway, spool, last, first, first_id, chain) "
        "SELECT rowid, kitchen, gateway, spool, last + 1, first, first_id, chain FROM segment_spool",
        "INSERT OR REPLACE INTO journal (rowid, kitchen, id, kind, received_ms, gateway, payload, link) SELECT "
        "min(rowid), kitchen, max(id) + 1, 'x', 1, '', x'00', x'00' FROM journal",
    ):  # fmt: skip
        refused(record, statement)
    assert verify(open_to_read(record.store.address), KITCHEN).ok


def test_what_is_amiss_with_a_segment_is_named(record: Straight, tmp_path: Path) -> None:
    """Which segment, what was expected, what was found; rebuild derives nothing from it."""
    record.seal(7)
    record.seal(15, take_out=2)
    end = record.rows("SELECT last_id FROM segment ORDER BY first_id")[0][0]
    left = f"kind = 'batch' AND id > {end} AND id <= (SELECT max(last_id) FROM segment)"
    cases = {
        "its bytes were changed": "UPDATE segment SET content = CAST(substr(content, 1, 500) || x'5a5a' || "
        "substr(content, 503) AS BLOB) WHERE first_id = 1",
        "the digest beside it": "UPDATE segment SET digest = 'x' WHERE first_id = 1",
        "the columns beside it are not its own": "UPDATE segment SET rows = rows + 1 WHERE first_id = 1",
        "segment_spool does not say": "UPDATE segment_spool SET chain = x'00' WHERE first_id = 1",
        "an entry is missing": f"DELETE FROM segment WHERE first_id = {int(str(end)) + 1}",
        "the entry that sealed it is not there": "UPDATE segment SET journal_id = 1 WHERE first_id = 1",
        "received_ms is not what was sealed": f"UPDATE journal SET received_ms = 1 WHERE {left}",
        "the payload is not what was sealed": f"UPDATE journal SET payload = x'7b7d' WHERE {left}",
    }  # fmt: skip
    for number, (words, statement) in enumerate(cases.items()):
        path = copied(record, tmp_path / f"{number}.db")
        said = damaged(path, statement)
        assert words in said, said
        if "segment of" in said:
            assert f"entries 1..{end}" in said
        found = rebuild(open_to_read(path), KITCHEN, tmp_path)
        assert found.finding is not None
        assert found.tables == []


def test_a_segment_made_by_hand_does_not_pass(record: Straight, tmp_path: Path) -> None:
    """With a digest of its own everywhere but in the chain, and rows that are others: the chain tells."""
    record.seal()
    path = copied(record, tmp_path / "copy.db")
    other = Straight(tmp_path / "other.db")
    sender = Sender().add(*(temperature(2, number * 60_000) for number in range(ROWS + 1)))
    other.send(sender.batch())
    other.seal()
    made, digest = other.rows("SELECT content, digest FROM segment")[0]
    other.close()
    with closing(sqlite3.connect(path)) as store:
        payload = bytes(store.execute("SELECT payload FROM journal WHERE kind = 'sealed'").fetchone()[0])
    table = msgspec.json.decode(payload)
    table["digest"] = digest
    harm(path, "UPDATE segment SET content = ?", values=(made,))
    harm(path, "UPDATE segment SET digest = ?", values=(digest,))
    harm(path, "UPDATE journal SET payload = ? WHERE kind = 'sealed'", values=(msgspec.json.encode(table),))
    assert verify(open_to_read(path), KITCHEN).finding is not None


def test_sealing_may_overtake_a_proof(record: Straight) -> None:
    """A walk that stands within a run while it is sealed proves the record all the same."""
    overtaken: list[int] = []

    def progress(done: int, _of: int) -> None:
        if not overtaken and done >= 3:
            overtaken.append(done)
            while record.seal():
                pass

    record.seal(1, take_out=0)
    many = Sender(spool="9" * 20).add(*(temperature(4, number) for number in range(80)))
    for number in range(1, 81):
        record.send(many.batch(number, number))
    proof = verify(open_to_read(record.store.address), KITCHEN, progress=progress)
    assert overtaken
    assert proof.finding is None, proof.finding.text()
    assert len(record.rows("SELECT 1 FROM segment")) == 2


def test_a_run_that_is_not_proven_is_not_sealed(record: Straight, tmp_path: Path) -> None:
    """It stays as it is, and the place is named."""
    path = copied(record, tmp_path / "copy.db")
    harm(path, "UPDATE journal SET payload = replace(payload, ':4.0', ':5.0') WHERE id = 3")
    answer = prepare(open_to_read(path), Job(store=str(path), kitchen=KITCHEN, before_ms=2**62, patience_ms=2**62))
    assert answer.prepared is None
    assert answer.finding is not None
    assert answer.finding.journal_id == 3
    with sql(path) as other:
        assert other.execute("SELECT count(*) FROM segment").fetchone() == (0,)


# --- kill -9 ----------------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.server.straight import Straight
from pawon_server.record import sealing, upkeep
from pawon_server.store.database import open_to_read
record, at = Straight.__new__(Straight), int(sys.argv[2])
from pawon_server.store.database import open_store
record.store, record.now_ms = open_store(Path(sys.argv[1])), 2**50
record.load()
upkeep.DELETE_AT_ONCE = 2
count = 0
def step(work):
    global count
    count += 1
    def killed(connection, acceptance):
        work(connection, acceptance)
        acceptance.flush(connection)
        if count == at and sys.argv[3] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    record.step(killed)
    if count == at and sys.argv[3] == "after":
        os.kill(os.getpid(), signal.SIGKILL)
look = upkeep.Upkeep(
    record.store.reader, record.store.address, "dapur-uji", "Asia/Jakarta", seal_after_days=7, raw_days=90, step=step,
    utc_ms=lambda: 2**50, pack=lambda job: sealing.prepare(open_to_read(record.store.address), job, max_rows=12),
)
look._stop.wait = lambda _: False
look.look()
print(count)
"""


def test_killed_anywhere_it_goes_on(record: Straight, tmp_path: Path) -> None:
    """kill -9 of a real process in and behind every step: the store is whole each time, and the next start finishes."""
    before = content(record)
    path = copied(record, tmp_path / "copy.db")

    def run(at: int, when: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", KILLED, str(path), str(at), when], cwd=Path(__file__).parents[2], text=True,
            capture_output=True, check=False,
        )  # fmt: skip

    chance = random.Random(1)
    kills = 0
    while (done := run(chance.choice([1, 1, 2]), chance.choice(["before", "after"]))).returncode == -signal.SIGKILL:
        kills += 1
        proof = verify(open_to_read(path), KITCHEN)
        assert proof.finding is None, proof.finding.text()
        assert kills < 60
    assert done.returncode == 0, done.stderr
    assert kills > 5
    with closing(sqlite3.connect(path)) as store:
        assert store.execute("SELECT count(*) FROM journal WHERE kind = 'batch'").fetchone() == (0,)
        assert store.execute("SELECT sum(rows) FROM segment").fetchone() == (ROWS + 1,)
    reader = open_to_read(path)
    with reader.begin() as connection:
        found = [(one.id, text_of(one.payload)) for one in entries(connection, KITCHEN)]
    assert found[: len(before)] == [(one[0], one[4]) for one in before]
    assert rebuild(reader, KITCHEN, tmp_path).same
