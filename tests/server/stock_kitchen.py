"""A kitchen with a scale for rice, a receiving scale and one that several items share. Not a test by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from fastapi.testclient import TestClient
from tests.server.conftest import BOOK, Bench
from tests.server.desk import ORIGIN, desk, hire, sign_in, write
from tests.server.sender import Sender

from pawon_contract.messages import Weighing
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import ReceiveLot
from pawon_server.people.act import MACHINE, new_id
from pawon_server.projections.acts import Written
from pawon_server.rulebook import Item, Place, Rulebook, Sensor
from pawon_server.web.app import make_app
from pawon_server.web.board import Board
from pawon_server.web.events import Hub

START_MS = 1_760_000_000_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
# Rice taken out of a bin in one go, as a scale of 5 readings a second saw it.
TRACE = [(0, 30_000.0), (400, 27_500.5), (900, 25_100.0), (1_500, 24_800.0)]

KITCHEN = Rulebook(
    settings=msgspec.structs.replace(
        BOOK.settings,
        sensors=[
            *BOOK.settings.sensors,
            Sensor(id="scale-3", gateway="gw-1", name="Timbangan dapur", point="", quantity="mass_g"),
        ],
        items=[
            Item(id="beras", name="Beras", gtin=("8991234567891",)), Item(id="ayam", name="Ayam"),
            Item(id="telur", name="Telur", unit="piece", unit_g=60.0, gtin=("08997654321099",)),
        ],
        places=[
            Place(id="gudang", name="Gudang", scale="scale-1", item="beras", minimum=50_000),
            Place(id="terima", name="Penerimaan", scale="scale-2", item="ayam"),
            Place(id="dapur", name="Meja dapur", scale="scale-3"),
            Place(id="rak", name="Rak kering"),
        ],
    ),
    profile=BOOK.profile,
)  # fmt: skip


@dataclass
class Kitchen:
    """The real application over a bench, its board told of every commit, and phones that sign in at it."""

    bench: Bench
    sender: Sender = field(default_factory=Sender)
    events: list[tuple[str, msgspec.Struct]] = field(default_factory=list)
    board: Board = field(init=False)
    app: Any = field(init=False)

    def __post_init__(self) -> None:
        for name, role in (("sari", "staff"), ("budi", "staff"), ("tono", "nutritionist"), ("wulan", "head")):
            hire(self.bench, name, role)  # type: ignore[arg-type]  # roles
        hub, reader = Hub(), self.bench.store.reader
        self.board = Board(
            self.bench.book, reader, demo=False, emit=lambda name, what: self.events.append((name, what)),
            utc_ms=lambda: self.bench.now_ms,
        )  # fmt: skip
        self.app = make_app(
            version="1", reader=reader, book=self.bench.book, board=self.board, hub=hub, health=lambda: {"ok": True},
            metrics=dict, desk=desk(self.bench),
        )  # fmt: skip

    def phone(self, name: str = "") -> TestClient:
        """A phone that follows no redirect by itself, of somebody or of nobody."""
        client = TestClient(self.app, follow_redirects=False)
        if name:
            assert sign_in(client, name).status_code == 200
        return client

    def weigh(self, sensor: str, before_g: int, after_g: int, minute: int, kind: str = "", **more: Any) -> str:
        """A scale saw a change; the movement's id."""
        kind = kind or ("in" if after_g > before_g else "out")
        end_ms = minute * MINUTE
        said = {"at_ms": end_ms, "sensor": sensor, "kind": kind, "before_g": before_g, "after_g": after_g,
                "start_ms": end_ms - 1_500, "end_ms": end_ms, **more}  # fmt: skip
        self.sender.add(Weighing(**said))
        self.bench.now_ms = max(self.bench.now_ms, START_MS + end_ms)
        self.bench.send(self.sender.batch(len(self.sender.rows), sent_ms=end_ms))
        return f"gw-1.{self.sender.spool}.{len(self.sender.rows)}.movement"

    def lot(self, item: str, amount: int, place: str, minute: int, expires: str = "") -> str:
        """A delivery that no scale saw; the lot's id."""
        act = ReceiveLot(id=new_id(), by=MACHINE, item=item, supplier="Tani Jaya", amount=amount, place=place,
                         at_ms=START_MS + minute * MINUTE, expires=expires, unweighed=True,
                         despite="untuk uji")  # fmt: skip
        self.bench.now_ms = max(self.bench.now_ms, act.at_ms)
        assert isinstance(write(self.bench, act), Written)
        return lot_id(act, "Asia/Jakarta")

    def stock(self, place: str, item: str) -> int | None:
        """The balance as everybody sees it."""
        rows = self.phone().get("/api/v1/stock", params={"place": place, "item": item}).json()["items"]
        return rows[0]["amount"] if rows else None

    def movement(self, name: str) -> dict[str, Any]:
        """A movement as everybody sees it."""
        answer = self.phone().get(f"/api/v1/movements/{name}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def tap(client: TestClient, path: str, **typed: str) -> Any:
    """A form of a page is sent."""
    return client.post(path, data={"token": new_id(), **typed}, headers=ORIGIN)


def post(client: TestClient, path: str, **said: Any) -> Any:
    """An act by the API."""
    return client.post(f"/api/v1/{path}", json={"id": new_id(), **said}, headers=ORIGIN)
