"""A desk over a bench, and a browser that signs in at it. Not a test by itself."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient
from tests.server.conftest import Bench

from pawon_server.acts import AnyAct, encode_act
from pawon_server.people.act import MACHINE, Role, new_id
from pawon_server.people.person import SetPerson
from pawon_server.people.pin import hash_pin
from pawon_server.projections.acts import Refusal, Written
from pawon_server.store.database import session_key
from pawon_server.web.desk import Desk

PIN = "482913"
# Hashed once: it is slow on purpose.
HASHED = hash_pin(PIN)
ORIGIN = {"Origin": "http://testserver"}


def desk(bench: Bench) -> Desk:
    """The desk that a server has; its clock is the bench's."""
    return Desk(
        bench.store.reader, bench.book.settings.kitchen, session_key(bench.store), lambda act: bench.writer.write(act),
        lambda: bench.now_ms / 1000,
    )  # fmt: skip


def write(bench: Bench, act: AnyAct) -> Written | Refusal:
    """An act, as a page would hand it over."""
    return bench.writer.write(encode_act(act))


def hire(bench: Bench, name: str, role: Role = "staff") -> None:
    """Somebody who signs in with ``PIN``."""
    act = SetPerson(id=new_id(), by=MACHINE, person=name, name=name.title(), has_role=role, pin=HASHED)
    assert isinstance(write(bench, act), Written)


def sign_in(client: TestClient, name: str, pin: str = PIN) -> Any:
    """The answer to a signing in; the client keeps the session."""
    return client.post("/api/v1/session", json={"person": name, "pin": pin}, headers=ORIGIN)
