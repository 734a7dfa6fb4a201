"""``verify``: what was not touched is proven; whatever a hand with SQL does to the record is named with its place."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from tests.server.conftest import Bench
from tests.server.sender import Sender, temperature
from tests.server.test_store import CONFIG

from pawon_contract import chain, codec
from pawon_contract.messages import Gap
from pawon_server.cli import main
from pawon_server.record import verify as walking
from pawon_server.record.verify import Proof, verify
from pawon_server.store import database
from pawon_server.store.database import StoreError, open_store, open_to_read
from pawon_server.store.journal import next_link
from pawon_server.store.sqlite import guards_of

GUARDS = guards_of(database.SCHEMA)
KITCHEN = "dapur-uji"
OTHER_SPOOL = "f" * 20
TEXT = ("kitchen", "kind", "gateway", "spool")
NUMBERS = ("id", "received_ms", "first", "last")
BYTES = ("chain_before", "chain", "payload", "link")


def fill(bench: Bench) -> Sender:
    """A record with everything in it: two spools taking turns, a gap, garbage, the server's own entries."""
    sender = Sender().add(*(temperature(4 + n % 3, 1000 * n) for n in range(60)))
    other = Sender(spool=OTHER_SPOOL).add(*(temperature(5, 1000 * n, "chiller-2") for n in range(20)))
    bench.send(sender.batch(1, 3))
    bench.send(other.batch(1, 4))
    bench.send(b"garbage")
    gap = codec.encode_item(Gap(at_ms=1, from_=4, to=8, reason="thinned", chain=sender.chains[7].hex()))
    cut = Sender(rows=[*sender.rows[:3], gap, sender.rows[8]], chains=sender.chains)
    bench.send(cut.batch(4, 5, hash=sender.chains[8].hex()))
    bench.send(sender.batch(7, 30))  # overlaps what is stored, and begins inside the gap's end
    bench.send(other.batch(5, 20))
    bench.send(sender.batch(31, 60))
    return sender


def copy_of(path: Path, folder: Path) -> Path:
    """A copy of a closed store, in a folder of its own: a log left beside an older copy would be taken for its."""
    return Path(shutil.copy(path, Path(tempfile.mkdtemp(dir=folder)) / "pawon.db"))


@contextmanager
def sql(path: Path) -> Iterator[sqlite3.Connection]:
    """The store under a hand: committed and closed at the end."""
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def make_old(path: Path) -> None:
    """A closed store as the first schema had it."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with create_engine(f"sqlite:///{path}").begin() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, "0001")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store with a record, to be copied."""
    path = tmp_path_factory.mktemp("whole") / "pawon.db"
    store = open_store(path)
    bench = Bench(store)
    fill(bench)
    bench.writer.stop()
    store.close()
    return path


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """A copy that may be harmed."""
    return copy_of(whole, tmp_path)


def harm(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    """SQL by hand, the guards taken away and put back."""
    with sql(path) as other:
        for name in GUARDS:
            other.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            other.execute(statement, values if "?" in statement else ())
        for guard in GUARDS.values():
            other.execute(guard)


def proof_of(path: Path, known: str | None = None) -> Proof:
    """What verify says."""
    return verify(open_to_read(path), KITCHEN, known=known)


def ids(path: Path) -> list[int]:
    """The numbers of all entries."""
    with sql(path) as other:
        return [row[0] for row in other.execute("SELECT id FROM journal ORDER BY id")]


def test_an_untouched_record_is_proven(store: Path) -> None:
    """Both spools to their last row, the gap counted, the head that of the last entry."""
    proof = proof_of(store)
    assert proof.finding is None
    assert [(one.spool, one.upto, one.gaps, one.lost) for one in proof.spools] == [
        ("00112233445566778899", 60, 1, 5), (OTHER_SPOOL, 20, 0, 0),
    ]  # fmt: skip
    assert proof.entries == len(ids(store)) == 9
    with sql(store) as other:
        assert proof.head == f"9:{other.execute('SELECT link FROM journal WHERE id = 9').fetchone()[0].hex()}"


@pytest.mark.parametrize("column", [*TEXT, *NUMBERS, *BYTES])
def test_a_flipped_bit_is_named_in_every_column_of_every_entry(whole: Path, tmp_path: Path, column: str) -> None:
    """One bit anywhere: verify names that entry, with the gateway, spool and rows where it is a batch."""
    flipped = 0
    for number in ids(whole):
        path = copy_of(whole, tmp_path)
        with sql(path) as other:
            row = other.execute(f"SELECT {column}, kind FROM journal WHERE id = ?", (number,)).fetchone()
        value: object = row[0]
        if value in (None, ""):
            continue
        if isinstance(value, int):
            value ^= 64
        elif isinstance(value, str):
            value = value[:-1] + chr(ord(value[-1]) ^ 1)
        elif isinstance(value, bytes):
            middle = len(value) // 2
            value = value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]
        harm(path, f"UPDATE journal SET {column} = ? WHERE id = {number}", values=(value,))
        finding = proof_of(path).finding
        assert finding is not None, (number, row)
        assert finding.journal_id == number, finding
        assert finding.expected != finding.found
        if row[1] == "batch" and column not in ("id", "kitchen", "kind"):
            assert finding.gateway
            assert finding.spool
            assert finding.sequence
        flipped += 1
    assert flipped >= 6


@pytest.mark.parametrize("column", [*TEXT, *NUMBERS, *BYTES])
@pytest.mark.parametrize("value", ["'text'", "x'ff00'", "-1", "1.5", "x''", "CAST(x'ff' AS TEXT)"])
def test_a_value_of_any_type_is_a_finding(store: Path, column: str, value: str) -> None:
    """The file takes any type in any column: verify says so and does not stumble."""
    harm(store, f"UPDATE journal SET {column} = {value} WHERE id = 5")
    finding = proof_of(store).finding
    assert finding is not None
    # A number of another type sorts elsewhere: what is named is the first place where one is missing.
    assert column == "id" or finding.journal_id == 5


def test_a_value_where_none_belongs_is_a_finding(store: Path) -> None:
    """A batch's columns in an entry that is none would mislead who looks rows up."""
    for column, value in (
        ("spool", "'f'"),
        ("first", "1"),
        ("last", "1"),
        ("chain_before", "x'00'"),
        ("chain", "x'')"),
    ):
        path = copy_of(store, store.parent)
        harm(path, f"UPDATE journal SET {column} = {value.rstrip(')')} WHERE id = 1")
        finding = proof_of(path).finding
        assert finding is not None
        assert (finding.journal_id, column in finding.what) == (1, True)


def test_a_removed_entry_is_named(whole: Path, tmp_path: Path) -> None:
    """Any entry, the last of a spool too: the numbers or the committed number betray it."""
    for number in ids(whole):
        path = copy_of(whole, tmp_path)
        harm(path, f"DELETE FROM journal WHERE id = {number}")
        finding = proof_of(path).finding
        assert finding is not None
        assert finding.journal_id == number
    harm(path, "DELETE FROM journal")
    assert proof_of(path).finding is not None


def test_a_removed_entry_whose_place_was_closed_is_named(store: Path) -> None:
    """The rest renumbered: what follows is not chained to what stands before it."""
    harm(store, "DELETE FROM journal WHERE id = 5", "UPDATE journal SET id = -id WHERE id > 5",
         "UPDATE journal SET id = -id - 1 WHERE id < 0")  # fmt: skip
    finding = proof_of(store).finding
    assert finding is not None
    assert finding.journal_id == 5


def test_swapped_entries_are_named(store: Path) -> None:
    """Two batches in each other's place, and two entries of the server's own."""
    for one, two in ((3, 8), (1, 2)):
        path = copy_of(store, store.parent)
        harm(path, f"UPDATE journal SET id = -1 WHERE id = {one}", f"UPDATE journal SET id = {one} WHERE id = {two}",
             f"UPDATE journal SET id = {two} WHERE id = -1")  # fmt: skip
        finding = proof_of(path).finding
        assert finding is not None
        assert finding.journal_id == one


def test_an_inserted_entry_is_named(store: Path) -> None:
    """A doubled batch at the end, even one chained as the server would: the rows are there already."""
    with sql(store) as other:
        payload, link = other.execute(
            "SELECT (SELECT payload FROM journal WHERE id = 3), link FROM journal WHERE id = 9"
        ).fetchone()
    copied = "kitchen, 10, kind, received_ms, gateway, spool, first, last, chain_before, chain, payload"
    with sql(store) as other:
        received_ms = other.execute("SELECT received_ms FROM journal WHERE id = 3").fetchone()[0]
    forged = next_link(link, 10, "batch", received_ms, "gw-1", payload)
    harm(store, f"INSERT INTO journal SELECT {copied}, ? FROM journal WHERE id = 3", values=(forged,))
    finding = proof_of(store).finding
    assert finding is not None
    assert (finding.journal_id, finding.sequence) == (10, "1..3")
    assert "doubled" in finding.what


def test_rows_changed_with_a_forged_journal_chain_are_named(store: Path) -> None:
    """Somebody rewrites a row and every link after it: the gateway's own chain still names the batch and its rows."""
    with sql(store) as other:
        rows = other.execute(
            "SELECT id, kind, received_ms, gateway, payload FROM journal WHERE id >= 3 ORDER BY id"
        ).fetchall()
        link = other.execute("SELECT link FROM journal WHERE id = 2").fetchone()[0]
    statements = []
    for number, kind, received_ms, gateway, old in rows:
        payload = old.replace(b'"value":5,', b'"value":3,') if number == 3 else old
        assert number != 3 or payload != old
        link = next_link(link, number, kind, received_ms, gateway, payload)
        statements.append(
            f"UPDATE journal SET payload = x'{payload.hex()}', link = x'{link.hex()}' WHERE id = {number}"
        )
    harm(store, *statements)
    finding = proof_of(store).finding
    assert finding is not None
    assert (finding.journal_id, finding.gateway, finding.sequence) == (3, "gw-1", "1..3")
    assert finding.found.encode() in bytes(rows[0][4]), "the hash its sender gave"


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_that_was_taken_away_or_weakened_is_named_with_its_remedy(store: Path, name: str) -> None:
    """The finding gives the statement that puts it back; that statement makes the store whole."""
    with sql(store) as other:
        other.execute(f"DROP TRIGGER {name}")
    finding = proof_of(store).finding
    assert finding is not None
    assert (name in finding.what, finding.found) == (True, "nothing")
    with sql(store) as other:
        other.execute(GUARDS[name].replace(" BEGIN", " WHEN 0 BEGIN") if "WHEN" not in GUARDS[name]
                      else GUARDS[name].replace("WHEN", "WHEN 0 AND"))  # fmt: skip
    finding = proof_of(store).finding
    assert finding is not None
    assert "WHEN 0" in finding.found
    with sql(store) as other:
        other.executescript(finding.remedy.split("sqlite3: ")[1])
    assert proof_of(store).ok


def test_an_edited_committed_number_is_named(store: Path) -> None:
    """It is what gateways prune by: it must be the journal's."""
    for statement in ("UPDATE spool SET upto = 59 WHERE upto = 60", "DELETE FROM spool WHERE upto = 20",
                      "UPDATE spool SET chain = 'x'"):  # fmt: skip
        path = copy_of(store, store.parent)
        harm(path, statement)
        finding = proof_of(path).finding
        assert finding is not None
        assert (finding.gateway, "committed number" in finding.what) == ("gw-1", True)


def test_a_noted_head_betrays_a_tail_removed_with_every_trace(store: Path) -> None:
    """Only what was noted outside the store can tell, and it does; an older head is no accusation."""
    noted = proof_of(store).head
    harm(store, "DELETE FROM journal WHERE id = 9",
         "UPDATE spool SET upto = 30, chain = (SELECT chain FROM journal WHERE id = 7) WHERE upto = 60")  # fmt: skip
    assert proof_of(store).ok
    finding = proof_of(store, noted).finding
    assert finding is not None
    assert (finding.journal_id, finding.found) == (9, "8 entries")
    assert proof_of(store, proof_of(store).head).ok
    finding = proof_of(store, "4:" + "0" * 64).finding
    assert finding is not None
    assert finding.journal_id == 4


def test_an_entry_of_another_kitchen_is_named(store: Path) -> None:
    """At the end of the journal, where it leaves no hole."""
    with sql(store) as other:
        other.execute(
            "INSERT INTO journal SELECT 'warung', 1, kind, received_ms, gateway, spool, first, last, chain_before, "
            "chain, payload, link FROM journal WHERE id = 1"
        )
    finding = proof_of(store).finding
    assert finding is not None
    assert finding.found == "warung"


def test_a_damaged_page_is_a_finding(store: Path) -> None:
    """A zeroed piece of the file: what lies before it is proven, the rest is named as unreadable or changed."""
    content = bytearray(store.read_bytes())
    with sql(store) as other:
        payload = other.execute("SELECT payload FROM journal WHERE id = 9").fetchone()[0]
    at = content.find(payload[-200:])
    assert at > 0
    content[at : at + 200] = bytes(200)
    store.write_bytes(content)
    proof = proof_of(store)
    assert proof.finding is not None
    assert proof.finding.journal_id == 9
    assert proof.entries == 8


def test_memory_is_bounded_by_the_portion(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the journal, so many entries are held at once; the result is the same with one."""
    whole = proof_of(store)
    for at_once in (1, 2, 1000):
        monkeypatch.setattr(walking, "AT_ONCE", at_once)
        assert proof_of(store) == whole


def test_it_runs_beside_a_serving_writer(bench: Bench) -> None:
    """While batches are stored every walk finds a proven record, each one as long as the journal then was."""
    sender = Sender().add(*(temperature(4, n) for n in range(200)))
    bench.send(sender.batch(1, 1))
    found: list[Proof] = []
    done = threading.Event()

    def walk() -> None:
        while not done.is_set():
            found.append(proof_of(bench.store.address))

    thread = threading.Thread(target=walk)
    thread.start()
    for n in range(2, 201):
        bench.send(sender.batch(n, n))
    done.set()
    thread.join()
    assert [proof.finding for proof in found] == [None] * len(found)
    assert found[-1].entries > found[0].entries
    assert proof_of(bench.store.address).spools[0].upto == 200


def test_the_genesis_is_where_a_spool_begins(bench: Bench) -> None:
    """Rows chained to another beginning are not taken in the first place, so verify's genesis is the contract's."""
    false = Sender()
    false.chains.append(chain.link(chain.genesis("e" * 20), 1, false.boot, b"{}"))
    false.rows.append(b"{}")
    assert bench.send(replace(false).batch()).refused is not None


def test_the_command_says_it_in_words_and_in_json(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 and the head for a proven record; 1 with place, both values and the remedy for another one."""
    config = tmp_path / "server.toml"
    config.write_text(CONFIG.format(folder="@").replace("@/store/pawon.db", str(store)))
    command = ["verify", "--config", str(config)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "rows 1..60" in said
    head = next(line for line in said.splitlines() if "head" in line).split("head ")[1]
    assert main([*command, "--known", head, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["head"], answer["finding"]) == (True, head, None)
    harm(store, "UPDATE journal SET received_ms = received_ms + 1 WHERE id = 7")
    assert main(command) == 1
    said = capsys.readouterr().out
    for word in ("journal entry 7, gateway gw-1", "10..30", "expected:", "found:", "remedy:", "pawon-server restore"):
        assert word in said
    assert main([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["finding"]["journal_id"] == 7
    assert main([*command, "--known", "nonsense"]) == 1
    assert "is no head" in capsys.readouterr().err


def test_what_is_no_store_of_this_version_is_told(store: Path, tmp_path: Path) -> None:
    """No file, garbage, an older and a newer schema: a sentence with the remedy, and nothing is created."""
    with pytest.raises(StoreError, match="there is no store"):
        open_to_read(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "garbage.db").write_bytes(b"no database" * 500)
    with pytest.raises(StoreError, match="restore a backup"):
        open_to_read(tmp_path / "garbage.db")
    for version, word in (("0001", "pawon-server check"), ("9999", "newer Pawon")):
        with sql(store) as other:
            other.execute("UPDATE alembic_version SET version_num = ?", (version,))
        with pytest.raises(StoreError, match=word):
            open_to_read(store)
