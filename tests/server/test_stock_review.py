"""Odd but possible words about stock: what they may not do to the book, to the writer and to who may say what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.server.conftest import Bench
from tests.server.sender import BOOT, Sender
from tests.server.test_ingest import weighing
from tests.server.test_stock import (
    BATCH,
    DAY,
    HOUR,
    KITCHEN,
    MINUTE,
    ZERO_MS,
    balances,
    kitchen,
    receive,
    refused,
    said,
    weigh,
)

from pawon_contract.messages import ClockFix
from pawon_server.food_safety.lot_acts import CorrectLot, DiscardLot, MoveLot, ReceiveLot, UseLot
from pawon_server.people.act import new_id
from pawon_server.record.rebuild import rebuild
from pawon_server.stock import accounts
from pawon_server.stock.book import Event, settle
from pawon_server.stock.movement_acts import (
    ConfirmMovement,
    CorrectMovement,
    CountStock,
    DecideCount,
    HoldLot,
    RecordMovement,
    ReleaseLot,
)
from pawon_server.store.database import open_to_read

__all__ = ["kitchen"]  # a fixture


def correct(lot: str, corrects: str, **what: Any) -> CorrectLot:
    """A correction by the nutritionist."""
    return CorrectLot(id=new_id(), by="tono", lot=lot, corrects=corrects, reason="salah", **what)


def same_again(bench: Bench, folder: Path) -> None:
    """The journal alone gives what the store holds."""
    found = rebuild(open_to_read(bench.store.address), "dapur-uji", folder)
    assert [table for table in found.tables if not table.same] == []


# --- a place that is the other side -----------------------------------------------------------------------------------


def test_what_never_left_writes_no_lines() -> None:
    """A journal of an older version may hold a move to where it lay: the book goes on, and nothing moved."""
    came = Event(id="r", at_ms=0, from_place="supplier", to_place="rak", lot="A", amount=10)
    stayed = Event(id="m", at_ms=1, from_place="rak", to_place="rak", lot="A", amount=4)
    settled = settle({}, [came, stayed], {})
    assert [line.movement for line in settled.lines] == ["r", "r"]
    assert settled.balances["rak", "A"] == 10


def test_a_step_is_not_corrected_to_where_it_began(kitchen: Bench) -> None:
    """It would leave and enter one account; and a lot lies in the kitchen, not in an account outside."""
    act_id, use_id, move_id = new_id(), new_id(), new_id()
    lot = receive(kitchen, id=act_id)
    kitchen.now_ms += HOUR
    at = {"at_ms": ZERO_MS + HOUR + MINUTE, "by": "sari", "lot": lot, "place": "rak"}
    said(kitchen, MoveLot(id=move_id, **at, to_place="chiller-a", amount=4_000))
    said(kitchen, UseLot(id=use_id, **at, batch=BATCH, amount=1_000))
    assert "sama" in refused(kitchen, correct(lot, move_id, place="rak"))
    for corrected in (use_id, move_id, act_id):
        assert "dapur" in refused(kitchen, correct(lot, corrected, place=accounts.COOKED))
    assert "dapur" in refused(kitchen, MoveLot(id=new_id(), **at, to_place=accounts.COOKED, amount=1))
    bought = {"id": new_id(), "by": "sari", "item": "ayam", "supplier": "X", "amount": 1, "at_ms": at["at_ms"]}
    assert "dapur" in refused(kitchen, ReceiveLot(**bought, place=accounts.SUPPLIER))
    assert balances(kitchen)["rak", lot] == 5_000


# --- who may say what -------------------------------------------------------------------------------------------------


def test_nobody_approves_his_own_count_as_a_correction_of_a_lot(kitchen: Bench) -> None:
    """A stocktake of a lot is decided by another person, whatever the act is called; and what brought goods by hand is
    corrected as a movement, where its direction is known."""
    lot = receive(kitchen)
    kitchen.now_ms += HOUR
    count = CountStock(id=new_id(), by="tono", item="ayam", place="rak", lot=lot, counted=1, at_ms=kitchen.now_ms)
    said(kitchen, count)
    assert "tidak ada pada lot" in refused(kitchen, correct(lot, count.id, withdraw=False))
    found = RecordMovement(id=new_id(), by="sari", item="ayam", lot=lot, amount=500, from_place="supplier",
                           to_place="rak", at_ms=kitchen.now_ms, reason="tertinggal")  # fmt: skip
    said(kitchen, found)
    assert "tidak ada pada lot" in refused(kitchen, correct(lot, found.id, amount=700))
    assert balances(kitchen)["rak", lot] == 10_500


def test_a_receipt_does_not_take_a_weighing_that_was_decided_otherwise(kitchen: Bench) -> None:
    """Carried from the shelf, said a person: a later receipt would let it come from the supplier once more."""
    lot = receive(kitchen)
    (came,) = weigh(kitchen, (0, 4_000, 2 * HOUR, "in", "scale-2"))
    kitchen.now_ms += 2 * HOUR
    said(kitchen, ConfirmMovement(id=new_id(), by="sari", movement=came, item="ayam", place="rak"))
    twice = ReceiveLot(id=new_id(), by="sari", item="ayam", supplier="X", amount=4_000, place="terima",
                       at_ms=kitchen.now_ms, movement=came)  # fmt: skip
    assert "diputuskan" in refused(kitchen, twice)
    assert balances(kitchen) == {("supplier", lot): -10_000, ("rak", lot): 6_000, ("terima", lot): 4_000}


# --- receipts and the weighings that saw them -------------------------------------------------------------------------


def test_a_withdrawn_receipt_lets_go_of_its_weighing(kitchen: Bench, tmp_path: Path) -> None:
    """The right receipt takes it, of another item too; nothing said of the withdrawn one touches it any more."""
    (came,) = weigh(kitchen, (0, 9_800, 1_000, "in", "scale-2"))
    wrong = new_id()
    first = receive(kitchen, id=wrong, place="terima", movement=came)
    said(kitchen, correct(first, wrong, withdraw=True))
    assert kitchen.rows("SELECT item, unit, amount, from_place, state, lot FROM movement") == [
        ("", "g", 9_800, "supplier", "proposed", "")
    ]
    second = receive(kitchen, item="telur", place="terima", movement=came)
    here = {("supplier", second): -163, ("terima", second): 163}
    assert balances(kitchen, "telur") == here
    said(kitchen, correct(first, wrong, temperature_c=4.0))
    assert balances(kitchen, "telur") == here
    assert "diputuskan" in refused(kitchen, correct(first, wrong, withdraw=False))
    assert balances(kitchen) == {}
    same_again(kitchen, tmp_path)


def test_a_receipt_that_was_withdrawn_by_mistake_stands_again(kitchen: Bench) -> None:
    """With its lot, as long as nobody has decided its weighing otherwise."""
    (came,) = weigh(kitchen, (0, 9_800, 1_000, "in", "scale-2"))
    act = new_id()
    lot = receive(kitchen, id=act, place="terima", movement=came)
    for withdraw in (True, False):
        said(kitchen, correct(lot, act, withdraw=withdraw))
    assert balances(kitchen) == {("supplier", lot): -9_800, ("terima", lot): 9_800}


@pytest.mark.parametrize("what", [{"amount": 5_000}, {"place": "rak"}, {"at_ms": ZERO_MS + 5_000}])
def test_what_a_scale_saw_of_a_lot_is_not_corrected(kitchen: Bench, what: dict[str, Any]) -> None:
    """The lot would be another amount, place or time than its movement in the book."""
    (came,) = weigh(kitchen, (0, 9_800, 1_000, "in", "scale-2"))
    act = new_id()
    lot = receive(kitchen, id=act, place="terima", movement=came)
    assert "timbangan" in refused(kitchen, correct(lot, act, **what))
    same = {"amount": 9_800, "place": "terima", "at_ms": ZERO_MS + 1_000}
    said(kitchen, correct(lot, act, temperature_c=3.0, **same))


@pytest.mark.parametrize("weighed", [True, False])
def test_a_receipt_is_corrected_as_a_receipt(kitchen: Bench, weighed: bool) -> None:
    """As a movement alone it would leave a lot that the book knows nothing of; and what was sent back is no stock."""
    (came,) = weigh(kitchen, (0, 9_800, 1_000, "in", "scale-2"))
    act = new_id()
    about = {"place": "terima", "movement": came} if weighed else {}
    receive(kitchen, id=act, accepted=False, **about)
    name = came if weighed else act
    for what in ({"item": "beras"}, {"withdraw": True}, {}, {"place": "rak"}):
        wish = CorrectMovement(id=new_id(), by="tono", movement=name, reason="x", **what)
        assert "penerimaan" in refused(kitchen, wish)
    assert balances(kitchen) == {}


def test_another_item_keeps_the_amount_of_all_of_it(kitchen: Bench) -> None:
    """All of a lot was carried, and it was other goods: as much of them, not nothing."""
    lot = receive(kitchen)
    said(kitchen, RecordMovement(id=new_id(), by="sari", item="beras", amount=20_000, from_place="supplier",
                                 to_place="rak", at_ms=ZERO_MS + HOUR, reason="rusak"))  # fmt: skip
    kitchen.now_ms += HOUR
    move = MoveLot(id=new_id(), by="sari", lot=lot, place="rak", to_place="chiller-a", at_ms=kitchen.now_ms)
    said(kitchen, move)
    said(kitchen, CorrectMovement(id=new_id(), by="tono", movement=move.id, item="beras", reason="salah karung"))
    assert balances(kitchen)["rak", lot] == 10_000
    assert balances(kitchen, "beras")["chiller-a", ""] == 10_000


# --- lots that must not be used ---------------------------------------------------------------------------------------


def test_a_release_ends_no_hold_that_began_after_it(kitchen: Bench) -> None:
    """Told late, it speaks of the hold that it knew."""
    lot = receive(kitchen)
    kitchen.now_ms += 5 * HOUR
    hold = {"by": "sari", "lot": lot, "reason": "bau"}
    free = {"by": "tono", "lot": lot, "reason": "hasil uji"}
    said(kitchen, HoldLot(id=new_id(), **hold, at_ms=ZERO_MS + 2 * HOUR))
    said(kitchen, HoldLot(id=new_id(), **hold, at_ms=ZERO_MS + 4 * HOUR))
    said(kitchen, ReleaseLot(id=new_id(), **free, at_ms=ZERO_MS + 3 * HOUR))
    use = {"by": "sari", "lot": lot, "place": "rak", "batch": BATCH, "amount": 1}
    said(kitchen, UseLot(id=new_id(), **use, at_ms=ZERO_MS + 3 * HOUR + MINUTE))
    assert "ditahan" in refused(kitchen, UseLot(id=new_id(), **use, at_ms=kitchen.now_ms))
    assert "ditahan" in refused(kitchen, ReleaseLot(id=new_id(), **free, at_ms=ZERO_MS + 3 * HOUR))


def test_a_correction_into_the_pot_asks_for_the_lot_that_is_known(kitchen: Bench) -> None:
    """A lot that is set aside is not used, also where the movement names it and the correction does not."""
    lot = receive(kitchen)
    kitchen.now_ms += HOUR
    said(kitchen, HoldLot(id=new_id(), by="sari", lot=lot, reason="bau", at_ms=ZERO_MS + HOUR))
    moved = RecordMovement(id=new_id(), by="sari", item="ayam", lot=lot, amount=1, from_place="rak",
                           to_place="chiller-a", at_ms=kitchen.now_ms, reason="rusak")  # fmt: skip
    said(kitchen, moved)
    wish = CorrectMovement(id=new_id(), by="tono", movement=moved.id, place=accounts.COOKED, reason="dimasak")
    assert "ditahan" in refused(kitchen, wish)


def test_a_delivery_whose_date_becomes_known_is_judged_by_it(kitchen: Bench, tmp_path: Path) -> None:
    """A guess a day too late would let food last a day too long."""
    items = [*KITCHEN.settings.items]
    short = [type(one)(**{name: getattr(one, name) for name in one.__struct_fields__} | {"shelf_life_days": 2})
             if one.id == "ayam" else one for one in items]  # fmt: skip
    kitchen.writer.stop()
    settings = type(KITCHEN.settings)(
        **{name: getattr(KITCHEN.settings, name) for name in KITCHEN.settings.__struct_fields__} | {"items": short}
    )
    kitchen.book = type(KITCHEN)(settings=settings, profile=KITCHEN.profile)
    kitchen.now_ms += 3 * DAY
    kitchen.begin()
    sender = Sender(clock="guess", offset_ms=ZERO_MS + 2 * DAY)
    sender.add(weighing(0, 5_000, HOUR, "in", "scale-2"))
    kitchen.send(sender.batch(sent_ms=HOUR))
    receive(kitchen, place="terima", movement=f"gw-1.{sender.spool}.1.movement", at_ms=ZERO_MS + 2 * DAY)
    assert kitchen.value("SELECT expires FROM lot") == "2025-10-13"
    sender.add(ClockFix(at_ms=2 * HOUR, boot=BOOT, offset_ms=ZERO_MS, error_ms=1, source="server"))
    kitchen.send(sender.batch(2, sent_ms=2 * HOUR))
    assert kitchen.rows("SELECT expires, received_ms FROM lot") == [("2025-10-11", ZERO_MS + HOUR)]
    same_again(kitchen, tmp_path)


# --- what is assumed is no word of a person ---------------------------------------------------------------------------


def test_what_was_assumed_contradicts_nobody(kitchen: Bench) -> None:
    """The book assumed that the older lot was taken; a person who holds it in the hand is believed, and the doubt is
    shown. More than was ever there is refused as before."""
    old = receive(kitchen, expires="2025-10-20")
    receive(kitchen, expires="2025-10-25")
    kitchen.now_ms += 3 * HOUR
    said(kitchen, RecordMovement(id=new_id(), by="sari", item="ayam", amount=9_000, from_place="rak",
                                 to_place="cooked", at_ms=ZERO_MS + 2 * HOUR, reason="rusak"))  # fmt: skip
    use = {"by": "sari", "lot": old, "place": "rak", "batch": BATCH, "at_ms": ZERO_MS + 3 * HOUR}
    assert "sebanyak" in refused(kitchen, UseLot(id=new_id(), **use, amount=10_001))
    told = UseLot(id=new_id(), **use, amount=8_000)
    said(kitchen, told)
    assert kitchen.rows("SELECT id, doubt FROM movement WHERE doubt != ''") == [(told.id, "short")]


def test_what_a_stocktake_found_can_be_used(kitchen: Bench) -> None:
    """Two kilograms more of a lot than its receipt said, counted and approved: they lie there."""
    lot = receive(kitchen)
    kitchen.now_ms += 3 * HOUR
    count = CountStock(id=new_id(), by="sari", item="ayam", place="rak", lot=lot, counted=12_000,
                       at_ms=ZERO_MS + 2 * HOUR)  # fmt: skip
    said(kitchen, count)
    said(kitchen, DecideCount(id=new_id(), by="wulan", count=count.id, approved=True))
    said(kitchen, UseLot(id=new_id(), by="sari", lot=lot, place="rak", batch=BATCH, amount=12_000,
                         at_ms=ZERO_MS + 3 * HOUR))  # fmt: skip
    assert balances(kitchen)["cooked", lot] == 12_000
    assert kitchen.value("SELECT count(*) FROM movement WHERE doubt != ''") == 0


def test_an_assumption_ends_no_incident(kitchen: Bench) -> None:
    """Nobody said that the warm chicken was what went into the pot: its incident waits for a person's word."""
    lot = receive(kitchen, point="receiving-chilled", food="poultry", temperature_c=15.0, despite="perlu")
    assert kitchen.value("SELECT count(*) FROM incident WHERE closed_ms IS NULL") == 1
    kitchen.now_ms += 3 * HOUR
    said(kitchen, RecordMovement(id=new_id(), by="sari", item="ayam", amount=10_000, from_place="rak",
                                 to_place="cooked", at_ms=ZERO_MS + 2 * HOUR, reason="rusak"))  # fmt: skip
    assert balances(kitchen)["cooked", lot] == 10_000
    assert kitchen.value("SELECT count(*) FROM incident WHERE closed_ms IS NULL") == 1
    gone = DiscardLot(id=new_id(), by="sari", lot=lot, place="rak", reason="hangat", amount=10_000,
                      at_ms=ZERO_MS + 3 * HOUR)  # fmt: skip
    said(kitchen, gone)
    assert kitchen.value("SELECT count(*) FROM incident WHERE closed_ms IS NULL") == 0


def test_a_doubt_goes_with_its_movement(kitchen: Bench) -> None:
    """What is withdrawn is no doubt any more."""
    taken = RecordMovement(id=new_id(), by="sari", item="ayam", amount=4_000, from_place="rak", to_place="cooked",
                           at_ms=ZERO_MS + HOUR, reason="rusak")  # fmt: skip
    receive(kitchen, amount=1_000)
    said(kitchen, taken)
    assert kitchen.value("SELECT doubt FROM movement WHERE id = :m", m=taken.id) == "short"
    said(kitchen, CorrectMovement(id=new_id(), by="tono", movement=taken.id, reason="dobel", withdraw=True))
    assert kitchen.value("SELECT count(*) FROM movement WHERE doubt != ''") == 0


def test_a_difference_is_booked_by_an_approved_count_alone(kitchen: Bench) -> None:
    """Nobody writes it off, or in, by himself as a movement to or from its account."""
    receive(kitchen)
    by_hand = {"by": "sari", "item": "ayam", "amount": 1, "at_ms": ZERO_MS + HOUR, "reason": "kurang"}
    for way in (("rak", accounts.DIFFERENCE), (accounts.DIFFERENCE, "rak")):
        move = RecordMovement(id=new_id(), **by_hand, from_place=way[0], to_place=way[1])
        assert "hitungan" in refused(kitchen, move)
    (gone,) = weigh(kitchen, (9_000, 0, 1_000, "out", "scale-2"))
    wish = ConfirmMovement(id=new_id(), by="sari", movement=gone, item="ayam", place=accounts.DIFFERENCE)
    assert "hitungan" in refused(kitchen, wish)


# --- what a person picks may not count twice, nor become another thing ------------------------------------------------


def test_what_another_scale_saw_come_is_not_booked_by_this_one_too(kitchen: Bench) -> None:
    """The receiving scale saw rice go; it went to the bin, whose own scale saw it come and has booked it."""
    gone, came = weigh(kitchen, (9_000, 4_000, HOUR, "out", "scale-2"), (0, 5_000, HOUR + MINUTE, "in", "scale-1"))
    confirm = ConfirmMovement(id=new_id(), by="sari", movement=gone, item="beras", place="gudang")
    assert "Gudang ditimbang sendiri" in refused(kitchen, confirm)
    said(kitchen, ConfirmMovement(id=new_id(), by="sari", movement=gone, item="ayam", place="gudang"))
    assert kitchen.value("SELECT state FROM movement WHERE id = :id", id=came) == "confirmed"
    there = "SELECT item, sum(amount) FROM ledger_line WHERE place = 'gudang' GROUP BY item ORDER BY item"
    assert kitchen.rows(there) == [("ayam", 5_000), ("beras", 5_000)], "by a person's word, and by its scale"


def test_a_number_of_grams_is_no_number_of_eggs(kitchen: Bench) -> None:
    """What was written by hand as rice were eggs: how many, nobody can know from grams."""
    kitchen.now_ms += HOUR
    written = RecordMovement(id=new_id(), by="sari", item="beras", amount=5_000, from_place="supplier", to_place="rak",
                             at_ms=ZERO_MS + HOUR, reason="rusak")  # fmt: skip
    said(kitchen, written)
    eggs = {"by": "tono", "movement": written.id, "item": "telur", "reason": "salah pilih"}
    assert "Satuannya lain" in refused(kitchen, CorrectMovement(id=new_id(), **eggs))
    said(kitchen, CorrectMovement(id=new_id(), **eggs, amount=80))
    assert kitchen.rows("SELECT item, unit, amount FROM ledger_line WHERE place = 'rak'") == [("telur", "piece", 80)]


def test_what_a_scale_took_leaves_a_lot_room_for_words(kitchen: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scale takes from a lot a hundred times; that is no reason not to write that the rest was thrown away."""
    monkeypatch.setattr("pawon_server.projections.lots.MAX_SAID", 3)
    lot = receive(kitchen, item="beras", place="gudang", unweighed=True)
    kitchen.now_ms += 3 * HOUR
    takings = ((9_000 - n, 8_500 - n, HOUR + n // 500 * MINUTE, "out", "scale-1") for n in range(500, 4_500, 500))
    weigh(kitchen, *takings)
    taken = "SELECT count(*) FROM ledger_line WHERE lot = :lot AND amount < 0 AND place = 'gudang'"
    assert kitchen.value(taken, lot=lot) == 8
    throw = {"by": "sari", "lot": lot, "place": "gudang", "at_ms": ZERO_MS + 3 * HOUR, "amount": 100, "unweighed": True,
             "reason": "basi"}  # fmt: skip
    for _ in range(3):
        said(kitchen, DiscardLot(id=new_id(), **throw))
    assert "penuh" in refused(kitchen, DiscardLot(id=new_id(), **throw))
