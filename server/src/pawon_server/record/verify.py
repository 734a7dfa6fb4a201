"""Walks the journal from its first entry and names the first thing that cannot be true.

Proves: entry follows entry without hole or double, each chained to the one before; what every gateway sent continues
its spool from the genesis, row by row, without hole or double; the columns beside a payload say what the payload says;
sealed runs are what was sealed (``sealed_walk``); the committed numbers are those of the journal; the append-only
triggers are there. It only reads, a bounded portion or one segment at a time, each in its own short read transaction: a
serving server is neither blocked nor made to keep its log.

It cannot know of a tail removed together with everything that spoke of it: for that, note the ``head`` it prints (or
that a report printed) and give it back as ``known``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, inspect, text
from sqlalchemy.exc import DatabaseError

from pawon_contract import codec
from pawon_contract.messages import Envelope, Gap

from ..ingest.batches import SpoolState, beginning
from ..store.guards import missing_guards
from ..store.journal import Entry, Sealed, link_origin, next_link, raw_entries
from .findings import FROM_BACKUP, Bad, bad, missing, short
from .findings import Finding as Finding
from .sealed_walk import segment_at, walk_segment

# A payload is at most a megabyte: this is what memory may hold, and how long one read transaction may last.
AT_ONCE = 32
# A walk that is overtaken by sealing begins anew, and is faster the more is sealed.
MOST_WALKS = 10

# Untyped: a hand may have put anything into any column, and that must be named and not stumbled over.
_END = text("SELECT max(id) FROM journal WHERE kitchen = :kitchen")
_CLAIMS = text("SELECT gateway, spool, upto, chain, journal_id FROM spool WHERE kitchen = :kitchen")
_BELOW = text("SELECT kitchen, id FROM journal WHERE kitchen < :kitchen LIMIT 1")
_ABOVE = text("SELECT kitchen, id FROM journal WHERE kitchen > :kitchen LIMIT 1")


class SpoolProof(msgspec.Struct, frozen=True, kw_only=True):
    """One spool as proven: rows 1..``upto``, of which ``lost`` lie in ``gaps`` recorded gaps."""

    gateway: str
    spool: str
    upto: int
    chain: str
    gaps: int
    lost: int


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk found. ``head`` is ``id:link`` of the last proven entry; ``finding`` the first thing amiss."""

    kitchen: str
    entries: int
    head: str
    spools: list[SpoolProof]
    finding: Finding | None

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return self.finding is None


@dataclass(slots=True)
class _Spool:
    state: SpoolState
    gaps: int = 0
    lost: int = 0


def verify(
    reader: Engine, kitchen: str, *, known: str | None = None, progress: Callable[[int, int], None] = lambda *_: None
) -> Proof:
    """Walk ``kitchen``'s journal. ``known`` is a head noted earlier; ``progress`` hears (entries done, of how many)."""
    finding: Finding | None = None
    for walks in range(1, MOST_WALKS + 1):
        walk = _Walk(kitchen, known)
        try:
            finding = walk.run(reader, progress)
        except _OvertakenError as overtaken:
            if walks < MOST_WALKS:
                continue
            finding = overtaken.finding
        except Bad as bad:
            finding = bad.finding
        except DatabaseError as error:
            finding = Finding(
                journal_id=walk.last_id + 1, what="the store cannot be read from here on", expected="a readable file",
                found=str(error.orig), remedy=FROM_BACKUP,
            )  # fmt: skip
        break
    proofs = [
        SpoolProof(
            gateway=gateway, spool=name, upto=one.state.upto, chain=one.state.chain.hex(), gaps=one.gaps, lost=one.lost
        )
        for (gateway, name), one in sorted(walk.spools.items())
    ]
    return Proof(
        kitchen=kitchen, entries=walk.last_id, head=f"{walk.last_id}:{walk.link.hex()}", spools=proofs, finding=finding
    )


def continued(
    kitchen: str, last_id: int, link: bytes, spools: Mapping[tuple[str, str], SpoolState]
) -> tuple[Callable[[Entry], None], Callable[[], bytes]]:
    """A walk that goes on after ``last_id``: takes an entry (raises ``Bad``), and tells the link where it stands."""
    walk = _Walk(kitchen, None)
    walk.last_id, walk.link = last_id, link
    walk.spools = {name: _Spool(state=state) for name, state in spools.items()}
    walk.claims_segments = False
    return walk.take, lambda: walk.link


class _OvertakenError(Bad):
    """The run in which the walk stands was sealed meanwhile."""


class _Walk:
    """The state of one walk: where the journal's chain and every spool's chain stand."""

    def __init__(self, kitchen: str, known: str | None) -> None:
        self._kitchen = kitchen
        self.last_id, self.link = 0, link_origin(kitchen)
        self.spools: dict[tuple[str, str], _Spool] = {}
        self._known_id, self._known_link = _known(known)
        self._sealing = False
        self.claims_segments = True
        self._segments: dict[int, Sealed] = {}  # those that were walked, by their first entry

    def run(self, reader: Engine, progress: Callable[[int, int], None]) -> Finding | None:
        """The walk up to where the journal ended when it began. Raises ``Bad``."""
        with reader.begin() as connection:  # one moment for both: what is committed later is not looked at
            end = connection.execute(_END, {"kitchen": self._kitchen}).scalar()
            claims = connection.execute(_CLAIMS, {"kitchen": self._kitchen}).all()
            guards = missing_guards(connection)
            self._sealing = inspect(connection).has_table("segment")  # an older store has none
            stranger = _stranger(connection, self._kitchen)
        if end is not None and not isinstance(end, int):
            raise Bad(
                Finding(what="an entry's number is no number", expected="an integer", found=repr(end),
                        remedy=FROM_BACKUP)
            )  # fmt: skip
        while self.last_id < (end or 0):
            self._step(reader, end or 0)
            progress(self.last_id, max(end or 0, self.last_id))
        if self._known_id > self.last_id:
            raise Bad(
                Finding(
                    journal_id=self._known_id, what="the journal ends before the head that was noted",
                    expected=f"at least {self._known_id} entries", found=f"{self.last_id} entries", remedy=FROM_BACKUP,
                )
            )  # fmt: skip
        self._claims(claims)
        if stranger is not None:
            return stranger
        for name, (expected, found, mending) in guards.items():
            return Finding(
                what=f"the append-only guard {name} is not as it was made; the chain shows that no entry was changed",
                expected=expected,
                found=found or "nothing",
                remedy=f"stop the server and run {mending}",
            )
        return None

    def _step(self, reader: Engine, end: int) -> None:
        """A portion of entries, or a sealed run."""
        for limit in (AT_ONCE, 1):  # one by one up to the entry that cannot be read
            try:
                with reader.begin() as connection:
                    row = segment_at(connection, self._kitchen, self.last_id + 1) if self._sealing else None
                    if row is not None and row.first_id <= self.last_id:
                        begins = Finding(
                            journal_id=self.last_id + 1, what="a segment begins within what was walked already",
                            expected="one behind it", found=str(row.first_id),
                            remedy=f"run it again; then {FROM_BACKUP}",
                        )  # fmt: skip
                        raise _OvertakenError(begins)
                    if row is not None:
                        self._segments[row.first_id] = walk_segment(self, connection, self._kitchen, row)
                        return
                    portion = raw_entries(connection, self._kitchen, after=self.last_id, upto=end, limit=limit)
                break
            except DatabaseError:
                if limit == 1:
                    raise
        if not portion:
            raise Bad(missing(self.last_id + 1, "nothing"))
        for entry in portion:
            self.take(entry)

    def compare_known(self, first_id: int, links: dict[int, bytes]) -> None:
        """The head that was noted, if it is one of the entries from ``first_id`` to where the walk stands; where it is
        none of ``links`` nothing can be told."""
        if not first_id <= self._known_id <= self.last_id:
            return
        link = links.get(self._known_id)
        if link is not None and link.hex() == self._known_link:
            return
        what = "the journal is not the one whose head was noted"
        if link is None:
            what = (
                "its batch was sealed and came deflated by another zlib: whether it is the head that was noted cannot "
            )
            what += "be told; give a head noted later"
        raise Bad(
            Finding(
                journal_id=self._known_id, what=what, expected=self._known_link,
                found="nothing" if link is None else link.hex(), remedy=FROM_BACKUP,
            )
        )  # fmt: skip

    def take(self, entry: Entry) -> None:
        """The next entry of the journal's own table."""
        number = self.last_id + 1
        if entry.id != number:
            raise Bad(missing(number, f"entry {entry.id}"))
        for name, kind in (("kind", str), ("received_ms", int), ("gateway", str), ("payload", bytes), ("link", bytes)):
            value = getattr(entry, name)
            if not isinstance(value, kind):
                raise bad(entry, f"{name} is of another type", kind.__name__, repr(value)[:80])
        # The rows first: they tell the place most exactly.
        if entry.kind == "batch":
            self.take_batch(entry)
        else:
            for name in ("spool", "first", "last", "chain_before", "chain"):
                if getattr(entry, name) is not None:
                    raise bad(entry, f"{name} stands in an entry that is no batch", "nothing",
                               short(getattr(entry, name)))  # fmt: skip
        expected = next_link(self.link, entry.id, entry.kind, entry.received_ms, entry.gateway, entry.payload)
        if entry.link != expected:
            what = "the entry is not what was chained: its kind, received time, gateway, payload or link was changed"
            raise bad(entry, what, expected.hex(), entry.link.hex())
        self.last_id, self.link = entry.id, expected
        self.compare_known(entry.id, {entry.id: expected})
        if entry.kind == "sealed" and self.claims_segments:
            self._sealed(entry)

    def _sealed(self, entry: Entry) -> None:
        """What was sealed lies behind: the segment must have been there."""
        try:
            sealed = msgspec.json.decode(entry.payload, type=Sealed)
        except msgspec.DecodeError as error:
            raise bad(entry, "the payload cannot be read", "what was sealed", str(error)) from error
        if self._segments.get(sealed.first_id) != sealed:
            run = f"{sealed.first_id}..{sealed.last_id}"
            raise bad(entry, f"the segment of the entries {run} is not there", sealed.digest, "nothing")

    def take_batch(self, entry: Entry) -> None:
        """The rows of a batch, and the columns beside it."""
        envelope = codec.decode(entry.payload, Envelope)
        if isinstance(envelope, codec.Unreadable):
            raise bad(entry, "the payload of a batch cannot be read", "a batch", envelope.reason)
        if entry.spool != envelope.spool:
            raise bad(entry, "spool is not that of the payload", envelope.spool, short(entry.spool))
        known = self.spools.get((entry.gateway, envelope.spool))
        before = beginning(envelope.spool) if known is None else known.state
        if entry.first != before.upto + 1:
            what = "rows are missing or doubled between this batch and the one before it"
            raise bad(entry, what, f"first {before.upto + 1}", f"first {short(entry.first)}")
        if entry.chain_before != before.chain:
            raise bad(entry, "chain_before is not where the spool stood", before.chain.hex(),
                       short(entry.chain_before))  # fmt: skip
        if envelope.first > before.upto + 1:
            what = "the payload does not begin where the spool stood"
            raise bad(entry, what, f"first {before.upto + 1}", f"first {envelope.first}")
        rows = codec.rows(envelope, before.chain, after=before.upto)
        if not rows or rows[-1].last != entry.last:
            raise bad(entry, "last is not that of the payload", str(rows[-1].last if rows else before.upto),
                       short(entry.last))  # fmt: skip
        for name, value in (("the hash its sender gave", bytes.fromhex(envelope.hash)), ("chain", entry.chain)):
            if value != rows[-1].chain:
                what = f"the rows do not lead to {name}: a row, its number or its boot was changed"
                raise bad(entry, what, rows[-1].chain.hex(), short(value))
        if known is None:
            known = self.spools[entry.gateway, envelope.spool] = _Spool(state=before)
        known.state = SpoolState(upto=rows[-1].last, chain=rows[-1].chain)
        for row in rows:
            if isinstance(row.item, Gap):
                known.gaps += 1
                known.lost += row.last - row.sequence + 1

    def _claims(self, claims: Sequence[Row[Any]]) -> None:
        """The committed numbers speak of what the journal holds, no more and no less."""
        unclaimed = {key: one.state for key, one in self.spools.items()}
        for row in claims:
            walked = unclaimed.pop((row.gateway, row.spool), beginning(row.spool))
            expected, found = (walked.upto, walked.chain), (row.upto, row.chain)
            if expected != found:
                raise Bad(_claim(row.gateway, row.spool, f"{walked.upto} {walked.chain.hex()}",
                                  f"{short(row.upto)} {short(row.chain)}", row.journal_id))  # fmt: skip
        for (gateway, name), state in unclaimed.items():
            raise Bad(_claim(gateway, name, f"{state.upto} {state.chain.hex()}", "nothing", None))


def _claim(gateway: str, name: str, expected: str, found: str, journal_id: int | None) -> Finding:
    return Finding(
        gateway=gateway, spool=name, journal_id=journal_id,
        what="the committed number is not the journal's: entries were removed at its end, or the table was edited",
        expected=expected, found=found,
        remedy=f"if the journal lacks a head noted earlier: {FROM_BACKUP}; else pawon-server rebuild --repair",
    )  # fmt: skip


def _known(head: str | None) -> tuple[int, str]:
    """``id:link`` as two; (0, "") without one. Raises ``ValueError``."""
    if head is None:
        return 0, ""
    number, _, link = head.partition(":")
    if not number.isdecimal() or len(link) != 64:
        raise ValueError(f"{head!r} is no head; give what verify printed, like 1234:9f…")
    return int(number), link


def _stranger(connection: Connection, kitchen: str) -> Finding | None:
    """Entries under another kitchen's name: a file has one kitchen. A database may be shared by several."""
    if connection.dialect.name != "sqlite":
        return None
    for query in (_BELOW, _ABOVE):
        other = connection.execute(query, {"kitchen": kitchen}).first()
        if other is not None:
            return Finding(
                journal_id=other.id, what="an entry bears another kitchen's name", expected=kitchen,
                found=short(other.kitchen),
                remedy=f"give the configuration of that kitchen if the store is its; else: {FROM_BACKUP}",
            )  # fmt: skip
    return None
