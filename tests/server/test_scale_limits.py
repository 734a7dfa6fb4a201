"""How far a scale may be wrong and is believed: the numbers of OIML R 76-1, and what must hold whatever was seen."""

from __future__ import annotations

import random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_server.stock.scale import (
    STEPS,
    AccuracyClass,
    Tera,
    judge_weight,
    least_g,
    mpe_g,
    tera_on,
    trend,
    wants_zeroing,
    zero_state,
)
from pawon_server.stock.scale_state import (
    GRACE_MS,
    Need,
    ScaleState,
    WeightSeen,
    ZeroSeen,
    state_of,
)
from pawon_server.words import mass, scale_check_words, scale_need_words, tera_words, zero_words

HOUR, DAY = 3_600_000, 86_400_000
NOW = 1_760_000_000_000  # 9 October 2025, 15:53 WIB
CLASSES: tuple[AccuracyClass, ...] = get_args(AccuracyClass)


@pytest.mark.parametrize(
    ("accuracy", "division_g", "load_g", "initial_g"),
    [
        # Class III, e 20 g, Max 60 kg.
        ("III", 20, 0, 10), ("III", 20, 10_000, 10), ("III", 20, 10_020, 20), ("III", 20, 40_000, 20),
        ("III", 20, 40_020, 30), ("III", 20, 60_000, 30),
        # Class II, e 0.1 g: half a division up to 5,000 e.
        ("II", 0.1, 500, 0.05), ("II", 0.1, 500.1, 0.1), ("II", 0.1, 2_000, 0.1), ("II", 0.1, 6_000, 0.15),
        # Class IIII, e 100 g, Max 100 kg.
        ("IIII", 100, 5_000, 50), ("IIII", 100, 5_100, 100), ("IIII", 100, 20_000, 100), ("IIII", 100, 100_000, 150),
    ],
)  # fmt: skip
def test_permissible_errors_are_those_of_the_table(
    accuracy: AccuracyClass, division_g: float, load_g: float, initial_g: float
) -> None:
    """R 76-1:2006, 3.5.1 and 3.5.2: by class and load in e, each step's end included; twice as much in service."""
    assert mpe_g(accuracy, division_g, load_g, in_service=False) == pytest.approx(initial_g)
    assert mpe_g(accuracy, division_g, load_g) == pytest.approx(2 * initial_g)


@pytest.mark.parametrize(
    ("accuracy", "division_g", "least"), [("III", 20, 400), ("IIII", 100, 1_000), ("II", 1, 50), ("II", 0.01, 0.2)]
)
def test_the_least_load_is_that_of_the_class(accuracy: AccuracyClass, division_g: float, least: float) -> None:
    """R 76-1:2006, table 3: 20 e, 10 e, 50 e; a fine scale of class II begins at 20 e."""
    assert least_g(accuracy, division_g) == pytest.approx(least)


@pytest.mark.parametrize(
    ("nominal_g", "shown_g", "verdict", "error_g"),
    [
        (5_000, 5_000, "good", 0), (5_000, 5_020, "good", 20), (5_000, 4_980, "good", -20),
        (5_000, 5_040, "failed", 40), (5_000, 4_960, "failed", -40), (20_000, 20_040, "good", 40),
        (20_000, 19_940, "failed", -60), (60_000, 60_060, "good", 60), (5_000, 0, "failed", -5_000),
    ],
)  # fmt: skip
def test_a_check_weight_is_judged_by_what_is_permitted_in_use(
    nominal_g: float, shown_g: float, verdict: str, error_g: float
) -> None:
    """Class III, e 20 g: 20 g at 5 kg, 40 g at 20 kg, 60 g at 60 kg, both ways."""
    found = judge_weight("III", 20, nominal_g, shown_g)
    assert (found.verdict, found.error_g) == (verdict, error_g)


def test_without_a_plate_nothing_is_called_good() -> None:
    """No class or no division: the error is known, the verdict is not; an empty scale neither."""
    for accuracy, division_g in ((None, 20.0), ("III", None), (None, None)):
        found = judge_weight(accuracy, division_g, 5_000, 5_000)  # type: ignore[arg-type]  # a literal of the table
        assert (found.verdict, found.error_g, found.mpe_g) == ("unjudged", 0, None)
    assert zero_state(0.0, None) == "unknown"
    assert zero_state(None, 20) == "unknown"


@pytest.mark.parametrize(
    ("zero_g", "state", "zeroing"),
    [(0.0, "good", False), (5.0, "good", False), (-5.1, "good", True), (20.0, "good", True), (-20.1, "off", True),
     (400.0, "off", True)],
)  # fmt: skip
def test_an_empty_scale_may_be_off_by_one_division(zero_g: float, state: str, zeroing: bool) -> None:
    """Zeroing leaves a quarter of e; up to 1 e is accepted, both ways; 0.0 is a zero like any other."""
    assert (zero_state(zero_g, 20), wants_zeroing(zero_g, 20)) == (state, zeroing)


@given(
    accuracy=st.sampled_from(CLASSES), division_g=st.sampled_from([0.1, 1.0, 5.0, 20.0, 100.0]),
    load_e=st.floats(0, 120_000), other_e=st.floats(0, 120_000), error_g=st.floats(0, 10_000),
    more_g=st.floats(0, 10_000),
)  # fmt: skip
def test_a_larger_error_is_never_a_better_verdict(
    accuracy: AccuracyClass, division_g: float, load_e: float, other_e: float, error_g: float, more_g: float
) -> None:
    """Neither of a check weight nor of an empty scale, both ways; and what is permitted never shrinks with the load."""
    nominal_g = load_e * division_g
    for sign in (1, -1):
        small = judge_weight(accuracy, division_g, nominal_g, nominal_g + sign * error_g).verdict
        large = judge_weight(accuracy, division_g, nominal_g, nominal_g + sign * (error_g + more_g)).verdict
        assert (small, large) != ("failed", "good")
        assert (zero_state(sign * error_g, division_g), zero_state(sign * (error_g + more_g), division_g)) != (
            "off", "good"
        )  # fmt: skip
    low, high = sorted((load_e, other_e))
    assert mpe_g(accuracy, division_g, low * division_g) <= mpe_g(accuracy, division_g, high * division_g)
    finest, coarsest = STEPS[accuracy][0][1], STEPS[accuracy][-1][1]
    assert finest * division_g <= mpe_g(accuracy, division_g, nominal_g, in_service=False) <= coarsest * division_g


def test_a_mark_counts_from_its_day_to_its_last() -> None:
    """Both days included; none on record is missing, never expired; of several the longest counts."""
    mark = Tera(verified="2025-03-01", until="2026-03-01")
    for day, state in (("2025-02-28", "missing"), ("2025-03-01", "valid"), ("2026-03-01", "valid"),
                       ("2026-03-02", "expired")):  # fmt: skip
        assert tera_on([mark], day)[0] == state
    newer = Tera(verified="2026-02-20", until="2027-02-20")
    assert tera_on([newer, mark], "2026-02-19") == ("valid", "2026-03-01")
    assert tera_on([mark, newer], "2026-03-02") == ("valid", "2027-02-20")
    assert tera_on([], "2026-03-02") == ("missing", None)


def test_a_trend_is_told_once_enough_days_tell_it() -> None:
    """2 g a day is 60 g a month, whatever one mistake says and in whichever order; four days tell nothing."""
    rising = [(NOW + day * DAY, 2.0 * day) for day in range(10)]
    wrong = [(NOW + 4 * DAY + HOUR, 900.0), *rising]
    for results in (rising, wrong, list(reversed(wrong))):
        found = trend(results)
        assert found is not None
        assert found.g_per_month == pytest.approx(60, abs=15)
        assert found.points == 10
    assert trend(rising[:4]) is None
    assert trend([(NOW + n, 1.0) for n in range(100)]) is None, "one day is one result"
    assert trend([]) is None


def state(
    zeros: list[ZeroSeen], weights: list[WeightSeen], marks: list[Tera] | None = None, at_ms: int = NOW,
) -> ScaleState:  # fmt: skip
    """The state by these facts, with a check a day."""
    return state_of("scale-1", at_ms, zeros, weights, marks or [], every_ms=DAY, zone="Asia/Jakarta")


def zero(at_ms: int, zero_g: float, division_g: float | None = 20) -> ZeroSeen:
    """An empty scale."""
    return ZeroSeen(id=f"z{at_ms}", at_ms=at_ms, zero_g=zero_g, division_g=division_g)


def weight(at_ms: int, error_g: float = 0.0, verdict: Any = "good") -> WeightSeen:
    """A check weight of 5 kg."""
    return WeightSeen(
        id=f"w{at_ms}", at_ms=at_ms, nominal_g=5_000, error_g=error_g, mpe_g=20, verdict=verdict, person="sari"
    )


MARK = Tera(verified="2025-03-01", until="2026-03-01")


def test_a_good_scale_is_for_trade_and_nothing_is_to_be_done() -> None:
    """Zero seen, weight checked, mark valid: no word."""
    found = state([zero(NOW - HOUR, 3)], [weight(NOW - HOUR, 20)], [MARK])
    assert (found.zero, found.check, found.tera, found.for_trade, found.needs) == ("good", "good", "valid", True, ())
    assert (found.checked_by, found.error_g, found.tera_until, found.zero_g) == ("sari", 20, "2026-03-01", 3)


def test_silence_is_never_green() -> None:
    """A scale of which nothing is known: unknown, never, missing, not for trade; 0 g is not unknown."""
    found = state([], [])
    assert (found.zero, found.check, found.tera, found.for_trade) == ("unknown", "never", "missing", False)
    assert found.needs == ("tera_missing", "check_never", "zero_unknown")
    assert found.zero_g is None
    assert state([zero(NOW, 0.0)], []).zero == "good"


@pytest.mark.parametrize(
    ("zeros", "weights", "at_ms", "zero_now", "check_now", "trade"),
    [
        # The edge of a day and its hour of grace.
        ([zero(NOW - DAY - GRACE_MS, 0)], [weight(NOW - DAY - GRACE_MS)], NOW, "good", "good", True),
        ([zero(NOW - DAY - GRACE_MS, 0)], [weight(NOW - DAY - GRACE_MS)], NOW + 1, "unknown", "overdue", True),
        # A failed one does not grow good with time, and takes the scale out of trade; a good one mends it.
        ([zero(NOW, 0)], [weight(NOW - 9 * DAY, 40, "failed")], NOW, "good", "failed", False),
        ([zero(NOW, 0)], [weight(NOW - DAY, 40, "failed"), weight(NOW - HOUR)], NOW, "good", "good", True),
        # What came later says nothing.
        ([zero(NOW, 0), zero(NOW + 1, 60)], [weight(NOW), weight(NOW + 1, 40, "failed")], NOW, "good", "good", True),
        ([zero(NOW, 60)], [weight(NOW)], NOW, "off", "good", False),
        # What was off does not become good by being forgotten.
        ([zero(NOW - 9 * DAY, 60)], [weight(NOW)], NOW, "off", "good", False),
        ([zero(NOW, 0, None)], [weight(NOW, 0, "unjudged")], NOW, "unknown", "unjudged", True),
    ],
)  # fmt: skip
def test_the_newest_before_the_moment_counts(
    zeros: list[ZeroSeen], weights: list[WeightSeen], at_ms: int, zero_now: str, check_now: str, trade: bool
) -> None:
    """As long as it is believed."""
    found = state(zeros, weights, [MARK], at_ms)
    assert (found.zero, found.check, found.for_trade) == (zero_now, check_now, trade)


def test_a_mark_is_judged_by_the_kitchens_day() -> None:
    """At 17:30 UTC on the last day it is the next day in Jakarta; a month before, somebody is told."""
    last_day = [Tera(verified="2025-03-01", until="2025-10-09")]
    ends_ms = 1_760_029_200_000  # 10 October 2025, 00:00 WIB
    assert state([], [], last_day, ends_ms - 1).tera == "valid"
    assert "tera_soon" in state([], [], last_day, ends_ms - 1).needs
    assert state([], [], last_day, ends_ms).tera == "expired"


MOMENTS = st.integers(NOW - 3 * DAY, NOW + 3 * DAY)
ZEROS = st.lists(st.builds(zero, MOMENTS, st.floats(-100, 100)), max_size=8, unique_by=lambda one: one.id)
WEIGHTS = st.lists(
    st.builds(weight, MOMENTS, st.floats(-100, 100), st.sampled_from(["good", "failed", "unjudged"])),
    max_size=8, unique_by=lambda one: one.id,
)  # fmt: skip


@given(zeros=ZEROS, weights=WEIGHTS, at_ms=MOMENTS, seed=st.integers(0, 999))
def test_only_the_past_counts_and_no_order(
    zeros: list[ZeroSeen], weights: list[WeightSeen], at_ms: int, seed: int
) -> None:
    """What comes after the moment, and the order in which things became known, change nothing."""
    whole = state(zeros, weights, [MARK], at_ms)
    past = state(
        [one for one in zeros if one.at_ms <= at_ms], [one for one in weights if one.at_ms <= at_ms], [MARK], at_ms
    )
    chance = random.Random(seed)
    mixed = state(chance.sample(zeros, len(zeros)), chance.sample(weights, len(weights)), [MARK], at_ms)
    assert whole == past == mixed


@given(at_ms=st.integers(-(2**53), 2**53))
def test_a_broken_clocks_moment_has_a_state(at_ms: int) -> None:
    """A weighing of the year 200,000 is shown, too."""
    assert state([], [], [MARK], at_ms).check == "never"


def test_every_state_has_its_words() -> None:
    """What a scale can be and need is said in plain words."""
    assert set(scale_need_words(str)) == set(get_args(Need))
    fields = ScaleState.__annotations__
    assert set(fields) >= {"zero", "check", "tera"}
    assert set(zero_words(str)) == {"good", "off", "unknown"}
    assert set(scale_check_words(str)) == {"good", "failed", "overdue", "never", "unjudged"}
    assert set(tera_words(str)) == {"valid", "expired", "missing"}


@pytest.mark.parametrize(
    ("value_g", "words"),
    [(0, "0 g"), (-0.01, "0 g"), (20, "20 g"), (-0.4, "-0,4 g"), (5_020, "5,02 kg"), (100_000, "100 kg"),
     (-1_005, "-1,005 kg")],
)  # fmt: skip
def test_a_mass_is_written_as_people_say_it(value_g: float, words: str) -> None:
    """Grams below a kilogram, comma, no signs that a message's alphabet lacks."""
    assert mass(value_g) == words
