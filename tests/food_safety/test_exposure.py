"""Exposure: minutes in the danger zone, their sum, and what becomes of the food."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.food_safety.scenarios import HOUR, LADDER, MINUTE, SECOND, THAWING, series

from pawon_food_safety.exposure import (
    Exposure,
    ExposureState,
    disposition,
    expose,
    ladder_step,
    rebase,
    step,
)
from pawon_food_safety.limit import Observation


@pytest.mark.parametrize(
    ("value", "below", "inside", "above"),
    [(4.9, 1, 0, 0), (5.0, 1, 0, 0), (5.01, 0, 1, 0), (0.0, 1, 0, 0), (59.99, 0, 1, 0), (60.0, 0, 0, 1), (75, 0, 0, 1)],
)
def test_the_edges_of_the_zone_are_outside(value: float, below: int, inside: int, above: int) -> None:
    """5 C and 60 C exactly are safe; anything between is not."""
    exposed = expose(5, 60, series([value] * 61, MINUTE), 0, HOUR)
    assert (exposed.below_ms, exposed.inside_ms, exposed.above_ms) == (below * HOUR, inside * HOUR, above * HOUR)
    assert (exposed.unknown_ms, exposed.min_c, exposed.max_c) == (0, value, value)


def test_time_without_a_value_is_unknown_before_between_and_after() -> None:
    """Nothing is known before the first value, after its validity's end, and of no series at all."""
    seen = series([4.0, 20.0], 30 * MINUTE, 10 * MINUTE, valid_ms=5 * MINUTE)
    exposed = expose(5, 60, seen, 0, HOUR)
    assert exposed == Exposure(below_ms=5 * MINUTE, inside_ms=5 * MINUTE, unknown_ms=50 * MINUTE, min_c=4.0, max_c=20.0)
    assert expose(5, 60, [], 0, HOUR) == Exposure(unknown_ms=HOUR)
    assert expose(5, 60, seen, HOUR, HOUR) == expose(5, 60, seen, HOUR, 0) == Exposure()


def test_a_value_reaches_into_a_stretch_that_begins_after_it() -> None:
    """Food put down at half past is as warm as the value of a quarter past says, while that holds."""
    seen = series([20.0], MINUTE, 15 * MINUTE, valid_ms=20 * MINUTE)
    assert expose(5, 60, seen, 30 * MINUTE, HOUR) == Exposure(
        inside_ms=5 * MINUTE, unknown_ms=25 * MINUTE, min_c=20.0, max_c=20.0
    )


def test_extremes_are_those_of_the_samples() -> None:
    """What a report tells of the samples it stands for is seen, also where zero is the coldest."""
    seen = [Observation(at_ms=0, value=4.0, valid_until_ms=HOUR, low=0.0, high=9.0)]
    exposed = expose(5, 60, seen, 0, HOUR)
    assert (exposed.min_c, exposed.max_c) == (0.0, 9.0)
    assert expose(5, 60, [*seen, *series([-3.0], MINUTE, HOUR)], 0, HOUR) == exposed
    assert (exposed + Exposure(min_c=1.0, max_c=2.0)).min_c == 0.0


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (0, "use"), (2 * HOUR - SECOND, "use"), (2 * HOUR, "hold"), (2 * HOUR + SECOND, "hold"),
        (4 * HOUR - SECOND, "hold"), (4 * HOUR, "discard"), (4 * HOUR + SECOND, "discard"), (100 * HOUR, "discard"),
    ],
)  # fmt: skip
def test_the_ladder_has_its_steps_to_the_second(ms: int, expected: str) -> None:
    """Below 2 h use, from 2 h on hold, from 4 h on throw away; in whatever order the rows stand."""
    for ladder in (LADDER, LADDER[::-1]):
        row = ladder_step(ladder, ms)
        assert row is not None
        assert row.disposition == expected
    assert disposition(LADDER, Exposure(inside_ms=ms)) == expected


def test_no_ladder_and_no_step_yet_say_use() -> None:
    """Before the first step there is no row, and the food may be used."""
    assert ladder_step([], HOUR) is None
    assert ladder_step(THAWING, HOUR) is None
    assert disposition(THAWING, Exposure(inside_ms=HOUR)) == "use"


@pytest.mark.parametrize(
    ("inside_h", "unknown_h", "expected"),
    [(1, 0.5, "use"), (1, 1, "hold"), (0, 100, "hold"), (3, 1, "hold"), (3, 100, "hold"), (4, 1, "discard")],
)
def test_unknown_time_frees_nothing_and_condemns_nothing(inside_h: float, unknown_h: float, expected: str) -> None:
    """Where it could have made things worse the food is held; only measured time throws it away."""
    exposed = Exposure(inside_ms=round(inside_h * HOUR), unknown_ms=round(unknown_h * HOUR))
    assert disposition(LADDER, exposed) == expected


@pytest.mark.parametrize(("minutes", "expected"), [(239, "use"), (240, "discard"), (241, "discard")])
def test_thawing_is_an_exposure_from_5_c_up(minutes: int, expected: str) -> None:
    """4 h in all above 5 C, in two stretches with cold ones between: a band and a ladder cover it."""
    seen = series([3.0] * 60 + [8.0] * 120 + [5.0] * 300 + [8.0] * (minutes - 120) + [4.0] * 60, MINUTE)
    exposed = expose(5, 60, seen, 0, len(seen) * MINUTE)
    assert exposed.inside_ms == minutes * MINUTE
    assert disposition(THAWING, exposed) == expected


values = st.one_of(st.sampled_from([5.0, 60.0, 4.9, 60.1]), st.floats(-20, 90).map(lambda c: round(c, 1)))
reports = st.lists(st.tuples(values, st.integers(1, 90), st.integers(0, 90)), max_size=30)


def observed(told: list[tuple[float, int, int]], hotter_c: float = 0.0) -> list[Observation]:
    """Reports at uneven minutes, some of them not believed until the next."""
    out, at_ms = [], 0
    for value, after_min, valid_min in told:
        at_ms += after_min * MINUTE
        valid_until_ms = at_ms + valid_min * MINUTE
        value += hotter_c
        out.append(Observation(at_ms=at_ms, value=value, valid_until_ms=valid_until_ms, low=value - 1, high=value + 1))
    return out


@given(reports, st.integers(0, 40 * HOUR), st.integers(0, 40 * HOUR), st.integers(0, 40 * HOUR))
def test_a_history_is_the_sum_of_its_stretches(told: list[tuple[float, int, int]], a: int, b: int, c: int) -> None:
    """Cut anywhere, the parts add up to the whole, and every millisecond is counted once."""
    first, middle, last = sorted((a, b, c))
    seen = observed(told)
    whole = expose(5, 60, seen, first, last)
    assert expose(5, 60, seen, first, middle) + expose(5, 60, seen, middle, last) == whole
    assert whole.below_ms + whole.inside_ms + whole.above_ms + whole.unknown_ms == last - first


@given(reports)
def test_step_by_step_is_the_same_as_at_once(told: list[tuple[float, int, int]]) -> None:
    """The running sum, saved as JSON at every step, is that of the stretch from the first value to the last."""
    seen = observed(told)
    state = ExposureState()
    for one in seen:
        state = msgspec.json.decode(msgspec.json.encode(step(5, 60, state, one)), type=ExposureState)
        assert step(5, 60, state, msgspec.structs.replace(one, value=99.0)) == state
    if seen:
        whole = expose(5, 60, seen, seen[0].at_ms, seen[-1].at_ms)
        assert state.total == whole + Exposure(min_c=seen[-1].low, max_c=seen[-1].high)


@given(reports, st.floats(0, 50))
def test_hotter_food_from_a_cold_store_is_never_milder(told: list[tuple[float, int, int]], hotter_c: float) -> None:
    """So many degrees more: never less time above 5 C, never a milder disposition of a band without an upper end."""
    gravity = {"use": 0, "hold": 1, "discard": 2}
    mild, bad = (expose(5, 1e9, observed(told, more), 0, 50 * HOUR) for more in (0.0, hotter_c))
    assert bad.inside_ms >= mild.inside_ms
    assert bad.unknown_ms == mild.unknown_ms
    assert gravity[disposition(LADDER, bad)] >= gravity[disposition(LADDER, mild)]


@given(reports, st.integers(0, 50 * HOUR), st.integers(0, 50 * HOUR))
def test_longer_is_never_milder(told: list[tuple[float, int, int]], a: int, b: int) -> None:
    """The longer the same food lies, the graver or the same."""
    gravity = {"use": 0, "hold": 1, "discard": 2}
    short, long = (expose(5, 60, observed(told), 0, end) for end in sorted((a, b)))
    assert gravity[disposition(LADDER, long)] >= gravity[disposition(LADDER, short)]


@given(reports, st.data())
def test_a_lost_report_makes_time_unknown_and_nothing_else(
    told: list[tuple[float, int, int]], data: st.DataObject
) -> None:
    """Reports that are lost, each believed just until the next, add no time to any side of the band."""
    seen = observed([(value, after, after) for value, after, _ in told])
    seen = [msgspec.structs.replace(a, valid_until_ms=b.at_ms) for a, b in pairwise(seen)]
    kept = [one for one in seen if data.draw(st.booleans())]
    whole, part = (expose(5, 60, each, 0, 50 * HOUR) for each in (seen, kept))
    assert part.below_ms <= whole.below_ms
    assert part.inside_ms <= whole.inside_ms
    assert part.above_ms <= whole.above_ms
    gravity = {"use": 0, "hold": 1, "discard": 2}
    if disposition(LADDER, whole) != "use":
        assert gravity[disposition(LADDER, part)] >= 1


@given(reports, st.integers(-20_000_000, 20_000_000), st.integers(0, 10**8))
def test_a_state_on_a_new_timeline_lies_in_its_past(
    told: list[tuple[float, int, int]], shift_ms: int, first_ms: int
) -> None:
    """The last stamp ends before the new boot's first; the sum stays."""
    state = ExposureState()
    for one in observed(told):
        state = step(5, 60, state, one)
    moved = rebase(state, shift_ms, first_ms)
    assert moved.total == state.total
    if state.last_ms is None:
        assert moved == state
    else:
        assert moved.last_ms is not None
        assert moved.last_ms == moved.valid_until_ms < first_ms
        assert moved.last_ms <= state.last_ms + shift_ms
