"""``rebuild``: every table is what the journal says; where a hand or a bug made it say something else, it is named."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.conftest import BOOK, Bench, NewAddress, on_postgresql
from tests.server.sender import BOOT, Sender, temperature
from tests.server.some_acts import some_act
from tests.server.straight import Straight
from tests.server.test_ingest import weighing
from tests.server.test_store import CONFIG
from tests.server.test_verify import copy_of, harm, make_old, sql

from pawon_contract import codec
from pawon_contract.messages import ClockFix, Gap, Item, SensorFault
from pawon_server.cli import main
from pawon_server.projections.stock import Stock
from pawon_server.record import rebuild as rebuilding
from pawon_server.record.derive import derive_after_upgrade
from pawon_server.record.rebuild import LEFT_OUT, Rebuilt, rebuild, repair
from pawon_server.store.address import Address
from pawon_server.store.database import StoreError, open_store, open_to_read
from pawon_server.store.journal import EntryKind
from pawon_server.store.schema import metadata
from pawon_server.store.tables import PROJECTIONS

pytestmark = pytest.mark.long
KITCHEN = "dapur-uji"
MINUTE = 60_000
BOOTS = (BOOT, "11111111-cab1-4b42-8e06-9e3512dfe0a6", "22222222-cab1-4b42-8e06-9e3512dfe0a6")


def rebuilt(address: Address) -> Rebuilt:
    """What rebuild says."""
    with tempfile.TemporaryDirectory() as folder:
        return rebuild(open_to_read(address), KITCHEN, Path(folder))


def items(chance: random.Random, count: int, boot: str) -> list[Item | bytes]:
    """Rows of a bad day: excursions, faults, weighings, clock fixes, unknown sensors, rows that do not decode."""
    out: list[Item | bytes] = []
    at_ms, warm, load = 0, False, 0
    for _ in range(count):
        at_ms += chance.choice([0, 1_000, MINUTE, MINUTE, 20 * MINUTE])
        warm ^= chance.random() < 0.1
        sensor = chance.choice(["chiller-1", "chiller-1", "chiller-2"])
        kind = chance.random()
        if kind < 0.6:
            out.append(temperature(chance.choice([9.5, 12.0]) if warm else chance.choice([0.0, 3.5]), at_ms, sensor))
        elif kind < 0.7:
            after = chance.randint(0, 40) * 500
            word = chance.choice(["in", "out", "refill", "restart", "first", "touch"])
            out.append(weighing(load, after, at_ms, word, chance.choice(["scale-1", "scale-2"])))
            load = after
        elif kind < 0.8:
            out.append(SensorFault(at_ms=at_ms, sensor=sensor, fault="crc", cleared=chance.random() < 0.5))
        elif kind < 0.85:
            offset_ms = 1_760_000_000_000 + chance.randint(-5, 5) * MINUTE
            out.append(ClockFix(at_ms=at_ms, boot=boot, offset_ms=offset_ms, error_ms=50, source="synced"))
        elif kind < 0.9:
            out.append(temperature(4, at_ms, "nobody"))
        elif kind < 0.95:
            out.append(chance.choice([b'{"k":"bad"}', b'{"k":"reading","at_ms":1,"sensor":"chiller-1"}', b"0"]))
        else:
            out.append(ClockFix(at_ms=at_ms, boot=boot, offset_ms=2**60, error_ms=1, source="server"))
    return out


def people_write(record: Straight, chance: random.Random, acts: int) -> None:
    """So many acts, also about the incidents that there are."""
    for _ in range(acts):
        names, written = (
            [str(row[0]) for row in record.rows(f"SELECT id FROM {table} ORDER BY id")]
            for table in ("incident", "incident_act")
        )
        record.write(some_act(chance, names, written))


def bad_day(address: Address, chance: random.Random) -> Straight:
    """A store made by random rows in random batches, with restarts, rollbacks, silence, alerts, new configurations."""
    record = Straight(address)
    for life, boot in enumerate(BOOTS[: chance.randint(1, 3)]):
        sender = Sender(spool=f"{life:020x}", boot=boot, clock=chance.choice(["synced", "guess", "rtc"]))
        sender.add(*items(chance, chance.randint(1, 60), boot))
        stored = 0
        while stored < len(sender.rows):
            first = chance.randint(max(1, stored - 3), stored + 1)
            last = min(len(sender.rows), first + chance.randint(0, 20))
            sent_ms = chance.choice([10**9, last * MINUTE])
            payload = sender.batch(first, last, sent_ms=sent_ms)
            if chance.random() < 0.1:
                gap = Gap(at_ms=1, from_=first, to=last, reason="pruned", chain=sender.chains[last - 1].hex())
                rows = [*sender.rows[: first - 1], codec.encode_item(gap)]
                one = Sender(spool=sender.spool, boot=boot, rows=rows, chains=sender.chains)
                payload = one.batch(first, first, hash=sender.chains[last - 1].hex())
            if chance.random() < 0.1:
                record.send(payload, commit=False)
            answer = record.send(payload, *([b"garbage"] if chance.random() < 0.1 else []),
                                 project=chance.random() > 0.05)  # fmt: skip
            assert answer is not None
            stored = max(stored, last)
            happening = chance.random()
            record.now_ms += chance.choice([0, 1_000, MINUTE, 30 * MINUTE])
            if happening < 0.1:
                record.load()
            elif happening < 0.17:
                record.replay(BOOK)
            elif happening < 0.2:
                record.restored()
            elif happening < 0.5:
                record.look_at_clock()
            elif happening < 0.7:
                record.send_alerts(chance.randint(1, 5))
            elif happening < 0.75:
                record.seal(chance.choice([1, 10, 100]), take_out=chance.randint(0, 30))
            elif happening < 0.85:
                start_ms = record.now_ms // MINUTE * MINUTE + chance.randint(-90, 90) * MINUTE
                sensor = chance.choice(["chiller-1", "chiller-2"])
                record.compact(sensor, start_ms, start_ms + chance.randint(1, 200) * MINUTE)
            elif happening < 0.93:
                people_write(record, chance, chance.randint(1, 40))
            elif happening < 0.96:
                some = [one for one in BOOK.settings.sensors if chance.random() < 0.8]
                record.configure(msgspec.structs.replace(BOOK, settings=msgspec.structs.replace(
                    BOOK.settings, sensors=some)))  # fmt: skip
        people_write(record, chance, 30)
    return record


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_any_store_is_what_its_journal_says(seed: int) -> None:
    """Random rows in any batching, restarts, rollbacks, bugs: derived again, every table is the same row for row."""
    with tempfile.TemporaryDirectory() as folder:
        record = bad_day(Path(folder) / "pawon.db", random.Random(seed))
        try:
            result = rebuilt(record.store.address)
        finally:
            record.close()
    assert result.finding is None
    assert [table for table in result.tables if not table.same] == []


@on_postgresql
@pytest.mark.parametrize("seed", range(3))
def test_a_bad_day_in_a_database_is_what_its_journal_says(stores: NewAddress, seed: int) -> None:
    """The same where the tables compared are a database's."""
    record = bad_day(stores(), random.Random(seed))
    result = rebuilt(record.store.address)
    record.close()
    assert result.finding is None
    assert [table for table in result.tables if not table.same] == []


def test_the_bad_days_fill_every_table(tmp_path: Path) -> None:
    """The property above compares something: over a few seeds every projection has rows, every entry kind is there."""
    filled: dict[str, int] = {}
    kinds: set[str] = set()
    for seed in range(40):
        record = bad_day(tmp_path / f"{seed}.db", random.Random(seed))
        for table in rebuilt(record.store.address).tables:
            filled[table.table] = filled.get(table.table, 0) + table.rows
        kinds |= {str(row[0]) for row in record.rows("SELECT DISTINCT kind FROM journal")}
        record.close()
    assert all(filled.values()), filled
    assert kinds == set(get_args(EntryKind)) - {"repair"}


def test_every_table_is_the_journal_a_projection_or_left_out_with_a_reason() -> None:
    """No table can be forgotten."""
    assert {table.name for table in PROJECTIONS} | set(LEFT_OUT) == set(metadata.tables)
    assert not {table.name for table in PROJECTIONS} & set(LEFT_OUT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store in which every kind of thing has happened."""
    path = tmp_path_factory.mktemp("whole") / "pawon.db"
    record = Straight(path)
    rows: list[Item | bytes] = [temperature(9.0 if 5 <= n < 40 else 3.0, n * MINUTE) for n in range(60)]
    rows += [weighing(0, 20_000, 60 * MINUTE, "first"), weighing(20_000, 15_000, 61 * MINUTE, "out"), b'{"k":"bad"}']
    sender = Sender().add(*rows)
    for n in range(1, 64):
        record.now_ms = sender.offset_ms + n * MINUTE
        record.send(sender.batch(n, n, sent_ms=n * MINUTE))
    record.send_alerts()
    record.now_ms += 60 * MINUTE
    record.look_at_clock()
    record.close()
    return path


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy that may be harmed; nothing may be left beside it."""
    path = copy_of(whole, tmp_path)
    yield path
    assert [file.name for file in path.parent.iterdir() if file.name.startswith("pawon-rebuild")] == []


HARMS = (
    ("reading", "UPDATE reading SET value = 3.5 WHERE sequence = 35", (0, 0, 1), "value"),
    ("reading", "UPDATE reading SET count = '1x' WHERE sequence = 36", (0, 0, 1), "count"),
    ("reading", "DELETE FROM reading WHERE sequence BETWEEN 3 AND 30", (28, 0, 0), "value"),
    ("reading", "UPDATE reading SET kitchen = 'other' WHERE sequence = 5", (1, 0, 0), "value"),
    ("incident", "DELETE FROM incident WHERE kind = 'limit'", (2, 0, 0), "severity"),
    ("incident", "UPDATE incident SET worst = 5.5 WHERE rule = 'chiller-warm'", (0, 0, 1), "worst"),
    ("incident", "UPDATE incident SET id = 'zz' WHERE kind = 'silence' AND sensor = 'gw-1'", (1, 1, 0), "kind"),
    ("ledger_line", "UPDATE ledger_line SET amount = amount * 2 WHERE place = 'gudang'", (0, 0, 2), "amount"),
    ("movement", "UPDATE movement SET state = 'proposed' WHERE kind = 'out'", (0, 0, 1), "state"),
    ("alert", "UPDATE alert SET sent_ms = NULL WHERE sent_ms IS NOT NULL", (0, 0, 3), "sent_ms"),
    ("completeness", "UPDATE completeness SET measured = zeroblob(180)", (0, 0, 1), "measured"),
    ("latest", "UPDATE latest SET value = 2.5", (0, 0, 1), "value"),
    ("quarantine", "DELETE FROM quarantine", (1, 0, 0), "reason"),
    ("judgement", "UPDATE judgement SET state = x'7b7d'", (0, 0, 1), "state"),
)  # fmt: skip


@pytest.mark.parametrize(("table", "statement", "counts", "column"), HARMS)
def test_what_was_edited_is_named_with_both_versions(
    store: Path, table: str, statement: str, counts: tuple[int, int, int], column: str
) -> None:
    """An edited reading, a deleted incident, a changed transfer: the table, the key, what stands there, what should."""
    assert rebuilt(store).same
    with sql(store) as other:
        other.execute(statement)
    result = rebuilt(store)
    wrong = [one for one in result.tables if not one.same]
    assert [one.table for one in wrong] == [table]
    assert (wrong[0].missing, wrong[0].extra, wrong[0].changed) == counts
    assert len(wrong[0].first) == min(sum(counts), 5)
    for row in wrong[0].first:
        assert row.key
        for side in (row.store, row.journal):
            assert side is None or column in side
        assert row.store != row.journal


def test_repair_writes_what_the_journal_says_and_says_so(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything harmed at once is put right in one go; the journal tells of it; twice changes nothing."""
    with sql(store) as other:
        other.execute("INSERT INTO export_cursor VALUES ('dapur-uji', 'influx', 40)")
        before = {table.name: other.execute(f"SELECT * FROM {table.name}").fetchall() for table in PROJECTIONS}
        for _, statement, _, _ in HARMS:
            other.execute(statement)
    config = tmp_path / "server.toml"
    config.write_text(CONFIG.format(folder="@").replace("@/store/pawon.db", str(store)))
    assert main(["rebuild", "--config", str(config)]) == 1
    said = capsys.readouterr().out
    for word in ("incident: ", "row(s) missing", "journal: no such row", "store:   value=2.5", "--repair"):
        assert word in said
    assert main(["rebuild", "--config", str(config), "--repair"]) == 0
    assert "written anew" in capsys.readouterr().out
    with sql(store) as other:
        for name, rows in before.items():
            found = other.execute(f"SELECT * FROM {name} WHERE kitchen = 'dapur-uji'").fetchall()
            assert sorted(found, key=str) == sorted(rows, key=str), name
        assert other.execute("SELECT count(*) FROM export_cursor").fetchone() == (0,)
        kind, payload = other.execute("SELECT kind, payload FROM journal ORDER BY id DESC LIMIT 1").fetchone()
    assert (kind, json.loads(payload)["tables"]["incident"]) == ("repair", 4)
    assert main(["verify", "--config", str(config)]) == 0
    for more in ([], ["--repair"]):
        capsys.readouterr()
        assert main(["rebuild", "--config", str(config), "--json", *more]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert (answer["same"], answer["repaired"]) == (True, False)
        assert set(answer["left_out"]) == set(LEFT_OUT)
    record = Straight(store)
    assert record.rows("SELECT count(*) FROM journal WHERE kind = 'repair'") == [(1,)]
    sender = Sender().add(*(temperature(3.0, n) for n in range(3)))
    answer_ = record.send(sender.batch())
    assert answer_ is not None
    record.close()


def test_repair_needs_the_store_for_itself(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under a running server it is refused with the remedy, and comparing is not."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    config = tmp_path / "server.toml"
    config.write_text(CONFIG.format(folder="@").replace("@/store/pawon.db", str(bench.store.address)))
    assert main(["rebuild", "--config", str(config), "--repair"]) == 1
    assert "another server runs on this store" in capsys.readouterr().err
    assert main(["rebuild", "--config", str(config)]) == 0


def test_nothing_is_derived_from_a_journal_that_is_not_proven(store: Path) -> None:
    """A harmed journal is told as verify tells it, and neither compared nor written from."""
    harm(store, "UPDATE journal SET received_ms = received_ms + 1 WHERE id = 7")
    result = rebuilt(store)
    assert result.finding is not None
    assert (result.finding.journal_id, result.tables, result.same) == (7, [], False)


def test_a_rebuild_leaves_the_server_its_room(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk that is nearly full it gives up with the remedy; an unusable folder is named too."""
    monkeypatch.setattr(rebuilding, "KEEP_FREE_BYTES", 2**62)
    with pytest.raises(StoreError, match="--scratch"):
        rebuilt(store)
    with pytest.raises(StoreError, match="--scratch"):
        rebuild(open_to_read(store), KITCHEN, store.parent / "nowhere")


def test_it_compares_one_moment_beside_a_serving_writer(bench: Bench) -> None:
    """While batches come in, what was committed meanwhile is in both or in neither."""
    sender = Sender().add(*(temperature(4 + n % 9, n * MINUTE) for n in range(300)))
    bench.send(sender.batch(1, 100))
    for n in range(101, 301):
        bench.writer.put("gw-1", sender.batch(n, n, sent_ms=n * MINUTE))
        if n % 50 == 0:
            assert rebuilt(bench.store.address).same
    bench.until(lambda: bench.value("SELECT max(sequence) FROM reading") == 300, "the rows to be stored")
    assert rebuilt(bench.store.address).same


def test_what_a_bug_kept_from_being_projected_is_set_aside_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal says which rows were set aside: once the bug is mended the tables are still what it says."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Stock, "take", broken)
    sender = Sender().add(temperature(4, 1), weighing(0, 5_000, 2_000, "in"), temperature(4, 3), temperature(5, 4))
    bench.send(sender.batch(1, 1))
    bench.send(sender.batch(2, 3))
    monkeypatch.undo()
    bench.send(sender.batch(4, 4))
    assert bench.rows("SELECT sequence FROM quarantine ORDER BY sequence") == [(2,), (3,)]
    assert rebuilt(bench.store.address).same


def test_an_older_store_is_opened_with_its_rows(tmp_path: Path, whole: Path) -> None:
    """A store of the first schema is brought up to date by opening it; what that version did not keep is filled in by
    ``--repair``, and nothing else differs."""
    path = copy_of(whole, tmp_path)
    make_old(path)
    record = Straight(path)
    assert record.rows("SELECT count(*) FROM reading") == [(60,)]
    wrong = {table.table: (table.missing, table.extra, table.changed) for table in rebuilt(path).tables
             if not table.same}  # fmt: skip
    assert wrong == {
        "reading": (0, 0, 60), "completeness": (1, 0, 0), "boot": (0, 0, 1), "incident": (0, 0, 2),
        "judgement": (0, 0, 1),  # the same, in other words
        "movement": (2, 0, 0), "ledger_line": (4, 0, 0), "scale_zero": (2, 0, 0),
    }  # fmt: skip
    assert repair(record.store, KITCHEN, path.parent, 1).repaired
    assert rebuilt(path).same
    record.close()


def test_an_upgraded_store_derives_its_stock_before_it_is_served(tmp_path: Path, whole: Path) -> None:
    """The book has another shape than in the first schema: a server fills it from the journal, once."""
    path = copy_of(whole, tmp_path)
    make_old(path)
    store = open_store(path)
    assert derive_after_upgrade(store, KITCHEN, 1)
    assert not derive_after_upgrade(store, KITCHEN, 2)
    store.close()
    assert rebuilt(path).same


def test_a_derivation_that_was_killed_is_begun_again(tmp_path: Path, whole: Path) -> None:
    """Nothing of it was written; the next start derives everything, and clears away what the first one left."""
    path = copy_of(whole, tmp_path)
    make_old(path)
    killed = (
        "import os, sys; from pathlib import Path; from pawon_server.record import derive, rebuild; "
        "from pawon_server.store.database import open_store; rebuild.compare_tables = lambda *_: os._exit(9); "
        f"derive.derive_after_upgrade(open_store(Path(sys.argv[1])), {KITCHEN!r}, 1)"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(path)], check=False).returncode == 9
    store = open_store(path)
    assert derive_after_upgrade(store, KITCHEN, 2)
    store.close()
    assert rebuilt(path).same
    assert [one.name for one in path.parent.iterdir() if one.is_dir()] == []


def test_nothing_leaves_the_house(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket is made and no alert becomes due by a rebuild: what was unsent is unsent, what was sent is sent."""
    import socket

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a rebuild talks to nobody")

    monkeypatch.setattr(socket.socket, "connect", never)
    with sql(store) as other:
        marks = other.execute("SELECT id, sent_ms FROM alert ORDER BY id").fetchall()
    assert rebuilt(store).same
    with sql(store) as other:
        assert other.execute("SELECT id, sent_ms FROM alert ORDER BY id").fetchall() == marks
    assert [mark for _, mark in marks if mark is None]
    assert [mark for _, mark in marks if mark is not None]


def test_a_table_that_cannot_be_read_is_a_sentence(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A harmed file ends in one line with the remedy, not in a traceback."""
    with sql(store) as other:
        other.execute("DROP TABLE latest")
    config = tmp_path / "server.toml"
    config.write_text(CONFIG.format(folder="@").replace("@/store/pawon.db", str(store)))
    assert main(["rebuild", "--config", str(config)]) == 1
    assert "restore a backup" in capsys.readouterr().err
