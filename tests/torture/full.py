"""The full torture run: everything in ``tests/torture``, one report.

    scripts/bench torture [--minutes 20] [--seed 1] [--parts rounds,kills,...] [--report FILE]
    scripts/bench torture --only-seed 7                one round of the whole road alone

The report (JSON) holds each round with its seed, faults and counts, and each part with its seed and counts. A broken
promise ends its part, names its seed and makes the run fail; the other parts go on.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from tests.torture import damage, faults, kills, power_cut, rounds, store_cuts, storm, upgrades
from tests.torture.record import BrokenPromiseError
from tests.torture.report import Part, read_report, write_report


def parts(options: argparse.Namespace) -> dict[str, Callable[[], object]]:
    """name -> the run. Each returns what it counted, or raises ``BrokenPromiseError``."""
    seed = options.seed
    return {
        "kills": lambda: kills.run(kills=options.kills, seed=seed),
        "cuts": lambda: power_cut.run(cuts=options.cuts, seed=seed),
        "damage": lambda: damage.run(cases=options.cases, seed=seed),
        "store": lambda: store_cuts.run(cuts=options.store_cuts, seed=seed),
        "upgrades": lambda: upgrades.run(cuts=options.store_cuts // 10, seed=seed),
        "storm": lambda: storm.run(gateways=options.gateways, rows=options.backlog),
    }


def main(arguments: list[str]) -> int:
    """Entry point; 1 when a promise was broken."""
    places = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if missing := [name for name in ("mosquitto", "faketime") if not shutil.which(name, path=places)]:
        print(f"missing Debian packages: {', '.join(missing)}; scripts/test installs them", file=sys.stderr)
        return 1
    if "--only-seed" in arguments:
        return rounds.main(arguments)
    parser = argparse.ArgumentParser(prog="scripts/bench torture")
    parser.add_argument("--minutes", type=float, default=20, help="of the whole road's rounds")
    parser.add_argument("--rounds", type=int, default=10**6, help="no more of them than so many")
    parser.add_argument("--theme", choices=list(faults.THEMES), help="of all rounds; each seed has its own without it")
    parser.add_argument("--kitchens", type=int, default=2, help="rounds side by side")
    parser.add_argument("--seconds", type=float, default=rounds.ROUND_S, help="of faults in a round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=10_000, help="kill -9 of a process that writes a spool")
    parser.add_argument("--cuts", type=int, default=10_000, help="power cuts of a spool")
    parser.add_argument("--cases", type=int, default=2_000, help="damaged spools")
    parser.add_argument("--store-cuts", type=int, default=5_000, help="power cuts of the server's store")
    parser.add_argument("--gateways", type=int, default=100, help="in the storm")
    parser.add_argument("--backlog", type=int, default=5_000, help="rows of each gateway in the storm")
    parser.add_argument("--parts", default="rounds,kills,cuts,damage,store,upgrades,storm")
    parser.add_argument("--report", type=Path, default=Path("torture.json"))
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)  # the programs' complaints about what is done to them
    runs, wanted = parts(options), options.parts.split(",")
    if unknown := [name for name in wanted if name not in ("rounds", *runs)]:
        parser.error(f"unknown: {', '.join(unknown)}; there are rounds, {', '.join(runs)}")
    report = read_report(options.report)
    report.machine, report.ended = machine(), ""
    for name in wanted:
        if name == "rounds":
            report.rounds = []
            for result in rounds.run(
                seed=options.seed, minutes=options.minutes, most=options.rounds, kitchens=options.kitchens,
                seconds=options.seconds, theme=options.theme,
            ):  # fmt: skip
                rounds.tell(result)
                report.rounds.append(result)
                write_report(options.report, report)
        else:
            report.parts[name] = one_part(name, runs[name], options.seed)
        report.ended = datetime.now(UTC).isoformat(timespec="minutes")
        write_report(options.report, report)
    broken = [name for name in wanted if name != "rounds" and report.parts[name].trouble]
    bad = [str(result.seed) for result in report.rounds if result.trouble] if "rounds" in wanted else []
    print(
        f"report: {options.report}; {f'BROKEN: {broken} rounds {bad}' if broken or bad else 'every promise was kept'}"
    )
    return int(bool(broken or bad))


def one_part(name: str, run: Callable[[], object], seed: int) -> Part:
    """Run one part; its counts or its trouble."""
    began, counts, trouble = time.monotonic(), {}, ""
    try:
        found: Any = run()
        figures = msgspec.to_builtins(found)  # of a dataclass or a struct
        counts = {
            name: value for name, value in figures.items() if isinstance(value, int | float) and name != "seconds"
        }
    except BrokenPromiseError as error:
        trouble = str(error)
    part = Part(seed=seed, seconds=round(time.monotonic() - began, 1), counts=counts, trouble=trouble)
    print(f"  {name}: {trouble or counts} in {part.seconds:.0f} s", flush=True)
    return part


def machine() -> str:
    """What it ran on."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
