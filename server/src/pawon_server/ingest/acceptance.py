"""What a message becomes: a journal entry with its projections, and the answer its sender gets.

Everything happens inside a transaction that the writer began; nothing is durable, and nobody may be answered, before
the writer's commit. After a rollback ``load`` takes up what is committed.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from pawon_contract import codec
from pawon_contract.messages import Answers, Committed, Envelope, Refused

from ..projections.acts import Refusal, Written
from ..projections.context import Changes
from ..projections.projector import MAX_CLOCK_MS, Projector
from ..projections.sensor_trouble import SilenceEntry
from ..rulebook import Rulebook, encode
from ..store.journal import EntryKind, Journal, batch_holding
from .batches import Broken, Continuation, Hole, Known, SpoolState, judge, state_at
from .silence import declare

log = logging.getLogger(__name__)

# A sender of garbage is journalled so often and then only counted: it must not fill the store.
MAX_REFUSED_KEPT = 500
REFUSED_REMEMBERED = 1024


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


class Acceptance:
    """One kitchen's record on its way in: journal and projector, and the memory of what was refused."""

    def __init__(self, kitchen: str, epoch: str, utc_ms: Callable[[], int]) -> None:
        self._epoch, self._utc_ms = epoch, utc_ms
        self._journal = Journal(kitchen)
        self.projector = Projector(kitchen)
        self._refused: OrderedDict[str, None] = OrderedDict()
        self._refused_kept = 0
        self._listening_since_ms = utc_ms()
        # Where workers share a kitchen: since when this one listens to each gateway that is its own.
        self._own_since_ms: dict[str, int] | None = None

    def load(self, connection: Connection) -> None:
        """Take up what is committed: at the start, and after a rolled-back transaction."""
        self._journal.load(connection)
        self.projector.load(connection)

    def catch_up(self, connection: Connection, gateways: frozenset[str], *, anew: bool) -> bool:
        """Where workers share a kitchen: take up what others committed meanwhile, and whether they did.

        ``gateways`` are this worker's; with ``anew`` what is remembered of them may be out of date.
        """
        before = self._journal.last_id
        self._journal.load(connection)
        moved = self._journal.last_id != before
        if anew or (moved and self._journal.concerns_all(connection, after=before)):
            self.projector.load(connection)
        elif moved:
            self.projector.batches.load(connection)  # another worker's probe may have been in a pan
            self.projector.scales.trouble.load(connection)  # or its scale empty
            self.projector.low_stock.stale = True
        known, now_ms = self._own_since_ms or {}, self._utc_ms()
        self._own_since_ms = {name: known.get(name, now_ms) for name in gateways}
        return moved

    def flush(self, connection: Connection) -> None:
        """Write what is buffered, before the commit."""
        self._journal.flush(connection)
        self.projector.flush(connection)

    @property
    def kitchen(self) -> str:
        """Whose record it is."""
        return self._journal.kitchen

    @property
    def last_id(self) -> int:
        """The journal's newest entry."""
        return self._journal.last_id

    def adopt(self, connection: Connection, book: Rulebook, changes: Changes) -> None:
        """Put a configuration and profile in force, where they are not already."""
        for kind, part, now in (
            ("config", book.settings, self.projector.settings),
            ("profile", book.profile, self.projector.profile),
        ):
            if now is None or encode(part) != encode(now):
                if self._own_since_ms is not None:  # what is remembered of other workers' gateways may be out of date
                    self.flush(connection)
                    self.load(connection)
                self.own(connection, OwnEntry(kind=kind, payload=encode(part)), changes)  # type: ignore[arg-type]  # two literals

    def own(self, connection: Connection, message: OwnEntry, changes: Changes) -> None:
        """Journal something of the server's own."""
        self._own_entry(connection, message.kind, self._utc_ms(), message.payload, changes)

    def _own_entry(self, connection: Connection, kind: EntryKind, at_ms: int, payload: bytes, changes: Changes) -> None:
        self.projector.apply(connection, self._journal.append(kind, at_ms, payload), changes)

    def act(self, connection: Connection, payload: bytes, changes: Changes) -> Written | Refusal:
        """Journal what a person wrote, unless it cannot be, or was written before. Raises ``msgspec.DecodeError``."""
        now_ms = self._utc_ms()
        answer = self.projector.refuse(connection, payload, now_ms)
        if answer is None:
            self._own_entry(connection, "act", now_ms, payload, changes)
            answer = Written(entry=self._journal.last_id)
        return answer

    def incoming(
        self, connection: Connection, message: Incoming, changes: Changes, *, project: bool
    ) -> tuple[Reply, int]:
        """Take a gateway's payload: the answer, and how many rows are new. Without ``project`` they are set aside."""
        envelope = codec.decode(message.payload, Envelope)
        if isinstance(envelope, codec.Unreadable):
            return self._refuse(connection, message, f"envelope: {envelope.reason}", changes), 0
        if abs(envelope.offset_ms) > MAX_CLOCK_MS or envelope.error_ms > MAX_CLOCK_MS:
            return self._refuse(connection, message, "envelope: offset_ms or error_ms is no time", changes), 0
        stored = self.projector.gateways.stored(message.gateway, envelope.spool)
        verdict, covered_to = judge(envelope, stored), None
        if isinstance(verdict, Known):
            held = self._held(connection, message.gateway, envelope.spool, verdict.last)
            if held is None:  # its place in the record is damaged: nothing can be compared before it is mended
                covered_to = stored.upto
            elif held.upto > verdict.last:
                covered_to = held.upto
            elif held.chain.hex() != envelope.hash:
                reason = f"chain: rows up to {verdict.last} differ from the record of the same numbers (a copied card?)"
                return self._refuse_fork(connection, message, envelope, reason, changes), 0
        elif isinstance(verdict, Broken):
            return self._refuse_fork(connection, message, envelope, verdict.reason, changes), 0
        elif isinstance(verdict, Continuation):
            if not project:
                # Journalled first, so that deriving the projections again sets aside the same rows.
                self._own_entry(connection, "set_aside", message.received_ms, b"", changes)
            entry = self._journal.append(
                "batch", message.received_ms, message.payload, gateway=message.gateway,
                spool=envelope.spool, first=stored.upto + 1, last=verdict.state.upto, chain_before=stored.chain,
                chain=verdict.state.chain,
            )  # fmt: skip
            self.projector.apply(connection, entry, changes, (envelope, verdict.rows))
            stored = verdict.state
        else:
            assert isinstance(verdict, Hole)
        count = len(verdict.rows) if isinstance(verdict, Continuation) else 0
        answers = Answers(first=envelope.first, sent_ms=envelope.sent_ms, covered_to=covered_to)
        return self._reply(message.gateway, envelope.spool, stored, answers), count

    def _reply(self, gateway: str, spool: str, stored: SpoolState, answers: Answers) -> Reply:
        return Reply(
            gateway=gateway, retain=True,
            message=Committed(
                spool=spool, epoch=self._epoch, upto=stored.upto, answers=answers,
                server_time_ms=self._utc_ms(),
            ),
        )  # fmt: skip

    def _refuse(self, connection: Connection, message: Incoming, reason: str, changes: Changes) -> Reply:
        digest = codec.digest(message.payload)
        if digest not in self._refused and self._refused_kept < MAX_REFUSED_KEPT:
            self._refused_kept += 1
            self._keep_refused(connection, message, reason, changes)
        self._remember(digest)
        spool, upto = self.projector.gateways.newest_spool(message.gateway)
        return self._refusal(message.gateway, spool, upto, Refused(digest=digest, reason=reason[:200]))

    def _refuse_fork(
        self, connection: Connection, message: Incoming, envelope: Envelope, reason: str, changes: Changes
    ) -> Reply:
        """Rows that are not the record's. Kept once a spool: its gateway asks on with single rows until it knows where
        the two versions part, and then sends its own in a spool of their own."""
        fork = f"{message.gateway}.{envelope.spool}"
        if fork not in self._refused:
            self._keep_refused(connection, message, reason, changes)
            self._remember(fork)
        stored = self.projector.gateways.stored(message.gateway, envelope.spool)
        refused = Refused(digest=codec.digest(message.payload), reason=reason[:200], fork=True)
        return self._refusal(message.gateway, envelope.spool, stored.upto, refused)

    def _keep_refused(self, connection: Connection, message: Incoming, reason: str, changes: Changes) -> None:
        log.warning("gateway %s: a payload of %d bytes is refused: %s", message.gateway, len(message.payload), reason)
        # What is larger than a payload may be was not made by a gateway; its beginning shows what it is.
        kept = reason.replace("\n", " ").encode() + b"\n" + message.payload[: codec.MAX_PAYLOAD_BYTES]
        entry = self._journal.append("refused", message.received_ms, kept, gateway=message.gateway)
        self.projector.apply(connection, entry, changes)

    def _remember(self, refused: str) -> None:
        self._refused[refused] = None
        self._refused.move_to_end(refused)
        while len(self._refused) > REFUSED_REMEMBERED:
            self._refused.popitem(last=False)

    def _refusal(self, gateway: str, spool: str, upto: int, refused: Refused) -> Reply:
        committed = Committed(spool=spool, epoch=self._epoch, upto=upto, refused=refused)
        return Reply(gateway=gateway, message=committed, retain=False)

    def _held(self, connection: Connection, gateway: str, spool: str, last: int) -> SpoolState | None:
        """The record at row ``last``, which it holds: chain value there, or at the end of the gap that covers it.
        ``None`` where its batch cannot be read."""
        self._journal.flush(connection)
        entry = batch_holding(connection, self._journal.kitchen, gateway, spool, last)
        if entry is None:
            return None
        assert entry.first is not None
        assert entry.last is not None
        assert entry.chain_before is not None
        assert entry.chain is not None
        if entry.last == last:
            return SpoolState(upto=last, chain=entry.chain)
        envelope = codec.decode(entry.payload, Envelope)
        assert not isinstance(envelope, codec.Unreadable), "only what decodes is journalled as a batch"
        return state_at(envelope, SpoolState(upto=entry.first - 1, chain=entry.chain_before), last)

    def look_at_clock(self, connection: Connection, changes: Changes) -> None:
        """What only the server's clock can tell: who has been silent for how long."""
        now_ms = self._utc_ms()
        self._listening_since_ms = min(
            self._listening_since_ms, now_ms
        )  # this server's clock was ahead and was put right
        since_ms = self._own_since_ms
        if since_ms is None:
            since_ms = {sensor.gateway: self._listening_since_ms for sensor in self.projector.book.settings.sensors}
        else:
            since_ms.update({name: min(at_ms, now_ms) for name, at_ms in since_ms.items()})
        decisions: list[SilenceEntry] = declare(
            self.projector.book, self.projector.readings, self.projector.gateways, self.projector.trouble,
            now_ms=now_ms, since_ms=since_ms,
        )  # fmt: skip
        for decision in decisions:
            self.own(connection, OwnEntry(kind="silence", payload=msgspec.json.encode(decision)), changes)
        self.projector.look(connection, now_ms)
        for watch in self.projector.watches.values():
            for due in watch.due(self.projector.book, now_ms):
                self.own(connection, OwnEntry(kind="due", payload=msgspec.json.encode(due)), changes)
