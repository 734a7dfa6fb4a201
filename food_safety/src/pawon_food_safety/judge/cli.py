"""`pawon-judge`: judge a temperature logger's CSV file by a profile, without a network, a server or a gateway."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing as closing_at_exit
from pathlib import Path
from typing import BinaryIO, NoReturn

import msgspec

from .. import rows
from ..profile import Profile, ProfileError, load_profile
from . import wording
from .csv_log import LONGEST_LINE_BYTES, CsvLog, DoubtedBecause, LeftOut, LeftOutBecause, LogError, LogRow, write_time
from .event import JudgedEvent
from .run import USUAL_ROWS, Rules, Run, defrosts_show, rules_of, usual_distance_ms, usual_gap_ms
from .wording import Account, Words

UNUSABLE, CRITICAL = 1, 2
INTERRUPTED = 128 + 2
LONGEST_MAX_GAP_S = 7 * 24 * 3600
# As wide as a profile's own guard bands may be.
WIDEST_GUARD_BAND_C = 10.0

_HELP = """
The file: a header line with the columns time and temperature_c (C), and door and power where there are some; any
order, other columns are ignored. Comma between columns, or semicolon and then decimal commas. time is ISO 8601, with
an offset (2026-11-22T01:00:00+07:00, ...Z) in every row or in none; without one times are taken as they stand. door:
open/closed, on/off, 1/0, true/false, buka/tutup; power: on/off, 1/0, true/false; empty is unknown. Rows must rise in
time; those that do not, and all that cannot be read, are named with their line on stderr and left out.

A value holds until the next row. Rows further apart than --max-gap have a gap between them, which counts neither as
safe nor as an excursion. Without --max-gap it is three times the usual distance of the rows, at least 60 s; the usual
distance is the median over the first 1000 rows of the file.

Exit status: 0 whatever was found; 1 when file, profile or arguments cannot be used; with --strict 2 when anything
critical was found.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse's own status for this is 2, which --strict keeps for what was found.
        self.print_usage(sys.stderr)
        self.exit(UNUSABLE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 0 judged, 1 unusable, 2 something critical (``--strict`` only)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file's name may be no text
    options = _parser().parse_args(arguments)
    try:
        return _judge(options)
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered goes nowhere, silently.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pawon-judge", description=__doc__, epilog=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", required=True, metavar="NAME|FILE.toml", help="a shipped profile, or a file")
    parser.add_argument("--point", required=True, help="the control point: chiller, freezer, hot-hold, cooking, ...")
    parser.add_argument(
        "--sensor", choices=("product", "air"), default="product",
        help="product (default): in food, glycol or glass beads; air: judged by the profile's buffer and defrost rows",
    )  # fmt: skip
    parser.add_argument(
        "--guard-band", type=_number(0, WIDEST_GUARD_BAND_C), default=0.0, metavar="C",
        help="count values as beyond so far inside a limit, for the sensor's error (default 0)",
    )  # fmt: skip
    parser.add_argument(
        "--max-gap", type=_number(0.001, LONGEST_MAX_GAP_S), metavar="S", help="seconds; see below for the default"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each event, by its start")
    parser.add_argument("--lang", choices=("id", "en"), default="id", help="language of the words (default id)")
    parser.add_argument("--strict", action="store_true", help="exit status 2 when anything critical was found")
    parser.add_argument("file", metavar="FILE.csv")
    return parser


class _number:  # noqa: N801 - reads as a type where argparse wants one
    """A finite number between two others."""

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most

    def __call__(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not self._least <= value <= self._most:
            raise argparse.ArgumentTypeError(f"{text!r}: a number from {self._least:g} to {self._most:g}")
        return value


def _judge(options: argparse.Namespace) -> int:
    words = Words(language=options.lang)
    try:
        profile = load_profile(options.profile)
    except ProfileError as error:
        for problem in error.problems:
            print(f"pawon-judge: {options.profile}: {problem}", file=sys.stderr)
        return UNUSABLE
    rules = rules_of(profile, options.point, is_air=options.sensor == "air", guard_band_c=options.guard_band)
    if trouble := _unfit(words, profile, options.point, rules):
        print(f"pawon-judge: {options.profile}: {trouble}", file=sys.stderr)
        return UNUSABLE
    try:
        with Path(options.file).open("rb") as file, closing_at_exit(_Sorter()) as events:
            return _judge_file(options, words, profile, rules, file, events)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(f"pawon-judge: {options.file}: {error.strerror}", file=sys.stderr)
    except LogError as error:
        line = f"{words.say(('baris', 'line'))} {error.line}"
        detail = f" ({error.detail})" if error.detail else ""
        said = words.say(wording.UNUSABLE[error.because])
        print(f"pawon-judge: {options.file}: {line}: {said}{detail}", file=sys.stderr)
    return UNUSABLE


def _unfit(words: Words, profile: Profile, point: str, rules: Rules) -> str | None:
    if profile.demo:
        return words.say((
            "profil peragaan (menit dihitung detik), bukan untuk menilai; pilih profil lain",
            "a demonstration's profile (a minute is a second) judges nothing; choose another one",
        ))  # fmt: skip
    if rules:
        return None
    known = ", ".join(name for name in profile.points if rules_of(profile, name))
    return words.say((
        f"tidak ada aturan suhu untuk titik {point!r}; yang ada: {known}",
        f"no rules about temperature for the point {point!r}; there are: {known}",
    ))  # fmt: skip


def _judge_file(
    options: argparse.Namespace, words: Words, profile: Profile, rules: Rules, file: BinaryIO, events: _Sorter
) -> int:
    log = CsvLog(_lines(file))
    unused: Counter[LeftOutBecause | DoubtedBecause] = Counter()
    series = _used(log, options.file, words, unused)
    first = list(itertools.islice(series, USUAL_ROWS))
    is_usual = options.max_gap is None
    distance_ms = usual_distance_ms(first)
    run = Run(rules, usual_gap_ms(distance_ms) if is_usual else round(options.max_gap * 1000))
    for row in itertools.chain(first, series):
        for event in run.take(row):
            events.add(event)
    if not run.judged_rows or run.first_ms is None:
        raise LogError("no-rows", 1)
    for event in run.end():
        events.add(event)
    words = Words(language=options.lang, zone=log.zone)
    account = Account(
        file=options.file, profile=profile, point=options.point, is_air=options.sensor == "air",
        has_buffer=rules.point.buffer is not None, guard_band_c=options.guard_band, judged_rows=run.judged_rows,
        unused=unused, first_ms=run.first_ms, last_ms=run.last_ms, measured_ms=run.measured_ms,
        max_gap_ms=run.max_gap_ms, max_gap_is_usual=is_usual,
        other_food=tuple(row.id for row in profile.limit if row.point == options.point and row.food),
        probes=max((row.probes for row in rules.food if isinstance(row, rows.Cooking)), default=1),
        defrosts_show=defrosts_show(rules, distance_ms),
        no_rates=tuple(row.id for row in profile.rate if row.point == options.point and row not in rules.point.rates),
    )  # fmt: skip
    # With --json the account goes to people beside the events, which go to a program.
    for line in wording.heading(words, account):
        print(line, file=sys.stderr if options.json else sys.stdout)
    severities: set[str] = set()
    for event in events.by_start():
        severities.add(event.severity)
        print(_json(event, log) if options.json else wording.event_line(words, account, event))
    worst = "critical" if "critical" in severities else "warning" if "warning" in severities else None
    if not options.json:
        for line in wording.closing(words, account, worst):
            print(line)
    sys.stdout.flush()
    return CRITICAL if options.strict and worst == "critical" else 0


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The file's lines, None for one that is too long; never more than one in memory."""
    while line := file.readline(LONGEST_LINE_BYTES + 1):
        if len(line) <= LONGEST_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE_BYTES)
        yield None


def _used(log: CsvLog, file: str, words: Words, unused: Counter[LeftOutBecause | DoubtedBecause]) -> Iterator[LogRow]:
    """The rows that are used; whatever is not is named on stderr, and counted."""
    line = f"{file}: {words.say(('baris', 'line'))}"
    for row in log:
        if isinstance(row, LeftOut):
            unused[row.because] += 1
            print(f"{line} {row.line}: {words.say(wording.LEFT_OUT[row.because])} {row.text}".rstrip(), file=sys.stderr)
            continue
        for because, text in row.doubted:
            unused[because] += 1
            print(f"{line} {row.line}: {words.say(wording.DOUBTED[because])} {text}", file=sys.stderr)
        yield row


def _json(event: JudgedEvent, log: CsvLog) -> str:
    return json.dumps(
        {
            "kind": event.kind,
            "rule": event.rule,
            "severity": event.severity,
            "start": write_time(event.start_ms, log.zone, writes_z=log.writes_z),
            "end": None if event.end_ms is None else write_time(event.end_ms, log.zone, writes_z=log.writes_z),
            "minutes": round(event.measured_ms / 60_000, 3),
            "worst_c": None if event.worst_c is None else round(event.worst_c, 4),
        }
    )


class _Sorter:
    """Events by their start. A database of its own on the disk, so that a file that is all gaps fits the memory too."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # SQLite's private temporary file
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE event (start INTEGER, kind TEXT, rule TEXT, body BLOB)")
        self._database.execute("BEGIN")

    def add(self, event: JudgedEvent) -> None:
        row = (event.start_ms, event.kind, event.rule, msgspec.msgpack.encode(event))
        self._database.execute("INSERT INTO event VALUES (?, ?, ?, ?)", row)

    def by_start(self) -> Iterator[JudgedEvent]:
        for (body,) in self._database.execute("SELECT body FROM event ORDER BY start, kind, rule, rowid"):
            yield msgspec.msgpack.decode(body, type=JudgedEvent)

    def close(self) -> None:
        self._database.close()
