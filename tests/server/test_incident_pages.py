"""Incidents on the staff pages: what needs somebody, one screen to act on, people and PINs; and a wall to look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import Bench
from tests.server.desk import ORIGIN, PIN, hire, write
from tests.server.phone import application, dead_probe, enter, excursion, phone
from tests.server.sender import Sender, temperature

from pawon_server.food_safety.incident import Note, Settle
from pawon_server.people.act import MACHINE, new_id
from pawon_server.people.person import SetPerson
from pawon_server.people.pin import hash_pin

MINUTE = 60_000
SETTLED = {"cause": "Pintu terbuka", "action": "Pintu ditutup"}
MARKUP = "<img src=x onerror=alert(1)>\"'{{7*7}}"


@pytest.fixture(autouse=True)
def people(bench: Bench) -> None:
    """A cook, a nutritionist, a head."""
    for name, role in (("sari", "staff"), ("wulan", "nutritionist"), ("rini", "head")):
        hire(bench, name, role)  # type: ignore[arg-type]  # roles


def in_(bench: Bench, name: str) -> TestClient:
    """A phone of somebody who is signed in."""
    client = phone(bench)
    assert enter(client, name).status_code == 303
    return client


def post(client: TestClient, path: str, **fields: str) -> Any:
    """Send a form, as it was drawn."""
    token = re.search(r'name="token" value="([0-9a-f]+)"', client.get(path).text)
    assert token is not None
    return client.post(path, data={"token": token[1], **fields}, headers=ORIGIN)


def routes(router: Any) -> Iterator[Any]:
    """Every route, also of the routers within."""
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        yield from [route] if inner is None else routes(inner)


def listed(client: TestClient) -> list[str]:
    """The incidents on the first page, in order."""
    return [
        unescape(name) for name in re.findall(r'<li class="case" data-incident="([^"]+)"', client.get("/staff").text)
    ]


def test_what_needs_somebody_comes_first(bench: Bench) -> None:
    """What lasts and nobody has seen, then what waits for a decision or signature, then what is to be settled; what is
    settled is gone from the list."""
    client = in_(bench, "sari")
    assert "Tidak ada yang menunggu" in client.get("/staff").text
    fault, food = dead_probe(bench), excursion(bench)
    sender = Sender(spool="e" * 20).add(*(temperature(9.0, n * MINUTE, "chiller-2") for n in range(20, 40)))
    bench.send(sender.batch(sent_ms=39 * MINUTE))
    lasting = str(bench.value("SELECT id FROM incident WHERE closed_ms IS NULL"))
    assert listed(client) == [lasting, food, fault]
    path = f"/staff/incidents/{food}"
    assert post(client, path, do="settle", disposition="hold", **SETTLED).headers["location"] == path
    assert "makanan ditahan" in client.get("/staff").text
    assert listed(client) == [lasting, food, fault]
    for name in (fault, lasting):
        answer = post(client, f"/staff/incidents/{name}", do="settle", disposition="discard", **SETTLED)
        assert answer.status_code == 303
    assert set(listed(client)) == {food, lasting}
    assert "menunggu tanda tangan" in client.get("/staff").text


def test_from_news_to_second_signature(bench: Bench) -> None:
    """The cook acknowledges and settles, the page waits for somebody else; the nutritionist signs what she read."""
    path = f"/staff/incidents/{excursion(bench)}"
    cook, other = in_(bench, "sari"), in_(bench, "wulan")
    page = cook.get(path).text
    for words in ("Pindahkan", "terburuk 9 °C (batas 8 °C)", "Tandai diterima", "Pakai", "Tahan", "Buang"):
        assert words in page
    assert "Tidak ada makanan" not in page
    assert post(cook, path, do="acknowledge").status_code == 303
    assert "Tandai diterima" not in cook.get(path).text
    assert post(cook, path, do="settle", disposition="use", **SETTLED).status_code == 303
    assert "Menunggu orang lain" in cook.get(path).text
    assert "Saya setuju" not in cook.get(path).text
    page = other.get(path).text
    settlement = re.search(r'name="settlement" value="([0-9a-f]+)"', page)
    assert settlement is not None
    assert post(other, path, do="sign", settlement=settlement[1]).status_code == 303
    page = other.get(path).text
    assert "selesai ditangani" in page
    assert "Sari · petugas" in page
    assert "Wulan · ahli gizi" in page


def test_a_refusal_keeps_what_was_typed(bench: Bench) -> None:
    """The reason stands on the page in Indonesian, the fields and the choice as they were; nothing is written."""
    path = f"/staff/incidents/{excursion(bench, over=False)}"
    client = in_(bench, "sari")
    answer = post(client, path, do="settle", disposition="use", cause="Listrik padam", action="Genset")
    assert answer.status_code == 409
    assert "Masalah masih berlangsung" in answer.text
    assert ">Listrik padam</textarea>" in answer.text
    assert re.search(r'value="use" checked', answer.text)
    answer = post(client, path, do="settle", cause="Listrik padam")
    assert "Belum lengkap: tindakan koreksi, pilihan" in answer.text
    for do in ("", "delete"):
        assert post(client, path, do=do).status_code == 422
    assert bench.value("SELECT count(*) FROM incident_act") == 0
    assert client.get("/staff/incidents/none").status_code == 404
    assert "tidak ada" in client.get("/staff/incidents/none").text


def test_a_double_tap_is_one_act(bench: Bench) -> None:
    """The same drawn form sent three times writes once, and each answer leads back to the page."""
    path = f"/staff/incidents/{dead_probe(bench)}"
    client = in_(bench, "sari")
    form = {"token": "a" * 24, "do": "note", "action": "Kabel dipasang"}
    assert [client.post(path, data=form, headers=ORIGIN).status_code for _ in range(3)] == [303] * 3
    assert bench.value("SELECT count(*) FROM incident_act") == 1


def test_a_correction_shows_both(bench: Bench) -> None:
    """The history has the old text and the new one; the open page the new one only."""
    path = f"/staff/incidents/{dead_probe(bench)}"
    client = in_(bench, "sari")
    assert post(client, path, do="settle", disposition="none", **SETTLED).status_code == 303
    settlement = str(bench.value("SELECT id FROM incident_act"))
    answer = post(client, path, do="correct", corrects=settlement, field="cause", text="Kabel digigit tikus")
    assert answer.status_code == 303
    page = client.get(path).text
    assert "Penyebab: Pintu terbuka" in page
    assert "Teks baru: Kabel digigit tikus" in page
    forum = phone(bench).get("/forum").text
    assert "Penyebab: Kabel digigit tikus. Yang dilakukan: Pintu ditutup. Hasil: tidak ada makanan terkait." in forum
    assert "Penyebab: Pintu terbuka" not in forum
    english = phone(bench).get("/forum?lang=en").text
    assert "Result: no food concerned." in english


def test_nothing_that_is_typed_runs(bench: Bench) -> None:
    """Markup in a name, a note, a cause, an action, a place, a login: letters on every page, and no script anywhere."""
    name = excursion(bench, over=False)
    write(bench, SetPerson(id=new_id(), by=MACHINE, person="evil", name=MARKUP, has_role="head", pin=hash_pin(PIN)))
    write(bench, Note(id=new_id(), by="evil", incident=name, action=MARKUP))
    write(bench, Settle(id=new_id(), by="evil", incident=name, cause=MARKUP, action=MARKUP, moved=MARKUP,
                        disposition="use"))  # fmt: skip
    client = in_(bench, "evil")
    path = f"/staff/incidents/{name}"
    pages = [client.get(where).text for where in (path, "/staff", "/staff/people", "/staff/pin", "/forum", "/wall")]
    pages.append(client.post("/staff/login", data={"person": MARKUP, "next": MARKUP}, headers=ORIGIN).text)
    pages.append(post(client, path, do="settle", cause=MARKUP, action=MARKUP, moved=MARKUP).text)
    pages.append(post(client, path, do="correct", corrects=MARKUP, field=MARKUP, text=MARKUP).text)
    pages.append(post(client, "/staff/people", do="new", person=MARKUP, name=MARKUP, new_pin="1").text)
    pages.append(client.get("/staff/incidents/" + "%3Cimg%20src=x%3E").text)
    for page in pages:
        assert "<img" not in page
        assert ">49<" not in page
    assert "&lt;img" in pages[0]


def test_the_head_looks_after_the_people(bench: Bench) -> None:
    """Adds somebody, gives a new PIN, changes the role, lets somebody go; nobody else can; PINs never come back."""
    head, cook = in_(bench, "rini"), in_(bench, "sari")
    assert cook.get("/staff/people").status_code == 403
    new = {"do": "new", "person": "tono", "name": "Tono", "role": "staff"}
    assert (
        cook.post("/staff/people", data={**new, "token": "1", "new_pin": "739164"}, headers=ORIGIN).status_code == 403
    )
    refused = post(head, "/staff/people", **new, new_pin="111111")
    assert refused.status_code == 409
    assert "terlalu mudah" in refused.text
    assert "111111" not in refused.text
    assert 'value="tono"' in refused.text
    assert post(head, "/staff/people", **new, new_pin="739164").status_code == 303
    tono = phone(bench)
    assert enter(tono, "tono", "739164").status_code == 303
    changed = {**new, "do": "tono", "role": "nutritionist", "active": "yes", "new_pin": ""}
    assert post(head, "/staff/people", **changed).status_code == 303
    assert "ahli gizi" in tono.get("/staff").text
    assert post(head, "/staff/people", **{**changed, "new_pin": "528417"}).status_code == 303
    assert tono.get("/staff").status_code == 303, "a new PIN ends the session"
    assert enter(tono, "tono", "528417").status_code == 303
    assert post(head, "/staff/people", **{**changed, "active": "no"}).status_code == 303
    assert tono.get("/staff").status_code == 303
    assert enter(tono, "tono", "528417").status_code == 401
    last = post(head, "/staff/people", do="rini", person="rini", name="Rini", role="staff", active="yes")
    assert "Harus ada satu kepala" in last.text
    for pin in ("739164", "528417"):
        assert pin not in head.get("/staff/people").text


def test_ones_own_pin_wants_the_old_one(bench: Bench) -> None:
    """A phone that was left lying does not lock its owner out; then the new PIN opens and the old one does not."""
    client = in_(bench, "sari")
    new = {"new_pin": "739164", "again_pin": "739164"}
    for fields, reason in (
        ({**new, "old_pin": "000000"}, "PIN lama salah"),
        ({**new, "old_pin": PIN, "again_pin": "739165"}, "tidak sama"),
        ({"old_pin": PIN, "new_pin": "123456", "again_pin": "123456"}, "mudah ditebak"),
    ):  # fmt: skip
        answer = post(client, "/staff/pin", **fields)
        assert answer.status_code == 409
        assert reason in answer.text
        assert "739164" not in answer.text
    assert post(client, "/staff/pin", **new, old_pin=PIN).headers["location"] == "/staff/login"
    assert client.get("/staff").status_code == 303
    assert enter(client, "sari").status_code == 401
    assert enter(client, "sari", "739164").status_code == 303


def test_the_wall_only_shows(bench: Bench) -> None:
    """No address of the wall takes anything but a look, and neither it nor the open page has a form or a field."""
    app, _, _ = application(bench)
    shown = [route for route in routes(app) if route.path.startswith(("/wall", "/forum"))]
    assert {route.path for route in shown} == {"/wall", "/forum"}
    assert {method for route in shown for method in route.methods} <= {"GET", "HEAD"}
    client = in_(bench, "rini")
    excursion(bench)
    for path in ("/wall", "/forum"):
        page = phone(bench).get(path).text
        assert not re.search(r"<(form|input|textarea|select|button)\b", page)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert client.request(method, path, headers=ORIGIN).status_code == 405
