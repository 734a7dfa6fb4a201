"""The figures of ``weighings`` as a page in Markdown, and which bar is met. Losing figures stand like the others."""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime

from weighing_score import ORACLES, OURS, Row, Score

from pawon_firmware_bridge.scenarios.classes import CLASSES

EXCERPT_HOURS = 0.5  # what the oracles get of longer signals, for they need the whole of it
RECALL, COST_US = 0.99, 20.0
# Standard errors: 1 in 40 classes has more by chance.
CHANCE = 2.0


def page(rows: list[Row], weeks: dict[str, dict[str, Score]], options: argparse.Namespace) -> Iterator[str]:
    """The report, in Markdown. Losing figures stand like the others."""
    seeds = f"{options.seeds.start}..{options.seeds.stop - 1}"
    flags = " --alone" * options.alone + " --quick" * options.quick
    yield from (
        "# Weighings: what is found, and what is invented", "",
        f"`scripts/bench weighings --seeds {seeds} --weeks {options.weeks}{flags}`, "
        f"{datetime.now(UTC):%Y-%m-%d}, "
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}. "
        + ("Seeds from 10,000 on were never used to tune." if options.seeds.start >= 10_000 else
           "**Tuning seeds: these figures are no score.**"),
        "",
        "Signals and truth: `pawon-bridge signals`; the rules of counting: `scripts/benchmarks/weighing_score.py`; the "
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
    if not options.alone:
        yield from _oracles(rows)
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


def _oracles(rows: list[Row]) -> Iterator[str]:
    yield from (
        "", "## Beside an oracle that sees the whole signal", "",
        f"Excerpts of at most {EXCERPT_HOURS:g} h of the same seeds. The oracles know what comes later and are told "
        "the noise. Each: recall, false movements, mass error in g; in brackets ours and theirs where both found. A "
        f"mass error is worse if the mean of the differences is above 0 by more than {CHANCE:g} standard errors.", "",
        "| class | movements | Pawon | Window | KernelCPD | worse than an oracle in |",
        "|---" * 6 + "|",
    )  # fmt: skip
    for row in rows:
        cells = " | ".join(
            f"{score.recall:.1%}, {score.false}, {number(score.error_g)}{_beside(row.excerpts[OURS], score)}"
            for score in row.excerpts.values()
        )
        yield f"| {row.name} | {row.excerpts[OURS].asked} | {cells} | {', '.join(_worse(row)) or '-'} |"


def _bars(rows: list[Row], weeks: dict[str, dict[str, Score]]) -> Iterator[str]:
    """Which bar is met and which is missed, and where."""
    mine = {row.name: row.whole[OURS] for row in rows}
    checks = {
        "recall of 99 %": [name for name, score in mine.items() if score.recall < RECALL],
        "mass error": [name for name, score in mine.items() if (score.mean_excess or 0.0) > 1.0],
        "20 us a sample": [name for name, score in mine.items() if score.us_a_sample > COST_US],
        "no false movement in the classes": [name for name, score in mine.items() if score.false],
        "less than one false movement in a scale-week": [
            f"{name} ({number(scores[OURS].false_a_day * 7)})"
            for name, scores in weeks.items()
            if scores[OURS].false_a_day * 7 >= 1
        ],
        "no worse than the oracles": [f"{row.name} ({', '.join(worse)})" for row in rows if (worse := _worse(row))],
    }
    if not any(len(row.excerpts) > 1 for row in rows):
        del checks["no worse than the oracles"]
    if not weeks:
        del checks["less than one false movement in a scale-week"]
    for bar, missing in checks.items():
        yield f"- {bar}: {'met' if not missing else '**missed** in ' + ', '.join(missing)}"


def _class_line(row: Row) -> str:
    score, peer = row.whole[OURS], row.whole.get("PageHinkley")
    beside = (
        "-"
        if peer is None
        else (f"{percent(peer)}, {peer.false_a_day:.1f}, {number(peer.error_g)}, {number(peer.delay_s)}")
    )
    missed = [
        *(["recall"] if score.recall < RECALL else []),
        *(["false"] if score.false_a_day * 7 >= 1 else []),
        *(["error"] if score.mean_excess is not None and score.mean_excess > 1.0 else []),
        *(["cost"] if score.us_a_sample > COST_US else []),
    ]
    return (
        f"| {row.name} | {score.asked} | {percent(score)} | {score.false_a_day:.1f} ({score.false}) | "
        f"{number(score.error_g)} ({number(score.mean_excess)}) | {number(score.delay_s)} | "
        f"{score.us_a_sample:.1f} | {beside} | {', '.join(missed) or '-'} |"
    )


def _worse(row: Row) -> list[str]:
    """In what an oracle is better; masses are compared over the movements that both found, each with its own."""
    mine = row.excerpts[OURS]
    best = [row.excerpts[name] for name in ORACLES if name in row.excerpts]
    if not best:
        return []
    return [
        *(["recall"] if mine.recall < max(score.recall for score in best) else []),
        *(["false"] if mine.false > min(score.false for score in best) else []),
        *(["mass"] if any(_further_off(mine, score) for score in best) else []),
    ]


def _further_off(mine: Score, other: Score) -> bool:
    """Whether our mass errors are larger by more than chance makes them: all masses are whole divisions, so that the
    noise of a reading throws one of a few movements by a whole one, here or there."""
    off = [mine.errors_g[at] - other.errors_g[at] for at in mine.errors_g.keys() & other.errors_g.keys()]
    if len(off) < 2:
        return False
    return statistics.fmean(off) > CHANCE * statistics.stdev(off) / math.sqrt(len(off))


def _beside(mine: Score, other: Score) -> str:
    pair = None if mine is other else _common(mine, other)
    return "" if pair is None else f" (both: {number(pair[0])} and {number(pair[1])})"


def _common(mine: Score, other: Score) -> tuple[float, float] | None:
    """Mean mass errors over what both found."""
    both = mine.errors_g.keys() & other.errors_g.keys()
    if not both:
        return None
    return statistics.fmean(mine.errors_g[at] for at in both), statistics.fmean(other.errors_g[at] for at in both)


def percent(score: Score) -> str:
    return f"{score.recall:.1%}" if score.asked else "-"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"
