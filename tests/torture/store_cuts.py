"""Power cuts, and single failures of the disk, under the server's store at work.

    python -m tests.torture.store_cuts [--cuts 5000] [--seed 1]      a failing seed is run alone with --cuts 1

The store is the real one (SQLAlchemy, migrations, journal, projections, rules) on the disk of ``disk``. After each cut
it opens; every batch that was answered is there; what is there is a beginning of what was sent, byte for byte; the
journal proves itself; everything derived from it again is what the tables hold. A batch in whose transaction the power
went may be there or not.
"""

from __future__ import annotations

import argparse
import gc
import logging
import random
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from tests.server.sender import Sender, temperature
from tests.server.straight import Straight
from tests.torture.disk import FULL, IOERR_FSYNC, OK, Disk
from tests.torture.record import BrokenPromiseError

from pawon_contract import codec
from pawon_contract.messages import Envelope
from pawon_server.record.rebuild import rebuild
from pawon_server.record.verify import verify
from pawon_server.store.database import StoreError

CUTS_A_SEED = 10
ROWS_A_CUT = 400
CHECKPOINT_PAGES = 40
# The first cuts of a card may fall into the making of the store, which takes about 160 operations.
MOST_OPERATIONS = 700


@dataclass(slots=True, kw_only=True)
class StoreCuts:
    """What a run counted."""

    cuts: int = 0
    disk_errors: int = 0
    answered_rows: int = 0
    kept_of_cut_transactions: int = 0
    cut_while_opening: int = 0
    incidents: int = 0
    seconds: float = 0.0


class _Card:
    """One store's truth."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.sender = Sender()
        self.answered = 0
        self._hot = 0

    def more(self, count: int) -> None:
        """Readings that rise above the limit and fall again, ten minutes apart so that delays run out."""
        at = len(self.sender.rows)
        for number in range(at, at + count):
            if self.chance.random() < 0.05:
                self._hot = 0 if self._hot else 10
            self.sender.add(temperature(self._hot + number % 16 / 8, number * 60_000, f"chiller-{1 + number % 2}"))


def run(*, cuts: int, seed: int, synchronous: str = "FULL") -> StoreCuts:
    """So many cuts from this seed on. Raises ``BrokenPromiseError`` naming the seed. Another level of ``synchronous``
    than the store's own shows that the disk bites."""
    counts, began = StoreCuts(), time.monotonic()
    gc.collect()
    gc.freeze()  # what is loaded is not looked at again by every collection of a failed start
    while counts.cuts < cuts:
        with tempfile.TemporaryDirectory() as name:
            try:
                _one_card(Path(name), seed, counts, synchronous)
            except BrokenPromiseError as error:
                raise BrokenPromiseError(f"seed {seed}: {error}") from error
        seed += 1
    gc.unfreeze()
    counts.seconds = time.monotonic() - began
    return counts


def _one_card(folder: Path, seed: int, counts: StoreCuts, synchronous: str) -> None:
    path, card = folder / "pawon.db", _Card(seed)
    for cut in range(CUTS_A_SEED):
        disk = Disk(seed * 1_000 + cut)
        with disk.installed():
            disk.cut_at = card.chance.choice((card.chance.randint(1, 200), card.chance.randint(1, MOST_OPERATIONS)))
            if card.chance.random() < 0.3:
                _fail_once(disk, card.chance, counts)
            opened = _work(path, card, disk, synchronous)
            disk.dead = True
        disk.power_cut()
        counts.cuts += 1
        counts.cut_while_opening += not opened
        counts.kept_of_cut_transactions += _check(path, folder, card)
    counts.answered_rows += card.answered
    with closing(sqlite3.connect(path)) as store:
        counts.incidents += store.execute("SELECT count(*) FROM incident").fetchone()[0]


def _fail_once(disk: Disk, chance: random.Random, counts: StoreCuts) -> None:
    """One write finds the disk full, or one sync fails, before the power goes."""
    kind, code = chance.choice((("write", FULL), ("sync", IOERR_FSYNC)))
    left = chance.randint(1, 120)

    def fault(what: str, _path: str) -> int:
        nonlocal left
        left -= what == kind
        if left == 0 and what == kind:
            counts.disk_errors += 1
            return code
        return OK

    disk.fault = fault


def _work(path: Path, card: _Card, disk: Disk, synchronous: str) -> bool:
    """Use the store as the writer does until the power goes; whether it came to be open."""
    straight: Straight | None = None
    while straight is None and not disk.dead:
        straight = _open(path, synchronous)
    if straight is None:
        return False
    while not disk.dead:
        try:
            _send(straight, card, disk)
        except (SQLAlchemyError, sqlite3.Error):
            _recover(straight, disk)
    straight.close()
    return True


def _open(path: Path, synchronous: str) -> Straight | None:
    """A server that cannot begin is started again; what the failed one held is given back."""
    straight: Straight | None = None
    try:
        straight = Straight(path)
        with closing(straight.store.writer.raw_connection()) as connection:
            for text in (f"synchronous = {synchronous}", f"wal_autocheckpoint = {CHECKPOINT_PAGES}"):
                connection.cursor().execute(f"PRAGMA {text}")
    except (SQLAlchemyError, StoreError, sqlite3.Error):
        if straight is not None:
            straight.close()
        straight = None
    if straight is None:
        gc.collect()
    return straight


def _send(straight: Straight, card: _Card, disk: Disk) -> None:
    """A transaction of one to three batches, some of them known already, and its answer."""
    upto = _upto(straight)
    if upto < card.answered:
        raise BrokenPromiseError(f"answered {card.answered}, and now the store holds {upto}")
    if len(card.sender.rows) - upto < ROWS_A_CUT:
        card.more(ROWS_A_CUT)
    payloads, first = [], max(1, upto + 1 - card.chance.choice((0, 0, 7)))
    for _ in range(card.chance.randint(1, 3)):
        last = first + card.chance.choice((0, 3, 19, 19, 99))
        payloads.append(card.sender.batch(first, min(last, len(card.sender.rows))))
        first = last + 1
    straight.now_ms += 60_000
    answer = straight.send(*payloads)
    if card.chance.random() < 0.2:
        straight.look_at_clock()
    if card.chance.random() < 0.2:
        straight.send_alerts()
    if answer is not None and not disk.dead:
        card.answered = max(card.answered, answer.upto)


def _recover(straight: Straight, disk: Disk) -> None:
    """As the writer does after a rollback: take up what is committed."""
    while not disk.dead:
        try:
            with straight.store.reader.connect() as connection:
                straight.acceptance.load(connection)
            return
        except SQLAlchemyError:
            continue


def _upto(straight: Straight) -> int:
    rows = straight.rows("SELECT upto FROM spool")
    return int(str(rows[0][0])) if rows else 0


def _check(path: Path, folder: Path, card: _Card) -> int:
    """With the real disk, as a kitchen's server starts again; rows kept of the transaction that was cut."""
    try:
        straight = Straight(path)
    except (SQLAlchemyError, StoreError, sqlite3.Error) as error:
        raise BrokenPromiseError(f"the store does not open: {error!r}") from error
    try:
        upto = _upto(straight)
        if upto < card.answered:
            raise BrokenPromiseError(f"answered {card.answered}, kept {upto}")
        proof = verify(straight.store.reader, "dapur-uji")
        if proof.finding is not None:
            raise BrokenPromiseError(f"the journal: {proof.finding.text()}")
        again = rebuild(straight.store.reader, "dapur-uji", folder)
        if not again.same:
            raise BrokenPromiseError(f"derived again, other: {[table for table in again.tables if not table.same]}")
        rows = [row for (payload,) in straight.rows("SELECT payload FROM journal WHERE kind = 'batch' ORDER BY id")
                for row in _items(payload)]  # fmt: skip
        if dict(rows) != dict(enumerate(card.sender.rows[:upto], 1)):
            raise BrokenPromiseError(f"the journal's rows up to {upto} are not those that were sent")
        kept, card.answered = upto - card.answered, upto
        return kept
    finally:
        straight.close()


def _items(payload: object) -> list[tuple[int, bytes]]:
    assert isinstance(payload, bytes)
    envelope = codec.decode(payload, Envelope)
    assert isinstance(envelope, Envelope)
    return [(envelope.first + number, bytes(raw)) for number, raw in enumerate(envelope.items)]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the disk's refusals, told as they should be
    print(f"power cuts of the server's store: {options.cuts} from seed {options.seed}", flush=True)
    print(run(cuts=options.cuts, seed=options.seed))


if __name__ == "__main__":
    main()
