"""The spool: accepted means kept."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawon_contract import chain, codec
from pawon_contract.messages import Gap, Reading
from pawon_edge.clock import Offset
from pawon_edge.spool import Spool, SpooledRow, SpoolError
from pawon_edge.spool import store as spool_module
from pawon_edge.spool.opening import SCHEMA_VERSION
from pawon_edge.spool.quarantine import Identity, aside, write_identity

BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"
OTHER_BOOT = "99999999-cab1-4b42-8e06-9e3512dfe0a6"
CYCLES = 40


def item(number: int) -> bytes:
    """The row that belongs at this sequence, so that a wrong one is seen."""
    reading = Reading(at_ms=number, sensor="chiller-1", quantity="temperature_c", value=(number % 200) / 10)
    return codec.encode_item(reading)


def all_rows(spool: Spool, first: int = 1) -> list[SpooledRow]:
    """Everything from ``first`` on, as the uplink reads it."""
    rows: list[SpooledRow] = []
    while part := spool.read(first, limit=100, max_bytes=20_000):
        rows += part
        first = part[-1].last + 1
    return rows


def verify(spool_id: str, rows: list[SpooledRow], previous: bytes | None = None) -> bytes:
    """No hole, no double, and every chain value follows from the one before; the last of them."""
    value, sequence = previous if previous is not None else chain.genesis(spool_id), rows[0].sequence
    for row in rows:
        assert row.sequence == sequence
        gap = codec.decode_item(row.item)
        if isinstance(gap, Gap):
            assert (gap.from_, gap.to) == (row.sequence, row.last)
            value = bytes.fromhex(gap.chain)
        else:
            value = chain.link(value, row.sequence, row.boot, row.item)
        assert row.chain == value
        sequence = row.last + 1
    return value


def write_until_killed(path: Path, boot: str, told: int, seed: int) -> None:
    """The child: append batches as fast as it goes, and tell what ``append`` returned for, after it did."""
    chance, spool = random.Random(seed), Spool(path)
    while True:
        count = chance.randint(1, 8)
        first = spool.last + 1
        last = spool.append(boot, [item(first + n) for n in range(count)], scales={"timbangan-1": first + count - 1})
        os.write(told, b"%d\n" % last)
        if chance.random() < 0.2:
            spool.refuse(chance.randint(1, last), "poison", 1)
        if chance.random() < 0.2:
            spool.confirm(last, proven=True)
            spool.prune()


def test_what_append_returned_for_survives_kill_9(tmp_path: Path) -> None:
    """Forty kills at random instants: every acknowledged row is there with its own bytes, once, the chain verifies
    from genesis, an append is there as a whole or not at all, and a scale's kept value is that of the last append."""
    path, acknowledged, verified = tmp_path / "spool.db", 0, 0
    value: bytes | None = None
    for cycle in range(CYCLES):
        read_end, write_end = os.pipe()
        boot = f"{cycle:08x}-cab1-4b42"
        child = os.fork()
        if child == 0:
            try:
                write_until_killed(path, boot, write_end, cycle)
            finally:
                os._exit(1)
        os.close(write_end)
        time.sleep(random.Random(cycle).uniform(0.005, 0.12))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)
        with os.fdopen(read_end, "rb") as told:
            lines = told.read().splitlines()
        acknowledged = int(lines[-1]) if lines else acknowledged
        spool = Spool(path)
        try:
            assert acknowledged <= spool.last <= acknowledged + 8
            assert spool.scale_values() == ({"timbangan-1": spool.last} if spool.last else {})
            # What is new since the kill before; the whole of it at the end.
            first = 1 if cycle == CYCLES - 1 else verified + 1
            if rows := all_rows(spool, first):
                assert rows[-1].last == spool.last
                value = verify(spool.id, rows, None if first == 1 else value)
                verified = spool.last
                kept = {sequence: raw for sequence, _, raw in spool.refused()}
                for row in rows:
                    assert kept.get(row.sequence, row.item) == item(row.sequence)
            acknowledged = spool.last
        finally:
            spool.close()
    assert acknowledged > 100


def test_a_second_process_is_refused_and_told_why(tmp_path: Path) -> None:
    """Two gateways on one spool would write over each other: the second one does not start."""
    spool = Spool(tmp_path / "spool.db")
    script = (
        "import sys; from pathlib import Path; from pawon_edge.spool import Spool, SpoolError\n"
        "try:\n    Spool(Path(sys.argv[1]))\nexcept SpoolError as error:\n    print(error); sys.exit(3)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "spool.db")]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 3
    assert "another gateway runs on this spool; stop it first" in second.stdout
    spool.close()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_spool_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """A downgrade is refused with its remedy, changes nothing, and holds no lock."""
    path = tmp_path / "spool.db"
    Spool(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.execute("UPDATE fact SET value = ? WHERE name = 'readable_by'", (str(SCHEMA_VERSION + 1),))
    db.commit()
    db.close()
    write_identity(path, Identity(spool="0" * 20, schema=SCHEMA_VERSION + 1))
    for _ in range(2):
        with pytest.raises(SpoolError, match=r"written by a newer Pawon .*; install that version again"):
            Spool(path)


def test_a_gateway_can_go_back_by_one_version(tmp_path: Path) -> None:
    """The next version added a table and a fact, and says that this one may use its file: this one reads, accepts rows
    and leaves what it does not know as it was."""
    path = tmp_path / "spool.db"
    spool = Spool(path)
    spool.append(BOOT, [item(1)])
    spool.close()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE novelty (name TEXT PRIMARY KEY, worth INTEGER)")
    db.execute("INSERT INTO novelty VALUES ('kept', 7)")
    db.execute("INSERT INTO fact VALUES ('novel', 'yes')")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.commit()
    db.close()
    write_identity(path, Identity(spool=spool.id, schema=SCHEMA_VERSION + 1))
    again = Spool(path)
    assert (again.id, again.last) == (spool.id, 1)
    again.append(BOOT, [item(2)])
    again.confirm(2, proven=True)
    assert again.prune(keep_rows=0) == 2
    again.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    assert db.execute("SELECT * FROM novelty").fetchall() == [("kept", 7)]
    assert db.execute("SELECT value FROM fact WHERE name = 'novel'").fetchone() == ("yes",)
    db.execute("UPDATE fact SET value = ? WHERE name = 'readable_by'", (str(SCHEMA_VERSION + 1),))
    db.commit()
    db.close()
    with pytest.raises(SpoolError, match="written by a newer Pawon"):
        Spool(path)


def test_a_spool_of_before_versions_could_go_back_is_used_as_it_is(tmp_path: Path) -> None:
    """Without the fact that tells who may read it, a file of this version is a file of this version."""
    path = tmp_path / "spool.db"
    Spool(path).close()
    db = sqlite3.connect(path)
    db.execute("DELETE FROM fact WHERE name = 'readable_by'")
    db.commit()
    db.close()
    spool = Spool(path)
    assert spool.append(BOOT, [item(1)]) == 1
    spool.close()


def test_how_far_a_witness_has_the_spool_outlives_a_restart(tmp_path: Path) -> None:
    """Told when rows are pruned, so that a witness that is away does not hold back what it had."""
    spool = Spool(tmp_path / "spool.db")
    assert spool.held("forum") == 0
    spool.hold("forum", 2, 10)
    spool.append(BOOT, [item(n) for n in range(1, 6)])
    spool.hold("forum", 3, 10)
    spool.confirm(4, proven=True)
    assert spool.prune(keep_rows=1) == 3
    spool.close()
    again = Spool(tmp_path / "spool.db")
    assert again.held("forum") == 3
    assert again.held("another") == 0
    again.close()


def test_a_file_that_is_no_spool_is_put_aside_and_a_new_spool_begins(tmp_path: Path) -> None:
    """Nothing waits for a person: the gateway starts, the strange file is kept as it is, and the status tells."""
    path = tmp_path / "spool.db"
    path.write_bytes(b"this is no database, it is a shopping list for Tuesday" * 100)
    spool = Spool(path)
    assert spool.append(BOOT, [item(1)]) == 1
    (kept,) = aside(path)
    assert kept.read_bytes().startswith(b"this is no database")
    assert kept.name in spool.trouble
    spool.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The data folder stands where a file is: the message says which setting to change."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="data_dir"):
        Spool(tmp_path / "file" / "spool.db")


def test_everything_known_comes_back_after_a_restart(tmp_path: Path) -> None:
    """Rows, scales, a boot's time and the spool's own name outlive the process; a new spool has another name."""
    spool = Spool(tmp_path / "spool.db")
    offset = Offset(offset_ms=1_790_000_000_000, quality="server", error_ms=40)
    spool.append(BOOT, [item(1), item(2)], scales={"timbangan-1": 0}, offset=(offset, True))
    name = spool.id
    spool.close()
    again = Spool(tmp_path / "spool.db")
    assert (again.id, again.last) == (name, 2)
    assert again.scale_values() == {"timbangan-1": 0}
    assert again.boot_offset(BOOT) == (offset, True)
    assert again.boot_offset(OTHER_BOOT) is None
    other = Spool(tmp_path / "other.db")
    assert other.id != name
    other.close()
    again.close()


def test_rows_and_the_boots_time_are_accepted_together_or_not_at_all(tmp_path: Path) -> None:
    """When the disk refuses, neither the rows, nor "the time fix was written", nor the sequence are taken over."""
    spool = Spool(tmp_path / "spool.db")
    spool.append(BOOT, [item(1)])
    limit = sqlite3.connect(tmp_path / "spool.db")
    limit.execute(
        "CREATE TRIGGER full BEFORE INSERT ON boot BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    limit.close()
    offset = Offset(offset_ms=1, quality="synced", error_ms=50)
    with pytest.raises(sqlite3.Error):
        spool.append(BOOT, [item(2)], scales={"timbangan-1": 7}, offset=(offset, True))
    assert (spool.last, spool.boot_offset(BOOT), spool.scale_values()) == (1, None, {})
    assert spool.append(BOOT, [item(2)]) == 2
    verify(spool.id, all_rows(spool))
    spool.close()


def test_a_full_disk_accepts_nothing_and_later_goes_on(tmp_path: Path) -> None:
    """An append that the disk refuses leaves no trace; the same rows are accepted once there is room."""
    spool = Spool(tmp_path / "spool.db")
    spool.append(BOOT, [item(1)])
    db = spool._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    big = [item(2 + n) for n in range(2_000)]
    with pytest.raises(sqlite3.OperationalError, match="full"):
        spool.append(BOOT, big)
    assert spool.last == 1
    assert len(all_rows(spool)) == 1
    db.execute("PRAGMA max_page_count = 1000000")
    assert spool.append(BOOT, big) == 2_001
    verify(spool.id, all_rows(spool))
    spool.close()


def test_a_pruned_beginning_is_told_by_a_gap_whose_chain_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that asks for rows long forgotten gets a gap for exactly those, and the chain verifies behind it."""
    monkeypatch.setattr(spool_module, "KEEP_ROWS", 50)
    monkeypatch.setattr(spool_module, "PRUNE_AT_ONCE", 30)
    spool = Spool(tmp_path / "spool.db")
    spool.append(BOOT, [item(n) for n in range(1, 201)])
    assert spool.prune() == 0
    spool.confirm(150, proven=True)
    assert [spool.prune() for _ in range(5)] == [30, 30, 30, 10, 0]
    for reopened in (False, True):
        if reopened:
            spool.close()
            spool = Spool(tmp_path / "spool.db")
        for first in (1, 60, 100):
            rows = all_rows(spool, first)
            assert (rows[0].sequence, rows[0].last, rows[-1].last) == (first, 100, 200)
            gap = codec.decode_item(rows[0].item)
            assert isinstance(gap, Gap)
            assert (gap.from_, gap.to, gap.reason) == (first, 100, "pruned")
            verify(spool.id, rows)
        assert all_rows(spool, 101)[0].item == item(101)
    spool.close()


def test_nothing_unconfirmed_is_ever_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However far the server claims to be, only rows well behind what exists here are forgotten."""
    monkeypatch.setattr(spool_module, "KEEP_ROWS", 10)
    spool = Spool(tmp_path / "spool.db")
    spool.append(BOOT, [item(n) for n in range(1, 101)])
    spool.confirm(10**9, proven=True)
    assert spool.upto == 100
    spool.prune()
    assert all_rows(spool, 91)[0].item == item(91)
    spool.close()


def test_a_refused_row_keeps_its_bytes_and_gives_its_place_to_a_gap(tmp_path: Path) -> None:
    """The poison stays here for a person to look at; what travels is a gap, and the rows behind still verify."""
    spool = Spool(tmp_path / "spool.db")
    spool.append(BOOT, [item(n) for n in range(1, 11)])
    for _ in range(2):
        spool.refuse(4, "not JSON", 5)
    spool.refuse(99, "no such row", 5)
    assert spool.refused() == [(4, "not JSON", item(4))]
    rows = all_rows(spool)
    gap = codec.decode_item(rows[3].item)
    assert isinstance(gap, Gap)
    assert (gap.from_, gap.to, gap.reason, gap.detail) == (4, 4, "refused", "not JSON")
    verify(spool.id, rows)
    spool.close()


@settings(deadline=None, max_examples=40)
@given(
    boots=st.lists(st.tuples(st.booleans(), st.integers(1, 30)), min_size=1, max_size=8),
    limit=st.integers(1, 50),
    max_bytes=st.integers(1, 3_000),
)
def test_a_read_is_one_boot_and_within_bounds(
    tmp_path_factory: pytest.TempPathFactory, boots: list[tuple[bool, int]], limit: int, max_bytes: int
) -> None:
    """Read on and on in any portions: every row once, in order, no portion mixes boots or exceeds its bounds (but a
    single row larger than the bound still travels)."""
    spool = Spool(tmp_path_factory.mktemp("spool") / "spool.db")
    for other, count in boots:
        first = spool.last + 1
        spool.append(OTHER_BOOT if other else BOOT, [item(first + n) for n in range(count)])
    rows: list[SpooledRow] = []
    while part := spool.read(len(rows) + 1, limit=limit, max_bytes=max_bytes):
        assert len({row.boot for row in part}) == 1
        assert len(part) <= limit
        assert len(part) == 1 or sum(len(row.item) for row in part) <= max_bytes
        rows += part
    assert [row.item for row in rows] == [item(n) for n in range(1, spool.last + 1)]
    verify(spool.id, rows)
    spool.close()


def test_threads_take_turns(tmp_path: Path) -> None:
    """Appending, reading, confirming and pruning at once from four threads: no error, no lost row."""
    spool = Spool(tmp_path / "spool.db")
    rounds: list[int] = []
    done = threading.Event()

    def reading() -> None:
        while not done.is_set():
            spool.read(max(1, spool.last - 50), limit=100, max_bytes=10_000)
            spool.confirm(spool.last, proven=True)
            spool.prune()
            spool.oldest_unconfirmed_ms(BOOT, 10**6, spool.upto)
        rounds.append(1)  # only a thread that met no error comes here

    threads = [threading.Thread(target=reading) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 201):
        spool.append(BOOT, [item(number)])
    done.set()
    for thread in threads:
        thread.join()
    assert rounds == [1, 1, 1]
    verify(spool.id, all_rows(spool))
    assert spool.last == 200
    spool.close()


def test_the_oldest_unconfirmed_row_tells_its_age(tmp_path: Path) -> None:
    """Queue age is the newest boot's business; confirmed rows and rows of another boot have none."""
    spool = Spool(tmp_path / "spool.db")
    assert spool.oldest_unconfirmed_ms(BOOT, 500, spool.upto) == 0
    spool.append(BOOT, [item(100), item(101)])
    assert spool.oldest_unconfirmed_ms(BOOT, 500, spool.upto) == 400
    assert spool.oldest_unconfirmed_ms(OTHER_BOOT, 500, spool.upto) == 0
    spool.confirm(1, proven=True)
    assert spool.oldest_unconfirmed_ms(BOOT, 500, spool.upto) == 399
    spool.confirm(2, proven=True)
    assert spool.oldest_unconfirmed_ms(BOOT, 500, spool.upto) == 0
    spool.close()
