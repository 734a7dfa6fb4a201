"""Benchmarks of the hot paths. Figures are per CPU-second of this process, five runs each: median and spread.

A *floor* does the least that could be done with the same data (no checks, no chain, no rules); the distance to it is
the price of what Pawon promises. Nothing here is asserted: figures are read by people.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import weighings
from book import book, month
from parsers import fuzz, parsers
from peers import drain, edge, loss, report
from peers import ingest as ingest_road
from road import road
from rules import rules
from seal import seal
from tests.postgresql import Cluster
from tests.server.conftest import Bench
from tests.server.sender import Sender
from tests.torture import damage, full, kills, power_cut

from pawon_contract import codec
from pawon_contract.messages import Reading
from pawon_edge.spool import Spool
from pawon_server.store.database import Store, open_store
from pawon_server.web.events import Hub
from pawon_server.web.view import Tile

RUNS = 5


def measure(name: str, unit: str, count: int, work: Callable[[], object]) -> None:
    """Run ``work`` five times; each does ``count`` units."""
    rates, walls = [], []
    for _ in range(RUNS):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        rates.append(count / cpu)
        walls.append(wall)
    middle = statistics.median(rates)
    spread = (max(rates) - min(rates)) / middle * 100
    print(
        f"  {name:<44} {middle:>12,.0f} {unit}/cpu-s  ±{spread / 2:4.0f} %  {statistics.median(walls):6.2f} s wall",
        flush=True,
    )


def spool() -> None:
    """Rows accepted with FULL sync, 20 a commit, as a default kitchen gives them in 250 ms."""
    items = [codec.encode_item(reading(n)) for n in range(20)]
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(100))

        def ours() -> None:
            store = Spool(Path(folder) / f"{next(numbers)}.db")
            for _ in range(250):
                store.append("3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6", items)
            store.close()

        def floor() -> None:
            db = sqlite3.connect(Path(folder) / f"{next(numbers)}.db", isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("CREATE TABLE row (item BLOB)")
            for _ in range(250):
                db.execute("BEGIN")
                db.executemany("INSERT INTO row VALUES (?)", [(item,) for item in items])
                db.execute("COMMIT")
            db.close()

        measure("spool: chain + FULL commit of 20 rows", "rows", 5_000, ours)
        measure("floor: SQLite insert + FULL commit of 20 rows", "rows", 5_000, floor)


def cuts() -> None:
    """10,000 power cuts under the spool at work; any broken promise ends the run with its seed."""
    print(f"  {power_cut.run(cuts=10_000, seed=1)}", flush=True)


def kill() -> None:
    """10,000 kill -9 of a process that writes a spool; any broken promise ends the run with its seed."""
    print(f"  {kills.run(kills=10_000, seed=1)}", flush=True)


def damages() -> None:
    """2,000 damaged spools, by kind of damage; any broken promise ends the run with its seed."""
    logging.disable(logging.CRITICAL)  # each of them says so, as it should
    print(f"  {damage.run(cases=2_000, seed=1)}", flush=True)
    logging.disable(logging.INFO)


def ingest_into(
    kind: str, open_new: Callable[[Path], Store], database_cpu_s: Callable[[], float] | None = None
) -> None:
    """Batches through the writer into one kind of store."""
    for size, batches in ((100, 300), (10, 1500), (1, 3000)):
        with tempfile.TemporaryDirectory() as folder:
            sender = Sender().add(*(reading(n) for n in range(size * batches * RUNS)))
            payloads = [sender.batch(n + 1, n + size) for n in range(0, size * batches * RUNS, size)]
            bench = Bench(open_new(Path(folder) / "pawon.db"))
            sent = iter(range(RUNS))

            def run(
                bench: Bench = bench,
                payloads: list[bytes] = payloads,
                size: int = size,
                batches: int = batches,
                sent=sent,
            ) -> None:  # type: ignore[no-untyped-def]  # an iterator of its own
                number = next(sent)
                for payload in payloads[number * batches : (number + 1) * batches]:
                    while bench.writer.waiting > 900:
                        time.sleep(0.002)
                    bench.writer.put("gw-1", payload)
                goal = (number + 1) * size * batches
                while not bench.answers or bench.answers[-1].upto < goal:
                    time.sleep(0.002)

            before_s = None if database_cpu_s is None else database_cpu_s()
            measure(f"ingest: {size} reading(s) a message, {kind}", "readings", size * batches, run)
            if database_cpu_s is not None and before_s is not None:
                rate = size * batches * RUNS / (database_cpu_s() - before_s)
                print(f"    beside it the database's own processes: {rate:,.0f} readings/cpu-s", flush=True)
            bench.writer.stop()
            bench.store.close()


def ingest_postgresql() -> None:
    """The same into PostgreSQL on this machine's disk: CPU of this process, and the database's own apart."""
    cluster = Cluster(on_disk=True)
    try:
        ingest_into("PostgreSQL", lambda _: open_store(cluster.new()), lambda: cluster.cpu_s)
    finally:
        cluster.remove()


def ingest() -> None:
    """Batches through the writer: decode, chain, journal, projections, rules, FULL commit, answer."""
    ingest_into("FULL", open_store)
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(100))

        def floor() -> None:
            db = sqlite3.connect(Path(folder) / f"{next(numbers)}.db", isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("CREATE TABLE reading (sensor TEXT, at INTEGER, value REAL)")
            for payload in payloads[:300]:
                db.execute("BEGIN")
                rows = [json.loads(bytes(item)) for item in codec.decode(payload, codec.Envelope).items]
                db.executemany(
                    "INSERT INTO reading VALUES (?, ?, ?)", [(r["sensor"], r["at_ms"], r["value"]) for r in rows]
                )
                db.execute("COMMIT")
            db.close()

        payloads = [Sender().add(*(reading(n) for n in range(100))).batch()] * 300
        measure("floor: json + SQLite insert, 100 a commit", "readings", 30_000, floor)


def fanout() -> None:
    """One tile event to 20 displays: encoded once, queued for each."""

    async def run() -> None:
        hub = Hub()
        hub._loop = asyncio.get_running_loop()
        queues: list[asyncio.Queue[bytes | None]] = [asyncio.Queue(1000) for _ in range(20)]
        hub._screens.update(queues)
        tile = Tile(sensor="chiller-1", name="Chiller 1", point="chiller", quantity="temperature_c", unit="°C",
                    state="ok", value=3.5, age_ms=10, valid_for_ms=90_000)  # fmt: skip
        for n in range(2_000):
            hub._send("tile", tile)
            if n % 500 == 499:
                for queue in queues:
                    while not queue.empty():
                        queue.get_nowait()

    measure("fan-out to 20 displays", "deliveries", 40_000, lambda: asyncio.run(run()))


def reading(n: int) -> Reading:
    """The n-th report of a chiller that swings between 1.5 and 3 C; one in fifty, its door open, stands at 5.5 C."""
    value = 5.5 if n % 50 == 0 else 1.5 + n % 7 / 4
    return Reading(
        at_ms=n * 1000, sensor="chiller-1", quantity="temperature_c", value=value, count=10, low=value - 0.2,
        high=value + 0.2,
    )  # fmt: skip


BENCHMARKS: dict[str, Callable[[], object]] = {
    "parsers": parsers,
    "fuzz": fuzz,
    "spool": spool,
    "cuts": cuts,
    "kills": kill,
    "damage": damages,
    "ingest": ingest,
    "ingest-postgresql": ingest_postgresql,
    "rules": lambda: rules(measure),
    "book": lambda: book(measure),
    "month": month,
    "fanout": fanout,
    "road": road,
    "seal": seal,
}


def peers(options: argparse.Namespace) -> dict[str, object]:
    """Rows lost of those acknowledged, Pawon beside its peers: kill -9 and power cuts, the same rounds for all."""
    return loss.run(rounds=options.rounds, runs=options.runs, seed=options.seed, only=options.only)


def ingest_by_road(options: argparse.Namespace) -> dict[str, object]:
    """Readings through mosquitto into the real server, by CPU-second of its process, beside its peers."""
    return ingest_road.run(runs=options.runs, only=options.only)


def drained(options: argparse.Namespace) -> dict[str, object]:
    """A backlog through the real gateway, mosquitto and server, and what a display sees meanwhile."""
    return drain.run(hours=options.hours)


def at_the_edge(options: argparse.Namespace) -> dict[str, object]:
    """The real gateway at 40 readings a second: memory, CPU, bytes written, and the window before a commit."""
    return edge.run(seconds=options.seconds)


# These start real programs, take minutes to an hour, and are run only by name.
LONG: dict[str, Callable[[argparse.Namespace], dict[str, object]]] = {
    "peers": peers,
    "ingest-road": ingest_by_road,
    "drain": drained,
    "edge": at_the_edge,
}


def main() -> int:
    """Entry point."""
    if sys.argv[1:2] == ["torture"]:  # it has options of its own
        return full.main(sys.argv[2:])
    if sys.argv[1:2] == ["weighings"]:  # so has it
        return weighings.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument(
        "names", nargs="*", metavar="NAME",
        help=f"of {', '.join(BENCHMARKS)} (default: these); by name only: {', '.join(LONG)}",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=8, help="peers: rounds a run")
    parser.add_argument("--runs", type=int, default=RUNS, help="peers, ingest-road: runs")
    parser.add_argument("--seed", type=int, default=1, help="peers: the first run's seed; the next ones follow")
    parser.add_argument("--only", default="", help="peers, ingest-road: contenders whose name has this in it")
    parser.add_argument("--hours", type=float, default=24.0, help="drain: how old the backlog is")
    parser.add_argument("--seconds", type=int, default=60, help="edge: how long it is watched")
    parser.add_argument("--report", type=Path, help="a JSON file to keep what the named ones measured")
    options = parser.parse_args()
    names = options.names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS and name not in LONG]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join([*BENCHMARKS, *LONG])}")
    logging.disable(logging.INFO)
    for name in names:
        if name in LONG:
            print(f"{name}: {LONG[name].__doc__}", flush=True)
            found = LONG[name](options)
            if options.report is not None:
                report.keep(options.report, name, found, options.seed)
        else:
            print(f"{name}: {BENCHMARKS[name].__doc__}", flush=True)
            BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
