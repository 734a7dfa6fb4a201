"""The stock book: what settling costs a movement, and a month of a kitchen through the record.

The month is ``tests/server/kitchen_month.py``: what truly lies where is known there to the gram.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.server.conftest import Bench
from tests.server.kitchen_month import Month, kitchen_book
from tests.server.test_kitchen_month import drill, live

from pawon_server.stock import accounts
from pawon_server.stock.book import Event, LotFacts, settle
from pawon_server.store.database import open_store

Measure = Callable[[str, str, int, Callable[[], object]], None]
EVENTS = 20_000
# Never used while anything was tuned.
SEED = 20_001


def book(measure: Measure) -> None:
    """Movements of one item settled: lots by FEFO, doubts, stocktakes; beside it only sums by account."""
    chance = random.Random(1)
    lots = {f"L{n}": LotFacts(id=f"L{n}", received_ms=n, expires_ms=n + 50_000) for n in range(EVENTS // 20)}
    events = [_event(n, chance) for n in range(EVENTS)]

    def floor() -> None:
        sums: dict[str, int] = defaultdict(int)
        for event in events:
            sums[event.from_place] -= event.amount or 0
            sums[event.to_place] += event.amount or 0

    measure("settle: a year of a busy item", "movements", EVENTS, lambda: settle({}, events, lots))
    measure("floor: sums by account", "movements", EVENTS, floor)


def _event(number: int, chance: random.Random) -> Event:
    head = {"id": f"m{number}", "at_ms": number}
    if number % 20 == 0:
        return Event(**head, from_place=accounts.SUPPLIER, to_place="gudang", amount=20_000, lot=f"L{number // 20}")
    if number % 200 == 199:
        return Event(**head, from_place=accounts.DIFFERENCE, to_place="gudang", counted=chance.randint(0, 5_000))
    return Event(**head, from_place="gudang", to_place=accounts.COOKED, amount=chance.randint(500, 1_500))


def month() -> None:
    """30 days of 3,000 meals: CPU a written entry, how far the book is off, how long a recall takes."""
    with tempfile.TemporaryDirectory() as folder:
        story = Month(seed=SEED, readings_every_ms=60_000)
        store = open_store(Path(folder) / "pawon.db")
        bench = Bench(store, kitchen_book(), now_ms=0)
        cpu, wall = time.process_time(), time.perf_counter()
        refused = live(bench, story)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        (entries,) = bench.rows("SELECT count(*) FROM journal")[0]
        readings, movements = (bench.value(f"SELECT count(*) FROM {table}") for table in ("reading", "movement"))
        print(f"  {entries:,} entries ({readings:,} readings, {movements:,} movements) in {cpu:.0f} cpu-s, "
              f"{wall:.0f} s; {len(refused)} acts refused", flush=True)  # fmt: skip
        book_g = {
            (item, place): int(str(amount))
            for item, place, amount in bench.rows(
                "SELECT item, place, sum(amount) FROM ledger_line GROUP BY item, place"
            )
        }
        off = [(abs(book_g.get(key, 0) - true_g), story.within_g(*key), true_g) for key, true_g in story.truth.items()]
        held = [one for one in off if one[2] > 0.5]
        print(f"  {len(off)} balances: {sum(one[0] > one[1] for one in off)} beyond the stated error; of {len(held)} "
              f"places with stock mean {sum(one[0] for one in held) / len(held):.1f} g off "
              f"(stated {sum(one[1] for one in held) / len(held):.0f} g), most {max(one[0] for one in held):.0f} g, "
              f"of a mean of {sum(one[2] for one in held) / len(held) / 1000:.1f} kg", flush=True)  # fmt: skip
        for number in (5, len(story.served) // 2, len(story.served) - 5):
            cpu, wall = time.process_time(), time.perf_counter()
            answer = drill(bench, story.served[number])
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            print(f"  recall drill: {len(answer.known_lots)} lots, {len(answer.known_batches)} batches, "
                  f"{len(answer.schools)} schools in {cpu:.2f} cpu-s, {wall:.2f} s"
                  f"{'' if answer.whole else '; cut: ' + ', '.join(answer.cut)}", flush=True)  # fmt: skip
        bench.writer.stop()
        store.close()
