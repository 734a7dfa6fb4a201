"""A card that was copied and put back: both versions are kept, nothing is lost or doubled, and people hear of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.short_road import Gateway, Mosquitto, Server, until

from pawon_edge.spool.quarantine import aside

pytestmark = pytest.mark.system


@pytest.fixture
def road(tmp_path: Path) -> Iterator[tuple[Mosquitto, Server]]:
    """A broker and a server."""
    broker = Mosquitto(tmp_path)
    server = Server(tmp_path, broker.port)
    yield broker, server
    server.stop()
    broker.kill()


def sent(gateway: Gateway) -> None:
    """Wait until the server has all of it."""
    until(gateway.drained, lambda: (gateway.spool.upto, gateway.spool.last, gateway.spool.trouble))


@pytest.mark.parametrize(
    ("since", "meanwhile"),
    [(8, 0), (8, 3), (8, 8), (3, 40)],
    ids=["nothing new", "fewer rows than the server has", "as many", "more"],
)  # fmt: skip
def test_a_restored_card_goes_on_in_a_new_spool(
    tmp_path: Path, road: tuple[Mosquitto, Server], since: int, meanwhile: int
) -> None:
    """The first ``since`` rows after the copy are the server's; the card that is put back has accepted ``meanwhile``
    others under their numbers before it meets the server. All of them arrive once, and a person is told."""
    broker, server = road
    gateway = Gateway(tmp_path / "card", broker.port)
    first = gateway.spool.id
    gateway.accept([1 + n / 64 for n in range(20)])
    sent(gateway)
    gateway.stop()
    shutil.copytree(tmp_path / "card", tmp_path / "copy")
    gateway = Gateway(tmp_path / "card", broker.port)
    gateway.accept([2 + n / 64 for n in range(since)])
    sent(gateway)
    gateway.stop()

    broker.kill()
    card = tmp_path / "copy"
    again = Gateway(card, broker.port)
    again.accept([3 + n / 64 for n in range(meanwhile)])
    broker.start()
    until(lambda: again.spool.id != first, lambda: again.spool.trouble)
    again.accept([4.0, 4.5])
    sent(again)
    again.stop()

    expected = [
        *(1 + n / 64 for n in range(20)), *(2 + n / 64 for n in range(since)),
        *(3 + n / 64 for n in range(meanwhile)), 4.0, 4.5,
    ]  # fmt: skip
    assert server.values() == expected
    assert [file.name for file in card.glob("*.salvage*")] == []
    assert len(aside(card / "spool.db", mark="forked")) == 1
    assert "this card was copied" in again.spool.trouble
    ((kind, sensor, closed),) = server.rows("SELECT kind, sensor, closed_ms FROM incident WHERE kind = 'fork'")
    assert (kind, sensor, closed is not None) == ("fork", "gw-1", True)
    ((said,),) = server.rows("SELECT text FROM alert WHERE incident LIKE '%.fork'")
    assert "mulai baris 21" in str(said)
    assert server.rows("SELECT spool, upto FROM spool WHERE upto = 28 OR upto = 23") == [(first, 20 + since)]


def test_two_gateways_on_copies_of_one_card_each_get_a_record(tmp_path: Path, road: tuple[Mosquitto, Server]) -> None:
    """They take the broker's connection from each other again and again; every row of both arrives once."""
    broker, server = road
    one = Gateway(tmp_path / "card", broker.port)
    one.accept([1.0, 1.25, 1.5])
    sent(one)
    one.stop()
    shutil.copytree(tmp_path / "card", tmp_path / "copy")
    pair = [Gateway(tmp_path / "card", broker.port), Gateway(tmp_path / "copy", broker.port)]
    for number, gateway in enumerate(pair):
        gateway.accept([2 + number + n / 64 for n in range(10)])
    for gateway in pair:
        until(gateway.drained, lambda: [(g.spool.id, g.spool.upto, g.spool.last) for g in pair], 60)
    for gateway in pair:
        gateway.stop()
    expected = [1.0, 1.25, 1.5, *(2 + n / 64 for n in range(10)), *(3 + n / 64 for n in range(10))]
    assert sorted(server.values()) == expected
    assert len(server.rows("SELECT spool FROM spool")) == 2
