"""Rows lost of those that a contender had acknowledged: kill -9 at seeded instants, and power cuts of the edge's card.

Every contender of one run gets the same rounds: the same faults, rates and instants, from the same seed. What a
contender had not acknowledged yet does not count as lost; how much that was is told beside it. A row that comes late
is not lost: the last settling of a run waits for the slowest repeat of all contenders.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from . import card
from .roads import EDGES, STORES, Road
from .rows import check

FAULTS = {
    "edge": "kill -9 of the edge, link up",
    "edge-offline": "kill -9 of the edge while the central broker is away",
    "broker": "kill -9 of the central broker",
    "power": "power cut of the edge's card while the central broker is away",
}
STORE_FAULT = "store"
STORE_FAULT_SAYS = "kill -9 of the store, rows already acknowledged by the broker"
RATES = (40.0, 400.0)
SHORTEST_S, LONGEST_S = 0.3, 2.0
# A round is settled when everything accepted is stored, or nothing has come for so long.
QUIET_S = 2.0
# Pawon's uplink asks again after 10 s without an answer; nobody else needs longer.
LAST_QUIET_S = 13.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What is done to every contender."""

    fault: str
    rate: float
    instant_s: float


def rounds_of(seed: int, count: int, faults: tuple[str, ...]) -> list[Round]:
    """The seed's rounds: faults and rates in turn, instants by chance."""
    chance = random.Random(seed)
    turns = [(faults[n % len(faults)], RATES[(n + n // len(faults) + seed) % len(RATES)]) for n in range(count)]
    return [Round(fault=fault, rate=rate, instant_s=chance.uniform(SHORTEST_S, LONGEST_S)) for fault, rate in turns]


def run(*, rounds: int, runs: int, seed: int, only: str = "") -> dict[str, object]:
    """``runs`` runs of ``rounds`` rounds each; the report."""
    edge_faults = tuple(fault for fault in FAULTS if fault != "power" or card.possible())
    if "power" not in edge_faults:
        print("  no power cuts: mounting an image needs root", flush=True)
    told: dict[str, list[dict[str, object]]] = {}
    for number in range(runs):
        for group, faults, count in ((EDGES, edge_faults, rounds), (STORES, (STORE_FAULT,), max(2, rounds // 2))):
            plan = rounds_of(seed + number, count, faults)
            for kind in group:
                if only.lower() not in kind.name.lower():
                    continue
                found = one_run(kind, plan)
                told.setdefault(kind.name, []).append({"seed": seed + number, **found})
                print(f"  {kind.name:<44} seed {seed + number}: {short(found)}", flush=True)
    return {
        "rounds_a_run": rounds,
        "rates": RATES,
        "faults": {**FAULTS, STORE_FAULT: STORE_FAULT_SAYS},
        **combine(told),
    }


def combine(told: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    """Runs by contender, of one measurement or of several with seeds of their own: the report's contenders."""
    settings = {kind.name: list(kind.settings) for kind in (*EDGES, *STORES)}
    return {
        "contenders": {
            name: {"settings": settings[name], "runs": found, **summary(found)} for name, found in told.items()
        }
    }


def short(found: dict[str, object]) -> str:
    """One run in one line."""
    return (
        f"{found['accepted']} accepted, {found['lost']} lost {found['lost_by_fault']}, {found['doubled']} doubled, "
        f"{found['disordered']} out of order, {found['unacknowledged']} never acknowledged"
    )


def one_run(kind: type[Road], plan: list[Round]) -> dict[str, object]:
    """One contender through a seed's rounds."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pawon-peers-") as name:
        road = kind(Path(name) / "road")
        fault_of: dict[int, str] = {}
        accepted_by: Counter[str] = Counter()
        try:
            road.start()
            for step in plan:
                play(road, step)
                settle(road, QUIET_S)
                for row in road.told().accepted:
                    if row.at_ms not in fault_of:
                        fault_of[row.at_ms] = step.fault
                        accepted_by[step.fault] += 1
            settle(road, LAST_QUIET_S)
            stored, told, cpu_s = road.stored(), road.told(), road.cpu_s()
        finally:
            road.end()
        kept = {row.at_ms for row in stored}
        lost_by = Counter(fault_of.get(row.at_ms, "?") for row in told.accepted if row.at_ms not in kept)
        return {
            **asdict(check(told, stored)), "lost_by_fault": dict(lost_by), "accepted_by_fault": dict(accepted_by),
            "cpu_s": {name: round(value, 2) for name, value in cpu_s.items()},
            "wall_s": round(time.monotonic() - began),
        }  # fmt: skip


def play(road: Road, step: Round) -> None:
    """One round; afterwards everything runs again and nothing is fed."""
    if step.fault in ("edge-offline", "power"):
        road.broker.end()
    road.feeder.tell(f"feed {step.rate}")
    time.sleep(step.instant_s)
    if step.fault in ("edge", "edge-offline"):
        road.edge.kill()
    elif step.fault == "broker":
        road.broker.kill()
        time.sleep(step.instant_s / 3)
    elif step.fault == "store":
        road.store.kill()
    else:
        road.edge.stand_still()
        picture = road.card.cut()
        road.edge.kill()
        road.card.restore(picture)
    if road.feeder.runs:
        road.feeder.tell("hold")
    for program in road.programs:
        if not program.runs:
            program.start()


def settle(road: Road, quiet_s: float) -> None:
    """Wait until everything accepted is stored, or nothing more comes."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < quiet_s:
        kept = {row.at_ms for row in road.stored()}
        accepted = {row.at_ms for row in road.told().accepted}
        if accepted <= kept:
            return
        if len(kept) != count:
            count, since = len(kept), time.monotonic()
        time.sleep(0.1)


def summary(found: list[dict[str, object]]) -> dict[str, object]:
    """Over all runs; the share lost as the median of the runs and its spread."""
    total = {
        name: sum(int(one[name]) for one in found)  # type: ignore[call-overload]  # counts
        for name in ("offered", "accepted", "lost", "doubled", "disordered", "altered", "invented", "unacknowledged")
    }
    shares = [100 * int(one["lost"]) / max(1, int(one["accepted"])) for one in found]  # type: ignore[call-overload]
    by = {name: Counter[str]() for name in ("lost_by_fault", "accepted_by_fault")}
    for one in found:
        for name, counter in by.items():
            counter.update(one[name])  # type: ignore[arg-type]  # a table of counts
    return {
        "total": total, "lost_percent": {"median": statistics.median(shares), "low": min(shares), "high": max(shares)},
        **{name: dict(counter) for name, counter in by.items()},
        "cpu_s": statistics.median(sum(one["cpu_s"].values()) for one in found),  # type: ignore[attr-defined]
        "wall_s": statistics.median(one["wall_s"] for one in found),  # type: ignore[type-var]
    }  # fmt: skip
