"""Measurements by hand: judged at once, told once, ended by a later good one, corrected without losing anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from tests.server.conftest import BOOK, Bench, NewAddress, on_sqlite
from tests.server.desk import ORIGIN, hire, sign_in, write
from tests.server.phone import application
from tests.server.sender import Sender, temperature

from pawon_food_safety.profile import KINDS, load_profile, shipped
from pawon_server.food_safety.check import CorrectCheck, RecordCheck, judge_check
from pawon_server.food_safety.heat import judge_delivery
from pawon_server.food_safety.incident import Settle
from pawon_server.people.act import new_id
from pawon_server.projections.acts import Refusal, Written
from pawon_server.record.rebuild import rebuild
from pawon_server.rulebook import Rulebook, Thermometer
from pawon_server.store.database import open_store, open_to_read

MINUTE = 60_000
PROFILE = load_profile("ID-MBG")
HAND = Thermometer(id="tusuk-1", name="Termometer tusuk")
KITCHEN = Rulebook(settings=msgspec.structs.replace(BOOK.settings, thermometers=[HAND]), profile=BOOK.profile)


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Bench]:
    """A kitchen with a cook, a nutritionist and a thermometer that is carried around."""
    store = open_store(stores())
    made = Bench(store, KITCHEN)
    hire(made, "sari")
    hire(made, "tono", "nutritionist")
    yield made
    made.writer.stop()
    store.close()


@pytest.fixture
def client(kitchen: Bench) -> TestClient:
    """The cook's phone."""
    made = TestClient(application(kitchen)[0], follow_redirects=False)
    sign_in(made, "sari")
    return made


def look(bench: Bench, value: float, **other: Any) -> str:
    """The thawing table was measured now, or what else is said; the measurement's id."""
    said: dict[str, Any] = {"id": new_id(), "by": "sari", "point": "thawing", "quantity": "temperature_c",
                            "value": value, "at_ms": bench.now_ms, **other}  # fmt: skip
    answer = write(bench, RecordCheck(**said))
    assert isinstance(answer, Written), answer
    return str(said["id"])


def correct(bench: Bench, check: str, by: str = "tono", **said: Any) -> Written | Refusal:
    """It was otherwise."""
    return write(bench, CorrectCheck(id=new_id(), by=by, check=check, reason="salah ketik", **said))


def told(bench: Bench) -> list[tuple[object, ...]]:
    """Incidents of measurements by hand, the oldest first: severity, rule, worst, whether it lasts."""
    rows = bench.rows(
        "SELECT severity, rule, worst, closed_ms FROM incident WHERE kind = 'check' ORDER BY opened_ms, id"
    )
    return [(*row[:3], row[3] is None) for row in rows]


def alerts(bench: Bench) -> list[tuple[object, ...]]:
    """What people were told."""
    return bench.rows("SELECT event, text FROM alert WHERE incident LIKE 'check.%' ORDER BY created_ms, event DESC")


# --- the judgement --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "quantity", "value", "food", "verdict", "rule"),
    [
        ("thawing", "temperature_c", 3.0, "", "good", None),
        ("thawing", "temperature_c", 4.2, "", "warning", "thawing-warm"),
        ("thawing", "temperature_c", 9.0, "", "critical", "thawing-hot"),
        ("chiller", "temperature_c", 9.0, "", "critical", "chiller-very-hot"),
        ("chiller", "temperature_c", 0.0, "", "good", None),
        ("sanitizer", "chlorine_ppm", 50.0, "", "good", None),
        ("sanitizer", "chlorine_ppm", 0.0, "", "critical", "chlorine-weak"),
        ("sanitizer", "chlorine_ppm", 201.0, "", "critical", "chlorine-strong"),
        ("sanitizer", "contact_s", 6.0, "", "critical", "sanitizer-too-short"),
        ("hot-hold", "temperature_c", 64.0, "", "good", None),
        ("hot-hold", "temperature_c", 64.0, "rich", "critical", "hot-hold-rich-cold"),
        ("dispatch", "temperature_c", 62.0, "", "warning", "dispatch-cool"),
        ("dispatch", "temperature_c", 60.4, "", "critical", "dispatch-cold"),
        ("dry-store", "humidity_percent", 76.0, "", "critical", "dry-store-wet"),
        ("cooking", "temperature_c", 80.0, "", "unjudged", None),
    ],
)  # fmt: skip
def test_a_look_is_judged_by_the_gravest_limit(
    point: str, quantity: str, value: float, food: str, verdict: str, rule: str | None
) -> None:
    """By the numbers of ID-MBG, both ways out, without any patience; zero is a value, and no limit is not green."""
    found = judge_check(PROFILE, point, quantity, value, food)
    assert (found.verdict, None if found.limit is None else found.limit.id) == (verdict, rule)


@given(value=st.floats(-20, 30), food=st.sampled_from(["", "poultry", "histamine-fish"]))
def test_a_delivery_and_a_look_agree(value: float, food: str) -> None:
    """The same food at the same door is not judged in two ways: what a lot's receipt rejects is critical here."""
    lot, hand = (
        judge_delivery(PROFILE, "receiving-chilled", food, value),
        judge_check(PROFILE, "receiving-chilled", "temperature_c", value, food),
    )
    assert (lot.suggestion == "reject") == (hand.verdict == "critical")
    assert lot.limit == hand.limit


# --- the record -----------------------------------------------------------------------------------------------------


def test_a_bad_value_opens_an_incident_and_a_good_one_ends_it(kitchen: Bench) -> None:
    """At once, with the row's words and what to do; another table's good value ends nothing, its own does."""
    look(kitchen, 9.0, place="meja")
    assert told(kitchen) == [("critical", "thawing-hot", 9.0, True)]
    ((event, text),) = alerts(kitchen)
    assert event == "opened"
    assert "Pencairan: meja 9 C (batas 5 C), diukur manual." in str(text)
    kitchen.now_ms += 30 * MINUTE
    look(kitchen, 3.0, place="meja-2")
    look(kitchen, 3.0, place="meja", point="chiller")
    look(kitchen, 4.2, place="meja")
    assert [row[3] for row in told(kitchen)] == [True], "only warned is not good, and no new trouble"
    kitchen.now_ms += 30 * MINUTE
    look(kitchen, 3.0, place="meja")
    assert told(kitchen) == [("critical", "thawing-hot", 9.0, False)]
    assert kitchen.value("SELECT closed_ms FROM incident WHERE kind = 'check'") == kitchen.now_ms
    assert [row[0] for row in alerts(kitchen)] == ["opened", "closed"]


def test_the_same_trouble_is_told_once_and_graver_trouble_again(kitchen: Bench) -> None:
    """A broken chiller measured every half hour is one incident with its worst value; worse is another one; what has no
    name may be other food each time, so each is told."""
    for value in (4.2, 4.3, 9.0, 9.5, 6.0):
        look(kitchen, value, point="chiller", sensor="chiller-1")
        kitchen.now_ms += 30 * MINUTE
    assert told(kitchen) == [("warning", "chiller-warm", 4.3, True), ("critical", "chiller-very-hot", 9.5, True)]
    look(kitchen, 3.0, point="chiller", sensor="chiller-1")
    assert [row[3] for row in told(kitchen)] == [False, False]
    for _ in range(2):
        look(kitchen, 40.0, point="dispatch")
    assert len(told(kitchen)) == 4


def test_what_people_settled_is_told_anew_when_it_is_measured_again(kitchen: Bench) -> None:
    """Food was thrown away and new food put in: its trouble is its own."""
    look(kitchen, 4.2, place="meja")
    name = str(kitchen.value("SELECT id FROM incident WHERE kind = 'check'"))
    about: dict[str, Any] = {"incident": name, "cause": "Es habis", "action": "Dibuang"}
    assert isinstance(write(kitchen, Settle(id=new_id(), by="sari", disposition="discard", **about)), Written)
    look(kitchen, 4.2, place="meja")
    assert len(told(kitchen)) == 2


def test_good_for_one_food_is_not_good_for_another(kitchen: Bench) -> None:
    """64 C is warm enough for rice and not for coconut milk: the incident of the one is not ended by the other."""
    look(kitchen, 62.0, point="hot-hold", food="rich", place="lemari")
    kitchen.now_ms += MINUTE
    look(kitchen, 64.0, point="hot-hold", place="lemari")
    assert told(kitchen) == [("critical", "hot-hold-rich-cold", 62.0, True)]
    kitchen.now_ms += MINUTE
    look(kitchen, 67.0, point="hot-hold", place="lemari")
    assert told(kitchen)[0][3] is False


def test_what_is_written_late_finds_its_place_in_time(kitchen: Bench) -> None:
    """A bad value of before a good one is over when it is told; a good one of before a bad one ends nothing."""
    look(kitchen, 3.0, place="meja")
    look(kitchen, 9.0, place="meja", at_ms=kitchen.now_ms - 30 * MINUTE)
    assert told(kitchen) == [("critical", "thawing-hot", 9.0, False)]
    kitchen.now_ms += 30 * MINUTE
    look(kitchen, 9.0, place="meja")
    look(kitchen, 3.0, place="meja", at_ms=kitchen.now_ms - 10 * MINUTE)
    look(kitchen, 3.0, place="meja")
    assert told(kitchen)[1][3] is True, "the same moment is not later"


def test_a_correction_appends_and_is_judged(kitchen: Bench) -> None:
    """A slip of the finger ends its incident; a withdrawal too; the other way it opens one; only a nutritionist may."""
    name = look(kitchen, 90.0, place="meja")
    assert isinstance(correct(kitchen, name, by="sari", value=3.0), Refusal)
    assert isinstance(correct(kitchen, name, value=3.0), Written)
    assert told(kitchen) == [("critical", "thawing-hot", 90.0, False)]
    assert kitchen.rows("SELECT value, verdict, incident FROM checked") == [(3.0, "good", None)]
    assert "dikoreksi" in str(alerts(kitchen)[-1][1])
    kitchen.now_ms += MINUTE
    assert isinstance(correct(kitchen, name, value=9.0), Written)
    assert told(kitchen)[1] == ("critical", "thawing-hot", 9.0, True)
    assert isinstance(correct(kitchen, name, value=8.0), Written)
    assert told(kitchen)[1:] == [("critical", "thawing-hot", 8.0, True)]
    assert isinstance(correct(kitchen, name, withdraw=True), Written)
    assert told(kitchen)[1][3] is False
    assert kitchen.value("SELECT count(*) FROM act WHERE what LIKE 'check.%'") == 5


def test_a_good_value_that_was_none_lets_the_trouble_go_on(kitchen: Bench) -> None:
    """It was of another table: what it had ended is told anew, unless another good value ended it too."""
    look(kitchen, 9.0, place="meja")
    kitchen.now_ms += MINUTE
    good = look(kitchen, 3.0, place="meja")
    assert isinstance(correct(kitchen, good, withdraw=True), Written)
    assert [row[3] for row in told(kitchen)] == [False, True]
    assert isinstance(correct(kitchen, good, value=3.0), Written)
    kitchen.now_ms += MINUTE
    look(kitchen, 3.1, place="meja")
    assert isinstance(correct(kitchen, good, withdraw=True), Written)
    assert [row[3] for row in told(kitchen)] == [False, False]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"value": 400.0}, "masuk akal"), ({"point": "nowhere"}, "tidak punya batas"),
        ({"quantity": "chlorine_ppm"}, "tidak punya batas"), ({"food": "soto"}, "tidak ada di profil"),
        ({"sensor": "nobody"}, "tidak terdaftar"), ({"sensor": "scale-1"}, "tidak terdaftar"),
        ({"thermometer": "nobody"}, "tidak terdaftar"), ({"at_ms": 1_760_001_100_000}, "belum tiba"),
        ({"at_ms": 0}, "sebulan"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_plain_words(kitchen: Bench, wrong: dict[str, Any], reason: str) -> None:
    """Nonsense, unknown points, foods and instruments, times that have not come; nothing of it is written."""
    said: dict[str, Any] = {"id": new_id(), "by": "sari", "point": "thawing", "quantity": "temperature_c", "value": 3.0,
                            "thermometer": "tusuk-1", "at_ms": kitchen.now_ms}  # fmt: skip
    answer = write(kitchen, RecordCheck(**{**said, **wrong}))
    assert isinstance(answer, Refusal)
    assert reason in answer.reason
    assert isinstance(write(kitchen, RecordCheck(**said)), Written)
    assert isinstance(correct(kitchen, said["id"]), Refusal)
    assert isinstance(correct(kitchen, said["id"], value=900.0), Refusal)
    assert isinstance(correct(kitchen, "0" * 24, value=3.0), Refusal)
    assert kitchen.value("SELECT count(*) FROM checked") == 1


@on_sqlite
def test_a_rebuild_finds_the_same(kitchen: Bench, tmp_path: Path) -> None:
    """Checks, corrections and what they opened are what the journal says."""
    name = look(kitchen, 9.0, place="meja")
    look(kitchen, 3.0, place="meja", at_ms=kitchen.now_ms + 1)
    correct(kitchen, name, value=8.5)
    result = rebuild(open_to_read(kitchen.store.address), "dapur-uji", tmp_path)
    assert [table for table in result.tables if not table.same] == []
    assert next(table.rows for table in result.tables if table.table == "checked") == 2


# --- the API --------------------------------------------------------------------------------------------------------


def test_the_api_writes_and_reads(kitchen: Bench, client: TestClient) -> None:
    """The answer says what to do; the same sent twice is one; no person and no note is shown; strangers may not."""
    body = {"id": "a" * 16, "point": "sanitizer", "quantity": "chlorine_ppm", "value": 20, "note": "Sari yang ukur",
            "at_ms": kitchen.now_ms}  # fmt: skip
    for _ in range(2):
        answer = client.post("/api/v1/checks/record", json=body, headers=ORIGIN)
        assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["verdict"], said["rule"], said["limit"], said["unit"]) == ("critical", "chlorine-weak", 50.0, "ppm")
    assert said["action"].startswith("Buat larutan baru")
    (item,) = client.get("/api/v1/checks").json()["items"]
    assert item == {key: value for key, value in said.items() if key != "entry"}
    assert "Sari" not in client.get("/api/v1/checks").text
    (incident,) = client.get("/api/v1/incidents", params={"kind": "check"}).json()["items"]
    assert (incident["name"], incident["unit"], incident["worst"]) == ("Larutan sanitasi", "ppm", 20.0)
    assert incident["id"] == item["incident"]
    for wrong, status in (({"valeu": 3}, 422), ({"value": "dingin"}, 422), ({"quantity": "mass_g"}, 422),
                          ({"point": "nowhere"}, 409), ({"value": -1}, 409)):  # fmt: skip
        sent = {**body, "id": "b" * 16, **wrong}
        assert client.post("/api/v1/checks/record", json=sent, headers=ORIGIN).status_code == status, wrong
    fix = {"id": "c" * 16, "value": 80, "reason": "salah baca"}
    assert client.post(f"/api/v1/checks/{'a' * 16}/correct", json=fix, headers=ORIGIN).status_code == 403
    sign_in(client, "tono")
    fixed = client.post(f"/api/v1/checks/{'a' * 16}/correct", json=fix, headers=ORIGIN)
    assert (fixed.status_code, fixed.json()["verdict"]) == (200, "good")
    assert client.post("/api/v1/checks/nothing/correct", json=fix, headers=ORIGIN).status_code == 422
    other = {**body, "id": "c" * 16}
    assert client.post("/api/v1/checks/record", json=other, headers=ORIGIN).status_code == 409, "another act's id"
    client.cookies.clear()
    assert client.post("/api/v1/checks/record", json=body, headers=ORIGIN).status_code == 401
    assert client.post("/api/v1/checks/record", json=body).status_code == 403


def test_every_control_point_is_told_with_its_rows(kitchen: Bench) -> None:
    """Names in both languages, every row of the profile once, the sensors with their state, the last look by hand."""
    kitchen.now_ms = 1_760_000_001_000
    kitchen.send(Sender().add(temperature(3.0, 0)).batch(sent_ms=1_000))
    client = TestClient(application(kitchen)[0])
    items = client.get("/api/v1/points").json()["items"]
    points = {item["point"]: item for item in items}
    assert set(points) == {*KITCHEN.profile.points, "*"}
    assert all(item["name"] and item["name_en"] for item in items)
    assert not [name for name, item in points.items() if item["name"] == name], "each has a name of its own"
    assert (points["dry-store"]["name"], points["dry-store"]["name_en"]) == ("Gudang kering", "Dry store")
    assert sum(len(item["rows"]) for item in items) == sum(len(KITCHEN.profile.rows_of(kind)) for kind in KINDS)
    chiller = points["chiller"]
    hot = next(row for row in chiller["rows"] if row.get("id") == "chiller-hot")
    shown = {"table": "limit", "value": 5.0, "unit": "C", "delay_s": 3600.0, "guard_band": 0.5, "certainty": "source"}
    assert {key: hot[key] for key in shown} == shown
    assert {"hysteresis", "source", "effective_from", "approved_by"} <= set(hot)
    assert {row["table"] for row in chiller["rows"]} >= {"limit", "door", "buffer", "ladder", "silence", "stuck"}
    assert [(one["sensor"], one["state"], one["value"]) for one in chiller["sensors"]] == [
        ("chiller-1", "ok", 3.0), ("chiller-2", "no_data", None)
    ]  # fmt: skip
    assert chiller["last_check"] is None
    look(kitchen, 9.0, point="chiller", sensor="chiller-1")
    wrong = look(kitchen, 3.0, point="chiller", sensor="chiller-2", at_ms=kitchen.now_ms + 1_000)
    correct(kitchen, wrong, withdraw=True)
    (chiller,) = client.get("/api/v1/points", params={"point": "chiller"}).json()["items"]
    assert chiller["last_check"] == {"checked_at": "2025-10-09T08:53:21.000Z", "quantity": "temperature_c",
                                     "value": 9.0, "verdict": "critical"}  # fmt: skip


@on_sqlite
def test_profiles_are_told_whole_and_without_paths(stores: NewAddress) -> None:
    """The one in force with this kitchen's changes, the shipped ones beside it; nothing of the server's files."""
    own = msgspec.structs.replace(BOOK.profile, version="2026.11+abc", extends="/srv/secret/base.toml")
    store = open_store(stores())
    bench = Bench(store, Rulebook(settings=BOOK.settings, profile=own))
    client = TestClient(application(bench)[0])
    answer = client.get("/api/v1/profiles").json()
    assert (answer["in_force"]["id"], answer["in_force"]["version"]) == ("ID-MBG", "2026.11+abc")
    assert len(answer["in_force"]["rows"]) == sum(len(own.rows_of(kind)) for kind in KINDS)
    assert {one["id"] for one in answer["shipped"]} == set(shipped())
    for head in answer["shipped"]:
        whole = client.get(f"/api/v1/profiles/{head['id']}", params={"as_shipped": "true"}).json()
        assert (whole["version"], whole["title"], len(whole["rows"])) == (head["version"], head["title"], head["rows"])
        assert all(row["source"] and row["approved_by"] for row in whole["rows"])
    assert client.get("/api/v1/profiles/ID-MBG").json() == answer["in_force"]
    for name in ("nobody", "%00", "..%2Fsecret", "/srv/secret/base.toml", "x" * 100):
        assert client.get(f"/api/v1/profiles/{name}").status_code in (404, 422), name
    assert "secret" not in client.get("/api/v1/profiles").text
    described = client.get("/openapi.json").json()["paths"]
    for path in ("/api/v1/points", "/api/v1/profiles", "/api/v1/profiles/{name}", "/api/v1/checks/record"):
        assert next(iter(described[path].values()))["description"]
    bench.writer.stop()
    store.close()


# --- the page -------------------------------------------------------------------------------------------------------


def test_the_page_takes_one_number_and_says_what_to_do(kitchen: Bench, client: TestClient) -> None:
    """Choose the point, type a number, read the verdict with its limit; a second tap is the same measurement."""
    chosen = client.get("/staff/checks").text
    assert 'href="/staff/checks/thawing/temperature_c"' in chosen
    assert 'href="/staff/checks/sanitizer/chlorine_ppm"' in chosen
    assert "≥ 50 ppm · ≤ 200 ppm" in chosen
    here = "/staff/checks/thawing/temperature_c"
    page = client.get(here).text
    assert "Pencairan: suhu" in page
    assert "&gt; 5 °C, dihitung sejak 4,5 °C: " in page
    for _ in range(2):
        typed = {"token": "t", "do": "record", "value": "9,5", "thermometer": "tusuk-1", "ago": "5"}
        assert client.post(here, data=typed, headers=ORIGIN).status_code == 303
    assert kitchen.rows("SELECT value, verdict, thermometer, at_ms FROM checked") == [
        (9.5, "critical", "tusuk-1", kitchen.now_ms - 5 * MINUTE)
    ]
    page = client.get(here).text
    for words in ("9,5 °C", "Kritis", "5 °C", 'data-verdict="critical"', "/staff/incidents/check.", "Sari"):
        assert words in page, words
    hot = PROFILE.spoken("thawing-hot")
    assert hot is not None
    assert hot.action_id in page
    assert client.post(here, data={"token": "u", "do": "record", "value": "3"}, headers=ORIGIN).status_code == 303
    assert "Di dalam batas" in client.get(here).text
    assert told(kitchen)[0][3] is False
    assert "9,5 °C" in client.get("/staff/checks").text
    for value in ("dingin", "", "900"):
        refused = client.post(here, data={"token": "v", "do": "record", "value": value}, headers=ORIGIN)
        assert refused.status_code == 409
        assert 'role="alert"' in refused.text
    assert client.get("/staff/checks/thawing/mass_g").status_code == 404
    assert client.get("/staff/checks/%00/temperature_c").status_code == 404
    english = client.get(f"{here}?lang=en").text
    assert "Thawing: temperature" in english
    assert "Within the limits" in english
    client.cookies.clear()
    assert client.get(here).status_code == 303


def test_of_several_things_one_is_chosen(kitchen: Bench, client: TestClient) -> None:
    """A kitchen with two chillers says which; a nutritionist withdraws a mistake, a cook sees no such form."""
    here = "/staff/checks/chiller/temperature_c"
    typed = {"token": "t", "do": "record", "value": "9"}
    assert client.post(here, data=typed, headers=ORIGIN).status_code == 409
    assert client.post(here, data={**typed, "where": "sensor:chiller-2"}, headers=ORIGIN).status_code == 303
    assert "Chiller: Chiller 2" in client.get(here).text
    assert "Catatan ini salah" not in client.get(here).text
    sign_in(client, "tono")
    assert "Catatan ini salah" in client.get(here).text
    name = str(kitchen.value("SELECT id FROM checked"))
    fix = {"token": "u", "do": "correct", "check": name, "value": "", "reason": "chiller lain"}
    assert client.post(here, data=fix, headers=ORIGIN).status_code == 303
    assert kitchen.rows("SELECT withdrawn, incident FROM checked") in ([(1, None)], [(True, None)])
    assert "dibatalkan" in client.get(here).text
