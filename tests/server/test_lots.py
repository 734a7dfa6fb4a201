"""Lots in the record: receiving, carrying, correcting, and the heat that follows the food from scale to tray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.server.conftest import BOOK, Bench, NewAddress
from tests.server.desk import ORIGIN, PIN, desk, hire, sign_in, write
from tests.server.sender import Sender, temperature

from pawon_contract.messages import Reading
from pawon_server.acts import decode_act
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import CorrectLot, DiscardLot, MoveLot, ReceiveLot, UseLot
from pawon_server.people.act import new_id
from pawon_server.projections.acts import Refusal, Written
from pawon_server.projections.lot_heat import OwnStay, heat_of_batch, heat_of_lot, lot_row, stays_of_portions
from pawon_server.projections.minutes import Compacted
from pawon_server.record.rebuild import rebuild
from pawon_server.rulebook import Rulebook, Sensor
from pawon_server.store.database import open_store, open_to_read
from pawon_server.store.rows import add_rows
from pawon_server.store.tables import incident, reading
from pawon_server.web.app import make_app
from pawon_server.web.board import Board
from pawon_server.web.events import Hub
from pawon_server.web.lots_api import batch_heat_api

MINUTE, HOUR = 60_000, 3_600_000
# 2025-10-09 15:53:20 in Jakarta: the sender's monotonic zero.
ZERO_MS = 1_760_000_000_000
BATCH = "B-251010-1-opor-abcdef"
SENSORS = [
    Sensor(id="lantai-udara", gateway="gw-1", name="Ruang terima", point="", quantity="temperature_c", place="lantai",
           measures="air"),
    Sensor(id="chiller-isi", gateway="gw-1", name="Chiller A isi", point="chiller", quantity="temperature_c",
           place="chiller-a"),
    Sensor(id="chiller-udara", gateway="gw-1", name="Chiller A udara", point="", quantity="temperature_c",
           place="chiller-a", measures="air"),
    Sensor(id="panas", gateway="gw-1", name="Hot hold", point="hot-hold", quantity="temperature_c", place="panas"),
    Sensor(id="kotak-1", gateway="gw-1", name="Kotak 1", point="", quantity="temperature_c", place="kotak"),
    Sensor(id="kotak-2", gateway="gw-1", name="Kotak 2", point="", quantity="temperature_c", place="kotak"),
]  # fmt: skip
KITCHEN = Rulebook(
    settings=msgspec.structs.replace(BOOK.settings, sensors=[*BOOK.settings.sensors, *SENSORS]), profile=BOOK.profile
)


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Bench]:
    """A kitchen with a floor, a chiller, a hot-holding cabinet and a box; the people are there."""
    store = open_store(stores())
    made = Bench(store, KITCHEN, now_ms=ZERO_MS)
    hire(made, "sari")
    hire(made, "wulan", "head")
    yield made
    made.writer.stop()
    store.close()


def receive(bench: Bench, **other: Any) -> tuple[str, ReceiveLot]:
    """A delivery of chicken now; its lot."""
    said: dict[str, Any] = {
        "id": new_id(), "by": "sari", "item": "ayam", "supplier": "Ayam Jaya", "amount": 20_000, "food": "poultry",
        "point": "receiving-chilled", "temperature_c": 3.0, "place": "lantai", "at_ms": bench.now_ms, **other,
    }  # fmt: skip
    act = ReceiveLot(**said)
    assert isinstance(write(bench, act), Written)
    return lot_id(act, KITCHEN.settings.timezone), act


def carry(bench: Bench, lot: str, place: str, to: str, at_ms: int, **other: Any) -> Written | Refusal:
    """A move."""
    return write(bench, MoveLot(id=new_id(), by="sari", lot=lot, place=place, to_place=to, at_ms=at_ms, **other))


def reported(sensor: str, value: float, start_ms: int, end_ms: int) -> list[Reading]:
    """A report every minute from ``start_ms`` to before ``end_ms`` of the sender's clock."""
    return [temperature(value, at, sensor) for at in range(start_ms, end_ms, MINUTE)]


def send(bench: Bench, items: Iterable[Reading], sender: Sender | None = None) -> None:
    """What a gateway measured, in one batch, in order of time."""
    sender = sender or Sender()
    first = len(sender.rows) + 1
    sender.add(*sorted(items, key=lambda one: one.at_ms))
    bench.send(sender.batch(first, sent_ms=bench.now_ms - ZERO_MS))


def history(bench: Bench, lot: str) -> Any:
    """What the record says of a lot now."""
    with bench.store.reader.connect() as connection:
        row = lot_row(connection, "dapur-uji", lot)
        assert row is not None
        found = heat_of_lot(connection, KITCHEN, row, bench.now_ms)
    assert found is not None
    return found


def minutes(heat: Any) -> dict[str, int]:
    """Minutes of a heat."""
    one = heat.exposure
    return {"below": one.below_ms // MINUTE, "inside": one.inside_ms // MINUTE, "above": one.above_ms // MINUTE,
            "unknown": one.unknown_ms // MINUTE}  # fmt: skip


def test_the_chicken_of_a_night(kitchen: Bench) -> None:
    """Received at 3 C, 40 min on the floor at 28 C, the chiller failing overnight with the gateway offline from 01:00
    to 05:00, cooked at 02:30, eaten at 10:00: every minute is told, and nobody calls it safe."""
    # 16:00 in Jakarta is 400 s after the sender's zero.
    four = 400_000
    at = {hour: four + round((hour - 16) * HOUR) for hour in (16, 22, 25, 26.5, 29, 34)}
    kitchen.now_ms = ZERO_MS + four
    lot, _ = receive(kitchen)
    kitchen.now_ms += 40 * MINUTE
    assert isinstance(carry(kitchen, lot, "lantai", "chiller-a", kitchen.now_ms), Written)
    sender = Sender()
    stored = four + 40 * MINUTE
    night = reported("lantai-udara", 28.0, four - MINUTE, stored) + reported(
        "chiller-isi", 3.5, stored - MINUTE, at[22]
    )
    # The compressor stops at 22:00: 3.5 C and a degree more every half hour, until nobody hears of it at 01:00.
    warming = [temperature(3.5 + (t - at[22]) / (30 * MINUTE), t, "chiller-isi") for t in range(at[22], at[25], MINUTE)]
    kitchen.now_ms = ZERO_MS + at[25]
    send(kitchen, night + warming, sender)
    kitchen.now_ms = ZERO_MS + at[26.5]
    use = UseLot(id=new_id(), by="sari", lot=lot, place="chiller-a", batch=BATCH, at_ms=kitchen.now_ms)
    assert isinstance(write(kitchen, use), Written)
    kitchen.now_ms = ZERO_MS + at[34]

    found = history(kitchen, lot)
    assert found.way.left == {}
    floor, chiller = found.stays
    assert (floor.place, floor.air, minutes(floor.heat)) == (
        "lantai", True, {"below": 0, "inside": 40, "above": 0, "unknown": 0}
    )  # fmt: skip
    # 16:40 to 02:30 is 590 min: above 5 C from 22:46 on, heard of until 01:00:30 (the last value, valid for 90 s).
    assert (chiller.air, chiller.heat.all_ms) == (False, 590 * MINUTE)
    assert minutes(chiller.heat) == {"below": 366, "inside": 134, "above": 0, "unknown": 89}
    assert chiller.heat.exposure.unknown_ms == 90 * MINUTE - 30_000
    assert chiller.heat.exposure.max_c == pytest.approx(3.5 + 179 / 30)
    assert chiller.heat.beyond_ms > chiller.heat.least_ms  # the chiller's own limit, less its guard band
    assert found.history.measured.least_ms == 40 * MINUTE + chiller.heat.least_ms
    assert found.history.possible.most_ms == found.history.measured.least_ms + 90 * MINUTE - 30_000
    assert (found.advice.disposition, found.advice.green) == ("hold", False)
    assert found.advice.most.disposition == "discard"

    # The batch: hot hold until dispatch at 06:00 (the gateway silent until 05:00), a trip of an hour with a value at
    # loading and one at arrival, then the school until 10:00.
    send(kitchen, reported("panas", 66.0, at[29], at[29] + HOUR), sender)
    six = ZERO_MS + at[29] + HOUR
    own = stays_of_portions(
        place="panas", cooked_ms=ZERO_MS + at[26.5], left_ms=six, arrived_ms=six + HOUR, over_ms=ZERO_MS + at[34],
        by_hand=[(six, 65.0), (six + HOUR, 61.0)],
    )  # fmt: skip
    app = FastAPI()
    app.include_router(
        batch_heat_api(kitchen.store.reader, KITCHEN, lambda _, name: ({"SD 1": own}, "") if name == BATCH else None)
    )
    batch = TestClient(app).get(f"/api/v1/batches/{BATCH}/heat").json()
    ((name, past),) = [(one["lot"], one["heat"]["measured"]["inside_min"]) for one in batch["lots"]]
    assert (name, past) == (lot, round(found.history.measured.least_ms / MINUTE, 2))
    (portions,) = batch["portions"]
    assert [(one["above_min"], one["inside_min"], one["unknown_min"]) for one in portions["stays"]] == [
        (60, 0, 150), (30, 0, 30), (30, 0, 150),
    ]  # fmt: skip
    assert portions["own"]["unknown_min"] == 330
    assert portions["heat"]["measured"]["inside_min"] == past
    assert portions["heat"]["possible"]["unknown_min"] == pytest.approx(330 + 89.5)
    assert (portions["advice"]["disposition"], portions["advice"]["green"]) == ("hold", False)
    assert TestClient(app).get("/api/v1/batches/B-251010-9-x-abcdef/heat").status_code == 404

    # At last the gateway sends what it measured of the night: the unknown becomes known, and the chicken is to go.
    late = [temperature(10.0, t, "chiller-isi") for t in range(at[25], at[26.5], MINUTE)]
    send(kitchen, late, sender)
    now = history(kitchen, lot)
    assert minutes(now.stays[1].heat) == {"below": 366, "inside": 224, "above": 0, "unknown": 0}
    assert now.advice.disposition == "discard"


def test_portions_lie_somewhere_from_the_pan_to_the_mouth() -> None:
    """Hot hold, trip and school follow each other without a hole; what has not happened yet lasts until now."""

    def stays(**told: Any) -> list[tuple[str, int, int, int]]:
        made = stays_of_portions(place="panas", cooked_ms=0, by_hand=[(61, 61.0), (60, 65.0)], **told)
        return [(one.place, one.start_ms, one.end_ms, len(one.by_hand)) for one in made]

    assert stays(left_ms=60, arrived_ms=90, over_ms=200) == [
        ("panas", 0, 60, 0), ("(jalan)", 60, 90, 2), ("(sekolah)", 90, 200, 2),
    ]  # fmt: skip
    assert stays(left_ms=60, arrived_ms=None, over_ms=200) == [("panas", 0, 60, 0), ("(jalan)", 60, 200, 2)]
    assert stays(left_ms=None, arrived_ms=None, over_ms=200) == [("panas", 0, 200, 0)]
    assert stays(left_ms=90, arrived_ms=60, over_ms=200) == [("panas", 0, 90, 0), ("(sekolah)", 90, 200, 2)]


def test_rice_that_stood_warm_is_estimated_and_never_released(kitchen: Bench) -> None:
    """Six hours at 30 C from a hot pan: the model of B. cereus says discard, marked as an estimate; the same food of no
    class has no estimate, and no estimate makes any advice milder."""
    begin = kitchen.now_ms - 6 * 60 * MINUTE
    measured = [(begin, 75.0), *((begin + minute * MINUTE, 30.0) for minute in range(20, 361, 20))]
    stays = [OwnStay(place="", start_ms=begin, end_ms=kitchen.now_ms, by_hand=tuple(measured))]
    with kitchen.store.reader.connect() as connection:
        rice = heat_of_batch(connection, KITCHEN, BATCH, {"SD 1": stays}, "rice")
        other = heat_of_batch(connection, KITCHEN, BATCH, {"SD 1": stays}, "")
    assert rice is not None
    assert other is not None
    (estimate,) = rice.portions[0].estimates
    assert (estimate.model, estimate.estimate, estimate.action) == ("b-cereus-rice-1", True, "discard")
    assert other.portions[0].estimates == []
    milder = ("use", "hold", "discard")
    assert milder.index(rice.portions[0].advice.disposition) >= milder.index(other.portions[0].advice.disposition)


def test_a_batch_of_unknown_lots_is_never_green(kitchen: Bench) -> None:
    """Hot all the time and eaten at once, yet nobody said what it was made of; with a lot that was used an hour before
    it was cooked, that hour is unknown."""
    lot, _ = receive(kitchen)
    begun_ms = kitchen.now_ms
    kitchen.now_ms += 3 * HOUR
    send(kitchen, reported("panas", 70.0, HOUR, 2 * HOUR))
    own = [OwnStay(place="panas", start_ms=begun_ms + HOUR, end_ms=begun_ms + 2 * HOUR)]

    def heat() -> Any:
        with kitchen.store.reader.connect() as connection:
            found = heat_of_batch(connection, KITCHEN, BATCH, {"": own}, "")
        assert found is not None
        return found

    (portions,) = heat().portions
    assert minutes(portions.history.possible) == {"below": 0, "inside": 0, "above": 60, "unknown": 0}
    assert (heat().lots, portions.advice.green) == ([], False)
    use = UseLot(id=new_id(), by="sari", lot=lot, place="lantai", batch=BATCH, at_ms=begun_ms)
    assert isinstance(write(kitchen, use), Written)
    (portions,) = heat().portions
    assert minutes(portions.history.possible)["unknown"] == 60
    assert portions.advice.green


def test_a_delivery_beyond_the_limit_that_was_accepted_is_an_incident(kitchen: Bench) -> None:
    """It pages with what to do; a correction to what it really was ends it, and another one opens a new one; sent back
    it is none."""
    lot, act = receive(kitchen, temperature_c=9.0)
    ask = "SELECT kind, severity, rule, sensor, closed_ms IS NULL FROM incident ORDER BY opened_ms, id"
    assert [tuple(row[:4]) for row in kitchen.rows(ask)] == [("lot", "critical", "receiving-chilled-refuse", lot)]
    (text,) = kitchen.rows("SELECT text FROM alert")[0]
    for word in ("Ayam", lot, "9 C", "diterima", "Tolak"):
        assert word in str(text)

    def correct(**said: Any) -> None:
        made = CorrectLot(id=new_id(), by="wulan", lot=lot, corrects=act.id, reason="salah baca", **said)
        assert isinstance(write(kitchen, made), Written)

    correct(temperature_c=2.0)
    assert [bool(row[4]) for row in kitchen.rows(ask)] == [False]
    assert kitchen.value("SELECT count(*) FROM alert WHERE event = 'closed'") == 1
    correct(temperature_c=8.0)
    assert sorted(bool(row[4]) for row in kitchen.rows(ask)) == [False, True]
    with kitchen.store.writer.begin() as connection:  # somebody has ended it meanwhile
        connection.execute(incident.update().where(incident.c.closed_ms.is_(None)).values(closed_ms=1))
    correct(amount=19_000)  # which is no reason to begin anew
    correct(accepted=False)
    assert [bool(row[4]) for row in kitchen.rows(ask)] == [False, False]
    assert kitchen.value("SELECT count(*) FROM alert WHERE event = 'closed'") == 1
    receive(kitchen, temperature_c=9.0, accepted=False)
    receive(kitchen, temperature_c=3.0)
    receive(kitchen, temperature_c=None)
    receive(kitchen, temperature_c=None, point="", food="")
    assert kitchen.value("SELECT count(*) FROM incident") == 2
    found = kitchen.rows("SELECT suggestion, accepted FROM lot ORDER BY journal_id DESC LIMIT 4")
    assert [(row[0], bool(row[1])) for row in found] == [
        ("accept", True), ("hold", True), ("accept", True), ("reject", False),
    ]  # fmt: skip


def test_an_accepted_danger_ends_when_nothing_of_it_is_left(kitchen: Bench) -> None:
    """Thrown away, its incident is over and stays no longer on the wall; and what was withdrawn stays so."""
    lot, act = receive(kitchen, temperature_c=9.0)
    gone = DiscardLot(
        id=new_id(), by="wulan", lot=lot, place=act.place, at_ms=kitchen.now_ms, reason="terlalu hangat"
    )  # fmt: skip
    assert isinstance(write(kitchen, gone), Written)
    assert kitchen.value("SELECT closed_ms IS NOT NULL FROM incident")
    assert kitchen.value("SELECT count(*) FROM alert WHERE event = 'closed'") == 1
    for said in ({"withdraw": True}, {"amount": 900}):
        made = CorrectLot(id=new_id(), by="wulan", lot=lot, corrects=act.id, reason="salah", **said)  # type: ignore[arg-type]  # as named
        assert isinstance(write(kitchen, made), Written)
    assert kitchen.value("SELECT withdrawn FROM lot")


def test_what_cannot_be_is_refused(kitchen: Bench) -> None:
    """In plain words: an unknown item, food that is not there, more than there is, the future, a stranger's lot."""
    lot, act = receive(kitchen)
    kitchen.now_ms += HOUR
    refused = [
        carry(kitchen, lot, "chiller-a", "meja", kitchen.now_ms),
        carry(kitchen, lot, "lantai", "lantai", kitchen.now_ms),
        carry(kitchen, lot, "lantai", "meja", kitchen.now_ms, amount=20_001),
        carry(kitchen, lot, "lantai", "meja", kitchen.now_ms + HOUR),
        carry(kitchen, lot, "lantai", "meja", act.at_ms - 1),
        carry(kitchen, "SPPG-251009-AYA-ZZZZ", "lantai", "meja", kitchen.now_ms),
        write(kitchen, msgspec.structs.replace(act, id=new_id(), item="emas")),
        write(kitchen, msgspec.structs.replace(act, id=new_id(), at_ms=1)),
        write(kitchen, msgspec.structs.replace(act, id=new_id(), expires="2025-02-30")),
        write(kitchen, CorrectLot(id=new_id(), by="wulan", lot=lot, corrects="f" * 16, reason="x")),
        write(kitchen, CorrectLot(id=new_id(), by="sari", lot=lot, corrects=act.id, reason="x")),
    ]
    assert [isinstance(one, Refusal) for one in refused] == [True] * len(refused)
    assert len({one.reason for one in refused if isinstance(one, Refusal)}) >= 8
    assert kitchen.value("SELECT count(*) FROM movement WHERE kind != 'receive'") == 0
    gone = CorrectLot(id=new_id(), by="wulan", lot=lot, corrects=act.id, reason="dobel", withdraw=True)
    assert isinstance(write(kitchen, gone), Written)
    assert isinstance(carry(kitchen, lot, "lantai", "meja", kitchen.now_ms), Refusal)


def test_a_lot_lies_in_the_kitchen_or_is_used_or_thrown_away(kitchen: Bench) -> None:
    """Carried "to the pot" a lot that is set aside or over its date would be cooked without being asked about."""
    lot, act = receive(kitchen)
    kitchen.now_ms += HOUR
    for refused in (
        carry(kitchen, lot, "lantai", "cooked", kitchen.now_ms),
        write(kitchen, msgspec.structs.replace(act, id=new_id(), place="waste")),
        write(kitchen, CorrectLot(id=new_id(), by="wulan", lot=lot, corrects=act.id, reason="x", place="cooked")),
    ):
        assert isinstance(refused, Refusal)
        assert refused.reason == "Tempat ini bukan tempat di dapur"


def test_a_correction_and_a_move_dated_back_change_what_follows(kitchen: Bench) -> None:
    """Nothing is stored that could stay behind: a move said to have been earlier shortens the stay on the floor."""
    lot, _ = receive(kitchen)
    begun_ms = kitchen.now_ms
    kitchen.now_ms += 2 * HOUR
    send(kitchen, reported("lantai-udara", 28.0, 0, 2 * HOUR) + reported("chiller-isi", 3.0, 0, 2 * HOUR))
    assert minutes(history(kitchen, lot).history.measured)["inside"] == 120
    step = MoveLot(id=new_id(), by="sari", lot=lot, place="lantai", to_place="chiller-a", at_ms=begun_ms + 30 * MINUTE)
    assert isinstance(write(kitchen, step), Written)
    assert minutes(history(kitchen, lot).history.measured)["inside"] == 30

    def correct(**said: Any) -> None:
        made = CorrectLot(id=new_id(), by="wulan", lot=lot, corrects=step.id, reason="jam salah", **said)
        assert isinstance(write(kitchen, made), Written)

    correct(at_ms=begun_ms + 50 * MINUTE)
    assert minutes(history(kitchen, lot).history.measured)["inside"] == 50
    correct(place="meja")
    assert minutes(history(kitchen, lot).history.measured) == {"below": 0, "inside": 50, "above": 0, "unknown": 70}
    correct(withdraw=True)
    assert minutes(history(kitchen, lot).history.measured)["inside"] == 120
    assert kitchen.value("SELECT count(*) FROM act WHERE what = 'lot.correct'") == 3


def test_no_sensor_is_unknown_and_the_warmest_of_several_counts(kitchen: Bench) -> None:
    """A table without a thermometer tells nothing; of two probes in a box the warmer one is believed; a probe in the
    food is believed before one in the air."""
    lot, _ = receive(kitchen, place="meja")
    begun_ms = kitchen.now_ms
    kitchen.now_ms += 3 * HOUR
    assert isinstance(carry(kitchen, lot, "meja", "kotak", begun_ms + HOUR), Written)
    assert isinstance(carry(kitchen, lot, "kotak", "chiller-a", begun_ms + 2 * HOUR), Written)
    send(
        kitchen,
        reported("kotak-1", 3.0, 0, 3 * HOUR) + reported("kotak-2", 7.0, 0, 90 * MINUTE)
        + reported("chiller-isi", 3.0, 0, 3 * HOUR) + reported("chiller-udara", 12.0, 0, 3 * HOUR),
    )  # fmt: skip
    table, box, chiller = history(kitchen, lot).stays
    assert (table.sensed, minutes(table.heat)["unknown"]) == (False, 60)
    # The second probe's last value is believed for a minute and a half.
    assert box.heat.exposure.inside_ms == 30 * MINUTE + 30_000
    assert box.heat.exposure.unknown_ms == 0
    assert (minutes(chiller.heat)["below"], chiller.air) == (60, False)


def test_a_sensor_that_was_elsewhere_then_tells_of_elsewhere(kitchen: Bench) -> None:
    """What a place felt is told by the sensors that were there at that time."""
    lot, _ = receive(kitchen, place="kotak")
    kitchen.now_ms += HOUR
    moved = [msgspec.structs.replace(one, place="gudang-b") if one.place == "kotak" else one for one in SENSORS]
    settings = msgspec.structs.replace(KITCHEN.settings, sensors=[*BOOK.settings.sensors, *moved])
    kitchen.writer.stop()
    kitchen.book = msgspec.structs.replace(KITCHEN, settings=settings)
    kitchen.begin()
    kitchen.until(lambda: kitchen.value("SELECT count(*) FROM journal WHERE kind = 'config'") == 2, "the new book")
    kitchen.now_ms += HOUR
    send(kitchen, reported("kotak-1", 20.0, 0, 2 * HOUR))
    (stay,) = history(kitchen, lot).stays
    assert minutes(stay.heat)["inside"] == 60
    assert minutes(stay.heat)["unknown"] == 60


def test_old_minutes_tell_the_same_and_a_guess_tells_nothing(kitchen: Bench) -> None:
    """When readings have become minutes the same food has the same history; what a clock only guessed is unknown."""
    lot, _ = receive(kitchen)
    kitchen.now_ms += 4 * HOUR
    sender = Sender()
    warm = reported("lantai-udara", 28.0, 0, HOUR) + reported("lantai-udara", 4.0, HOUR, 2 * HOUR)
    # Every 80 s: some minutes are covered by a report of the minute before.
    slow = [temperature(9.0, at, "lantai-udara") for at in range(3 * HOUR, 4 * HOUR, 80_000)]
    send(kitchen, warm + slow, sender)
    before = history(kitchen, lot)
    assert minutes(before.history.measured) == {"below": 60, "inside": 120, "above": 0, "unknown": 59}
    start_ms = ZERO_MS // MINUTE * MINUTE
    what = Compacted(sensor="lantai-udara", start_ms=start_ms, end_ms=start_ms + 5 * HOUR)
    kitchen.writer.submit("compacted", msgspec.json.encode(what))
    kitchen.until(lambda: kitchen.value("SELECT count(*) FROM reading WHERE sensor = 'lantai-udara'") == 0, "minutes")
    after = history(kitchen, lot).history.measured.exposure
    for name in ("below_ms", "inside_ms", "unknown_ms"):
        assert abs(getattr(after, name) - getattr(before.history.measured.exposure, name)) <= MINUTE, name
    assert after.inside_ms >= before.history.measured.least_ms
    guess = Sender(spool="c" * 20, boot="1111aaaa-cab1-4b42-8e06-9e3512dfe0a6", offset_ms=ZERO_MS, clock="guess")
    send(kitchen, reported("lantai-udara", 50.0, 2 * HOUR, 3 * HOUR), guess)
    assert history(kitchen, lot).history.measured.exposure == after


def test_everything_is_derived_again(kitchen: Bench, tmp_path: Path) -> None:
    """A rebuild finds the same lots and steps."""
    lot, act = receive(kitchen, temperature_c=9.0)
    carry(kitchen, lot, "lantai", "chiller-a", kitchen.now_ms, amount=5_000)
    write(kitchen, CorrectLot(id=new_id(), by="wulan", lot=lot, corrects=act.id, reason="salah", temperature_c=3.0))
    thrown = DiscardLot(id=new_id(), by="sari", lot=lot, place="lantai", amount=1, at_ms=kitchen.now_ms, reason="bau")
    assert isinstance(write(kitchen, thrown), Written)
    result = rebuild(open_to_read(kitchen.store.address), "dapur-uji", tmp_path)
    assert [table for table in result.tables if not table.same] == []


def test_acts_keep_their_shape() -> None:
    """What is in the journals of kitchens can be read for ever."""
    raw = (
        b'{"act":"lot.receive","id":"0123456789abcdef","by":"sari","item":"ayam","supplier":"Ayam Jaya","amount":20000,'
        b'"point":"receiving-chilled","temperature_c":3.0,"place":"lantai","at_ms":5}'
    )
    assert decode_act(raw) == ReceiveLot(
        id="0123456789abcdef", by="sari", item="ayam", supplier="Ayam Jaya", amount=20_000, point="receiving-chilled",
        temperature_c=3.0, place="lantai", at_ms=5,
    )  # fmt: skip


# --- over HTTP ------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(kitchen: Bench) -> TestClient:
    """A phone of somebody who signed in."""
    hub = Hub()
    board = Board(KITCHEN, kitchen.store.reader, demo=False, emit=hub.publish, utc_ms=lambda: kitchen.now_ms)
    board.load(kitchen.writer.projector)
    made = TestClient(
        make_app(
            version="1", reader=kitchen.store.reader, book=KITCHEN, board=board, hub=hub, health=lambda: {"ok": True},
            metrics=dict, desk=desk(kitchen),
        ),
        follow_redirects=False,
    )  # fmt: skip
    sign_in(made, "sari")
    return made


def test_the_api_writes_and_tells(kitchen: Bench, client: TestClient) -> None:
    """A delivery, a move, and the lot with its stays; twice the same is one; what is no act is named."""
    body = {"id": "a" * 16, "item": "ayam", "supplier": "Ayam Jaya", "amount": 20_000, "place": "lantai",
            "point": "receiving-chilled", "food": "poultry", "temperature_c": 3.0, "at_ms": kitchen.now_ms}  # fmt: skip
    answer = client.post("/api/v1/lots/receive", json=body, headers=ORIGIN)
    assert answer.status_code == 200, answer.text
    assert client.post("/api/v1/lots/receive", json=body, headers=ORIGIN).json() == answer.json()
    lot = answer.json()["lot"]
    kitchen.now_ms += HOUR
    send(kitchen, reported("lantai-udara", 28.0, 0, HOUR))
    step = {"id": "b" * 16, "place": "lantai", "to_place": "chiller-a", "at_ms": kitchen.now_ms - 20 * MINUTE}
    assert client.post(f"/api/v1/lots/{lot}/move", json=step, headers=ORIGIN).status_code == 200
    told = client.get(f"/api/v1/lots/{lot}").json()
    assert [(stay["place"], stay["inside_min"], stay["unknown_min"]) for stay in told["stays"]] == [
        ("lantai", 40, 0), ("chiller-a", 0, 20),
    ]  # fmt: skip
    assert told["stays"][-1]["until"] is None
    assert told["left"] == {"chiller-a": 20_000}
    assert told["heat"]["measured"]["inside_min"] == 40
    assert (told["advice"]["disposition"], told["advice"]["green"]) == ("use", True)
    assert [one["estimate"] for one in told["estimates"]] == [True]
    assert "sari" not in client.get(f"/api/v1/lots/{lot}").text
    assert [item["id"] for item in client.get("/api/v1/lots").json()["items"]] == [lot]
    for path, wrong, status in (
        (f"{lot}/move", {**step, "id": "c" * 16, "temprature": 3}, 422), (f"{lot}/move", {"id": "c" * 16}, 422),
        (f"{lot}/move", {**step, "id": "c" * 16, "act": "lot.use"}, 422), (f"{lot}/move", [], 422),
        (f"{lot}/move", {**step, "id": "c" * 16}, 409), (f"{lot}/correct", {"id": "c" * 16}, 422),
        ("receive", {**body, "id": "c" * 16, "amount": 0}, 422),
    ):  # fmt: skip
        assert client.post(f"/api/v1/lots/{path}", json=wrong, headers=ORIGIN).status_code == status, (path, wrong)
    used = {"id": "d" * 16, "place": "chiller-a", "batch": BATCH, "amount": 1_000, "at_ms": kitchen.now_ms}
    assert client.post(f"/api/v1/lots/{lot}/use", json=used, headers=ORIGIN).status_code == 200
    thrown = {"id": "e" * 16, "place": "chiller-a", "reason": "bau", "at_ms": kitchen.now_ms}
    assert client.post(f"/api/v1/lots/{lot}/discard", json=thrown, headers=ORIGIN).status_code == 200
    assert client.get(f"/api/v1/lots/{lot}").json()["left"] == {}
    assert client.get("/api/v1/lots/SPPG-251009-AYA-ZZZZ").status_code == 404
    assert client.get("/api/v1/lots/%00").status_code == 404
    assert client.post("/api/v1/lots/receive", json=body).status_code == 403
    client.cookies.clear()
    assert client.post("/api/v1/lots/receive", json=body, headers=ORIGIN).status_code == 401


def test_the_pages_receive_and_carry_with_two_taps(kitchen: Bench, client: TestClient) -> None:
    """What the profile would send back needs a decision of its own; a lot is carried by one button of its page."""
    typed = {"token": "t", "item": "ayam", "supplier": "Ayam Jaya", "amount": "20,5", "point": "receiving-chilled",
             "temperature": "9", "food": "poultry", "place": "lantai"}  # fmt: skip
    asked = client.post("/staff/lots", data=typed, headers=ORIGIN)
    assert asked.status_code == 409
    assert "Tolak" in asked.text
    assert kitchen.value("SELECT count(*) FROM lot") == 0
    assert (
        client.post("/staff/lots", data={**typed, "temperature": "", "token": "u"}, headers=ORIGIN).status_code == 409
    )
    assert client.post("/staff/lots", data={**typed, "temperature": "panas"}, headers=ORIGIN).status_code == 409
    assert client.post("/staff/lots", data={**typed, "point": ""}, headers=ORIGIN).status_code == 409
    unread = client.post("/staff/lots", data={**typed, "decision": "accept"}, headers=ORIGIN)
    assert unread.status_code == 409
    read = {**typed, "decision": "accept", "seen": "expiry-unknown temperature"}
    assert f'value="{read["seen"]}"' in unread.text
    assert client.post("/staff/lots", data=read, headers=ORIGIN).status_code == 303
    (row,) = kitchen.rows("SELECT id, amount, temperature_c FROM lot")
    assert row[1:] == (20_500, 9.0)
    (told,) = client.get("/api/v1/incidents").json()["items"]
    assert (told["kind"], told["name"], told["limit"], told["worst"]) == ("lot", "Ayam", 7.0, 9.0)
    assert told["action"].startswith("Tolak")
    listed = client.get("/staff/lots").text
    assert f'href="/staff/lots/{row[0]}"' in listed
    assert "diterima di luar batas" in listed
    kitchen.now_ms += 3 * HOUR
    send(kitchen, reported("lantai-udara", 28.0, 0, 2 * HOUR))
    page = client.get(f"/staff/lots/{row[0]}").text
    assert 'value="chiller-a"' in page
    assert page.index("<button disabled hidden>") < page.index('value="chiller-a"')
    for sign in ("inside", "unknown"):
        assert f'data-sign="{sign}"' in page
    assert "zona bahaya" in page
    assert "perkiraan" in page
    moved = {"token": "m", "do": "move", "place": "lantai", "to": "chiller-a"}
    assert client.post(f"/staff/lots/{row[0]}", data=moved, headers=ORIGIN).status_code == 303
    assert kitchen.rows("SELECT place, to_place, amount, whole FROM movement WHERE kind = 'move'") == [
        ("lantai", "chiller-a", -20_500, True)
    ]
    again = client.post(f"/staff/lots/{row[0]}", data={**moved, "token": "n"}, headers=ORIGIN)
    assert again.status_code == 409
    assert "tidak ada di tempat itu" in again.text
    hold = {"token": "h", "do": "hold", "reason": "bau asam"}
    assert client.post(f"/staff/lots/{row[0]}", data=hold, headers=ORIGIN).status_code == 303
    assert "bau asam" in client.get(f"/staff/lots/{row[0]}").text
    use = {"token": "u", "do": "use", "place": "chiller-a", "batch": BATCH, "amount": "0,5"}
    assert "ditahan" in client.post(f"/staff/lots/{row[0]}", data=use, headers=ORIGIN).text
    release = {"token": "r", "do": "release", "reason": "hasil uji baik"}
    client.post("/api/v1/session", json={"person": "wulan", "pin": PIN}, headers=ORIGIN)
    assert client.post(f"/staff/lots/{row[0]}", data=release, headers=ORIGIN).status_code == 303
    part = {"token": "o", "do": "use", "place": "chiller-a", "batch": BATCH, "amount": "0,5"}
    assert client.post(f"/staff/lots/{row[0]}", data=part, headers=ORIGIN).status_code == 303
    rest = {"token": "p", "do": "discard", "place": "chiller-a", "reason": "bau"}
    assert client.post(f"/staff/lots/{row[0]}", data=rest, headers=ORIGIN).status_code == 303
    assert client.get("/staff/lots/SPPG-251009-AYA-ZZZZ").status_code == 404
    english = client.get(f"/staff/lots/{row[0]}?lang=en").text
    assert "danger zone" in english
    client.cookies.clear()
    assert client.get("/staff/lots").status_code == 303


def test_a_month_in_a_chiller_is_answered_within_the_bound(kitchen: Bench) -> None:
    """43,200 readings, one a minute: all of them are counted, none twice."""
    lot, _ = receive(kitchen, place="chiller-a")
    days = 30
    with kitchen.store.writer.begin() as connection:
        add_rows(connection, reading, [
            ("dapur-uji", "gw-1", "m" * 20, n, "chiller-isi", "temperature_c", 3.0, 3.0, 3.0, 1, ZERO_MS + n * MINUTE,
             90_000, "b", n * MINUTE, "synced", None, 1, False)
            for n in range(days * 1440)
        ])  # fmt: skip
    kitchen.now_ms += days * 24 * HOUR
    found = history(kitchen, lot)
    assert found.complete
    assert minutes(found.history.measured) == {"below": days * 1440, "inside": 0, "above": 0, "unknown": 0}
