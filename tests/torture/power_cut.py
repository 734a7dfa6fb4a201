"""Power cuts under a spool at work: open, append, refuse, confirm, prune, checkpoint, close, at any write or sync.

python -m tests.torture.power_cut [--cuts 10000] [--seed 1]      a failing seed is run alone with --cuts 1
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.torture.disk import Disk
from tests.torture.record import BrokenPromiseError, Record, item

from pawon_edge.spool import Spool, SpoolError, store

# Cuts of one seed follow each other on one card; then a new card, so that a failing seed is quick to run again.
CUTS_A_SEED = 10
# Small enough that pruning and checkpoints happen between two cuts.
KEEP_ROWS, PRUNE_AT_ONCE, CHECKPOINT_PAGES = 150, 60, 12


@dataclass(slots=True, kw_only=True)
class Cuts:
    """What a run counted."""

    cuts: int = 0
    accepted: int = 0
    kept_of_cut_appends: int = 0
    appends_cut: int = 0
    seconds: float = 0.0


def run(*, cuts: int, seed: int, synchronous: str = "FULL") -> Cuts:
    """So many cuts, from this seed on. Raises ``BrokenPromiseError`` with the seed at the first broken promise.

    Another level of ``synchronous`` than the spool's own shows that the disk bites.
    """
    counts, began, kept = Cuts(), time.monotonic(), (store.KEEP_ROWS, store.PRUNE_AT_ONCE)
    store.KEEP_ROWS, store.PRUNE_AT_ONCE = KEEP_ROWS, PRUNE_AT_ONCE
    try:
        while counts.cuts < cuts:
            with tempfile.TemporaryDirectory() as name:
                try:
                    _one_card(Path(name) / "spool.db", seed, counts, synchronous)
                except BrokenPromiseError as error:
                    raise BrokenPromiseError(f"seed {seed}: {error}") from error
            seed += 1
    finally:
        store.KEEP_ROWS, store.PRUNE_AT_ONCE = kept
    counts.seconds = time.monotonic() - began
    return counts


def _one_card(path: Path, seed: int, counts: Cuts, synchronous: str) -> None:
    chance, record = random.Random(seed), Record()
    for cut in range(CUTS_A_SEED):
        disk = Disk(seed * 1_000 + cut)
        with disk.installed():
            disk.cut_at = chance.choice((chance.randint(1, 30), chance.randint(1, 400)))
            _work(path, record, chance, disk, synchronous)
            disk.dead = True
        disk.power_cut()
        counts.cuts += 1
        counts.appends_cut += bool(record.coming)
        spool = Spool(path)  # with the real disk: recovery as it happens in the kitchen
        try:
            counts.kept_of_cut_appends += record.check(spool)
        finally:
            spool.close()
    counts.accepted += record.last


def _work(path: Path, record: Record, chance: random.Random, disk: Disk, synchronous: str) -> None:
    """Use the spool until the power goes."""
    try:
        spool = Spool(path)
    except (SpoolError, sqlite3.Error) as error:
        if not disk.dead:
            raise BrokenPromiseError(f"does not open: {error}") from error
        return
    try:
        if not disk.dead:
            record.check(spool)
        spool._db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        spool._db.execute(f"PRAGMA synchronous = {synchronous}")
        boot = f"{chance.getrandbits(32):08x}-cab1-4b42"
        while not disk.dead:
            items = [item(record.last + 1 + n, chance.getrandbits(16)) for n in range(_size(chance))]
            record.about_to_append(boot, items)
            last = spool.append(boot, items, scales={"timbangan-1": record.last + len(items)})
            if not disk.dead:
                record.appended(last)
            if chance.random() < 0.15:
                number = chance.randint(1, last)
                record.refused.add(number)
                spool.refuse(number, "poison", 1)
            if chance.random() < 0.3:
                record.confirmed = max(record.confirmed, last)
                spool.confirm(last, proven=True)
                spool.prune()
            if chance.random() < 0.03:
                spool.close()
                spool = Spool(path)
    except (SpoolError, sqlite3.Error) as error:
        if not disk.dead:
            raise BrokenPromiseError(f"fails without a cause: {error}") from error
    finally:
        try:
            spool.close()
        except sqlite3.Error:
            pass  # the power is gone


def _size(chance: random.Random) -> int:
    """Rows of one append: mostly few, sometimes what waited for a slow disk."""
    return chance.choice((1, 3, 8, 20, 20, 200))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"power cuts: {options.cuts} from seed {options.seed}", flush=True)
    print(run(cuts=options.cuts, seed=options.seed))


if __name__ == "__main__":
    main()
