"""The one writer: takes what came in, in groups, makes it durable, and only then answers.

A group is one transaction: journal entries, their projections, and each spool's committed number. A batch whose
projection fails (a bug) is journalled all the same and its rows are quarantined, so that it stalls nobody; the journal
lets it be projected again by a corrected version.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from pawon_contract import codec
from pawon_contract.messages import Answers, Committed, Envelope, Refused

from ..projections.context import Changes
from ..projections.incidents import SilenceEntry
from ..projections.projector import MAX_CLOCK_MS, Projector
from ..rulebook import Rulebook, encode
from ..store.database import Store
from ..store.journal import EntryKind, Journal, batch_holding
from .batches import Broken, Continuation, Hole, Known, SpoolState, beginning, chain_at, judge
from .silence import declare

log = logging.getLogger(__name__)

# Eight batches in flight from each of a hundred gateways; what does not fit is sent again by its gateway.
MAX_WAITING = 1_000
# And never more than this of memory, whatever somebody publishes on a gateway's topic.
MAX_WAITING_BYTES = 64 << 20
GROUP_MESSAGES = 200
GROUP_BYTES = 4 << 20
CLOCK_EVERY_S = 1.0
RETRY_S = 2.0
# A sender of garbage is journalled so often and then only counted: it must not fill the store.
MAX_REFUSED_KEPT = 500
REFUSED_REMEMBERED = 1024
MAX_UNKNOWN_NAMED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A payload on a gateway's ``log`` topic."""

    gateway: str
    payload: bytes
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEntry:
    """Something of the server's own for the journal."""

    kind: EntryKind
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A ``committed`` to publish. A refusal is for the sender of this moment only and is not retained."""

    gateway: str
    message: Committed
    retain: bool


class Writer:
    """Owns the store's write connection. ``answer`` and ``changed`` are called from its thread, after the commit."""

    def __init__(
        self, store: Store, book: Rulebook, gateways: frozenset[str], *,
        answer: Callable[[Reply], None], changed: Callable[[Changes, Projector], None],
        utc_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000, died: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._store, self._book, self._known_gateways = store, book, gateways
        self._answer, self._changed, self._utc_ms, self._died = answer, changed, utc_ms, died
        # ``None`` only wakes the thread.
        self._queue: queue.Queue[Incoming | OwnEntry | None] = queue.Queue(MAX_WAITING)
        self._waiting_bytes = 0
        self._waiting_lock = threading.Lock()
        # The server's own entries of a group that the store refused: nobody would send them again.
        self._own_again: list[OwnEntry] = []
        self._stop = threading.Event()
        self._journal = Journal(book.settings.kitchen)
        self.projector = Projector(book.settings.kitchen)
        self._refused: OrderedDict[str, None] = OrderedDict()
        self._refused_kept = 0
        self._started_ms = utc_ms()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.overflowed = 0
        self.unknown_gateways: dict[str, int] = {}
        self.committed_batches = 0
        self.committed_rows = 0
        self.failures = 0
        self.storing = True

    # --- called from anywhere ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up the journal, put the present configuration in force, and begin."""
        with self._store.writer.begin() as connection:
            self._load(connection)
            changes = Changes()
            for kind, part, now in (
                ("config", self._book.settings, self.projector.settings),
                ("profile", self._book.profile, self.projector.profile),
            ):
                if now is None or encode(part) != encode(now):
                    self._own(connection, OwnEntry(kind=kind, payload=encode(part)), changes)  # type: ignore[arg-type]  # two literals
            self._journal.flush(connection)
            self.projector.flush(connection)
        self._thread.start()

    def stop(self) -> None:
        """Finish the group at hand and end."""
        self._stop.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Messages not yet taken."""
        return self._queue.qsize()

    def put(self, gateway: str, payload: bytes) -> None:
        """A message came in. One that does not fit is dropped: without an answer its gateway sends it again."""
        if gateway not in self._known_gateways:
            if gateway in self.unknown_gateways:
                self.unknown_gateways[gateway] += 1
            elif len(self.unknown_gateways) < MAX_UNKNOWN_NAMED:
                self.unknown_gateways[gateway] = 1
                log.warning(
                    "gateway %r is not configured; add [[gateway]] id = %r to accept its data", gateway, gateway
                )
            return
        with self._waiting_lock:
            fits = self._waiting_bytes + len(payload) <= MAX_WAITING_BYTES
            if fits:
                self._waiting_bytes += len(payload)
        try:
            if not fits:
                raise queue.Full
            self._queue.put_nowait(Incoming(gateway=gateway, payload=payload, received_ms=self._utc_ms()))
        except queue.Full:
            self.overflowed += 1
            if fits:
                self._taken(payload)

    def submit(self, kind: EntryKind, payload: bytes) -> None:
        """Journal something of the server's own. Raises ``queue.Full`` when the writer is overwhelmed."""
        self._queue.put(OwnEntry(kind=kind, payload=payload), timeout=5)

    # --- the writer's thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
            self._keep_own()
        except Exception:
            if not self._stop.is_set():
                log.critical("the writer has ended by a bug; the server must be restarted", exc_info=True)
                self._died()

    def _work(self) -> None:
        clock_at = time.monotonic() + CLOCK_EVERY_S
        while not self._stop.is_set():
            group = self._take_group(max(0.0, clock_at - time.monotonic()))
            look = time.monotonic() >= clock_at
            if look:
                clock_at = time.monotonic() + CLOCK_EVERY_S
            group = [*self._own_again, *group]
            self._own_again = []
            if group or look:
                self._handle(group, look_at_clock=look)

    def _keep_own(self) -> None:
        """At the end: gateways send again what still waits, the server's own entries nobody would."""
        left: list[Incoming | OwnEntry] = [*self._own_again]
        with contextlib.suppress(queue.Empty):
            while True:
                message = self._queue.get_nowait()
                if isinstance(message, OwnEntry):
                    left.append(message)
        if left:
            self._handle(left, look_at_clock=False)

    def _taken(self, payload: bytes) -> None:
        with self._waiting_lock:
            self._waiting_bytes -= len(payload)

    def _take_group(self, wait_s: float) -> list[Incoming | OwnEntry]:
        group: list[Incoming | OwnEntry] = []
        size = 0
        with contextlib.suppress(queue.Empty):
            message = self._queue.get(timeout=wait_s) if wait_s else self._queue.get_nowait()
            while message is not None:
                group.append(message)
                if isinstance(message, Incoming):
                    self._taken(message.payload)
                size += len(message.payload)
                if len(group) >= GROUP_MESSAGES or size >= GROUP_BYTES:
                    break
                message = self._queue.get_nowait()
        return group

    def _handle(self, group: list[Incoming | OwnEntry], *, look_at_clock: bool) -> None:
        try:
            self._commit(group, look_at_clock=look_at_clock)
        except Exception as error:
            if self._store_refuses(error, group):
                return
            log.exception("a projection failed; taking the group one by one")
            for message in group:
                self._handle_alone(message)

    def _handle_alone(self, message: Incoming | OwnEntry) -> None:
        try:
            self._commit([message], look_at_clock=False)
        except Exception as error:
            if self._store_refuses(error, [message]):
                return
            log.exception("this message is kept without its projection")
            if isinstance(message, Incoming):
                try:
                    self._commit([message], look_at_clock=False, project=False)
                except Exception as again:
                    if not self._store_refuses(again, [message]):
                        log.exception("this message is not accepted: its gateway keeps it")

    def _store_refuses(self, error: Exception, group: list[Incoming | OwnEntry]) -> bool:
        """After a rollback: whether the store (full, read-only, broken) is to blame, and not a bug of ours.

        Then nothing of the group is accepted and nobody is answered: the gateways send again.
        """
        self.failures += 1
        refuses = isinstance(error, DatabaseError) and not isinstance(
            error, (IntegrityError, DataError, ProgrammingError)
        )
        if refuses:
            self.storing = False
            log.critical("the store cannot be written: %s", error)
            self._own_again += [message for message in group if isinstance(message, OwnEntry)]
        self._recover()
        if refuses:
            self._stop.wait(RETRY_S)
        return refuses

    def _recover(self) -> None:
        """Take up what is committed. Until that succeeds nothing may be judged: memory holds what was rolled back."""
        while True:
            try:
                with self._store.reader.connect() as connection:
                    return self._load(connection)
            except SQLAlchemyError as error:
                log.critical("the store cannot be read: %s", error)
                if self._stop.wait(RETRY_S):
                    raise

    def _load(self, connection: Connection) -> None:
        self._journal.load(connection)
        self.projector.load(connection)

    def _commit(self, group: list[Incoming | OwnEntry], *, look_at_clock: bool, project: bool = True) -> None:
        changes, replies, rows, batches = Changes(), {}, 0, 0
        refusals: list[Reply] = []
        with self._store.writer.begin() as connection:
            for message in group:
                if isinstance(message, OwnEntry):
                    self._own(connection, message, changes)
                    continue
                reply, count = self._incoming(connection, message, changes, project=project)
                rows += count
                batches += count > 0
                if reply is None:
                    continue
                if reply.retain:
                    replies[reply.gateway] = reply
                else:
                    refusals.append(reply)
            if look_at_clock:
                self._look_at_clock(connection, changes)
            self._journal.flush(connection)
            self.projector.flush(connection)
        self.storing = True
        self.committed_batches += batches
        self.committed_rows += rows
        self._tell([*refusals, *replies.values()], changes)

    def _tell(self, replies: list[Reply], changes: Changes) -> None:
        """After the commit: what fails here may not undo or repeat what is durable."""
        try:
            for reply in replies:
                self._answer(reply)
            if changes:
                self._changed(changes, self.projector)
        except Exception:
            log.exception("telling of a commit failed; gateways will ask again, screens catch up with the next change")

    def _own(self, connection: Connection, message: OwnEntry, changes: Changes) -> None:
        entry = self._journal.append(message.kind, self._utc_ms(), message.payload)
        self.projector.apply(connection, entry, changes)

    def _incoming(
        self, connection: Connection, message: Incoming, changes: Changes, *, project: bool
    ) -> tuple[Reply | None, int]:
        envelope = codec.decode(message.payload, Envelope)
        if isinstance(envelope, codec.Unreadable):
            return self._refuse(connection, message, f"envelope: {envelope.reason}", changes), 0
        if abs(envelope.offset_ms) > MAX_CLOCK_MS or envelope.error_ms > MAX_CLOCK_MS:
            return self._refuse(connection, message, "envelope: offset_ms or error_ms is no time", changes), 0
        stored = self.projector.gateways.stored(message.gateway, envelope.spool)
        verdict = judge(envelope, stored)
        if isinstance(verdict, Known):
            before = self._state_before(connection, message.gateway, envelope.spool, verdict.last)
            if before is not None and before.hex() != envelope.hash:
                reason = f"chain: rows up to {verdict.last} differ from the record of the same numbers (a copied card?)"
                return self._refuse(connection, message, reason, changes), 0
        elif isinstance(verdict, Broken):
            return self._refuse(connection, message, verdict.reason, changes), 0
        elif isinstance(verdict, Continuation):
            entry = self._journal.append(
                "batch", message.received_ms, message.payload, gateway=message.gateway,
                spool=envelope.spool, first=stored.upto + 1, last=verdict.state.upto, chain_before=stored.chain,
                chain=verdict.state.chain,
            )  # fmt: skip
            rows = verdict.rows if project else [_set_aside(row) for row in verdict.rows]
            self.projector.apply(connection, entry, changes, (envelope, rows))
            stored = verdict.state
        else:
            assert isinstance(verdict, Hole)
        count = len(verdict.rows) if isinstance(verdict, Continuation) else 0
        return self._reply(message.gateway, envelope, stored), count

    def _reply(self, gateway: str, envelope: Envelope, stored: SpoolState) -> Reply:
        answers = Answers(first=envelope.first, sent_ms=envelope.sent_ms)
        return Reply(
            gateway=gateway, retain=True,
            message=Committed(
                spool=envelope.spool, epoch=self._store.epoch, upto=stored.upto, answers=answers,
                server_time_ms=self._utc_ms(),
            ),
        )  # fmt: skip

    def _refuse(self, connection: Connection, message: Incoming, reason: str, changes: Changes) -> Reply:
        digest = codec.digest(message.payload)
        if digest not in self._refused and self._refused_kept < MAX_REFUSED_KEPT:
            log.warning(
                "gateway %s: a payload of %d bytes is refused: %s", message.gateway, len(message.payload), reason
            )
            self._refused_kept += 1
            # What is larger than a payload may be was not made by a gateway; its beginning shows what it is.
            kept = reason.replace("\n", " ").encode() + b"\n" + message.payload[: codec.MAX_PAYLOAD_BYTES]
            entry = self._journal.append("refused", message.received_ms, kept, gateway=message.gateway)
            self.projector.apply(connection, entry, changes)
        self._refused[digest] = None
        self._refused.move_to_end(digest)
        while len(self._refused) > REFUSED_REMEMBERED:
            self._refused.popitem(last=False)
        spool, upto = self.projector.gateways.newest_spool(message.gateway)
        return Reply(
            gateway=message.gateway, retain=False,
            message=Committed(
                spool=spool, epoch=self._store.epoch, upto=upto, refused=Refused(digest=digest, reason=reason[:200])
            ),
        )  # fmt: skip

    def _state_before(self, connection: Connection, gateway: str, spool: str, last: int) -> bytes | None:
        """The record's chain value at ``last``; ``None`` where a gap covers it or the entry is gone."""
        self._journal.flush(connection)
        entry = batch_holding(connection, self._journal.kitchen, gateway, spool, last)
        if entry is None or entry.first is None or entry.chain_before is None:
            return None
        if entry.last == last:
            return entry.chain
        envelope = codec.decode(entry.payload, Envelope)
        if isinstance(envelope, codec.Unreadable):
            return None
        before = SpoolState(upto=entry.first - 1, chain=entry.chain_before) if entry.first > 1 else beginning(spool)
        return chain_at(envelope, before, last)

    def _look_at_clock(self, connection: Connection, changes: Changes) -> None:
        """What only the server's clock can tell: who has been silent for how long."""
        now_ms = self._utc_ms()
        self._started_ms = min(self._started_ms, now_ms)  # this server's clock was ahead and was put right
        decisions: list[SilenceEntry] = declare(
            self.projector.book, self.projector.readings, self.projector.gateways, self.projector.incidents,
            now_ms=now_ms, since_ms=self._started_ms,
        )  # fmt: skip
        for decision in decisions:
            self._own(connection, OwnEntry(kind="silence", payload=msgspec.json.encode(decision)), changes)


def _set_aside(row: codec.Row) -> codec.Row:
    """A row whose projection failed: quarantined with its bytes."""
    return codec.Row(
        sequence=row.sequence, last=row.last, raw=row.raw, chain=row.chain,
        item=codec.Unreadable(reason="its projection failed; see the log", raw=row.raw),
    )  # fmt: skip
