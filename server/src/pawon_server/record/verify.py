"""Walks the journal from its first entry and names the first thing that cannot be true.

Proves: entry follows entry without hole or double, each chained to the one before; what every gateway sent continues
its spool from the genesis, row by row, without hole or double; the columns beside a payload say what the payload says;
the committed numbers are those of the journal; the append-only triggers are there. It only reads, a bounded portion at
a time, each in its own short read transaction: a serving server is neither blocked nor made to keep its log.

It cannot know of a tail removed together with everything that spoke of it: for that, note the ``head`` it prints (or
that a report printed) and give it back as ``known``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import DatabaseError

from pawon_contract import codec
from pawon_contract.messages import Envelope, Gap

from ..ingest.batches import SpoolState, beginning
from ..store.guards import missing_guards
from ..store.journal import Entry, link_origin, next_link, raw_entries

# A payload is at most a megabyte: this is what memory may hold, and how long one read transaction may last.
AT_ONCE = 32
FROM_BACKUP = (
    "keep this file as evidence and restore the newest backup that verifies (pawon-server restore); "
    "gateways send again what they still hold"
)

# Untyped: a hand may have put anything into any column, and that must be named and not stumbled over.
_END = text("SELECT max(id) FROM journal WHERE kitchen = :kitchen")
_CLAIMS = text("SELECT gateway, spool, upto, chain, journal_id FROM spool WHERE kitchen = :kitchen")
_BELOW = text("SELECT kitchen, id FROM journal WHERE kitchen < :kitchen LIMIT 1")
_ABOVE = text("SELECT kitchen, id FROM journal WHERE kitchen > :kitchen LIMIT 1")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that cannot be true. Places that do not apply are ``None``; ``sequence``: ``first..last``."""

    what: str
    expected: str
    found: str
    remedy: str
    journal_id: int | None = None
    gateway: str | None = None
    spool: str | None = None
    sequence: str | None = None

    def text(self) -> str:
        """For people, in one paragraph."""
        places = (("journal entry", self.journal_id), ("gateway", self.gateway), ("spool", self.spool),
                  ("sequence", self.sequence))  # fmt: skip
        where = ", ".join(f"{name} {value}" for name, value in places if value not in (None, ""))
        return (
            f"{where + ': ' if where else ''}{self.what}\n  expected: {self.expected}\n  found:    {self.found}\n"
            f"  remedy:   {self.remedy}"
        )


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


class _Bad(Exception):  # noqa: N818 - leaves the walk with its finding; never leaves this module
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


def verify(
    reader: Engine, kitchen: str, *, known: str | None = None, progress: Callable[[int, int], None] = lambda *_: None
) -> Proof:
    """Walk ``kitchen``'s journal. ``known`` is a head noted earlier; ``progress`` hears (entries done, of how many)."""
    walk = _Walk(kitchen, known)
    finding: Finding | None = None
    try:
        finding = walk.run(reader, progress)
    except _Bad as bad:
        finding = bad.finding
    except DatabaseError as error:
        finding = Finding(
            journal_id=walk.last_id + 1, what="the store cannot be read from here on", expected="a readable file",
            found=str(error.orig), remedy=FROM_BACKUP,
        )  # fmt: skip
    proofs = [
        SpoolProof(
            gateway=gateway, spool=name, upto=one.state.upto, chain=one.state.chain.hex(), gaps=one.gaps, lost=one.lost
        )
        for (gateway, name), one in sorted(walk.spools.items())
    ]
    return Proof(
        kitchen=kitchen, entries=walk.last_id, head=f"{walk.last_id}:{walk.link.hex()}", spools=proofs, finding=finding
    )


class _Walk:
    """The state of one walk: where the journal's chain and every spool's chain stand."""

    def __init__(self, kitchen: str, known: str | None) -> None:
        self._kitchen, self._known = kitchen, known
        self.last_id, self.link = 0, link_origin(kitchen)
        self.spools: dict[tuple[str, str], _Spool] = {}

    def run(self, reader: Engine, progress: Callable[[int, int], None]) -> Finding | None:
        """The walk up to where the journal ended when it began. Raises ``_Bad``."""
        with reader.begin() as connection:  # one moment for both: what is committed later is not looked at
            end = connection.execute(_END, {"kitchen": self._kitchen}).scalar()
            claims = connection.execute(_CLAIMS, {"kitchen": self._kitchen}).all()
            guards = missing_guards(connection)
            stranger = _stranger(connection, self._kitchen)
        if end is not None and not isinstance(end, int):
            raise _Bad(
                Finding(what="an entry's number is no number", expected="an integer", found=repr(end),
                        remedy=FROM_BACKUP)
            )  # fmt: skip
        known_id, known_link = _known(self._known)
        for entry in self._portions(reader, end or 0):
            self._entry(entry)
            if entry.id == known_id and entry.link.hex() != known_link:
                raise _Bad(
                    Finding(
                        journal_id=entry.id, what="the journal is not the one whose head was noted",
                        expected=known_link, found=entry.link.hex(), remedy=FROM_BACKUP,
                    )
                )  # fmt: skip
            if entry.id % AT_ONCE == 0:
                progress(entry.id, end or 0)
        if known_id > self.last_id:
            raise _Bad(
                Finding(
                    journal_id=known_id, what="the journal ends before the head that was noted",
                    expected=f"at least {known_id} entries", found=f"{self.last_id} entries", remedy=FROM_BACKUP,
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

    def _portions(self, reader: Engine, end: int) -> Iterator[Entry]:
        limit = AT_ONCE
        while self.last_id < end:
            try:
                with reader.begin() as connection:
                    portion = raw_entries(connection, self._kitchen, after=self.last_id, upto=end, limit=limit)
            except DatabaseError:
                if limit == 1:
                    raise
                limit = 1  # one by one up to the entry that cannot be read
                continue
            if not portion:
                raise _Bad(_missing(self.last_id + 1, "nothing"))
            yield from portion

    def _entry(self, entry: Entry) -> None:
        number = self.last_id + 1
        if entry.id != number:
            raise _Bad(_missing(number, f"entry {entry.id}"))
        for name, kind in (("kind", str), ("received_ms", int), ("gateway", str), ("payload", bytes), ("link", bytes)):
            value = getattr(entry, name)
            if not isinstance(value, kind):
                raise _bad(entry, f"{name} is of another type", kind.__name__, repr(value)[:80])
        # The rows first: they tell the place most exactly.
        if entry.kind == "batch":
            self._batch(entry)
        else:
            for name in ("spool", "first", "last", "chain_before", "chain"):
                if getattr(entry, name) is not None:
                    raise _bad(entry, f"{name} stands in an entry that is no batch", "nothing",
                               _short(getattr(entry, name)))  # fmt: skip
        expected = next_link(self.link, entry.id, entry.kind, entry.received_ms, entry.gateway, entry.payload)
        if entry.link != expected:
            what = "the entry is not what was chained: its kind, received time, gateway, payload or link was changed"
            raise _bad(entry, what, expected.hex(), entry.link.hex())
        self.last_id, self.link = entry.id, expected

    def _batch(self, entry: Entry) -> None:
        envelope = codec.decode(entry.payload, Envelope)
        if isinstance(envelope, codec.Unreadable):
            raise _bad(entry, "the payload of a batch cannot be read", "a batch", envelope.reason)
        if entry.spool != envelope.spool:
            raise _bad(entry, "spool is not that of the payload", envelope.spool, _short(entry.spool))
        known = self.spools.get((entry.gateway, envelope.spool))
        before = beginning(envelope.spool) if known is None else known.state
        if entry.first != before.upto + 1:
            what = "rows are missing or doubled between this batch and the one before it"
            raise _bad(entry, what, f"first {before.upto + 1}", f"first {_short(entry.first)}")
        if entry.chain_before != before.chain:
            raise _bad(entry, "chain_before is not where the spool stood", before.chain.hex(),
                       _short(entry.chain_before))  # fmt: skip
        if envelope.first > before.upto + 1:
            what = "the payload does not begin where the spool stood"
            raise _bad(entry, what, f"first {before.upto + 1}", f"first {envelope.first}")
        rows = codec.rows(envelope, before.chain, after=before.upto)
        if not rows or rows[-1].last != entry.last:
            raise _bad(entry, "last is not that of the payload", str(rows[-1].last if rows else before.upto),
                       _short(entry.last))  # fmt: skip
        for name, value in (("the hash its sender gave", bytes.fromhex(envelope.hash)), ("chain", entry.chain)):
            if value != rows[-1].chain:
                what = f"the rows do not lead to {name}: a row, its number or its boot was changed"
                raise _bad(entry, what, rows[-1].chain.hex(), _short(value))
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
                raise _Bad(_claim(row.gateway, row.spool, f"{walked.upto} {walked.chain.hex()}",
                                  f"{_short(row.upto)} {_short(row.chain)}", row.journal_id))  # fmt: skip
        for (gateway, name), state in unclaimed.items():
            raise _Bad(_claim(gateway, name, f"{state.upto} {state.chain.hex()}", "nothing", None))


def _claim(gateway: str, name: str, expected: str, found: str, journal_id: int | None) -> Finding:
    return Finding(
        gateway=gateway, spool=name, journal_id=journal_id,
        what="the committed number is not the journal's: entries were removed at its end, or the table was edited",
        expected=expected, found=found,
        remedy=f"if the journal lacks a head noted earlier: {FROM_BACKUP}; else pawon-server rebuild --repair",
    )  # fmt: skip


def _bad(entry: Entry, what: str, expected: str, found: str) -> _Bad:
    rows = None
    if entry.kind == "batch":
        rows = _short(entry.first) if entry.first == entry.last else f"{_short(entry.first)}..{_short(entry.last)}"
    return _Bad(
        Finding(
            journal_id=entry.id, gateway=_short(entry.gateway) or None, spool=_short(entry.spool) or None,
            sequence=rows, what=what, expected=expected, found=found, remedy=FROM_BACKUP,
        )
    )  # fmt: skip


def _short(value: object) -> str:
    """Whatever a hand put there, in few characters."""
    if value is None:
        return ""
    return value.hex()[:128] if isinstance(value, bytes) else str(value)[:128]


def _known(head: str | None) -> tuple[int, str]:
    """``id:link`` as two; (0, "") without one. Raises ``ValueError``."""
    if head is None:
        return 0, ""
    number, _, link = head.partition(":")
    if not number.isdecimal() or len(link) != 64:
        raise ValueError(f"{head!r} is no head; give what verify printed, like 1234:9f…")
    return int(number), link


def _missing(number: int, found: str) -> Finding:
    return Finding(
        journal_id=number, what="an entry is missing: it was removed, or its number or kitchen was changed",
        expected=f"entry {number}", found=found, remedy=FROM_BACKUP,
    )  # fmt: skip


def _stranger(connection: Connection, kitchen: str) -> Finding | None:
    """Entries under another kitchen's name: a file has one kitchen. A database may be shared by several."""
    if connection.dialect.name != "sqlite":
        return None
    for query in (_BELOW, _ABOVE):
        other = connection.execute(query, {"kitchen": kitchen}).first()
        if other is not None:
            return Finding(
                journal_id=other.id, what="an entry bears another kitchen's name", expected=kitchen,
                found=_short(other.kitchen),
                remedy=f"give the configuration of that kitchen if the store is its; else: {FROM_BACKUP}",
            )  # fmt: skip
    return None
