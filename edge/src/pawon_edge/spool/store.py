"""The spool: rows accepted on this gateway, in order, until the server has them and well beyond.

SQLite in WAL mode with FULL sync: what ``append`` returned for survives a power cut. One process (a lock file says
which) with one connection, which its threads take in turns. A row is ``(sequence, boot, item bytes, chain value)``;
its item bytes are its canonical form and are never rewritten, except that a refused row gives its place to a ``Gap``
and keeps its bytes in ``refused``.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pawon_contract import chain, codec
from pawon_contract.ids import new_spool_id
from pawon_contract.messages import Gap

from ..clock import Offset

SCHEMA_VERSION = 1
# Kept after the server has confirmed them, so that a server restored from an older backup can ask again: two days of
# a default kitchen (26 sensors, a heartbeat a minute, half as much again by change), about 20 MB.
KEEP_ROWS = 120_000
PRUNE_AT_ONCE = 5_000

_SCHEMA = """
CREATE TABLE row (sequence INTEGER PRIMARY KEY, last INTEGER NOT NULL, boot TEXT NOT NULL, item BLOB NOT NULL,
                  chain BLOB NOT NULL);
CREATE TABLE boot (boot TEXT PRIMARY KEY, offset_ms INTEGER NOT NULL, clock TEXT NOT NULL, error_ms INTEGER NOT NULL,
                   fixed INTEGER NOT NULL);
CREATE TABLE scale (sensor TEXT PRIMARY KEY, stable_g INTEGER NOT NULL);
CREATE TABLE refused (sequence INTEGER PRIMARY KEY, reason TEXT NOT NULL, boot TEXT NOT NULL, item BLOB NOT NULL);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class SpoolError(Exception):
    """The spool cannot be used; the text names the file and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledRow:
    """One row as stored. A ``Gap`` covers ``sequence``..``last``; any other row only its own number."""

    sequence: int
    last: int
    boot: str
    item: bytes
    chain: bytes


class Spool:
    """Open, and created on first use. Every method may be called from any thread; one lock orders them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_file = _claim(path)
        self._lock = threading.Lock()
        try:
            self._db = _open(path)
            self._take_up()
        except (sqlite3.DatabaseError, SpoolError) as error:
            if hasattr(self, "_db"):
                self._db.close()
            self._lock_file.close()
            if isinstance(error, SpoolError):
                raise
            raise SpoolError(f"{path}: {error}; move the file away to start with an empty spool") from error

    def _take_up(self) -> None:
        self._create()
        self.id = self._fact("spool")
        self._upto = int(self._fact("upto"))
        self._pruned_through = int(self._fact("pruned_through"))
        self._pruned_chain = bytes.fromhex(self._fact("pruned_chain"))
        last = self._db.execute("SELECT last, chain FROM row ORDER BY sequence DESC LIMIT 1").fetchone()
        self._last: int = last[0] if last else self._pruned_through
        self._chain: bytes = last[1] if last else self._pruned_chain

    def close(self) -> None:
        """Give the files back."""
        with self._lock:
            self._db.close()
            self._lock_file.close()

    @property
    def last(self) -> int:
        """The sequence of the newest accepted row; 0 when there is none."""
        return self._last

    @property
    def upto(self) -> int:
        """How far the server has confirmed."""
        return self._upto

    def append(
        self,
        boot: str,
        items: list[bytes],
        *,
        scales: dict[str, int] | None = None,
        offset: tuple[Offset, bool] | None = None,
    ) -> int:
        """Accept rows, the newest stable values of scales and what is known of the boot's time (see ``boot_offset``),
        in one durable transaction; the newest sequence.

        Raises ``sqlite3.Error`` when the disk refuses; then nothing of it was accepted.
        """
        with self._lock:
            sequence, value, rows = self._last, self._chain, []
            for item in items:
                sequence += 1
                value = chain.link(value, sequence, boot, item)
                rows.append((sequence, sequence, boot, item, value))
            with self._transaction():
                self._db.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?)", rows)
                if scales:
                    self._db.executemany("INSERT OR REPLACE INTO scale VALUES (?, ?)", list(scales.items()))
                if offset is not None:
                    self._keep_offset(boot, *offset)
            self._last, self._chain = sequence, value
            return sequence

    def read(self, first: int, *, limit: int, max_bytes: int) -> list[SpooledRow]:
        """Rows of one boot from ``first`` on, bounded in number and bytes; a pruned beginning is told by a ``Gap``."""
        with self._lock:
            if first <= self._pruned_through:
                return [self._pruned_gap(first)]
            found = self._db.execute(
                "SELECT sequence, last, boot, item, chain FROM row WHERE last >= ? ORDER BY sequence LIMIT ?",
                (first, limit),
            ).fetchall()
        rows: list[SpooledRow] = []
        size = 0
        for sequence, last, boot, item, value in found:
            size += len(item)
            if rows and (boot != rows[0].boot or size > max_bytes):
                break
            rows.append(SpooledRow(sequence=sequence, last=last, boot=boot, item=item, chain=value))
        return rows

    def confirm(self, upto: int) -> None:
        """The server has every row up to here. Not durable by itself: after a crash the server simply says it again."""
        with self._lock:
            self._upto = min(upto, self._last)

    def prune(self) -> int:
        """Forget rows well past the confirmed one; how many. Cheap to call often."""
        with self._lock:
            through = min(self._upto - KEEP_ROWS, self._pruned_through + PRUNE_AT_ONCE)
            if through <= self._pruned_through:
                return 0
            last = self._db.execute(
                "SELECT last, chain FROM row WHERE last <= ? ORDER BY sequence DESC LIMIT 1", (through,)
            ).fetchone()
            if last is None:
                return 0
            with self._transaction():
                count = self._db.execute("DELETE FROM row WHERE last <= ?", (last[0],)).rowcount
                self._set_fact("pruned_through", str(last[0]))
                self._set_fact("pruned_chain", last[1].hex())
                self._set_fact("upto", str(self._upto))
            self._pruned_through, self._pruned_chain = last
            return count

    def refuse(self, sequence: int, reason: str, at_ms: int) -> None:
        """Put a ``Gap`` in the place of a row the server cannot take, and keep the row's bytes."""
        with self._lock:
            row = self._db.execute("SELECT last, boot, item, chain FROM row WHERE sequence = ?", (sequence,)).fetchone()
            if row is None:
                return
            last, boot, item, value = row
            gap = Gap(at_ms=at_ms, from_=sequence, to=last, reason="refused", chain=value.hex(), detail=reason[:200])
            with self._transaction():
                self._db.execute("INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?)", (sequence, reason, boot, item))
                self._db.execute("UPDATE row SET item = ? WHERE sequence = ?", (codec.encode_item(gap), sequence))

    def boot_offset(self, boot: str) -> tuple[Offset, bool] | None:
        """What was last known of a boot's time, and whether a ``ClockFix`` for it has been written."""
        with self._lock:
            row = self._db.execute(
                "SELECT offset_ms, clock, error_ms, fixed FROM boot WHERE boot = ?", (boot,)
            ).fetchone()
        return None if row is None else (Offset(offset_ms=row[0], quality=row[1], error_ms=row[2]), bool(row[3]))

    def _keep_offset(self, boot: str, offset: Offset, fixed: bool) -> None:
        """Remember a boot's time for its rows that are sent after a restart."""
        self._db.execute(
            "INSERT OR REPLACE INTO boot VALUES (?, ?, ?, ?, ?)",
            (boot, offset.offset_ms, offset.quality, offset.error_ms, int(fixed)),
        )

    def scale_values(self) -> dict[str, int]:
        """The last stable value of each scale, in grams."""
        with self._lock:
            return dict(self._db.execute("SELECT sensor, stable_g FROM scale").fetchall())

    def refused(self) -> list[tuple[int, str, bytes]]:
        """Rows the server could not take: sequence, reason, bytes."""
        with self._lock:
            return self._db.execute("SELECT sequence, reason, item FROM refused ORDER BY sequence").fetchall()

    def oldest_unconfirmed_ms(self, boot: str, now_ms: int) -> int:
        """Age of the oldest row the server lacks, as far as this boot's clock can tell."""
        rows = self.read(self._upto + 1, limit=1, max_bytes=1)
        if not rows or rows[0].boot != boot:
            return 0
        item = codec.decode_item(rows[0].item)
        return 0 if isinstance(item, codec.Unreadable) else max(0, now_ms - item.at_ms)

    def bytes(self) -> int:
        """The size of the spool's files."""
        files = (self.path, Path(f"{self.path}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def _pruned_gap(self, first: int) -> SpooledRow:
        through = self._pruned_through
        gap = Gap(at_ms=0, from_=first, to=through, reason="pruned", chain=self._pruned_chain.hex())
        return SpooledRow(sequence=first, last=through, boot="", item=codec.encode_item(gap), chain=self._pruned_chain)

    def _create(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise SpoolError(f"{self.path}: written by a newer Pawon (schema {version}); install that version again")
        if version == 0:
            spool = new_spool_id()
            with self._transaction():
                for statement in _SCHEMA.strip().split(";\n"):
                    self._db.execute(statement)
                start = {"spool": spool, "upto": "0", "pruned_through": "0", "pruned_chain": chain.genesis(spool).hex()}
                for name, value in start.items():
                    self._set_fact(name, value)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _fact(self, name: str) -> str:
        return str(self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()[0])

    def _set_fact(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    """BEGIN IMMEDIATE .. COMMIT, or ROLLBACK on the way out of an exception."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, _value: object, _trace: object) -> None:
        if kind is None:
            try:
                self._db.execute("COMMIT")
                return
            except sqlite3.Error:
                self._rollback()
                raise
        self._rollback()

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        # A checkpoint about every 4 MB keeps the log short on the card and rare enough not to wear it.
        db.execute("PRAGMA wal_autocheckpoint = 1000")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _claim(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = Path(f"{path}.lock").open("ab")  # noqa: SIM115 - held, with its lock, for the spool's lifetime
    except OSError as error:
        raise SpoolError(f"{path}: {error.strerror}; give the gateway a folder it may write (data_dir)") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise SpoolError(f"{path}: another gateway runs on this spool; stop it first") from error
    return handle
