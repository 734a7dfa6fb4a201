"""The sending window: what may be sent, what an answer means. Pure; times come in as arguments.

A broker's acknowledgement is not the server's word, so the window moves only with ``committed``. It sends in order, a
few batches ahead, and rewinds to the confirmed row at every connection, hole or timeout. Delivery is at least once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pawon_contract.messages import Committed

BATCH_ROWS = 500
BATCH_BYTES = 64 * 1024
IN_FLIGHT_BATCHES = 8
# Sendings that a rewind has given up and whose late answers still count: two minutes of a server that stalls.
REMEMBERED_BATCHES = 12 * IN_FLIGHT_BATCHES
# The server commits in groups within tens of milliseconds; ten seconds without progress mean something was lost.
ANSWER_TIMEOUT_MS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One batch on its way."""

    first: int
    last: int
    rows: int
    sent_ms: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a ``committed`` meant.

    ``upto``: the newly confirmed row. ``server_time``: (server ms, sent ms, received ms) when its time counts.
    ``proven``: the server's rows up to there are this spool's own, for it has compared a batch of this connection.
    ``refused_row``: the single row that the server cannot take, with the reason.
    """

    upto: int | None = None
    server_time: tuple[int, int, int] | None = None
    proven: bool = False
    refused_row: tuple[int, str] | None = None


@dataclass(slots=True, kw_only=True)
class Window:
    """One spool's window towards one server."""

    spool: str
    upto: int = 0
    epoch: str | None = None
    next: int = 1
    batch_rows: int = BATCH_ROWS
    _flight: deque[Sending] = field(default_factory=deque)
    _remembered: deque[Sending] = field(default_factory=lambda: deque(maxlen=REMEMBERED_BATCHES))
    # Whether the newest word was about a batch of this connection, which the server has then compared with its record.
    # Until then the last row it calls stored is sent too: a card that was copied has other rows under its numbers.
    _proven: bool = False
    # The sending that is being halved because the server refused its envelope: rows up to here go in small batches.
    _careful_until: int = 0
    _progress_ms: int = 0

    def connected(self, now_ms: int) -> None:
        """A new connection: nothing sent before it is answered in it."""
        self._proven = False
        self._rewind(now_ms)

    def may_send(self, newest: int) -> bool:
        """Whether there is a row to send and room for it."""
        return self.next <= newest and len(self._flight) < IN_FLIGHT_BATCHES

    def rows_at_once(self) -> int:
        """How many rows the next batch may hold."""
        return self.batch_rows if self.next <= self._careful_until else BATCH_ROWS

    def sent(self, sending: Sending) -> None:
        """A batch has been handed to the client."""
        if not self._flight:
            self._progress_ms = sending.sent_ms
        self._flight.append(sending)
        self._remembered.append(sending)
        self.next = sending.last + 1

    def awaits(self, digest: str) -> bool:
        """Whether the payload of this digest is on its way."""
        return any(sending.digest == digest for sending in self._remembered)

    def tick(self, now_ms: int) -> bool:
        """Rewind when answers are overdue; whether it did."""
        if self._flight and now_ms - self._progress_ms > ANSWER_TIMEOUT_MS:
            self._rewind(now_ms)
            return True
        return False

    def committed(self, answer: Committed, now_ms: int, *, retained: bool) -> Verdict:
        """Take the server's word."""
        if answer.refused is not None and not retained:
            return self._refused(answer.refused.digest, answer.refused.reason, now_ms)
        if answer.spool != self.spool:
            return Verdict()
        sending = None
        if answer.answers is not None and not retained:
            sending = next(
                (s for s in self._remembered if (s.first, s.sent_ms) == (answer.answers.first, answer.answers.sent_ms)),
                None,
            )
        if sending is None and not retained and answer.epoch == self.epoch:
            return Verdict()  # about a batch of another gateway on a copy of this card, whose rows are not these
        if self.epoch is not None and answer.epoch == self.epoch and answer.upto < self.upto:
            return Verdict()  # an old copy; within one epoch the number never falls
        in_flight = sending in self._flight
        # Of another epoch, or heard before any epoch was known: the server has less than this gateway remembers.
        fell = answer.upto < self.upto
        self.epoch = answer.epoch
        moved = answer.upto != self.upto
        if sending is not None and sending.first <= answer.upto + 1 and answer.upto <= sending.last:
            # It has compared what leads to its number, or made it its number just now.
            self._proven = answer.answers is not None and answer.answers.covered_to is None
        elif moved:
            self._proven = False
        self.upto = answer.upto
        if moved or sending is not None:
            self._progress_ms = now_ms
            while self._flight and self._flight[0].last <= self.upto:
                self._flight.popleft()
            self.next = max(self.next, self._begin())
        if not self._proven and not self._flight:
            self.next = self._begin()
        hole = sending is not None and sending.first > self.upto + 1
        if fell or hole:
            self._rewind(now_ms)
        server_time = None
        if sending is not None and in_flight and answer.server_time_ms is not None:
            server_time = (answer.server_time_ms, sending.sent_ms, now_ms)
        return Verdict(upto=self.upto if moved else None, server_time=server_time, proven=self._proven)

    def _refused(self, digest: str, reason: str, now_ms: int) -> Verdict:
        sending = next((s for s in self._flight if s.digest == digest), None)
        if sending is None:
            return Verdict()
        single = (sending.first, reason) if sending.rows == 1 else None
        self._careful_until = max(self._careful_until, sending.last)
        self.batch_rows = max(1, sending.rows // 2)
        self._rewind(now_ms)
        return Verdict(refused_row=single)

    def _begin(self) -> int:
        return self.upto + 1 if self._proven else max(1, self.upto)

    def _rewind(self, now_ms: int) -> None:
        self._flight.clear()
        self.next = self._begin()
        self._progress_ms = now_ms
