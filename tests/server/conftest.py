"""A real store and the real writer, without a broker: payloads go in by ``put``, answers come out of a list."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from pawon_contract.messages import Committed
from pawon_food_safety.profile import load_profile
from pawon_server.ingest.acceptance import Reply
from pawon_server.ingest.writer import Writer
from pawon_server.projections.context import Changes
from pawon_server.rulebook import EDITION, Item, Place, Rulebook, Sensor, Settings
from pawon_server.store.database import Store, open_store

BOOK = Rulebook(
    settings=Settings(
        kitchen="dapur-uji",
        name="Dapur Uji",
        timezone="Asia/Jakarta",
        sensors=[
            Sensor(id="chiller-1", gateway="gw-1", name="Chiller 1", point="chiller", quantity="temperature_c"),
            Sensor(id="chiller-2", gateway="gw-1", name="Chiller 2", point="chiller", quantity="temperature_c"),
            Sensor(id="scale-1", gateway="gw-1", name="Timbangan beras", point="", quantity="mass_g"),
            Sensor(id="scale-2", gateway="gw-1", name="Timbangan terima", point="", quantity="mass_g"),
        ],
        items=[Item(id="beras", name="Beras"), Item(id="ayam", name="Ayam")],
        places=[
            Place(id="gudang", name="Gudang", scale="scale-1", item="beras", auto_confirm=True),
            Place(id="terima", name="Penerimaan", scale="scale-2", item="ayam"),
        ],
        edition=EDITION,
    ),
    profile=load_profile("ID-MBG"),
)


@dataclass
class Bench:
    """The writer under test and what it said. ``now_ms`` is its wall clock."""

    store: Store
    book: Rulebook = BOOK
    now_ms: int = 1_760_001_000_000
    answers: list[Committed] = field(default_factory=list)
    changes: list[Changes] = field(default_factory=list)
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start a writer on the store, as a server does."""
        self.writer = Writer(
            self.store, self.book, frozenset({"gw-1"}), answer=self._answer,
            changed=lambda changes, _: self.changes.append(changes), utc_ms=lambda: self.now_ms,
        )  # fmt: skip
        self.writer.start()

    def restart(self) -> None:
        """Stop the writer and start another one on the same store, by ``book`` as it is now."""
        self.writer.stop()
        self.begin()

    def send(self, payload: bytes, gateway: str = "gw-1") -> Committed:
        """Send one payload and wait for its answer."""
        before = len(self.answers)
        self.writer.put(gateway, payload)
        self.until(lambda: len(self.answers) > before, "an answer")
        return self.answers[-1]

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for the writer, not for a time."""
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.005)

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        """Ask the store."""
        with self.store.reader.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def value(self, query: str, **values: object) -> object:
        """Ask the store for one value."""
        return self.rows(query, **values)[0][0]

    def _answer(self, reply: Reply) -> None:
        self.answers.append(reply.message)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A writer on an empty store."""
    store = open_store(tmp_path / "pawon.db")
    made = Bench(store)
    yield made
    made.writer.stop()
    store.close()
