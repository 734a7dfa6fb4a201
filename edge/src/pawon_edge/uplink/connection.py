"""One gateway's line to one broker: kept open in a thread of its own, and left for a new one when it is dead.

paho's own threads are not used: a callback that raises would end them silently. Callbacks here only hand on; the loop
reconnects in one place, with jittered backoff. Every connection has a client of its own: what an old one had not sent
dies with it, for the window sends it again, and nobody can publish before CONNECT. Knows nothing of rows.
"""

from __future__ import annotations

import logging
import random
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from pawon_contract.broker import BrokerAddress

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
# A broker acknowledges within its own milliseconds and the line's delay; one that does not for so long, though its
# pings may come, is no connection any more.
HALF_OPEN_S = 30.0
# What waits in the kernel delays live values: at a slow line's 64 kbit/s this is four seconds.
SEND_BUFFER_BYTES = 32 * 1024
# The goodbye to a broker that does not read.
GOODBYE_S = 1.0


class Connection:
    """``hear`` is the topic to subscribe to, ``will`` topic and payload of the last will.

    ``on_up`` is called when a connection can be used, ``on_message`` with payload and whether it was retained,
    ``on_room`` when the broker has acknowledged something; all from the connection's thread.
    """

    def __init__(
        self, broker: BrokerAddress, *, name: str, client_id: str, hear: str, will: tuple[str, bytes],
        on_up: Callable[[], None], on_message: Callable[[bytes, bool], None], on_room: Callable[[], None],
    ) -> None:  # fmt: skip
        self._broker, self._hear, self._will = broker, hear, will
        self._on_up, self._on_payload, self._on_room = on_up, on_message, on_room
        # Another one for every process: two that were given one configuration would throw each other off the broker
        # for ever. No session of the broker's is of any use to us that a name could find again.
        self._client_id = f"{client_id}-{secrets.token_hex(4)}"
        self._stop = threading.Event()
        # The client of the present connection, from its subscription to its end; the only one that may publish.
        self._client: mqtt.Client | None = None
        # Publishes that the broker may not have acknowledged yet, and when they were handed to the client.
        self._unacknowledged: deque[tuple[mqtt.MQTTMessageInfo, float]] = deque()
        self._thread = threading.Thread(target=self._run, name=f"{name}-network", daemon=True)

    def start(self) -> None:
        """Begin connecting, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye and end."""
        self._stop.set()
        self._thread.join(timeout=3)

    @property
    def up(self) -> bool:
        """Whether the broker answers."""
        return self._client is not None

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def writing(self) -> bool:
        """Whether something handed over before still waits to be written."""
        client = self._client
        return client is not None and client.want_write()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> bool:
        """Hand a message to the client; ``False`` when there is no connection or its queue is full."""
        client = self._client
        if client is None:
            return False
        info = client.publish(topic, payload, qos=qos, retain=retain)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            return False
        if qos:
            self._unacknowledged.append((info, time.monotonic()))
        return True

    # --- the connection's thread ------------------------------------------------------------------------------------

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, clean_session=True)
        client.max_inflight_messages_set(64)
        client.max_queued_messages_set(256)
        client.will_set(*self._will, qos=1, retain=True)
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.ca_file is not None:
            client.tls_set(ca_certs=self._broker.ca_file)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = lambda _client, _data, message: self._on_payload(bytes(message.payload), message.retain)
        client.on_publish = lambda *_: self._on_room()
        client.on_socket_open = _set_up
        # With this set, publish() from another thread only queues and wakes the network thread. Without it paho writes
        # to the socket from both threads at once and mixes packets up when one of them is written in part.
        client.on_socket_register_write = lambda *_: None
        return client

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, reason: object, _props: object) -> None:
        if getattr(reason, "is_failure", False):
            log.error("broker %s:%d refuses this gateway: %s", self._broker.host, self._broker.port, reason)
            return
        client.subscribe(self._hear, qos=1)

    def _on_subscribe(
        self, client: mqtt.Client, _data: object, _mid: int, reasons: Sequence[object], _props: object
    ) -> None:
        if any(getattr(reason, "is_failure", False) for reason in reasons):
            log.error("the broker lets this gateway hear no answers (%s); check its access list", reasons[0])
        self._client = client
        log.info("connected to broker %s:%d", self._broker.host, self._broker.port)
        self._on_up()

    def _on_disconnect(self, *_: object) -> None:
        if self._client is not None and not self._stop.is_set():
            log.warning("connection to the broker is lost; readings go on into the spool")
        self._client = None

    def _run(self) -> None:
        backoff_s, said = BACKOFF_FIRST_S, False
        while not self._stop.is_set():
            client = self._make_client()
            self._unacknowledged.clear()
            try:
                client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
                while not self._stop.is_set() and client.loop(timeout=0.5) == mqtt.MQTT_ERR_SUCCESS:
                    if self._client is not None:
                        backoff_s, said = BACKOFF_FIRST_S, False
                    if self._half_open():
                        log.warning("the broker has not acknowledged a batch for %.0f s; connecting anew", HALF_OPEN_S)
                        break
                if self._stop.is_set():
                    self._say_goodbye(client)
            except (OSError, ValueError) as error:
                if not said:
                    log.warning("broker %s:%d cannot be reached: %s", self._broker.host, self._broker.port, error)
                    said = True
            except Exception:
                # Bytes that are no MQTT end in any exception inside paho; the other uplinks and the guard go on.
                log.exception("the connection to broker %s:%d failed", self._broker.host, self._broker.port)
            self._client = None
            if self._stop.wait(backoff_s * random.uniform(0.5, 1.0)):  # noqa: S311 - jitter, no secret
                break
            backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)

    def _half_open(self) -> bool:
        while self._unacknowledged and self._unacknowledged[0][0].is_published():
            self._unacknowledged.popleft()
        return bool(self._unacknowledged) and time.monotonic() - self._unacknowledged[0][1] > HALF_OPEN_S

    def _say_goodbye(self, client: mqtt.Client) -> None:
        """Write what waits, the parting status among it, and a DISCONNECT so that the last will is not sent."""
        client.disconnect()
        until_s = time.monotonic() + GOODBYE_S
        while client.want_write() and time.monotonic() < until_s and client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS:
            pass


def _set_up(_client: mqtt.Client, _data: object, sock: object) -> None:
    assert isinstance(sock, socket.socket)  # a TLS socket is one too; only websockets, which nobody here uses, are not
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    # The end of a batch must not wait for the acknowledgement of its beginning.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
