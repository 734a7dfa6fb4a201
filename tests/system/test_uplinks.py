"""Several servers at once, and lines that die in other ways than by closing."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.server.conftest import BOOK
from tests.system.short_road import BOOT, Gateway, Mosquitto, Server, until

from pawon_contract.messages import Gap
from pawon_edge.spool import Spool, store
from pawon_edge.uplink import connection
from pawon_edge.uplink.role import Witness
from pawon_server.rulebook import Rulebook

pytestmark = pytest.mark.system

WITNESS = Rulebook(settings=msgspec.structs.replace(BOOK.settings, witness=True), profile=BOOK.profile)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Mosquitto, Mosquitto]]:
    """Two brokers in two places."""
    pair = []
    for name in ("kitchen", "forum"):
        (tmp_path / name).mkdir()
        pair.append(Mosquitto(tmp_path / name))
    yield pair[0], pair[1]
    for broker in pair:
        broker.kill()


def test_each_server_gets_every_row_at_its_own_pace(tmp_path: Path, places: tuple[Mosquitto, Mosquitto]) -> None:
    """The forum's broker is away while the kitchen's server takes all; when it comes back it gets the rest. Both
    records hold every row once."""
    kitchen, forum = Server(tmp_path / "kitchen", places[0].port), Server(tmp_path / "forum", places[1].port, WITNESS)
    gateway = Gateway(tmp_path / "card", places[0].port, witnesses=(places[1].port,))
    gateway.accept([1.0, 1.5])
    until(lambda: len(forum.values()) == 2, forum.values)
    places[1].kill()
    gateway.accept([2.0, 2.5, 3.0])
    until(gateway.drained, lambda: gateway.spool.upto)
    assert forum.values() == [1.0, 1.5]
    places[1].start()
    until(lambda: len(forum.values()) == 5, forum.values)
    gateway.stop()
    assert kitchen.values() == forum.values() == [1.0, 1.5, 2.0, 2.5, 3.0]
    kitchen.stop()
    forum.stop()


def test_a_witness_holds_rows_back_up_to_its_quota_and_gets_a_gap_for_the_rest(
    tmp_path: Path, places: tuple[Mosquitto, Mosquitto], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away for longer than its quota, it finds the newest rows and a gap that names the others; the kitchen's server
    has all of them."""
    monkeypatch.setattr(store, "KEEP_ROWS", 5)
    kitchen, forum = Server(tmp_path / "kitchen", places[0].port), Server(tmp_path / "forum", places[1].port, WITNESS)
    places[1].kill()
    gateway = Gateway(tmp_path / "card", places[0].port, witnesses=(places[1].port,), quota_rows=20)
    gateway.accept([float(n) for n in range(60)])
    until(gateway.drained, lambda: gateway.spool.upto)
    gateway.accept([60.0])  # its answer prunes what the rows before it still held
    until(gateway.drained, lambda: gateway.spool.upto)
    places[1].start()
    until(lambda: 60.0 in forum.values(), forum.values)
    gateway.stop()
    assert kitchen.values() == [float(n) for n in range(61)]
    stored = forum.values()
    assert stored == [float(n) for n in range(61 - len(stored), 61)]
    assert 20 <= len(stored) < 61
    kitchen.stop()
    forum.stop()


def test_what_a_witness_cannot_take_is_a_gap_for_it_alone(tmp_path: Path) -> None:
    """The row stays in the spool for the primary; the witness gets a gap with the row's chain value."""
    spool = Spool(tmp_path / "spool.db")
    spool.append(BOOT, [b'{"k":"a"}', b'{"k":"b"}'])
    role = Witness("forum", spool, 10)
    rows = spool.read(1, limit=10, max_bytes=10**6)
    assert role.shown(rows) == rows
    role.refused(spool.id, 2, "unknown kind b", 0)
    first, gap = role.shown(rows)
    assert first == rows[0]
    read = msgspec.json.decode(gap.item, type=Gap)
    assert (read.from_, read.to, read.reason, read.detail, read.chain) == (
        2, 2, "refused", "unknown kind b", rows[1].chain.hex(),
    )  # fmt: skip
    assert spool.read(1, limit=10, max_bytes=10**6) == rows
    spool.close()


class Line:
    """A TCP line to a broker that can freeze without closing, and say things that are no MQTT."""

    def __init__(self, to: int) -> None:
        self._to = to
        self.frozen = threading.Event()
        self.connections = 0
        self.near: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.frozen.clear()
            far = socket.create_connection(("127.0.0.1", self._to))
            self.near.append(near)
            self.connections += 1
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other, self.connections), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, connection: int) -> None:
        try:
            while data := one.recv(4096):
                if not (self.frozen.is_set() and connection == self.connections):
                    other.sendall(data)
        except OSError:
            pass
        other.close()

    def end(self) -> None:
        """Stop listening."""
        self._listener.close()


def test_a_line_that_froze_is_left_for_a_new_one(
    tmp_path: Path, places: tuple[Mosquitto, Mosquitto], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing closes, nothing comes: the missing acknowledgement is noticed, and every row arrives once."""
    monkeypatch.setattr(connection, "HALF_OPEN_S", 0.5)
    server, line = Server(tmp_path / "kitchen", places[0].port), Line(places[0].port)
    gateway = Gateway(tmp_path / "card", line.port)
    gateway.accept([1.0])
    until(gateway.drained, lambda: gateway.spool.upto)
    line.frozen.set()
    gateway.accept([2.0])
    until(gateway.drained, lambda: (gateway.spool.upto, line.connections))
    assert line.connections == 2
    gateway.stop()
    assert server.values() == [1.0, 2.0]
    server.stop()
    line.end()


def test_bytes_that_are_no_mqtt_cost_a_connection_and_nothing_else(
    tmp_path: Path, places: tuple[Mosquitto, Mosquitto]
) -> None:
    """Whatever a broken broker says, the uplink's threads live and the next connection carries on."""
    server, line = Server(tmp_path / "kitchen", places[0].port), Line(places[0].port)
    gateway = Gateway(tmp_path / "card", line.port)
    gateway.accept([1.0])
    until(gateway.drained, lambda: gateway.spool.upto)
    for said in (b"\x30\x02\xff\xff", b"\x90\x00", b"\x00" * 64, b"\x3f\x80\x80\x80\x80\x80", b"\x20\x01\x00"):
        before = line.connections
        with contextlib.suppress(OSError):  # it may have hung up already
            line.near[-1].sendall(said)
            line.near[-1].shutdown(socket.SHUT_WR)
        until(lambda before=before: line.connections > before, lambda: line.connections)  # type: ignore[misc]
    gateway.accept([2.0])
    until(gateway.drained, lambda: gateway.spool.upto)
    assert all(uplink.alive for uplink in gateway.uplinks)
    gateway.stop()
    assert server.values() == [1.0, 2.0]
    server.stop()
    line.end()
