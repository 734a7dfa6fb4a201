"""The writer under bad luck: hostile batches, a store that fails at the worst moment, a bug, a wrong clock."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError
from tests.server.conftest import BOOK, Bench
from tests.server.sender import BOOT, Sender, temperature
from tests.server.test_ingest import weighing

from pawon_contract import codec
from pawon_contract.messages import ClockFix
from pawon_server.ingest import acceptance, silence
from pawon_server.ingest import writer as ingest
from pawon_server.ingest.writer import Writer
from pawon_server.projections.excursions import Excursions
from pawon_server.projections.sensor_trouble import SilenceEntry
from pawon_server.projections.stock import Stock

MINUTE = 60_000


@pytest.mark.parametrize("wrong", [{"offset_ms": 2**70}, {"offset_ms": -(2**70)}, {"error_ms": 2**70}])
def test_a_batch_with_numbers_beyond_the_store_ends_nothing(bench: Bench, wrong: dict[str, object]) -> None:
    """A clock of more than 64 bits is refused by name; the writer lives and stores what follows."""
    sender = Sender().add(temperature(4, 1))
    answer = bench.send(sender.batch(**wrong))
    assert answer.refused is not None
    assert bench.send(sender.batch()).upto == 1
    assert bench.writer.alive


def test_rows_with_impossible_numbers_are_set_aside(bench: Bench) -> None:
    """A clock fix of no time and a weighing of a mountain: quarantined, and the rows beside them are stored."""
    sender = Sender().add(
        temperature(4, 1), ClockFix(at_ms=2, boot=BOOT, offset_ms=2**70, error_ms=1, source="synced"),
        weighing(0, 10**12, 3, "in"), weighing(0, 2**70, 4, "in"), temperature(5, 5),
    )  # fmt: skip
    assert bench.send(sender.batch()).upto == 5
    assert bench.rows("SELECT sequence FROM quarantine ORDER BY sequence") == [(2,), (3,), (4,)]
    assert bench.rows("SELECT sequence FROM reading ORDER BY sequence") == [(1,), (5,)]
    assert bench.rows("SELECT * FROM movement") == []


def test_a_projection_that_breaks_a_rule_of_the_store_stalls_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug that the store itself refuses is a bug and no full disk: the batch is kept, its gateway goes on."""

    def doubled(*_: object, **__: object) -> None:
        raise IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))

    monkeypatch.setattr(Stock, "take", doubled)
    sender = Sender().add(temperature(4, 1), weighing(0, 5_000, 2, "in"), temperature(4, 3))
    assert [bench.send(sender.batch(n, n)).upto for n in (1, 2, 3)] == [1, 2, 3]
    assert bench.rows("SELECT sequence FROM quarantine") == [(2,)]
    assert bench.writer.storing


def test_nothing_is_judged_on_what_was_rolled_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store fails at the commit, and again when it is read back: nobody is answered from memory that was undone,
    and once it can be read everything is stored."""
    monkeypatch.setattr(ingest, "RETRY_S", 0.01)
    sender = Sender().add(*(temperature(4, n) for n in range(6)))
    bench.send(sender.batch(1, 2))
    trouble = {"write": 1, "read": 3}
    flush, connect = Excursions.flush, Engine.connect

    def fails(self: Excursions, connection: object) -> None:
        flush(self, connection)  # type: ignore[arg-type]  # passed on as it came
        if trouble["write"]:
            trouble["write"] -= 1
            raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    def unreadable(self: Engine) -> object:
        if self is bench.store.reader and not trouble["write"] and trouble["read"]:
            trouble["read"] -= 1
            raise OperationalError("SELECT", {}, Exception("disk I/O error"))
        return connect(self)

    monkeypatch.setattr(Excursions, "flush", fails)
    monkeypatch.setattr(Engine, "connect", unreadable)
    bench.writer.put("gw-1", sender.batch(3, 6))
    bench.until(lambda: trouble == {"write": 0, "read": 0}, "the trouble to be over")
    assert bench.send(sender.batch(3, 4)).upto == 4
    assert bench.send(sender.batch(3, 6)).upto == 6
    assert bench.rows("SELECT sequence FROM reading ORDER BY sequence") == [(n,) for n in range(1, 7)]
    assert [row[0] for row in bench.rows("SELECT id FROM journal ORDER BY id")] == list(range(1, 6))


def test_a_payload_of_any_size_is_bounded_in_memory_and_in_the_journal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no gateway made is refused by name, and a mebibyte of it is kept; more than fits is not even queued."""
    payload = b"x" * (5 << 20)
    answer = bench.send(payload)
    assert answer.refused is not None
    assert answer.refused.digest == codec.digest(payload)
    assert bench.value("SELECT max(length(raw)) FROM quarantine") == codec.MAX_PAYLOAD_BYTES
    monkeypatch.setattr(ingest, "MAX_WAITING_BYTES", 1_000_000)
    bench.writer.put("gw-1", payload)
    assert bench.writer.overflowed == 1
    assert bench.send(Sender().add(temperature(4, 1)).batch()).upto == 1


def test_strangers_are_named_so_often_and_no_more(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand invented gateways fill neither the memory nor the log."""
    caplog.set_level(logging.WARNING)
    for number in range(1000):
        bench.writer.put(f"stranger-{number}", b"x")
        bench.writer.put(f"stranger-{number}", b"x")
    assert len(bench.writer.unknown_gateways) == ingest.MAX_UNKNOWN_NAMED
    assert len(caplog.messages) == ingest.MAX_UNKNOWN_NAMED


def test_garbage_fills_the_journal_so_far_and_no_further(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused payloads are kept up to a number, then only answered; one that repeats is kept once."""
    monkeypatch.setattr(acceptance, "MAX_REFUSED_KEPT", 5)
    for number in range(10):
        for _ in range(2):
            assert bench.send(b"garbage %d" % number).refused is not None
    assert bench.value("SELECT count(*) FROM journal WHERE kind = 'refused'") == 5


def test_many_gateways_of_one_machine_keep_their_own_dates(bench: Bench) -> None:
    """Two gateways share a boot: the clock fix of one dates nothing of the other anew."""
    bench.writer.stop()
    bench.writer = Writer(
        bench.store, BOOK, frozenset({"gw-1", "gw-2"}), answer=bench._answer,
        changed=lambda changes, _: bench.changes.append(changes), utc_ms=lambda: bench.now_ms,
    )  # fmt: skip
    bench.writer.start()
    sender = Sender(clock="guess").add(*(temperature(9.0, n * MINUTE) for n in range(17)))
    bench.send(sender.batch(sent_ms=16 * MINUTE))
    before = bench.rows("SELECT * FROM incident"), bench.rows("SELECT * FROM reading")
    other = Sender(spool="f" * 20, clock="guess")
    other.add(ClockFix(at_ms=1, boot=BOOT, offset_ms=1_770_000_000_000, error_ms=1, source="synced"))
    assert bench.send(other.batch(), "gw-2").upto == 1
    assert (bench.rows("SELECT * FROM incident"), bench.rows("SELECT * FROM reading")) == before


def silences(bench: Bench) -> list[tuple[object, ...]]:
    """Every silence: whose, how bad, whether it lasts."""
    return bench.rows("SELECT sensor, severity, closed_ms IS NULL FROM incident WHERE kind = 'silence' ORDER BY 1")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The writer looks at the clock often; each look is counted here."""
    counted: list[int] = []

    def declare(*given: Any, now_ms: int, **more: Any) -> list[SilenceEntry]:
        found = silence.declare(*given, now_ms=now_ms, **more)
        counted.append(now_ms)
        return found

    monkeypatch.setattr(ingest, "CLOCK_EVERY_S", 0.02)
    monkeypatch.setattr(acceptance, "declare", declare)
    return counted


def test_a_restart_ends_no_silence(looks: list[int], bench: Bench) -> None:
    """A gateway and a sensor that were silent are silent after a restart too; nobody says that data came back."""
    bench.send(Sender().add(temperature(3, 1_000)).batch(sent_ms=1_000))
    bench.now_ms += 60 * MINUTE
    bench.until(lambda: ("gw-1", "critical", 1) in silences(bench), "the gateway to be called silent")
    found, entries = silences(bench), bench.value("SELECT count(*) FROM journal")
    for _ in range(2):
        bench.restart()
        bench.now_ms += 1_000
        looks.clear()
        bench.until(lambda: len(looks) > 2, "looks at the clock")
    assert silences(bench) == found
    assert bench.value("SELECT count(*) FROM journal") == entries
    assert bench.rows("SELECT * FROM alert WHERE event = 'closed'") == []


def test_a_server_clock_put_back_does_not_hide_a_silence(looks: list[int], bench: Bench) -> None:
    """The clock was a year ahead: after its correction a silent kitchen is called silent in due time, not in a year."""
    bench.send(Sender().add(temperature(3, 1_000)).batch(sent_ms=1_000))
    bench.now_ms -= 365 * 24 * 60 * MINUTE
    looks.clear()
    bench.until(lambda: len(looks) > 2, "looks at the clock")
    bench.now_ms += 40 * MINUTE
    bench.until(lambda: ("gw-1", "critical", 1) in silences(bench), "the gateway to be called silent")


def test_the_end_of_the_writer_ends_the_server(tmp_path: Path) -> None:
    """A server that can keep nothing must not look alive: it ends with 1, and its service manager starts it again."""
    (tmp_path / "server.toml").write_text(
        f'kitchen = "k"\nname = "K"\nstore = "{tmp_path}/pawon.db"\nbroker = "mqtt://127.0.0.1:1"\nhttp.port = 0\n'
        '[[gateway]]\nid = "gw-1"\n'
    )
    program = (
        "import sys\nfrom pawon_server.cli import main\nfrom pawon_server.ingest.writer import Writer\n"
        "def bug(*_, **__): raise RuntimeError('a bug')\n"
        "Writer._handle = bug\nsys.exit(main(['serve', '--config', sys.argv[1]]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "server.toml")], capture_output=True, text=True, timeout=90
    )
    assert ended.returncode == 1
    assert "the writer has ended by a bug" in ended.stderr


def test_a_signal_in_the_middle_of_the_start_ends_the_server(tmp_path: Path) -> None:
    """Stopped before its pages listen, a server ends as orderly as afterwards."""
    (tmp_path / "server.toml").write_text(
        f'kitchen = "k"\nname = "K"\nstore = "{tmp_path}/pawon.db"\nbroker = "mqtt://127.0.0.1:1"\nhttp.port = 0\n'
        '[[gateway]]\nid = "gw-1"\n'
    )
    program = (
        "import os, signal, sys\nfrom pawon_server.cli import main\nfrom pawon_server.web.board import Board\n"
        "load = Board.load\n"
        "def early(*given): os.kill(os.getpid(), signal.SIGTERM); load(*given)\n"
        "Board.load = early\nsys.exit(main(['serve', '--config', sys.argv[1]]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "server.toml")], capture_output=True, text=True, timeout=90
    )
    assert ended.returncode == 0, ended.stderr
