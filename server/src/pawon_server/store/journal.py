"""The journal: everything that came in, in the order it was accepted, each entry chained to the one before.

Appending is the only thing that can be done to it (the database's triggers refuse the rest). An entry's kind:
``batch`` a gateway's rows as received; ``refused`` a payload that was no batch; ``config`` and ``profile`` versions
when they take effect; ``silence`` declared or ended by the server's clock; ``alert_sent`` what went out, to whom;
``set_aside`` the rows of the next entry are quarantined, because a bug keeps them from being projected; ``replay`` a
quarantined row is tried again and can be used; ``repair`` tables were written anew from the journal; ``restored`` a
backup was put in place, and which alerts had gone out since it was made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select, text

from .rows import add_rows
from .tables import journal

EntryKind = Literal[
    "batch", "refused", "config", "profile", "silence", "alert_sent", "set_aside", "replay", "repair", "restored"
]  # fmt: skip

# What these say concerns one gateway, or no projection's memory at all.
OF_ONE_GATEWAY = ("batch", "refused", "set_aside", "silence", "alert_sent")

MAX_ID = 2**63 - 1  # the store's
_RAW = text(
    "SELECT id, kind, received_ms, gateway, payload, spool, first, last, chain_before, chain, link FROM journal "
    "WHERE kitchen = :kitchen AND id > :after AND id <= :upto ORDER BY id LIMIT :limit"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One journal entry. ``spool``, ``first``, ``last`` and the chain values are a batch's; times are server ms UTC."""

    id: int
    kind: EntryKind
    received_ms: int
    gateway: str
    payload: bytes
    spool: str | None = None
    first: int | None = None
    last: int | None = None
    chain_before: bytes | None = None
    chain: bytes | None = None
    link: bytes = b""


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


def entries(
    connection: Connection, kitchen: str, after: int = 0, at_once: int = 500, upto: int = MAX_ID
) -> Iterator[Entry]:
    """Every entry after ``after`` and not beyond ``upto``, in order, read in bounded portions."""
    while True:
        found = connection.execute(
            select(journal)
            .where(journal.c.kitchen == kitchen, journal.c.id > after, journal.c.id <= upto)
            .order_by(journal.c.id)
            .limit(at_once)
        ).all()
        for row in found:
            after = row.id
            yield Entry(
                id=row.id, kind=row.kind, received_ms=row.received_ms, gateway=row.gateway, payload=row.payload,
                spool=row.spool, first=row.first, last=row.last, chain_before=row.chain_before, chain=row.chain,
                link=row.link,
            )  # fmt: skip
        if len(found) < at_once:
            return


def raw_entries(connection: Connection, kitchen: str, *, after: int, upto: int, limit: int) -> list[Entry]:
    """A portion of entries as the file holds them, of whatever types a hand may have given their columns."""
    found = connection.execute(_RAW, {"kitchen": kitchen, "after": after, "upto": upto, "limit": limit})
    return [Entry(**row._mapping) for row in found]


def batch_holding(connection: Connection, kitchen: str, gateway: str, spool: str, sequence: int) -> Entry | None:
    """The batch entry in which a row was stored."""
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
    if row is None or row.first > sequence:
        return None
    return Entry(
        id=row.id, kind=row.kind, received_ms=row.received_ms, gateway=row.gateway, payload=row.payload,
        spool=row.spool, first=row.first, last=row.last, chain_before=row.chain_before, chain=row.chain, link=row.link,
    )  # fmt: skip
