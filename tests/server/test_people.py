"""People, their PINs, and what they write: who may, once, by name, durable, and nobody else."""

from __future__ import annotations

import string
from pathlib import Path

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from tests.server.conftest import Bench
from tests.server.desk import HASHED, ORIGIN, PIN, desk, hire, sign_in, write

from pawon_server.acts import decode_act
from pawon_server.ingest import writer as ingest
from pawon_server.ingest.writer import NotWrittenError
from pawon_server.people.act import MACHINE, may, new_id
from pawon_server.people.person import ChangePin, SetPerson
from pawon_server.people.pin import FREE_TRIES, MAX_NAMES, MAX_TRIES_A_MINUTE, Throttle, fits, hash_pin, unfit
from pawon_server.projections.acts import Refusal, Written
from pawon_server.record.rebuild import rebuild
from pawon_server.web.desk import COOKIE, MAX_BODY_BYTES, SESSION_S
from pawon_server.web.people_api import people_api


@pytest.fixture
def client(bench: Bench) -> TestClient:
    """A browser at the API of a kitchen that has a cook and a head."""
    hire(bench, "sari")
    hire(bench, "wulan", "head")
    app = FastAPI()
    app.include_router(people_api(desk(bench)))
    return TestClient(app)


@pytest.mark.parametrize(
    "pin", ["", "12345", "1234567890123", "12a456", "111111", "123456", "987654", "121212", "٣٤٥٦٧٨"]
)
def test_a_pin_that_anyone_would_try_is_refused(pin: str) -> None:
    """Too short, too long, no digits, or the first that a thief would type."""
    assert unfit(pin) is not None


def test_a_pin_is_kept_as_something_else() -> None:
    """The same PIN is kept differently each time, and only itself fits."""
    assert unfit(PIN) is None
    again = hash_pin(PIN)
    assert again != HASHED
    assert PIN not in again
    assert fits(PIN, again)
    assert fits(PIN, HASHED)
    assert not fits(PIN[:-1] + "4", HASHED)
    assert not fits(PIN, "")


def test_wrong_pins_cost_more_and_more_time() -> None:
    """Five are free, then each costs a wait that doubles up to a quarter of an hour; a right one forgives."""
    now = [1_000.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(FREE_TRIES):
        assert throttle.wait_s("sari") == 0
        throttle.told("sari", right=False)
    waits = []
    for _ in range(8):
        waits.append(throttle.wait_s("sari"))
        now[0] += waits[-1] + 61
        assert throttle.wait_s("sari") == 0
        throttle.told("sari", right=False)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    now[0] += 1_000
    assert throttle.wait_s("sari") == 0
    throttle.told("sari", right=True)
    assert throttle.wait_s("sari") == 0


def test_no_crowd_of_names_tries_faster_or_fills_the_memory() -> None:
    """All names share a bound a minute, and only so many are remembered."""
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    passed = sum(throttle.wait_s(f"n{n}") == 0 for n in range(1000))
    assert passed == MAX_TRIES_A_MINUTE
    for n in range(3 * MAX_NAMES):
        throttle.told(f"n{n}", right=False)
    assert len(throttle._names) == MAX_NAMES


def test_what_a_role_may(bench: Bench) -> None:
    """A cook may not make people; a head may; somebody who left or never was may nothing."""
    assert may("head", "staff")
    assert not may("staff", "nutritionist")
    assert not may("", "staff")
    hire(bench, "sari")
    hire(bench, "wulan", "head")

    def new(by: str) -> Written | Refusal:
        return write(bench, SetPerson(id=new_id(), by=by, person="tono", name="Tono", has_role="staff", pin=HASHED))

    for by in ("sari", "nobody", ""):
        answer = new(by)
        assert isinstance(answer, Refusal)
        assert answer.status == 403
    assert bench.value("SELECT count(*) FROM person") == 2
    assert isinstance(new("wulan"), Written)
    left = SetPerson(id=new_id(), by="wulan", person="tono", name="Tono", has_role="staff", active=False)
    assert isinstance(write(bench, left), Written)
    answer = write(bench, ChangePin(id=new_id(), by="tono", pin=HASHED))
    assert isinstance(answer, Refusal)


def test_a_kitchen_keeps_its_head(bench: Bench) -> None:
    """The only head cannot leave or become a cook by a page; whoever has the machine may do it."""
    hire(bench, "wulan", "head")
    leaves = {"person": "wulan", "name": "Wulan", "active": False}
    answer = write(bench, SetPerson(id=new_id(), by="wulan", has_role="head", **leaves))  # type: ignore[arg-type]  # as named
    assert isinstance(answer, Refusal)
    assert answer.status == 409
    demoted = SetPerson(id=new_id(), by="wulan", person="wulan", name="Wulan", has_role="staff")
    assert isinstance(write(bench, demoted), Refusal)
    assert isinstance(write(bench, msgspec.structs.replace(demoted, id=new_id(), by=MACHINE)), Written)


def test_an_act_sent_twice_is_one_and_everything_is_derived_again(bench: Bench, tmp_path: Path) -> None:
    """The same act gives the same entry; another one under its number is refused; a rebuild finds the same people."""
    hire(bench, "wulan", "head")
    act = SetPerson(id="0123456789abcdef", by="wulan", person="sari", name="Sari", has_role="staff", pin=HASHED)
    first = write(bench, act)
    assert isinstance(first, Written)
    assert write(bench, act) == first
    stolen = SetPerson(id=act.id, by=MACHINE, person="tono", name="Tono", has_role="head", pin=HASHED)
    assert isinstance(write(bench, stolen), Refusal)
    assert bench.rows("SELECT person, what FROM act ORDER BY journal_id") == [
        ("-", "person.set"), ("wulan", "person.set"),
    ]  # fmt: skip
    bench.writer.stop()
    assert rebuild(bench.store.reader, "dapur-uji", tmp_path).same


def test_an_id_stands_for_one_act_only(bench: Bench) -> None:
    """The same number with other words by the same person is refused, not answered as if it had been written; a form
    that is sent again, with a PIN hashed anew, is the same."""
    first = SetPerson(id="0123456789abcdef", by=MACHINE, person="sari", name="Sari", has_role="staff", pin=HASHED)
    assert isinstance(write(bench, first), Written)
    assert isinstance(write(bench, msgspec.structs.replace(first, pin=hash_pin(PIN))), Written)
    other = write(bench, msgspec.structs.replace(first, person="tono", name="Tono"))
    assert isinstance(other, Refusal)
    assert other.status == 409
    assert isinstance(write(bench, ChangePin(id=first.id, by=MACHINE, pin=HASHED)), Refusal)
    assert bench.value("SELECT count(*) FROM person") == 1


def test_what_is_no_act_is_no_entry(bench: Bench) -> None:
    """Unknown kinds, fields of the wrong shape, and bytes: an error that names the place, and nothing is journalled."""
    before = bench.value("SELECT count(*) FROM journal")
    for payload in (b"", b"{}", b'{"act":"person.set"}', b'{"act":"x","id":"0123456789abcdef","by":"-"}', b"\xff" * 9):
        with pytest.raises(msgspec.DecodeError):
            bench.writer.write(payload)
    assert bench.value("SELECT count(*) FROM journal") == before


def test_a_store_that_fails_says_so_and_the_same_act_may_come_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told that something was written when it was not."""
    monkeypatch.setattr(ingest, "RETRY_S", 0.01)
    act = SetPerson(id=new_id(), by=MACHINE, person="sari", name="Sari", has_role="staff", pin=HASHED)
    acceptance = bench.writer._acceptance
    broken = acceptance.flush

    def fails(_: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(acceptance, "flush", fails)
    with pytest.raises(NotWrittenError):
        write(bench, act)
    monkeypatch.setattr(acceptance, "flush", broken)
    assert isinstance(write(bench, act), Written)
    assert bench.value("SELECT count(*) FROM person") == 1


def test_signing_in_and_out(bench: Bench, client: TestClient) -> None:
    """A name and PIN give a session that knows who it is, until its time is over or it is given back."""
    assert client.get("/api/v1/session").status_code == 401
    assert sign_in(client, "sari").json() == {"person": "sari", "name": "Sari", "role": "staff"}
    assert client.get("/api/v1/session").json()["person"] == "sari"
    bench.now_ms += SESSION_S * 1000 + 1000
    assert client.get("/api/v1/session").status_code == 401
    sign_in(client, "sari")
    assert client.delete("/api/v1/session", headers=ORIGIN).status_code == 200
    assert client.get("/api/v1/session").status_code == 401


def test_a_wrong_pin_tells_nothing(client: TestClient) -> None:
    """A wrong PIN and a name that nobody has are answered alike, and after some tries nobody looks any more."""
    wrong, nobody = sign_in(client, "sari", "000000"), sign_in(client, "nobody")
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() == nobody.json()
    assert COOKIE not in wrong.cookies
    for _ in range(FREE_TRIES):
        sign_in(client, "sari", "000000")
    waited = sign_in(client, "sari")
    assert waited.status_code == 429
    assert int(waited.headers["Retry-After"]) > 0


@pytest.mark.parametrize("origin", [None, "http://elsewhere.example", "null", "http://testserver.example"])
def test_no_other_page_writes(client: TestClient, origin: str | None) -> None:
    """A page of another site cannot sign anyone in or out."""
    headers = {} if origin is None else {"Origin": origin}
    body = {"person": "sari", "pin": PIN}
    assert client.post("/api/v1/session", json=body, headers=headers).status_code == 403
    assert client.delete("/api/v1/session", headers=headers).status_code == 403


def test_a_new_pin_or_leaving_ends_every_session(bench: Bench, client: TestClient) -> None:
    """Who took a phone cannot go on with it."""
    sign_in(client, "sari")
    write(bench, ChangePin(id=new_id(), by="sari", pin=HASHED))
    assert client.get("/api/v1/session").status_code == 401
    sign_in(client, "sari")
    write(bench, SetPerson(id=new_id(), by="wulan", person="sari", name="Sari", has_role="staff", active=False))
    assert client.get("/api/v1/session").status_code == 401


@given(
    cookie=st.text(string.printable.strip() + "~", max_size=80).filter(lambda text: ";" not in text and '"' not in text)
)
def test_no_made_up_session_is_one(cookie: str) -> None:
    """Whatever stands in the cookie."""
    from fastapi import Request

    from pawon_server.web.desk import Desk

    headers = [(b"cookie", f"{COOKIE}={cookie}".encode())]
    request = Request({"type": "http", "headers": headers, "method": "GET", "path": "/"})
    made = Desk(None, "dapur-uji", b"k" * 32, lambda _: Written(entry=1))  # type: ignore[arg-type]  # is never asked
    assert made.person(request) is None


def test_a_body_has_an_end(client: TestClient) -> None:
    """More than a form can hold is not read."""
    answer = client.post("/api/v1/session", content=b"x" * (MAX_BODY_BYTES + 1), headers=ORIGIN)
    assert answer.status_code == 413
    assert client.post("/api/v1/session", content=b"{", headers=ORIGIN).status_code == 422


def test_acts_keep_their_shape() -> None:
    """What is in the journals of kitchens can be read for ever."""
    written = b'{"act":"person.set","id":"0123456789abcdef","by":"-","person":"sari","name":"Sari","has_role":"staff"}'
    assert decode_act(written) == SetPerson(
        id="0123456789abcdef", by="-", person="sari", name="Sari", has_role="staff", pin="", active=True
    )
