"""The journal: everything that came in, in the order it was accepted, each entry chained to the one before.

Appending is the only thing that can be done to it (the database's triggers refuse the rest). An entry's kind:
``batch`` a gateway's rows as received; ``refused`` a payload that was no batch; ``config`` and ``profile`` versions
when they take effect; ``silence`` declared or ended by the server's clock; ``alert_sent`` what went out, to whom;
``set_aside`` the rows of the next entry are quarantined, because a bug keeps them from being projected; ``replay`` a
quarantined row is tried again and can be used; ``repair`` tables were written anew from the journal; ``restored`` a
backup was put in place, and which alerts had gone out since it was made; ``sealed`` the batches of a run of entries
were packed into a segment (``segments``), of which ``entries`` and ``batch_holding`` read as if they were still here;
``compacted`` old readings of a sensor became minutes; ``act`` what a person wrote (``people.act``); ``due`` a deadline
passed by the server's clock (``projections.due``).
"""

from __future__ import annotations

import hashlib
import logging
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from heapq import merge
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, select, text

from .entry import Entry as Entry
from .entry import EntryKind as EntryKind
from .rows import add_rows
from .segments import SegmentError as SegmentError
from .segments import open_run
from .tables import journal, segment, segment_spool

log = logging.getLogger(__name__)

# What these say concerns one gateway, or no projection's memory at all.
OF_ONE_GATEWAY = ("batch", "refused", "set_aside", "silence", "alert_sent")

MAX_ID = 2**63 - 1  # the store's
_COLUMNS = "SELECT id, kind, received_ms, gateway, payload, spool, first, last, chain_before, chain, link FROM journal"
_RAW = {
    batches: text(
        f"{_COLUMNS} WHERE kitchen = :kitchen AND id > :after AND id <= :upto {which}ORDER BY id LIMIT :limit"
    )
    for batches, which in ((None, ""), (True, "AND kind = 'batch' "), (False, "AND kind <> 'batch' "))
}


class Journal:
    """Appends for one kitchen; buffers until ``flush``. Not thread-safe: it belongs to the writer."""

    def __init__(self, kitchen: str) -> None:
        self.kitchen = kitchen
        self.last_id = 0
        self._link = b""
        self._waiting: list[tuple[object, ...]] = []

    def load(self, connection: Connection) -> None:
        """Find the end of the journal: at the start, and after a rolled-back transaction."""
        self._waiting.clear()
        row = connection.execute(
            select(journal.c.id, journal.c.link)
            .where(journal.c.kitchen == self.kitchen)
            .order_by(journal.c.id.desc())
            .limit(1)
        ).first()
        self.last_id, self._link = (row.id, row.link) if row else (0, link_origin(self.kitchen))

    def concerns_all(self, connection: Connection, *, after: int) -> bool:
        """Whether an entry after ``after`` changed more than what belongs to its own gateway."""
        query = select(journal.c.id).where(
            journal.c.kitchen == self.kitchen, journal.c.id > after, journal.c.kind.not_in(OF_ONE_GATEWAY)
        )
        return connection.execute(query.limit(1)).first() is not None

    def append(
        self,
        kind: EntryKind,
        received_ms: int,
        payload: bytes,
        *,
        gateway: str = "",
        spool: str | None = None,
        first: int | None = None,
        last: int | None = None,
        chain_before: bytes | None = None,
        chain: bytes | None = None,
    ) -> Entry:
        """Add one entry; it is in the store after ``flush`` and the writer's commit."""
        number = self.last_id + 1
        link = next_link(self._link, number, kind, received_ms, gateway, payload)
        entry = Entry(
            id=number, kind=kind, received_ms=received_ms, gateway=gateway, payload=payload, spool=spool, first=first,
            last=last, chain_before=chain_before, chain=chain, link=link,
        )  # fmt: skip
        self._waiting.append(
            (
                self.kitchen, number, kind, received_ms, gateway, spool, first, last, chain_before, chain, payload,
                link,
            )
        )  # fmt: skip
        self.last_id, self._link = number, link
        return entry

    def flush(self, connection: Connection) -> None:
        """Write what was appended, inside the writer's transaction."""
        add_rows(connection, journal, self._waiting)
        self._waiting.clear()


def link_origin(kitchen: str) -> bytes:
    """What the first entry of a kitchen is chained to."""
    return hashlib.sha256(b"pawon-journal-v1\n" + kitchen.encode()).digest()


def next_link(previous: bytes, number: int, kind: str, received_ms: int, gateway: str, payload: bytes) -> bytes:
    """The chain value after one entry."""
    head = b"%b%d\n%b\n%d\n%b\n" % (previous, number, kind.encode(), received_ms, gateway.encode())
    return hashlib.sha256(head + payload).digest()


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of a ``sealed`` journal entry: which run, how much, the digest of the segment's bytes, and the journal's
    link before the run and after it."""

    first_id: int
    last_id: int
    batches: int
    rows: int
    digest: str
    link_before: str
    link_after: str


def sealed_upto(connection: Connection, kitchen: str) -> int:
    """The last entry of the newest segment; 0 without one."""
    newest = select(func.max(segment.c.last_id)).where(segment.c.kitchen == kitchen)
    return int(connection.execute(newest).scalar() or 0)


def segment_at(connection: Connection, kitchen: str, number: int) -> bytes | None:
    """The segment in whose run the entry ``number`` lies, or ``None``."""
    row = connection.execute(
        select(segment.c.last_id, segment.c.content)
        .where(segment.c.kitchen == kitchen, segment.c.first_id <= number)
        .order_by(segment.c.first_id.desc())
        .limit(1)
    ).first()
    return None if row is None or row.last_id < number else bytes(row.content)


# One segment, opened: portions of a walk, and batches asked for one after another, lie in the same one.
opened = lru_cache(maxsize=1)(open_run)


def entries(
    connection: Connection, kitchen: str, after: int = 0, at_once: int = 500, upto: int = MAX_ID
) -> Iterator[Entry]:
    """Every entry after ``after`` and not beyond ``upto``, in order, read in bounded portions; of sealed batches one
    segment at a time. Raises ``SegmentError`` for a damaged one."""
    sealed = min(sealed_upto(connection, kitchen), upto)
    while after < sealed:
        content = segment_at(connection, kitchen, after + 1)
        if content is None:
            raise SegmentError(f"the segment of journal entry {after + 1} is missing")
        run = opened(content)
        end = min(run.head.last_id, sealed)
        if end <= after:
            raise SegmentError(f"the segment of journal entry {after + 1} holds {run.head.first_id}..{end}")
        begin = bisect_right(run.batches, after, key=lambda batch: batch.entry.id)
        stop = bisect_right(run.batches, end, key=lambda batch: batch.entry.id)
        batches = (batch.entry for batch in run.batches[begin:stop])
        others = _unsealed(connection, kitchen, after, at_once, end, others=True)
        yield from merge(batches, others, key=lambda entry: entry.id)
        after = end
    yield from _unsealed(connection, kitchen, after, at_once, upto)


def _unsealed(
    connection: Connection, kitchen: str, after: int, at_once: int, upto: int, *, others: bool = False
) -> Iterator[Entry]:
    """Entries as the journal's own table holds them; ``others`` than batches only."""
    while True:
        found = connection.execute(
            select(journal)
            .where(
                journal.c.kitchen == kitchen, journal.c.id > after, journal.c.id <= upto,
                *((journal.c.kind != "batch",) if others else ()),
            )
            .order_by(journal.c.id)
            .limit(at_once)
        ).all()  # fmt: skip
        for row in found:
            after = row.id
            yield _entry(row)
        if len(found) < at_once:
            return


def raw_entries(
    connection: Connection, kitchen: str, *, after: int, upto: int, limit: int, batches: bool | None = None
) -> list[Entry]:
    """A portion of entries as the file holds them, of whatever types a hand may have given their columns; with
    ``batches`` only those, or only the others. Sealed ones are not among them."""
    values = {"kitchen": kitchen, "after": after, "upto": upto, "limit": limit}
    return [Entry(**row._mapping) for row in connection.execute(_RAW[batches], values)]


def entry_at(connection: Connection, kitchen: str, number: int) -> Entry | None:
    """One entry. Raises ``SegmentError``."""
    return next(entries(connection, kitchen, after=number - 1, at_once=1, upto=number), None)


def batch_holding(connection: Connection, kitchen: str, gateway: str, spool: str, sequence: int) -> Entry | None:
    """The batch entry in which a row was stored; ``None`` when there is none, or its segment is damaged."""
    row = connection.execute(
        select(journal)
        .where(
            journal.c.kitchen == kitchen,
            journal.c.gateway == gateway,
            journal.c.spool == spool,
            journal.c.last >= sequence,
        )
        .order_by(journal.c.last)
        .limit(1)
    ).first()
    if row is not None and row.first <= sequence:
        return _entry(row)
    try:
        return _sealed_batch(connection, kitchen, gateway, spool, sequence)
    except SegmentError as error:
        log.critical("row %d of %s cannot be looked up: %s; run pawon-server verify", sequence, gateway, error)
        return None


def _sealed_batch(connection: Connection, kitchen: str, gateway: str, spool: str, sequence: int) -> Entry | None:
    row = connection.execute(
        select(segment_spool.c.first, segment.c.content)
        .join(
            segment,
            (segment.c.kitchen == segment_spool.c.kitchen) & (segment.c.first_id == segment_spool.c.first_id),
        )
        .where(
            segment_spool.c.kitchen == kitchen, segment_spool.c.gateway == gateway, segment_spool.c.spool == spool,
            segment_spool.c.last >= sequence,
        )
        .order_by(segment_spool.c.last)
        .limit(1)
    ).first()  # fmt: skip
    if row is None or row.first > sequence:
        return None
    mine = [
        batch.entry
        for batch in opened(bytes(row.content)).batches
        if batch.entry.gateway == gateway and batch.entry.spool == spool
    ]
    place = bisect_left(mine, sequence, key=lambda entry: entry.last or 0)
    return mine[place] if place < len(mine) and (mine[place].first or 0) <= sequence else None


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id, kind=row.kind, received_ms=row.received_ms, gateway=row.gateway, payload=row.payload,
        spool=row.spool, first=row.first, last=row.last, chain_before=row.chain_before, chain=row.chain, link=row.link,
    )  # fmt: skip
