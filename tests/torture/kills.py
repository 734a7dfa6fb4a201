"""kill -9 of a process that writes a spool: at random instants, and at each of its own steps.

    python -m tests.torture.kills [--kills 10000] [--seed 1]      a failing seed is run alone with --kills 1

A child is forked from this process (so a kill costs a fork and no start of Python), uses the spool and tells by a pipe
what ``append`` returned for. ``at`` a named step the child stops itself there and is killed in that state.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import signal
import sqlite3
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.disk import Disk
from tests.torture.record import BrokenPromiseError, Record, item

from pawon_edge.spool import Spool, store

KILLS_A_SEED = 20
# What a child tells before it is stopped must fit, for it is read when the child is dead.
PIPE_BYTES = 1 << 20
# After a random instant; a child opens its spool in about 3 ms and appends every 0.3 ms.
LONGEST_LIFE_S = 0.015
# The steps of the spool's own: where it stands when a statement is about to run (SQLite's trace callback tells).
STATEMENTS = (
    "BEGIN IMMEDIATE", "INSERT INTO row", "INSERT OR REPLACE INTO scale", "COMMIT", "UPDATE row", "DELETE FROM row",
    "INSERT OR REPLACE INTO fact", "INSERT OR IGNORE INTO refused", "PRAGMA wal_checkpoint", "CREATE TABLE",
)  # fmt: skip
# And of the disk under it: before a write, a sync, a deletion of the database or of its log.
OPERATIONS = tuple(f"{kind} {file}" for kind in ("create", "write", "sync", "truncate") for file in ("db", "db-wal"))
POINTS = (*STATEMENTS, *OPERATIONS, "delete db-wal")


@dataclass(slots=True, kw_only=True)
class Kills:
    """What a run counted; ``points``: how often a child was killed at each named step."""

    kills: int = 0
    accepted: int = 0
    kept_of_cut_appends: int = 0
    points: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def run(*, kills: int, seed: int, points: tuple[str, ...] = POINTS) -> Kills:
    """So many kills; every other one at a named step. Raises ``BrokenPromiseError`` naming the seed."""
    counts, began, kept = Kills(), time.monotonic(), (store.KEEP_ROWS, store.PRUNE_AT_ONCE)
    store.KEEP_ROWS, store.PRUNE_AT_ONCE = 300, 100
    try:
        while counts.kills < kills:
            with tempfile.TemporaryDirectory() as name:
                try:
                    _one_spool(Path(name) / "spool.db", seed, counts, points)
                except BrokenPromiseError as error:
                    raise BrokenPromiseError(f"seed {seed}: {error}") from error
            seed += 1
    finally:
        store.KEEP_ROWS, store.PRUNE_AT_ONCE = kept
    counts.seconds = time.monotonic() - began
    return counts


def _one_spool(path: Path, seed: int, counts: Kills, points: tuple[str, ...]) -> None:
    chance, record = random.Random(seed), Record()
    for number in range(KILLS_A_SEED):
        point = points[counts.kills // 2 % len(points)] if number % 2 else None
        reached = _kill_one(path, record, chance, point)
        if point is not None and reached:
            counts.points[point] = counts.points.get(point, 0) + 1
        counts.kills += 1
        spool = Spool(path)
        try:
            counts.kept_of_cut_appends += record.check(spool)
        finally:
            spool.close()
    counts.accepted += record.last


def _kill_one(path: Path, record: Record, chance: random.Random, point: str | None) -> bool:
    """Fork a writer and kill it; whether it was killed at ``point``. What it told is in the record."""
    seed, read_end, write_end = chance.getrandbits(32), *os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            _write(path, seed, record, write_end, point)
        finally:
            os._exit(3)
    os.close(write_end)
    reached = False
    if point is None:
        time.sleep(chance.uniform(0.0, LONGEST_LIFE_S))
    else:
        _, status = os.waitpid(child, os.WUNTRACED)
        reached = os.WIFSTOPPED(status)
        if not reached and os.waitstatus_to_exitcode(status) != 0:
            raise BrokenPromiseError(f"the writer failed on its way to {point!r}")
    if point is None or reached:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            raise BrokenPromiseError("the writer ended by itself")
    with os.fdopen(read_end, "rb") as told:
        lines = told.read().splitlines()
    for line in lines:
        message = json.loads(line)
        if "items" in message:
            record.about_to_append(message["boot"], [raw.encode() for raw in message["items"]])
        elif "last" in message:
            record.appended(message["last"])
        elif "refuse" in message:
            record.refused.add(message["refuse"])
        else:
            record.confirmed = message["confirm"]
    return reached


def _write(path: Path, seed: int, record: Record, told: int, point: str | None) -> None:
    """The child."""
    chance = random.Random(seed)
    skip = chance.randint(0, 5)

    def tell(**message: object) -> None:
        os.write(told, json.dumps(message).encode() + b"\n")

    def stop_here() -> None:
        nonlocal skip
        skip -= 1
        if skip < 0:
            os.kill(os.getpid(), signal.SIGSTOP)

    def work() -> None:
        spool = _open(path, point, stop_here)
        boot = f"{chance.getrandbits(32):08x}-cab1-4b42"
        # A step that is never reached (a spool is created once) ends in a clean close.
        for _ in range(10**9 if point is None else 120):
            items = [item(spool.last + 1 + n, chance.getrandbits(16)) for n in range(chance.choice((1, 4, 20)))]
            tell(boot=boot, items=[raw.decode() for raw in items])
            last = spool.append(boot, items, scales={"timbangan-1": spool.last})
            tell(last=last)
            if chance.random() < 0.15:
                number = chance.randint(1, last)
                tell(refuse=number)
                spool.refuse(number, "poison", 1)
            if chance.random() < 0.3:
                tell(confirm=last)
                spool.confirm(last, proven=True)
                spool.prune()
        spool.close()
        os._exit(0)

    if point in (*OPERATIONS, "delete db-wal"):
        disk = Disk(seed)

        def fault(kind: str, file: str) -> int:
            if point == f"{kind} {Path(file).name.removeprefix('spool.')}":
                stop_here()
            return 0

        disk.fault = fault
        with disk.installed():
            work()
    work()


def _open(path: Path, point: str | None, stop_here: object) -> Spool:
    if point not in STATEMENTS:
        spool = Spool(path)
    else:

        def at(statement: str) -> None:
            if statement.startswith(point):
                stop_here()  # type: ignore[operator]  # a function of no arguments

        connect = sqlite3.connect

        def traced(*arguments: object, **options: object) -> sqlite3.Connection:
            db = connect(*arguments, **options)  # type: ignore[call-overload]  # passed through
            db.set_trace_callback(at)
            return db

        sqlite3.connect = traced  # type: ignore[assignment]  # this process lives for one spool
        spool = Spool(path)
    spool._db.execute("PRAGMA wal_autocheckpoint = 40")
    return spool


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"kills: {options.kills} from seed {options.seed}", flush=True)
    print(run(kills=options.kills, seed=options.seed))


if __name__ == "__main__":
    main()
