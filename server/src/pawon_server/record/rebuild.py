"""Derives every projection again from the journal alone, in a scratch store, and compares it with what the store holds.

Nothing is sent: entries are projected as the writer projects them, and what was sent is itself an entry. The live store
is only read, in short portions; the comparison looks at one moment of it, so it may run beside a serving server.
``repair`` needs the store for itself and writes what was derived in one transaction, with an entry that says so.

What a rule decides belongs to the program too: a newer version may judge old rows otherwise. Then that is what differs.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, func, select

from ..projections.context import Changes
from ..projections.projector import Projector
from ..store.database import Store, StoreError, open_scratch
from ..store.journal import Journal, entries
from ..store.rows import add_rows
from ..store.tables import PROJECTIONS, export_cursor, journal
from ..store.turn import be_alone
from .differences import TableDifference, compare_tables
from .verify import Finding, verify

# How many entries are read, and projected in one transaction, at a time.
AT_ONCE = 32
# Rows of a table that are held at a time when it is written anew.
ROWS_AT_ONCE = 5_000
# What the scratch store leaves free on its disk: a rebuild may not take the room that a serving server needs.
KEEP_FREE_BYTES = 256 << 20
# Tables that are no projections, and why they are neither derived nor compared.
LEFT_OUT = {
    "journal": "the record itself: verify proves it",
    "segment": "the record itself, as far as it is sealed: verify proves it",
    "segment_spool": "which rows lie in which segment: verify proves it",
    "store_fact": "the store's own facts (its epoch), which no entry is about",
    "lease": "which worker writes for which gateway just now",
    "export_cursor": "how far an exporter has read; after a repair it reads from the beginning",
}


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. ``finding``: the journal itself is not to be believed, so nothing was derived from it."""

    kitchen: str
    entries: int
    tables: list[TableDifference]
    finding: Finding | None = None
    repaired: bool = False
    left_out: dict[str, str] = msgspec.field(default_factory=lambda: dict(LEFT_OUT))

    @property
    def same(self) -> bool:
        """Whether the store holds exactly what the journal says."""
        return self.finding is None and all(table.same for table in self.tables)


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of a ``repair`` journal entry: the tables that were written anew, and how many rows differed."""

    tables: dict[str, int]


def rebuild(
    reader: Engine, kitchen: str, scratch_folder: Path, *, progress: Callable[[int, int], None] = lambda *_: None
) -> Rebuilt:
    """Derive and compare. Raises ``StoreError`` when the scratch store finds no room."""
    proof = verify(reader, kitchen)
    if proof.finding is not None:
        return Rebuilt(kitchen=kitchen, entries=proof.entries, tables=[], finding=proof.finding)
    with _derived(reader, kitchen, scratch_folder, progress) as derived:
        return Rebuilt(kitchen=kitchen, entries=derived.end, tables=derived.differences)


def repair(
    store: Store, kitchen: str, scratch_folder: Path, now_ms: int,
    *, progress: Callable[[int, int], None] = lambda *_: None,
) -> Rebuilt:  # fmt: skip
    """Derive, compare, and write what differs into ``store``, which the caller holds for itself."""
    proof = verify(store.reader, kitchen)
    if proof.finding is not None:
        return Rebuilt(kitchen=kitchen, entries=proof.entries, tables=[], finding=proof.finding)
    with _derived(store.reader, kitchen, scratch_folder, progress) as derived:
        wrong = {table.table: table.count for table in derived.differences if not table.same}
        if wrong:
            _write(store, kitchen, derived, wrong, now_ms)
        return Rebuilt(kitchen=kitchen, entries=derived.end, tables=derived.differences, repaired=bool(wrong))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Derived:
    scratch: Engine
    end: int
    differences: list[TableDifference]


@contextmanager
def _derived(reader: Engine, kitchen: str, folder: Path, progress: Callable[[int, int], None]) -> Iterator[_Derived]:
    """A scratch store with every projection of the journal, compared with one moment of the live one; then gone."""
    try:
        scratch_folder = tempfile.TemporaryDirectory(prefix="pawon-rebuild-", dir=folder)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}; give a folder for the scratch store (--scratch)") from error
    with scratch_folder as name:
        path = Path(name) / "scratch.db"
        scratch = open_scratch(path)
        try:
            projector = Projector(kitchen)
            with reader.begin() as source:
                end = source.execute(select(func.max(journal.c.id)).where(journal.c.kitchen == kitchen)).scalar() or 0
            done = 0
            while done < end:
                _leave_room(path)
                with reader.begin() as source, scratch.begin() as target:
                    done = _project(source, target, projector, after=done, upto=min(end, done + AT_ONCE))
                progress(done, end)
            with reader.begin() as source, scratch.begin() as target:  # the moment that is compared
                end = source.execute(select(func.max(journal.c.id)).where(journal.c.kitchen == kitchen)).scalar() or 0
                while done < end:
                    done = _project(source, target, projector, after=done, upto=min(end, done + AT_ONCE))
                differences = [compare_tables(table, source, target, kitchen) for table in PROJECTIONS]
            yield _Derived(scratch=scratch, end=done, differences=differences)
        finally:
            scratch.dispose()


def _project(source: Connection, target: Connection, projector: Projector, *, after: int, upto: int) -> int:
    """Entries ``after``..``upto`` into the scratch store; the last one's number."""
    for entry in entries(source, projector.kitchen, after=after, upto=upto):
        projector.apply(target, entry, Changes())
    projector.flush(target)
    return upto


def _leave_room(path: Path) -> None:
    if shutil.disk_usage(path.parent).free < KEEP_FREE_BYTES:
        raise StoreError(
            f"{path.parent}: less than {KEEP_FREE_BYTES >> 20} MB are free, which the server may need; "
            "give a folder on another disk (--scratch)"
        )


def _write(store: Store, kitchen: str, derived: _Derived, wrong: dict[str, int], now_ms: int) -> None:
    """All that differs in one transaction: a crash leaves the store as it was before or as it is after."""
    with store.writer.begin() as connection, derived.scratch.connect() as source:
        be_alone(connection, kitchen)
        record = Journal(kitchen)
        record.load(connection)
        if record.last_id != derived.end:
            raise StoreError(f"{store.address}: a server wrote to this store meanwhile; stop it, and begin again")
        for table in (table for table in PROJECTIONS if table.name in wrong):
            connection.execute(table.delete().where(table.c.kitchen == kitchen))
            found = source.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
            for rows in found.partitions():
                add_rows(connection, table, [tuple(row) for row in rows])
        connection.execute(export_cursor.delete().where(export_cursor.c.kitchen == kitchen))
        record.append("repair", now_ms, msgspec.json.encode(Repaired(tables=wrong)))
        record.flush(connection)
