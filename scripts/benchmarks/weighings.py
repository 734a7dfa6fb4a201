"""The weighing detector beside its peers on scale signals whose truth is known: what is found, what is invented.

    scripts/bench weighings [--seeds A..B] [--weeks N] [--only CLASS] [--report FILE.md] [--alone] [--quick]

Seeds from 10,000 on are kept for the score: no threshold of any detector was ever chosen by looking at them. Tuning
uses 0 to 999 (``--tune`` does, for the peers), and ``--seeds`` with those gives figures that are no score.

How is counted: ``weighing_score.py``. ``--alone`` leaves the peers out, and needs no environment of theirs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from weighing_report import EXCERPT_HOURS, number, page, percent
from weighing_score import ORACLES, OURS, Row, Score, Told

from pawon_contract.messages import Weighing
from pawon_edge.weighing import WeighingDetector
from pawon_firmware_bridge.scenarios.classes import CLASSES
from pawon_firmware_bridge.scenarios.signals import Signal, make

ROOT = Path(__file__).resolve().parents[2]

SCORE_SEEDS = range(10_000, 10_020)
QUICK_SEEDS = range(10_000, 10_003)
TUNING_SEEDS = range(3)
WEEKS = 4
WEEK_HOURS = 168.0
SILENT_MS = 5_000  # a gateway's default `fault_after_s`
CHUNK = 5_000


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


def of_class(name: str, seeds: Iterable[int], peers: Peers | None) -> Row:
    """Everybody's scores on one class."""
    long = CLASSES[name].length_s > EXCERPT_HOURS * 3600
    others = () if peers is None else ORACLES
    row = Row(
        name=name,
        whole={OURS: Score()} | ({} if peers is None else {"PageHinkley": Score()}),
        excerpts={contender: Score() for contender in (OURS, *others)},
    )
    for seed in seeds:
        signal = make(name, seed)
        excerpt = make(name, seed, hours=EXCERPT_HOURS) if long else signal
        if peers is not None:
            peers.ask("PageHinkley", signal, signal.length_s / 3600)
        for method in others:
            peers.ask(method, excerpt, excerpt.length_s / 3600)
        row.whole[OURS].add(signal, *ours(signal))
        if peers is None:
            continue
        if long:
            row.excerpts[OURS].add(excerpt, *ours(excerpt))
        row.whole["PageHinkley"].add(signal, *peers.hear())
        for method in others:
            row.excerpts[method].add(excerpt, *peers.hear())
    if not long:
        row.excerpts[OURS] = row.whole[OURS]
    return row


def of_weeks(name: str, seeds: Iterable[int], hours: float, peers: Peers | None) -> dict[str, Score]:
    """Whole weeks, streaming; the peer gets a day of each, for its medians cost five times as much."""
    scores = {OURS: Score()} | ({} if peers is None else {"PageHinkley": Score()})
    for seed in seeds:
        signal, day = make(name, seed, hours=hours), make(name, seed, hours=24.0)
        if peers is not None:
            peers.ask("PageHinkley", day, 24.0)
        scores[OURS].add(signal, *ours(signal))
        if peers is not None:
            scores["PageHinkley"].add(day, *peers.hear())
    return scores


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
            f"{number(score.error_g)} g: {score.found - score.false}",
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
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--tune", action="store_true", help="instead: try settings of the peers on tuning seeds")
    options = parser.parse_args(arguments)
    if options.tune:
        tune()
        return 0
    options.seeds = options.seeds or (QUICK_SEEDS if options.quick else SCORE_SEEDS)
    peers: Peers | None = None if options.alone else Peers()
    rows: list[Row] = []
    weeks: dict[str, dict[str, Score]] = {}
    print("class             recall  false/day  error g  after s  us  | PageHinkley recall, false/day", flush=True)
    for name in CLASSES:
        if options.only in name and not name.startswith("mixed"):
            rows.append(of_class(name, options.seeds, peers))
            score, peer = rows[-1].whole[OURS], rows[-1].whole.get("PageHinkley")
            beside = "-" if peer is None else f"{percent(peer)} {peer.false_a_day:.1f}"
            print(f"{name:<16} {percent(score):>7} {score.false_a_day:>10.1f} {number(score.error_g):>8} "
                  f"{number(score.delay_s):>8} {score.us_a_sample:>4.1f} | {beside}",
                  flush=True)  # fmt: skip
    if options.only in ("", "week") and options.weeks:
        hours, seeds = (24.0, 1) if options.quick else (WEEK_HOURS, options.weeks)
        for name in ("mixed-still", "mixed"):
            _write(rows, weeks, options)  # what is known, should the weeks be too long for somebody
            weeks[name] = of_weeks(name, options.seeds[:seeds], hours, peers)
            for contender, score in weeks[name].items():
                print(
                    f"{name} {contender}: recall {percent(score)}, {score.false_a_day * 7:.2f} false a week",
                    flush=True,
                )
    if peers is not None:
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
