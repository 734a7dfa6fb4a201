"""The server's MQTT client on a real mosquitto that is killed, and the broker inside the server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.ports import own_port

from pawon_contract import codec
from pawon_contract.broker import BrokerAddress
from pawon_contract.messages import Committed
from pawon_contract.topics import topic
from pawon_server.ingest.acceptance import Reply
from pawon_server.ingest.embedded_broker import EmbeddedBroker
from pawon_server.ingest.subscriber import Subscriber

KITCHEN = "dapur-uji"


def until(condition: Callable[[], object], what: str, within_s: float = 30) -> None:
    """Wait for the network, not for a time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


class Mosquitto:
    """Debian's broker on one port, with nothing kept across its end."""

    def __init__(self, folder: Path) -> None:
        self.port = own_port()
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self.start()

    def start(self) -> None:
        """Begin, and wait until it listens."""
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._program = subprocess.Popen([binary, "-c", str(self._conf)], stderr=subprocess.DEVNULL)
        until(self._listens, "mosquitto to listen")

    def kill(self) -> None:
        """kill -9, by its own id."""
        self._program.kill()
        self._program.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Peer:
    """A gateway's side: publishes, and keeps what it hears."""

    def __init__(self, port: int) -> None:
        self.heard: list[mqtt.MQTTMessage] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda _client, _data, message: self.heard.append(message)
        self.client.on_connect = lambda client, *_: client.subscribe(topic(KITCHEN, "gw-1", "committed"), qos=1)
        listens = threading.Event()
        self.client.on_subscribe = lambda *_: listens.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        until(listens.is_set, "the peer to listen")

    def say(self, on: str, payload: bytes) -> None:
        """Publish and wait for the broker's acknowledgement."""
        self.client.publish(on, payload, qos=1).wait_for_publish(timeout=10)

    def end(self) -> None:
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()


class Ears:
    """What the subscriber handed on."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, bytes]] = []

    def on(self, leaf: str) -> Callable[[str, bytes], None]:
        """A handler of one leaf; it raises for the payload ``raise``."""

        def take(gateway: str, payload: bytes) -> None:
            self.heard.append((leaf, gateway, payload))
            if payload == b"raise":
                raise RuntimeError("a bug in a handler")

        return take


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running mosquitto."""
    made = Mosquitto(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def ears() -> Ears:
    """What was handed on."""
    return Ears()


@pytest.fixture
def subscriber(broker: Mosquitto, ears: Ears) -> Iterator[Subscriber]:
    """The server's client, connected and subscribed."""
    made = subscribe(broker.port, ears)
    yield made
    made.stop()


def subscribe(port: int, ears: Ears) -> Subscriber:
    """Begin and wait for the connection."""
    made = Subscriber(
        KITCHEN, BrokerAddress(host="127.0.0.1", port=port), on_log=ears.on("log"), on_live=ears.on("live"),
        on_status=ears.on("status"),
    )  # fmt: skip
    made.start()
    until(lambda: made.connected, "the subscription")
    return made


def reply(upto: int, *, retain: bool = True) -> Reply:
    """An answer to gw-1."""
    return Reply(gateway="gw-1", message=Committed(spool="a" * 20, epoch="0" * 16, upto=upto), retain=retain)


def test_each_lane_reaches_its_handler_and_nothing_else_does(
    broker: Mosquitto, subscriber: Subscriber, ears: Ears
) -> None:
    """Log, live and status of this kitchen's gateways; other kitchens and malformed names are not heard."""
    peer = Peer(broker.port)
    for on in (
        "pawon/v1/other/gw-1/log", topic(KITCHEN, "gw-1", "reply"), "pawon/v1/dapur-uji/GW 1/log",
        "pawon/v1/dapur-uji/gw-1/log/more", "pawon/v2/dapur-uji/gw-1/log", f"pawon/v1/dapur-uji/{'x' * 33}/log",
        "pawon/v1/dapur-uji/../log", "pawon/v1/dapur-uji//log",
    ):  # fmt: skip
        peer.say(on, b"not for us")
    for leaf in ("log", "live", "status"):
        peer.say(topic(KITCHEN, "gw-1", leaf), leaf.encode())  # type: ignore[arg-type]  # three leaves
    until(lambda: len(ears.heard) == 3, "three messages")
    assert sorted(ears.heard) == sorted((leaf, "gw-1", leaf.encode()) for leaf in ("log", "live", "status"))
    peer.end()


def test_a_handler_that_raises_does_not_end_the_road(broker: Mosquitto, subscriber: Subscriber, ears: Ears) -> None:
    """A bug for one message is logged; the next message comes, on the same connection."""
    peer = Peer(broker.port)
    for leaf in ("log", "live", "status"):
        peer.say(topic(KITCHEN, "gw-1", leaf), b"raise")  # type: ignore[arg-type]  # three leaves
    peer.say(topic(KITCHEN, "gw-1", "log"), b"after")
    until(lambda: ("log", "gw-1", b"after") in ears.heard, "the message after it")
    assert subscriber.connected
    peer.end()


def test_the_newest_committed_is_kept_by_the_broker(broker: Mosquitto, subscriber: Subscriber) -> None:
    """A gateway that connects later hears how far it is stored; a refusal is for its sender of this moment only."""
    present = Peer(broker.port)
    subscriber.answer(reply(5))
    subscriber.answer(reply(9))
    subscriber.answer(reply(7, retain=False))
    until(lambda: len(present.heard) == 3, "three answers")
    later = Peer(broker.port)
    until(lambda: later.heard, "the retained answer")
    message = codec.decode(bytes(later.heard[0].payload), Committed)
    assert isinstance(message, Committed)
    assert (message.upto, later.heard[0].retain, later.heard[0].topic) == (9, True, "pawon/v1/dapur-uji/gw-1/committed")
    present.end()
    later.end()


def test_a_broker_killed_and_started_again_is_found(broker: Mosquitto, subscriber: Subscriber, ears: Ears) -> None:
    """kill -9: not connected is said at once, answers meanwhile are not queued, and afterwards messages come again."""
    broker.kill()
    until(lambda: not subscriber.connected, "the loss to be noticed")
    subscriber.answer(reply(3))
    broker.start()
    until(lambda: subscriber.connected, "the subscription")
    peer = Peer(broker.port)
    peer.say(topic(KITCHEN, "gw-1", "log"), b"again")
    until(lambda: ("log", "gw-1", b"again") in ears.heard, "the message")
    subscriber.answer(reply(4))
    until(lambda: peer.heard, "an answer")
    assert b'"upto":4' in bytes(peer.heard[0].payload)
    peer.end()


def test_large_answers_of_many_threads_do_not_mix(broker: Mosquitto, subscriber: Subscriber, ears: Ears) -> None:
    """The writer answers while the network thread acknowledges: every packet leaves whole, the connection stays."""
    peer = Peer(broker.port)

    def speak(first: int) -> None:
        for number in range(first, first + 200):
            subscriber.answer(reply(number))

    threads = [threading.Thread(target=speak, args=(1000 * n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for number in range(300):
        peer.client.publish(topic(KITCHEN, "gw-1", "log"), b"%d" % number + b"x" * 5_000, qos=1)
    for thread in threads:
        thread.join()
    until(lambda: len(ears.heard) == 300, "every message")
    until(lambda: len(peer.heard) == 600, "every answer")
    assert subscriber.connected
    peer.end()


def test_a_peer_that_speaks_no_mqtt_does_not_end_the_thread(ears: Ears, tmp_path: Path) -> None:
    """Another program sits on the port and answers nonsense; when a broker is there, it is found."""
    port = own_port()
    nonsense = socket.create_server(("127.0.0.1", port))
    nonsense.settimeout(10)
    made = Subscriber(
        KITCHEN, BrokerAddress(host="127.0.0.1", port=port), on_log=ears.on("log"), on_live=ears.on("live"),
        on_status=ears.on("status"),
    )  # fmt: skip
    made.start()
    for answer in (
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x01\x00",
        b"\x20\x02\x00\x00\x30\x01\x00" + b"\xff" * 64,
    ):
        connection, _ = nonsense.accept()
        connection.recv(1000)
        connection.sendall(answer)
        connection.close()
    nonsense.close()
    inside = EmbeddedBroker("127.0.0.1", port)
    inside.start()
    until(lambda: made.connected, "the subscription")
    made.stop()
    inside.stop()


def test_the_embedded_broker_carries_both_ways(ears: Ears) -> None:
    """Messages in, retained answers out, and its port is free again after its end."""
    port = own_port()
    for _ in range(2):
        inside = EmbeddedBroker("127.0.0.1", port)
        inside.start()
        subscriber = subscribe(port, ears)
        subscriber.answer(reply(2))
        peer = Peer(port)
        until(lambda peer=peer: peer.heard, "the retained answer")
        peer.say(topic(KITCHEN, "gw-1", "log"), b"hello")
        until(lambda: ("log", "gw-1", b"hello") in ears.heard, "the message")
        ears.heard.clear()
        peer.end()
        subscriber.stop()
        inside.stop()


def test_a_port_that_is_taken_is_told(broker: Mosquitto) -> None:
    """Two brokers on one port: an ``OSError`` that names the address, before anything else begins."""
    with pytest.raises(OSError, match=f"embedded broker at 127.0.0.1:{broker.port}"):
        EmbeddedBroker("127.0.0.1", broker.port).start()
