"""A copied card: from its first row that the server does not hold, this card's rows begin a spool of their own.

The old file stays whole beside it (see ``quarantine``): what both cards have in common and this card's version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from pawon_contract import chain, codec
from pawon_contract.messages import Fork, Gap

from .opening import create
from .quarantine import building

Stored = tuple[int, int, str, bytes, bytes]


def build_parted(db: sqlite3.Connection, path: Path, spool: str, fork: Fork, boot: str) -> None:
    """Make the database of the new spool ``spool`` beside ``path``: the rows of ``db`` from ``fork.first`` on, numbered
    from 1 and chained anew, and ``fork`` (of the present boot) behind them. Raises ``sqlite3.Error`` or ``OSError``."""
    building(path).unlink(missing_ok=True)
    parted = sqlite3.connect(building(path), isolation_level=None)
    whole = False
    try:
        parted.execute("PRAGMA synchronous = OFF")  # synced as a whole before it gets its name
        parted.execute("BEGIN")
        create(parted, spool)
        parted.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?)", _renumbered(db, spool, fork, boot))
        for table, first in (("boot", None), ("scale", None), ("refused", fork.first)):
            _copy(db, parted, table, first)
        parted.execute("COMMIT")
        whole = True
    finally:
        parted.close()
        if not whole:  # a full card must not stay full of what was not finished
            for suffix in ("", "-journal"):
                Path(f"{building(path)}{suffix}").unlink(missing_ok=True)


def _renumbered(db: sqlite3.Connection, spool: str, fork: Fork, boot: str) -> Iterator[Stored]:
    shift, last, value = fork.first - 1, 0, chain.genesis(spool)
    for sequence, to, of_boot, item, _ in db.execute("SELECT * FROM row WHERE sequence >= ? ORDER BY sequence",
                                                     (fork.first,)):  # fmt: skip
        first, last = sequence - shift, to - shift
        value = chain.link(value, first, of_boot, item)
        gap = codec.decode_item(item)
        if isinstance(gap, Gap):
            moved = Gap(at_ms=gap.at_ms, from_=first, to=last, reason=gap.reason, chain=value.hex(), detail=gap.detail)
            item = codec.encode_item(moved)
        yield first, last, of_boot, item, value
    item = codec.encode_item(fork)
    yield last + 1, last + 1, boot, item, chain.link(value, last + 1, boot, item)


def _copy(db: sqlite3.Connection, parted: sqlite3.Connection, table: str, first: int | None) -> None:
    """A table of little rows; of ``refused`` only those from ``first`` on, under their new numbers."""
    for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - names of ours
        if first is not None and row[0] < first:
            continue
        values = row if first is None else (row[0] - first + 1, *row[1:])
        parted.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608 - the same
