"""A real store and the real writer, without a broker: payloads go in by ``put``, answers come out of a list.

What touches SQL runs on both kinds of store: ``store_address`` and all that stands on it come once with a file and once
with a database of a real PostgreSQL, which is started when the first test asks for it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from tests.postgresql import Cluster

from pawon_contract.messages import Committed
from pawon_food_safety.profile import load_profile
from pawon_server.ingest.acceptance import Reply
from pawon_server.ingest.share import ALERTS, Share, name_worker
from pawon_server.ingest.writer import Writer
from pawon_server.projections.context import Changes
from pawon_server.rulebook import EDITION, Item, Place, Rulebook, Sensor, Settings
from pawon_server.store.address import Address, Database
from pawon_server.store.database import Store, open_scratch, open_store

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
    # Early warnings have tests of their own (test_excursions): here a jump of the air is told by its limits alone.
    profile=msgspec.structs.replace(load_profile("ID-MBG"), rate=[]),
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
        gateways = frozenset({"gw-1"})
        self.writer = Writer(
            self.store, self.book, gateways, answer=self._answer,
            changed=lambda changes, _: self.changes.append(changes), utc_ms=lambda: self.now_ms,
            share=Share(self.book.settings.kitchen, name_worker(), gateways, (ALERTS,)) if self.store.shared else None,
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


# A module whose subject knows one kind of store only has a ``STORES`` of its own.
STORES = ("sqlite", "postgresql")
# For tests of what only one of them has: a file that another program opens, a lock, a pragma; a lease.
on_sqlite = pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("stores", ["postgresql"], indirect=True)

NewAddress = Callable[[], Address]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The PostgreSQL of this run."""
    made = Cluster()
    yield made
    made.remove()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Once for each kind of store, unless the test says which."""
    said = [mark for mark in metafunc.definition.iter_markers("parametrize") if mark.args[0] == "stores"]
    if "stores" in metafunc.fixturenames and not said:
        kinds = getattr(metafunc.module, "STORES", STORES)
        metafunc.parametrize("stores", kinds, indirect=True, scope="module")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema, as the databases of a cluster are made: each copy begins an epoch of its own."""
    path = tmp_path_factory.mktemp("template") / "pawon.db"
    open_scratch(path).dispose()
    return path


@pytest.fixture(scope="module")
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewAddress]:
    """Places for stores, each its own."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("empty_store")
        yield lambda: Path(shutil.copy(template, tmp_path_factory.mktemp("store") / "pawon.db"))
        return
    postgresql: Cluster = request.getfixturevalue("cluster")
    made: list[Database] = []

    def new() -> Database:
        made.append(postgresql.new())
        return made[-1]

    yield new
    for address in made:
        postgresql.drop(address)


@pytest.fixture
def store_address(stores: NewAddress) -> Address:
    """A place for a store: a file, and in another run of the test a database."""
    return stores()


@pytest.fixture
def bench(store_address: Address) -> Iterator[Bench]:
    """A writer on an empty store."""
    store = open_store(store_address)
    made = Bench(store)
    yield made
    made.writer.stop()
    store.close()
