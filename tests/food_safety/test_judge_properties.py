"""`pawon-judge`: promises that hold for every series, and a second, plainer judge that must agree."""

from __future__ import annotations

import itertools
import random
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.food_safety.judge_files import BEGIN, at, call, csv, events, of

from pawon_food_safety.profile import load_profile
from pawon_food_safety.rows import Limit

LIMITS = [row for row in load_profile("ID-MBG").limit if row.point == "chiller"]
MAX_GAP = 3
# Minutes in which the logger said a value, or nothing; neighbours never a spike apart.
STRETCHES = st.lists(
    st.tuples(st.sampled_from([None, 3.0, 4.0, 4.25, 4.5, 5.0, 5.5, 7.5, 8.0, 9.5]), st.integers(1, 80)),
    min_size=1, max_size=12,
).filter(lambda parts: any(value is not None for value, _ in parts))  # fmt: skip


def minutes_of(parts: list[tuple[float | None, int]]) -> list[float | None]:
    """The series; it begins with a value."""
    values = [value for value, count in parts for _ in range(count)]
    return values[next(n for n, value in enumerate(values) if value is not None) :]


def minute(text: str) -> int:
    """Which minute of the file a time is."""
    return round((datetime.fromisoformat(text) - BEGIN).total_seconds() / 60)


def plain_judge(row: Limit, values: list[float | None]) -> list[tuple[int, int | None, int, float]]:
    """Minute by minute, by the words of docs/profiles.md alone: start, end, minutes beyond, worst."""
    rows = [(n, value) for n, value in enumerate(values) if value is not None]
    out, began, beyond, worst, is_open, back, calm = [], None, 0, 0.0, False, None, 0
    for place, (now, value) in enumerate(rows):
        if place:
            before, last = rows[place - 1]
            held = now - before if now - before <= MAX_GAP else 0
            if last > row.value:
                beyond += held
                is_open = is_open or beyond * 60 >= row.delay_s
            elif is_open and last <= row.value - row.hysteresis:
                calm += held
        if is_open:
            if value > row.value:
                worst, back = max(worst, value), None
            elif back is None:
                back = now
            if value > row.value - row.hysteresis:
                calm = 0
            elif calm * 60 >= row.clear_s:
                out.append((began, back, beyond, worst))
                began, beyond, is_open, calm, back = None, 0, False, 0, None
        elif value > row.value:
            began, worst = (now, value) if began is None else (began, max(worst, value))
        else:
            began, beyond = None, 0
    return [*out, (began, None, beyond, worst)] if is_open else out


@settings(max_examples=150, deadline=None)
@given(STRETCHES)
def test_a_second_judge_says_the_same(parts: list[tuple[float | None, int]]) -> None:
    """Every limit event of every series: start, end, measured minutes and worst, gaps and all."""
    values = minutes_of(parts)
    said = events(csv(values), "chiller", "--max-gap", str(MAX_GAP * 60))
    for row in LIMITS:
        mine = [
            (minute(event["start"]), event["end"] and minute(event["end"]), event["minutes"], event["worst_c"])
            for event in of(said, row.id)
        ]
        assert mine == plain_judge(row, values)


@settings(max_examples=60, deadline=None)
@given(STRETCHES)
def test_no_gap_is_within_an_events_minutes(parts: list[tuple[float | None, int]]) -> None:
    """The minutes of an event and the gaps within it are together no longer than it; gaps are those of the rows."""
    values = minutes_of(parts)
    said = events(csv(values), "chiller", "--max-gap", str(MAX_GAP * 60))
    rows = [n for n, value in enumerate(values) if value is not None]
    gaps = [(a, b) for a, b in itertools.pairwise(rows) if b - a > MAX_GAP]
    assert [(minute(event["start"]), minute(event["end"])) for event in of(said, "gap")] == gaps
    for event in of(said, "limit", "rate", "stuck"):
        start, end = minute(event["start"]), rows[-1] if event["end"] is None else minute(event["end"])
        unknown = sum(max(0, min(end, b) - max(start, a)) for a, b in gaps)
        assert event["minutes"] <= end - start - unknown
    assert [event["start"] for event in said] == sorted(event["start"] for event in said)


@settings(max_examples=60, deadline=None)
@given(STRETCHES, st.randoms(use_true_random=False), st.sampled_from([",", ";"]), st.booleans(), st.booleans())
def test_columns_and_format_never_change_the_events(
    parts: list[tuple[float | None, int]], rng: random.Random, delimiter: str, has_bom: bool, is_crlf: bool
) -> None:
    """Any order of columns, separator, decimal mark and line end."""
    values = minutes_of(parts)
    names = ["time", "temperature_c", "door", "note"]
    rng.shuffle(names)
    lines = [delimiter.join(names)]
    for n, value in enumerate(values):
        text = str(value).replace(".", "," if delimiter == ";" else ".")
        row = {"time": at(n * 60), "temperature_c": text, "door": "", "note": "x"}
        if value is not None:
            lines.append(delimiter.join(row[name] for name in names))
    written = ("\ufeff" if has_bom else "") + ("\r\n" if is_crlf else "\n").join(lines)
    assert events(written) == events(csv(values))


@settings(max_examples=60, deadline=None)
@given(STRETCHES, st.sampled_from([0.25, 0.5, 1.0, 3.0]))
def test_a_hotter_series_is_never_milder(parts: list[tuple[float | None, int]], hotter_c: float) -> None:
    """Every limit event of the cooler series lies within one of the hotter one, which is worse and not shorter."""
    values = minutes_of(parts)
    cool = of(events(csv(values)), "limit")
    hot = of(events(csv([None if value is None else value + hotter_c for value in values])), "limit")
    for event in cool:
        assert any(covers(other, event) for other in hot), event


def covers(hotter: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether the one event is the other one, made worse."""
    return bool(
        hotter["rule"] == event["rule"]
        and hotter["start"] <= event["start"]
        and (hotter["end"] is None or (event["end"] is not None and hotter["end"] >= event["end"]))
        and hotter["minutes"] >= event["minutes"]
        and hotter["worst_c"] > event["worst_c"]
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5), st.sampled_from([b"\n", b"\r\n"]))
def test_no_bytes_break_it(garbage: list[bytes], end: bytes) -> None:
    """Rows of garbage after a log change nothing of what was measured before them, and each is named."""
    lines = [line.replace(b"\n", b" ").replace(b"\r", b" ") for line in garbage]
    written = csv([6.0] * 90).encode() + b"".join(b"#," + line + end for line in lines)
    assert events(written) == events(csv([6.0] * 90))
    assert call(written, "--profile", "ID-MBG", "--point", "chiller")[2].count(": baris ") == len(lines)
