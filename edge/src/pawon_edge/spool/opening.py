"""Opening the spool's database: believed only after it was looked at, mended when it is damaged, never in the way.

Every row is checked against the chain, the spool's name against the one told beside it, and the log for accepted rows
that SQLite passes over in silence (it stops at the first frame whose checksum is wrong). What is damaged is put aside
and a database of all that is proven takes its place. Must not raise for anything a card can do to the bytes.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pawon_contract import chain
from pawon_contract.ids import new_spool_id

from .carving import PAGE_BYTES, Candidate, Carved, Frame, Log, carve
from .quarantine import (
    Identity,
    aside,
    building,
    built,
    finish,
    put_aside,
    read_identity,
    sync_folder,
    write_identity,
)
from .salvage import follow, plateaus, salvage, sound

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
# The oldest version whose code may use what this one writes, told in the file as a fact. A version that only adds
# tables or facts leaves it at the version before, so that a gateway can go back by one.
READABLE_BY = 1
SCHEMA = """
CREATE TABLE row (sequence INTEGER PRIMARY KEY, last INTEGER NOT NULL, boot TEXT NOT NULL, item BLOB NOT NULL,
                  chain BLOB NOT NULL);
CREATE TABLE boot (boot TEXT PRIMARY KEY, offset_ms INTEGER NOT NULL, clock TEXT NOT NULL, error_ms INTEGER NOT NULL,
                   fixed INTEGER NOT NULL);
CREATE TABLE scale (sensor TEXT PRIMARY KEY, stable_g INTEGER NOT NULL);
CREATE TABLE refused (sequence INTEGER PRIMARY KEY, reason TEXT NOT NULL, boot TEXT NOT NULL, item BLOB NOT NULL);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
# A log is cut at every opening and checkpointed every 4 MB; what is larger holds one huge append.
MAX_LOG_BYTES = 64 << 20
# A few flipped bits of a name are damage; a name that differs in more is the name of another spool.
NAME_DIFFERS = 4
# The disk or another process refuses: the bytes are not to blame, and nothing may be moved.
_NOT_THE_BYTES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN,
                  sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_IOERR}  # fmt: skip
_SPOOL_ID = re.compile(r"[0-9a-f]{20}")


class SpoolError(Exception):
    """The spool cannot be used; the text names the file and the remedy."""


class DamagedError(Exception):
    """The database is not what was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A database that was looked at, and where its rows end."""

    db: sqlite3.Connection
    spool: str
    last: int
    chain: bytes


def damages(error: sqlite3.Error) -> bool:
    """Whether an error speaks of the bytes, not of the disk's room or of another process."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code == sqlite3.SQLITE_IOERR_READ or (code & 0xFF) not in _NOT_THE_BYTES


def open_spool(path: Path, utc: datetime, *, damage: str | None = None) -> Opened:
    """The spool's database, made when there is none. ``damage``: known to be damaged, and by what.

    Raises ``SpoolError`` for a newer schema and ``sqlite3.Error`` or ``OSError`` when the disk refuses.
    """
    finish(path, utc)
    wal = Path(f"{path}-wal")
    # Read before SQLite opens it: opening and closing may shorten or delete it.
    written = Log(_read(wal)) if wal.exists() and wal.stat().st_size <= MAX_LOG_BYTES else Log(b"")
    if not path.exists():
        if written.frames:
            put_aside(path, utc)  # a log whose database is gone belongs to nothing
        return _connect_and_look(path, None, Log(b""))
    identity = read_identity(path)
    if damage is None:
        try:
            return _connect_and_look(path, identity, written)
        except DamagedError as error:
            damage = str(error)
        except sqlite3.Error as error:
            if not damages(error):
                raise
            damage = str(error)
    log.critical("the spool %s is damaged (%s); what can be proven of it is taken over", path, damage)
    if not _mended(path, identity, written, utc, damage):
        for old in (*aside(path), *aside(path, "-wal")):
            old.unlink(missing_ok=True)  # rows that may still be sent are worth more than evidence
        if not _mended(path, identity, written, utc, damage):
            put_aside(path, utc, written.content)
    return _connect_and_look(path, None, Log(b""))


def create(db: sqlite3.Connection, spool: str, after: int = 0, value: bytes | None = None) -> None:
    """The tables and facts of a spool, in the caller's transaction; its rows follow ``value`` at ``after``."""
    for statement in SCHEMA.strip().split(";\n"):
        db.execute(statement)
    value = chain.genesis(spool) if value is None else value
    facts = {"spool": spool, "upto": "0", "pruned_through": str(after), "pruned_chain": value.hex(),
             "readable_by": str(READABLE_BY)}  # fmt: skip
    db.executemany("INSERT INTO fact VALUES (?, ?)", list(facts.items()))
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _connect_and_look(path: Path, identity: Identity | None, written: Log) -> Opened:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        # A checkpoint about every 4 MB keeps the log short on the card and rare enough not to wear it.
        db.execute("PRAGMA wal_autocheckpoint = 1000")
        opened = _look(path, db, identity, written)
    except (DamagedError, SpoolError, sqlite3.Error):
        db.close()
        raise
    if identity is None or identity.spool != opened.spool:
        write_identity(path, Identity(spool=opened.spool, schema=SCHEMA_VERSION))
    return opened


def _look(path: Path, db: sqlite3.Connection, identity: Identity | None, written: Log) -> Opened:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and identity is None:
        db.execute("BEGIN IMMEDIATE")
        create(db, new_spool_id())
        db.execute("COMMIT")
        sync_folder(path)
    elif version != SCHEMA_VERSION and not _readable(db, version):
        if identity is None or identity.schema >= version > SCHEMA_VERSION:
            raise SpoolError(f"{path}: written by a newer Pawon (schema {version}); install that version again")
        raise DamagedError(f"its schema {version} was {identity.schema}")
    facts = {name: value for name, value in db.execute("SELECT name, value FROM fact")}  # noqa: C416 - types
    try:
        spool, after, value = facts["spool"], int(facts["pruned_through"]), bytes.fromhex(facts["pruned_chain"])
        int(facts["upto"])
    except (KeyError, ValueError, TypeError) as error:
        raise DamagedError(f"its facts are unreadable: {error}") from error
    if not _SPOOL_ID.fullmatch(spool) or (identity is not None and _mistaken(spool, identity.spool)):
        raise DamagedError(f"its name is {spool!r}")
    for sequence, last, boot, item, stored in db.execute("SELECT * FROM row ORDER BY sequence"):
        if sequence != after + 1:
            raise DamagedError(f"rows {after + 1}..{sequence - 1} are missing")
        if not _typed(last, boot, item, stored) or not sound(value, Candidate(sequence, last, boot, item, stored)):
            raise DamagedError(f"row {sequence} does not follow from the one before")
        after, value = last, stored
    for table in ("scale", "boot", "refused"):
        db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - names of ours
    after, value = _tail(db, written, after, value)
    # What lies behind the log's end is from now on nobody's.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT OR REPLACE INTO fact VALUES ('upto', ?)", (facts["upto"],))
        db.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_READONLY and os.access(path, os.W_OK):
            raise DamagedError("it calls itself of a format that may not be written") from error
        raise
    return Opened(db=db, spool=spool, last=after, chain=value)


def _readable(db: sqlite3.Connection, version: int) -> bool:
    """Whether a newer version's file says that this version may use it; it keeps its number, for the way back up."""
    if version <= SCHEMA_VERSION:
        return False
    row = db.execute("SELECT value FROM fact WHERE name = 'readable_by'").fetchone()
    return row is not None and row[0].isdigit() and 0 < int(row[0]) <= SCHEMA_VERSION


def _tail(db: sqlite3.Connection, written: Log, after: int, value: bytes) -> tuple[int, bytes]:
    """Rows in the log that SQLite does not count: of an append that was cut short, or behind a damaged frame."""
    if not written.frames:
        return after, value
    valid = max(0, db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])
    # Whatever the log's head says: it may be what was damaged. What an earlier log has left behind in the file is in
    # the database by now, so it holds no row beyond the last.
    # A frame whose checksum does not follow from its neighbour's was torn, or is the damage itself.
    passed = written.frames[valid:]
    beyond = [f for f in passed if any(n > after for n in carve(b"", [f]).rows) and f.whole()]
    if not beyond:
        return after, value
    salt = Counter(frame.salt for frame in beyond).most_common(1)[0][0]
    whole = [frame for frame in passed if frame.salt == salt and (frame in beyond or frame.whole())]
    if not any(frame.commit for frame in whole):
        return after, value  # the process ended before it had written the transaction; all of it or nothing
    carved = carve(b"", [frame for frame in passed if frame.salt == salt])
    run = follow(carved, after, value)
    if run:
        log.warning("rows %d..%d stood in the log behind its valid end and are kept", run[0].sequence, run[-1].last)
        db.execute("BEGIN IMMEDIATE")
        _insert(db, run)
        db.executemany("INSERT OR REPLACE INTO scale VALUES (?, ?)", list(plateaus(run).items()))
        db.execute("COMMIT")
        after, value = run[-1].last, run[-1].chain
    # One transaction is written at a time, and synced before the next: two of them cannot both have been cut short.
    if _transactions(whole, after) > 1:
        raise DamagedError(f"its log is broken behind row {after}")
    return after, value


def _transactions(whole: list[Frame], after: int) -> int:
    """How many transactions in these frames hold rows beyond ``after``."""
    count, holds = 0, False
    for frame in whole:
        holds = holds or any(number > after for number in carve(b"", [frame]).rows)
        if frame.commit:
            count, holds = count + holds, False
    return count + holds


def _mended(path: Path, identity: Identity | None, written: Log, utc: datetime, damage: str) -> bool:
    try:
        _rebuild(path, identity, written, utc, damage)
    except (sqlite3.Error, OSError) as error:
        log.critical("the rows of %s cannot be taken over: %s", path, error)
        building(path).unlink(missing_ok=True)
        return False
    return True


def _rebuild(path: Path, identity: Identity | None, written: Log, utc: datetime, damage: str) -> None:
    carved = carve(_read(path), written.frames, written.salt)
    spool, after, value = _beginning(carved, identity)
    if spool is None or not (found := salvage(carved, after, value, at_ms=0, detail=damage)).rows[:-1]:
        log.critical("nothing of %s can be proven; a new spool begins", path)
        put_aside(path, utc, written.content)
        return
    target = building(path)
    db = sqlite3.connect(target, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = OFF")  # synced as a whole before it gets its name
        db.execute("BEGIN")
        create(db, spool, after, value)
        _insert(db, found.rows)
        known = carved.scales | {name: g for name, g in plateaus(found.rows).items() if name not in carved.scales}
        db.executemany("INSERT INTO scale VALUES (?, ?)", list(known.items()))
        boots = {row.boot for row in found.rows} & carved.boots.keys()
        db.executemany("INSERT INTO boot VALUES (?, ?, ?, ?, ?)", [(boot, *carved.boots[boot]) for boot in boots])
        db.execute("COMMIT")
    finally:
        db.close()
    built(path, utc, written.content)
    log.critical("%d rows are taken over, about %d are lost and recorded as gaps", len(found.rows) - 1, found.lost)


def _beginning(carved: Carved, identity: Identity | None) -> tuple[str | None, int, bytes]:
    """Whose rows these are, and from where they can be proven."""
    stored = carved.facts.get("spool", "")
    names = [stored] if _SPOOL_ID.fullmatch(stored) else []
    if identity is not None and (not names or _mistaken(stored, identity.spool)):
        names.insert(0, identity.spool)
    for name in names:
        if follow(carved, 0, chain.genesis(name)):
            return name, 0, chain.genesis(name)
    if not names:
        return None, 0, b""
    try:
        after, value = int(carved.facts["pruned_through"]), bytes.fromhex(carved.facts["pruned_chain"])
    except (KeyError, ValueError):
        after, value = 0, b""
    if follow(carved, after, value):
        return names[0], after, value
    return names[0], 0, chain.genesis(names[0])


def _insert(db: sqlite3.Connection, rows: list[Candidate]) -> None:
    db.executemany(
        "INSERT INTO row VALUES (?, ?, ?, ?, ?)",
        [(row.sequence, row.last, row.boot, row.item, row.chain) for row in rows],
    )


def _mistaken(stored: str, told: str) -> bool:
    """Whether two names are one, damaged."""
    return stored != told and (
        len(stored) != len(told) or sum(a != b for a, b in zip(stored, told, strict=True)) <= NAME_DIFFERS
    )


def _typed(last: object, boot: object, item: object, stored: object) -> bool:
    return isinstance(last, int) and isinstance(boot, str) and isinstance(item, bytes) and isinstance(stored, bytes)


def _read(path: Path) -> bytes:
    """A file's bytes; pages that the card no longer gives are zeros."""
    content = bytearray()
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while len(content) < size:
            try:
                part = os.pread(file.fileno(), 256 * PAGE_BYTES, len(content))
            except OSError:
                try:
                    part = os.pread(file.fileno(), PAGE_BYTES, len(content))
                except OSError:
                    part = bytes(min(PAGE_BYTES, size - len(content)))
            if not part:
                break
            content += part
    return bytes(content)
