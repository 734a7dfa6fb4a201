"""Stock in the record: what people say of weighings, stock that no scale saw, stocktakes, lots set aside.

``test_stock_book`` proves the rules; this the way of a row through the journal into the book, on both kinds of store.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.server.conftest import BOOK, Bench, NewAddress
from tests.server.desk import hire, write
from tests.server.sender import BOOT, Sender
from tests.server.test_ingest import weighing

from pawon_contract.messages import ClockFix
from pawon_server.acts import AnyAct
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import CorrectLot, DiscardLot, MoveLot, ReceiveLot, UseLot
from pawon_server.people.act import new_id
from pawon_server.projections.acts import Refusal, Written
from pawon_server.rulebook import Item, Place, Rulebook
from pawon_server.stock.movement_acts import (
    ConfirmMovement,
    CorrectMovement,
    CountStock,
    DecideCount,
    HoldLot,
    RecordMovement,
    RefuseMovement,
    ReleaseLot,
)
from pawon_server.store.database import open_store

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
# The sender's monotonic zero.
ZERO_MS = 1_760_000_000_000
BATCH = "B-251010-1-opor-abcdef"
KITCHEN = Rulebook(
    settings=msgspec.structs.replace(
        BOOK.settings,
        items=[*BOOK.settings.items, Item(id="telur", name="Telur", unit="piece", unit_g=60.0)],
        places=[
            BOOK.settings.places[0], Place(id="terima", name="Penerimaan", scale="scale-2"),
            Place(id="rak", name="Rak"), Place(id="chiller-a", name="Chiller A"),
        ],
    ),
    profile=BOOK.profile,
)  # fmt: skip


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Bench]:
    """A store of rice on a scale of its own, a shared receiving scale, a shelf and a chiller; three people."""
    store = open_store(stores())
    made = Bench(store, KITCHEN, now_ms=ZERO_MS + HOUR)
    for name, role in (("sari", "staff"), ("tono", "nutritionist"), ("wulan", "head")):
        hire(made, name, role)
    yield made
    made.writer.stop()
    store.close()


def said(bench: Bench, act: AnyAct) -> Written:
    """An act that is taken."""
    answer = write(bench, act)
    assert isinstance(answer, Written), answer
    return answer


def refused(bench: Bench, act: AnyAct) -> str:
    """Why an act is not taken."""
    answer = write(bench, act)
    assert isinstance(answer, Refusal), answer
    return answer.reason


def weigh(bench: Bench, *rows: tuple[int, int, int, str, str]) -> list[str]:
    """Weighings ``(before, after, at_ms, kind, scale)``; the movements' names."""
    sender = Sender().add(*(weighing(*row) for row in rows))
    bench.send(sender.batch(sent_ms=bench.now_ms - ZERO_MS))
    return [f"gw-1.{sender.spool}.{number}.movement" for number in range(1, len(rows) + 1)]


def receive(bench: Bench, **other: Any) -> str:
    """A delivery onto the shelf an hour after the sender's zero; its lot."""
    told: dict[str, Any] = {"id": new_id(), "by": "sari", "item": "ayam", "supplier": "Ayam Jaya", "amount": 10_000,
            "place": "rak", "at_ms": ZERO_MS + HOUR, **other}  # fmt: skip
    act = ReceiveLot(**told)
    said(bench, act)
    return lot_id(act, KITCHEN.settings.timezone)


def balances(bench: Bench, item: str = "ayam") -> dict[tuple[str, str], int]:
    """What lies where, by lot."""
    rows = bench.rows(
        "SELECT place, lot, sum(amount) FROM ledger_line WHERE item = :item GROUP BY place, lot", item=item
    )
    return {(place, lot): int(amount) for place, lot, amount in rows if amount}


def test_a_shared_scale_asks_what_it_weighed(kitchen: Bench) -> None:
    """Nothing is booked before a person says the item; pieces are counted by their mean mass."""
    (eggs,) = weigh(kitchen, (0, 12_010, 1_000, "in", "scale-2"))
    assert kitchen.rows("SELECT item, amount, unit, state FROM movement") == [("", 12_010, "g", "proposed")]
    assert kitchen.value("SELECT count(*) FROM ledger_line") == 0
    assert "bahannya" in refused(kitchen, ConfirmMovement(id=new_id(), by="sari", movement=eggs))
    assert "terdaftar" in refused(kitchen, ConfirmMovement(id=new_id(), by="sari", movement=eggs, item="emas"))
    said(kitchen, ConfirmMovement(id=new_id(), by="sari", movement=eggs, item="telur"))
    assert kitchen.rows("SELECT item, amount, unit, state, person FROM movement") == [
        ("telur", 200, "piece", "confirmed", "sari")
    ]
    assert balances(kitchen, "telur") == {("supplier", ""): -200, ("terima", ""): 200}
    assert "diputuskan" in refused(kitchen, RefuseMovement(id=new_id(), by="wulan", movement=eggs, reason="tangan"))


def test_a_receipt_names_the_weighing_that_saw_it_come(kitchen: Bench) -> None:
    """One delivery, one movement: the scale's mass counts, the person's number does not, nor does a correction of the
    one leave the other behind; withdrawn, the weighing waits again."""
    (came,) = weigh(kitchen, (0, 9_800, 1_000, "in", "scale-2"))
    act_id = new_id()
    lot = receive(kitchen, id=act_id, place="terima", amount=10_000, movement=came)
    assert balances(kitchen) == {("supplier", lot): -9_800, ("terima", lot): 9_800}
    assert kitchen.rows("SELECT amount, received_ms, movement FROM lot") == [(9_800, ZERO_MS + 1_000, came)]
    again = ReceiveLot(id=new_id(), by="sari", item="ayam", supplier="X", amount=1, place="terima",
                       at_ms=ZERO_MS + HOUR, movement=came)  # fmt: skip
    assert "diputuskan" in refused(kitchen, again)
    about = {"id": new_id(), "by": "tono", "reason": "salah"}
    for edit in ({"amount": 10_000}, {"place": "rak"}, {"at_ms": ZERO_MS}):
        assert "tidak diubah" in refused(kitchen, CorrectLot(**about, lot=lot, corrects=act_id, **edit))
    for other in ({"withdraw": True}, {"item": "beras"}):
        assert "penerimaan lotnya" in refused(kitchen, CorrectMovement(**about, movement=came, **other))
    assert kitchen.rows("SELECT amount, received_ms, movement FROM lot") == [(9_800, ZERO_MS + 1_000, came)]
    said(kitchen, CorrectLot(id=new_id(), by="tono", lot=lot, corrects=act_id, reason="dobel", withdraw=True))
    assert balances(kitchen) == {}
    assert kitchen.rows("SELECT state, lot FROM movement") == [("proposed", "")]


def test_pieces_that_a_scale_saw_come_are_counted(kitchen: Bench) -> None:
    """A tray of eggs on the shared scale is a lot of eggs, not of grams."""
    (came,) = weigh(kitchen, (0, 12_010, 1_000, "in", "scale-2"))
    lot = receive(kitchen, item="telur", place="terima", amount=1, movement=came)
    assert kitchen.rows("SELECT amount, unit FROM lot") == [(200, "piece")]
    assert kitchen.rows("SELECT DISTINCT unit FROM ledger_line") == [("piece",)]
    assert balances(kitchen, "telur") == {("supplier", lot): -200, ("terima", lot): 200}


def test_a_place_with_a_scale_is_not_written_beside_it(kitchen: Bench) -> None:
    """What the scale sees would count twice: a person picks the weighing, or says that it saw nothing."""
    told = {"id": new_id(), "by": "sari", "item": "beras", "supplier": "X", "amount": 5_000, "place": "gudang",
            "at_ms": ZERO_MS + HOUR}  # fmt: skip
    assert "ditimbang" in refused(kitchen, ReceiveLot(**told))
    lot = receive(kitchen, **told, unweighed=True)
    move = {"by": "sari", "lot": lot, "place": "gudang", "to_place": "rak", "at_ms": ZERO_MS + HOUR, "amount": 1_000}
    assert "ditimbang" in refused(kitchen, MoveLot(id=new_id(), **move))
    (out,) = weigh(kitchen, (5_000, 4_000, HOUR, "out", "scale-1"))
    assert balances(kitchen, "beras") == {("supplier", lot): -5_000, ("gudang", lot): 4_000, ("prep", lot): 1_000}
    said(kitchen, ConfirmMovement(id=new_id(), by="sari", movement=out, place="rak", lot=lot))
    assert balances(kitchen, "beras") == {("supplier", lot): -5_000, ("gudang", lot): 4_000, ("rak", lot): 1_000}


def test_the_lot_is_assumed_until_a_person_says_it(kitchen: Bench) -> None:
    """First expired, first out by measured time; a delivery told late changes what was assumed, never what was said."""
    old = receive(kitchen, expires="2025-10-20")
    taken = RecordMovement(id=new_id(), by="sari", item="ayam", amount=4_000, from_place="rak", to_place="cooked",
                           at_ms=ZERO_MS + 2 * HOUR, reason="timbangan rusak")  # fmt: skip
    kitchen.now_ms += 3 * HOUR
    said(kitchen, taken)
    assert balances(kitchen)["cooked", old] == 4_000
    first = receive(kitchen, expires="2025-10-12", at_ms=ZERO_MS + HOUR + MINUTE)
    assert balances(kitchen)["cooked", first] == 4_000
    said(kitchen, CorrectMovement(id=new_id(), by="tono", movement=taken.id, lot=old, reason="dilihat di label"))
    receive(kitchen, expires="2025-10-11", at_ms=ZERO_MS + HOUR + 2 * MINUTE)
    assert balances(kitchen)["cooked", old] == 4_000
    assert kitchen.rows("SELECT DISTINCT assumed FROM ledger_line WHERE movement = :m", m=taken.id) == [(False,)]


def test_a_conflict_is_shown_and_booked_as_it_was_told(kitchen: Bench) -> None:
    """Two people took the same lot out: the book says so of the later one, whoever wrote first."""
    lot = receive(kitchen)
    kitchen.now_ms += 3 * HOUR
    take = {"by": "sari", "item": "ayam", "lot": lot, "amount": 8_000, "from_place": "rak", "reason": "rusak"}
    late, early = new_id(), new_id()
    said(kitchen, RecordMovement(id=late, to_place="cooked", at_ms=ZERO_MS + 3 * HOUR, **take))
    assert kitchen.rows("SELECT id FROM movement WHERE doubt != ''") == []
    said(kitchen, RecordMovement(id=early, to_place="prep", at_ms=ZERO_MS + 2 * HOUR, **take))
    assert kitchen.rows("SELECT id, doubt FROM movement WHERE doubt != ''") == [(late, "short")]
    assert balances(kitchen) == {
        ("supplier", lot): -10_000, ("rak", lot): -6_000, ("cooked", lot): 8_000, ("prep", lot): 8_000,
    }  # fmt: skip
    said(kitchen, CorrectMovement(id=new_id(), by="tono", movement=early, reason="dobel", withdraw=True))
    assert kitchen.rows("SELECT id FROM movement WHERE doubt != ''") == []


def test_a_stocktake_counts_when_another_approves_it(kitchen: Bench) -> None:
    """Counted, book and difference stand there before; the difference follows a late row; the counter cannot
    approve."""
    lot = receive(kitchen)
    kitchen.now_ms += 5 * HOUR
    count = CountStock(id=new_id(), by="tono", item="ayam", place="rak", counted=7_000, at_ms=ZERO_MS + 4 * HOUR)
    said(kitchen, count)
    here = "SELECT state, counted, book_amount, amount FROM movement WHERE kind = 'count'"
    assert kitchen.rows(here) == [("proposed", 7_000, 10_000, -3_000)]
    assert balances(kitchen)["rak", lot] == 10_000
    assert "sendiri" in refused(kitchen, DecideCount(id=new_id(), by="tono", count=count.id, approved=True))
    assert "berwenang" in refused(kitchen, DecideCount(id=new_id(), by="sari", count=count.id, approved=True)).lower()
    said(kitchen, DecideCount(id=new_id(), by="wulan", count=count.id, approved=True, reason="tumpah"))
    assert balances(kitchen) == {("supplier", lot): -10_000, ("rak", lot): 7_000, ("difference", lot): 3_000}
    said(kitchen, UseLot(id=new_id(), by="sari", lot=lot, place="rak", batch=BATCH, amount=2_000,
                         at_ms=ZERO_MS + 2 * HOUR))  # fmt: skip
    assert kitchen.rows(here) == [("confirmed", 7_000, 8_000, -1_000)]
    assert balances(kitchen)["rak", lot] == 7_000
    assert "diputuskan" in refused(kitchen, DecideCount(id=new_id(), by="wulan", count=count.id, approved=False))


def test_a_lot_that_is_set_aside_is_not_used(kitchen: Bench) -> None:
    """It may be carried, thrown away and sent back; released, it may be used again. So with one over its date."""
    lot = receive(kitchen, expires="2025-10-09")
    kitchen.now_ms += 3 * HOUR
    at = {"at_ms": ZERO_MS + 2 * HOUR}
    said(kitchen, HoldLot(id=new_id(), by="sari", lot=lot, reason="bau", **at))
    use = {"by": "sari", "lot": lot, "place": "rak", "batch": BATCH, "amount": 1_000}
    assert "ditahan" in refused(kitchen, UseLot(id=new_id(), **use, **at))
    said(kitchen, MoveLot(id=new_id(), by="sari", lot=lot, place="rak", to_place="chiller-a", amount=5_000, **at))
    said(kitchen, DiscardLot(id=new_id(), by="sari", lot=lot, place="chiller-a", reason="bau", amount=1_000, **at))
    kitchen.now_ms += MINUTE
    said(kitchen, ReleaseLot(id=new_id(), by="tono", lot=lot, reason="hasil uji", at_ms=at["at_ms"] + 1))
    said(kitchen, UseLot(id=new_id(), **use, at_ms=at["at_ms"] + 2))
    kitchen.now_ms += DAY
    assert "lewat" in refused(kitchen, UseLot(id=new_id(), **use, at_ms=kitchen.now_ms))


def test_nothing_moved_and_what_was_corrected(kitchen: Bench) -> None:
    """A hand is refused and leaves the book; what a scale weighed is never edited, what was written by hand may be."""
    hand, out = weigh(kitchen, (0, 700, 1_000, "in", "scale-2"), (50_000, 45_000, 2_000, "out", "scale-1"))
    said(kitchen, RefuseMovement(id=new_id(), by="sari", movement=hand, reason="tangan"))
    assert kitchen.rows("SELECT count(*) FROM ledger_line WHERE movement = :m", m=hand) == [(0,)]
    assert "tidak diubah" in refused(
        kitchen, CorrectMovement(id=new_id(), by="tono", movement=out, amount=4_000, reason="salah")
    )
    said(
        kitchen, CorrectMovement(id=new_id(), by="tono", movement=out, place="waste", waste="spilled", reason="tumpah")
    )
    assert balances(kitchen, "beras") == {("gudang", ""): -5_000, ("waste", ""): 5_000}
    typo = RecordMovement(id=new_id(), by="sari", item="beras", amount=900, from_place="supplier", to_place="rakk",
                          at_ms=ZERO_MS + HOUR, reason="timbangan rusak")  # fmt: skip
    assert "rakk tidak dikenal" in refused(kitchen, typo)
    written = new_id()
    said(kitchen, RecordMovement(id=written, by="sari", item="beras", amount=900, from_place="supplier", to_place="rak",
                                 at_ms=ZERO_MS + HOUR, reason="timbangan rusak"))  # fmt: skip
    said(kitchen, CorrectMovement(id=new_id(), by="tono", movement=written, amount=9_000, reason="nol kurang"))
    assert balances(kitchen, "beras")["rak", ""] == 9_000
    assert kitchen.rows("SELECT state, kind FROM movement WHERE id = :m", m=written) == [("corrected", "hand")]


def test_a_guessed_time_moves_the_book_with_it(kitchen: Bench) -> None:
    """A weighing dated by a guess lies after the count; once its time is known it lies before, and the difference is
    derived again."""
    kitchen.now_ms += DAY
    receive(kitchen, item="beras", supplier="Toko", amount=20_000, place="gudang", unweighed=True)
    count = CountStock(id=new_id(), by="sari", item="beras", place="gudang", counted=15_000, at_ms=ZERO_MS + 3 * HOUR)
    said(kitchen, count)
    said(kitchen, DecideCount(id=new_id(), by="wulan", count=count.id, approved=True))
    sender = Sender(clock="guess", offset_ms=ZERO_MS + 6 * HOUR)
    sender.add(weighing(20_000, 15_000, HOUR, "out"))
    kitchen.send(sender.batch(sent_ms=HOUR))
    here = "SELECT amount FROM movement WHERE kind = 'count'"
    there = "SELECT sum(amount) FROM ledger_line WHERE place = 'gudang'"
    assert (kitchen.value(here), kitchen.value(there)) == (-5_000, 10_000)
    sender.add(ClockFix(at_ms=2 * HOUR, boot=BOOT, offset_ms=ZERO_MS + HOUR, error_ms=1, source="server"))
    kitchen.send(sender.batch(2, sent_ms=2 * HOUR))
    assert (kitchen.value(here), kitchen.value(there)) == (0, 15_000)


def test_the_same_sent_again_changes_nothing(kitchen: Bench) -> None:
    """A batch of rows and an act that come twice are in the book once."""
    sender = Sender().add(weighing(0, 50_000, 1_000, "first"), weighing(50_000, 42_000, 2_000, "out"))
    count = CountStock(id=new_id(), by="sari", item="beras", place="gudang", counted=41_000, at_ms=ZERO_MS + HOUR)
    confirm = ConfirmMovement(id=new_id(), by="sari", movement=f"gw-1.{sender.spool}.2.movement", place="rak")
    books = []
    for _ in range(2):
        kitchen.send(sender.batch(sent_ms=HOUR))
        for act in (confirm, count):
            said(kitchen, act)
        books.append(balances(kitchen, "beras"))
    assert books[0] == books[1] == {("opening", ""): -50_000, ("gudang", ""): 42_000, ("rak", ""): 8_000}
    assert kitchen.value("SELECT count(*) FROM movement") == 3


def _a_day() -> list[AnyAct]:
    """What one day's people write, in no order of its own: all about lots that are there by the first acts."""
    lots = [
        ReceiveLot(id=f"{number:016x}", by="-", item="ayam", supplier="Ayam", amount=10_000, place="rak",
                   expires=expires, at_ms=ZERO_MS + number * MINUTE)
        for number, expires in ((1, "2025-10-12"), (2, "2025-10-11"), (3, ""))
    ]  # fmt: skip
    names = [lot_id(act, "Asia/Jakarta") for act in lots]
    hand = {"by": "-", "item": "ayam", "reason": "rusak"}
    later: list[AnyAct] = [
        RecordMovement(id=f"{0x10 + n:016x}", **hand, amount=amount, from_place=here, to_place=there,
                       lot=lot, at_ms=ZERO_MS + at * MINUTE)
        for n, (amount, here, there, lot, at) in enumerate(
            [
                (3_000, "rak", "chiller-a", "", 10),
                (9_000, "rak", "cooked", "", 20),
                (4_000, "rak", "prep", names[2], 15),
                (500, "rak", "waste", "", 40),
                (30_000, "rak", "cooked", "", 50),
                (2_000, "chiller-a", "cooked", "", 30),
            ]
        )
    ]  # fmt: skip
    later += [HoldLot(id="0000000000000020", by="-", lot=names[1], reason="bau", at_ms=ZERO_MS + 12 * MINUTE)]
    later += [
        CountStock(id=f"{0x30 + n:016x}", by="-", item="ayam", place=place, counted=counted,
                   at_ms=ZERO_MS + at * MINUTE)
        for n, (place, counted, at) in enumerate([("rak", 11_000, 25), ("chiller-a", 900, 35), ("rak", 2_000, 60)])
    ]  # fmt: skip
    return [*lots, *later]


@pytest.mark.parametrize("seed", range(4))
def test_balances_do_not_depend_on_arrival(stores: NewAddress, seed: int) -> None:
    """A day's acts written in any order end in the same book, line by line."""
    books = []
    for order in (None, random.Random(seed)):
        store = open_store(stores())
        bench = Bench(store, KITCHEN, now_ms=ZERO_MS + DAY)
        acts = _a_day()
        head, rest = acts[:3], acts[3:]
        if order is not None:
            order.shuffle(head)
            order.shuffle(rest)
        for act in [*head, *rest]:
            said(bench, act)
        for act in rest:
            if isinstance(act, CountStock):
                said(bench, DecideCount(id=new_id(), by="-", count=act.id, approved=True))
        books.append(
            bench.rows("SELECT movement, place, lot, amount, assumed FROM ledger_line ORDER BY movement, place, lot")
            + bench.rows("SELECT id, amount, book_amount, doubt FROM movement ORDER BY id")
        )
        bench.writer.stop()
        store.close()
    assert books[0] == books[1]
    assert len(books[0]) > 30
