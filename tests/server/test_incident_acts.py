"""What people write about incidents, through the API and the journal: by whom, once, never edited, named to few."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import Bench
from tests.server.desk import ORIGIN, hire, sign_in, write
from tests.server.phone import dead_probe, excursion, phone

from pawon_server.acts import decode_act
from pawon_server.food_safety.incident import Acknowledge, Settle, Sign
from pawon_server.people.act import new_id
from pawon_server.people.person import SetPerson
from pawon_server.projections.acts import Refusal
from pawon_server.record.rebuild import rebuild
from pawon_server.web.queries import Nameless

Client = Callable[[str], TestClient]
SETTLED = {"cause": "Pintu terbuka", "action": "Pintu ditutup, suhu inti diukur 4 C"}


@pytest.fixture
def as_(bench: Bench) -> Client:
    """A phone of each of the kitchen's people: Sari and Tono cook, Wulan is the nutritionist, Rini the head."""
    for name, role in (("sari", "staff"), ("tono", "staff"), ("wulan", "nutritionist"), ("rini", "head")):
        hire(bench, name, role)  # type: ignore[arg-type]  # roles
    phones: dict[str, TestClient] = {}

    def as_person(name: str) -> TestClient:
        if name not in phones:
            phones[name] = phone(bench)
            if name:
                assert sign_in(phones[name], name).status_code == 200
        return phones[name]

    return as_person


def post(client: TestClient, name: str, what: str, **fields: str) -> Any:
    """Write to an incident."""
    return client.post(f"/api/v1/incidents/{name}/{what}", json=fields, headers=ORIGIN)


def one(client: TestClient, name: str) -> dict[str, Any]:
    """An incident with its acts."""
    answer = client.get(f"/api/v1/incidents/{name}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_whole_way_is_in_the_record(bench: Bench, as_: Client) -> None:
    """Acknowledged, noted, settled by the cook and signed by the nutritionist: who, when and what, in order."""
    name = excursion(bench)
    opened = one(as_(""), name)
    assert (opened["handling"], opened["acknowledged_at"], opened["settled"], opened["acts"]) == (
        "opened", None, False, [],
    )  # fmt: skip
    assert post(as_("sari"), name, "acknowledge").status_code == 200
    bench.until(lambda: bench.changes[-1].incidents, "the screens to be told")
    bench.now_ms += 60_000
    assert post(as_("sari"), name, "note", action="Bahan dipindah").status_code == 200
    assert post(as_("sari"), name, "settle", disposition="use", **SETTLED).status_code == 200
    waits = one(as_("wulan"), name)
    assert (waits["handling"], waits["settled"], waits["settled_at"]) == ("unsigned", False, None)
    settlement = waits["acts"][-1]["id"]
    assert post(as_("wulan"), name, "sign", settlement=settlement).status_code == 200
    found = one(as_("rini"), name)
    assert found["handling"] == "settled"
    assert found["acknowledged_at"] == "2025-10-09T09:10:00.000Z"
    assert found["settled_at"] == "2025-10-09T09:11:00.000Z"
    assert (found["disposition"], found["cause"], found["corrective_action"]) == ("use", *SETTLED.values())
    assert [(act["what"], act["person"], act["role"]) for act in found["acts"]] == [
        ("acknowledge", "Sari", "staff"), ("note", "Sari", "staff"), ("settle", "Sari", "staff"),
        ("sign", "Wulan", "nutritionist"),
    ]  # fmt: skip
    listed = next(item for item in as_("").get("/api/v1/incidents").json()["items"] if item["id"] == name)
    assert {key: listed[key] for key in listed} == {key: found[key] for key in listed}


def test_strangers_read_roles_and_no_names(bench: Bench, as_: Client) -> None:
    """Who is not signed in sees what was done by which role; names typed into a text are taken out of it."""
    name = dead_probe(bench)
    texts = {"cause": "TONO lupa; kata Sari, kabel lepas", "action": "sari memasang lagi. Sarinah tidak disebut"}
    assert post(as_("sari"), name, "settle", disposition="none", **texts).status_code == 200
    found = one(as_(""), name)
    assert found["cause"] == "petugas lupa; kata petugas, kabel lepas"
    assert found["corrective_action"] == "petugas memasang lagi. Sarinah tidak disebut"
    assert "person" not in found["acts"][0]
    assert found["acts"][0]["role"] == "staff"
    assert found["acts"][0]["cause"] == found["cause"]
    assert one(as_("tono"), name)["acts"][0]["cause"] == texts["cause"]
    forum = as_("").get("/forum").text
    assert "Penyebab: petugas lupa; kata petugas, kabel lepas. Yang dilakukan: petugas memasang lagi." in forum
    for path in ("/api/v1/incidents", "/forum", "/wall"):
        shown = as_("").get(path).text.lower()
        assert "tono" not in shown
        assert "kata sari" not in shown


def test_a_correction_is_one_more_line(bench: Bench, as_: Client) -> None:
    """The public sees the corrected text, the record holds both, and the decision stays what it was."""
    name = dead_probe(bench)
    post(as_("sari"), name, "settle", disposition="none", **SETTLED)
    settlement = one(as_("sari"), name)["acts"][0]["id"]
    answer = post(as_("tono"), name, "correct", corrects=settlement, field="cause", text="Kabel digigit tikus")
    assert answer.status_code == 200
    found = one(as_("sari"), name)
    assert (found["cause"], found["corrective_action"]) == ("Kabel digigit tikus", SETTLED["action"])
    assert [act["what"] for act in found["acts"]] == ["settle", "correct"]
    assert found["acts"][0]["cause"] == SETTLED["cause"]
    assert (found["acts"][1]["refers"], found["handling"]) == (settlement, "settled")


def test_nobody_signs_a_text_that_changed_under_their_eyes(bench: Bench, as_: Client) -> None:
    """A correction after the page was drawn wants it read again; then it can be signed."""
    name = excursion(bench)
    post(as_("sari"), name, "settle", disposition="use", **SETTLED)
    settlement = one(as_("wulan"), name)["acts"][-1]["id"]
    post(as_("sari"), name, "correct", corrects=settlement, text="Tidak diukur")
    refused = post(as_("wulan"), name, "sign", settlement=settlement)
    assert refused.status_code == 409
    assert "baca lagi" in refused.text
    newest = one(as_("wulan"), name)["acts"][-1]["id"]
    assert post(as_("wulan"), name, "sign", settlement=newest).status_code == 200
    assert one(as_(""), name)["handling"] == "settled"


def test_names_are_taken_out_and_words_are_not() -> None:
    """Whole names and their parts in any letters; no titles, no short words, nothing inside another word."""
    nameless = Nameless(["Pak Budi Santoso", "Bu (Ani)", "sari", "Ki"])
    said = "Pak BUDI, bu Ani, Santoso; sarinya, KI, budi-daya, pak Budi Santoso"
    assert nameless.text(said) == "Pak petugas, bu petugas, petugas; sarinya, KI, petugas-daya, petugas"
    assert Nameless([]).text(said) == said


def test_who_may_not_and_what_cannot_be(bench: Bench, as_: Client) -> None:
    """Nobody without a session, from another site, below the role; no second signature of one's own."""
    name = excursion(bench)
    assert post(as_(""), name, "acknowledge").status_code == 401
    assert as_("sari").post(f"/api/v1/incidents/{name}/acknowledge", json={}).status_code == 403
    for fields in ({**SETTLED}, {**SETTLED, "disposition": "none"}, {"disposition": "use"}):
        refused = post(as_("sari"), name, "settle", **fields)
        assert refused.status_code == 409, refused.text
        assert refused.json()["detail"]
    assert post(as_("rini"), name, "settle", disposition="use", **SETTLED).status_code == 200
    settlement = one(as_("rini"), name)["acts"][-1]["id"]
    assert post(as_("sari"), name, "sign", settlement=settlement).status_code == 403
    for _ in range(2):
        assert post(as_("rini"), name, "sign", settlement=settlement).status_code == 409
    assert one(as_(""), name)["handling"] == "unsigned"
    for what, body in (
        ("settle", {"disposition": "release"}), ("note", {"action": "x" * 1001}), ("note", {"by": "rini"}),
        ("note", {"incident": "other"}), ("note", {"id": "no hex"}), ("sign", {}),
    ):  # fmt: skip
        assert post(as_("wulan"), name, what, **body).status_code == 422, body
    assert as_("sari").post(f"/api/v1/incidents/{name}/note", content=b"[1]", headers=ORIGIN).status_code == 422
    assert post(as_("sari"), name, "delete").status_code == 404
    assert post(as_("sari"), "gw-1.none", "acknowledge").status_code == 404
    assert as_("").get("/api/v1/incidents/gw-1.none").status_code == 404


def test_one_person_of_two_roles_signs_nothing_of_their_own(bench: Bench, as_: Client) -> None:
    """A cook who settles and is made nutritionist before the ink is dry is still the same person."""
    name = excursion(bench)
    settlement = new_id()
    write(bench, Settle(id=settlement, by="sari", incident=name, disposition="use", **SETTLED))
    write(bench, SetPerson(id=new_id(), by="rini", person="sari", name="Sari", has_role="nutritionist"))
    answer = write(bench, Sign(id=new_id(), by="sari", incident=name, settlement=settlement))
    assert isinstance(answer, Refusal)
    assert "orang lain" in answer.reason


def test_a_double_tap_is_one_act(bench: Bench, as_: Client) -> None:
    """The same act sent again is answered the same and written once; its number for another person's act is refused."""
    name = excursion(bench)
    act = "0123456789abcdef0123"
    answers = [post(as_("sari"), name, "note", id=act, action="Pintu ditutup") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.json()["entry"] for answer in answers}) == 1
    assert post(as_("tono"), name, "note", id=act, action="Lain").status_code == 409
    assert bench.value("SELECT count(*) FROM incident_act") == 1


def test_another_kitchens_incident_is_none_of_ours(bench: Bench, as_: Client) -> None:
    """In a shared store each kitchen's people write about their own incidents only."""
    name = excursion(bench)
    with bench.store.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE incident SET kitchen = 'dapur-lain'")
    assert post(as_("sari"), name, "acknowledge").status_code == 404
    assert as_("sari").get(f"/api/v1/incidents/{name}").status_code == 404
    answer = write(bench, Acknowledge(id=new_id(), by="sari", incident=name))
    assert isinstance(answer, Refusal)
    assert bench.value("SELECT count(*) FROM incident_act") == 0


def test_trouble_that_lasts_keeps_its_incident(bench: Bench, as_: Client) -> None:
    """Settled by people while still measured: the food is gone, the trouble stays on the wall until it is over."""
    name = excursion(bench, over=False)
    assert post(as_("sari"), name, "settle", disposition="use", **SETTLED).status_code == 409
    moved = post(as_("sari"), name, "settle", disposition="use", moved="ke chiller 2", **SETTLED)
    assert moved.status_code == 200
    found = one(as_(""), name)
    assert (found["handling"], found["closed_at"]) == ("unsigned", None)


def test_no_words_stop_the_record(bench: Bench, as_: Client) -> None:
    """Markup, quotes, signs of any script and a NUL are kept as letters."""
    name = dead_probe(bench)
    said = ["<script>alert(1)</script>", "' ; DROP TABLE incident; --", "é漢字🍲", "nol\0byte", "\u202egnp"]
    for words in said:
        assert post(as_("sari"), name, "note", action=words).status_code == 200, words
    kept = [act["action"] for act in one(as_("sari"), name)["acts"]]
    assert kept == [words.replace("\0", "\N{REPLACEMENT CHARACTER}") for words in said]


def test_everything_is_derived_again(bench: Bench, as_: Client, tmp_path: Path) -> None:
    """A rebuild finds the same acts and the same states."""
    food, sensor = excursion(bench), dead_probe(bench)
    post(as_("sari"), food, "settle", disposition="hold", **SETTLED)
    post(as_("wulan"), food, "settle", disposition="discard", **SETTLED)
    post(as_("rini"), food, "sign", settlement=one(as_("rini"), food)["acts"][-1]["id"])
    post(as_("sari"), sensor, "acknowledge")
    assert one(as_(""), food)["handling"] == "settled"
    assert rebuild(bench.store.reader, "dapur-uji", tmp_path).same


def test_acts_about_incidents_keep_their_shape() -> None:
    """What is in the journals of kitchens can be read for ever."""
    written = (
        b'{"act":"incident.settle","id":"0123456789abcdef","by":"sari","incident":"i","cause":"c","action":"a",'
        b'"disposition":"hold"}'
    )
    assert decode_act(written) == Settle(
        id="0123456789abcdef", by="sari", incident="i", cause="c", action="a", disposition="hold", moved=""
    )
    for bad in (b'"disposition":"release"', b'"incident":""', b'"incident":"a\\u0000"'):
        with pytest.raises(msgspec.DecodeError):
            decode_act(b'{"act":"incident.settle","id":"0123456789abcdef","by":"s","incident":"i",' + bad + b"}")
