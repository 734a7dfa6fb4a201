"""A phone at the real application, and an excursion for it to be about. Not a test by itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.server.conftest import Bench
from tests.server.desk import ORIGIN, PIN, desk
from tests.server.sender import Sender, temperature

from pawon_contract.messages import SensorFault
from pawon_server.web.app import make_app
from pawon_server.web.board import Board
from pawon_server.web.desk import Desk
from pawon_server.web.events import Hub

MINUTE = 60_000


def application(bench: Bench) -> tuple[FastAPI, Desk, Board]:
    """The real application over the bench's store, its desk and its board."""
    hub = Hub()
    board = Board(bench.book, bench.store.reader, demo=False, emit=hub.publish, utc_ms=lambda: bench.now_ms)
    board.load(bench.writer.projector)
    made = desk(bench)
    app = make_app(
        version="1", reader=bench.store.reader, book=bench.book, board=board, hub=hub, health=lambda: {"ok": True},
        metrics=dict, desk=made,
    )  # fmt: skip
    return app, made, board


def phone(bench: Bench) -> TestClient:
    """A phone that follows no redirect by itself."""
    return TestClient(application(bench)[0], follow_redirects=False)


def enter(client: TestClient, name: str, pin: str = PIN, **more: str) -> Any:
    """What the login page answers; the client keeps the session."""
    return client.post("/staff/login", data={"person": name, "pin": pin, **more}, headers=ORIGIN)


def excursion(bench: Bench, *, over: bool = True) -> str:
    """A chiller that was far too warm for half an hour, and is cold again (``over``) or not: its critical incident."""
    values = [3.0] * 5 + [9.0] * 25 + [3.0] * (10 if over else 0)
    sender = Sender().add(*(temperature(value, n * MINUTE) for n, value in enumerate(values)))
    for number in range(1, len(values) + 1):
        bench.send(sender.batch(number, number, sent_ms=(number - 1) * MINUTE + 500))
    return str(bench.value("SELECT id FROM incident WHERE rule = 'chiller-very-hot'"))


def dead_probe(bench: Bench) -> str:
    """A sensor fault that is over: its incident."""
    fault = SensorFault(at_ms=5_000, sensor="chiller-2", fault="disconnected")
    bench.send(Sender(spool="f" * 20).add(fault, temperature(3, 9_000, "chiller-2")).batch(sent_ms=9_500))
    return str(bench.value("SELECT id FROM incident WHERE kind = 'fault'"))
