"""Scales in the record: checks, marks and zeros, what they open and end, their state at any moment, API and pages."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, select
from tests.server.conftest import BOOK, Bench, NewAddress, on_sqlite
from tests.server.desk import ORIGIN, hire, sign_in, write
from tests.server.phone import application
from tests.server.sender import BOOT, Sender
from tests.server.straight import Straight

from pawon_contract import codec
from pawon_contract.messages import ClockFix, Live, LiveValue, Weighing
from pawon_server.acts import encode_act
from pawon_server.ingest.acceptance import Acceptance
from pawon_server.people.act import MACHINE, new_id
from pawon_server.projections.acts import Refusal, Written
from pawon_server.projections.context import Changes
from pawon_server.projections.scale_states import MOMENTS, state_at, states_at, weight_of
from pawon_server.record.rebuild import rebuild
from pawon_server.rulebook import Rulebook, Settings
from pawon_server.stock.scale import Tera
from pawon_server.stock.scale_acts import CheckScale, VerifyScale, WithdrawScaleRecord
from pawon_server.stock.scale_state import ScaleState, ZeroSeen, state_of
from pawon_server.store.database import open_store, open_to_read
from pawon_server.store.stock_tables import scale_check, scale_tera, scale_zero

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BEGIN = 1_760_000_000_000  # of a sender's boot: 9 October 2025, 15:53 WIB


def with_plates(settings: Settings) -> Settings:
    """Scale 1 says what stands on its plate (class III, e 20 g, Max 60 kg); scale 2 says nothing."""
    plate = {"division_g": 20.0, "max_g": 60_000.0, "accuracy_class": "III"}
    sensors = [msgspec.structs.replace(one, **plate) if one.id == "scale-1" else one for one in settings.sensors]
    return msgspec.structs.replace(settings, sensors=sensors)


KITCHEN = Rulebook(settings=with_plates(BOOK.settings), profile=BOOK.profile)


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Bench]:
    """A kitchen with a cook, a nutritionist and a head."""
    store = open_store(stores())
    made = Bench(store, KITCHEN)
    hire(made, "sari")
    hire(made, "tono", "nutritionist")
    hire(made, "wulan", "head")
    yield made
    made.writer.stop()
    store.close()


@pytest.fixture
def client(kitchen: Bench) -> TestClient:
    """The cook's phone."""
    made = TestClient(application(kitchen)[0], follow_redirects=False)
    sign_in(made, "sari")
    return made


def check(bench: Bench, shown_g: float, nominal_g: float = 5_000, **other: Any) -> str:
    """A check weight was put on scale 1 now, or what else is said; the record's id."""
    said: dict[str, Any] = {"id": new_id(), "by": "sari", "scale": "scale-1", "nominal_g": nominal_g,
                            "shown_g": shown_g, "at_ms": bench.now_ms, **other}  # fmt: skip
    answer = write(bench, CheckScale(**said))
    assert isinstance(answer, Written), answer
    return str(said["id"])


def verify(bench: Bench, by: str = "tono", **other: Any) -> Written | Refusal:
    """Scale 1 carries a mark for a year from 1 March 2025."""
    said: dict[str, Any] = {"id": new_id(), "by": by, "scale": "scale-1", "verified": "2025-03-01",
                            "valid_until": "2026-03-01", "mark": "JKT 25-1", **other}  # fmt: skip
    return write(bench, VerifyScale(**said))


def withdraw(bench: Bench, record: str, by: str = "tono", scale: str = "scale-1") -> Written | Refusal:
    """It was a mistake."""
    return write(bench, WithdrawScaleRecord(id=new_id(), by=by, scale=scale, record=record, reason="timbangan lain"))


def weighing(zero_g: float | None, zero_at_ms: int | None, end_ms: int, scale: str = "scale-1") -> Weighing:
    """A touch that tells where the empty scale came to rest."""
    return Weighing(at_ms=end_ms, sensor=scale, kind="touch", before_g=0, after_g=0, start_ms=max(0, end_ms - 1_000),
                    end_ms=end_ms, zero_g=zero_g, zero_at_ms=zero_at_ms)  # fmt: skip


def told(bench: Bench) -> list[tuple[object, ...]]:
    """Incidents of scales, the oldest first: rule, severity, worst, limit, whether it lasts."""
    rows = bench.rows("SELECT rule, severity, worst, limit_value, closed_ms FROM incident WHERE kind = 'scale'"
                      " ORDER BY opened_ms, id")  # fmt: skip
    return [(*row[:4], row[4] is None) for row in rows]


def alerts(bench: Bench) -> list[tuple[object, ...]]:
    """What people were told of scales."""
    return bench.rows("SELECT event, text FROM alert WHERE incident IN (SELECT id FROM incident WHERE kind = 'scale')"
                      " ORDER BY created_ms, event DESC")  # fmt: skip


def now(bench: Bench, scale: str = "scale-1", at_ms: int | None = None) -> ScaleState:
    """The state by the store."""
    with bench.store.reader.connect() as connection:
        return state_at(connection, bench.book, scale, bench.now_ms if at_ms is None else at_ms)


# --- check weights --------------------------------------------------------------------------------------------------


def test_a_failed_check_weight_is_told_until_a_good_one(kitchen: Bench) -> None:
    """What it showed, how far it may be off and what to do, once; the worst is kept; the food is not concerned."""
    check(kitchen, 5_020)
    assert told(kitchen) == []
    assert (now(kitchen).check, now(kitchen).checked_by, now(kitchen).error_g) == ("good", "sari", 20.0)
    for shown_g in (5_040, 5_080, 5_060):
        kitchen.now_ms += MINUTE
        check(kitchen, shown_g)
    assert told(kitchen) == [("scale-check", "warning", 80.0, 20.0, True)]
    ((_, text),) = alerts(kitchen)
    assert text == (
        "Timbangan salah: Timbangan beras, 5 kg terbaca 5,04 kg (batas 20 g). Bersihkan, nolkan, uji lagi. "
        "Masih salah: jangan dipakai, panggil petugas tera."
    )
    assert len(str(text)) <= 160
    assert now(kitchen).check == "failed"
    kitchen.now_ms += MINUTE
    check(kitchen, 4_980)
    assert told(kitchen) == [("scale-check", "warning", 80.0, 20.0, False)]
    assert alerts(kitchen)[-1] == ("closed", "Timbangan baik lagi: Timbangan beras.")
    assert kitchen.value("SELECT closed_ms FROM incident WHERE kind = 'scale'") == kitchen.now_ms


def test_an_empty_scale_that_is_off_is_another_trouble(kitchen: Bench) -> None:
    """Told by a person: good up to 1 e; beyond it a good check weight ends nothing, an empty scale at zero does."""
    check(kitchen, 20, nominal_g=0)
    assert (now(kitchen).zero, now(kitchen).zero_g) == ("good", 20.0)
    kitchen.now_ms += MINUTE
    check(kitchen, -40, nominal_g=0)
    check(kitchen, 5_000)
    assert told(kitchen) == [("scale-zero", "warning", -40.0, 20.0, True)]
    assert "Timbangan beras -40 g saat kosong (batas 20 g). Bersihkan, lalu tekan nol." in str(alerts(kitchen)[0][1])
    assert (now(kitchen).zero, now(kitchen).check, now(kitchen).for_trade) == ("off", "good", False)
    kitchen.now_ms += MINUTE
    check(kitchen, 0, nominal_g=0)
    assert told(kitchen)[0][4] is False
    assert (now(kitchen).zero, now(kitchen).zero_g) == ("good", 0.0)


def test_what_is_written_late_finds_its_place(kitchen: Bench) -> None:
    """A bad one of before a good one opens nothing and stands in the record; a good one of before a bad one ends
    nothing."""
    check(kitchen, 5_000)
    check(kitchen, 5_100, at_ms=kitchen.now_ms - HOUR)
    assert told(kitchen) == []
    assert now(kitchen, at_ms=kitchen.now_ms - 1).check == "failed"
    kitchen.now_ms += HOUR
    check(kitchen, 5_100)
    check(kitchen, 5_000, at_ms=kitchen.now_ms - MINUTE)
    assert [row[4] for row in told(kitchen)] == [True]


def test_a_withdrawn_record_never_was(kitchen: Bench) -> None:
    """A failure that was none ends its incident; a good one that was none begins it again; a mark that was none is
    missing. Only a nutritionist may, each record once, and by the scale that it is about."""
    verify(kitchen)
    failed = check(kitchen, 5_100)
    assert isinstance(withdraw(kitchen, failed, by="sari"), Refusal)
    assert isinstance(withdraw(kitchen, failed, scale="scale-2"), Refusal)
    assert isinstance(withdraw(kitchen, failed), Written)
    assert isinstance(withdraw(kitchen, failed), Refusal)
    assert isinstance(withdraw(kitchen, "0" * 24), Refusal)
    assert [row[4] for row in told(kitchen)] == [False]
    assert "dibatalkan" in str(alerts(kitchen)[-1][1])
    assert now(kitchen).check == "never"
    check(kitchen, 5_100)
    kitchen.now_ms += MINUTE
    good = check(kitchen, 5_000)
    assert [row[4] for row in told(kitchen)] == [False, False]
    assert isinstance(withdraw(kitchen, good), Written)
    assert [row[4] for row in told(kitchen)] == [False, False, True]
    assert now(kitchen).tera == "valid"
    assert isinstance(withdraw(kitchen, str(kitchen.value("SELECT id FROM scale_tera"))), Written)
    assert now(kitchen).tera == "missing"


def test_a_scale_without_a_plate_is_recorded_and_not_judged(kitchen: Bench) -> None:
    """Its error is known, its verdict is not, nothing opens, and it is not called good."""
    check(kitchen, 9_000, scale="scale-2")
    check(kitchen, 900, nominal_g=0, scale="scale-2")
    found = now(kitchen, "scale-2")
    assert (found.check, found.error_g, found.mpe_g, found.zero, found.zero_g) == (
        "unjudged", 4_000.0, None, "unknown", 900.0
    )  # fmt: skip
    assert told(kitchen) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"scale": "chiller-1"}, "tidak terdaftar"), ({"scale": "nobody"}, "tidak terdaftar"),
        ({"nominal_g": 200.0}, "paling sedikit 400 g"), ({"nominal_g": 80_000.0}, "hanya sampai 60 kg"),
        ({"shown_g": 5e6}, "masuk akal"), ({"at_ms": BEGIN + 10 * DAY}, "belum tiba"), ({"at_ms": 0}, "sebulan"),
    ],
)  # fmt: skip
def test_a_check_that_cannot_be_is_refused_in_plain_words(kitchen: Bench, wrong: dict[str, Any], reason: str) -> None:
    """No scale, too light to prove anything, beyond Max, nonsense, another time; nothing of it is written."""
    said: dict[str, Any] = {"id": new_id(), "by": "sari", "scale": "scale-1", "nominal_g": 5_000.0,
                            "shown_g": 5_000.0, "at_ms": kitchen.now_ms}  # fmt: skip
    answer = write(kitchen, CheckScale(**{**said, **wrong}))
    assert isinstance(answer, Refusal)
    assert reason in answer.reason
    assert isinstance(write(kitchen, CheckScale(**said)), Written)
    assert kitchen.value("SELECT count(*) FROM scale_check") == 1


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"scale": "chiller-1"}, "tidak terdaftar"), ({"verified": "2025-10-11"}, "belum tiba"),
        ({"verified": "2025-02-30"}, "kalender"), ({"valid_until": "2025-02-28"}, "habis sebelum"),
        ({"valid_until": "2027-03-03"}, "dua tahun"), ({"by": "sari"}, "berwenang"),
    ],
)  # fmt: skip
def test_a_mark_that_cannot_be_is_refused(kitchen: Bench, wrong: dict[str, Any], reason: str) -> None:
    """Another scale, days that are none, a mark for longer than any law gives, a cook's."""
    answer = verify(kitchen, **wrong)
    assert isinstance(answer, Refusal)
    assert reason in answer.reason
    assert kitchen.value("SELECT count(*) FROM scale_tera") == 0
    assert isinstance(verify(kitchen), Written)
    assert now(kitchen).for_trade


# --- what gateways see ----------------------------------------------------------------------------------------------


def test_a_zero_comes_with_a_weighing(kitchen: Bench) -> None:
    """Each zero once, with its own time; one that is off opens at once and the next good one ends it; nothing of a
    scale without a plate; a weighing that tells none, or nonsense, tells none."""
    sender = Sender().add(
        weighing(None, None, 1 * MINUTE), weighing(3.5, 1 * MINUTE, 2 * MINUTE), weighing(3.5, 1 * MINUTE, 5 * MINUTE),
        weighing(9e9, 2 * MINUTE, 6 * MINUTE), weighing(7.0, 9 * MINUTE, 7 * MINUTE),
        weighing(60.0, 7 * MINUTE, 8 * MINUTE, "scale-2"), weighing(-31.5, 8 * MINUTE, 9 * MINUTE),
    )  # fmt: skip
    kitchen.now_ms = BEGIN + 9 * MINUTE + 900
    kitchen.send(sender.batch(sent_ms=9 * MINUTE + 500))
    assert kitchen.rows("SELECT scale, at_ms, zero_g, division_g FROM scale_zero ORDER BY at_ms") == [
        ("scale-1", BEGIN + 1 * MINUTE, 3.5, 20.0), ("scale-2", BEGIN + 7 * MINUTE, 60.0, None),
        ("scale-1", BEGIN + 8 * MINUTE, -31.5, 20.0),
    ]  # fmt: skip
    assert told(kitchen) == [("scale-zero", "warning", -31.5, 20.0, True)]
    assert (now(kitchen).zero, now(kitchen).zero_ms) == ("off", BEGIN + 8 * MINUTE)
    assert now(kitchen, at_ms=BEGIN + 7 * MINUTE).zero == "good"
    assert now(kitchen, at_ms=BEGIN).zero == "unknown"
    sender.add(weighing(0.0, 10 * MINUTE, 11 * MINUTE))
    kitchen.now_ms = BEGIN + 11 * MINUTE + 900
    kitchen.send(sender.batch(len(sender.rows), sent_ms=11 * MINUTE + 500))
    assert told(kitchen)[0][4] is False
    assert [row[0] for row in alerts(kitchen)] == ["opened", "closed"]
    assert (now(kitchen).zero, now(kitchen).zero_g) == ("good", 0.0)


def test_a_backlogs_zero_pages_nobody_until_it_is_news(kitchen: Bench) -> None:
    """Late is not live; what still lasts then pages once, as now, and needs no summary."""
    sender = Sender().add(weighing(50.0, 1 * MINUTE, 2 * MINUTE), weighing(55.0, 300 * MINUTE, 301 * MINUTE))
    kitchen.now_ms = BEGIN + 300 * MINUTE
    kitchen.send(sender.batch(1, 1, sent_ms=300 * MINUTE))
    assert told(kitchen) == [("scale-zero", "warning", 50.0, 20.0, True)]
    assert alerts(kitchen) == []
    kitchen.now_ms = BEGIN + 301 * MINUTE
    kitchen.send(sender.batch(2, 2, sent_ms=301 * MINUTE + 500))
    assert [row[0] for row in alerts(kitchen)] == ["opened"]
    assert told(kitchen) == [("scale-zero", "warning", 55.0, 20.0, True)]


def test_a_guessed_zero_is_dated_when_the_clock_is_known(kitchen: Bench) -> None:
    """Until then by its age, so that what is off now is told now; the old date is kept."""
    check(kitchen, 0, nominal_g=0, at_ms=kitchen.now_ms - HOUR)
    sender = Sender(spool="c" * 20, boot="1111aaaa-cab1-4b42-8e06-9e3512dfe0a6", offset_ms=1_000, clock="guess")
    kitchen.send(sender.add(weighing(30.0, 5_000, 9_000)).batch(sent_ms=9_500))
    assert [row[4] for row in told(kitchen)] == [True]
    fix = ClockFix(at_ms=10_000, boot=sender.boot, offset_ms=BEGIN, error_ms=5, source="synced")
    kitchen.send(sender.add(fix).batch(2, 2, sent_ms=10_500))
    assert kitchen.rows("SELECT at_ms, first_at_ms FROM scale_zero") == [
        (BEGIN + 5_000, kitchen.now_ms - 4_500)
    ]  # fmt: skip
    assert now(kitchen, at_ms=BEGIN + 4_999).zero == "good"
    assert now(kitchen, at_ms=BEGIN + 5_000).zero == "off"


def test_another_workers_zero_ends_with_a_persons_word(stores: NewAddress) -> None:
    """Two workers share a kitchen: what one opened by a weighing is one incident, which the other one ends."""
    record = Straight(stores(), KITCHEN)
    other = Acceptance("dapur-uji", record.store.epoch, lambda: record.now_ms)
    with record.store.reader.connect() as connection:
        other.load(connection)
    record.send(Sender().add(weighing(60.0, MINUTE, 2 * MINUTE)).batch(sent_ms=2 * MINUTE))
    record.now_ms = BEGIN + 3 * MINUTE
    act = CheckScale(id=new_id(), by=MACHINE, scale="scale-1", nominal_g=0, shown_g=0, at_ms=record.now_ms)
    with record.store.writer.begin() as connection:
        other.catch_up(connection, frozenset(), anew=False)
        assert isinstance(other.act(connection, encode_act(act), Changes()), Written)
        other.flush(connection)
    assert record.rows("SELECT closed_ms FROM incident WHERE kind = 'scale'") == [(act.at_ms,)]
    record.close()


def test_what_a_person_and_a_gateway_say_of_zero_is_one_story(kitchen: Bench) -> None:
    """The gateway saw it off, somebody zeroed it and wrote that down: it is over, and an old zero told again is no
    news."""
    sender = Sender().add(weighing(50.0, 1 * MINUTE, 2 * MINUTE), weighing(50.0, 1 * MINUTE, 9 * MINUTE))
    kitchen.now_ms = BEGIN + 2 * MINUTE
    kitchen.send(sender.batch(1, 1, sent_ms=2 * MINUTE))
    kitchen.now_ms = BEGIN + 3 * MINUTE
    check(kitchen, 0, nominal_g=0)
    kitchen.now_ms = BEGIN + 9 * MINUTE
    kitchen.send(sender.batch(2, 2, sent_ms=9 * MINUTE))
    assert [row[4] for row in told(kitchen)] == [False]
    assert now(kitchen).zero == "good"


@pytest.mark.parametrize("there", [False, True])
def test_a_scale_that_is_none_any_more_lets_its_trouble_go(kitchen: Bench, there: bool) -> None:
    """Nor one that has no plate any more: nothing could end it; its records stay. A restart remembers what is open."""
    check(kitchen, 5_100)
    kitchen.restart()
    kitchen.now_ms += MINUTE
    check(kitchen, 5_200)
    assert told(kitchen) == [("scale-check", "warning", 200.0, 20.0, True)]
    sensors = [one for one in BOOK.settings.sensors if there or one.id != "scale-1"]
    places = [one for one in BOOK.settings.places if there or one.scale != "scale-1"]
    kitchen.book = Rulebook(
        settings=msgspec.structs.replace(BOOK.settings, sensors=sensors, places=places), profile=BOOK.profile
    )
    kitchen.restart()
    check(kitchen, 5_000, scale="scale-2")  # the configuration is in force before it
    assert [row[4] for row in told(kitchen)] == [False]
    assert kitchen.value("SELECT count(*) FROM scale_check WHERE scale = 'scale-1'") == 2


# --- the state of many moments --------------------------------------------------------------------------------------


def test_a_page_of_moments_is_answered_as_each_alone_would_be(kitchen: Bench) -> None:
    """By few questions, whatever was written in which order: the same as from all rows at once."""
    chance, moments = random.Random(7), []
    verify(kitchen)
    sender = Sender()
    for n in range(40):
        at_ms = BEGIN + chance.randint(-20 * DAY, 0)
        moments += [("scale-1", at_ms), ("scale-2", at_ms), ("scale-1", at_ms + chance.randint(-DAY, DAY))]
        name = check(kitchen, chance.choice([5_000, 5_040, 4_980]), at_ms=at_ms)
        check(kitchen, chance.choice([0, 60]), nominal_g=0, at_ms=at_ms + chance.randint(-DAY, 0))
        if chance.random() < 0.2:
            withdraw(kitchen, name)
        sender.add(weighing(chance.choice([0.0, 30.0]), n * HOUR, n * HOUR + MINUTE))
    sender.offset_ms = BEGIN - 40 * HOUR
    kitchen.send(sender.batch(sent_ms=40 * HOUR))
    moments += [("scale-1", BEGIN + n * MINUTE) for n in range(MOMENTS)]
    asked: list[str] = []

    def count(*arguments: Any) -> None:
        asked.extend(sql for sql in [str(arguments[2])] if sql.startswith("SELECT"))

    with kitchen.store.reader.connect() as connection:
        event.listen(connection, "before_cursor_execute", count)
        found = states_at(connection, kitchen.book, moments)
        event.remove(connection, "before_cursor_execute", count)
        assert len(asked) == 8, "four for each of two pages"
        zeros = [
            *(ZeroSeen(id=row.id, at_ms=row.at_ms, zero_g=row.zero_g, division_g=row.division_g)
              for row in connection.execute(select(scale_zero))),
            *(ZeroSeen(id=row.id, at_ms=row.at_ms, zero_g=row.shown_g, division_g=row.division_g)
              for row in connection.execute(select(scale_check)) if row.nominal_g == 0 and not row.withdrawn),
        ]  # fmt: skip
        weights = [
            weight_of(row) for row in connection.execute(select(scale_check)) if row.nominal_g and not row.withdrawn
        ]
        marks = [Tera(verified=row.verified, until=row.valid_until) for row in connection.execute(select(scale_tera))]
    assert set(found) == set(moments)
    for (scale, at_ms), state in found.items():
        mine = (zeros, weights, marks) if scale == "scale-1" else ([], [], [])
        assert state == state_of(scale, at_ms, *mine, every_ms=DAY, zone="Asia/Jakarta")
    assert {state.check for state in found.values()} >= {"good", "failed", "overdue", "never"}
    assert {state.zero for state in found.values()} == {"good", "off", "unknown"}


def test_nobody_asks_nothing(kitchen: Bench) -> None:
    """An empty page, and a scale that nobody knows, are answered."""
    with kitchen.store.reader.connect() as connection:
        assert states_at(connection, kitchen.book, []) == {}
    assert now(kitchen, "nobody").check == "never"


@on_sqlite
def test_a_rebuild_finds_the_same(kitchen: Bench, tmp_path: Path) -> None:
    """Checks, marks, zeros, withdrawals and what they opened are what the journal says."""
    verify(kitchen)
    name = check(kitchen, 5_100)
    check(kitchen, 5_000, at_ms=kitchen.now_ms + 1)
    withdraw(kitchen, name)
    kitchen.send(Sender().add(weighing(50.0, 1_000, 2_000), weighing(0.0, 3_000, 4_000)).batch(sent_ms=5_000))
    result = rebuild(open_to_read(kitchen.store.address), "dapur-uji", tmp_path)
    assert [table for table in result.tables if not table.same] == []
    counts = {table.table: table.rows for table in result.tables}
    assert (counts["scale_check"], counts["scale_tera"], counts["scale_zero"]) == (2, 1, 2)


@on_sqlite
@pytest.mark.parametrize("table", ["scale_check", "scale_zero"])
def test_the_newest_is_found_by_an_index(kitchen: Bench, table: str) -> None:
    """However many zeros a scale has had."""
    plan = kitchen.rows(f"EXPLAIN QUERY PLAN SELECT id FROM {table} WHERE kitchen = 'dapur-uji' AND scale = 'scale-1'"
                        " AND at_ms <= 5 ORDER BY at_ms DESC, id DESC LIMIT 1")  # fmt: skip
    assert "USING" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


# --- API and pages --------------------------------------------------------------------------------------------------


def test_the_api_writes_and_reads(kitchen: Bench, client: TestClient) -> None:
    """The answer says how far the scale is believed now and what to do; the same sent twice is one; nobody is named."""
    body = {"id": "a" * 16, "nominal_g": 5_000, "shown_g": 5_060, "at_ms": kitchen.now_ms, "note": "Sari yang uji"}
    for _ in range(2):
        answer = client.post("/api/v1/scales/scale-1/check", json=body, headers=ORIGIN)
        assert answer.status_code == 200, answer.text
    said = answer.json()
    shown = {"check": "failed", "error_g": 60.0, "permitted_g": 20.0, "for_trade": False, "tera": "missing",
             "division_g": 20.0, "accuracy_class": "III", "max_g": 60_000.0, "now_g": None}  # fmt: skip
    assert {key: said[key] for key in shown} == shown
    assert said["words"][0] == "Bukan untuk transaksi"
    assert said["words"][1].startswith("Bersihkan, nolkan")
    assert [row["id"] for row in said["checks"]] == ["a" * 16]
    items = {item["scale"]: item for item in client.get("/api/v1/scales").json()["items"]}
    assert set(items) == {"scale-1", "scale-2"}
    assert items["scale-1"] == {key: value for key, value in said.items() if key in items["scale-1"]}
    (incident,) = client.get("/api/v1/incidents", params={"kind": "scale"}).json()["items"]
    assert (incident["name"], incident["text"], incident["worst"], incident["unit"], incident["calibration"]) == (
        "Timbangan beras", "Timbangan salah saat diuji", 60.0, "g", None
    )  # fmt: skip
    past = client.get("/api/v1/scales/scale-1", params={"at": "2025-10-01T00:00:00Z"}).json()
    assert past["check"] == "never"
    for wrong, status in (({"shown": 3}, 422), ({"shown_g": "berat"}, 422), ({"nominal_g": -1}, 422),
                          ({"nominal_g": 1}, 409)):  # fmt: skip
        sent = {**body, "id": "b" * 16, **wrong}
        assert client.post("/api/v1/scales/scale-1/check", json=sent, headers=ORIGIN).status_code == status, wrong
    mark = {"id": "c" * 16, "verified": "2025-03-01", "valid_until": "2026-03-01", "mark": "JKT 1", "office": "Sari"}
    sign_in(client, "tono")
    seen = client.post("/api/v1/scales/scale-1/verify", json=mark, headers=ORIGIN).json()
    assert (seen["tera"], seen["tera_until"], seen["marks"][0]["mark"]) == ("valid", "2026-03-01", "JKT 1")
    assert "Sari" not in client.get("/api/v1/scales/scale-1").text
    gone = {"id": "d" * 16, "record": "a" * 16, "reason": "timbangan lain"}
    seen = client.post("/api/v1/scales/scale-1/withdraw", json=gone, headers=ORIGIN).json()
    assert (seen["check"], seen["for_trade"], seen["checks"][0]["withdrawn"]) == ("never", True, True)
    for at in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        assert client.get("/api/v1/scales", params={"at": at}).json()["items"][0]["check"] == "never", at
    assert client.get("/api/v1/scales", params={"at": "besok"}).status_code == 422
    for path in ("/api/v1/scales/chiller-1", "/api/v1/scales/nobody", "/api/v1/scales/%00"):
        assert client.get(path).status_code == 404, path


@pytest.mark.parametrize(
    ("who", "check_status", "verify_status", "withdraw_status"),
    [(None, 401, 401, 401), ("sari", 200, 403, 403), ("tono", 200, 200, 200), ("wulan", 200, 200, 200)],
)
def test_who_may_write_what(
    kitchen: Bench, who: str | None, check_status: int, verify_status: int, withdraw_status: int
) -> None:
    """Anybody of the kitchen checks; marks and mistakes are the nutritionist's and the head's; strangers read."""
    record = check(kitchen, 5_000)
    client = TestClient(application(kitchen)[0])
    if who is not None:
        sign_in(client, who)
        page = client.get("/staff/scales/scale-1").text
        assert ("Nomor tanda tera" in page) == (verify_status == 200)
        assert ("Catatan ini salah" in page) == (withdraw_status == 200)
    bodies = {
        "check": ({"nominal_g": 5_000, "shown_g": 5_000, "at_ms": kitchen.now_ms}, check_status),
        "verify": ({"verified": "2025-03-01", "valid_until": "2026-03-01", "mark": "JKT 1"}, verify_status),
        "withdraw": ({"record": record, "reason": "salah"}, withdraw_status),
    }
    for what, (body, status) in bodies.items():
        path = f"/api/v1/scales/scale-1/{what}"
        assert client.post(path, json={"id": new_id(), **body}, headers=ORIGIN).status_code == status, what
        assert client.post(path, json={"id": new_id(), **body}).status_code in (401, 403), "another site's page"
    assert client.get("/api/v1/scales").status_code == 200


def test_one_tap_records_what_the_scale_shows(kitchen: Bench) -> None:
    """The live number stands in the form, the last weight too; a double tap is one; the page says it large."""
    app, _, board = application(kitchen)
    value = LiveValue(sensor="scale-1", quantity="mass_g", at_ms=1_000, value=5_020.0, every_s=60)
    board.heard_live("gw-1", codec.encode(Live(boot=BOOT, sent_ms=1_000, values=[value])))
    client = TestClient(app, follow_redirects=False)
    sign_in(client, "sari")
    here = "/staff/scales/scale-1"
    page = client.get(here).text
    assert page.count('name="shown" value="5,02"') == 1, "5 kg are no empty scale"
    assert "kelas III · e = 20 g · Max 60 kg" in page
    for words in ("Bukan untuk transaksi", "Belum pernah diuji", "Nol belum terlihat", "Tera tidak tercatat"):
        assert words in page, words
    token = re.search(r'name="token" value="([0-9a-f]+)"', page)
    assert token is not None
    form = {"token": token[1], "do": "check", "nominal": "5", "shown": "5,02"}
    assert [client.post(here, data=form, headers=ORIGIN).status_code for _ in range(2)] == [303, 303]
    assert kitchen.rows("SELECT nominal_g, shown_g, verdict FROM scale_check") == [(5_000.0, 5_020.0, "good")]
    page = client.get(here).text
    for words in ("Uji baik", "5 kg: selisih +20 g (boleh 20 g)", 'name="nominal" value="5"', "Sari"):
        assert words in page, words
    emptied = msgspec.structs.replace(value, at_ms=2_000, value=-20.0)
    board.heard_live("gw-1", codec.encode(Live(boot=BOOT, sent_ms=2_000, values=[emptied])))
    check_form, empty_form = client.get(here).text.split("<h2>Timbangan kosong</h2>")
    assert 'name="shown" value=""' in check_form
    assert 'name="shown" value="-0,02"' in empty_form
    assert client.post(here, data={"token": "e", "do": "empty", "shown": "-0,02"}, headers=ORIGIN).status_code == 303
    assert kitchen.rows("SELECT shown_g FROM scale_check WHERE nominal_g = 0") == [(-20.0,)]


def test_the_pages_say_what_to_do(kitchen: Bench, client: TestClient) -> None:
    """The list has every scale with three states; a failed check is loud; nonsense is refused beside its form; both
    languages; nobody sees it without signing in."""
    here = "/staff/scales/scale-1"
    form = {"token": "t", "do": "check", "nominal": "5", "shown": "5,1"}
    assert client.post(here, data=form, headers=ORIGIN).status_code == 303
    empty = {"token": "u", "do": "empty", "shown": "0,06"}
    assert client.post(here, data=empty, headers=ORIGIN).status_code == 303
    listed = client.get("/staff/scales").text
    assert listed.count('data-part="check"') == 2
    for words in ("Gagal uji", "Tidak nol", "jangan dipakai, panggil petugas tera", "lalu tekan nol", "+60 g"):
        assert words in listed, words
    assert 'data-verdict="failed"' in client.get(here).text
    for wrong in ({"shown": "berat"}, {"shown": ""}, {"nominal": "0,1"}, {"nominal": "99"}):
        refused = client.post(here, data={**form, "token": "v", **wrong}, headers=ORIGIN)
        assert refused.status_code == 409, wrong
        assert 'role="alert"' in refused.text
    mark = {"token": "w", "do": "verify", "mark": "JKT 1", "office": "UPT", "verified": "2025-03-01",
            "until": "2026-03-01"}  # fmt: skip
    assert client.post(here, data=mark, headers=ORIGIN).status_code == 403
    sign_in(client, "wulan")
    assert client.post(here, data=mark, headers=ORIGIN).status_code == 303
    assert "Tera JKT 1, berlaku sampai 1 Mar 2026" in client.get(here).text
    record = str(kitchen.value("SELECT id FROM scale_check WHERE nominal_g > 0"))
    gone = {"token": "x", "do": "withdraw", "record": record, "reason": "salah"}
    assert client.post(here, data=gone, headers=ORIGIN).status_code == 303
    page = client.get(here).text
    assert "dibatalkan" in page
    assert "Belum pernah diuji" in page
    english = client.get(f"{here}?lang=en").text
    for words in ("Never checked", "Not at zero", "Verification valid", "Empty and clean the scale"):
        assert words in english, words
    assert client.get("/staff/scales/chiller-1").status_code == 404
    client.cookies.clear()
    assert client.get("/staff/scales").status_code == 303
    assert client.get(here).status_code == 303
