"""Rounds of the whole road under faults, each with its seed.

    python -m tests.torture.rounds --only-seed 7 [--seconds 45] [--theme kills]     one round; a broken one's files stay

A round is one kitchen for some seconds under one theme's faults (``faults.THEMES``, chosen by the seed), then all
faults end, everything has to arrive, and the oracle compares. Kitchens are processes of their own, side by side. The
full run, with everything else in this folder, is ``full``.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import msgspec
from tests.torture.accepted import Verdict
from tests.torture.faults import THEMES
from tests.torture.report import Round
from tests.torture.road import Road, RoadError

ROUND_S = 45.0
LONGEST_PAUSE_S = 0.6


def theme_of(seed: int) -> str:
    """Themes follow each other."""
    return list(THEMES)[seed % len(THEMES)]


def run_round(seed: int, seconds: float = ROUND_S, theme: str | None = None) -> Round:
    """One round. Its folder stays where it is, and is named, when a promise was broken."""
    theme = theme or theme_of(seed)
    row, chance = THEMES[theme], random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix=f"pawon-torture-{seed}-"))
    began, verdict = time.monotonic(), Verdict()
    road = Road(folder, chance, disk=row.disk, small=row.small, faked=row.faked, network=row.network)
    try:
        for name in ("broker", "server", "gateway"):
            road.start(name)
        road.until(lambda: bool(road.accepted().rows), "the first row")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            chance.choice(row.faults)(road)
            for name in ("broker", "server", "gateway"):
                road.start(name)
            time.sleep(chance.uniform(0, LONGEST_PAUSE_S))
        verdict = road.settle(times_count=row.times_count)
    except RoadError as error:
        verdict.note(str(error))
    finally:
        road.end()
    if verdict.good:
        shutil.rmtree(folder)
    else:
        verdict.note(f"kept: {folder}")
    found = {name: getattr(verdict, name) for name in Round.__struct_fields__ if hasattr(verdict, name)}
    return Round(
        seed=seed, theme=theme, seconds=round(time.monotonic() - began, 1), faults=dict(sorted(road.counts.items())),
        **found,
    )  # fmt: skip


def run(
    *, seed: int, minutes: float, most: int, kitchens: int, seconds: float, theme: str | None = None
) -> Iterator[Round]:
    """Rounds from ``seed`` on, begun until ``minutes`` are over, and no more than ``most``."""
    ends = time.monotonic() + minutes * 60

    def one(number: int) -> Round:
        done = subprocess.run(
            [sys.executable, "-m", "tests.torture.rounds", "--only-seed", str(number), "--seconds", str(seconds),
             "--json", *(() if theme is None else ("--theme", theme))],
            stdout=subprocess.PIPE, check=False, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        if not done.stdout:
            failed = f"the round itself failed with {done.returncode}; its traceback stands above"
            return Round(seed=number, theme=theme or theme_of(number), seconds=0, faults={}, trouble=[failed])
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Round)

    numbers, running = iter(range(seed, seed + most)), set[Future[Round]]()
    with ThreadPoolExecutor(kitchens) as pool:
        while True:
            while len(running) < kitchens and time.monotonic() < ends and (number := next(numbers, None)) is not None:
                running.add(pool.submit(one, number))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for finished in done:
                yield finished.result()


def tell(result: Round) -> None:
    """One line for people; all troubles when there are any."""
    print(
        f"  seed {result.seed:<6} {result.theme:<8} {result.seconds:5.0f} s  {result.kills:3} kills  "
        f"{result.rows:6} rows  {result.incidents:3} incidents  lost {result.lost}  doubled {result.doubled}  "
        f"altered {result.altered + result.invented}  order {result.out_of_order}  time {result.mis_timed}  "
        f"{'good' if not result.trouble else 'BROKEN'}",
        flush=True,
    )
    for text in result.trouble:
        print(f"    {text}", flush=True)


def main(arguments: list[str]) -> int:
    """One round; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="scripts/bench torture")
    parser.add_argument("--only-seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=ROUND_S, help="of faults")
    parser.add_argument("--theme", choices=list(THEMES), help="another than the seed's own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    result = run_round(options.only_seed, options.seconds, options.theme)
    if options.json:
        print(msgspec.json.encode(result).decode())
    else:
        tell(result)
    return int(bool(result.trouble))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
