"""Reheating: in time, hot enough, and once."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.food_safety.scenarios import HOUR, MINUTE, REHEATING, SECOND, judge, judge_in_parts, line, series

from pawon_food_safety.limit import Observation
from pawon_food_safety.reheating import HIDING_MS, ReheatingEvent, ReheatingState, rebase, step


def reheat(seen: list[Observation], earlier: int = 0) -> tuple[ReheatingState, list[ReheatingEvent]]:
    """The state after a series of a core, and its events."""
    return judge(lambda state, one: step(REHEATING, state, one, earlier), ReheatingState(), seen)


def told(events: list[ReheatingEvent]) -> list[tuple[str, str, float]]:
    """What happened and why, in order, and at which second."""
    return [(event.kind, event.reason, event.at_ms / SECOND) for event in events]


def rising(to_c: float, seconds: int) -> list[Observation]:
    """From 4 C, through 10 C exactly at second 0, in a straight line to ``to_c`` after so many seconds."""
    cold = series([4.0], MINUTE, -MINUTE)
    return cold + series(line(10, to_c, seconds * SECOND, SECOND), SECOND, 0)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (3599, [("passed", "", 3599)]),
        (3600, [("passed", "", 3600)]),
        (3601, [("warned", "", 3600), ("passed", "", 3601)]),
        (7199, [("warned", "", 3600), ("passed", "", 7199)]),
        (7200, [("warned", "", 3600), ("passed", "", 7200)]),
        # 74 C of 75 C comes 1/65 of the time earlier: accepted, in time.
        (7201, [("warned", "", 3600), ("passed", "", pytest.approx(7201 * 64 / 65, abs=1e-3))]),
        (7313, [("warned", "", 3600), ("failed", "late", 7200)]),
    ],
)
def test_reheating_has_its_hour_and_at_most_two(seconds: int, expected: list[tuple[str, str, float]]) -> None:
    """75 C within 1 h passes, later warns, and 74 C after 2 h fails; exactly in time is in time."""
    assert told(reheat(rising(75, seconds))[1]) == [("begun", "", 0), *expected]


@pytest.mark.parametrize(
    ("peak_c", "expected"),
    [(73.9, ("failed", "cold")), (74.0, ("passed", "")), (74.9, ("passed", "")), (75.0, ("passed", ""))],
)
@pytest.mark.parametrize("after_c", [5.0, 60.0])
def test_food_that_is_taken_out_must_have_been_hot_enough(
    peak_c: float, after_c: float, expected: tuple[str, str]
) -> None:
    """74 C is still accepted, less is not: whether it stands and cools or the probe is pulled."""
    _, events = reheat(series([4, 30, 60, peak_c, after_c, after_c], 5 * MINUTE))
    assert [(event.kind, event.reason) for event in events] == [("begun", ""), expected]
    assert events[-1].peak_c == peak_c


def test_a_second_reheating_fails_at_once() -> None:
    """However well it goes: a batch is reheated once."""
    _, events = reheat(rising(75, 1800), earlier=1)
    assert [(event.kind, event.reason) for event in events] == [("begun", ""), ("failed", "again")]
    twice = msgspec.structs.replace(REHEATING, times=2)
    _, events = judge(lambda state, one: step(twice, state, one, 1), ReheatingState(), rising(75, 1800))
    assert [event.kind for event in events] == ["begun", "passed"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([30, 50, 76], [], id="never seen cold: nothing is known of its beginning"),
        pytest.param([9, 10.5, 9, 10.9, 9], [], id="a cold store's door"),
        pytest.param([9, *[10.5] * 15, 50], ["begun", "warned", "failed"], id="left standing first: the time counts"),
        pytest.param([9, 12, 9], ["begun", "failed"], id="taken back"),
        pytest.param([4, 40, 80, 90, 70], ["begun", "passed"], id="hot, and nothing more after that"),
        pytest.param([4, 80, 4, 80], ["begun", "passed", "begun", "passed"], id="another pan"),
    ],
)
def test_a_reheating_begins_when_cold_food_surely_rises(values: list[float], expected: list[str]) -> None:
    """Only a core that was below 10 C, and is a probe's error above it, is reheated."""
    assert [event.kind for event in reheat(series(values, 10 * MINUTE))[1]] == expected


def with_gap(gap_ms: int, after: list[float]) -> list[Observation]:
    """4 to 40 C in 20 minutes, nothing for ``gap_ms``, and on a value every 20 minutes."""
    first = series([4, 40], 20 * MINUTE, valid_ms=20 * MINUTE)
    return first + series(after, 20 * MINUTE, 40 * MINUTE + gap_ms, valid_ms=20 * MINUTE)


@pytest.mark.parametrize(
    ("gap_ms", "after", "expected"),
    [
        pytest.param(20 * MINUTE, [76], [("passed", "")], id="in time, gap and all"),
        pytest.param(2 * HOUR, [76], [("unproven", "late")], id="hot, perhaps too late"),
        pytest.param(2 * HOUR, [50], [("unproven", "late")], id="not hot, and nobody knows since when"),
        pytest.param(HIDING_MS - 1, [20], [("failed", "cold")], id="too short to have been hot in between"),
        pytest.param(HIDING_MS, [20], [("unproven", "cold")], id="may have been hot in between"),
        pytest.param(20 * MINUTE, [50] * 5, [("unproven", "late")], id="136 minutes, 20 of them unknown"),
        pytest.param(40 * MINUTE, [50] * 5, [("unproven", "late")], id="said once"),
        pytest.param(2 * HOUR, [76] * 8, [("unproven", "late")], id="hot after all: it is over"),
        pytest.param(2 * HOUR + 1, [50] * 8, [("unproven", "late")], id="too long to be the same food"),
        pytest.param(
            20 * MINUTE, [50] * 6, [("unproven", "late"), ("failed", "late")], id="then more than 120 measured minutes"
        ),
        pytest.param(MINUTE, [50] * 8, [("failed", "late")], id="more than 120 measured minutes"),
    ],
)
def test_what_a_gap_may_hide_is_unproven(gap_ms: int, after: list[float], expected: list[tuple[str, str]]) -> None:
    """A gap neither frees food nor condemns it."""
    events = reheat(with_gap(gap_ms, after))[1]
    assert [(event.kind, event.reason) for event in events if event.kind not in ("begun", "warned")] == expected


def test_exactly_two_measured_hours_are_not_too_long() -> None:
    """120 measured minutes and one that nobody measured are unproven, not late."""
    seen = [
        Observation(at_ms=-MINUTE, value=4, valid_until_ms=0),
        Observation(at_ms=0, value=10, valid_until_ms=HOUR),
        Observation(at_ms=61 * MINUTE, value=50, valid_until_ms=121 * MINUTE),
        Observation(at_ms=121 * MINUTE, value=60, valid_until_ms=121 * MINUTE),
    ]
    assert [event.kind for event in reheat(seen)[1]] == ["begun", "warned", "unproven"]


def test_the_warning_comes_with_the_hour() -> None:
    """Not hot at the very end of the hour: it cannot be hot within it any more."""
    slow = rising(75, 7200)
    until = {end_s: [one for one in slow if one.at_ms <= end_s * SECOND] for end_s in (3599, 3600)}
    assert [[event.kind for event in reheat(seen)[1]] for seen in until.values()] == [["begun"], ["begun", "warned"]]


def test_after_too_long_a_gap_a_value_is_of_other_food() -> None:
    """A probe that lay cold on Monday and is hot on Wednesday has measured no reheating."""
    assert reheat([*series([4.0], MINUTE), *series([80.0] * 5, MINUTE, 48 * HOUR)])[1] == []


climbs = st.lists(
    st.tuples(st.floats(-6, 15).map(lambda c: round(c, 2)), st.integers(1, 20), st.integers(0, 30)),
    min_size=1, max_size=40,
)  # fmt: skip


def observed(steps: list[tuple[float, int, int]], slower: int = 1) -> list[Observation]:
    """From 4 C up by steps; minutes since the last report and minutes it is believed, all ``slower`` times as long."""
    out = [Observation(at_ms=0, value=4.0, valid_until_ms=20 * MINUTE * slower)]
    at_ms, value = 0, 4.0
    for rise, after_min, valid_min in steps:
        at_ms, value = at_ms + after_min * MINUTE * slower, value + rise
        valid_until_ms = at_ms + valid_min * MINUTE * slower
        out.append(Observation(at_ms=at_ms, value=value, valid_until_ms=valid_until_ms))
    return out


@given(climbs, st.integers(1, 40), st.integers(0, 1))
def test_a_split_series_judges_the_same(steps: list[tuple[float, int, int]], size: int, earlier: int) -> None:
    """Stop anywhere, save the state as JSON, go on: the same events and the same state."""
    seen = observed(steps)
    one = lambda state, observation: step(REHEATING, state, observation, earlier)  # noqa: E731 - with its row
    assert judge_in_parts(one, ReheatingState(), seen, size) == judge(one, ReheatingState(), seen)


@given(climbs)
def test_what_is_not_newer_changes_nothing(steps: list[tuple[float, int, int]]) -> None:
    """Every observation twice, the second time with another value: the same."""
    seen = observed(steps)
    doubled = [each for one in seen for each in (one, msgspec.structs.replace(one, value=80.0))]
    assert reheat(doubled) == reheat(seen)


GRAVITY = {"passed": 0, "unproven": 1, "failed": 2}


def worst(events: list[ReheatingEvent]) -> int | None:
    """The gravest verdict on the first reheating; None: it has none yet."""
    first = [event for event in events if event.began_ms == events[0].began_ms]
    return max((GRAVITY[event.kind] for event in first if event.kind in GRAVITY), default=None)


@given(
    st.lists(st.tuples(st.floats(0, 15), st.integers(1, 20), st.integers(0, 30)), min_size=1, max_size=30),
    st.integers(2, 5),
)
def test_slower_reheating_is_never_milder(steps: list[tuple[float, int, int]], slower: int) -> None:
    """The same rise, each stretch so many times as long: a graver verdict or the same one."""
    fast, slow = worst(reheat(observed(steps))[1]), worst(reheat(observed(steps, slower))[1])
    if fast is not None:
        assert slow is not None
        assert slow >= fast


@given(climbs)
def test_a_gap_is_neither_safe_nor_an_excursion(steps: list[tuple[float, int, int]]) -> None:
    """Passed: hot enough, in time by the wall clock. Failed: too long in measured time, or seen cold without a gap."""
    seen = observed(steps)
    for event in reheat(seen)[1]:
        held = sum(
            max(0, min(one.valid_until_ms, after.at_ms, event.at_ms) - max(one.at_ms, event.began_ms))
            for one, after in pairwise(seen)
        )
        if event.kind == "passed":
            assert event.at_ms - event.began_ms <= 2 * HOUR
            assert max(one.value for one in seen if event.began_ms <= one.at_ms) >= 74
        if event.kind == "failed" and event.reason == "late":
            assert held >= 2 * HOUR
        if event.kind == "failed" and event.reason == "cold":
            assert event.at_ms - event.began_ms - held < HIDING_MS
            assert event.peak_c < 74


@given(climbs, st.integers(-20_000_000, 20_000_000), st.integers(0, 10**8))
def test_a_state_on_a_new_timeline_lies_in_its_past(
    steps: list[tuple[float, int, int]], shift_ms: int, first_ms: int
) -> None:
    """All stamps move as one and end before the new boot's first; what was counted stays."""
    state, _ = reheat(observed(steps))
    moved = rebase(state, shift_ms, first_ms)
    assert state.last_ms is not None
    assert moved.last_ms is not None
    assert moved.last_ms == moved.valid_until_ms < first_ms
    by = moved.last_ms - state.last_ms
    assert by <= shift_ms
    for name in ("began_ms", "accepted_ms"):
        was = getattr(state, name)
        assert getattr(moved, name) == (None if was is None else was + by)
    assert (moved.measured_ms, moved.unknown_ms, moved.peak_c) == (state.measured_ms, state.unknown_ms, state.peak_c)
    assert rebase(ReheatingState(), shift_ms, first_ms) == ReheatingState()


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_no_value_raises(values: list[float]) -> None:
    """A probe may say anything, infinity included."""
    state, _ = reheat(series(values, MINUTE))
    assert state.last_value == values[-1]
