"""The bad network does what its faults are called; otherwise the torture runs would prove nothing about them."""

from __future__ import annotations

import queue
import socket
import threading

import pytest
from tests.torture.proxy import FaultProxy

PUBLISH = b"\x32\x09\x00\x02ab\x00\x07xyz"
PUBACK = b"\x40\x02\x00\x07"


class Broker:
    """A broker's side: hears so many bytes of a connection, says its answer and closes."""

    def __init__(self, wanted: int, answer: bytes) -> None:
        # What each connection brought, when it has ended.
        self.heard: queue.Queue[bytes] = queue.Queue()
        self._wanted, self._answer = wanted, answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                end, _ = self._listener.accept()
            except OSError:
                return  # the test is over
            heard = b""
            with end:
                try:
                    while len(heard) < self._wanted and (data := end.recv(65536)):
                        heard += data
                    end.sendall(self._answer)
                except OSError:
                    pass  # cut, as intended
            self.heard.put(heard)

    def stop(self) -> None:
        """Nobody connects any more."""
        self._listener.close()


def through(fault: str, sent: bytes, answer: bytes) -> tuple[bytes, bytes]:
    """What the broker heard and what came back in the first connection that had the fault."""
    broker = Broker(len(sent), answer)
    proxy = FaultProxy(lambda: broker.port, 1, faults=(fault,))
    proxy.start()
    try:
        heard = back = b""
        while not proxy.counts[fault]:
            back = b""
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
                try:
                    client.sendall(sent)
                    while data := client.recv(65536):
                        back += data
                except ConnectionError:
                    pass  # cut, as intended
            heard = broker.heard.get(timeout=10)
        return heard, back
    finally:
        proxy.stop()
        broker.stop()


@pytest.mark.parametrize("fault", ["delay", "drip"])
def test_a_slow_network_changes_no_byte(fault: str) -> None:
    """Late, and in pieces, but whole, both ways."""
    assert through(fault, PUBLISH * 50, PUBACK * 50) == (PUBLISH * 50, PUBACK * 50)


def test_acknowledgements_are_swallowed_or_doubled_and_nothing_else() -> None:
    """About half of the PUBACKs and only they; every other packet passes unchanged."""
    for fault, less, more in (("PUBACK swallowed", 5, 35), ("PUBACK twice", 45, 75)):
        _, back = through(fault, PUBLISH, (PUBLISH + PUBACK) * 40)
        assert back.replace(PUBACK, b"") == PUBLISH * 40, fault
        assert less < back.count(PUBACK) < more


@pytest.mark.parametrize("fault", ["reset", "cut"])
def test_a_connection_ends_in_the_middle(fault: str) -> None:
    """Not all that was sent arrives, and no answer."""
    heard, back = through(fault, PUBLISH * 20_000, PUBACK)
    assert len(heard) < len(PUBLISH) * 20_000
    assert back == b""


def test_a_half_open_connection_neither_ends_nor_forwards() -> None:
    """The client hears nothing, not even an end, until ``calm`` ends what is bad."""
    broker = Broker(1 << 20, b"")
    proxy = FaultProxy(lambda: broker.port, 1, faults=("half-open",))
    proxy.start()
    try:
        clients = []
        while not proxy.counts["half-open"]:
            clients.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=10))
            clients[-1].sendall(PUBLISH)
            clients[-1].settimeout(0.2)
            with pytest.raises(TimeoutError):
                clients[-1].recv(1)
        clients[-1].sendall(PUBLISH * 20_000)
        proxy.calm()
        clients[-1].settimeout(10)
        try:
            assert clients[-1].recv(1) == b""
        except ConnectionError:
            pass  # an end all the same
        for client in clients:
            client.close()
    finally:
        proxy.stop()
        broker.stop()
