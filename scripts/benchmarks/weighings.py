"""The weighing detector beside its peers on scale signals whose truth is known: what is found, what is invented.

    scripts/bench weighings [--seeds A..B] [--weeks N] [--only CLASS] [--report FILE.md] [--quick]

Seeds from 10,000 on are kept for the score: no threshold of any detector was ever chosen by looking at them. Tuning
uses 0 to 999 (``--tune`` does, for the peers), and ``--seeds`` with those gives figures that are no score.

A telling belongs to the movement whose time it overlaps (6 s on either side; a detector may prove a plateau late). A
movement is *found* if the sum of what was told of it is right within its threshold. A telling that belongs to none is a
*false movement*. Of our detector the kinds in, out and refill count; `restart` is a proposal, and right where nobody
saw a load change. Only movements within the bar (see ``scenarios/truth.py``) are asked for; others may be told or not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from pawon_contract.messages import Weighing
from pawon_edge.weighing import WeighingDetector
from pawon_firmware_bridge.scenarios.classes import CLASSES
from pawon_firmware_bridge.scenarios.signals import Signal, make
from pawon_firmware_bridge.scenarios.truth import Movement

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("PageHinkley", "Window", "KernelCPD")
ORACLES = ("Window", "KernelCPD")
OURS = "Pawon"

SCORE_SEEDS = range(10_000, 10_020)
QUICK_SEEDS = range(10_000, 10_003)
TUNING_SEEDS = range(3)
WEEKS = 4
WEEK_HOURS = 168.0
EXCERPT_HOURS = 0.5  # what the oracles get of longer signals, for they need the whole of it
NEAR_S = 6.0
LONGEST_DARK_S = 150.0  # a power cut of the signals, and a plateau
COUNTED = frozenset({"in", "out", "refill"})
SILENT_MS = 5_000  # a gateway's default `fault_after_s`
CHUNK = 5_000
RECALL, COST_US = 0.99, 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One telling of a detector; seconds of the signal."""

    kind: str
    told_s: float
    start_s: float
    end_s: float
    net_g: float


@dataclass(slots=True, kw_only=True)
class Score:
    """Of one detector on one class, over all seeds. `excess`: mass errors as shares of what the bar allows each."""

    asked: int = 0
    found: int = 0
    false: int = 0
    unseen: int = 0
    proposed: int = 0
    false_proposals: int = 0
    days: float = 0.0
    cpu_s: float = 0.0
    samples: int = 0
    errors_g: dict[tuple[int, int], float] = field(default_factory=dict)
    excess: list[float] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def recall(self) -> float:
        return self.found / self.asked if self.asked else 1.0

    @property
    def false_a_day(self) -> float:
        return self.false / self.days

    @property
    def error_g(self) -> float | None:
        return statistics.fmean(self.errors_g.values()) if self.errors_g else None

    @property
    def mean_excess(self) -> float | None:
        return statistics.fmean(self.excess) if self.excess else None

    @property
    def delay_s(self) -> float | None:
        return statistics.fmean(self.delays_s) if self.delays_s else None

    @property
    def us_a_sample(self) -> float:
        return self.cpu_s / max(1, self.samples) * 1e6

    def add(self, signal: Signal, told: list[Told], cpu_s: float, samples: int) -> None:
        """Count one signal in."""
        self.days += signal.length_s / 86_400
        self.cpu_s += cpu_s
        self.samples += samples
        movements = list(signal.movements())
        of: dict[int, list[Told]] = {}
        for one in told:
            self.kinds[one.kind] = self.kinds.get(one.kind, 0) + 1
            if one.kind not in COUNTED and one.kind != "restart":
                continue
            at = _movement_of(one, movements)
            if one.kind == "restart":
                right = _changed_unseen(one, movements)
                self.proposed += right
                self.false_proposals += not right
            elif at is None:
                self.false += 1
            else:
                of.setdefault(at, []).append(one)
        bar = signal.scale.bar(signal.background)
        # Of a plateau of 3 s; two of them make a difference.
        allowed_g = max(signal.scale.division_g, 3 * bar.mean_noise_g * (2 / 3) ** 0.5)
        for at, movement in enumerate(movements):
            self.unseen += not movement.seen
            if not movement.in_bar:
                continue
            self.asked += 1
            rows = of.get(at, [])
            error_g = abs(sum(row.net_g for row in rows) - movement.net_g)
            if rows and error_g <= movement.threshold_g:
                self.found += 1
                self.errors_g[signal.seed, at] = error_g
                self.excess.append(error_g / allowed_g)
                self.delays_s.append(max(row.told_s for row in rows) - movement.end_s)


def _movement_of(told: Told, movements: list[Movement]) -> int | None:
    """The movement that a telling overlaps, the one whose mass is nearest if there are several.

    What was put on while other things were taken off may be told in parts of either sign; nothing else may.
    """
    near = [
        (abs(told.net_g - one.net_g), at)
        for at, one in enumerate(movements)
        if told.start_s <= one.end_s + NEAR_S
        and told.end_s >= one.start_s - NEAR_S
        and (told.net_g * one.net_g > 0 or one.steps > 1)
    ]
    return min(near)[1] if near else None


def _changed_unseen(told: Told, movements: list[Movement]) -> bool:
    """Whether a proposal is right: the load did change so before it, and nobody saw it."""
    return any(
        not one.seen
        and one.start_s < told.end_s < one.end_s + LONGEST_DARK_S
        and abs(told.net_g - one.net_g) <= one.threshold_g
        for one in movements
    )


def ours(signal: Signal) -> tuple[list[Told], float, int]:
    """Our detector, called as the gateway and ``pawon-edge weighings`` do: an answer without a number is fed as one, a
    silence ends what was seen after a gateway's usual time, the end tells what is certain. CPU of that loop alone."""
    detector = WeighingDetector(sensor="scale", division_g=signal.scale.division_g)
    take, told = detector.take, list[Told]()
    cpu_s, count, last_ms = 0.0, 0, None
    samples = signal.samples()
    while chunk := list(islice(samples, CHUNK)):
        began = time.process_time()
        for time_s, mass_g, load in chunk:
            at_ms = round(time_s * 1000)
            if last_ms is not None and at_ms - last_ms > SILENT_MS:
                told += _told(detector.lose_sight(), last_ms + SILENT_MS)
            last_ms = at_ms
            rows = take(at_ms, mass_g, load=load)
            if rows:
                told += _told(rows, at_ms)
        cpu_s += time.process_time() - began
        count += len(chunk)
    return told + _told(detector.finish(), round(signal.length_s * 1000)), cpu_s, count


def _told(rows: Iterable[Weighing], at_ms: int) -> list[Told]:
    return [
        Told(
            kind=row.kind, told_s=at_ms / 1000, start_s=row.start_ms / 1000, end_s=row.end_ms / 1000,
            net_g=row.after_g - row.before_g,
        )
        for row in rows
    ]  # fmt: skip


class Peers:
    """The peers' program; answers tasks in their order."""

    def __init__(self) -> None:
        python = ROOT / ".envs/peers-signals/bin/python"
        self._program = subprocess.Popen(
            [python, Path(__file__).with_name("weighing_peers.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def ask(self, method: str, signal: Signal, hours: float, tuned: dict[str, float] | None = None) -> None:
        """Give a task; the program works at it while we do ours."""
        assert self._program.stdin is not None
        task = {"method": method, "class": signal.row.name, "seed": signal.seed, "hours": hours, "tuned": tuned}
        self._program.stdin.write(json.dumps(task) + "\n")
        self._program.stdin.flush()

    def hear(self) -> tuple[list[Told], float, int]:
        """What was told of the first task that is not answered yet."""
        assert self._program.stdout is not None
        answer = json.loads(self._program.stdout.readline())
        return [Told(**row) for row in answer["told"]], answer["cpu_s"], answer["samples"]

    def end(self) -> None:
        """No more tasks."""
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait(60)


@dataclass(slots=True, kw_only=True)
class Row:
    """One class: whole signals by our detector and PageHinkley, excerpts by ours and the oracles."""

    name: str
    whole: dict[str, Score]
    excerpts: dict[str, Score]


def of_class(name: str, seeds: Iterable[int], peers: Peers) -> Row:
    """Everybody's scores on one class."""
    long = CLASSES[name].length_s > EXCERPT_HOURS * 3600
    row = Row(
        name=name,
        whole={OURS: Score(), "PageHinkley": Score()},
        excerpts={contender: Score() for contender in (OURS, *ORACLES)},
    )
    for seed in seeds:
        signal = make(name, seed)
        excerpt = make(name, seed, hours=EXCERPT_HOURS) if long else signal
        peers.ask("PageHinkley", signal, signal.length_s / 3600)
        for method in ORACLES:
            peers.ask(method, excerpt, excerpt.length_s / 3600)
        row.whole[OURS].add(signal, *ours(signal))
        if long:
            row.excerpts[OURS].add(excerpt, *ours(excerpt))
        row.whole["PageHinkley"].add(signal, *peers.hear())
        for method in ORACLES:
            row.excerpts[method].add(excerpt, *peers.hear())
    if not long:
        row.excerpts[OURS] = row.whole[OURS]
    return row


def of_weeks(name: str, seeds: Iterable[int], hours: float, peers: Peers) -> dict[str, Score]:
    """Whole weeks, streaming; the peer gets a day of each, for its medians cost five times as much."""
    scores = {OURS: Score(), "PageHinkley": Score()}
    for seed in seeds:
        signal, day = make(name, seed, hours=hours), make(name, seed, hours=24.0)
        peers.ask("PageHinkley", day, 24.0)
        scores[OURS].add(signal, *ours(signal))
        scores["PageHinkley"].add(day, *peers.hear())
    return scores


def page(rows: list[Row], weeks: dict[str, dict[str, Score]], options: argparse.Namespace) -> Iterator[str]:
    """The report, in Markdown. Losing figures stand like the others."""
    seeds = f"{options.seeds.start}..{options.seeds.stop - 1}"
    yield from (
        "# Weighings: what is found, and what is invented", "",
        f"`scripts/bench weighings --seeds {seeds} --weeks {options.weeks}{' --quick' * options.quick}`, "
        f"{datetime.now(UTC):%Y-%m-%d}, "
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}. "
        + ("Seeds from 10,000 on were never used to tune." if options.seeds.start >= 10_000 else
           "**Tuning seeds: these figures are no score.**"),
        "",
        "Signals and truth: `pawon-bridge signals`; the rules of counting: `scripts/benchmarks/weighings.py`; the "
        "peers' tuning: `scripts/benchmarks/weighing_peers.py`. Bars, for movements that must be found: recall 99 %, "
        "mean mass error at most one division or three standard errors of the plateaus (given as share: 1.0 is the "
        "bar), 20 us a sample, less than one false movement in a scale-week.", "",
        *_bars(rows, weeks), "",
        "## By class", "",
        "| class | movements | recall | false a day | mass error g (share of bar) | told after s | us a sample | "
        "PageHinkley: recall, false a day, error g, after s | missed |",
        "|---" * 9 + "|",
    )  # fmt: skip
    for row in rows:
        yield _class_line(row)
    yield from (
        "", "`restart` rows are proposals; where nobody saw a load change they are right:", "",
        "| class | changes nobody saw | proposed | proposals without one | all rows by kind |", "|---" * 5 + "|",
    )  # fmt: skip
    for row in rows:
        score = row.whole[OURS]
        if score.unseen or score.proposed or score.false_proposals or {*score.kinds} - {"in", "out", "first"}:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(score.kinds.items()))
            yield f"| {row.name} | {score.unseen} | {score.proposed} | {score.false_proposals} | {kinds} |"
    yield from (
        "", "## Beside an oracle that sees the whole signal", "",
        f"Excerpts of at most {EXCERPT_HOURS:g} h of the same seeds. The oracles know what comes later and are told "
        "the noise. Each: recall, false movements, mass error in g; in brackets ours and theirs where both found.", "",
        "| class | movements | Pawon | Window | KernelCPD | worse than an oracle in |",
        "|---" * 6 + "|",
    )  # fmt: skip
    for row in rows:
        cells = " | ".join(
            f"{score.recall:.1%}, {score.false}, {_number(score.error_g)}{_beside(row.excerpts[OURS], score)}"
            for score in row.excerpts.values()
        )
        yield f"| {row.name} | {row.excerpts[OURS].asked} | {cells} | {', '.join(_worse(row)) or '-'} |"
    yield from (
        "", "## The week", "",
        "| signal | weeks | movements | detector | recall | false movements a scale-week |", "|---" * 6 + "|",
    )  # fmt: skip
    for name, scores in weeks.items():
        for contender, score in scores.items():
            recall = f"{score.recall:.2%}" if score.asked else "-"
            missed = " **missed**" if contender == OURS and score.false_a_day * 7 >= 1 else ""
            yield (
                f"| {name} ({CLASSES[name].title}) | {score.days / 7:.2g} | {score.asked} | {contender} | {recall} | "
                f"{score.false_a_day * 7:.2f}{missed} |"
            )


def _bars(rows: list[Row], weeks: dict[str, dict[str, Score]]) -> Iterator[str]:
    """Which bar is met and which is missed, and where."""
    mine = {row.name: row.whole[OURS] for row in rows}
    checks = {
        "recall of 99 %": [name for name, score in mine.items() if score.recall < RECALL],
        "mass error": [name for name, score in mine.items() if (score.mean_excess or 0.0) > 1.0],
        "20 us a sample": [name for name, score in mine.items() if score.us_a_sample > COST_US],
        "no false movement in the classes": [name for name, score in mine.items() if score.false],
        "less than one false movement in a scale-week": [
            f"{name} ({_number(scores[OURS].false_a_day * 7)})"
            for name, scores in weeks.items()
            if scores[OURS].false_a_day * 7 >= 1
        ],
        "no worse than the oracles": [f"{row.name} ({', '.join(worse)})" for row in rows if (worse := _worse(row))],
    }
    if not weeks:
        del checks["less than one false movement in a scale-week"]
    for bar, missing in checks.items():
        yield f"- {bar}: {'met' if not missing else '**missed** in ' + ', '.join(missing)}"


def _class_line(row: Row) -> str:
    score, peer = row.whole[OURS], row.whole["PageHinkley"]
    missed = [
        *(["recall"] if score.recall < RECALL else []),
        *(["false"] if score.false_a_day * 7 >= 1 else []),
        *(["error"] if score.mean_excess is not None and score.mean_excess > 1.0 else []),
        *(["cost"] if score.us_a_sample > COST_US else []),
    ]
    return (
        f"| {row.name} | {score.asked} | {_percent(score)} | {score.false_a_day:.1f} ({score.false}) | "
        f"{_number(score.error_g)} ({_number(score.mean_excess)}) | {_number(score.delay_s)} | "
        f"{score.us_a_sample:.1f} | {_percent(peer)}, {peer.false_a_day:.1f}, {_number(peer.error_g)}, "
        f"{_number(peer.delay_s)} | {', '.join(missed) or '-'} |"
    )


def _worse(row: Row) -> list[str]:
    """In what an oracle is better; masses are compared over the movements that both found."""
    mine = row.excerpts[OURS]
    best = [row.excerpts[name] for name in ORACLES]
    pairs = [_common(mine, score) for score in best]
    return [
        *(["recall"] if mine.recall < max(score.recall for score in best) else []),
        *(["false"] if mine.false > min(score.false for score in best) else []),
        *(["mass"] if any(pair and pair[0] > pair[1] * 1.0001 for pair in pairs) else []),
    ]


def _beside(mine: Score, other: Score) -> str:
    pair = None if mine is other else _common(mine, other)
    return "" if pair is None else f" (both: {_number(pair[0])} and {_number(pair[1])})"


def _common(mine: Score, other: Score) -> tuple[float, float] | None:
    """Mean mass errors over what both found."""
    both = mine.errors_g.keys() & other.errors_g.keys()
    if not both:
        return None
    return statistics.fmean(mine.errors_g[at] for at in both), statistics.fmean(other.errors_g[at] for at in both)


def _percent(score: Score) -> str:
    return f"{score.recall:.1%}" if score.asked else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"


def tune() -> None:
    """The peers' settings, over seeds that are for tuning: found minus false of all classes."""
    program = "import json, weighing_peers; print(json.dumps(weighing_peers.GRID))"
    grids = subprocess.run(
        [ROOT / ".envs/peers-signals/bin/python", "-c", program],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
    )  # fmt: skip
    settings = [(method, tuned) for method, grid in json.loads(grids.stdout).items() for tuned in grid]
    scores = [Score() for _ in settings]
    peers = Peers()
    for name in CLASSES:
        for seed in TUNING_SEEDS:
            signal = make(name, seed, hours=min(EXCERPT_HOURS, CLASSES[name].length_s / 3600))
            for (method, tuned), score in zip(settings, scores, strict=True):
                peers.ask(method, signal, signal.length_s / 3600, tuned)
                score.add(signal, *peers.hear())
    peers.end()
    for (method, tuned), score in zip(settings, scores, strict=True):
        print(
            f"{method} {tuned}: found {score.found} of {score.asked}, false {score.false}, error "
            f"{_number(score.error_g)} g: {score.found - score.false}",
            flush=True,
        )


def main(arguments: list[str]) -> int:
    """Entry point; ``run.py`` calls it."""
    parser = argparse.ArgumentParser(prog="scripts/bench weighings")
    parser.add_argument("--seeds", type=_seeds, help=f"default: {SCORE_SEEDS.start}..{SCORE_SEEDS.stop - 1}")
    parser.add_argument("--weeks", type=int, default=WEEKS, help="scale-weeks of mixed days, the first seeds of them")
    parser.add_argument("--only", default="", help="classes whose name has this in it, or: week")
    parser.add_argument("--report", type=Path, help="a Markdown file for the figures")
    parser.add_argument("--quick", action="store_true", help="three seeds, and a day instead of weeks")
    parser.add_argument("--tune", action="store_true", help="instead: try settings of the peers on tuning seeds")
    options = parser.parse_args(arguments)
    if options.tune:
        tune()
        return 0
    options.seeds = options.seeds or (QUICK_SEEDS if options.quick else SCORE_SEEDS)
    peers, rows, weeks = Peers(), [], {}
    print("class             recall  false/day  error g  after s  us  | PageHinkley recall, false/day", flush=True)
    for name in CLASSES:
        if options.only in name and not name.startswith("mixed"):
            rows.append(of_class(name, options.seeds, peers))
            score, peer = rows[-1].whole.values()
            print(f"{name:<16} {_percent(score):>7} {score.false_a_day:>10.1f} {_number(score.error_g):>8} "
                  f"{_number(score.delay_s):>8} {score.us_a_sample:>4.1f} | {_percent(peer)} {peer.false_a_day:.1f}",
                  flush=True)  # fmt: skip
    if options.only in ("", "week") and options.weeks:
        hours, seeds = (24.0, 1) if options.quick else (WEEK_HOURS, options.weeks)
        for name in ("mixed-still", "mixed"):
            _write(rows, weeks, options)  # what is known, should the weeks be too long for somebody
            weeks[name] = of_weeks(name, options.seeds[:seeds], hours, peers)
            for contender, score in weeks[name].items():
                print(
                    f"{name} {contender}: recall {_percent(score)}, {score.false_a_day * 7:.2f} false a week",
                    flush=True,
                )
    peers.end()
    _write(rows, weeks, options)
    return 0


def _write(rows: list[Row], weeks: dict[str, dict[str, Score]], options: argparse.Namespace) -> None:
    if options.report is not None:
        options.report.write_text("\n".join(page(rows, weeks, options)) + "\n")


def _seeds(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
