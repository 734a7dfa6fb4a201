"""The server's MQTT client: hears ``log``, ``live`` and ``status`` of every gateway, speaks ``committed``.

What arrives goes to the writer's bounded queue at once; nothing is decided here. A broker's own acknowledgement means
nothing to a gateway, so messages are acknowledged as they come: what is lost after that is sent again.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from pawon_contract import codec
from pawon_contract.broker import BrokerAddress
from pawon_contract.topics import every, parse_topic, topic

from .acceptance import Reply

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
BACKOFF_FIRST_S = 0.2
BACKOFF_MOST_S = 10.0


class Subscriber:
    """``on_log`` (gateway, payload), ``on_live`` and ``on_status`` are called from the network thread.

    ``worker`` names one of several that share a kitchen: it hears the ``log`` of those gateways that ``take`` names.
    """

    def __init__(
        self, kitchen: str, broker: BrokerAddress, *,
        on_log: Callable[[str, bytes], None], on_live: Callable[[str, bytes], None],
        on_status: Callable[[str, bytes], None], worker: str | None = None,
    ) -> None:  # fmt: skip
        self._kitchen, self._broker = kitchen, broker
        self._handlers = {"log": on_log, "live": on_live, "status": on_status}
        self._stop = threading.Event()
        self._connected = threading.Event()
        self._logs = frozenset({every("log", kitchen)} if worker is None else ())
        self._logs_lock = threading.Lock()
        name = f"pawon-server-{kitchen}" if worker is None else f"pawon-server-{kitchen}-{worker}"
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
        client.max_inflight_messages_set(1000)
        client.max_queued_messages_set(1000)
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.ca_file is not None:
            client.tls_set(ca_certs=broker.ca_file)
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self._connected.set()
        client.on_disconnect = lambda *_: self._connected.clear()
        client.on_message = self._on_message
        client.on_socket_open = _set_up
        # With this set paho writes from the network thread alone: two threads writing would mix their packets.
        client.on_socket_register_write = lambda *_: None
        self._client = client
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)

    def start(self) -> None:
        """Begin connecting, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end."""
        self._stop.set()
        self._client.disconnect()
        self._thread.join(timeout=3)

    @property
    def connected(self) -> bool:
        """Whether the broker answers and we are subscribed."""
        return self._connected.is_set()

    def take(self, gateways: frozenset[str]) -> None:
        """Hear the ``log`` of these gateways and of no others, also after every new connection."""
        with self._logs_lock:
            before, self._logs = self._logs, frozenset(topic(self._kitchen, name, "log") for name in gateways)
            # Without a connection these do nothing; whoever connects subscribes to all.
            if self._logs - before:
                self._client.subscribe([(name, 1) for name in sorted(self._logs - before)])
            if before - self._logs:
                self._client.unsubscribe(sorted(before - self._logs))

    def answer(self, reply: Reply) -> None:
        """Publish a ``committed``; without a connection nothing is queued, the gateway will ask again."""
        if self._connected.is_set():
            self._client.publish(
                topic(self._kitchen, reply.gateway, "committed"),
                codec.encode(reply.message),
                qos=1,
                retain=reply.retain,
            )

    def _run(self) -> None:
        backoff_s, said = BACKOFF_FIRST_S, False
        while not self._stop.is_set():
            try:
                self._client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
                while not self._stop.is_set() and self._client.loop(timeout=0.5) == mqtt.MQTT_ERR_SUCCESS:
                    if self._connected.is_set():
                        backoff_s, said = BACKOFF_FIRST_S, False
            except (OSError, ValueError) as error:
                if not said:
                    log.warning("broker %s:%d cannot be reached: %s", self._broker.host, self._broker.port, error)
                    said = True
            except Exception:
                # Bytes that are no MQTT end in any exception; this thread is every gateway's road and goes on.
                log.exception("the connection to the broker failed")
            self._connected.clear()
            self._stop.wait(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, reason: object, _props: object) -> None:
        if getattr(reason, "is_failure", False):
            log.error("broker %s:%d refuses the server: %s", self._broker.host, self._broker.port, reason)
            return
        log.info("connected to broker %s:%d", self._broker.host, self._broker.port)
        with self._logs_lock:
            logs = [(name, 1) for name in sorted(self._logs)]
            client.subscribe([*logs, (every("live", self._kitchen), 0), (every("status", self._kitchen), 1)])

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            address = parse_topic(message.topic)
            if address is not None and address.kitchen == self._kitchen:
                self._handlers[address.leaf](address.gateway, bytes(message.payload))
        except Exception:
            # Raised here it would end the network thread, and with it every gateway's road.
            log.exception("a message could not be handled")


def _set_up(_client: mqtt.Client, _data: object, sock: object) -> None:
    assert isinstance(sock, socket.socket)  # a TLS socket is one too; only websockets, which nobody here uses, are not
    # An answer must not wait for the acknowledgement of the one before it.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
