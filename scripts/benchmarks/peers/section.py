"""A report of ``scripts/bench peers|ingest-road|drain|edge --report FILE`` as the section of a page.

    python scripts/benchmarks/peers/section.py docs/reliability/peers.json

It stands in docs/reliability.md, which ``reliability.py`` writes.

Only what the report holds is said, the contenders in its order; nobody is left out for losing or for winning.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Part = dict[str, Any]
STORE = "store"
EDGE_FAULTS = {
    "edge": "edge killed",
    "edge-offline": "edge killed, offline",
    "broker": "central broker killed",
    "power": "power cut, offline",
}


def section(report: Part) -> str:
    """The whole section, below a heading of the second level."""
    parts = [
        "Worded by `scripts/benchmarks/peers/section.py` from `docs/reliability/peers.json`; each part names the "
        "command that measured it.", "",
    ]  # fmt: skip
    for name, write in (("peers", _loss), ("ingest-road", _ingest), ("drain", _drain), ("edge", _edge)):
        if name in report:
            parts += [*write(report[name]), ""]
    return "\n".join(parts).rstrip() + "\n"


def _about(part: Part) -> str:
    about = part["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    busy = (
        f" The machine was busy with other work (load {about['load_at_start']} when it began): wall times are worse "
        "than they could be, for everybody alike."
    )
    return (
        f"{about['date']}, {about['cores']} cores ({about['machine']}), Python {about['python']}, SQLite "
        f"{about['sqlite']}; {versions}.{busy if about['load_at_start'] > about['cores'] else ''}"
    )


def _loss(part: Part) -> list[str]:
    contenders = part["contenders"]
    edges = {name: found for name, found in contenders.items() if STORE not in found["accepted_by_fault"]}
    stores = {name: found for name, found in contenders.items() if STORE in found["accepted_by_fault"]}
    faults = [name for name in EDGE_FAULTS if any(name in found["accepted_by_fault"] for found in edges.values())]
    runs = max(len(found["runs"]) for found in contenders.values())
    seeds = sorted({one["seed"] for found in contenders.values() for one in found["runs"]})
    return [
        "### Rows lost of those acknowledged", "",
        f"`scripts/bench peers --runs {runs} --rounds {part['rounds_a_run']} --seed {seeds[0]}`. {_about(part)}", "",
        f"Every contender gets the same rounds: the same faults at the same seeded instants, {_rates(part)} readings a "
        "second, the same payload bytes, QoS 1. A row counts from the moment at which the contender's own interface "
        "acknowledged it; *never acknowledged* rows are no loss, they are the price of acknowledging late (Pawon: "
        "every 250 ms). A power cut is a copy of the edge's ext4 image, mounted again: what was not synced is gone. "
        "Doubled rows are no fault of a road that ends in a file: QoS 1 allows them, and only Pawon knows them.",
        "",
        "| edge | accepted | " + " | ".join(f"lost: {EDGE_FAULTS[name]}" for name in faults)
        + " | lost of a run, median (spread) | doubled | out of order | never acknowledged | CPU-s a run |",
        "|---" * (len(faults) + 7) + "|",
        *(_row(name, found, faults) for name, found in edges.items()), "",
        "Behind the edge, the store is killed; what the broker acknowledged counts. Rounds last 0.3 to 2 s, so the "
        "share tells how far a store lags behind what it took over, not what it loses in a day: Home Assistant commits "
        "every 5 s, and at 400 a second those that sync each row fall behind:", "",
        "| store | accepted | lost: store killed | lost of a run, median (spread) | doubled | out of order "
        "| never acknowledged | CPU-s a run |",
        "|---" * 8 + "|",
        *(_row(name, found, [STORE]) for name, found in stores.items()), "",
        "Settings that are not defaults:", "",
        *(f"- {name}: {'; '.join(found['settings'])}" for name, found in contenders.items()),
    ]  # fmt: skip


def _rates(part: Part) -> str:
    return " and ".join(f"{rate:g}" for rate in part["rates"])


def _row(name: str, found: Part, faults: list[str]) -> str:
    total, share = found["total"], found["lost_percent"]
    lost = [f"{found['lost_by_fault'].get(fault, 0)} of {found['accepted_by_fault'].get(fault, 0)}" for fault in faults]
    cells = [
        name, str(total["accepted"]), *lost, f"{share['median']:.2g} % ({share['low']:.2g} to {share['high']:.2g})",
        str(total["doubled"]), str(total["disordered"]), str(total["unacknowledged"]), f"{found['cpu_s']:.1f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _ingest(part: Part) -> list[str]:
    sizes = list(part["readings_a_run"])
    lines = [
        "### What a reading costs the store", "",
        f"`scripts/bench ingest-road --runs {part['runs']}`. {_about(part)}", "",
        "A publisher, a real mosquitto, the real server process: readings for each CPU-second of that process (all its "
        f"threads, without broker and publisher), median and spread of {part['runs']} runs. What they do for it "
        f"differs. Readings a run: {', '.join(f'{count:,}' for count in part['readings_a_run'].values())}.", "",
        *(f"- {name}: {found['does']}; messages on their way: {_windows(found)}{_share(found)}"
          for name, found in part["contenders"].items()), "",
        "| store | " + " | ".join(f"{size} a message" for size in sizes) + " |", "|---" * (len(sizes) + 1) + "|",
    ]  # fmt: skip
    for name, found in part["contenders"].items():
        cells = [
            f"{found[size]['readings_per_cpu_s']:,} ({found[size]['low']:,} to {found[size]['high']:,})"
            for size in sizes
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _windows(found: Part) -> str:
    return " / ".join(f"{window}" for window in dict.fromkeys(found["window_messages"].values()))


def _share(found: Part) -> str:
    return "" if found["share"] == 1 else f"; 1/{found['share']} of the readings, for its commits take long"


def _drain(part: Part) -> list[str]:
    cpu = ", ".join(f"{name} {value} s" for name, value in part["cpu_s"].items())
    memory = ", ".join(f"{name} {value} MB" for name, value in part["highest_rss_mb"].items())
    live = part.get("live_ms")
    shown = "too few values"
    if live is not None:
        shown = f"p50 {live['p50']} ms, p99 {live['p99']} ms, longest {live['most']} ms of {part['live_values']}"
    return [
        "### A backlog drains", "",
        f"`scripts/bench drain --hours {part['backlog_hours']:g}`. {_about(part)}", "",
        "| what | figure |", "|---|---|",
        f"| backlog | {part['backlog_rows']:,} rows ({part['backlog_hours']:g} h at {part['rate']}/s), a spool of "
        f"{part['spool_mb']} MB |",
        f"| stored at the end | {part['stored_rows']:,} of {part['backlog_rows']:,} |",
        f"| opening the spool, every row checked | {part['opened_s']} s wall, {part['opened_cpu_s']} CPU-s |",
        f"| drained | {part['drained_wall_s']} s wall, {part['rows_per_s']:,} rows/s |",
        f"| CPU | {cpu} |", f"| highest memory | {memory} |",
        f"| a scale's new value at a display meanwhile | {shown} |",
        f"| settings | {'; '.join(part['settings'])} |",
    ]  # fmt: skip


def _edge(part: Part) -> list[str]:
    def cuts(name: str) -> str:
        found = part[name]
        return f"p50 {found['p50']} ms, p90 {found['p90']} ms, p99 {found['p99']} ms, longest {found['most']} ms"

    return [
        "### The edge at 40 readings a second", "",
        f"`scripts/bench edge --seconds {part['seconds']:.0f}`: 20 probes on three boards and 6 scales, on ptys, into "
        f"the real gateway with a real mosquitto and server. {_about(part)}", "",
        "| what | figure |", "|---|---|",
        f"| accepted | {part['rows_per_s']} rows/s in {part['commits']} commits |",
        f"| CPU | {part['cpu_percent_of_a_core']} % of a core |",
        f"| memory | {part['rss_mb']} MB resident, {part['rss_own_mb']} MB of it its own |",
        f"| written to the disk (`/proc/PID/io`) | {part['written_mb_a_day']:,} MB a day at this rate |",
        f"| a commit, sync included | {cuts('commit_ms')} |",
        f"| **the window**: from measurement until accepted | {cuts('window_ms')} |",
    ]  # fmt: skip


if __name__ == "__main__":
    print("# Pawon beside its peers\n\n" + section(json.loads(Path(sys.argv[1]).read_text())), end="")
