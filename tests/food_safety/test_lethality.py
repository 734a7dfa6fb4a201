"""Heat treatment: the published tables, exact lines, gaps, and states that resume."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pawon_food_safety.models.lethality import (
    PROCESSES,
    LethalityState,
    Process,
    decimal_min,
    enough,
    f_value,
    log_reduction,
    minutes_at,
    rate,
    step,
)

MINUTE = 60_000
F70 = PROCESSES["f70"]
STRICT = PROCESSES["f70-strict"]
SALMONELLA = PROCESSES["salmonella-beef"]
BOTULINUM = PROCESSES["c-botulinum-90"]
UNITS = PROCESSES["pasteurisation-units"]

ANY_PROCESS = st.sampled_from(list(PROCESSES.values()))
TEMPERATURE = st.floats(min_value=-20, max_value=130)
SERIES = st.lists(st.tuples(st.integers(1, 30 * MINUTE), TEMPERATURE, st.booleans()), max_size=12)


def follow(
    process: Process, series: list[tuple[int, float, bool]], state: LethalityState | None = None
) -> LethalityState:
    """The state after a series of (ms since the reading before, temperature, held)."""
    state, at_ms = state or LethalityState(), (state.track.last_ms or 0) if state else 0
    for wait_ms, value_c, held in series:
        at_ms += wait_ms
        state = step(process, state, at_ms, value_c, held)
    return state


# (process, C, minutes, relative tolerance, source)
EQUAL_TIMES = [
    # The exact values of the formula; the tolerance is that of the printed digits.
    (F70, 60.0, 43.1, 0.002, "computed, z 7.5"),
    (F70, 65.0, 9.28, 0.001, "computed, z 7.5"),
    (F70, 70.0, 2.0, 1e-12, "UK ACMSF, 70 C 2 min"),
    (F70, 75.0, 0.431, 0.001, "computed, z 7.5"),
    (F70, 75.0, 25.9 / 60, 0.002, "computed, z 7.5"),
    (F70, 80.0, 0.0928, 0.001, "computed, z 7.5"),
    (F70, 80.0, 5.6 / 60, 0.01, "computed, z 7.5"),
    (STRICT, 65.0, 13.6, 0.003, "ACMSF E. coli revision, z 6, before rounding"),
    (STRICT, 65.0, 14.0, 0.04, "ACMSF E. coli revision, z 6, as published"),
    (STRICT, 60.0, 92.8, 0.001, "ACMSF E. coli revision, z 6, before rounding"),
    (STRICT, 60.0, 93.0, 0.003, "ACMSF E. coli revision, z 6, as published"),
    # FSIS Appendix A is a table in whole F: 130, 135 ... 157 F. What the fitted line gives, and the table within 10 %.
    (SALMONELLA, 54.444, 114.7, 0.002, "fitted line"),
    (SALMONELLA, 57.222, 36.3, 0.002, "fitted line"),
    (SALMONELLA, 60.0, 11.5, 1e-9, "fitted line"),
    (SALMONELLA, 62.778, 3.64, 0.002, "fitted line"),
    (SALMONELLA, 65.556, 1.153, 0.002, "fitted line"),
    (SALMONELLA, 54.444, 112.0, 0.10, "USDA FSIS Appendix A, beef, 6.5 log"),
    (SALMONELLA, 57.222, 36.0, 0.10, "USDA FSIS Appendix A, beef, 6.5 log"),
    (SALMONELLA, 60.0, 12.0, 0.10, "USDA FSIS Appendix A, beef, 6.5 log"),
    (SALMONELLA, 62.778, 4.0, 0.10, "USDA FSIS Appendix A, beef, 6.5 log"),
    (SALMONELLA, 65.556, 67 / 60, 0.10, "USDA FSIS Appendix A, beef, 6.5 log"),
    (SALMONELLA, 68.333, 22 / 60, 0.10, "USDA FSIS Appendix A, beef, 6.5 log"),
    (SALMONELLA, 69.444, 14 / 60, 0.10, "USDA FSIS Appendix A, beef, 6.5 log"),
    # All 21 rows of the table of the UK FSA (Chilled Food Association 2006), to their rounding.
    *((BOTULINUM, celsius, minutes, half / minutes, "CFA 2006, non-proteolytic C. botulinum")
      for celsius, minutes, half in [
        (80.0, 129.0, 0.5), (81.0, 100.0, 0.5), (82.0, 77.0, 0.5), (83.0, 60.0, 0.5), (84.0, 46.0, 0.5),
        (85.0, 36.0, 0.5), (86.0, 28.0, 0.5), (87.0, 22.0, 0.5), (88.0, 17.0, 0.5), (89.0, 13.0, 0.5),
        (90.0, 10.0, 0.05), (91.0, 7.9, 0.05), (92.0, 6.3, 0.05), (93.0, 5.0, 0.05),
        (94.0, 4.0, 0.05), (95.0, 3.2, 0.05), (96.0, 2.5, 0.05), (97.0, 2.0, 0.05),
        (98.0, 1.6, 0.05), (99.0, 1.3, 0.05), (100.0, 1.0, 0.05)]),
]  # fmt: skip


@pytest.mark.parametrize(("process", "value_c", "minutes", "tolerance", "source"), EQUAL_TIMES)
def test_the_published_times_come_out(
    process: Process, value_c: float, minutes: float, tolerance: float, source: str
) -> None:
    """Time at a constant temperature that equals the process, within the tolerance beside it."""
    assert minutes_at(process, value_c) == pytest.approx(minutes, rel=tolerance), source


@pytest.mark.parametrize(("value_c", "published_min"), [(60.0, 45.0), (65.0, 10.0), (75.0, 0.5), (80.0, 0.1)])
def test_the_rounded_published_times_are_the_longer_ones(value_c: float, published_min: float) -> None:
    """UK guidance (45 min, 10 min, 30 s, 6 s) rounds up: never shorter than the formula, never by more than a fifth."""
    computed = minutes_at(F70, value_c)
    assert computed is not None
    assert computed <= published_min <= 1.2 * computed


@pytest.mark.parametrize(("value_c", "minutes"), [(54.444, 121.0), (65.556, 72 / 60)])
def test_seven_decimal_reductions_of_salmonella(value_c: float, minutes: float) -> None:
    """FSIS Appendix A for 7 log, within 10 %."""
    decimal = decimal_min(SALMONELLA, value_c)
    assert decimal is not None
    assert 7 * decimal == pytest.approx(minutes, rel=0.10)


def test_the_fitted_line_is_the_stricter_one_where_the_table_says_at_once() -> None:
    """FSIS gives 0 s at 70.0 C (158 F); no straight line reaches zero, and this one asks for 11 s: the safe side."""
    assert minutes_at(SALMONELLA, 70.0) == pytest.approx(11.0 / 60, rel=0.01)


@pytest.mark.parametrize(("value_c", "units"), [(60.0, 1.00), (63.0, 2.70), (67.0, 10.2)])
def test_pasteurisation_units(value_c: float, units: float) -> None:
    """1.393^(T-60) per minute, to the digits printed."""
    assert rate(UNITS, value_c) == pytest.approx(units, rel=0.003)
    assert f_value(UNITS, [(0, value_c), (MINUTE, value_c)]) == pytest.approx(units, rel=0.003)


def test_z_ten_overstates_the_credit_below_seventy() -> None:
    """Why z 10 is not offered for F70: at 62 C it would credit almost twice as much."""
    z_ten = msgspec.structs.replace(F70, z_below_c=10.0, z_from_c=10.0)
    assert 1.8 < rate(z_ten, 62.0) / rate(F70, 62.0) < 2.0


@pytest.mark.parametrize("pieces", [1, 2, 10, 15, 600])
def test_a_ramp_gives_its_exact_integral_however_often_it_is_read(pieces: int) -> None:
    """60 to 75 C in 10 min, z 7.5: F70 9.978 min, read once or every second."""
    ramp = [(n * 10 * MINUTE // pieces, 60 + 15 * n / pieces) for n in range(pieces + 1)]
    assert f_value(F70, ramp) == pytest.approx(9.978, abs=0.0005)
    assert f_value(F70, [(at_ms, 135 - value_c) for at_ms, value_c in ramp]) == pytest.approx(9.978, abs=0.0005)


@given(process=ANY_PROCESS, start=TEMPERATURE, end=TEMPERATURE)
@example(process=BOTULINUM, start=60.0, end=110.0)
@example(process=SALMONELLA, start=54.0, end=80.0)
def test_a_line_is_what_many_small_steps_make_of_it(process: Process, start: float, end: float) -> None:
    """Floor, ceiling and the bend of z included: the exact line equals a fine midpoint sum."""
    pieces = 4000
    summed = sum(rate(process, start + (end - start) * (n + 0.5) / pieces) for n in range(pieces)) * 10 / pieces
    largest = max(rate(process, start), rate(process, end), 1e-9)
    assert f_value(process, [(0, start), (10 * MINUTE, end)]) == pytest.approx(summed, abs=20 * largest / pieces)


@given(process=ANY_PROCESS, start=TEMPERATURE, end=TEMPERATURE)
def test_a_line_never_earns_more_than_its_hotter_end(process: Process, start: float, end: float) -> None:
    """No temperature on the way was hotter than both ends."""
    f_min = f_value(process, [(0, start), (MINUTE, end)])
    assert min(rate(process, start), rate(process, end)) * (1 - 1e-9) <= f_min
    assert f_min <= max(rate(process, start), rate(process, end)) * (1 + 1e-9)


def test_what_is_too_cold_counts_nothing_and_what_is_too_hot_no_more() -> None:
    """54.9 C for hours is no cooking; 200 C is a probe outside the food and credits what boiling does."""
    assert f_value(F70, [(0, 54.9), (3_600_000, 54.9)]) == 0.0
    assert f_value(F70, [(0, 55.0), (MINUTE, 55.0)]) == pytest.approx(0.01)
    assert rate(F70, 200.0) == rate(F70, 100.0)
    assert rate(SALMONELLA, 90.0) == rate(SALMONELLA, 75.6)


def test_two_minutes_at_seventy_are_enough_and_a_second_less_is_not() -> None:
    """F70 passes at 2 min, 6 decimal reductions; units without a named need never pass."""
    assert enough(F70, f_value(F70, [(0, 70.0), (2 * MINUTE, 70.0)]))
    assert not enough(F70, f_value(F70, [(0, 70.0), (2 * MINUTE - 1000, 70.0)]))
    assert log_reduction(F70, 2.0) == pytest.approx(6.0)
    assert log_reduction(SALMONELLA, 11.50) == pytest.approx(6.5, abs=0.01)
    assert decimal_min(SALMONELLA, 60.0) == 1.77
    assert not enough(UNITS, 1e9)
    assert minutes_at(UNITS, 60.0) is decimal_min(UNITS, 60.0) is log_reduction(UNITS, 5.0) is None


@given(before=SERIES, after=SERIES, process=ANY_PROCESS)
@example(before=[], after=[(1, 5e-324, False), (1, 0.0, True)], process=F70)
def test_a_gap_adds_nothing(
    before: list[tuple[int, float, bool]], after: list[tuple[int, float, bool]], process: Process
) -> None:
    """Two series with a gap between them are worth what they are worth one by one."""
    together = follow(process, [*before, (3_600_000, 99.0, False), *after])
    first = follow(process, before)
    second = follow(process, [(1, 99.0, False), *after])
    assert together.f_min == pytest.approx(first.f_min + second.f_min, abs=1e-9)


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf, 1e300, -273.0])
def test_what_is_no_temperature_earns_nothing_and_breaks_the_line(nonsense: float) -> None:
    """Bad input is a value: it is not cooking, and the time around it is a gap."""
    state = follow(F70, [(1, 70.0, True), (MINUTE, nonsense, True), (MINUTE, 70.0, True)])
    assert (state.f_min, state.track.unknown_ms) == (0.0, 2 * MINUTE)
    assert follow(F70, [(MINUTE, 70.0, True)], state).f_min == 1.0
    assert follow(F70, [(1, nonsense, True)]) != follow(F70, [(1, 70.0, True)])


def test_a_reading_that_is_not_newer_changes_nothing() -> None:
    """Said twice or come late: no second is credited twice."""
    state = follow(F70, [(1, 70.0, True), (MINUTE, 71.0, True)])
    for at_ms in (0, 1, MINUTE + 1):
        assert step(F70, state, at_ms, 90.0, True) == state


def test_readings_more_than_an_hour_apart_prove_no_cooking() -> None:
    """Whoever calls them held: what lay between was not measured."""
    assert follow(F70, [(1, 70.0, True), (3_600_000, 70.0, True)]).f_min == 60.0
    assert follow(F70, [(1, 70.0, True), (3_600_001, 70.0, True)]).f_min == 0.0


@given(series=SERIES, process=ANY_PROCESS, cut=st.integers(0, 12))
def test_a_saved_state_goes_on_as_if_nothing_had_been(
    series: list[tuple[int, float, bool]], process: Process, cut: int
) -> None:
    """Split anywhere, kept as JSON, resumed: the same to the last bit."""
    half = follow(process, series[:cut])
    resumed = msgspec.json.decode(msgspec.json.encode(half), type=LethalityState)
    assert follow(process, series[cut:], resumed) == follow(process, series)


@given(series=SERIES, process=ANY_PROCESS, more=st.lists(st.floats(0, 20), min_size=12, max_size=12))
def test_hotter_is_never_worth_less(series: list[tuple[int, float, bool]], process: Process, more: list[float]) -> None:
    """Raising any readings never lowers F."""
    hotter = [(wait, value + rise, held) for (wait, value, held), rise in zip(series, more, strict=False)]
    assert follow(process, hotter).f_min >= follow(process, series).f_min * (1 - 1e-9)


@given(series=SERIES)
def test_the_strict_process_never_credits_more(series: list[tuple[int, float, bool]]) -> None:
    """z 6 below 70 C and the same above it."""
    assert follow(STRICT, series).f_min <= follow(F70, series).f_min * (1 + 1e-9)


@given(start=TEMPERATURE, end=TEMPERATURE)
def test_the_line_never_credits_more_than_the_trapezoid(start: float, end: float) -> None:
    """Between floor and ceiling: the reason why the line is integrated exactly."""
    start, end = (min(max(value, 55.0), 100.0) for value in (start, end))
    trapezoid = (rate(F70, start) + rate(F70, end)) / 2
    assert f_value(F70, [(0, start), (MINUTE, end)]) <= trapezoid * (1 + 1e-9)


def test_the_processes_are_known_by_their_ids() -> None:
    """A key and its process agree, and rates rise with temperature in each."""
    for key, process in PROCESSES.items():
        assert key == process.id
        rates = [rate(process, value / 10) for value in range(0, 1300)]
        assert all(colder <= hotter for colder, hotter in itertools.pairwise(rates))
