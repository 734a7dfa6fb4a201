"""Cooling ahead: the fit, the forecast, and what is refused."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.models.newton import fit, seconds_to, value_after

MINUTE = 60_000


def cooling(start_c: float, ambient_c: float, tau_s: float, minutes: int = 30) -> list[tuple[int, float]]:
    """Newton's law read once a minute."""
    return [(n * MINUTE, ambient_c + (start_c - ambient_c) * math.exp(-n * 60 / tau_s)) for n in range(minutes + 1)]


def test_the_computed_forecast() -> None:
    """75 C in 30 C with tau 1.5 h is at 41.9 C after 2 h, told after the first half hour."""
    found = fit(cooling(75.0, 30.0, 5400.0), ambient_c=30.0)
    assert found is not None
    assert found.tau_s == pytest.approx(5400.0)
    assert found.error_c == pytest.approx(0.0, abs=1e-9)
    assert value_after(found, 1.5 * 3600) == pytest.approx(41.9, abs=0.05)
    assert seconds_to(found, 41.86) == pytest.approx(1.5 * 3600, rel=0.001)


@given(
    ambient=st.floats(-5, 35),
    above=st.floats(10, 70),
    tau_s=st.floats(600, 50_000),
    minutes=st.integers(15, 60),
    share=st.floats(0.05, 0.99),
)
def test_a_true_law_is_found_and_told_ahead(
    ambient: float, above: float, tau_s: float, minutes: int, share: float
) -> None:
    """Any pot that follows the law: tau, the way to a target, and the temperature when it is reached agree."""
    found = fit(cooling(ambient + above, ambient, tau_s, minutes), ambient)
    assert found is not None
    assert found.tau_s == pytest.approx(tau_s, rel=1e-4)
    target = ambient + (found.value_c - ambient) * share
    seconds = seconds_to(found, target)
    assert seconds == pytest.approx(-tau_s * math.log(share), rel=1e-3)
    assert seconds is not None
    assert value_after(found, seconds) == pytest.approx(target, abs=1e-6)


def test_noise_moves_the_forecast_little() -> None:
    """A probe that rounds to 1/16 C and shakes by a tenth: tau within 5 %, the error told."""
    noise = random.Random(7)
    shaken = [(at, round((value + noise.gauss(0, 0.1)) * 16) / 16) for at, value in cooling(75.0, 30.0, 5400.0)]
    found = fit(shaken, 30.0)
    assert found is not None
    assert found.tau_s == pytest.approx(5400.0, rel=0.05)
    assert 0.03 < found.error_c < 0.3


def test_only_the_last_half_hour_counts() -> None:
    """What cooled in the pot, then in shallow pans: the pans' law."""
    pot = [(at_ms - 31 * MINUTE, 90.0) for at_ms, _ in cooling(90.0, 30.0, 1e9)]
    found = fit(pot + cooling(75.0, 30.0, 1800.0), 30.0)
    assert found is not None
    assert found.tau_s == pytest.approx(1800.0)


REFUSED = [
    ([], 30.0, "no reading"),
    (cooling(75.0, 30.0, 5400.0, 14), 30.0, "14 minutes only"),
    (cooling(75.0, 30.0, 5400.0)[::10], 30.0, "four readings"),
    ([(0, 75.0)] * 9, 30.0, "one moment"),
    (cooling(75.0, 30.0, 5400.0), 63.0, "an ambient warmer than the food at the end"),
    ([(n * MINUTE, 30.0) for n in range(31)], 30.0, "at the ambient"),
    ([(n * MINUTE, 60.0) for n in range(31)], 30.0, "a standstill"),
    ([(n * MINUTE, 60.0 + n / 10) for n in range(31)], 30.0, "a rise"),
    ([(n * MINUTE, 60.0 - n / 10_000) for n in range(31)], 30.0, "a standstill that drifts"),
    ([(n * MINUTE, math.nan) for n in range(31)], 30.0, "no temperatures"),
    (cooling(75.0, 30.0, 5400.0), math.nan, "no ambient"),
    (cooling(75.0, 30.0, 5400.0), -math.inf, "no ambient"),
]  # fmt: skip


@pytest.mark.parametrize(("series", "ambient_c", "why"), REFUSED)
def test_what_does_not_cool_is_not_forecast(series: list[tuple[int, float]], ambient_c: float, why: str) -> None:
    """None instead of a number that nobody should trust."""
    assert fit(series, ambient_c) is None, why


def test_what_is_no_temperature_is_left_out() -> None:
    """One broken reading does not end the forecast."""
    series = cooling(75.0, 30.0, 5400.0)
    spoilt = [*series[:10], (10 * MINUTE, math.nan), *series[11:], (31 * MINUTE, math.inf)]
    found = fit(spoilt, 30.0)
    assert found is not None
    assert (found.at_ms, found.tau_s) == (30 * MINUTE, pytest.approx(5400.0))


def test_targets_that_are_reached_or_never_will_be() -> None:
    """Zero is an answer; the ambient itself and below are none."""
    found = fit(cooling(75.0, 30.0, 5400.0), 30.0)
    assert found is not None
    assert seconds_to(found, 75.0) == seconds_to(found, found.value_c) == 0.0
    assert seconds_to(found, 30.0) is seconds_to(found, 5.0) is seconds_to(found, math.nan) is None


@given(series=st.lists(st.tuples(st.integers(0, 40 * MINUTE), st.floats()), max_size=40), ambient=st.floats())
def test_garbage_never_raises(series: list[tuple[int, float]], ambient: float) -> None:
    """Any numbers in any order: a cooling with a time constant above zero, or None."""
    found = fit(series, ambient)
    assert found is None or (0 < found.tau_s < math.inf and math.isfinite(found.value_c))
