"""The spool: rows accepted on this gateway, in order, until the server has them and well beyond.

SQLite in WAL mode with FULL sync: what ``append`` returned for survives a power cut. One process (a lock file says
which) with one connection, which its threads take in turns. A row is ``(sequence, boot, item bytes, chain value)``;
its item bytes are its canonical form and are never rewritten, except that a refused row gives its place to a ``Gap``
and keeps its bytes in ``refused``.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from pawon_contract import chain, codec
from pawon_contract.ids import new_spool_id
from pawon_contract.messages import Fork, Gap

from ..clock import Offset
from .carving import PAGE_BYTES
from .fill import thinnable
from .opening import Opened, SpoolError, open_spool
from .parting import build_parted
from .quarantine import aside, built

log = logging.getLogger(__name__)

# Kept after the server has confirmed them, so that a server restored from an older backup can ask again: two days of
# a default kitchen (26 sensors, a heartbeat a minute, half as much again by change), about 20 MB.
KEEP_ROWS = 120_000
PRUNE_AT_ONCE = 5_000

# One thinning holds the lock for some tens of milliseconds.
THIN_AT_ONCE = 2_000
# A damaged disk is tried again so often; between two tries rows wait in memory.
REOPEN_EVERY_S = 5.0


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
        # How far each witness has the spool, and how many rows may wait for it behind the primary's number.
        self._held: dict[str, tuple[int, int]] = {}
        self._suspect: str | None = None
        self._damage: str | None = None
        self._retry_at_s = 0.0
        # The append under way: the chain value it ends in, its items; and those of one that failed and yet landed.
        self._unsure: tuple[bytes, list[bytes]] = (b"", [])
        self._landed: dict[bytes, int] = {}
        try:
            self._take_up(open_spool(path, datetime.now(UTC)))
        except SpoolError:
            self._lock_file.close()
            raise
        except (sqlite3.Error, OSError) as error:
            self._lock_file.close()
            raise SpoolError(f"{path}: {error}; give the gateway a disk it can write") from error

    def _take_up(self, opened: Opened) -> None:
        self._db, self.id = opened.db, opened.spool
        self._last, self._chain = opened.last, opened.chain
        # A number that came to harm can at worst ask the server for its own.
        self._upto = max(0, min(int(self._fact("upto")), opened.last))
        self._count: int = self._db.execute("SELECT count(*) FROM row").fetchone()[0]
        self._thinned_through = 0
        self._held = {name: (0, quota) for name, (_, quota) in self._held.items()}
        # How far the server's rows were compared with this card's: what it calls stored beyond may be another card's.
        self._proven_upto = 0
        self._pruned_through = int(self._fact("pruned_through"))
        self._pruned_chain = bytes.fromhex(self._fact("pruned_chain"))

    def close(self) -> None:
        """Give the files back."""
        with self._lock:
            try:
                self._db.close()
            finally:
                self._lock_file.close()

    @property
    def trouble(self) -> str:
        """What a person should know of the spool's files; empty when all is well."""
        if self._suspect is not None:
            return f"the spool is being opened anew: {self._suspect}"[:200]
        said = []
        if kept := aside(self.path, mark="forked"):
            said.append(f"this card was copied: {len(kept)} older spool file(s) kept, the newest {kept[-1].name}")
        if kept := aside(self.path):
            said.append(f"{len(kept)} damaged spool file(s) kept, the newest {kept[-1].name}")
        return "; ".join(said)[:200]

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """One thread at a time on a database that is to be trusted.

        After an error of the disk or of the bytes nothing is tried again on the same connection: what SQLite has in
        memory may not be what is on the medium, and a sync that failed once may succeed the second time without having
        written anything. The next caller opens the file anew and has it looked at."""
        with self._lock:
            if self._suspect is not None:
                self._open_anew(self._suspect)
            try:
                yield
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
                if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                    self._suspect = self._damage = str(error)
                elif code == sqlite3.SQLITE_IOERR:
                    self._suspect = str(error)
                raise

    def _open_anew(self, why: str) -> None:
        if time.monotonic() < self._retry_at_s:
            raise sqlite3.OperationalError(f"the spool is suspect: {why}")
        self._retry_at_s = time.monotonic() + REOPEN_EVERY_S
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        try:
            self._take_up(open_spool(self.path, datetime.now(UTC), damage=self._damage))
        except (SpoolError, OSError) as error:
            raise sqlite3.OperationalError(str(error)) from error
        if self._chain == self._unsure[0]:
            self._landed = dict.fromkeys(self._unsure[1], 1)
        self._unsure = (b"", [])
        log.warning("the spool was opened anew after %s; row %d", why, self._last)
        self._suspect = self._damage = None

    @property
    def last(self) -> int:
        """The sequence of the newest accepted row; 0 when there is none."""
        return self._last

    @property
    def upto(self) -> int:
        """How far the server has confirmed."""
        return self._upto

    @property
    def proven(self) -> bool:
        """Whether all that the server has confirmed was compared with this card's rows since the spool was opened."""
        return self._proven_upto >= self._upto > 0

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

        Raises ``sqlite3.Error`` when the disk refuses; then nothing of it was accepted, or, when not even that is known
        (its sync failed), the rows are recognised when they are given again.
        """
        with self._in_turn():
            if self._landed:
                items = [item for item in items if not self._landed.pop(item, 0)]
                self._landed.clear()
            sequence, value, rows = self._last, self._chain, []
            for item in items:
                sequence += 1
                value = chain.link(value, sequence, boot, item)
                rows.append((sequence, sequence, boot, item, value))
            self._unsure = (value, items)
            with self._transaction():
                self._db.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?)", rows)
                if scales:
                    self._db.executemany("INSERT OR REPLACE INTO scale VALUES (?, ?)", list(scales.items()))
                if offset is not None:
                    self._keep_offset(boot, *offset)
            self._last, self._chain, self._unsure = sequence, value, (b"", [])
            self._count += len(rows)
            return sequence

    def read(self, first: int, *, limit: int, max_bytes: int, spool: str | None = None) -> list[SpooledRow]:
        """Rows of one boot from ``first`` on, bounded in number and bytes; a pruned beginning is told by a ``Gap``.

        None when ``spool`` was meant and is not this one any more."""
        with self._in_turn():
            if spool not in (None, self.id):
                return []
            if first <= self._pruned_through:
                return [self._pruned_gap(first)]
            # From the row that holds ``first``, which is sought: the table is not walked from its beginning.
            found = self._db.execute(
                "SELECT sequence, last, boot, item, chain FROM row WHERE last >= :first AND sequence >= "
                "coalesce((SELECT max(sequence) FROM row WHERE sequence <= :first), 0) ORDER BY sequence LIMIT :limit",
                {"first": first, "limit": limit},
            ).fetchall()
        rows: list[SpooledRow] = []
        size = 0
        for sequence, last, boot, item, value in found:
            size += len(item)
            if rows and (boot != rows[0].boot or size > max_bytes):
                break
            rows.append(SpooledRow(sequence=sequence, last=last, boot=boot, item=item, chain=value))
        return rows

    def confirm(self, upto: int, *, proven: bool, spool: str | None = None) -> None:
        """The server has every row up to here; ``proven``: it compared them with this card's, and nothing is pruned
        before. Not durable by itself: after a crash the server simply says it again.

        A word about another spool (``spool``: the one that is meant) is too late."""
        with self._lock:
            if spool in (None, self.id):
                self._upto = min(upto, self._last)
                self._proven_upto = self._upto if proven else min(self._proven_upto, self._upto)

    def held(self, name: str) -> int:
        """How far a witness has the spool, as far as is remembered across restarts."""
        with self._in_turn():
            if name in self._held:
                return self._held[name][0]
            row = self._db.execute("SELECT value FROM fact WHERE name = ?", (_cursor(name),)).fetchone()
            return min(int(row[0]), self._last) if row is not None and row[0].isdigit() else 0

    def hold(self, name: str, upto: int, quota_rows: int, *, spool: str | None = None) -> None:
        """A witness has every row up to here; up to ``quota_rows`` that it lacks are kept for it, room permitting."""
        with self._lock:
            if spool in (None, self.id):
                self._held[name] = (min(upto, self._last), quota_rows)

    def part(self, spool: str, first: int, boot: str, at_ms: int) -> None:
        """The server holds other rows of ``spool`` from ``first`` on: go on in a new spool, of this card's rows from
        there on. The old file is kept. Raises ``sqlite3.Error`` when the disk refuses: then either nothing has changed,
        or all has and the new spool (which is not ``spool`` any more) is opened by the next call."""
        with self._in_turn():
            if spool != self.id:
                return
            # A gap is carried whole: what lies within it nobody can tell.
            within = self._db.execute("SELECT max(sequence) FROM row WHERE sequence <= ? AND last >= ?", (first, first))
            first = within.fetchone()[0] or first
            fork = Fork(at_ms=at_ms, spool=self.id, first=max(first, self._pruned_through + 1))
            try:
                build_parted(self._db, self.path, new_spool_id(), fork, boot)
                utc = datetime.now(UTC)
                self._suspect = "this card was copied"  # until the new one is open, whatever fails on the way
                self._db.close()
                built(self.path, utc, b"", "forked")
                self._take_up(open_spool(self.path, utc))
                self._suspect = None
            except (SpoolError, OSError) as error:
                raise sqlite3.OperationalError(str(error)) from error

    def prune(self, keep_rows: int | None = None) -> int:
        """Forget the oldest confirmed rows beyond ``keep_rows`` (``KEEP_ROWS``, or what witnesses lack); how many.

        Cheap to call often. With ``keep_rows`` no witness holds anything back: room is needed."""
        with self._in_turn():
            proven_upto = min(self._proven_upto, self._upto)
            held = 0
            if keep_rows is None:
                keep_rows = KEEP_ROWS
                held = max((min(quota, self._last - upto) for upto, quota in self._held.values()), default=0)
            # Counted in rows, not in numbers: behind a gap the numbers may have jumped.
            kept = max(self._last - proven_upto + keep_rows, held)
            excess = min(self._count - kept, PRUNE_AT_ONCE)
            if excess <= 0:
                return 0
            last = self._db.execute(
                "SELECT sequence, last, chain FROM (SELECT sequence, last, chain FROM row ORDER BY sequence LIMIT ?) "
                "WHERE last <= ? ORDER BY sequence DESC LIMIT 1",
                (excess, proven_upto),
            ).fetchone()
            if last is None:
                return 0
            with self._transaction():
                count = self._db.execute("DELETE FROM row WHERE sequence <= ?", (last[0],)).rowcount
                self._set_fact("pruned_through", str(last[1]))
                self._set_fact("pruned_chain", last[2].hex())
                self._set_fact("upto", str(self._upto))
                for name, (upto, _) in self._held.items():
                    self._set_fact(_cursor(name), str(upto))
            self._pruned_through, self._pruned_chain = last[1:]
            self._count -= count
            return count

    def keep_within(self, max_rows: int, max_bytes: int) -> float:
        """Make room when the limits are reached: confirmed rows go first, then the oldest raw readings give their
        place to ``Gap(thinned)``; nothing else ever does. Returns how full it is, in percent; above 100 when only rows
        are left that are never thinned. To be called every few seconds; one call does a bounded part of the work."""
        percent = self._fill(max_rows, max_bytes)
        if percent >= 100 and not self.prune(keep_rows=0):
            self._thin()
        return self._fill(max_rows, max_bytes)

    def _fill(self, max_rows: int, max_bytes: int) -> float:
        with self._in_turn():
            used = sum(
                sign * self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name, sign in (("page_count", 1), ("freelist_count", -1))
            )
        return float(100 * max(self._count / max_rows, used * PAGE_BYTES / max_bytes))

    def _thin(self) -> int:
        """Thin the oldest readings; how many rows went."""
        with self._in_turn():
            while True:
                found = self._db.execute(
                    "SELECT sequence, last, item, chain FROM row WHERE sequence > ? ORDER BY sequence LIMIT ?",
                    (self._thinned_through, THIN_AT_ONCE),
                ).fetchall()
                if not found:
                    return 0
                if runs := thinnable(found):
                    break
                self._thinned_through = found[-1][1]
            with self._transaction():
                for run in runs:
                    gap = Gap(at_ms=0, from_=run.first, to=run.last, reason="thinned", chain=run.chain.hex())
                    self._db.execute("DELETE FROM row WHERE sequence BETWEEN ? AND ?", (run.first, run.last))
                    row = (run.first, run.last, "", codec.encode_item(gap), run.chain)
                    self._db.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?)", row)
            gone = sum(run.rows - 1 for run in runs)
            self._count -= gone
            self._thinned_through = found[-1][1]
            log.critical("the spool is full: the oldest readings, rows %d..%d, were thinned", found[0][0], found[-1][1])
            return gone

    def refuse(self, sequence: int, reason: str, at_ms: int, *, spool: str | None = None) -> None:
        """Put a ``Gap`` in the place of a row the server cannot take, and keep the row's bytes."""
        with self._in_turn():
            if spool not in (None, self.id):
                return
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
        with self._in_turn():
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
        with self._in_turn():
            return dict(self._db.execute("SELECT sensor, stable_g FROM scale").fetchall())

    def refused(self) -> list[tuple[int, str, bytes]]:
        """Rows the server could not take: sequence, reason, bytes."""
        with self._in_turn():
            return self._db.execute("SELECT sequence, reason, item FROM refused ORDER BY sequence").fetchall()

    def oldest_unconfirmed_ms(self, boot: str, now_ms: int, upto: int) -> int:
        """Age of the oldest row beyond ``upto``, as far as this boot's clock can tell."""
        rows = self.read(upto + 1, limit=1, max_bytes=1)
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

    def _fact(self, name: str) -> str:
        return str(self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()[0])

    def _set_fact(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


def _cursor(witness: str) -> str:
    return f"witness {witness}"


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
