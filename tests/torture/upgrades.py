"""Crashes while a store's schema is brought up to date: kill -9 before each statement, a power cut at any operation.

    python -m tests.torture.upgrades [--cuts 500] [--seed 1]

Two beginnings: no store at all, and one of the first schema that holds a record. After each crash the next start
brings it up to date, and the journal proves itself with the rows it had.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import SQLAlchemyError
from tests.server.sender import Sender, temperature
from tests.server.straight import Straight
from tests.torture import points
from tests.torture.disk import Disk
from tests.torture.record import BrokenPromiseError

from pawon_server.record.verify import verify
from pawon_server.store import database, sqlite
from pawon_server.store.database import Store, StoreError, open_store

FIRST_SCHEMA = "0001"
ROWS = 300
# Statements of a whole upgrade, and more; a kill that is not reached ends the walk.
MOST_STATEMENTS = 2_000


@dataclass(slots=True, kw_only=True)
class Upgrades:
    """What a run counted."""

    kills: int = 0
    cuts: int = 0
    cuts_that_struck: int = 0
    seconds: float = 0.0


def run(*, cuts: int, seed: int, kills_every: int = 1) -> Upgrades:
    """A kill before every n-th statement of both upgrades, and so many power cuts. Raises ``BrokenPromiseError``."""
    counts, began = Upgrades(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        old = Path(name) / "old.db"
        make_old(old)
        for rows, source in ((0, None), (ROWS, old)):
            for statement in range(1, MOST_STATEMENTS, kills_every):
                path = _fresh(Path(name) / "killed", source)
                if not _kill_at(path, statement):
                    break
                counts.kills += 1
                _check(path, rows, f"killed before statement {statement}")
        gc.collect()
        gc.freeze()
        for number in range(seed, seed + cuts):
            chance = random.Random(number)
            rows, source = chance.choice(((0, None), (ROWS, old)))
            path, disk = _fresh(Path(name) / "cut", source), Disk(number)
            with disk.installed():
                disk.cut_at = chance.randint(1, 250)
                store = _open(path)
                if store is not None:
                    store.close()
                del store
                gc.collect()  # what a failed start held
                counts.cuts_that_struck += disk.dead
                disk.dead = True
            disk.power_cut()
            counts.cuts += 1
            _check(path, rows, f"seed {number}: power cut at operation {disk.cut_at}")
        gc.unfreeze()
    counts.seconds = time.monotonic() - began
    return counts


def make_old(path: Path) -> None:
    """A store of the first schema with a record in it: today's rows, in the columns there were."""
    newest = path.with_name("newest.db")
    straight = Straight(newest)
    sender = Sender().add(*(temperature(number % 16, number * 60_000) for number in range(ROWS)))
    for first in range(1, ROWS, 50):
        straight.send(sender.batch(first, first + 49))
    straight.close()
    engine = sqlite.engine(path, begin="BEGIN IMMEDIATE")
    settings = Config()
    settings.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, FIRST_SCHEMA)
    engine.dispose()
    with closing(sqlite3.connect(path)) as store:
        store.execute("ATTACH DATABASE ? AS newest", (str(newest),))
        names = [row[0] for row in store.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
        for name in names:
            now = {row[1] for row in store.execute(f"PRAGMA newest.table_info({name})")}
            columns = ", ".join(
                f'"{row[1]}"' for row in store.execute(f"PRAGMA main.table_info({name})") if row[1] in now
            )
            if name != "alembic_version" and columns:
                store.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM newest.{name}")
        store.commit()


def _fresh(folder: Path, source: Path | None) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if source is not None:
        shutil.copy(source, folder / "pawon.db")
    return folder / "pawon.db"


def _kill_at(path: Path, statement: int) -> bool:
    """Whether the upgrade was killed before it was done."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            points.arm(points.MIGRATION, statement)
            open_store(path)
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise BrokenPromiseError(f"the upgrade ended with {status}")
    return status != 0


def _open(path: Path) -> Store | None:
    try:
        return open_store(path)
    except (SQLAlchemyError, StoreError, sqlite3.Error):
        return None


def _check(path: Path, rows: int, what: str) -> None:
    try:
        store = open_store(path)
    except (SQLAlchemyError, StoreError, sqlite3.Error) as error:
        raise BrokenPromiseError(f"{what}: the store does not open: {error!r}") from error
    try:
        proof = verify(store.reader, "dapur-uji")
        found = sum(spool.upto for spool in proof.spools)
        if proof.finding is not None or found != rows:
            raise BrokenPromiseError(f"{what}: {found} rows of {rows}; {proof.finding and proof.finding.text()}")
    finally:
        store.close()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(run(cuts=options.cuts, seed=options.seed))


if __name__ == "__main__":
    main()
