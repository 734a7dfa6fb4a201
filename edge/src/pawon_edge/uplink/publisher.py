"""The uplink over MQTT: one thread runs the network, one sends what the window allows.

paho's own threads are not used: a callback that raises would end them silently. Callbacks here only put messages in a
bounded queue; the network loop reconnects in one place, with jittered backoff. Every connection has a client of its
own: what an old one had not sent dies with it, for the window sends it again, and nobody can publish before CONNECT.
"""

from __future__ import annotations

import logging
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from pawon_contract import codec
from pawon_contract.broker import BrokerAddress
from pawon_contract.messages import Committed, Envelope, GatewayStatus, Live
from pawon_contract.topics import Leaf, topic

from ..clock import Offset
from ..spool import Spool
from .window import BATCH_BYTES, Sending, Window

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
# A retained ``committed`` tells where to go on; a broker that has none lets the gateway begin by its own memory.
WAIT_FOR_RETAINED_MS = 1_500
MAX_INBOX = 1_000
# The goodbye to a broker that does not read.
GOODBYE_S = 1.0


class Times(Protocol):
    """What the uplink needs to know of time."""

    def monotonic_ms(self) -> int:
        """Milliseconds of this boot."""
        ...


class Publisher:
    """Sends one spool to one server. ``offset_of`` tells what is known of a boot's time; ``on_server_time`` is told
    (server ms, sent ms, received ms) whenever an answer carries a time that counts."""

    def __init__(
        self,
        *,
        kitchen: str,
        gateway: str,
        boot: str,
        broker: BrokerAddress,
        spool: Spool,
        clock: Times,
        offset_of: Callable[[str], Offset],
        on_server_time: Callable[[int, int, int], None],
        status: Callable[[bool], GatewayStatus],
    ) -> None:
        self._topic: Callable[[Leaf], str] = lambda leaf: topic(kitchen, gateway, leaf)
        self._boot, self._broker, self._spool, self._clock = boot, broker, spool, clock
        self._offset_of, self._on_server_time, self._status = offset_of, on_server_time, status
        self._window = Window(spool=spool.id, upto=spool.upto, next=spool.upto + 1)
        self._inbox: queue.Queue[tuple[bytes, bool] | None] = queue.Queue(MAX_INBOX)
        self._stop = threading.Event()
        # The client of the present connection, from its subscription to its end; the only one that may publish.
        self._client: mqtt.Client | None = None
        self._begin_at_ms: int | None = None
        self._new_connection = threading.Event()
        self.last_commit_ms: int | None = None
        self._said_ahead = False
        self._client_id = f"pawon-{kitchen}-{gateway}"
        self._threads = [
            threading.Thread(target=self._network, name="uplink-network", daemon=True),
            threading.Thread(target=self._send_loop, name="uplink-send", daemon=True),
        ]

    def start(self) -> None:
        """Begin connecting, in the background."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Say goodbye and end the threads."""
        self.send_status(online=False)
        self._stop.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout=3)

    def wake(self) -> None:
        """There may be something to send."""
        try:
            self._inbox.put_nowait(None)
        except queue.Full:
            pass  # it is awake already

    @property
    def connected(self) -> bool:
        """Whether the broker answers."""
        return self._client is not None

    @property
    def alive(self) -> bool:
        """Whether both threads run; one that met a bug has ended."""
        return all(thread.is_alive() for thread in self._threads)

    def send_live(self, live: Live) -> None:
        """Repaint tiles, if anybody listens; never queued."""
        if (client := self._client) is not None:
            client.publish(self._topic("live"), codec.encode(live), qos=0)

    def send_status(self, *, online: bool = True) -> None:
        """Tell how the gateway does, retained."""
        if (client := self._client) is not None:
            client.publish(self._topic("status"), codec.encode(self._status(online)), qos=1, retain=True)

    # --- network thread -------------------------------------------------------------------------------------------

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, clean_session=True)
        client.max_inflight_messages_set(64)
        client.max_queued_messages_set(256)
        client.will_set(self._topic("status"), codec.encode(GatewayStatus(online=False)), qos=1, retain=True)
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.ca_file is not None:
            client.tls_set(ca_certs=self._broker.ca_file)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        # With this set, publish() from another thread only queues and wakes the network thread. Without it paho writes
        # to the socket from both threads at once and mixes packets up when one of them is written in part.
        client.on_socket_register_write = lambda *_: None
        return client

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, reason: object, _props: object) -> None:
        if getattr(reason, "is_failure", False):
            log.error("broker %s:%d refuses this gateway: %s", self._broker.host, self._broker.port, reason)
            return
        client.subscribe(self._topic("committed"), qos=1)

    def _on_subscribe(
        self, client: mqtt.Client, _data: object, _mid: int, reasons: Sequence[object], _props: object
    ) -> None:
        if any(getattr(reason, "is_failure", False) for reason in reasons):
            log.error("the broker lets this gateway hear no answers (%s); check its access list", reasons[0])
        self._new_connection.set()
        self._client = client
        log.info("connected to broker %s:%d", self._broker.host, self._broker.port)
        self.send_status()
        self.wake()

    def _on_disconnect(self, *_: object) -> None:
        if self._client is not None and not self._stop.is_set():
            log.warning("connection to the broker is lost; readings go on into the spool")
        self._client = None

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            self._inbox.put_nowait((bytes(message.payload), message.retain))
        except queue.Full:
            pass  # the number will be said again with the next batch

    def _network(self) -> None:
        backoff_s, said = BACKOFF_FIRST_S, False
        while not self._stop.is_set():
            client = self._make_client()
            try:
                client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
                while not self._stop.is_set() and client.loop(timeout=0.5) == mqtt.MQTT_ERR_SUCCESS:
                    if self._client is not None:
                        backoff_s, said = BACKOFF_FIRST_S, False
                if self._stop.is_set():
                    self._say_goodbye(client)
            except (OSError, ValueError) as error:
                if not said:
                    log.warning("broker %s:%d cannot be reached: %s", self._broker.host, self._broker.port, error)
                    said = True
            self._client = None
            if self._stop.wait(backoff_s * random.uniform(0.5, 1.0)):  # noqa: S311 - jitter, no secret
                break
            backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)

    def _say_goodbye(self, client: mqtt.Client) -> None:
        """Write what waits, the parting status among it, and a DISCONNECT so that the last will is not sent."""
        client.disconnect()
        until_s = time.monotonic() + GOODBYE_S
        while client.want_write() and time.monotonic() < until_s and client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS:
            pass

    # --- sending thread -------------------------------------------------------------------------------------------

    def _send_loop(self) -> None:
        while not self._stop.is_set():
            try:
                message = self._inbox.get(timeout=0.5)
            except queue.Empty:
                message = None
            now_ms = self._clock.monotonic_ms()
            if self._new_connection.is_set():
                self._new_connection.clear()
                self._window.connected(now_ms)
                self._begin_at_ms = now_ms + WAIT_FOR_RETAINED_MS
            try:
                if message is not None:
                    self._hear(*message, now_ms)
                self._send(now_ms)
            except sqlite3.Error as error:
                # A full or failing disk: what was not done is asked for again by the next answer or timeout.
                log.critical("the uplink cannot use the spool (%s)", error)
                self._stop.wait(1.0)

    def _send(self, now_ms: int) -> None:
        if self._client is None or (self._begin_at_ms is not None and now_ms < self._begin_at_ms):
            return
        self._begin_at_ms = None
        if self._window.spool != self._spool.id:  # it was opened anew, and nothing of the old one could be proven
            self._window = Window(spool=self._spool.id, upto=self._spool.upto, next=self._spool.upto + 1)
        if self._window.tick(now_ms):
            log.warning("the server has not answered for a while; sending again from row %d", self._window.next)
        while self._window.may_send(self._spool.last) and self._send_batch():
            pass

    def _hear(self, payload: bytes, retained: bool, now_ms: int) -> None:
        answer = codec.decode(payload, Committed)
        if isinstance(answer, codec.Unreadable):
            log.error("unreadable answer of the server: %s", answer.reason)
            return
        if answer.spool == self._spool.id and answer.upto > self._spool.last and not self._said_ahead:
            self._said_ahead = True
            log.critical(
                "the server holds rows up to %d of spool %s, this card only %d: it was restored from a copy; "
                "move %s away so that a new spool begins",
                answer.upto, answer.spool, self._spool.last, self._spool.path,
            )  # fmt: skip
        verdict = self._window.committed(answer, now_ms, retained=retained)
        if retained and answer.spool == self._spool.id:
            self._begin_at_ms = None
        if not retained and answer.spool == self._spool.id:
            self.last_commit_ms = now_ms
        if verdict.upto is not None:
            self._spool.confirm(verdict.upto)
            self._spool.prune()
        if verdict.server_time is not None:
            self._on_server_time(*verdict.server_time)
        if verdict.refused_row is not None:
            sequence, reason = verdict.refused_row
            log.error("the server cannot take row %d (%s); it is kept here and a gap is sent for it", sequence, reason)
            self._spool.refuse(sequence, reason, now_ms)

    def _send_batch(self) -> bool:
        client = self._client
        if client is None:
            return False
        rows = self._spool.read(self._window.next, limit=self._window.rows_at_once(), max_bytes=BATCH_BYTES)
        if not rows:
            return False
        boot = rows[0].boot or self._boot
        offset, sent_ms = self._offset_of(boot), self._clock.monotonic_ms()
        envelope = Envelope(
            spool=self._spool.id, first=rows[0].sequence, boot=boot,
            offset_ms=offset.offset_ms, clock=offset.quality, error_ms=offset.error_ms,
            sent_ms=sent_ms, sent_boot=None if boot == self._boot else self._boot,
            items=[msgspec.Raw(row.item) for row in rows], hash=rows[-1].chain.hex(),
        )  # fmt: skip
        payload = codec.encode(envelope)
        info = client.publish(self._topic("log"), payload, qos=1)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            return False  # the connection is gone or paho's queue is full: the window waits, the spool keeps
        self._window.sent(
            Sending(
                first=rows[0].sequence,
                last=rows[-1].last,
                rows=len(rows),
                sent_ms=sent_ms,
                digest=codec.digest(payload),
            )
        )
        return True
