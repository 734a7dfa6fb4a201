"""Cooking: hold and lethality of one core, the ends of a session, and the probes of a batch."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.cooking import LONGEST_GAP_MS, CookingEvent, CookingState, coldest, rebase, step
from pawon_food_safety.limit import Observation
from pawon_food_safety.rows import Cooking
from tests.food_safety.scenarios import COOKING, MINUTE, SECOND, judge, judge_in_parts, line, series

# The same rule by the hold alone: no F would be enough.
HOLD_ONLY = msgspec.structs.replace(COOKING, f_min=1e9)


def cook(
    values: list[float], every_ms: int = SECOND, row: Cooking = COOKING
) -> tuple[CookingState, list[CookingEvent]]:
    """The state after a series of a core, and its events."""
    return judge(lambda state, seen: step(row, state, seen), CookingState(), series(values, every_ms))


def kinds(events: list[CookingEvent]) -> list[str]:
    """What happened, in order."""
    return [event.kind for event in events]


# UK: 70 C for 2 minutes and its equals at z 7.5, by 10 ** ((70 - T) / 7.5) * 2 minutes.
@pytest.mark.parametrize(("core_c", "minutes"), [(60, 43.1), (65, 9.28), (70, 2.0), (75, 0.431), (80, 0.0928)], ids=str)
def test_equal_lethalities_pass_at_their_time_and_not_before(core_c: float, minutes: float) -> None:
    """The table of equal lethalities: dated to the millisecond by the formula, to three digits by the publication."""
    exact_ms = 120_000 * 10 ** ((70 - core_c) / 7.5)
    assert exact_ms == pytest.approx(minutes * MINUTE, rel=2e-3)
    _, events = cook([core_c] * (math.ceil(exact_ms / SECOND) + 2))
    assert kinds(events) == ["begun", "passed"]
    assert events[1].at_ms == math.ceil(exact_ms - 1e-6)
    assert events[1].f_value_min == pytest.approx(2.0, abs=1e-3)
    _, early = cook([core_c] * (math.ceil(exact_ms / SECOND) - 1))
    assert kinds(early) == ["begun"]


@pytest.mark.parametrize(
    ("core_c", "seconds", "passed"), [(75.0, 29, False), (75.0, 30, True), (75.0, 31, True), (74.9375, 3600, False)]
)
def test_the_hold_is_full_at_its_last_second(core_c: float, seconds: int, passed: bool) -> None:
    """75 C for 30 s passes at 30 s, one second less does not; one step of a DS18B20 below 75 C never does."""
    _, events = cook([core_c] * (seconds + 1), row=HOLD_ONLY)
    assert kinds(events) == (["begun", "passed"] if passed else ["begun"])
    assert not passed or events[1].at_ms == 30 * SECOND


def test_an_instant_hold_passes_by_a_touch() -> None:
    """74 C without a hold (FDA poultry) passes at the value itself."""
    row = msgspec.structs.replace(HOLD_ONLY, core_c=74, hold_s=0)
    _, events = cook([70, 74, 73], row=row)
    assert [(event.kind, event.at_ms) for event in events] == [("begun", 0), ("passed", SECOND)]
    assert kinds(cook([70, 73.9, 73.9], row=row)[1]) == ["begun"]


@pytest.mark.parametrize(("every_ms", "within"), [(100, 0.0005), (SECOND, 0.005), (10 * SECOND, 0.04)])
def test_a_ramp_is_worth_its_integral_less_what_holding_costs(every_ms: int, within: float) -> None:
    """60 to 75 C in 10 minutes is F70 9.978 min exactly. Held values count what was colder: never more than that, and
    less by half a step's rise (0.46 / min): 0.05 % at 0.1 s, 0.5 % at 1 s, 4 % at 10 s."""
    row = msgspec.structs.replace(COOKING, hold_s=3600)
    state, _ = cook(line(60, 75, 10 * MINUTE, every_ms), every_ms, row)
    assert 9.978 * (1 - within) <= state.lethal_ms / MINUTE <= 9.9785


def test_nothing_counts_below_the_floor() -> None:
    """Hours just below 55 C are worth nothing; at 55 C they begin to count."""
    assert cook([54.9] * 1000, MINUTE)[0].lethal_ms == 0
    assert cook([55.0] * 1000, MINUTE)[0].lethal_ms > 0


def test_the_coldest_sample_between_two_reports_counts() -> None:
    """A report that tells of a colder sample breaks the hold and lowers F for its stretch."""
    seen = series([75.0] * 31, SECOND)
    seen[20] = msgspec.structs.replace(seen[20], low=60.0)
    _, events = judge(lambda state, one: step(HOLD_ONLY, state, one), CookingState(), seen)
    assert kinds(events) == ["begun"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([30, 50, 69, 69, 30], ["begun", "failed"], id="taken out undercooked, below begin_c"),
        pytest.param([30, 50, 69, 69, 59, 58], ["begun", "failed"], id="ten degrees below its peak"),
        pytest.param([30, 50, 69, 69, 59.1], ["begun"], id="stirred"),
        pytest.param([30, 50, 54.9, 44, 39], ["begun", "ended"], id="never came to the floor: nothing was cooked"),
        pytest.param([30, 70, 80, 80, 80, 69], ["begun", "passed", "ended"], id="cooked and taken out"),
        pytest.param([30, 69, 59, 60, 63.9], ["begun", "failed"], id="still hot where it stands"),
        pytest.param([30, 69, 59, 64, 80, 80], ["begun", "failed", "begun", "passed"], id="cooked on and passed"),
        pytest.param([30, 39.9, 39.9], [], id="never in a pan"),
        pytest.param([40.0], ["begun"], id="exactly begin_c"),
    ],
)
def test_sessions_begin_and_end_as_pans_do(values: list[float], expected: list[str]) -> None:
    """Every session that begins has one end: ended, failed, or unproven."""
    assert kinds(cook(values, 10 * SECOND)[1]) == expected


def test_an_undercooked_end_tells_how_far_it_came() -> None:
    """Peak, F, measured and unknown time are those of the session."""
    _, events = cook([50, 65, 68, 68, 30], MINUTE)
    failed = events[-1]
    assert (failed.kind, failed.peak_c, failed.measured_ms, failed.unknown_ms) == ("failed", 68, 4 * MINUTE, 0)
    assert failed.f_value_min == pytest.approx(10 ** (-5 / 7.5) + 2 * 10 ** (-2 / 7.5))


def test_a_gap_breaks_the_hold_and_adds_nothing_to_f() -> None:
    """20 s at 75 C, 10 s unknown, 20 s at 75 C is no hold of 30 s, and its F is that of 40 s."""
    seen = [
        Observation(at_ms=0, value=75, valid_until_ms=20 * SECOND),
        Observation(at_ms=30 * SECOND, value=75, valid_until_ms=50 * SECOND),
        Observation(at_ms=50 * SECOND, value=74, valid_until_ms=60 * SECOND),
    ]
    state, events = judge(lambda state, one: step(HOLD_ONLY, state, one), CookingState(), seen)
    assert kinds(events) == ["begun"]
    assert (state.measured_ms, state.unknown_ms) == (40 * SECOND, 10 * SECOND)
    assert state.lethal_ms == pytest.approx(40 * SECOND * 10 ** (5 / 7.5))


@pytest.mark.parametrize(
    ("gap_ms", "after_c", "expected"),
    [
        (5 * SECOND, 69, ["begun", "failed"]),
        (40 * SECOND, 69, ["begun", "unproven"]),
        (LONGEST_GAP_MS, 69, ["begun", "unproven"]),
        (LONGEST_GAP_MS + 1, 69, ["begun", "unproven", "begun", "ended"]),
        (LONGEST_GAP_MS + 1, 30, ["begun", "unproven"]),
    ],
)
def test_what_a_gap_may_hide_is_unproven(gap_ms: int, after_c: float, expected: list[str]) -> None:
    """Too short to have cooked the food: failed all the same. Long enough: unproven. Too long: another session."""
    row = msgspec.structs.replace(COOKING, floor_c=69.5)
    seen = [
        Observation(at_ms=0, value=69.5, valid_until_ms=10 * SECOND),
        Observation(at_ms=10 * SECOND + gap_ms, value=after_c, valid_until_ms=20 * SECOND + gap_ms),
        Observation(at_ms=20 * SECOND + gap_ms, value=30, valid_until_ms=30 * SECOND + gap_ms),
    ]
    _, events = judge(lambda state, one: step(row, state, one), CookingState(), seen)
    assert kinds(events) == expected


def test_a_batch_has_passed_when_every_probe_has() -> None:
    """Three probes: two passed are not enough; the coldest figures are told, and how many were measured."""
    hot, cold, nowhere = cook([75.0] * 40)[0], cook([69.0] * 40)[0], cook([28.0] * 40)[0]
    whole = coldest(COOKING, [hot, hot, hot])
    assert (whole.passed_ms, whole.measured, whole.wanted, whole.peak_c) == (hot.passed_ms, 3, 3, 75)
    raw = coldest(COOKING, [hot, cold, hot])
    assert (raw.passed_ms, raw.measured, raw.peak_c) == (None, 3, 69)
    assert raw.f_value_min == cold.lethal_ms / MINUTE
    few = coldest(COOKING, [hot, nowhere])
    assert (few.passed_ms, few.measured) == (None, 1)
    assert coldest(COOKING, [hot]).passed_ms == hot.passed_ms
    assert coldest(COOKING, []).passed_ms is None


def test_a_batch_stays_passed_after_its_probes_were_taken_out() -> None:
    """What a session came to is kept until the next one begins."""
    state, events = cook([75.0] * 40 + [30.0, 29.0])
    assert kinds(events) == ["begun", "passed", "ended"]
    assert coldest(COOKING, [state]).passed_ms == events[1].at_ms


core = st.floats(min_value=20, max_value=95).map(lambda c: round(c, 2))
cores = st.lists(core, min_size=1, max_size=60)
reports = st.lists(
    st.tuples(core, st.integers(1, 120), st.integers(0, 180), st.booleans()), min_size=1, max_size=60
)  # value, seconds since the last report, seconds it is believed, whether the report tells of a colder sample


def observed(told: list[tuple[float, int, int, bool]]) -> list[Observation]:
    """Reports at uneven times, some of them not believed until the next."""
    out, at_ms = [], 0
    for value, after_s, valid_s, colder in told:
        at_ms += after_s * SECOND
        low = value - 2 if colder else None
        out.append(Observation(at_ms=at_ms, value=value, valid_until_ms=at_ms + valid_s * SECOND, low=low))
    return out


@given(reports, st.integers(1, 60))
def test_a_split_series_judges_the_same(told: list[tuple[float, int, int, bool]], size: int) -> None:
    """Stop anywhere, save the state as JSON, go on: the same events and the same state."""
    seen = observed(told)
    one = lambda state, observation: step(COOKING, state, observation)  # noqa: E731 - the step with its row
    assert judge_in_parts(one, CookingState(), seen, size) == judge(one, CookingState(), seen)


@given(reports)
def test_what_is_not_newer_changes_nothing(told: list[tuple[float, int, int, bool]]) -> None:
    """Every observation twice, the second time with another value: the same."""
    seen = observed(told)
    doubled = [each for one in seen for each in (one, msgspec.structs.replace(one, value=99.0))]
    one = lambda state, observation: step(COOKING, state, observation)  # noqa: E731 - the step with its row
    assert judge(one, CookingState(), doubled) == judge(one, CookingState(), seen)


def first_pass(seen: list[Observation]) -> float:
    """When a series passes; never: infinity."""
    _, events = judge(lambda state, one: step(COOKING, state, one), CookingState(), seen)
    return min((event.at_ms for event in events if event.kind == "passed"), default=math.inf)


@given(reports, st.floats(min_value=0, max_value=40))
def test_colder_food_never_passes_earlier(told: list[tuple[float, int, int, bool]], colder_c: float) -> None:
    """The same day so many degrees colder passes later or not at all, gaps and sessions included."""
    cold = observed([(value - colder_c, *rest) for value, *rest in told])
    assert first_pass(cold) >= first_pass(observed(told))


@given(st.lists(st.tuples(st.floats(66, 75.9), st.floats(0, 1)), min_size=1, max_size=100))
def test_food_that_is_colder_anywhere_never_passes_earlier(pairs: list[tuple[float, float]]) -> None:
    """In one session each value may be colder by its own: never more passed, and never a greater F."""
    mild = [66 + (value - 66) * share for value, share in pairs]
    assert first_pass(series(mild, 5 * SECOND)) >= first_pass(series([value for value, _ in pairs], 5 * SECOND))
    assert cook(mild, 5 * SECOND)[0].lethal_ms <= cook([value for value, _ in pairs], 5 * SECOND)[0].lethal_ms + 1e-6


@given(reports)
def test_a_gap_is_neither_safe_nor_an_excursion(told: list[tuple[float, int, int, bool]]) -> None:
    """A pass needs the time that was measured; a failure stays one even if the unknown time was all at the peak."""
    seen = observed(told)
    held = {
        one.at_ms: max(0, min(one.valid_until_ms, after.at_ms) - one.at_ms)
        for one, after in zip(seen, seen[1:], strict=False)
    }
    for event in judge(lambda state, one: step(COOKING, state, one), CookingState(), seen)[1]:
        session = [one for one in seen if event.began_ms <= one.at_ms < event.at_ms]
        known = sum(min(held[one.at_ms], event.at_ms - one.at_ms) for one in session)
        assert event.measured_ms == known
        hottest = sum(
            min(held[one.at_ms], event.at_ms - one.at_ms) * 10 ** ((one.value - 70) / 7.5)
            for one in session
            if one.value >= 55
        )
        hot = sum(min(held[one.at_ms], event.at_ms - one.at_ms) for one in session if one.value >= 75)
        if event.kind == "passed":
            assert hot >= 30 * SECOND or hottest >= 2 * MINUTE - 1e-3
        if event.kind == "failed" and event.unknown_ms:
            assert hot + event.unknown_ms < 30 * SECOND
            assert event.f_value_min + event.unknown_ms / MINUTE * 10 ** ((max(event.peak_c, 75) - 70) / 7.5) < 2


@given(reports, st.integers(-20_000_000, 20_000_000), st.integers(0, 10**8))
def test_a_state_on_a_new_timeline_lies_in_its_past(
    told: list[tuple[float, int, int, bool]], shift_ms: int, first_ms: int
) -> None:
    """All stamps move as one and end before the new boot's first; what was counted stays."""
    state, _ = judge(lambda state, one: step(COOKING, state, one), CookingState(), observed(told))
    moved = rebase(state, shift_ms, first_ms)
    assert state.last_ms is not None
    assert moved.last_ms is not None
    assert moved.last_ms == moved.valid_until_ms < first_ms
    by = moved.last_ms - state.last_ms
    assert by <= shift_ms
    stamps = ("began_ms", "ended_ms", "passed_ms")
    for name in stamps:
        was = getattr(state, name)
        assert getattr(moved, name) == (None if was is None else was + by)
    back = {name: getattr(state, name) for name in (*stamps, "last_ms", "valid_until_ms")}
    assert msgspec.structs.replace(moved, **back) == state
    assert rebase(CookingState(), shift_ms, first_ms) == CookingState()


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_no_value_raises(values: list[float]) -> None:
    """A probe may say anything, infinity included."""
    state, _ = cook(values)
    assert state.last_value == values[-1]
