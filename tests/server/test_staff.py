"""The staff pages' base: signing in without a list of names, forms that are one act, and nothing for strangers."""

from __future__ import annotations

import re

import pytest
from fastapi import Request
from fastapi.responses import Response
from fastapi.testclient import TestClient
from tests.server.conftest import Bench
from tests.server.desk import ORIGIN, PIN, hire, write
from tests.server.phone import application, enter

from pawon_server.people.act import MACHINE, new_id
from pawon_server.people.person import ChangePin, SetPerson
from pawon_server.people.pin import hash_pin
from pawon_server.web.desk import COOKIE, MAX_BODY_BYTES
from pawon_server.web.forms import KIND, MAX_FIELDS, Form, UnreadableFormError, read_form
from pawon_server.web.pages import Screens
from pawon_server.web.staff import Staff


def browser(bench: Bench) -> TestClient:
    """A phone, with one more form than the application has."""
    app, made, board = application(bench)
    staff = Staff(made, Screens(), board.kitchen)

    async def show(request: Request, form: Form) -> Response:
        return await staff.page(request, "staff_refused.html", form=form)

    @app.post("/staff/try")
    async def change(request: Request) -> Response:
        return await staff.act(
            request, lambda by, form: ChangePin(id=form.act, by=by.id, pin=form.get("pin")), show, "/staff"
        )

    return TestClient(app, follow_redirects=False)


@pytest.fixture
def client(bench: Bench) -> TestClient:
    """A phone in a kitchen that has a cook and a head."""
    hire(bench, "sari")
    hire(bench, "wulan", "head")
    return browser(bench)


def test_nobody_is_named_before_signing_in(client: TestClient) -> None:
    """The login page knows no names, and every staff page leads a stranger to it, in both languages."""
    page = client.get("/staff/login")
    assert page.status_code == 200
    assert "sari" not in page.text.lower()
    assert "wulan" not in page.text.lower()
    assert "Masuk" in page.text
    assert "Sign in" in client.get("/staff/login?lang=en").text
    answer = client.get("/staff")
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/login?next=/staff")


def test_signing_in_and_out(client: TestClient) -> None:
    """A name and its PIN open the pages, also with a capital letter; signing out closes them on this device."""
    answer = enter(client, " Sari ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff")
    page = client.get("/staff").text
    assert "Sari" in page
    assert "petugas" in page
    assert client.post("/staff/logout").status_code == 403
    assert client.post("/staff/logout", headers=ORIGIN).status_code == 303
    assert client.get("/staff").status_code == 303


def test_a_wrong_pin_keeps_the_name_and_forgets_the_pin(client: TestClient) -> None:
    """The page says what is wrong in Indonesian beside the form; the name stays, no PIN ever comes back."""
    answer = client.post("/staff/login", data={"person": "sari", "pin": "739164"}, headers=ORIGIN)
    assert answer.status_code == 401
    assert "Nama atau PIN salah" in answer.text
    assert 'value="sari"' in answer.text
    assert "739164" not in answer.text
    assert COOKIE not in answer.cookies


@pytest.mark.parametrize("where", ["//evil.example", "https://evil.example", "/staff\\evil", "/wall", "/staff/login"])
def test_signing_in_leads_to_no_other_site(client: TestClient, where: str) -> None:
    """Only a staff page may come next."""
    assert enter(client, "sari", next=where).headers["location"] == "/staff"
    assert enter(client, "sari", next="/staff/incidents/x").headers["location"] == "/staff/incidents/x"


def test_a_form_sent_twice_is_one_act(bench: Bench, client: TestClient) -> None:
    """A double tap writes once; the same page with something else typed is another act."""
    enter(client, "sari")
    before = bench.value("SELECT count(*) FROM act")
    for pin in ("a", "a", "b"):
        answer = client.post("/staff/try", data={"token": "t1", "pin": pin}, headers=ORIGIN)
        assert answer.status_code == 303
        enter(client, "sari")
        hire(bench, "sari")
        enter(client, "sari")
    assert bench.value("SELECT count(*) FROM act WHERE what = 'person.pin'") == 2
    assert before == 2


def test_what_cannot_be_written_is_told_beside_the_form(bench: Bench, client: TestClient) -> None:
    """Too long, from another site, too large or no form: refused with a reason, and nothing is written."""
    enter(client, "sari")
    answer = client.post("/staff/try", data={"token": "t1", "pin": "x" * 201}, headers=ORIGIN)
    assert answer.status_code == 422
    assert "Isian belum benar" in answer.text
    assert client.post("/staff/try", data={"pin": "x"}).status_code == 403
    assert client.post("/staff/try", json={"pin": "x"}, headers=ORIGIN).status_code == 422
    large = client.post("/staff/try", content=b"x" * (MAX_BODY_BYTES + 1), headers=ORIGIN)
    assert large.status_code == 413
    assert bench.value("SELECT count(*) FROM act WHERE what = 'person.pin'") == 0
    client.cookies.clear()
    assert client.post("/staff/try", data={"pin": "x"}, headers=ORIGIN).headers["location"].startswith("/staff/login")


def test_the_name_of_a_person_runs_nothing(bench: Bench) -> None:
    """A name is shown as letters, whatever it is made of."""
    write(bench, SetPerson(id=new_id(), by=MACHINE, person="x", name="<script>alert(1)</script>", has_role="head",
                           pin=hash_pin(PIN)))  # fmt: skip
    client = browser(bench)
    enter(client, "x")
    page = client.get("/staff").text
    assert "&lt;script&gt;alert" in page
    assert not re.search(r"<script(?! type)", page)


def test_a_form_is_read_as_it_was_typed() -> None:
    """Letters of any script and lines; no NUL; the last of two; and anything else is no form."""
    form = read_form(f"{KIND}; charset=utf-8", b"a=se%20ratus+%C3%A9%0D%0Ab%00&a2=&a=x%0D%0Ay%00z&do=sign")
    assert (form.get("a"), form.get("a2"), form.get("b")) == ("x\nyz", "", "")
    assert form.of("sign") is form
    assert form.of("settle") == Form()
    for kind, body in (("application/json", b"{}"), (KIND, b"\xff"), (KIND, b"a=1&" * (MAX_FIELDS + 2)), ("", b"")):
        with pytest.raises(UnreadableFormError):
            read_form(kind, body)
