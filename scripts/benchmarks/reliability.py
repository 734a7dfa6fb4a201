"""Writes ``docs/reliability.md`` from the reports of the torture run and of the comparison with peers.

    scripts/bench torture --report docs/reliability/torture.json
    .envs/dev/bin/python scripts/benchmarks/reliability.py

The comparison is a report of its own (``docs/reliability/peers.json``) with a module of its own that words it,
``peers.section`` (``section(report) -> Markdown``); without them the page says that they are missing. No figure is
written by hand.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from tests.torture.report import Part, Report, Round, read_report

DOCS = Path(__file__).resolve().parents[2] / "docs"
TORTURE, PEERS, PAGE = DOCS / "reliability/torture.json", DOCS / "reliability/peers.json", DOCS / "reliability.md"

HEAD = """# Reliability

This page is written by `scripts/benchmarks/reliability.py` from the reports of runs; no figure is typed by hand. Repeat
it: `scripts/bench torture --report docs/reliability/torture.json`, then the script. A single round:
`scripts/bench torture --only-seed N --theme NAME` (the seed decides what is done and in which order; the instant of a
kill is the machine's).

*Accepted* means committed with FULL sync in the gateway's spool. What is in memory when power goes was not accepted: at
most the last 250 ms and the card's own sync time. Every promise below is about accepted rows.
"""
ROAD = """
Real gateway, mosquitto, server and SQLite store; eight probes that change ten times a second. Each round tortures one
kitchen, then everything has to arrive and is compared with what the gateway accepted: every row once, byte for byte, in
order per sensor; each value at a time when its probe showed it, within the stated error and 0.5 s; the journal proves
itself; what is derived from it again is what the tables hold; incidents are those of a server that never had a fault.
"""
LIMITS = """
- A simulated cut keeps sectors of 512 bytes whole; a card that lies about syncs, or tears sectors, is not in the model.
- Times are judged where the gateway knew the time or came to know it. {unknown:,} of {readings:,} readings came from
  boots that ended before any answer told them; the record marks them as guesses. Where the server's own clock was set
  wrong (*clocks*), times are not judged.
- Waits that only cost a run its time (backoff, keepalive, answer timeout) are shorter than in a kitchen.
- An alert may go out twice when the server is killed between sending it and writing that down; its row and its incident
  are one.
"""
THEMES = {
    "kills": "`kill -9` of gateway, broker and server, alone and together",
    "network": "delay, drip, half-open, reset, cut, PUBACKs lost and doubled; programs that stand still",
    "broker": "broker wiped, client ids taken over, poison messages",
    "disks": "disk full (told by SQLite), slow, failing once, store locked",
    "full": "small disks really full, and freed",
    "down": "store down for minutes",
    "reboots": "boots without clock, wall clock jumps of the gateway",
    "clocks": "wall clock jumps of the server and the gateway, reboots",
    "all": "all of them but the server's clock, at once",
}
PARTS = {
    "kills": ("`kill -9` of a process that writes a spool, half at named steps", "kills", "accepted"),
    "cuts": ("power cuts of a spool, torn and reordered", "cuts", "accepted"),
    "damage": ("damaged spool files: all start, none invents a row", "cases", "rows"),
    "store": ("power cuts and disk errors of the server's store", "cuts", "answered_rows"),
    "upgrades": ("crashes while the store's schema is brought up to date", "kills", ""),
    "storm": ("gateways that come back at once, each with a backlog", "gateways", "rows"),
}


def page(report: Report, peers: str) -> str:
    """The whole page."""
    return "\n".join([HEAD, *_survived(report), "## Beside its peers", "", peers.strip(), ""])


def _survived(report: Report) -> list[str]:
    hours = (sum(row.seconds for row in report.rounds) + sum(part.seconds for part in report.parts.values())) / 3600
    kills = sum(row.kills for row in report.rounds) + sum(
        int(part.counts.get("kills", 0)) for part in report.parts.values()
    )
    cuts = sum(int(part.counts.get("cuts", 0)) for part in report.parts.values())
    broken = [row for row in report.rounds if row.trouble]
    troubled = {name: part for name, part in report.parts.items() if part.trouble}
    unknown, readings = (sum(getattr(row, name) for row in report.rounds) for name in ("time_unknown", "readings"))
    head = ("rounds of", "rounds", "kills", "rows", "incidents", "lost", "doubled", "altered, invented",
            "out of order", "mis-timed", "verdict", "seeds")  # fmt: skip
    themes = {name: [row for row in report.rounds if row.theme == name] for name in THEMES}
    return [
        "## What Pawon survived", "",
        f"{kills:,} kills and {cuts:,} power cuts in {hours:.1f} hours of runs, ended {report.ended}, on a machine "
        f"with {report.machine}: {_word(not broken and not troubled)}.", "",
        "### The whole road", ROAD,
        *_table(head, [_theme(name, rows) for name, rows in themes.items() if rows]), "",
        *[f"- **Broken**: seed {row.seed} ({row.theme}): {_first(row.trouble[0])}" for row in broken],
        *([""] if broken else []),
        "What was done, and how often (`A | B`: the program killed itself between A and B):", "",
        *_faults(report.rounds), "",
        "### Its parts alone", "",
        *_table(("run", "times", "rows", "verdict", "seed", "minutes", "more"),
                [_part(name, part) for name, part in report.parts.items() if name in PARTS]), "",
        *[f"- **Broken**: {name}: {_first(part.trouble)}" for name, part in troubled.items()],
        *([""] if troubled else []),
        "### What this does not show", LIMITS.format(unknown=unknown, readings=readings),
    ]  # fmt: skip


def _theme(name: str, rows: Sequence[Round]) -> list[str]:
    def total(*fields: str) -> str:
        return f"{sum(getattr(row, field) for row in rows for field in fields):,}"

    timed = "not judged" if name == "clocks" else total("mis_timed")
    return [
        f"**{name}**: {THEMES[name]}", str(len(rows)), total("kills"), total("rows"), total("incidents"), total("lost"),
        total("doubled"), total("altered", "invented"), total("out_of_order"), timed,
        _word(not any(row.trouble for row in rows)), _seeds(row.seed for row in rows),
    ]  # fmt: skip


def _faults(rows: Iterable[Round]) -> list[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.faults)
    return _table(("fault", "times"), [[name, f"{count:,}"] for name, count in sorted(counts.items())])


def _part(name: str, part: Part) -> list[str]:
    what, times, rows = PARTS[name]
    rest = ", ".join(
        f"{key.replace('_', ' ')} {value:,.0f}" for key, value in part.counts.items() if key not in (times, rows)
    )
    return [
        what, f"{part.counts.get(times, 0):,}", f"{part.counts[rows]:,}" if rows in part.counts else "",
        _word(not part.trouble), str(part.seed), f"{part.seconds / 60:.0f}", rest,
    ]  # fmt: skip


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = (head, ["---"] * len(head), *rows)
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines]


def _seeds(seeds: Iterable[int]) -> str:
    """``1, 9, 17`` or, of many, ``1 ... 97``."""
    ordered = sorted(seeds)
    return ", ".join(map(str, ordered)) if len(ordered) <= 3 else f"{ordered[0]} ... {ordered[-1]}"


def _word(good: bool) -> str:
    return "every promise kept" if good else "**a promise was broken**"


def _first(text: str) -> str:
    return text.splitlines()[0][:200]


def peers_section() -> str:
    """The other report, worded by its own module."""
    if not PEERS.exists():
        return "Not measured yet: `docs/reliability/peers.json` is missing."
    return str(importlib.import_module("peers.section").section(json.loads(PEERS.read_text())))


def main() -> None:
    """Entry point."""
    PAGE.write_text(page(read_report(TORTURE), peers_section()))


if __name__ == "__main__":
    main()
