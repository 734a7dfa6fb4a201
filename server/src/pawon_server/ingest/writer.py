"""The one writer: takes what came in, in groups, makes it durable, and only then answers.

A group is one transaction: journal entries, their projections, and each spool's committed number. A batch whose
projection fails (a bug) is journalled all the same and its rows are quarantined, so that it stalls nobody; the journal
lets it be projected again by a corrected version.

Where workers share a store, each group begins by taking the turn (``share``): what came from a gateway that is not this
worker's is let go, unanswered.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ..projections.acts import Refusal, Written
from ..projections.context import Changes
from ..projections.projector import Projector
from ..rulebook import Rulebook
from ..store.database import Store, StoreError, is_to_blame
from ..store.journal import EntryKind
from .acceptance import Acceptance, Incoming, OwnEntry, Reply
from .share import Share, Turn

log = logging.getLogger(__name__)

# What has to be done to old data beside the ingest: a bounded piece of work in a transaction of its own.
Step = Callable[[Connection, Acceptance], None]

# Eight batches in flight from each of a hundred gateways; what does not fit is sent again by its gateway.
MAX_WAITING = 1_000
# And never more than this of memory, whatever somebody publishes on a gateway's topic.
MAX_WAITING_BYTES = 64 << 20
GROUP_MESSAGES = 200
GROUP_BYTES = 4 << 20
CLOCK_EVERY_S = 1.0
RETRY_S = 2.0
# A person waits no longer for what they wrote.
ACT_WITHIN_S = 10.0
MAX_UNKNOWN_NAMED = 100
# While messages wait, upkeep gets one step so often: it may be slow, and must not stand still for ever.
BUSY_STEP_EVERY_S = 1.0


class StepNotDoneError(Exception):
    """A step was rolled back, or the writer ended before it."""


class NotWrittenError(Exception):
    """What a person wrote is not in the record: the store refuses, or the writer is overwhelmed or ends."""


class _Writing:
    """An act that somebody waits for. ``answer`` counts once ``over`` is set: after the commit."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.over = threading.Event()
        self.answer: Written | Refusal | Exception = NotWrittenError("the writer ends")


Message = Incoming | OwnEntry | _Writing


class _Pending:
    """A step that somebody waits for."""

    def __init__(self, work: Step) -> None:
        self.work = work
        self.over = threading.Event()
        self.error: Exception | None = None


class Writer:
    """Owns the store's write connection. ``answer`` and ``changed`` are called from its thread, after the commit."""

    def __init__(
        self, store: Store, book: Rulebook, gateways: frozenset[str], *,
        answer: Callable[[Reply], None], changed: Callable[[Changes, Projector], None],
        utc_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000, died: Callable[[], None] = lambda: None,
        share: Share | None = None,
    ) -> None:  # fmt: skip
        self._store, self._book, self._known_gateways = store, book, gateways
        self._answer, self._changed, self._utc_ms, self._died = answer, changed, utc_ms, died
        self._share = share
        # Other workers have committed since the screens were last told of what is theirs.
        self._others_moved = share is not None
        # ``None`` only wakes the thread.
        self._queue: queue.Queue[Message | None] = queue.Queue(MAX_WAITING)
        self._waiting_bytes = 0
        self._waiting_lock = threading.Lock()
        # The server's own entries of a group that the store refused: nobody would send them again.
        self._own_again: list[OwnEntry] = []
        self._stop = threading.Event()
        self._acceptance = Acceptance(book.settings.kitchen, store.epoch, utc_ms)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._step: _Pending | None = None
        self._step_lock = threading.Lock()
        self.steps = 0
        self.overflowed = 0
        self.not_ours = 0
        self.unknown_gateways: dict[str, int] = {}
        self.committed_batches = 0
        self.committed_rows = 0
        self.failures = 0
        self.storing = True

    # --- called from anywhere ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up the journal, put the present configuration in force, and begin."""
        with self._store.writer.begin() as connection:
            turn = self._begin(connection)
            if turn is None:
                self._acceptance.load(connection)
            self._acceptance.adopt(connection, self._book, Changes())
            self._acceptance.flush(connection)
        self._committed(turn)
        self._thread.start()

    def stop(self) -> None:
        """Finish the group at hand and end."""
        self._stop.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    @property
    def projector(self) -> Projector:
        """The projections as committed last; only to be read, in this writer's thread or before it starts."""
        return self._acceptance.projector

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

    def write(self, payload: bytes) -> Written | Refusal:
        """Journal what a person wrote, and wait until it is durable (``acts``).

        Raises ``NotWrittenError`` when it is not: it may be tried again, for the same act is written once; and
        ``msgspec.DecodeError`` for what is no act.
        """
        writing = _Writing(payload)
        try:
            self._queue.put(writing, timeout=ACT_WITHIN_S)
        except queue.Full as error:
            raise NotWrittenError("too much waits to be stored") from error
        if not writing.over.wait(ACT_WITHIN_S):
            raise NotWrittenError("it took too long")
        if isinstance(writing.answer, Exception):
            raise writing.answer
        return writing.answer

    def run_step(self, work: Step) -> None:
        """Do a bounded piece of upkeep between two groups, and wait until it is committed; one at a time.

        Raises ``StepNotDoneError`` when it was rolled back or the writer ends.
        """
        with self._step_lock:
            pending = self._step = _Pending(work)
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(None)
            while not pending.over.wait(timeout=1.0):
                if self._stop.is_set() or not self.alive:
                    self._step = None
                    raise StepNotDoneError("the writer ends")
            if pending.error is not None:
                raise StepNotDoneError(str(pending.error)) from pending.error

    # --- the writer's thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
            self._keep_own()
            self._give_back()
        except Exception:
            if not self._stop.is_set():
                log.critical("the writer has ended by a bug; the server must be restarted", exc_info=True)
                self._died()

    def _work(self) -> None:
        clock_at = step_at = time.monotonic() + CLOCK_EVERY_S
        while not self._stop.is_set():
            group = self._take_group(max(0.0, clock_at - time.monotonic()))
            look = time.monotonic() >= clock_at
            if look:
                clock_at = time.monotonic() + CLOCK_EVERY_S
            group = [*self._own_again, *group]
            self._own_again = []
            if group or look:
                self._handle(group, look_at_clock=look)
            if look and self._others_moved:
                self._tell_of_others()
            # At most one between two looks at the queue, and mostly when nothing waits there.
            if self._step is not None and (self._queue.empty() or time.monotonic() >= step_at):
                self._take_step(self._step)
                step_at = time.monotonic() + BUSY_STEP_EVERY_S

    def _take_step(self, pending: _Pending) -> None:
        assert self._share is None, "a shared store has no upkeep"
        self._step = None
        try:
            with self._store.writer.begin() as connection:
                pending.work(connection, self._acceptance)
                self._acceptance.flush(connection)
            self.steps += 1
        except Exception as error:  # noqa: BLE001 - whoever waits for the step is told
            pending.error = error
            self._recover()
        pending.over.set()

    def _keep_own(self) -> None:
        """At the end: gateways send again what still waits, the server's own entries nobody would."""
        left: list[Message] = [*self._own_again]
        with contextlib.suppress(queue.Empty):
            while True:
                message = self._queue.get_nowait()
                if isinstance(message, OwnEntry):
                    left.append(message)
                elif isinstance(message, _Writing):
                    message.over.set()
        if left:
            self._handle(left, look_at_clock=False)

    def _taken(self, payload: bytes) -> None:
        with self._waiting_lock:
            self._waiting_bytes -= len(payload)

    def _take_group(self, wait_s: float) -> list[Message]:
        group: list[Message] = []
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

    def _handle(self, group: list[Message], *, look_at_clock: bool) -> None:
        try:
            self._commit(group, look_at_clock=look_at_clock)
        except Exception as error:
            if self._store_refuses(error, group):
                return
            log.exception("a projection failed; taking the group one by one")
            for message in group:
                self._handle_alone(message)

    def _handle_alone(self, message: Message) -> None:
        try:
            self._commit([message], look_at_clock=False)
        except Exception as error:
            if self._store_refuses(error, [message]):
                return
            log.exception("this message is kept without its projection")
            if isinstance(message, _Writing):
                message.answer = NotWrittenError("it could not be understood; see the server's log")
                message.over.set()
            if isinstance(message, Incoming):
                try:
                    self._commit([message], look_at_clock=False, project=False)
                except Exception as again:
                    if not self._store_refuses(again, [message]):
                        log.exception("this message is not accepted: its gateway keeps it")

    def _store_refuses(self, error: Exception, group: list[Message]) -> bool:
        """After a rollback: whether the store (full, read-only, broken) is to blame, and not a bug of ours.

        Then nothing of the group is accepted and nobody is answered: the gateways send again.
        """
        self.failures += 1
        refuses = is_to_blame(error)
        if refuses:
            self.storing = False
            log.critical("the store cannot be written: %s", error)
            self._own_again += [message for message in group if isinstance(message, OwnEntry)]
            for message in group:
                if isinstance(message, _Writing):
                    message.answer = NotWrittenError("the store cannot be written")
                    message.over.set()
        self._recover()
        if refuses:
            self._stop.wait(RETRY_S)
        return refuses

    def _recover(self) -> None:
        """Take up what is committed. Until that succeeds nothing may be judged: memory holds what was rolled back."""
        if self._share is not None:
            return self._share.forget()  # read in the next turn: only then is it certain what was committed
        while True:
            try:
                with self._store.reader.connect() as connection:
                    return self._acceptance.load(connection)
            except SQLAlchemyError as error:
                log.critical("the store cannot be read: %s", error)
                if self._stop.wait(RETRY_S):
                    raise

    def _commit(self, group: list[Message], *, look_at_clock: bool, project: bool = True) -> None:
        changes, replies, rows, batches = Changes(), {}, 0, 0
        refusals: list[Reply] = []
        written: list[tuple[_Writing, Written | Refusal | Exception]] = []
        with self._store.writer.begin() as connection:
            turn = self._begin(connection)
            for message in group:
                if isinstance(message, OwnEntry):
                    self._acceptance.own(connection, message, changes)
                    continue
                if isinstance(message, _Writing):
                    written.append((message, self._write_act(connection, message, changes)))
                    continue
                if turn is not None and message.gateway not in turn.gateways:
                    self.not_ours += 1
                    continue
                reply, count = self._acceptance.incoming(connection, message, changes, project=project)
                rows += count
                batches += count > 0
                if reply.retain:
                    replies[reply.gateway] = reply
                else:
                    refusals.append(reply)
            if look_at_clock:
                self._acceptance.look_at_clock(connection, changes)
            self._acceptance.flush(connection)
        self._committed(turn)
        self.storing = True
        self.committed_batches += batches
        self.committed_rows += rows
        self._tell([*refusals, *replies.values()], changes)
        for writing, answer in written:
            writing.answer = answer
            writing.over.set()

    def _write_act(self, connection: Connection, writing: _Writing, changes: Changes) -> Written | Refusal | Exception:
        try:
            return self._acceptance.act(connection, writing.payload, changes)
        except msgspec.DecodeError as error:
            return error  # before anything was written

    def _begin(self, connection: Connection) -> Turn | None:
        """The first thing in a transaction; ``None`` where this server is the store's only one."""
        if self._share is None:
            return None
        turn = self._share.begin(connection)
        self._others_moved |= self._acceptance.catch_up(connection, turn.gateways, anew=turn.anew)
        return turn

    def _committed(self, turn: Turn | None) -> None:
        if self._share is None or turn is None:
            return
        try:
            self._share.committed(turn)
        except Exception:
            log.exception("telling of this worker's gateways failed")  # the group is durable all the same

    def _give_back(self) -> None:
        if self._share is None:
            return
        try:
            with self._store.writer.begin() as connection:
                self._share.give_back(connection)
        except (SQLAlchemyError, StoreError) as error:
            log.warning("the gateways of this worker could not be given back; others take them soon: %s", error)

    def _tell_of_others(self) -> None:
        """The screens of this worker show the whole kitchen: what others hold is read from the store."""
        theirs = {
            sensor.id for sensor in self._book.settings.sensors
            if self._share is not None and sensor.gateway not in self._share.gateways
        }  # fmt: skip
        projector = Projector(self._book.settings.kitchen)
        try:
            with self._store.reader.connect() as connection:
                projector.load(connection)
            self._changed(
                Changes(sensors=theirs, incidents=True, stock=True, gateways=True, alerts=True, batches=True), projector
            )
            self._others_moved = False
        except Exception:
            log.exception("what other workers stored cannot be shown yet")

    def _tell(self, replies: list[Reply], changes: Changes) -> None:
        """After the commit: what fails here may not undo or repeat what is durable."""
        try:
            for reply in replies:
                self._answer(reply)
            if changes:
                self._changed(changes, self.projector)
        except Exception:
            log.exception("telling of a commit failed; gateways will ask again, screens catch up with the next change")
