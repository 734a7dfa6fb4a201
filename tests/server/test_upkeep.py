"""Upkeep beside a serving writer: small steps, one between two groups, and nobody waits for more than one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from tests.server.conftest import BOOK, Bench
from tests.server.kitchen_day import book_of, day
from tests.server.sender import Sender, temperature

from pawon_server.ingest.acceptance import Acceptance
from pawon_server.ingest.writer import Step, StepNotDoneError
from pawon_server.record import upkeep as module
from pawon_server.record.rebuild import rebuild
from pawon_server.record.sealing import Answer, Job, prepare
from pawon_server.record.upkeep import DAY_MS, Upkeep
from pawon_server.record.verify import verify
from pawon_server.store.database import StoreError, open_store, open_to_read
from pawon_server.store.tables import reading

# A database is looked after by its own tools.
STORES = ("sqlite",)


def test_at_most_one_step_between_two_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of some thousand rows is sealed and compacted while batches come in: whenever a message waits at the end
    of a step, a group is taken before the next one; nothing overflows; the record is whole and says the same."""
    monkeypatch.setattr(module, "DELETE_AT_ONCE", 40)
    monkeypatch.setattr(module, "SHORTEST_REST_S", 0.0)
    monkeypatch.setattr(module, "REST", 0.0)
    bench = Bench(open_store(tmp_path / "pawon.db"), book=book_of(BOOK))
    sent = list(day(1.5))
    old, new = sent[: len(sent) * 3 // 4], sent[len(sent) * 3 // 4 :]
    for one in old:
        bench.writer.put("gw-1", one.payload)
        while bench.writer.waiting > 500:
            threading.Event().wait(0.01)
    bench.until(lambda: bench.writer.waiting == 0, "the old batches")
    now_ms = bench.now_ms + 400 * DAY_MS
    bench.now_ms = now_ms
    events: list[str] = []
    commit = bench.writer._commit

    def group(*messages: object, **how: object) -> None:
        if messages[0]:
            events.append("group")
        commit(*messages, **how)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(bench.writer, "_commit", group)

    def step(work: Step) -> None:
        def told(connection: Connection, acceptance: Acceptance) -> None:
            work(connection, acceptance)
            # Fed from within: at the end of most steps something waits.
            for _ in range(3):
                if feed:
                    bench.writer.put("gw-1", feed.pop(0).payload)
            events.append("step, then somebody waits" if bench.writer.waiting else "step")

        bench.writer.run_step(told)

    feed = list(new)
    keeper = Upkeep(
        bench.store.reader, bench.store.address, "dapur-uji", "Asia/Jakarta", seal_after_days=2, raw_days=90,
        step=step, utc_ms=lambda: now_ms,
        pack=lambda job: prepare(open_to_read(Path(job.store)), job, max_rows=800),
    )  # fmt: skip
    monkeypatch.setattr(module, "horizon_ms", lambda *_: 2**50)
    keeper.look()
    for one in feed:
        bench.writer.put("gw-1", one.payload)
    bench.until(lambda: bench.writer.waiting == 0, "the new batches")
    bench.writer.stop()
    assert keeper.sealed_rows >= 0.9 * sum(one.rows for one in old)
    assert keeper.compacted_slices >= 26
    waited = [place for place, event in enumerate(events) if event == "step, then somebody waits"]
    assert len(waited) > 20
    assert [place for place in waited[:-1] if events[place + 1] != "group"] == []
    assert (bench.writer.overflowed, bench.writer.failures, keeper.failures) == (0, 0, 0)
    assert bench.value("SELECT sum(upto) FROM spool") == sum(one.rows for one in sent)
    bench.store.close()
    assert rebuild(open_to_read(tmp_path / "pawon.db"), "dapur-uji", tmp_path).same


def test_a_step_that_fails_leaves_nothing_behind(bench: Bench) -> None:
    """Rolled back, told to whoever waits for it, and the next batch is taken as if nothing had been."""
    bench.send(Sender().add(temperature(4, 1)).batch())

    def fails(connection: Connection, acceptance: Acceptance) -> None:
        connection.execute(reading.delete())
        connection.execute(text("DELETE FROM journal"))

    with pytest.raises(StepNotDoneError, match="append-only"):
        bench.writer.run_step(fails)
    assert bench.send(Sender().add(temperature(4, 1), temperature(5, 2)).batch()).upto == 2
    assert bench.value("SELECT count(*) FROM reading") == 2
    assert verify(open_to_read(bench.store.address), "dapur-uji").ok
    bench.writer.stop()
    with pytest.raises(StepNotDoneError, match="ends"):
        bench.writer.run_step(fails)


def test_a_process_of_its_own_packs(bench: Bench) -> None:
    """The real one: a job in, a segment out; and the upkeep seals, with the settings' days, what is old enough."""
    sender = Sender()
    sender.add(*(temperature(4, number * 60_000) for number in range(50)))
    for first in range(1, 50, 2):
        bench.send(sender.batch(first, first + 1))
    days = {"now": 7 * 5}
    began_ms = bench.now_ms
    keeper = Upkeep(
        bench.store.reader, bench.store.address, "dapur-uji", "Asia/Jakarta", seal_after_days=7, raw_days=90,
        step=bench.writer.run_step, utc_ms=lambda: began_ms + days["now"] * DAY_MS - 1,
    )  # fmt: skip
    keeper.look()
    assert keeper.sealed_rows == 0, "it fills no segment and can wait"
    days["now"] += 1
    bench.now_ms += days["now"] * DAY_MS
    keeper.look()
    keeper.look()
    assert keeper.sealed_rows == 50
    assert bench.value("SELECT count(*) FROM journal WHERE kind = 'batch'") == 0
    assert verify(open_to_read(bench.store.address), "dapur-uji").ok


def test_a_damaged_segment_keeps_its_batches_where_they_are(bench: Bench) -> None:
    """What only a damaged segment holds is never taken out of the journal's table."""
    sender = Sender().add(*(temperature(4, number) for number in range(6)))
    bench.send(sender.batch())

    def step(work: Step) -> None:
        bench.writer.run_step(work)
        with bench.store.writer.begin() as connection:
            connection.execute(text("DROP TRIGGER IF EXISTS segment_no_update"))
            spoiled = "CAST(substr(content, 1, 50) || x'5a5a' || substr(content, 53) AS BLOB)"
            connection.execute(text(f"UPDATE segment SET content = {spoiled}"))

    keeper = Upkeep(
        bench.store.reader, bench.store.address, "dapur-uji", "Asia/Jakarta", seal_after_days=7, raw_days=90,
        step=step, utc_ms=lambda: bench.now_ms + 400 * DAY_MS,
        pack=lambda job: prepare(open_to_read(Path(job.store)), job),
    )  # fmt: skip
    with pytest.raises(StoreError, match="is damaged"):
        keeper.look()
    assert bench.value("SELECT count(*) FROM segment") == 1
    assert bench.value("SELECT count(*) FROM journal WHERE kind = 'batch'") == 1


def test_a_run_that_is_not_proven_is_named_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """However often it is looked at; nothing of it is sealed."""
    sender = Sender().add(*(temperature(4, number) for number in range(6)))
    bench.send(sender.batch())
    answers: list[Answer] = []

    def pack(job: Job) -> Answer:
        answers.append(prepare(open_to_read(Path(job.store)), job))
        return answers[-1]

    keeper = Upkeep(
        bench.store.reader, bench.store.address, "dapur-uji", "Asia/Jakarta", seal_after_days=7, raw_days=90,
        step=bench.writer.run_step, utc_ms=lambda: bench.now_ms + 400 * DAY_MS, pack=pack,
    )  # fmt: skip
    with bench.store.writer.begin() as connection:
        guard = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'journal_no_update'")).scalar_one()
        connection.execute(text("DROP TRIGGER journal_no_update"))
        connection.execute(text("UPDATE journal SET received_ms = received_ms + 1 WHERE kind = 'batch'"))
        connection.execute(text(guard))
    keeper.look()
    keeper.look()
    assert [answer.prepared for answer in answers] == [None, None]
    assert len([one for one in caplog.records if "not proven and so not sealed" in one.message]) == 1
    assert bench.value("SELECT count(*) FROM segment") == 0
