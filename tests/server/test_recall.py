"""Recalls in the record: two days of a kitchen with a bad lot, found back and forward, told honestly and set aside."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import BOOK, Bench, NewAddress, on_sqlite
from tests.server.desk import ORIGIN, hire, sign_in, write
from tests.server.phone import application, enter
from tests.server.sender import Sender, temperature
from tests.server.straight import Straight
from tests.server.test_batch_logic import at
from tests.server.test_batches import open_one, passed, record  # noqa: F401  # a fixture

from pawon_server.acts import AnyAct
from pawon_server.config import load_config
from pawon_server.food_safety.batch import id_of
from pawon_server.food_safety.batch_acts import (
    ArriveBatch,
    CookedPan,
    Destination,
    DisposeBatch,
    EatBatch,
    LeaveBatch,
    OpenBatch,
    TakeSample,
)
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import CorrectLot, DiscardLot, ReceiveLot, UseLot
from pawon_server.people.act import new_id
from pawon_server.projections import recall_warmth
from pawon_server.projections.acts import Refusal, Written
from pawon_server.projections.recall import ask, recall
from pawon_server.projections.recall_trace import UnknownError
from pawon_server.record.rebuild import rebuild
from pawon_server.rulebook import Item, Place, Rulebook, Sensor, Thermometer
from pawon_server.stock.cli import add_recall_command, run_recall
from pawon_server.stock.movement_acts import RecordMovement, ReleaseLot
from pawon_server.stock.recall import Recall
from pawon_server.store.database import StoreError, open_store
from pawon_server.web.recall_api import recall_item

SENSOR = Sensor(id="chiller-isi", gateway="gw-1", name="Chiller A", point="chiller", quantity="temperature_c",
                place="chiller-a")  # fmt: skip
KITCHEN = Rulebook(
    settings=msgspec.structs.replace(
        BOOK.settings, sensors=[*BOOK.settings.sensors, SENSOR],
        items=[*BOOK.settings.items, Item(id="tahu", name="Tahu", unit="piece")],
        places=[Place(id="chiller-a", name="Chiller A"), Place(id="rak", name="Rak")],
        thermometers=[Thermometer(id="tangan", name="Termometer tangan")],
    ),
    profile=BOOK.profile,
)  # fmt: skip
ZONE = KITCHEN.settings.timezone


class Story:
    """Two days: bad chicken in two batches for five schools; tofu that was assumed; a batch nobody told anything of."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        hire(bench, "sari")
        hire(bench, "gita", "nutritionist")
        self.to("21:00", 7)
        self.bad, self.receipt = self.receive("ayam", 10_000, supplier="Ayam Jaya", note="SJ-77", code="AJ/1")
        self.good, _ = self.receive("ayam", 8_000, supplier="Ternak Makmur")
        self.rice, _ = self.receive("beras", 50_000, place="rak", temperature_c=None, point="", food="")
        self.tofu, _ = self.receive("tahu", 100, place="rak", temperature_c=None, point="", food="")
        self.to("22:00", 7)
        self.other_tofu, _ = self.receive("tahu", 100, place="rak", temperature_c=None, point="", food="")
        self.soto = self.cook("Soto", 8, {"SD 1": 100, "SD 2": 80, "SD 3": 50})
        self.use(self.bad, self.soto, 4_000)
        self.use(self.rice, self.soto, 5_000)
        self.serve(self.soto, "SD 1", "10:20", 8)
        self.serve(self.soto, "SD 2", "10:40", 8, portions=70)
        self.to("11:00", 8)
        self.do(DiscardLot, lot=self.bad, place="chiller-a", amount=1_000, reason="sisa")
        self.opor = self.cook("Opor", 9, {"SD 4": 60, "SD 5": 40})
        self.use(self.bad, self.opor, 3_000)
        self.do(RecordMovement, item="tahu", amount=30, from_place="rak", to_place="cooked", batch=self.opor,
                reason="dihitung tangan")  # fmt: skip
        self.serve(self.opor, "SD 4", "09:45", 9)
        self.tumis = self.cook("Tumis", 9, {"SD 6": 30})
        self.use(self.good, self.tumis, 2_000)
        self.serve(self.tumis, "SD 6", "09:50", 9)
        self.sayur = self.cook("Sayur", 9, {"SD 7": 20})
        self.to("12:00", 9)

    def to(self, clock: str, day: int) -> None:
        """It is this time."""
        self.bench.now_ms = at(clock, day)

    def do(self, kind: type[Any], by: str = "sari", **said: Any) -> Any:
        """Somebody writes; it is taken."""
        now = {"at_ms": self.bench.now_ms} if "at_ms" in kind.__struct_fields__ else {}
        act: AnyAct = kind(**{"id": new_id(), "by": by, **now, **said})
        answer = write(self.bench, act)
        assert isinstance(answer, Written), answer
        return act

    def receive(self, item: str, amount: int, **said: Any) -> tuple[str, Any]:
        """A delivery; its lot."""
        about = {"supplier": "Pasar", "food": "poultry", "point": "receiving-chilled", "temperature_c": 3.0,
                 "place": "chiller-a", **said}  # fmt: skip
        act = self.do(ReceiveLot, item=item, amount=amount, **about)
        return lot_id(act, ZONE), act

    def cook(self, dish: str, day: int, schools: dict[str, int]) -> str:
        """A batch that is cooked at 05:00 and leaves at 08:00; its id. The clock stays before the fire."""
        self.to("04:00", day)
        portions = sum(schools.values())
        act = OpenBatch(
            id=new_id(), by="sari", wave="1", dish=dish, day=f"2025-10-{day:02}", portions=portions,
            schools=tuple(Destination(school=name, portions=n) for name, n in schools.items()),
        )  # fmt: skip
        assert isinstance(write(self.bench, act), Written)
        batch = id_of(act)
        self.to("05:00", day)
        self.do(CookedPan, batch=batch, core_c=82.0)
        self.do(TakeSample, batch=batch, mass_g=150.0, place="kulkas sampel")
        self.to("08:00", day)
        self.do(LeaveBatch, batch=batch, vehicle="B 1 XX")
        self.to("04:30", day)
        return batch

    def use(self, lot: str, batch: str, amount: int) -> Any:
        """It went into a batch."""
        place = "rak" if lot in (self.rice, self.tofu) else "chiller-a"
        return self.do(UseLot, lot=lot, place=place, batch=batch, amount=amount)

    def serve(self, batch: str, school: str, clock: str, day: int, portions: int | None = None) -> None:
        """It came an hour before it was eaten."""
        self.bench.now_ms = at(clock, day) - 3_600_000
        self.do(ArriveBatch, batch=batch, school=school)
        self.to(clock, day)
        self.do(EatBatch, batch=batch, school=school, portions=portions)

    def ask(self, **question: str) -> Recall:
        """The answer now."""
        with self.bench.store.reader.connect() as connection:
            return recall(connection, KITCHEN, ask(ZONE, **question), self.bench.now_ms)


@pytest.fixture
def story(stores: NewAddress) -> Iterator[Story]:
    """The two days."""
    store = open_store(stores())
    made = Bench(store, KITCHEN, now_ms=at("20:30", 7))
    yield Story(made)
    made.writer.stop()
    store.close()


def known(answer: Recall) -> tuple[dict[str, str], dict[str, str]]:
    """What is known: lots and batches, how surely."""
    return ({one.lot: one.sure for one in answer.known_lots}, {one.batch: one.sure for one in answer.known_batches})


def test_back_from_a_school_and_forward_to_all_others(story: Story) -> None:
    """From "SD 1 ate at 10:30" to exactly two lots, two batches and five schools, and to nothing that is not joined."""
    answer = story.ask(school=" sd 1", eaten="2025-10-08T10:30")
    assert answer.asked.school == "SD 1"
    assert known(answer) == ({story.bad: "told", story.rice: "told"}, {story.soto: "told", story.opor: "told"})
    (asked,) = [one for one in answer.batches if one.asked]
    assert (asked.batch, asked.doubts, asked.lots) == (story.soto, [], sorted([story.bad, story.rice]))
    called = {one.school: (one.portions, one.eaten, one.remaining) for one in answer.schools if one.sure != "possible"}
    assert called == {
        "SD 1": (100, 100, 0), "SD 2": (80, 70, 10), "SD 3": (50, 0, 50), "SD 4": (60, 60, 0), "SD 5": (40, 0, 40),
    }  # fmt: skip
    bad = next(one for one in answer.lots if one.lot == story.bad)
    assert (bad.supplier, bad.note, bad.code, bad.temperature_c, bad.verdict) == (
        "Ayam Jaya", "SJ-77", "AJ/1", 3.0, "accept",
    )  # fmt: skip
    assert (bad.amount, bad.used, bad.thrown, bad.untold, bad.left) == (10_000, 7_000, 1_000, 0, {"chiller-a": 2_000})
    assert bad.accounted_percent == 100.0
    assert {(one.batch, one.vehicle) for one in answer.trips} >= {(story.soto, "B 1 XX"), (story.opor, "B 1 XX")}
    assert {one.batch for one in answer.samples if one.discarded_ms is None} >= {story.soto, story.opor}
    assert {one.sensor: one.then for one in answer.thermometers} == {"chiller-isi": "never", "tangan": "never"}
    assert answer.whole


def test_from_the_lot_the_same_batches_and_schools(story: Story) -> None:
    """Forward from the bad lot: what the school's question found, without the other ingredients."""
    answer = story.ask(lot=story.bad)
    assert known(answer) == ({story.bad: "told"}, {story.soto: "told", story.opor: "told"})
    assert {one.school for one in answer.schools if one.sure == "told"} == {f"SD {n}" for n in range(1, 6)}
    assert story.tumis not in {one.batch for one in answer.batches}


def test_an_assumed_lot_is_told_as_such(story: Story) -> None:
    """Nobody said which tofu: the one to be used first is named as assumed, the other one on the shelf as possible."""
    answer = story.ask(batch=story.opor)
    assert known(answer)[0] == {story.bad: "told", story.tofu: "assumed"}
    assert {one.lot: one.why for one in answer.lots if one.sure == "possible"} == {story.other_tofu: "beside"}
    assert story.good not in {one.lot for one in answer.lots}


def test_a_batch_without_ingredients_is_never_clean(story: Story) -> None:
    """Nobody told what went into the vegetables: all that lay there is possible, nothing is known, and the bad lot's
    own recall names the batch as possible."""
    answer = story.ask(school="SD 7", eaten="2025-10-09T09:30")
    (asked,) = [one for one in answer.batches if one.asked]
    assert (asked.batch, asked.untold, asked.doubts) == (story.sayur, True, ["not-told-eaten", "not-told-arrived"])
    assert answer.known_lots == []
    assert {one.lot for one in answer.lots} == {story.bad, story.good, story.rice, story.tofu, story.other_tofu}
    sure = {one.batch: one.sure for one in story.ask(lot=story.bad).batches}
    assert sure[story.sayur] == "possible"


def test_another_time_is_another_meal(story: Story) -> None:
    """What the record says was eaten five hours earlier is named beside the answer, and is no part of it; a day later
    it is gone; a school, lot or batch that nobody knows has no answer."""
    answer = story.ask(school="SD 1", eaten="2025-10-08T15:30")
    assert (answer.batches, answer.near) == ([], [story.soto])
    assert story.ask(school="SD 1", eaten="2025-10-09T10:30").near == []
    assert story.ask(school="SD 1", eaten="2025-10-08T03:30Z").asked.eaten_ms == at("10:30", 8)
    for question in ({"school": "SD 99", "eaten": "2025-10-08T10:30"}, {"lot": "x"}, {"batch": "x"}):
        with pytest.raises(UnknownError):
            story.ask(**question)
    for wrong in ({}, {"lot": "x", "batch": "y"}, {"school": "SD 1"}, {"school": "SD 1", "eaten": "kemarin"}):
        with pytest.raises(ValueError, match=r"Sebut|Waktu"):
            ask(ZONE, **wrong)


def test_what_was_withdrawn_is_not_named(story: Story) -> None:
    """A use that did not happen joins nothing; a lot that was never received is no lot of anything."""
    mistaken = story.use(story.good, story.soto, 500)
    assert story.good in known(story.ask(batch=story.soto))[0]
    story.do(CorrectLot, by="gita", lot=story.good, corrects=mistaken.id, reason="salah lot", withdraw=True, at_ms=None)
    assert story.good not in known(story.ask(batch=story.soto))[0]


def test_a_use_for_a_batch_that_nobody_opened_is_told(story: Story) -> None:
    """A mistyped batch is no batch, and not silence either: its number stands on the page."""
    story.use(story.bad, "B-251009-9-salah-ketik", 50)
    answer = story.ask(lot=story.bad)
    assert answer.strays == ["B-251009-9-salah-ketik"]
    assert known(answer)[1] == {story.soto: "told", story.opor: "told"}


def test_set_aside_once(story: Story) -> None:
    """All with anything left is held, once; what is gone is not; what is only possible only when that is asked for;
    after a release it can be held again. A rebuild says the same."""
    app, _, _ = application(story.bench)
    client = TestClient(app)
    question = {"school": "SD 1", "eaten": "2025-10-08T10:30"}
    assert client.get("/api/v1/recall", params=question).status_code == 401
    assert client.post("/api/v1/recall/hold", json=question, headers=ORIGIN).status_code == 401
    assert sign_in(client, "sari").status_code == 200
    assert client.get("/api/v1/recall").status_code == 409
    assert client.get("/api/v1/recall", params={"lot": "x"}).status_code == 404
    told = client.get("/api/v1/recall", params=question).json()
    assert [one["batch"] for one in told["batches"] if one["asked"]] == [story.soto]
    assert told["asked"]["eaten_at"] == "2025-10-08T03:30:00.000Z"
    assert (told["whole"], told["asked"]["tolerance_min"]) == (True, 120)
    first = client.post("/api/v1/recall/hold", json={**question, "id": "0" * 16}, headers=ORIGIN).json()
    assert first == {
        "lots": sorted([story.bad, story.rice]), "batches": [story.soto, story.opor], "refused": {},
    }  # fmt: skip
    for again in ({"id": "0" * 16}, {}):
        answer = client.post("/api/v1/recall/hold", json={**question, **again}, headers=ORIGIN)
        assert answer.json() == {"lots": [], "batches": [], "refused": {}}
    assert story.bench.value("SELECT count(*) FROM lot_hold") == 2
    held = story.ask(lot=story.bad)
    assert held.lots[0].held_since_ms == story.bench.now_ms
    assert [one.free for one in held.known_batches] == [0, 0]
    refusal = write(story.bench, UseLot(id=new_id(), by="sari", lot=story.bad, place="chiller-a", batch=story.sayur,
                                        amount=1, at_ms=story.bench.now_ms))  # fmt: skip
    assert isinstance(refusal, Refusal)
    release = {"lot": story.bad, "reason": "hasil uji baik", "at_ms": story.bench.now_ms}
    assert isinstance(write(story.bench, ReleaseLot(id=new_id(), by="sari", **release)), Refusal)
    story.do(ReleaseLot, by="gita", **release)
    again = client.post("/api/v1/recall/hold", json={"lot": story.bad, "possible": True}, headers=ORIGIN).json()
    assert (again["lots"], again["batches"]) == ([story.bad], [story.sayur])
    assert client.post("/api/v1/recall/hold", json={"what": 1}, headers=ORIGIN).status_code == 422


def test_holds_survive_a_rebuild(story: Story, tmp_path: Path) -> None:
    """What was set aside is in the journal, not in the tables alone."""
    app, _, _ = application(story.bench)
    client = TestClient(app)
    sign_in(client, "sari")
    assert client.post("/api/v1/recall/hold", json={"batch": story.opor}, headers=ORIGIN).json()["refused"] == {}
    story.bench.writer.stop()
    assert rebuild(story.bench.store.reader, "dapur-uji", tmp_path).same


def test_food_that_is_not_cooked_is_told_not_held(story: Story) -> None:
    """A batch still on the fire has no portions to hold: it is named with the reason, and the rest is held."""
    act = OpenBatch(id=new_id(), by="sari", wave="2", dish="Semur", day="2025-10-09", portions=10)
    assert isinstance(write(story.bench, act), Written)
    story.use(story.bad, id_of(act), 100)
    app, _, _ = application(story.bench)
    client = TestClient(app)
    sign_in(client, "sari")
    told = client.post("/api/v1/recall/hold", json={"lot": story.bad}, headers=ORIGIN).json()
    assert told["refused"] == {id_of(act): "Belum matang"}
    assert story.bad in told["lots"]


def test_portions_that_went_astray_are_counted(story: Story) -> None:
    """Portions that left and of which nobody told anything lower what is accounted for; what was thrown away does
    not."""
    answer = story.ask(lot=story.bad)
    assert answer.portions_percent == round(100 * (330 - 90) / 330, 1)
    story.do(DisposeBatch, batch=story.soto, decision="discard", reason="ditarik", school="SD 3")
    assert story.ask(lot=story.bad).portions_percent == round(100 * (330 - 40) / 330, 1)


def test_what_the_lot_felt_and_what_was_wrong_there(story: Story) -> None:
    """The chiller's readings are in the lot's history, its excursion among the incidents, minutes nobody measured as
    unknown."""
    sender = Sender(offset_ms=at("21:00", 7))
    sender.add(*(temperature(12.0, n * 60_000, "chiller-isi") for n in range(60)))
    story.bench.send(sender.batch(sent_ms=story.bench.now_ms - sender.offset_ms))
    answer = story.ask(lot=story.bad)
    warmth = answer.lots[0].warmth
    assert warmth is not None
    assert (warmth.least_min, warmth.highest_c) == (60.5, 12.0)  # the last value is believed for 90 s
    assert warmth.unknown_min > 0
    assert any(one.rule.startswith("chiller") and one.severity == "critical" for one in answer.incidents)
    soto = next(one for one in answer.batches if one.batch == story.soto)
    assert soto.shares[0].warmth is not None
    assert soto.shares[0].warmth.unknown_min > 0


def test_heat_is_told_as_far_as_it_can_be_read_in_time(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too much would have to be read, a lot's heat is left out and the answer says so; a lot that lay where
    nothing measures costs nothing and is told."""
    monkeypatch.setattr(recall_warmth, "MAX_SENSOR_MINUTES", 60)
    answer = story.ask(batch=story.soto)
    assert {one.lot: one.warmth is None for one in answer.known_lots} == {story.bad: True, story.rice: False}
    assert answer.cut == ["heat of lots"]
    assert not answer.whole


def test_nobody_is_named(story: Story) -> None:
    """Who wrote what is no part of the answer."""
    text = json.dumps(recall_item(story.ask(school="SD 1", eaten="2025-10-08T10:30")))
    assert "sari" not in text
    assert "gita" not in text


CONFIG = """
kitchen = "dapur-uji"
name = "Dapur Uji"
timezone = "Asia/Jakarta"
profile = "ID-MBG"
store = "{store}"
[[gateway]]
id = "gw-1"
[[item]]
id = "ayam"
name = "Ayam"
[[item]]
id = "beras"
name = "Beras"
[[item]]
id = "tahu"
name = "Tahu"
unit = "piece"
"""


@on_sqlite
def test_at_a_terminal(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It reads beside a serving server; it holds only on a store that nobody serves, and says what to do instead."""
    path = tmp_path / "server.toml"
    path.write_text(CONFIG.format(store=story.bench.store.address))

    def run(*arguments: str) -> int:
        parser = argparse.ArgumentParser()
        add_recall_command(parser)
        options = parser.parse_args(arguments)
        options.config = path
        config = load_config(path)
        return run_recall(config, options, Rulebook(settings=config.settings(), profile=config.rules()))

    assert run("--school", "SD 1", "--eaten", "2025-10-08T10:30", "--drill") == 0
    told = capsys.readouterr().out
    for words in (story.bad, "Ayam Jaya", "SD 5: 40 portions, 0 eaten, 40 not", "DRILL", "NOT REACHED", "B 1 XX"):
        assert words in told
    assert run("--lot", "x") == 1
    assert "Lot ini tidak dikenal" in capsys.readouterr().err
    assert run("--school", "SD 1") == 1
    with pytest.raises(StoreError, match="/staff/recall"):
        run("--lot", story.bad, "--hold")
    story.bench.writer.stop()
    story.bench.store.close()
    capsys.readouterr()
    assert run("--lot", story.bad, "--hold", "--json", "--drill") == 0
    out, err = capsys.readouterr()
    assert f"{story.bad}: held" in err
    assert json.loads(out)["drill"]["lots_percent"] == 100.0
    assert run("--lot", story.bad, "--hold") == 0
    assert f"{story.bad}: held" not in capsys.readouterr().err


def test_the_page_says_what_to_stop_whom_to_call_and_what_to_set_aside(story: Story) -> None:
    """Strangers see no school; staff see the order of the first half hour in both languages; one button with its
    confirmation holds all that is known, and a second tap nothing more."""
    client = TestClient(application(story.bench)[0], follow_redirects=False)
    path = "/staff/recall"
    assert client.get(path).headers["location"].startswith("/staff/login")
    enter(client, "sari")
    page = client.get(path).text
    assert "<option>SD 1</option>" in page
    question = {"school": "SD 1", "eaten": "2025-10-08T10:30"}
    page = client.get(path, params=question).text
    order = [page.index(f'id="{name}"') for name in ("stop", "call", "aside", "lots", "details")]
    assert order == sorted(order)
    for words in ("Soto · gelombang 1", "Ayam Jaya", "SJ-77", "Tahan semua", "SD 5"):
        assert words in page
    assert "Hold all" in client.get(path, params={**question, "lang": "en"}).text
    client.get(path, params={"lang": "id"})
    unsure = client.post(path, data={**question, "do": "hold", "token": "t"}, headers=ORIGIN)
    assert unsure.status_code == 409
    assert "Centang dulu" in unsure.text
    assert story.bench.value("SELECT count(*) FROM lot_hold") == 0
    for counted in (4, 0):
        done = client.post(path, data={**question, "do": "hold", "token": "t", "sure": "1"}, headers=ORIGIN)
        assert f"{counted} ditahan sekarang" in done.text
    assert story.bench.value("SELECT count(*) FROM lot_hold") == 2
    assert client.get(path, params={"lot": "SPPG-000000-XXX-0000"}).status_code == 404
    drill = {**question, "do": "drill", "token": "d"}
    assert client.post(path, data=drill, headers=ORIGIN).status_code == 403
    assert "Catat latihan" not in client.get(path, params=question).text
    enter(client, "gita")
    assert "Catat latihan" in client.get(path, params=question).text
    for _ in range(2):
        assert client.post(path, data=drill, headers=ORIGIN).status_code == 303
    assert story.bench.value("SELECT count(*) FROM act WHERE what = 'recall.drill'") == 1
    assert "5 sekolah, porsi" in client.get(path).text
    assert client.post(path, data={"lot": story.bad}).status_code == 403
    assert f"/staff/recall?lot={story.bad}" in client.get(f"/staff/lots/{story.bad}").text


def test_a_pan_that_nobody_named_may_be_the_meal(record: Straight) -> None:  # noqa: F811  # the fixture
    """A probe found a pan done before the meal and nobody said what it was: it stands in the answer as possible."""
    named = open_one(record)
    record.now_ms = at("02:30")
    assert isinstance(record.write(CookedPan(id=new_id(), by="sari", batch=named, at_ms=record.now_ms)), Written)
    passed(record, cooked_ms=at("02:20"), began_ms=at("01:40"))
    record.now_ms = at("09:00")
    with record.store.reader.connect() as connection:
        answer = recall(connection, KITCHEN, ask(ZONE, school="SD 1", eaten="2025-10-09T08:00"), record.now_ms)
    assert [(one.sure, one.asked, one.doubts) for one in answer.batches] == [
        ("told", True, ["not-told-eaten", "not-told-arrived"]), ("possible", False, ["unnamed"]),
    ]  # fmt: skip
