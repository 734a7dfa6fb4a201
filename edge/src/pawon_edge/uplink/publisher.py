"""The uplink to one server: sends of the spool what the window allows, and does what the server's word means.

One thread sends and hears; what the connection's thread hears comes through a bounded queue.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Protocol

import msgspec

from pawon_contract import codec
from pawon_contract.broker import BrokerAddress
from pawon_contract.messages import Committed, Envelope, GatewayStatus, Live
from pawon_contract.topics import Leaf, topic

from ..clock import Offset
from ..spool import Spool, SpooledRow
from .connection import Connection
from .fork import ForkSearch, Question
from .role import Role
from .window import ANSWER_TIMEOUT_MS, BATCH_BYTES, Sending, Window

log = logging.getLogger(__name__)

# A retained ``committed`` tells where to go on; a broker that has none lets the gateway begin by its own memory.
WAIT_FOR_RETAINED_MS = 1_500
MAX_INBOX = 1_000
# A card is copied once; what asks for a new spool again so soon is something else and must not fill the card.
FORK_PAUSE_MS = 600_000
# A card on which the new spool did not fit is not written full again and again.
PART_AGAIN_MS = 60_000


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
        self._boot, self._spool, self._clock = boot, spool, clock
        self._offset_of, self._role, self._status = offset_of, role, status
        self._window = Window(spool=spool.id, upto=role.upto(), next=role.upto() + 1)
        self._inbox: queue.Queue[tuple[bytes, bool] | None] = queue.Queue(MAX_INBOX)
        self._stop = threading.Event()
        self._begin_at_ms: int | None = None
        self._new_connection = threading.Event()
        self.last_commit_ms: int | None = None
        self._search: ForkSearch | None = None
        self._parted_ms: int | None = None
        self._connection = Connection(
            broker, name=role.name, client_id=f"pawon-{kitchen}-{gateway}", hear=self._topic("committed"),
            will=(self._topic("status"), codec.encode(GatewayStatus(online=False))),
            on_up=self._connected, on_message=self._heard, on_room=self.wake,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._send_loop, name=f"{role.name}-send", daemon=True)

    def start(self) -> None:
        """Begin connecting, in the background."""
        self._connection.start()
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye and end the threads."""
        self.send_status(online=False)
        self._stop.set()
        self.wake()
        self._connection.stop()
        self._thread.join(timeout=3)

    def wake(self) -> None:
        """There may be something to send."""
        try:
            self._inbox.put_nowait(None)
        except queue.Full:
            pass  # it is awake already

    @property
    def connected(self) -> bool:
        """Whether the broker answers."""
        return self._connection.up

    @property
    def alive(self) -> bool:
        """Whether both threads run; one that met a bug has ended."""
        return self._thread.is_alive() and self._connection.alive

    def send_live(self, live: Live) -> None:
        """Repaint tiles, if anybody listens; never queued."""
        if self._connection.up:
            self._connection.publish(self._topic("live"), codec.encode(live), qos=0)

    def send_status(self, *, online: bool = True) -> None:
        """Tell how the gateway does, retained."""
        if self._connection.up:
            status = codec.encode(self._status(online, self._window.upto))
            self._connection.publish(self._topic("status"), status, qos=1, retain=True)

    # --- called by the connection -----------------------------------------------------------------------------------

    def _connected(self) -> None:
        self._new_connection.set()
        self.send_status()
        self.wake()

    def _heard(self, payload: bytes, retained: bool) -> None:
        try:
            self._inbox.put_nowait((payload, retained))
        except queue.Full:
            pass  # the number will be said again with the next batch

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
                self._follow_spool()
                if message is not None:
                    self._hear(*message, now_ms)
                self._send(now_ms)
            except sqlite3.Error as error:
                # A full or failing disk: what was not done is asked for again by the next answer or timeout.
                log.critical("the uplink cannot use the spool (%s)", error)
                self._stop.wait(1.0)

    def _send(self, now_ms: int) -> None:
        if not self._connection.up or (self._begin_at_ms is not None and now_ms < self._begin_at_ms):
            return
        self._begin_at_ms = None
        if self._search is not None:
            self._search_fork(self._search, now_ms)
            return
        if self._window.tick(now_ms):
            log.warning("the server has not answered for a while; sending again from row %d", self._window.next)
        # One batch at a time in the client's queue, or live values would wait behind all of them.
        while self._window.may_send(self._spool.last) and not self._connection.writing and self._send_batch():
            pass

    def _follow_spool(self) -> None:
        """The card was copied, or nothing of the old file could be proven: another spool is sent now."""
        if self._window.spool != self._spool.id:
            self._window = Window(spool=self._spool.id, upto=self._role.upto(), next=self._role.upto() + 1)
            self._search = None

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
            self._role.confirmed(self._window.spool, self._window.upto, proven=verdict.proven)
        if verdict.server_time is not None:
            self._role.server_time(*verdict.server_time)
        if verdict.refused_row is not None:
            self._role.refused(self._window.spool, *verdict.refused_row, now_ms)

    def _send_batch(self) -> bool:
        rows = self._spool.read(
            self._window.next, limit=self._window.rows_at_once(), max_bytes=BATCH_BYTES, spool=self._window.spool
        )
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
        boot = rows[0].boot or self._boot
        offset, sent_ms = self._offset_of(boot), self._clock.monotonic_ms()
        envelope = Envelope(
            spool=self._window.spool, first=rows[0].sequence, boot=boot,
            offset_ms=offset.offset_ms, clock=offset.quality, error_ms=offset.error_ms,
            sent_ms=sent_ms, sent_boot=None if boot == self._boot else self._boot,
            items=[msgspec.Raw(row.item) for row in self._role.shown(rows)], hash=rows[-1].chain.hex(),
        )  # fmt: skip
        payload = codec.encode(envelope)
        if not self._connection.publish(self._topic("log"), payload, qos=1):
            return None
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
            rows = self._spool.read(search.next, limit=1, max_bytes=BATCH_BYTES, spool=search.spool)
            if rows and not search.worth_asking(rows[0].sequence, rows[0].last):
                continue
            sent = self._publish(rows) if rows else None
            if sent is None:
                return
            search.asked = Question(first=rows[0].sequence, last=rows[0].last, sent_ms=sent[0], digest=sent[1])
        if search.found is None:
            return
        if search.continues:
            log.warning(
                "the server has rows of spool %s up to %d only; they are this card's", search.spool, search.upto
            )
            self._search = None
            self._window.connected(now_ms)
            self.wake()
            return
        log.critical("rows of spool %s differ from %d on; a new spool begins with them", search.spool, search.found)
        self._begin_at_ms = now_ms + PART_AGAIN_MS  # if the disk refuses
        self._spool.part(search.spool, search.found, self._boot, now_ms)
        self._search, self._parted_ms, self._begin_at_ms = None, now_ms, None
        self.wake()
