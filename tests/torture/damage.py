"""Damage to the spool's files: flipped bits, zeroed pages, cut files, wrong salts, of the database and of its log.

    python -m tests.torture.damage [--cases 2000] [--seed 1]      a failing seed is run alone with --cases 1

After each the spool opens, and what it holds is a subset of what was accepted, under the old numbers, with gaps for
all else; never another row. Silence about a loss only where the files are as if the rows had never been written: the
last append, which a power cut may have cut just so; a log whose end was cut off; a log with damage in all but one of
the transactions behind its break. There only the server's word can tell.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.record import BrokenPromiseError, all_rows, item

from pawon_contract import chain, codec
from pawon_contract.messages import Gap
from pawon_edge.spool import Spool, quarantine, store

BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"
PAGE_BYTES, FRAME_BYTES, WAL_HEADER_BYTES = 4096, 4120, 32
SPOOLS = 8
Truth = dict[int, bytes]


@dataclass(slots=True, kw_only=True)
class Damages:
    """What a run counted: rows that were there, rows that came through, rows told as lost; cases by kind."""

    cases: int = 0
    rows: int = 0
    kept: int = 0
    told_lost: int = 0
    new_spools: int = 0
    put_aside: int = 0
    unnoticed_last_append: int = 0
    log_beyond_proof: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def flip(data: bytearray, chance: random.Random) -> None:
    """One bit."""
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def flip_many(data: bytearray, chance: random.Random) -> None:
    """Twenty bits."""
    for _ in range(20):
        flip(data, chance)


def zero_page(data: bytearray, chance: random.Random) -> None:
    """A page of zeros."""
    start = chance.randrange(len(data)) // PAGE_BYTES * PAGE_BYTES
    data[start : start + PAGE_BYTES] = bytes(len(data[start : start + PAGE_BYTES]))


def noise(data: bytearray, chance: random.Random) -> None:
    """A sector of noise."""
    start = chance.randrange(len(data)) // 512 * 512
    data[start : start + 512] = chance.randbytes(len(data[start : start + 512]))


def cut(data: bytearray, chance: random.Random) -> None:
    """The end is gone, or everything."""
    del data[chance.choice((0, chance.randrange(len(data)), len(data) - 1)) :]


def wrong_head(data: bytearray, chance: random.Random) -> None:
    """Something in the first bytes: a salt of the log, the database's version, size or format."""
    data[chance.randrange(min(100, len(data)))] ^= chance.randint(1, 255)


KINDS: tuple[Callable[[bytearray, random.Random], None], ...] = (flip, flip_many, zero_page, noise, cut, wrong_head)


def run(*, cases: int, seed: int) -> Damages:
    """So many damaged spools. Raises ``BrokenPromiseError`` naming the seed."""
    counts, began, kept = Damages(), time.monotonic(), (store.KEEP_ROWS, store.PRUNE_AT_ONCE)
    store.KEEP_ROWS, store.PRUNE_AT_ONCE = 400, 150
    with tempfile.TemporaryDirectory() as name:
        try:
            whole = [_make(Path(name) / str(n), n) for n in range(SPOOLS)]
            for number in range(seed, seed + cases):
                folder, spool, truth, last_append = whole[number % SPOOLS]
                try:
                    _one(folder, Path(name) / "case", spool, truth, last_append, number, counts)
                except BrokenPromiseError as error:
                    raise BrokenPromiseError(f"seed {number}: {error}") from error
        finally:
            store.KEEP_ROWS, store.PRUNE_AT_ONCE = kept
    counts.seconds = time.monotonic() - began
    return counts


def _make(folder: Path, seed: int) -> tuple[Path, str, Truth, int]:
    """A spool as a power cut leaves it: a database, and a log with the newest rows."""
    chance, working = random.Random(seed), folder / "working"
    spool = Spool(working / "spool.db")
    spool._db.execute("PRAGMA wal_autocheckpoint = 30")
    truth: Truth = {}
    size = 0
    for _ in range(80):
        first, size = spool.last + 1, chance.choice((1, 5, 20))
        items = [item(first + n, chance.getrandbits(16)) for n in range(size)]
        truth |= {first + n: raw for n, raw in enumerate(items)}
        spool.append(BOOT, items, scales={"timbangan-1": first})
        if seed % 2 and chance.random() < 0.5:
            spool.confirm(spool.last, proven=True)
            spool.prune()
    for file in working.glob("spool.db*"):
        if not file.name.endswith(("-shm", ".lock")):
            shutil.copy(file, folder / file.name)
    spool.close()
    shutil.rmtree(working)
    return folder, spool.id, truth, size


def _one(whole: Path, folder: Path, name: str, truth: Truth, last_append: int, seed: int, counts: Damages) -> None:
    chance = random.Random(seed)
    kind = KINDS[seed // SPOOLS % len(KINDS)]
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    path = folder / "spool.db"
    target = Path(f"{path}{chance.choice(('', '-wal'))}")
    data = bytearray(target.read_bytes())
    kind(data, chance)
    target.write_bytes(data)
    try:
        spool = Spool(path)
    except Exception as error:
        raise BrokenPromiseError(f"{kind.__name__}: does not start: {error!r}") from error
    try:
        counts.cases += 1
        counts.kinds[f"{kind.__name__} {target.suffix}"] += 1
        counts.rows += len(truth)
        aside = quarantine.aside(path)
        counts.put_aside += bool(aside)
        if spool.id != name:
            counts.new_spools += 1
            if spool.last or not aside:
                raise BrokenPromiseError(f"{kind.__name__}: another spool with {spool.last} rows")
        else:
            kept, told = _compare(spool, truth)
            counts.kept += kept
            counts.told_lost += told
            if spool.last < max(truth):
                if kind in (cut, flip_many) and target != path:
                    counts.log_beyond_proof += 1
                elif spool.last < max(truth) - last_append:
                    raise BrokenPromiseError(f"{kind.__name__}: rows after {spool.last} are gone in silence")
                else:
                    counts.unnoticed_last_append += 1
        before = spool.last
        if spool.append(BOOT, [item(1, 1)]) != before + 1:
            raise BrokenPromiseError("the next row has no number of its own")
        last, spool_id = spool.last, spool.id
    finally:
        spool.close()
    again = Spool(path)  # a mended spool is sound
    try:
        if (again.id, again.last) != (spool_id, last) or len(quarantine.aside(path)) != len(aside):
            raise BrokenPromiseError("a mended spool is damaged again")
    finally:
        again.close()


def _compare(spool: Spool, truth: Truth) -> tuple[int, int]:
    """Rows that came through, and rows that a gap tells of."""
    sequence, kept, told, value = 1, 0, 0, chain.genesis(spool.id)
    for row in all_rows(spool, 1):
        if row.sequence != sequence:
            raise BrokenPromiseError(f"row {row.sequence} stands where {sequence} should")
        gap = codec.decode_item(row.item)
        if isinstance(gap, Gap):
            value = bytes.fromhex(gap.chain)
            told += min(row.last, max(truth)) - row.sequence + 1
        else:
            if truth.get(sequence) != row.item or row.boot != BOOT:
                raise BrokenPromiseError(f"row {sequence} is {row.item!r}, accepted was {truth.get(sequence)!r}")
            value = chain.link(value, sequence, row.boot, row.item)
            kept += 1
        if value != row.chain:
            raise BrokenPromiseError(f"row {sequence}: the chain breaks")
        sequence = row.last + 1
    return kept, told


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"damage: {options.cases} from seed {options.seed}", flush=True)
    print(run(cases=options.cases, seed=options.seed))


if __name__ == "__main__":
    main()
