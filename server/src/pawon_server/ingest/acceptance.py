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

from ..projections.context import Changes
from ..projections.projector import MAX_CLOCK_MS, Projector
from ..projections.sensor_trouble import SilenceEntry
from ..rulebook import Rulebook, encode
from ..store.journal import EntryKind, Journal, batch_holding
from .batches import Broken, Continuation, Hole, Known, SpoolState, beginning, chain_at, judge
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

    def load(self, connection: Connection) -> None:
        """Take up what is committed: at the start, and after a rolled-back transaction."""
        self._journal.load(connection)
        self.projector.load(connection)

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
                self.own(connection, OwnEntry(kind=kind, payload=encode(part)), changes)  # type: ignore[arg-type]  # two literals

    def own(self, connection: Connection, message: OwnEntry, changes: Changes) -> None:
        """Journal something of the server's own."""
        self._own_entry(connection, message.kind, self._utc_ms(), message.payload, changes)

    def _own_entry(self, connection: Connection, kind: EntryKind, at_ms: int, payload: bytes, changes: Changes) -> None:
        self.projector.apply(connection, self._journal.append(kind, at_ms, payload), changes)

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
        verdict = judge(envelope, stored)
        if isinstance(verdict, Known):
            before = self._state_before(connection, message.gateway, envelope.spool, verdict.last)
            if before is not None and before.hex() != envelope.hash:
                reason = f"chain: rows up to {verdict.last} differ from the record of the same numbers (a copied card?)"
                return self._refuse(connection, message, reason, changes), 0
        elif isinstance(verdict, Broken):
            return self._refuse(connection, message, verdict.reason, changes), 0
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
        return self._reply(message.gateway, envelope, stored), count

    def _reply(self, gateway: str, envelope: Envelope, stored: SpoolState) -> Reply:
        answers = Answers(first=envelope.first, sent_ms=envelope.sent_ms)
        return Reply(
            gateway=gateway, retain=True,
            message=Committed(
                spool=envelope.spool, epoch=self._epoch, upto=stored.upto, answers=answers,
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
                spool=spool, epoch=self._epoch, upto=upto, refused=Refused(digest=digest, reason=reason[:200])
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

    def look_at_clock(self, connection: Connection, changes: Changes) -> None:
        """What only the server's clock can tell: who has been silent for how long."""
        now_ms = self._utc_ms()
        self._listening_since_ms = min(
            self._listening_since_ms, now_ms
        )  # this server's clock was ahead and was put right
        decisions: list[SilenceEntry] = declare(
            self.projector.book, self.projector.readings, self.projector.gateways, self.projector.trouble,
            now_ms=now_ms, since_ms=self._listening_since_ms,
        )  # fmt: skip
        for decision in decisions:
            self.own(connection, OwnEntry(kind="silence", payload=msgspec.json.encode(decision)), changes)
