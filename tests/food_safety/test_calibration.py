"""Checks of thermometers: boiling water by altitude, verdicts, and corrections that map to their references."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.calibration import (
    DAY_MS,
    LEAST_SPAN_C,
    NONE,
    REACH_C,
    REJECT_TOLERANCES,
    Judgement,
    Point,
    boiling_c,
    correction,
    due_ms,
    judge,
    tolerance_c,
    unfit,
)
from pawon_food_safety.profile import load_profile
from pawon_food_safety.rows import Calibration

FIXED, HAND = 0.5, 1.0
degrees = st.floats(-30, 110).map(lambda value: round(value, 2))


def point(reading_c: float, reference_c: float = 0.0) -> Point:
    """A point that was checked."""
    return Point(reading_c=reading_c, reference_c=reference_c)


def verdict(*points: Point, tolerance: float = FIXED) -> Judgement:
    """Judged against an ice bath."""
    return judge(points, tolerance, 0.2)


@pytest.mark.parametrize(
    ("altitude_m", "boils_c"), [(0, 100.0), (500, 98.3), (768, 97.4), (1000, 96.7), (1500, 95.0), (2000, 93.4)]
)
def test_water_boils_earlier_on_a_mountain(altitude_m: float, boils_c: float) -> None:
    """By Antoine's equation and the standard atmosphere, as tables print it: to the tenth (768 m: Bandung)."""
    assert boiling_c(altitude_m) == pytest.approx(boils_c, abs=0.06)


@pytest.mark.parametrize(
    ("reading_c", "tolerance", "said"),
    [
        (0.0, FIXED, "ok"), (0.5, FIXED, "ok"), (-0.5, FIXED, "ok"), (0.51, FIXED, "adjust"), (-0.6, FIXED, "adjust"),
        (2.0, FIXED, "adjust"), (2.1, FIXED, "reject"), (-2.1, FIXED, "reject"), (85.0, FIXED, "reject"),
        (1.0, HAND, "ok"), (-1.0, HAND, "ok"), (1.1, HAND, "adjust"), (4.0, HAND, "adjust"), (4.1, HAND, "reject"),
    ],
)  # fmt: skip
def test_the_ice_point_has_three_answers(reading_c: float, tolerance: float, said: str) -> None:
    """Within the tolerance good as it is; up to four times it corrected; beyond, broken. The bounds belong inside."""
    found = verdict(point(reading_c), tolerance=tolerance)
    assert (found.verdict, found.error_c) == (said, reading_c)
    assert (found.correction == NONE) == (said != "adjust")
    if said == "adjust":
        assert found.correction.apply(reading_c) == 0.0


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ((point(0.2), point(97.6, 97.4)), "ok"),
        ((point(0.2), point(98.6, 97.4)), "adjust"),
        ((point(-1.0), point(98.4, 97.4)), "adjust"),
        ((point(-1.9), point(99.3, 97.4)), "reject"),  # at the ends of its reach more than it may be
        ((point(0.2), point(99.6, 97.4)), "reject"),
        ((point(20.0, 20.0), point(41.9, 40.0)), "reject"),  # a slope that freezers would not bear
        ((point(0.3, 20.0), point(0.3, 40.0)), "reject"),
        ((point(30.0, 20.0), point(20.0, 40.0)), "reject"),
    ],
)  # fmt: skip
def test_two_points_are_judged_by_the_worse_one(points: tuple[Point, ...], said: str) -> None:
    """And by what the line through them would do to a freezer and to boiling water."""
    assert verdict(*points).verdict == said


@given(degrees, degrees, degrees, degrees)
def test_a_correction_maps_every_point_to_its_reference(a: float, b: float, m: float, n: float) -> None:
    """One point by an offset, two by a line, to the thousandth."""
    one = [point(m, a)]
    assert correction(one).apply(m) == pytest.approx(a, abs=0.0006)
    two = [point(m, a), point(n, b)]
    if unfit(two) is None and judge(two, FIXED, 0.2).verdict == "adjust":
        line = judge(two, FIXED, 0.2).correction
        assert line.apply(m) == pytest.approx(a, abs=0.0006)
        assert line.apply(n) == pytest.approx(b, abs=0.0006)


near = st.tuples(degrees, st.floats(-5, 5)).map(lambda pair: point(round(pair[0] + pair[1], 2), pair[0]))
pairs = st.lists(near, min_size=1, max_size=2).filter(lambda points: unfit(points) is None)


@given(pairs, st.lists(st.floats(-60, 260), min_size=2, max_size=20), st.sampled_from([FIXED, HAND]))
def test_a_corrected_series_keeps_its_order_and_never_moves_far(
    points: list[Point], series: list[float], tolerance: float
) -> None:
    """Warmer stays warmer; within its reach no value is moved by more than a broken sensor's error; and only
    ``adjust`` moves any."""
    found = judge(points, tolerance, 0.2)
    corrected = [found.correction.apply(value) for value in sorted(series)]
    assert corrected == sorted(corrected)
    if found.verdict != "adjust":
        assert found.correction == NONE
    for value in series:
        if REACH_C[0] <= value <= REACH_C[1]:
            assert abs(found.correction.apply(value) - value) <= tolerance * REJECT_TOLERANCES + 0.001


@given(near, st.sampled_from([FIXED, HAND]))
def test_a_better_thermometer_is_never_judged_worse(checked: Point, tolerance: float) -> None:
    """Half the error is no worse verdict, and never more uncertain under the same one."""
    order = ("ok", "adjust", "reject")
    worse = judge([checked], tolerance, 0.2)
    better = judge([point(checked.reference_c + checked.error_c / 2, checked.reference_c)], tolerance, 0.2)
    assert order.index(better.verdict) <= order.index(worse.verdict)
    if better.verdict == worse.verdict:
        assert better.uncertainty_c <= worse.uncertainty_c


def test_uncertainty_holds_what_is_left_uncorrected() -> None:
    """Good as it is: its error stays in; corrected: only what the bath and the display leave."""
    assert verdict(point(0.3)).uncertainty_c == pytest.approx(0.3 + math.hypot(0.2, 0.1), abs=0.001)
    assert verdict(point(0.9)).uncertainty_c == pytest.approx(math.hypot(0.2, 0.1), abs=0.001)


@pytest.mark.parametrize(
    "points",
    [
        (), (point(0), point(1, 30), point(2, 60)), (point(math.nan),), (point(0, math.inf),),
        (point(0), point(19, LEAST_SPAN_C - 1)),
    ],
)  # fmt: skip
def test_points_that_tell_nothing_are_refused_in_words(points: tuple[Point, ...]) -> None:
    """None, three, no numbers, or two beside each other."""
    assert unfit(points)


def test_when_the_next_check_is_due() -> None:
    """By the profile's row of its kind, never later than a laboratory said; where neither says anything, never."""
    bare = load_profile("DEMO")
    row = Calibration(point="*", kind="hand", every_days=7, tolerance_c=0.8)
    profile = msgspec.structs.replace(bare, calibration=[row])
    assert due_ms(profile, "hand", 1_000) == 1_000 + 7 * DAY_MS
    assert due_ms(profile, "hand", 1_000, 5_000) == 5_000
    assert due_ms(profile, "hand", 1_000, 10**12) == 1_000 + 7 * DAY_MS
    assert due_ms(profile, "fixed", 1_000) is None
    assert due_ms(profile, "fixed", 1_000, 5_000) == 5_000
    assert (tolerance_c(profile, "hand"), tolerance_c(profile, "fixed")) == (0.8, 0.5)
