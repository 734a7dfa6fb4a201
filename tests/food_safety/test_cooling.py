"""Cooling in two stages: bounds to the minute, gaps, the forecast."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.cooling import (
    LONGEST_FORECAST_MS,
    CoolingEvent,
    CoolingState,
    crossing_ms,
    forecast,
    rebase,
    step,
)
from pawon_food_safety.limit import Observation
from tests.food_safety.scenarios import COOLING, HOUR, MINUTE, SECOND, judge, judge_in_parts, line, newton, series

# Warmer than any food: the forecast says nothing, the clocks alone judge.
NO_FORECAST = 1e6


def cool(
    seen: list[Observation], ambient_c: float = NO_FORECAST, state: CoolingState | None = None
) -> tuple[CoolingState, list[CoolingEvent]]:
    """The state after a series of a core, and its events."""
    return judge(lambda state, one: step(COOLING, state, one, ambient_c), state or CoolingState(), seen)


def told(events: list[CoolingEvent]) -> list[tuple[str, float]]:
    """What happened, in order, and at which minute."""
    return [(event.kind, event.at_ms / MINUTE) for event in events]


def two_stages(first_min: int, second_min: int, every_ms: int = MINUTE) -> list[Observation]:
    """60 to 21 C and on to 5 C on straight lines, in so many minutes; 60 C exactly is where the clock starts."""
    first = line(60, 21, first_min * MINUTE, every_ms)
    return series([*first, *line(21, 5, second_min * MINUTE, every_ms)[1:]], every_ms)


@pytest.mark.parametrize(
    ("first_min", "second_min", "expected"),
    [
        (104, 239, [("begun", 0), ("passed", 343)]),
        (105, 240, [("begun", 0), ("passed", 345)]),
        (106, 240, [("begun", 0), ("warned", 105), ("passed", 346)]),
        (119, 239, [("begun", 0), ("warned", 105), ("passed", 358)]),
        (120, 240, [("begun", 0), ("warned", 105), ("passed", 360)]),
        (121, 240, [("begun", 0), ("warned", 105), ("broken", 120)]),
        (90, 241, [("begun", 0), ("broken", 330)]),
    ],
)
@pytest.mark.parametrize("every_ms", [MINUTE, 10 * SECOND])
def test_each_stage_has_its_time_to_the_minute(
    first_min: int, second_min: int, expected: list[tuple[str, float]], every_ms: int
) -> None:
    """60 to 21 C in 2 h, warned at 105 minutes, and 21 to 5 C in 4 h more; exactly in time is in time."""
    assert told(cool(two_stages(first_min, second_min, every_ms))[1]) == expected


def test_the_end_tells_when_the_core_crossed_each_temperature() -> None:
    """Began, middle and end are on the straight line between two values, each stage with its measured time."""
    _, events = cool(series([70, 50, 30, 10, 0], 30 * MINUTE))
    passed = events[-1]
    assert (passed.kind, passed.began_ms, passed.middle_ms) == ("passed", 15 * MINUTE, 73.5 * MINUTE)
    assert (passed.at_ms, passed.measured_ms, passed.unknown_ms) == (105 * MINUTE, 31.5 * MINUTE, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([55, 40, 20, 4], [], id="never seen hot: nothing is known of its beginning"),
        pytest.param([60, 60, 60], [], id="standing at 60 C"),
        pytest.param([60, 59.5, 60.2, 59.2, 60], [], id="hot food at the edge does not begin"),
        pytest.param([60, 59, 58.9], [("begun", 0)], id="begins once it surely falls, dated by 60 C"),
        pytest.param([70, 50, 40, 60], [("begun", 5), ("abandoned", 30)], id="heated again"),
        pytest.param([80, 4], [("begun", pytest.approx(2.63, abs=0.01)), ("passed", 9.868)], id="blast-chilled"),
    ],
)
def test_a_cooling_begins_when_a_hot_core_surely_falls(values: list[float], expected: list[tuple[str, float]]) -> None:
    """Only a core that was at 60 C or above, and is a probe's error below it, is cooling."""
    events = told(cool(series(values, 10 * MINUTE))[1])
    assert [(kind, pytest.approx(at, abs=1e-3)) for kind, at in events] == expected


def with_gap(values: list[float], after: int, gap_min: int) -> list[Observation]:
    """One value a minute; nothing is believed for ``gap_min`` from the end of value number ``after``."""
    seen = series(values, MINUTE, valid_ms=MINUTE)
    return seen[: after + 1] + [
        msgspec.structs.replace(
            one, at_ms=one.at_ms + gap_min * MINUTE, valid_until_ms=one.valid_until_ms + gap_min * MINUTE
        )
        for one in seen[after + 1 :]
    ]


FIRST_100 = line(60, 21, 100 * MINUTE, MINUTE)
SECOND_200 = line(21, 5, 200 * MINUTE, MINUTE)[1:]


@pytest.mark.parametrize(
    ("after", "gap_min", "expected"),
    [
        pytest.param(50, 20, ["begun", "warned", "passed"], id="in the first stage, in time all the same"),
        pytest.param(50, 21, ["begun", "warned", "unproven"], id="in the first stage, perhaps too long"),
        pytest.param(1, 22, ["begun", "warned", "unproven"], id="left 60 C in the gap: the earliest is too early"),
        pytest.param(1, 21, ["begun", "warned", "passed"], id="left 60 C in the gap: even the earliest is in time"),
        pytest.param(99, 21, ["begun", "warned", "unproven"], id="came to 21 C in the gap, perhaps too late"),
        pytest.param(99, 20, ["begun", "warned", "passed"], id="came to 21 C in the gap, in time at the latest"),
        pytest.param(150, 40, ["begun", "passed"], id="in the second stage, in time all the same"),
        pytest.param(150, 41, ["begun", "unproven"], id="in the second stage, perhaps too long"),
        pytest.param(298, 42, ["begun", "unproven"], id="came to 5 C in the gap, perhaps too late"),
        pytest.param(50, 361, ["begun", "unproven"], id="too long to be the same food"),
    ],
)
def test_a_crossing_in_a_gap_is_bounded_and_at_worst_unproven(after: int, gap_min: int, expected: list[str]) -> None:
    """100 and 200 minutes measured: unknown time makes the record worse than passed and never broken."""
    events = cool(with_gap([60.0, *FIRST_100, *SECOND_200], after, gap_min))[1]
    assert [event.kind for event in events] == expected


def test_what_is_measured_too_long_is_broken_gap_or_not() -> None:
    """121 measured minutes above 21 C after an unknown hour: first unproven, then broken."""
    seen = with_gap([60.0, *[40.0] * 200], 50, 60)
    assert [event.kind for event in cool(seen)[1]] == ["begun", "warned", "unproven", "broken"]


def test_after_too_long_a_gap_a_value_is_of_other_food() -> None:
    """A probe that was hot on Monday and lies at 28 C on Wednesday has measured no cooling."""
    hot = series([80.0, 79.0], MINUTE)
    assert cool([*hot, *series([28.0] * 400, MINUTE, 48 * HOUR)])[1] == []


@pytest.mark.parametrize("minutes", [15, 20, 40])
def test_newtons_law_is_foretold(minutes: int) -> None:
    """A core of 75 C in 4 C, tau 1.5 h, is foretold to the second from 15 minutes on: 54 C after 31 minutes."""
    core = newton(75, 4, 5400)
    assert newton(75, 30, 5400)(7200) == pytest.approx(41.9, abs=0.05)
    left_s = 5400 * math.log(71 / 56)  # at 60 C
    seen = series([core(left_s + n * 10) for n in range(-6, minutes * 6 + 13)], 10 * SECOND)
    state, _ = cool(seen, 4)
    due_ms = forecast(COOLING, state, 4)
    assert due_ms is not None
    assert due_ms == pytest.approx((5400 * math.log(56 / 17) + 60) * SECOND, abs=SECOND)


@pytest.mark.parametrize(("tau_s", "warned_min"), [(5400, None), (5900, None), (6200, 17), (9000, 17)])
def test_a_forecast_warns_long_before_the_clock(tau_s: float, warned_min: int | None) -> None:
    """In 4 C the core needs tau * ln(56/17): 107 minutes of tau 5400 s, 117 of 5900 s; 123 of 6200 s is foretold."""
    core = newton(60, 4, tau_s)
    _, events = cool(series([core(n * 60) for n in range(60)], MINUTE), 4)
    warned = [event for event in events if event.kind == "warned"]
    assert [round(event.at_ms / MINUTE) for event in warned] == ([] if warned_min is None else [warned_min])
    for event in warned:
        assert event.forecast_ms == pytest.approx(tau_s * math.log(56 / 17) * SECOND, abs=5 * SECOND)


def test_a_forecast_is_silent_when_it_cannot_know() -> None:
    """Too few values, a core that does not fall, one as cold as its place, after a gap: no forecast."""
    falling = [60 - n / 2 for n in range(60)]
    assert forecast(COOLING, cool(series(falling[:14], MINUTE), 4)[0], 4) is None
    assert forecast(COOLING, cool(series(falling[:20], MINUTE), 4)[0], 4) is not None
    assert forecast(COOLING, cool(series([60.0, *[50.0] * 60], MINUTE), 4)[0], 4) is None
    assert forecast(COOLING, cool(series(falling, MINUTE), 4)[0], 35) is None
    assert forecast(COOLING, cool(with_gap(falling, 55, 5), 4)[0], 4) is None
    assert forecast(COOLING, CoolingState(), 4) is None


def test_a_room_warmer_than_the_goal_never_cools_food() -> None:
    """In a room of 28 C no core comes to 21 C: warned as soon as there is a forecast, dated a week ahead."""
    core = newton(60, 28, 3600)
    state, events = cool(series([core(n * 60) for n in range(20)], MINUTE), 28)
    assert told(events) == [("begun", 0), ("warned", 17)]
    assert events[1].forecast_ms == 17 * MINUTE + LONGEST_FORECAST_MS
    assert state.warned


def test_a_state_stays_small() -> None:
    """Six hours of values every five seconds: what is saved stays below a kilobyte."""
    core = newton(70, 10, 20_000)
    state = CoolingState()
    for one in series([core(n * 5) for n in range(2 * 720)], 5 * SECOND):
        state, _ = step(COOLING, state, one)
        assert len(msgspec.json.encode(state)) < 1000
    assert 15 <= len(state.points) <= 16


def test_the_crossing_of_a_line_lies_on_it() -> None:
    """Halfway is halfway, ends are ends, and outside is the nearer end."""
    assert crossing_ms(0, 60, 1000, 40, 50) == 500
    assert crossing_ms(0, 60, 1000, 40, 60) == 0
    assert crossing_ms(0, 60, 1000, 40, 40) == 1000
    assert crossing_ms(0, 60, 1000, 40, 30) == 1000
    assert crossing_ms(0, 60, 1000, 60, 60) == 1000


# Steps of a core that mostly falls, at uneven times, now and then with a gap.
falls = st.lists(
    st.tuples(st.floats(-3, 12).map(lambda c: round(c, 2)), st.integers(1, 60), st.integers(0, 90)),
    min_size=1, max_size=40,
)  # fmt: skip


def observed(steps: list[tuple[float, int, int]], slower: int = 1) -> list[Observation]:
    """From 70 C down by steps; minutes since the last report and minutes it is believed, all ``slower`` times as long."""
    out, at_ms, value = [Observation(at_ms=0, value=70.0, valid_until_ms=20 * MINUTE * slower)], 0, 70.0
    for fall, after_min, valid_min in steps:
        at_ms, value = at_ms + after_min * MINUTE * slower, value - fall
        out.append(Observation(at_ms=at_ms, value=value, valid_until_ms=at_ms + valid_min * MINUTE * slower))
    return out


@given(falls, st.integers(1, 40), st.sampled_from([NO_FORECAST, 4.0, 28.0]))
def test_a_split_series_judges_the_same(steps: list[tuple[float, int, int]], size: int, ambient_c: float) -> None:
    """Stop anywhere, save the state as JSON, go on: the same events and the same state."""
    seen = observed(steps)
    one = lambda state, observation: step(COOLING, state, observation, ambient_c)  # noqa: E731 - with its row
    assert judge_in_parts(one, CoolingState(), seen, size) == judge(one, CoolingState(), seen)


@given(falls)
def test_what_is_not_newer_changes_nothing(steps: list[tuple[float, int, int]]) -> None:
    """Every observation twice, the second time with another value: the same."""
    seen = observed(steps)
    doubled = [each for one in seen for each in (one, msgspec.structs.replace(one, value=4.0))]
    assert cool(doubled, 4) == cool(seen, 4)


GRAVITY = {"passed": 0, "unproven": 1, "broken": 2}


def worst(events: list[CoolingEvent]) -> int | None:
    """The gravest verdict on the first cooling; None: there was none."""
    first = [event for event in events if event.began_ms == events[0].began_ms]
    return max((GRAVITY[event.kind] for event in first if event.kind in GRAVITY), default=None)


@given(falls, st.integers(2, 5))
def test_slower_cooling_is_never_milder(steps: list[tuple[float, int, int]], slower: int) -> None:
    """The same values, each stretch so many times as long: a graver verdict or the same one."""
    fast, slow = worst(cool(observed(steps))[1]), worst(cool(observed(steps, slower))[1])
    if fast is not None:
        assert slow is not None
        assert slow >= fast


@given(falls)
def test_a_gap_is_neither_safe_nor_an_excursion(steps: list[tuple[float, int, int]]) -> None:
    """Passed: in time by the wall clock, gaps and all. Broken: too long in measured time alone."""
    seen = observed(steps)
    for event in cool(seen)[1]:
        since = event.began_ms if event.stage == 1 or event.middle_ms is None else event.middle_ms
        measured = sum(
            max(0, min(one.valid_until_ms, after.at_ms, event.at_ms) - max(one.at_ms, since))
            for one, after in zip(seen, seen[1:], strict=False)
        )
        if event.kind == "passed":
            assert event.middle_ms is not None
            assert event.middle_ms - event.began_ms <= 120 * MINUTE
            assert event.at_ms - event.middle_ms <= 240 * MINUTE
        if event.kind == "broken":
            assert measured >= (120 if event.stage == 1 else 240) * MINUTE


@given(falls, st.integers(-20_000_000, 20_000_000), st.integers(0, 10**8))
def test_a_state_on_a_new_timeline_lies_in_its_past(
    steps: list[tuple[float, int, int]], shift_ms: int, first_ms: int
) -> None:
    """All stamps move as one and end before the new boot's first; what was counted stays."""
    state, _ = cool(observed(steps), 4)
    moved = rebase(state, shift_ms, first_ms)
    assert state.last_ms is not None
    assert moved.last_ms is not None
    assert moved.last_ms == moved.valid_until_ms < first_ms
    by = moved.last_ms - state.last_ms
    assert by <= shift_ms
    assert [at_ms - by for at_ms, _ in moved.points] == [at_ms for at_ms, _ in state.points]
    assert (moved.measured_ms, moved.unknown_ms) == (state.measured_ms, state.unknown_ms)
    if state.stage:
        assert moved.began_ms == state.began_ms + by
    assert (moved.middle_ms is None) == (state.middle_ms is None)
    assert moved.middle_ms is None or moved.middle_ms - moved.began_ms == (state.middle_ms or 0) - state.began_ms
    assert rebase(CoolingState(), shift_ms, first_ms) == CoolingState()


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=40))
def test_no_value_raises(values: list[float]) -> None:
    """A probe may say anything, infinity included."""
    state, _ = cool(series(values, 5 * MINUTE), 4)
    assert state.last_value == values[-1]
