"""From payload to journal: exactly once, nothing stalls, every byte accounted for."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from tests.server.conftest import Bench, on_sqlite
from tests.server.sender import SPOOL, Sender, temperature

from pawon_contract import chain, codec
from pawon_contract.messages import Gap, Weighing
from pawon_server.ingest.batches import SpoolState
from pawon_server.projections.context import Changes
from pawon_server.projections.projector import Projector
from pawon_server.projections.stock import Stock
from pawon_server.store.database import StoreError, open_store
from pawon_server.store.journal import entries, link_origin, next_link
from pawon_server.store.stock_tables import (
    batch_mass,
    batch_recipe,
    lot,
    lot_hold,
    menu,
    purchase,
    recipe,
    scale_check,
    scale_tera,
    supplier,
)
from pawon_server.store.tables import (
    PROJECTIONS,
    act,
    batch,
    batch_event,
    batch_school,
    calibration,
    checked,
    compaction,
    incident_act,
    journal,
    person,
    reading_minute,
    sample,
    sent_before,
)

WRITTEN_BY_PEOPLE = (
    person,
    act,
    incident_act,
    batch,
    batch_event,
    batch_mass,
    batch_recipe,
    batch_school,
    sample,
    lot,
    lot_hold,
    supplier,
    purchase,
    calibration,
    checked,
    scale_check,
    scale_tera,
    recipe,
    menu,
)


def test_rows_are_stored_then_answered(bench: Bench) -> None:
    """The answer names the sending it answers, and what it says is in the store when it is said."""
    sender = Sender().add(*(temperature(4 + n / 10, 1000 * n) for n in range(10)))
    answer = bench.send(sender.batch(sent_ms=77_777))
    assert (answer.spool, answer.upto, answer.refused) == (SPOOL, 10, None)
    assert answer.answers is not None
    assert (answer.answers.first, answer.answers.sent_ms) == (1, 77_777)
    assert answer.server_time_ms == bench.now_ms
    assert bench.value("SELECT count(*) FROM reading") == 10
    assert bench.value("SELECT value FROM latest WHERE sensor = 'chiller-1'") == 4.9


def test_one_bad_row_stalls_nobody(bench: Bench) -> None:
    """Unreadable and unknown rows keep their number, their bytes and a reason; the rest of the batch is stored."""
    bad = [
        b'{"k":"reading","at_ms":2,"sensor":"chiller-1","quantity":"temperature_c","value":null}',
        b'{"k":"reading","at_ms":2,"sensor":"chiller-1","quantity":"temperature_c","value":900}',
        b'{"k":"reading","at_ms":2,"sensor":"nobody","quantity":"temperature_c","value":4}',
        b'{"k":"reading","at_ms":2,"sensor":"chiller-1","quantity":"mass_g","value":4}',
        b'{"k":"what-is-this"}',
    ]
    sender = Sender().add(temperature(4, 1), *bad, temperature(0.0, 3))
    assert bench.send(sender.batch()).upto == 7
    assert bench.rows("SELECT sequence, value FROM reading ORDER BY sequence") == [(1, 4.0), (7, 0.0)]
    kept = bench.rows("SELECT sequence, raw, reason FROM quarantine ORDER BY sequence")
    assert [(row[0], row[1]) for row in kept] == list(enumerate(bad, 2))
    for (_, _, reason), word in zip(kept, ["value", "outside", "nobody", "configured", "what-is-this"], strict=True):
        assert word in str(reason)


@pytest.mark.parametrize("payload", [b"", b"{}", b"not json", b"\x78\x9c broken", b"[1,2]", b"\xff" * 5000])
def test_a_payload_that_is_no_batch_is_refused_by_name_and_kept(bench: Bench, payload: bytes) -> None:
    """The sender learns which bytes were refused and why; they are kept; what follows is stored."""
    answer = bench.send(payload)
    assert answer.refused is not None
    assert answer.refused.digest == codec.digest(payload)
    assert answer.refused.reason
    assert bench.rows("SELECT raw, sequence FROM quarantine") == [(payload, 0)]
    assert bench.send(Sender().add(temperature(4, 1)).batch()).upto == 1


def test_a_hole_is_answered_with_what_is_stored(bench: Bench) -> None:
    """Rows after a hole are not taken until the hole is filled; then everything is there once."""
    sender = Sender().add(*(temperature(4, n) for n in range(9)))
    assert bench.send(sender.batch(1, 3)).upto == 3
    assert bench.send(sender.batch(7, 9)).upto == 3
    assert bench.send(sender.batch(4, 6)).upto == 6
    assert bench.send(sender.batch(7, 9)).upto == 9
    assert bench.value("SELECT count(*) FROM reading") == 9


def test_any_order_of_resends_stores_every_row_once(bench: Bench) -> None:
    """Duplicates, overlaps with other borders, and restarts of the writer: each row once, no hole in the journal."""
    chance = random.Random(7)
    sender = Sender().add(*(temperature(4 + n % 3, 1000 * n) for n in range(120)))
    upto = 0
    while upto < 120:
        first = chance.randint(max(1, upto - 15), upto + 1)
        last = min(120, first + chance.randint(0, 25))
        for _ in range(chance.randint(1, 3)):
            upto = bench.send(sender.batch(first, last)).upto
        if chance.random() < 0.2:
            bench.restart()
    stored = bench.rows("SELECT sequence, at_ms FROM reading ORDER BY sequence")
    assert stored == [(n + 1, 1000 * n) for n in range(120)]
    batches = bench.rows("SELECT first, last FROM journal WHERE kind = 'batch' ORDER BY id")
    assert [first for first, _ in batches] == [1, *(int(str(last)) + 1 for _, last in batches[:-1])]
    assert bench.answers[-1].refused is None


def test_altered_rows_are_refused(bench: Bench) -> None:
    """New rows, and rows of numbers that are stored already, must lead to the hash their sender claims."""
    sender = Sender().add(*(temperature(4, n) for n in range(6)))
    bench.send(sender.batch(1, 4))
    forged = Sender().add(*(temperature(5, n) for n in range(6)))
    for payload in (forged.batch(5, 6), forged.batch(1, 4), forged.batch(2, 3), forged.batch(3, 6)):
        answer = bench.send(payload)
        assert answer.refused is not None
        assert "chain" in answer.refused.reason
    assert bench.send(sender.batch(2, 3)).refused is None
    assert bench.send(sender.batch(5, 6)).upto == 6
    assert {value for (value,) in bench.rows("SELECT value FROM reading")} == {4.0}


def test_a_gap_stands_for_its_rows_and_the_chain_goes_on(bench: Bench) -> None:
    """What the gateway had to drop is a recorded fact; what follows verifies; a straddling gap is cut."""
    sender = Sender().add(*(temperature(4, n) for n in range(10)))
    bench.send(sender.batch(1, 3))
    gap = codec.encode_item(Gap(at_ms=1, from_=2, to=8, reason="thinned", chain=sender.chains[7].hex()))
    payload = Sender(rows=[*sender.rows[:1], gap, *sender.rows[8:]], chains=sender.chains).batch(
        2, 4, hash=sender.chains[9].hex()
    )
    answer = bench.send(payload)
    assert (answer.refused, answer.upto) == (None, 10)
    assert [row[0] for row in bench.rows("SELECT sequence FROM reading ORDER BY sequence")] == [1, 2, 3, 9, 10]


def test_a_gateway_that_is_not_configured_loses_nothing(bench: Bench) -> None:
    """It gets no answer, so it keeps its rows; the server counts and names it."""
    bench.writer.put("stranger", Sender().add(temperature(4, 1)).batch())
    bench.send(Sender().add(temperature(4, 1)).batch())
    assert len(bench.answers) == 1
    assert bench.writer.unknown_gateways == {"stranger": 1}


def test_the_journal_can_only_grow(bench: Bench) -> None:
    """Not even the program itself can change or remove an entry."""
    bench.send(Sender().add(temperature(4, 1)).batch())
    for statement in ("UPDATE journal SET received_ms = 0", "DELETE FROM journal"):
        with pytest.raises(DatabaseError, match="append-only"), bench.store.writer.begin() as connection:
            connection.execute(text(statement))


def test_the_journal_verifies_from_its_first_entry(bench: Bench) -> None:
    """Entry links and every gateway's row chain lead from the beginning to the end."""
    sender = Sender().add(*(temperature(4, n) for n in range(30)))
    bench.send(b"garbage")
    for first in range(1, 30, 7):
        bench.send(sender.batch(first, min(30, first + 6)))
    link, rows_end = link_origin("dapur-uji"), chain.genesis(SPOOL)
    with bench.store.reader.connect() as connection:
        for entry in entries(connection, "dapur-uji", at_once=3):
            link = next_link(link, entry.id, entry.kind, entry.received_ms, entry.gateway, entry.payload)
            assert entry.link == link
            if entry.kind == "batch":
                assert entry.chain_before == rows_end
                assert entry.chain is not None
                rows_end = entry.chain
    assert rows_end == sender.chains[-1]


def weighing(before_g: int, after_g: int, at_ms: int, kind: str, sensor: str = "scale-1") -> Weighing:
    """A weighing of one of the two scales."""
    return Weighing(
        at_ms=at_ms, sensor=sensor, kind=kind, before_g=before_g, after_g=after_g,  # type: ignore[arg-type]  # a literal
        start_ms=at_ms - 100, end_ms=at_ms, zero_g=2.0, zero_at_ms=at_ms - 100,
    )  # fmt: skip


def test_the_projections_can_be_derived_again_from_the_journal(bench: Bench, tmp_path: Path) -> None:
    """Replaying the journal into an empty store gives the same tables, row for row."""
    minute = 60_000
    items = [temperature(9.0 if 5 <= n < 40 else 3.0, n * minute) for n in range(60)]
    items += [temperature(3.0, 60 * minute), weighing(0, 20_000, 60 * minute, "first")]
    sender = Sender().add(*items, weighing(20_000, 15_000, 61 * minute, "out"), b'{"k":"bad"}')
    sender.add(weighing(0, 3_000, 62 * minute, "in", "scale-2"))
    for first in range(1, len(sender.rows) + 1, 9):
        bench.send(sender.batch(first, min(len(sender.rows), first + 8), sent_ms=63 * minute))
    bench.send(b"garbage")
    bench.now_ms += 3_600_000
    bench.until(lambda: bench.value("SELECT count(*) FROM incident WHERE kind = 'silence'") != 0, "a silence")
    bench.writer.stop()
    again = open_store(tmp_path / "again.db")
    projector = Projector("dapur-uji")
    with bench.store.reader.connect() as source, again.writer.begin() as target:
        projector.load(target)
        for entry in entries(source, "dapur-uji"):
            target.execute(journal.insert(), {
                "kitchen": "dapur-uji", "id": entry.id, "kind": entry.kind, "received_ms": entry.received_ms,
                "gateway": entry.gateway, "payload": entry.payload, "link": entry.link,
            })  # fmt: skip
            projector.apply(target, entry, Changes())
        projector.flush(target)
    for table in PROJECTIONS:
        query = f"SELECT * FROM {table.name} ORDER BY " + ", ".join(c.name for c in table.primary_key)
        with again.reader.connect() as connection:
            derived = [tuple(row) for row in connection.execute(text(query))]
        assert derived == bench.rows(query), table.name
        # What a restore and old age leave behind, and what people write.
        untouched = (sent_before, reading_minute, compaction, *WRITTEN_BY_PEOPLE)
        assert derived or table in untouched, f"{table.name} is empty: this would compare nothing"
    again.close()


def test_a_projection_that_fails_keeps_the_rows_and_stalls_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in one projection: the batch is journalled, its rows are set aside, others go on, a restart too."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Stock, "take", broken)
    sender = Sender().add(temperature(4, 1), weighing(0, 5_000, 2_000, "in"), temperature(4, 3), temperature(5, 4))
    assert bench.send(sender.batch(1, 1)).upto == 1
    assert bench.send(sender.batch(2, 3)).upto == 3
    assert bench.send(sender.batch(4, 4)).upto == 4
    assert bench.rows("SELECT sequence FROM quarantine ORDER BY sequence") == [(2,), (3,)]
    assert bench.rows("SELECT sequence FROM reading ORDER BY sequence") == [(1,), (4,)]
    monkeypatch.undo()
    bench.restart()
    sender.add(temperature(4, 5))
    assert bench.send(sender.batch(5, 5)).upto == 5


@on_sqlite
def test_a_full_disk_answers_nobody_and_recovers(bench: Bench) -> None:
    """While the store refuses, nothing is acknowledged; when there is room again, the resend is stored once."""
    sender = Sender().add(*(temperature(4, n) for n in range(500)))
    bench.send(sender.batch(1, 1))
    with bench.store.writer.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    bench.writer.put("gw-1", sender.batch(2, 500))
    bench.until(lambda: bench.writer.failures > 0, "the store to refuse")
    assert len(bench.answers) == 1
    assert bench.value("SELECT count(*) FROM reading") == 1
    with bench.store.writer.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 1000000"))
    assert bench.send(sender.batch(2, 500)).upto == 500
    assert bench.value("SELECT count(*) FROM reading") == 500


@on_sqlite
def test_a_store_has_one_server(bench: Bench) -> None:
    """The second one is told what is wrong and what to do."""
    with pytest.raises(StoreError, match="another server"):
        open_store(bench.store.address)


def test_a_damaged_store_is_named_with_the_remedy(tmp_path: Path) -> None:
    """Garbage in the store's place ends in a sentence, not a traceback."""
    path = tmp_path / "pawon.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="restore a backup"):
        open_store(path)


def test_a_new_spool_begins_at_one(bench: Bench) -> None:
    """A replaced card is another spool; the old one's number says nothing about it."""
    bench.send(Sender().add(temperature(4, 1), temperature(4, 2)).batch())
    other = Sender(spool="f" * 20).add(temperature(5, 9))
    answer = bench.send(other.batch())
    assert (answer.spool, answer.upto) == ("f" * 20, 1)
    assert bench.writer.projector.gateways.stored("gw-1", SPOOL) == SpoolState(
        upto=2, chain=Sender().add(temperature(4, 1), temperature(4, 2)).chains[-1]
    )
