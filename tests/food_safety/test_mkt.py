"""Mean kinetic temperature."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.models.mkt import mean_kinetic_temperature

SERIES = st.lists(st.tuples(st.floats(0.001, 1e7), st.floats(-90, 150)), min_size=1, max_size=10)

# ((hours, C) ..., MKT in C), computed with 83.144 kJ/mol and 8.314462618 J/mol/K.
CASES = [
    ([(1, 5.0)], 5.000),
    ([(1, 5.0), (9, 5.0)], 5.000),
    ([(1, 0.0), (1, 10.0)], 6.433),
    ([(7, 20.0), (7, 30.0)], 26.260),
    ([(23, 4.0), (1, 30.0)], 8.928),
]


@pytest.mark.parametrize(("hours", "expected"), CASES)
def test_the_computed_means(hours: list[tuple[float, float]], expected: float) -> None:
    """To the three digits given."""
    assert mean_kinetic_temperature([(3600 * h, t) for h, t in hours]) == pytest.approx(expected, abs=0.0005)


@given(series=SERIES)
def test_it_lies_between_the_ordinary_mean_and_the_hottest(series: list[tuple[float, float]]) -> None:
    """Heat counts more than cold, and nothing counts more than the hottest."""
    found = mean_kinetic_temperature(series)
    mean = sum(w * t for w, t in series) / sum(w for w, _ in series)
    assert found is not None
    assert mean - 1e-6 <= found <= max(t for _, t in series) + 1e-6


@given(series=SERIES, rise=st.floats(0, 30), which=st.integers(0, 9))
def test_hotter_is_never_a_lower_mean(series: list[tuple[float, float]], rise: float, which: int) -> None:
    """Raising one temperature never lowers it."""
    weight, value = series[which % len(series)]
    hotter = [*series]
    hotter[which % len(series)] = (weight, value + rise)
    before, after = mean_kinetic_temperature(series), mean_kinetic_temperature(hotter)
    assert before is not None
    assert after is not None
    assert after >= before - 1e-6


@given(series=SERIES, times=st.floats(0.01, 100))
def test_only_shares_of_time_count(series: list[tuple[float, float]], times: float) -> None:
    """Twice as long at everything is the same mean."""
    longer = mean_kinetic_temperature([(w * times, t) for w, t in series])
    assert longer == pytest.approx(mean_kinetic_temperature(series), abs=1e-6)


@pytest.mark.parametrize(
    "nonsense", [(0.0, 90.0), (-5.0, 90.0), (math.nan, 90.0), (math.inf, 90.0), (60.0, math.nan), (60.0, -273.15)]
)
def test_what_is_no_time_or_no_temperature_is_left_out(nonsense: tuple[float, float]) -> None:
    """Zero time adds nothing, bad input is no exception, and nothing at all has no mean."""
    assert mean_kinetic_temperature([(60.0, 4.0), nonsense]) == mean_kinetic_temperature([(60.0, 4.0)])
    assert mean_kinetic_temperature([nonsense]) is None
    assert mean_kinetic_temperature([]) is None
