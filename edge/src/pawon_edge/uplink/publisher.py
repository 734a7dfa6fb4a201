"""The uplink to one server over MQTT: one thread runs the network, one sends what the window allows.

paho's own threads are not used: a callback that raises would end them silently. Callbacks here only put messages in a
bounded queue; the network loop reconnects in one place, with jittered backoff. Every connection has a client of its
own: what an old one had not sent dies with it, for the window sends it again, and nobody can publish before CONNECT.
"""

from __future__ import annotations

import logging
import queue
import random
import secrets
import socket
import sqlite3
import threading
import time
from collections import deque
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
from ..spool import Spool, SpooledRow
from .fork import ForkSearch, Question
from .role import Role
from .window import ANSWER_TIMEOUT_MS, BATCH_BYTES, Sending, Window

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
# A broker acknowledges within its own milliseconds and the line's delay; one that does not for so long, though its
# pings may come, is no connection any more.
HALF_OPEN_S = 30.0
# What waits in the kernel delays live values: at a slow line's 64 kbit/s this is four seconds.
SEND_BUFFER_BYTES = 32 * 1024
# A retained ``committed`` tells where to go on; a broker that has none lets the gateway begin by its own memory.
WAIT_FOR_RETAINED_MS = 1_500
MAX_INBOX = 1_000
# A card is copied once; what asks for a new spool again so soon is something else and must not fill the card.
FORK_PAUSE_MS = 600_000
# The goodbye to a broker that does not read.
GOODBYE_S = 1.0


class Times(Protocol):
    """What the uplink needs to know of time."""

    def monotonic_ms(self) -> int:
        """Milliseconds of this boot."""
        ...


class Publisher:
    """Sends one spool to one server; ``role`` is what that server's word does. ``offset_of`` tells what is known of a
    boot's time, ``status`` how the gateway does, seen from a server that has rows up to the number given."""

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
        role: Role,
        status: Callable[[bool, int], GatewayStatus],
    ) -> None:
        self._topic: Callable[[Leaf], str] = lambda leaf: topic(kitchen, gateway, leaf)
        self._boot, self._broker, self._spool, self._clock = boot, broker, spool, clock
        self._offset_of, self._role, self._status = offset_of, role, status
        self._window = Window(spool=spool.id, upto=role.upto(), next=role.upto() + 1)
        self._inbox: queue.Queue[tuple[bytes, bool] | None] = queue.Queue(MAX_INBOX)
        self._stop = threading.Event()
        # The client of the present connection, from its subscription to its end; the only one that may publish.
        self._client: mqtt.Client | None = None
        # Batches that the broker may not have acknowledged yet, and when they were handed to the client.
        self._unacknowledged: deque[tuple[mqtt.MQTTMessageInfo, float]] = deque()
        self._begin_at_ms: int | None = None
        self._new_connection = threading.Event()
        self.last_commit_ms: int | None = None
        self._search: ForkSearch | None = None
        self._parted_ms: int | None = None
        # Another one for every process: two that were given one configuration would throw each other off the broker
        # for ever. No session of the broker's is of any use to us that a name could find again.
        self._client_id = f"pawon-{kitchen}-{gateway}-{secrets.token_hex(4)}"
        self._threads = [
            threading.Thread(target=self._network, name=f"{role.name}-network", daemon=True),
            threading.Thread(target=self._send_loop, name=f"{role.name}-send", daemon=True),
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
            status = codec.encode(self._status(online, self._window.upto))
            client.publish(self._topic("status"), status, qos=1, retain=True)

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
        client.on_publish = lambda *_: self.wake()
        client.on_socket_open = _narrow
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
                self._ask_again()
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
            self._window = Window(spool=self._spool.id, upto=self._role.upto(), next=self._role.upto() + 1)
        if self._search is not None:
            self._search_fork(self._search, now_ms)
            return
        if self._window.tick(now_ms):
            log.warning("the server has not answered for a while; sending again from row %d", self._window.next)
        # One batch at a time in the client's queue, or live values would wait behind all of them.
        while self._window.may_send(self._spool.last) and not self._writing() and self._send_batch():
            pass

    def _hear(self, payload: bytes, retained: bool, now_ms: int) -> None:
        answer = codec.decode(payload, Committed)
        if isinstance(answer, codec.Unreadable):
            log.error("unreadable answer of the server: %s", answer.reason)
            return
        if self._search is not None:
            self._search.hear(answer)
            return
        if self._differs(answer, retained=retained):
            self._begin_search(answer, now_ms)
            return
        verdict = self._window.committed(answer, now_ms, retained=retained)
        if retained and answer.spool == self._spool.id:
            self._begin_at_ms = None
        if not retained and answer.spool == self._spool.id:
            self.last_commit_ms = now_ms
        if verdict.upto is not None or verdict.proven:
            self._role.confirmed(self._window.upto, proven=verdict.proven)
        if verdict.server_time is not None:
            self._role.server_time(*verdict.server_time)
        if verdict.refused_row is not None:
            self._role.refused(*verdict.refused_row, now_ms)

    def _writing(self) -> bool:
        client = self._client
        return client is not None and client.want_write()

    def _send_batch(self) -> bool:
        rows = self._spool.read(self._window.next, limit=self._window.rows_at_once(), max_bytes=BATCH_BYTES)
        sent = self._publish(rows) if rows else None
        if sent is None:
            return False
        sent_ms, digest = sent
        self._window.sent(
            Sending(first=rows[0].sequence, last=rows[-1].last, rows=len(rows), sent_ms=sent_ms, digest=digest)
        )
        return True

    def _publish(self, rows: list[SpooledRow]) -> tuple[int, str] | None:
        """Hand rows of one boot to the client: when, and the payload's digest; ``None`` when it takes none: the
        connection is gone or paho's queue is full; the window waits, the spool keeps."""
        client = self._client
        if client is None:
            return None
        boot = rows[0].boot or self._boot
        offset, sent_ms = self._offset_of(boot), self._clock.monotonic_ms()
        envelope = Envelope(
            spool=self._spool.id, first=rows[0].sequence, boot=boot,
            offset_ms=offset.offset_ms, clock=offset.quality, error_ms=offset.error_ms,
            sent_ms=sent_ms, sent_boot=None if boot == self._boot else self._boot,
            items=[msgspec.Raw(row.item) for row in self._role.shown(rows)], hash=rows[-1].chain.hex(),
        )  # fmt: skip
        payload = codec.encode(envelope)
        info = client.publish(self._topic("log"), payload, qos=1)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            return None
        self._unacknowledged.append((info, time.monotonic()))
        return sent_ms, codec.digest(payload)

    # --- a copied card --------------------------------------------------------------------------------------------

    def _differs(self, answer: Committed, *, retained: bool) -> bool:
        """Whether the server's word tells that it holds other rows under this spool's numbers."""
        if answer.spool != self._spool.id:
            return False
        refused = None if retained else answer.refused
        if refused is not None:
            return refused.fork and self._window.awaits(refused.digest)
        return answer.upto > self._spool.last

    def _begin_search(self, answer: Committed, now_ms: int) -> None:
        if self._parted_ms is not None and now_ms - self._parted_ms < FORK_PAUSE_MS:
            return  # nothing is taken for refused meanwhile: the window asks again by its timeout
        if not self._role.parts:
            log.critical(
                "witness %s holds other rows of spool %s than this card; nothing more is sent to it until it or the "
                "card is put right", self._role.name, self._spool.id,
            )  # fmt: skip
            self._begin_at_ms = now_ms + FORK_PAUSE_MS
            return
        log.critical(
            "the server holds other rows of spool %s than this card, which was restored from a copy or runs twice; "
            "looking for the first that differs among %d", self._spool.id, min(answer.upto, self._spool.last),
        )  # fmt: skip
        self._search = ForkSearch(spool=self._spool.id, differs=min(answer.upto, self._spool.last) + 1)

    def _ask_again(self) -> None:
        if self._search is not None:
            self._search.asked = None

    def _search_fork(self, search: ForkSearch, now_ms: int) -> None:
        if search.asked is not None and now_ms - search.asked.sent_ms > ANSWER_TIMEOUT_MS:
            self._ask_again()
        while search.found is None and search.asked is None:
            rows = self._spool.read(search.next, limit=1, max_bytes=BATCH_BYTES)
            if rows and not search.worth_asking(rows[0].sequence, rows[0].last):
                continue
            sent = self._publish(rows) if rows else None
            if sent is None:
                return
            search.asked = Question(first=rows[0].sequence, last=rows[0].last, sent_ms=sent[0], digest=sent[1])
        if search.found is not None:
            log.critical(
                "rows of spool %s differ from row %d on; a new spool begins with them", search.spool, search.found
            )
            self._spool.part(search.found, self._boot, now_ms)
            self._search, self._parted_ms = None, now_ms
            self.wake()


def _narrow(_client: mqtt.Client, _data: object, sock: object) -> None:
    assert isinstance(sock, socket.socket)  # a TLS socket is one too; only websockets, which nobody here uses, are not
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
