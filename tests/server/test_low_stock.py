"""Recipes, the menu and stock that runs low, in the record: who may write, what opens, what ends it, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import update
from tests.server.conftest import Bench, NewAddress, on_sqlite
from tests.server.desk import hire
from tests.server.larder import DAY, HOUR, LARDER, MORNING, PLACES, book_line, drop, meal, recipe, refused, written
from tests.server.sender import Sender
from tests.server.straight import Straight
from tests.server.test_ingest import weighing

from pawon_server.acts import AnyAct, decode_act, encode_act
from pawon_server.food_safety.lot_acts import DiscardLot, ReceiveLot
from pawon_server.people.act import MACHINE, new_id
from pawon_server.projections import menu
from pawon_server.projections.larder import outlooks, read_larder, stock_by_item, use_by_day
from pawon_server.projections.menu import meals_of, recipes_of
from pawon_server.projections.purchases import coming_of
from pawon_server.record.rebuild import rebuild
from pawon_server.rulebook import Place, Rulebook
from pawon_server.stock.forecast import DatedLot
from pawon_server.stock.needs import needs
from pawon_server.stock.purchase_acts import CancelOrder, PlaceOrder, SetSupplier
from pawon_server.store.database import open_store, open_to_read
from pawon_server.store.stock_tables import lot


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Bench]:
    """A kitchen in the morning, with a cook and a nutritionist."""
    store = open_store(stores())
    made = Bench(store, LARDER, now_ms=MORNING)
    hire(made, "sari")
    hire(made, "tono", "nutritionist")
    yield made
    made.writer.stop()
    store.close()


@pytest.fixture
def record(stores: NewAddress) -> Iterator[Straight]:
    """The same without threads: the clock looks when it is told to."""
    made = Straight(stores(), LARDER)
    made.now_ms = MORNING
    yield made
    made.close()


def look(record: Straight, at_ms: int) -> None:
    """The clock looks at a moment."""
    record.now_ms = at_ms
    record.look_at_clock()


def told(record: Straight) -> list[tuple[object, ...]]:
    """What people were told of stock, the oldest first."""
    return record.rows(
        "SELECT alert.event, incident.sensor, alert.text FROM alert JOIN incident ON incident.id = alert.incident"
        " WHERE incident.kind = 'stock' ORDER BY alert.created_ms, alert.id"
    )


def accept(record: Straight, *acts: AnyAct) -> None:
    """All of them are written."""
    for act in acts:
        answer = record.write(act)
        assert hasattr(answer, "entry"), answer


# --- recipes and the menu -------------------------------------------------------------------------------------------


def test_a_recipe_has_versions_and_the_newest_counts(kitchen: Bench) -> None:
    """However the dish is typed; the earlier version stays with its entry and its author."""
    written(kitchen, recipe("Nasi  Kuning", beras=8_000), recipe("nasi kuning", by="tono", beras=9_000, telur=100))
    with kitchen.store.reader.connect() as connection:
        assert recipes_of(connection, "dapur-uji") == {"nasi kuning": {"beras": 9_000, "telur": 100}}
    rows = kitchen.rows("SELECT newest, person, id < journal_id FROM recipe ORDER BY id")
    assert [(bool(row[0]), row[1], bool(row[2])) for row in rows] == [(False, MACHINE, True), (True, "tono", False)]


def test_only_a_nutritionist_writes_them(kitchen: Bench) -> None:
    """The cook may not; the nutritionist may."""
    for by, may in (("sari", False), ("tono", True)):
        first, plan = recipe("Nasi", by=by, beras=8_000), meal("2025-10-10", "Nasi", by=by)
        for act in (first, plan, drop(plan.id, by)):
            if may:
                written(kitchen, act)
            else:
                assert refused(kitchen, act) == "Tidak berwenang"


def test_what_cannot_be_is_refused_in_plain_words(kitchen: Bench) -> None:
    """Unknown items, the past, days no calendar has, what is dropped already."""
    assert "tidak terdaftar: emas" in refused(kitchen, recipe("Nasi", emas=1))
    twice = recipe("Nasi", beras=1)
    assert "dua kali" in refused(kitchen, msgspec.structs.replace(twice, ingredients=twice.ingredients * 2))
    assert "nama" in refused(kitchen, recipe("   ", beras=1))
    for day, why in (("2025-10-08", "lewat"), ("2025-02-30", "kalender"), ("2026-03-01", "92 hari")):
        assert why in refused(kitchen, meal(day, "Nasi"))
    plan = meal("2025-10-09", "Nasi")
    written(kitchen, plan, drop(plan.id))
    assert "sudah dibatalkan" in refused(kitchen, drop(plan.id))
    assert "tidak ada" in refused(kitchen, drop(new_id()))
    kitchen.now_ms += 2 * DAY
    late = meal("2025-10-11", "Nasi")
    written(kitchen, late)
    kitchen.now_ms += DAY
    assert "lewat" in refused(kitchen, drop(late.id))


def test_a_full_book_of_recipes_can_still_be_changed(kitchen: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only another dish is one too many."""
    monkeypatch.setattr(menu, "MAX_DISHES", 2)
    written(kitchen, recipe("Nasi", beras=1), recipe("Opor", ayam=1), recipe("nasi", beras=2))
    assert "Sudah ada 2 resep" in refused(kitchen, recipe("Soto", ayam=1))


def test_the_same_meal_planned_again_takes_its_place(kitchen: Bench) -> None:
    """Other portions are no second meal; another wave is."""
    written(
        kitchen,
        meal("2025-10-10", "Nasi", 500),
        meal("2025-10-10", " nasi ", 700),
        meal("2025-10-10", "Nasi", wave="2"),
    )
    with kitchen.store.reader.connect() as connection:
        meals = meals_of(connection, "dapur-uji", date(2025, 10, 10), date(2025, 10, 11))
    assert [(one.wave, one.portions) for one in meals] == [("1", 700), ("2", 1_000)]


def test_acts_keep_their_shape() -> None:
    """What stands in journals can be read for ever."""
    for said in (
        b'{"act":"recipe.set","id":"0123456789abcdef","by":"tono","dish":"Nasi",'
        b'"ingredients":[{"item":"beras","amount":8000}],"cooked_g":180.0}',
        b'{"act":"menu.plan","id":"0123456789abcdef","by":"tono","day":"2025-10-10","wave":"1","dish":"Nasi",'
        b'"portions":1000}',
        b'{"act":"menu.drop","id":"0123456789abcdef","by":"tono","menu":"fedcba9876543210"}',
    ):
        assert encode_act(decode_act(said)) == said


# --- the figures ----------------------------------------------------------------------------------------------------


def test_stock_and_use_are_what_the_book_says(record: Straight) -> None:
    """Sums over the kitchen's places. Use is what left them for good, by kitchen day; what went back to the supplier,
    was counted away or only changed its place is none; what was carried back is taken off."""
    night = MORNING - 5 * HOUR  # 03:00: the same serving day as the evening before
    for amount, at_ms, other in (
        (100_000, night - 3 * DAY, "supplier"), (-30_000, night, "prep"), (-10_000, night - 9 * HOUR, "prep"),
        (4_000, night, "prep"), (-5_000, night, "returned"), (-7_000, night, "difference"),
        (-20_000, night, "chiller-a"), (-1_000, night - 2 * DAY, "waste"), (-2_000, night - 70 * DAY, "prep"),
        (9_000, night - 70 * DAY, "opening"),
    ):  # fmt: skip
        book_line(record, "beras", amount, at_ms, other)
    with record.store.reader.connect() as connection:
        assert stock_by_item(connection, LARDER) == {"beras": 58_000, "ayam": None, "telur": None}
        used = use_by_day(connection, LARDER, MORNING)
    assert used == {"beras": {date(2025, 10, 9): 36_000, date(2025, 10, 7): 1_000}}


def test_lots_that_expire_are_found_where_they_lie(record: Straight) -> None:
    """By their date, or by how long the item keeps; what was thrown away or lies elsewhere is no part of the stock."""
    common = {"by": MACHINE, "supplier": "Jaya", "at_ms": MORNING}
    ayam, beras, away = (
        ReceiveLot(id=new_id(), item="ayam", amount=50_000, place="chiller-a", **common),
        ReceiveLot(id=new_id(), item="beras", amount=20_000, place="gudang", expires="2025-10-20", **common),
        ReceiveLot(id=new_id(), item="beras", amount=20_000, place="halaman", expires="2025-10-20", **common),
    )
    undated = ReceiveLot(id=new_id(), item="beras", amount=5, place="gudang", **common)
    accept(record, ayam, beras, away, undated)
    ((name,),) = record.rows("SELECT id FROM lot WHERE item = 'ayam'")
    accept(record, DiscardLot(id=new_id(), by=MACHINE, lot=str(name), place="chiller-a", amount=8_000, at_ms=MORNING,
                              reason="bau"))  # fmt: skip
    with record.store.reader.connect() as connection:
        lots = read_larder(connection, LARDER, MORNING).lots
    assert lots == {
        "ayam": [DatedLot(until=date(2025, 10, 12), left=42_000)],
        "beras": [DatedLot(until=date(2025, 10, 21), left=20_000)],
    }


def test_the_menu_and_the_book_make_the_outlook(record: Straight) -> None:
    """From the acts to the day on which the rice ends."""
    book_line(record, "beras", 150_000, MORNING - HOUR)
    accept(record, recipe("Nasi", beras=8_000), *(meal(f"2025-10-{day}", "Nasi") for day in (10, 13, 14)))
    with record.store.reader.connect() as connection:
        one = outlooks(LARDER, read_larder(connection, LARDER, MORNING))["beras"]
    assert (one.today, one.runs_out, one.order_by) == (date(2025, 10, 9), date(2025, 10, 13), date(2025, 10, 10))
    assert one.order_amount == 10_000 + 80_000 + 20_000, "of both days, and the minimum"


# --- the incident ---------------------------------------------------------------------------------------------------


def test_low_stock_is_told_once_in_time_and_ends_when_it_is_covered(record: Straight) -> None:
    """On the morning of the last day to order, not in the night before; a delivery ends it."""
    book_line(record, "beras", 150_000, MORNING - HOUR)
    accept(record, recipe("Nasi", beras=8_000), *(meal(f"2025-10-{day}", "Nasi") for day in (13, 14)))
    look(record, MORNING)
    assert told(record) == []
    friday = MORNING + DAY
    look(record, friday + 15 * HOUR)  # 23:00: the day to order has come, and nobody is told now
    assert told(record) == []
    look(record, friday + 21 * HOUR)  # 05:00
    assert told(record) == []
    for minutes in (0, 10, 60):
        look(record, friday + 22 * HOUR + minutes * 60_000)
    assert told(record) == [
        ("opened", "beras", "Stok menipis: Beras 150 kg. Perkiraan kurang mulai Sel 14 Okt. Pesan 30 kg hari ini."),
    ]  # fmt: skip
    assert len(str(told(record)[0][2])) <= 160
    ((kind, severity, detail, closed),) = record.rows(
        "SELECT kind, severity, detail, closed_ms FROM incident WHERE kind = 'stock'"
    )
    assert (kind, severity, detail, closed) == ("stock", "warning", "Beras", None)
    book_line(record, "beras", 50_000, record.now_ms)
    look(record, record.now_ms + 601_000)
    assert told(record)[1:] == [("closed", "beras", "Stok cukup lagi: Beras 200 kg.")]


def test_a_dropped_plan_ends_it_and_a_new_one_begins_another(record: Straight) -> None:
    """At the clock's next look: the acts themselves say that the figures have changed."""
    book_line(record, "ayam", 1_000, MORNING - HOUR)
    plan = meal("2025-10-10", "Opor")
    accept(record, recipe("Opor", ayam=9_000), plan)
    look(record, MORNING)
    assert [row[:2] for row in told(record)] == [("opened", "ayam")]
    accept(record, drop(plan.id))
    look(record, MORNING + 5_000)
    assert [row[0] for row in told(record)] == ["opened", "closed"]
    accept(record, meal("2025-10-10", "Opor"))
    look(record, MORNING + 10_000)
    assert [row[0] for row in told(record)] == ["opened", "closed", "opened"]


def test_the_minimum_does_not_flap(record: Straight) -> None:
    """A few grams more or less at the minimum open one incident; a twentieth more ends it."""
    book_line(record, "beras", 19_999, MORNING - HOUR)
    look(record, MORNING)
    assert told(record) == [("opened", "beras", "Stok menipis: Beras 20 kg (minimum 20 kg). Pesan 0,1 kg hari ini.")]
    for number, amount in enumerate((2, -2, 900, -900, 2), 1):
        book_line(record, "beras", amount, MORNING + number)
        look(record, MORNING + number * 601_000)
    assert len(told(record)) == 1
    book_line(record, "beras", 1_000, record.now_ms)
    look(record, record.now_ms + 601_000)
    assert [row[0] for row in told(record)] == ["opened", "closed"]


def test_what_is_on_no_menu_any_more_is_not_called_enough(record: Straight) -> None:
    """The day passes, nothing of it was ever used, and no menu names it: it is over, and nobody knows of enough."""
    book_line(record, "ayam", 0, MORNING - HOUR)
    accept(record, recipe("Opor", ayam=9_000), meal("2025-10-10", "Opor"))
    look(record, MORNING)
    look(record, MORNING + 2 * DAY)
    assert [row[0] for row in told(record)] == ["opened", "closed"]
    text = str(told(record)[1][2])
    assert ("tidak diketahui" in text, "cukup lagi" in text) == (True, False)


def ordered(item: str, amount: int, due: str, supplier: str = "jaya") -> PlaceOrder:
    """It is ordered for that day."""
    return PlaceOrder(id=new_id(), by=MACHINE, supplier=supplier, item=item, amount=amount, due=due)


JAYA = SetSupplier(id="0" * 16, by=MACHINE, supplier="jaya", name="Jaya")


def test_an_order_covers_only_what_it_brings_in_time(record: Straight) -> None:
    """Too little or a day too late covers nothing of the day that lacks; in time it does, as far as it is open."""
    book_line(record, "beras", 100_000, MORNING - HOUR)
    accept(record, JAYA, recipe("Nasi", beras=8_000), *(meal(f"2025-10-{day}", "Nasi") for day in (10, 11)))
    look(record, MORNING)
    assert [row[:2] for row in told(record)] == [("opened", "beras")]
    for number, (amount, due) in enumerate(((60_000, "2025-10-11"), (40_000, "2025-10-10"))):
        accept(record, ordered("beras", amount, due))
        look(record, MORNING + (number + 1) * 601_000)
        assert len(told(record)) == 1, (amount, due)
    more = ordered("beras", 20_000, "2025-10-10")
    accept(record, more)
    look(record, MORNING + 3 * 601_000)
    assert [row[0] for row in told(record)] == ["opened", "closed"]
    assert told(record)[1][2] == "Stok dan pesanan cukup: Beras 100 kg, dipesan 120 kg."
    accept(record, CancelOrder(id=new_id(), by=MACHINE, order=more.id, reason="tidak ada barang"))
    look(record, MORNING + 4 * 601_000)
    assert [row[0] for row in told(record)] == ["opened", "closed", "opened"]


def test_an_order_that_arrives_changes_nothing_and_one_that_is_late_is_no_cover(record: Straight) -> None:
    """Fresh food, ordered and brought for its last day: the incident neither comes back when the lot is there, nor is
    it silent when the day passes without it."""
    book_line(record, "ayam", 0, MORNING - HOUR)
    placed = ordered("ayam", 90_000, "2025-10-09")
    accept(record, JAYA, recipe("Opor", ayam=9_000), meal("2025-10-11", "Opor"), placed)
    look(record, MORNING)
    assert told(record) == []
    came = ReceiveLot(id=new_id(), by=MACHINE, supplier="Jaya", item="ayam", amount=90_000, place="gudang",
                      at_ms=MORNING, order=placed.id)  # fmt: skip
    accept(record, came)
    look(record, MORNING + 2 * HOUR)
    look(record, MORNING + DAY)
    assert told(record) == []
    accept(record, ordered("ayam", 90_000, "2025-10-11"), meal("2025-10-12", "Opor", 1_000))
    look(record, MORNING + DAY + HOUR)
    assert told(record) == []
    look(record, MORNING + 2 * DAY + 9 * HOUR)  # 17:00 of the day: it may still come
    assert told(record) == []
    look(record, MORNING + 3 * DAY)
    assert [row[:2] for row in told(record)] == [("opened", "ayam")]


def test_what_is_below_its_minimum_is_not_ordered_twice(record: Straight) -> None:
    """It stays low until the goods are there; what is there sooner than a new order would be is not asked for again,
    what comes next month is no minimum."""
    book_line(record, "beras", 5_000, MORNING - HOUR)
    accept(record, JAYA, ordered("beras", 10_000, "2025-10-10"), ordered("beras", 90_000, "2025-11-20"))
    look(record, MORNING)
    assert told(record) == [("opened", "beras", "Stok menipis: Beras 5 kg (minimum 20 kg). Pesan 5 kg hari ini.")]
    accept(record, ordered("beras", 4_000, "2025-10-10"))
    with record.store.reader.connect() as connection:
        one = outlooks(LARDER, read_larder(connection, LARDER, MORNING))["beras"]
    assert (one.below_minimum, one.order_amount, one.order_by) == (True, 1_000, one.today)
    accept(record, ordered("beras", 1_000, "2025-10-10"))
    look(record, MORNING + 601_000)
    assert len(told(record)) == 1
    with record.store.reader.connect() as connection:
        one = outlooks(LARDER, read_larder(connection, LARDER, MORNING))["beras"]
    assert (one.below_minimum, one.order_amount) == (True, None)
    assert needs({"beras": one}, 7) == []


def test_what_somebody_blocked_was_to_bring_is_not_counted_on(record: Straight) -> None:
    """Nor what was ordered in a unit that the item has no more."""
    book_line(record, "telur", 0, MORNING - HOUR)
    accept(record, JAYA, ordered("telur", 100, "2025-10-10"))
    for changed, expected in ((LARDER, 1), (counted_in_grams(), 0)):
        with record.store.reader.connect() as connection:
            assert len(coming_of(connection, changed, MORNING, 60).get("telur", [])) == expected
    accept(record, msgspec.structs.replace(JAYA, id="1" * 16, blocked="bau"))
    with record.store.reader.connect() as connection:
        assert coming_of(connection, LARDER, MORNING, 60) == {}


def counted_in_grams() -> Rulebook:
    """Eggs are weighed from now on."""
    items = [msgspec.structs.replace(one, unit="g", unit_g=1.0) for one in LARDER.settings.items]
    return msgspec.structs.replace(LARDER, settings=msgspec.structs.replace(LARDER.settings, items=items))


def test_what_was_never_booked_opens_nothing_and_is_not_well(record: Straight) -> None:
    """Unknown is no alarm; and an incident whose item nobody counts any more is ended, not forgotten."""
    accept(record, recipe("Opor", ayam=9_000), meal("2025-10-10", "Opor"))
    look(record, MORNING)
    assert told(record) == []
    book_line(record, "ayam", 0, MORNING)
    look(record, MORNING + 601_000)
    assert [row[0] for row in told(record)] == ["opened"]
    settings = msgspec.structs.replace(LARDER.settings, items=LARDER.settings.items[:1])
    record.configure(Rulebook(settings=settings, profile=LARDER.profile))
    look(record, MORNING + 607_000)
    assert told(record)[-1] == ("closed", "ayam", "Tidak dihitung lagi: ayam.")


def test_an_estimate_that_fails_silences_no_other_watch(record: Straight, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged date stops the forecast and is logged, seldom; a silent gateway is told as ever, and so is low stock
    when the date is whole again."""
    accept(record, ReceiveLot(id=new_id(), by=MACHINE, item="beras", amount=5_000, place="gudang", supplier="Jaya",
                              expires="2025-10-20", at_ms=MORNING))  # fmt: skip
    with record.store.writer.begin() as connection:
        connection.execute(update(lot).values(expires="2025-10-2x"))
    for minutes in (0, 1, 2, 15):
        look(record, MORNING + minutes * 60_000)
    assert record.rows("SELECT count(*) FROM incident WHERE kind = 'silence'") != [(0,)]
    assert told(record) == []
    assert len([one for one in caplog.records if "cannot be worked out" in one.message]) == 2
    with record.store.writer.begin() as connection:
        connection.execute(update(lot).values(expires="2025-10-20"))
    look(record, MORNING + HOUR)
    assert [row[:2] for row in told(record)] == [("opened", "beras")]


def test_a_restart_neither_repeats_nor_forgets(record: Straight) -> None:
    """What is open stays open and can still be ended."""
    book_line(record, "beras", 5_000, MORNING - HOUR)
    look(record, MORNING)
    record.load()
    look(record, MORNING + 601_000)
    assert len(told(record)) == 1
    book_line(record, "beras", 50_000, record.now_ms)
    look(record, record.now_ms + 601_000)
    assert len(told(record)) == 2


@on_sqlite
def test_everything_is_derived_again(stores: NewAddress, tmp_path: Path) -> None:
    """Weighed, planned, told, covered, changed: the tables are the journal's, row for row."""
    rice = Place(id="gudang", name="Gudang", scale="scale-1", item="beras", auto_confirm=True)
    book = Rulebook(
        settings=msgspec.structs.replace(LARDER.settings, places=[rice, *PLACES[1:]]), profile=LARDER.profile
    )
    record = Straight(stores(), book)
    record.now_ms = MORNING
    weighed = [weighing(0, 30_000, 1_000, "first"), weighing(30_000, 12_000, 2_000, "out"),
               weighing(12_000, 90_000, 3_000, "in")]  # fmt: skip
    sender = Sender(offset_ms=MORNING - 10_000).add(*weighed)
    for number in (1, 2, 3):
        record.send(sender.batch(number, number, sent_ms=number * 1_000))
        look(record, MORNING + number * 10_000)
        accept(record, recipe("Nasi", beras=8_000 * number), meal("2025-10-10", "Nasi", 100 * number))
        look(record, MORNING + number * 10_000 + 5_000)
    events = [row[0] for row in told(record)]
    assert len(events) > 1, "else nothing would be compared"
    address = record.store.address
    record.close()
    result = rebuild(open_to_read(address), "dapur-uji", tmp_path)
    assert result.finding is None
    assert [table.table for table in result.tables if not table.same] == []
