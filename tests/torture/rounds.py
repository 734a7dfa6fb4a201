"""The torture run of the whole road: rounds of faults, each with its seed, and a report.

    python -m tests.torture.rounds [--minutes 20 | --rounds 40] [--seed 1] [--kitchens 2] [--report FILE]
    python -m tests.torture.rounds --only-seed 7       one round alone; its files are kept and named when it fails

A round is one kitchen for some seconds under one theme's faults (``faults.THEMES``, chosen by the seed), then all
faults end, everything has to arrive, and the oracle compares. Kitchens are processes of their own, side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from tests.torture.accepted import Verdict
from tests.torture.faults import THEMES
from tests.torture.road import Road, RoadError

ROUND_S = 45.0
LONGEST_PAUSE_S = 0.6


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What one round came to. ``faults``: how often each was done; ``trouble`` is empty when all promises were kept."""

    seed: int
    theme: str
    seconds: float
    faults: dict[str, int]
    rows: int = 0
    readings: int = 0
    incidents: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    invented: int = 0
    out_of_order: int = 0
    mis_timed: int = 0
    time_unknown: int = 0
    in_spool: int = 0
    worst_time_error_ms: int = 0
    trouble: list[str] = []

    @property
    def kills(self) -> int:
        """Programs killed."""
        return sum(count for name, count in self.faults.items() if name.startswith("kill -9"))


def theme_of(seed: int) -> str:
    """Themes follow each other."""
    return list(THEMES)[seed % len(THEMES)]


def run_round(seed: int, seconds: float = ROUND_S, theme: str | None = None) -> Round:
    """One round. Its folder stays where it is, and is named, when a promise was broken."""
    theme = theme or theme_of(seed)
    row, chance = THEMES[theme], random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix=f"pawon-torture-{seed}-"))
    began, verdict = time.monotonic(), Verdict()
    road = Road(folder, chance, disk=row.disk, faked=row.faked, network=row.network)
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


def run(*, seed: int, minutes: float, rounds: int, kitchens: int, seconds: float) -> Iterator[Round]:
    """Rounds from ``seed`` on, until ``minutes`` are over or there were so many."""
    ends = time.monotonic() + minutes * 60

    def one(number: int) -> Round | None:
        if time.monotonic() > ends:
            return None
        done = subprocess.run(
            [sys.executable, "-m", "tests.torture.rounds", "--only-seed", str(number), "--seconds", str(seconds),
             "--json"],
            stdout=subprocess.PIPE, check=False, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Round)

    with ThreadPoolExecutor(kitchens) as pool:
        for result in pool.map(one, range(seed, seed + rounds)):
            if result is not None:
                yield result


def machine() -> str:
    """What it ran on."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


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


def main() -> int:
    """Entry point; 1 when a promise was broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=10**6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kitchens", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=ROUND_S, help="of faults in a round")
    parser.add_argument("--only-seed", type=int)
    parser.add_argument("--theme", choices=list(THEMES))
    parser.add_argument("--report", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.only_seed is not None:
        result = run_round(options.only_seed, options.seconds, options.theme)
        if options.json:
            print(msgspec.json.encode(result).decode())
        else:
            tell(result)
        return int(bool(result.trouble))
    results = []
    for result in run(
        seed=options.seed, minutes=options.minutes, rounds=options.rounds, kitchens=options.kitchens,
        seconds=options.seconds,
    ):  # fmt: skip
        tell(result)
        results.append(result)
        if options.report is not None:
            write_report(options.report, rounds=results)
    return int(any(result.trouble for result in results))


def write_report(path: Path, **parts: Any) -> None:
    """Put ``parts`` into the report beside what other runs have put there."""
    report = json.loads(path.read_text()) if path.exists() else {}
    report |= {"machine": machine()} | msgspec.to_builtins(parts)
    path.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    sys.exit(main())
