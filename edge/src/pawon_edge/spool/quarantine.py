"""Damaged files are put aside, never thrown away at once; and a salvaged database takes their place as a whole.

The new database is finished under another name before the old one moves, so that a power cut at any step leaves
something that the next start can go on from: see ``finish``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

log = logging.getLogger(__name__)

# Enough to see a pattern (the card dies), few enough for the card: each is at most as large as a spool.
KEPT = 3
# Why a file was put aside: the card did something to its bytes, or another card carries the same spool.
Mark = Literal["damaged", "forked"]
MARKS: tuple[Mark, ...] = get_args(Mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Told apart from the database, so that a damaged one can be known again: whose rows, in which schema."""

    spool: str
    schema: int


def read_identity(path: Path) -> Identity | None:
    """What stands beside the database; ``None`` when it is not there or unreadable."""
    try:
        table = json.loads(_identity_file(path).read_bytes())
        return Identity(spool=str(table["spool"]), schema=int(table["schema"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_identity(path: Path, identity: Identity) -> None:
    """Durably, and as a whole."""
    part = Path(f"{path}.id-part")
    with part.open("w") as file:
        json.dump({"spool": identity.spool, "schema": identity.schema}, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(_identity_file(path))
    sync_folder(path)


def building(path: Path) -> Path:
    """Where a new database is made."""
    return Path(f"{path}.salvage-part")


def built(path: Path, utc: datetime, wal: bytes, mark: Mark = "damaged") -> None:
    """The new database is whole and closed: from here on it is the spool, whatever happens."""
    with building(path).open("rb") as file:
        os.fsync(file.fileno())
    building(path).replace(_ready(path, mark))
    sync_folder(path)
    finish(path, utc, wal)


def finish(path: Path, utc: datetime, wal: bytes = b"") -> None:
    """Put a new database in its place, or go on with that where a start before was cut short."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{building(path)}{suffix}").unlink(missing_ok=True)
    for mark in MARKS:
        if _ready(path, mark).exists():
            put_aside(path, utc, wal, mark)
            _ready(path, mark).replace(path)
            sync_folder(path)


def put_aside(path: Path, utc: datetime, wal: bytes = b"", mark: Mark = "damaged") -> None:
    """Rename the database and its log after the time, and forget the oldest of those put aside before.

    ``wal``: the log as it was found, for SQLite may have shortened or deleted it since."""
    name = f".{mark}-{utc:%Y%m%dT%H%M%SZ}"
    # The log first: a database without its log is still damaged, a log without its database could meet another one.
    for suffix in ("-wal", ""):
        file = Path(f"{path}{suffix}")
        if file.exists() or (suffix and wal):
            target = Path(f"{path}{suffix}{name}")
            for number in range(2, 100):
                if not target.exists():
                    break
                target = Path(f"{path}{suffix}{name}-{number}")
            if suffix and wal:
                with contextlib.suppress(OSError):  # a full disk keeps what it has
                    target.write_bytes(wal)
                file.unlink(missing_ok=True)
            else:
                file.replace(target)
            log.error("the %s %s is kept as %s", mark, file.name, target.name)
    Path(f"{path}-shm").unlink(missing_ok=True)
    for suffix in ("-wal", ""):
        for old in aside(path, suffix, mark)[:-KEPT]:
            old.unlink(missing_ok=True)
    sync_folder(path)


def aside(path: Path, suffix: str = "", mark: Mark = "damaged") -> list[Path]:
    """The databases (or with ``-wal`` the logs) that were put aside, the oldest first."""
    return sorted(path.parent.glob(f"{path.name}{suffix}.{mark}-*"))


def sync_folder(path: Path) -> None:
    """Make names durable."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _identity_file(path: Path) -> Path:
    return Path(f"{path}.id")


def _ready(path: Path, mark: Mark) -> Path:
    return Path(f"{path}.{'salvaged' if mark == 'damaged' else 'parted'}")
