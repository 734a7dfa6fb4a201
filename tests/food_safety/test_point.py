"""The rules of a point together, and the small ones by themselves: rates, doors, stuck probes, spikes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.food_safety.some_rules import BUFFER, DEFROST, FALL, MINUTE, RISE, SPIKE, STUCK, limit

from pawon_food_safety import contact
from pawon_food_safety.contact import ContactState
from pawon_food_safety.limit import LimitState, Observation, step
from pawon_food_safety.point import Finding, PointJudge, PointRules, PointState, rebase, rules_at
from pawon_food_safety.profile import load_profile
from pawon_food_safety.rows import Limit
from pawon_food_safety.window import RESOLUTION, Extremes

HOUR = 60 * MINUTE
LIMITS = (
    limit(id="warm", severity="warning", above=4.0, delay_s=1800),
    limit(id="hot"),
    limit(id="in-all", above=6.0, count="cumulative", delay_s=2400, reset_s=4 * 3600),
    limit(id="cold", severity="warning", above=None, below=-1.0, delay_s=600),
)
PRODUCT = PointRules(limits=LIMITS, rates=(RISE,), stuck=STUCK, spike=SPIKE)
AIR = PointRules(limits=LIMITS, rates=(RISE,), buffer=BUFFER, defrost=DEFROST, stuck=STUCK)


def told(found: list[Finding]) -> list[tuple[str, str, int]]:
    """Rule, event and minute."""
    return [(one.row.id, one.event, one.at_ms // MINUTE) for one in found]


def series(value: Callable[[int], float], minutes: int, rules: PointRules = PRODUCT) -> list[Finding]:
    """A reading a minute."""
    judge = PointJudge(rules)
    return [one for at in range(minutes) for one in judge.see(at * MINUTE, value(at), at * MINUTE + 90_000)]


def swing(at: int) -> float:
    """A chiller that works."""
    return 2.0 + (at % 10) / 10


def test_a_chiller_that_fails_is_told_fast_then_mild_then_bad() -> None:
    """The rate first, the warning after its delay, the limit after its own; each over in its turn."""
    warm = series(lambda at: 6.5 if 100 <= at < 200 else swing(at), 260)
    assert [one for one in told(warm) if one[1] == "opened"] == [
        ("rise", "opened", 100), ("warm", "opened", 130), ("in-all", "opened", 140), ("hot", "opened", 160),
    ]  # fmt: skip
    closed = {one.row.id: one for one in warm if one.event == "closed"}
    assert closed["hot"].ended_ms == 200 * MINUTE
    assert closed["hot"].at_ms == 205 * MINUTE
    assert closed["hot"].beyond_ms == 100 * MINUTE
    assert closed["hot"].worst == 6.5


def test_a_rate_is_not_told_while_a_door_explains_it() -> None:
    """Neither with the door open nor for ten minutes after; the limits go on all the while."""
    judge, found = PointJudge(PRODUCT), []
    for at in range(120):
        if at == 30:
            judge.door(at * MINUTE, True)
        if at == 40:
            judge.door(at * MINUTE, False)
        found += judge.see(at * MINUTE, 9.0 if at >= 31 else swing(at), at * MINUTE + 90_000)
    assert told(found)[0] == ("warm", "opened", 61)
    assert "rise" not in {one.row.id for one in found}


def test_a_door_of_which_nobody_hears_any_more_explains_nothing() -> None:
    """Open, and then its contact died: ten minutes after it was heard of last fast food is news again."""
    judge, found = PointJudge(PRODUCT), []
    judge.door(0, True, 90_000)
    for at in range(60):
        found += judge.see(at * MINUTE, 6.0 if at >= 40 else swing(at), at * MINUTE + 90_000)
    assert ("rise", "opened", 40) in told(found)


def test_an_open_door_ends_no_early_warning() -> None:
    """Somebody looks into the chiller: whether it is over is told when the door is shut and the food has cooled."""
    judge, found = PointJudge(PRODUCT), []
    for at in range(60):
        if at == 15:
            judge.door(at * MINUTE, True)
        found += judge.see(at * MINUTE, 2.0 + 0.2 * at, at * MINUTE + 90_000)
    assert [one.event for one in found if one.row.id == "rise"] == ["opened"]


@pytest.mark.parametrize(("low", "high", "opens"), [(None, 30.0, True), (None, 4.9, False), (1.0, None, False)])
def test_without_patience_a_single_sample_is_beyond(low: float | None, high: float | None, opens: bool) -> None:
    """A limit without a delay is broken by what lay between two reports, too."""
    judge = PointJudge(PointRules(limits=(limit(delay_s=0),)))
    assert bool(judge.see(0, 4.0, 90_000, low, high)) is opens


def test_nothing_is_over_while_samples_lie_beyond() -> None:
    """A report whose value is safe and whose extreme is not ends no alarm, and no count in all forgets by it."""
    hot = limit(above=None, below=60.0, delay_s=600, hysteresis=1.0, clear_s=0)
    judge = PointJudge(PointRules(limits=(hot,)))
    for at in range(12):
        judge.see(at * MINUTE, 55.0, at * MINUTE + 90_000)
    assert judge.see(12 * MINUTE, 61.0, 13 * MINUTE, 50.0, 61.0)[-1].event == "worsened"
    assert judge.see(13 * MINUTE, 62.0, 14 * MINUTE, 61.5, 62.0)[-1].event == "closed"
    in_all = limit(count="cumulative", delay_s=3600, reset_s=7200)
    judge, found = PointJudge(PointRules(limits=(in_all,))), []
    for at in range(240):
        value, high = (6.0, None) if at < 50 or at >= 200 else (4.0, 9.0)
        found += judge.see(at * MINUTE, value, at * MINUTE + 90_000, None, high)
    assert [one.event for one in found][:1] == ["opened"]


def test_what_waits_at_the_end_is_believed() -> None:
    """The last value jumped away and nothing came after it: it counts; and a jump that lasts is no spike."""
    rules = PointRules(limits=(limit(delay_s=0),), spike=SPIKE)
    judge = PointJudge(rules)
    assert not any(judge.see(at * MINUTE, value, at * MINUTE + 90_000) for at, value in ((0, 3.0), (1, 3.0), (2, 25.0)))
    assert [one.event for one in judge.finish()] == ["opened"]
    judge = PointJudge(rules)
    slow = [one for at, value in ((0, 3.0), (30, 3.0), (60, 14.0), (90, 3.0))
            for one in judge.see(at * MINUTE, value, at * MINUTE + 30 * MINUTE)]  # fmt: skip
    assert [one.event for one in slow][:1] == ["opened"]


def test_a_fall_is_a_rate_too() -> None:
    """Hot food that loses three degrees in ten minutes."""
    found = series(lambda at: 70 - 0.35 * max(0, at - 20), 40, PointRules(limits=(), rates=(FALL,)))
    assert told(found) == [("fall", "opened", 29)]


@pytest.mark.parametrize(("minutes", "times"), [(39, 0), (40, 1), (41, 2)])
def test_time_in_all(minutes: int, times: int) -> None:
    """Forty minutes above the limit in all, in parts of five with cold between: at the delay, not before; and from then
    on every time again."""
    rules = PointRules(limits=(LIMITS[2],))
    found = series(lambda at: 7.0 if at % 20 < 5 and at // 20 * 5 + at % 20 < minutes else 2.0, 400, rules)
    assert [one.event for one in found].count("opened") == times


def test_time_in_all_is_forgotten_after_long_safety() -> None:
    """Four hours without a break; a minute less, and it goes on."""
    rules = PointRules(limits=(LIMITS[2],))
    for safe, expected in ((239, 1), (241, 0)):
        found = series(lambda at, safe=safe: 7.0 if at < 30 or 30 + safe <= at < 55 + safe else 2.0, 600, rules)  # type: ignore[misc]
        assert len([one for one in found if one.event == "opened"]) == expected


def test_a_probe_that_never_moves_measures_nothing() -> None:
    """Six hours within 0.06 C; a gap is no standing still, and any movement ends it."""
    found = series(lambda at: 3.0 + 0.05 * (at % 2) if at < 500 else 3.5, 520, PointRules(limits=(), stuck=STUCK))
    assert told(found) == [("stuck", "opened", 360), ("stuck", "closed", 500)]


def test_a_probe_that_was_silent_was_not_stuck() -> None:
    """The same value before and after a night without a reading; six measured hours are a stuck probe."""
    judge = PointJudge(rules_at(load_profile("ID-MBG"), "chiller", "temperature_c", health=True))
    found: list[Finding] = []
    for minute in [*range(60), *range(600, 700)]:
        found += judge.see(minute * MINUTE, 3.0, minute * MINUTE + MINUTE)
    assert found == []
    for minute in range(700, 902):
        found += judge.see(minute * MINUTE, 3.0, minute * MINUTE + MINUTE)
    assert [one.kind for one in found] == ["stuck"]


def test_a_spike_is_dropped_and_a_jump_is_not() -> None:
    """One value far away and back says nothing; two of them are news, judged from the first on."""
    rules = PointRules(limits=(limit(delay_s=0),), spike=SPIKE)
    assert series(lambda at: 80.0 if at == 50 else 3.0, 100, rules) == []
    assert told(series(lambda at: 80.0 if at >= 50 else 3.0, 100, rules)) == [("hot", "opened", 50)]
    many = series(lambda at: 80.0 if at % 10 == 5 else 3.0, 100, rules)
    assert told(many) == [("spike", "opened", 36)]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(170, []), (180, [("opened", 180_000)]), (190, [("opened", 180_000)])]
)
def test_a_door_that_stays_open(seconds: int, expected: list[tuple[str, int]]) -> None:
    """Told at its time, not before, and once."""
    state, found = ContactState(), []
    for at in range(0, seconds + 1, 10):
        state, events = contact.step(180_000, state, at * 1000, True, at * 1000 + 15_000)
        found += [(one.kind, one.at_ms) for one in events]
    assert found == expected


def test_nobody_knows_what_a_silent_door_does() -> None:
    """Time in which the contact said nothing counts neither as open nor as shut."""
    silent = ContactState()
    for at in (0, 100_000, 200_000):
        silent, events = contact.step(180_000, silent, at, True, at + 15_000)
        assert events == []
    assert silent.bad_ms == 30_000
    assert contact.step(180_000, silent, 300_000, False, 315_000)[0] == ContactState(
        last_ms=300_000, valid_until_ms=315_000
    )


def test_the_window_holds_few_values_and_the_true_extreme() -> None:
    """Whatever comes in, a bounded number is kept, and the least of the window is known to a thirtieth of it."""
    window = Extremes(900_000, -1)
    for number in range(20_000):
        window.change(number * 1000, number * 0.001)
        assert len(window.state()) <= RESOLUTION + 2


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(-5, 20)), min_size=1, max_size=80))
def test_the_window_against_plain_arithmetic(rows: list[tuple[int, float]]) -> None:
    """Never more than the true rise, and never less than the rise over the window less its resolution."""
    window, at, seen = Extremes(900, -1), 0, []
    for apart, value in rows:
        at += apart
        seen.append((at, value))
        change = window.change(at, value)
        assert change <= max(value - low for t, low in seen if t >= at - 900) + 1e-9
        kept = [value - low for t, low in seen if t >= at - 900 + 900 // RESOLUTION]
        assert change >= max(kept) - 1e-9


# --- properties of all rules together ---------------------------------------------------------------------------------

READINGS = st.lists(
    st.tuples(st.sampled_from([20, 60, 60, 60, 600, 4_000]), st.floats(-6, 16).map(lambda value: round(value, 2)),
              st.sampled_from([None, None, 0.5, 3.0]), st.sampled_from([None, None, None, True, False])),
    min_size=1, max_size=120,
)  # fmt: skip


def run(judge: PointJudge, rows: list[tuple[int, float, float | None, bool | None]], at: int = 0,
        cut: int = -1, shift: int = 0) -> list[Finding]:  # fmt: skip
    """Readings, some with extremes and some after a move of the door; ``cut``: saved and resumed there."""
    found: list[Finding] = []
    for number, (apart_s, value, spread, door) in enumerate(rows):
        at += apart_s * 1000
        if number == cut:
            saved = msgspec.json.decode(msgspec.json.encode(judge.state()), type=PointState)
            judge = PointJudge(judge.rules, saved)
        if door is not None:
            judge.door(at, door)
        low, high = (None, None) if spread is None else (value - spread, value + spread)
        found += judge.see(at, value, at + 90_000, low, high)
    return found


@given(READINGS, st.integers(0, 120), st.sampled_from([PRODUCT, AIR]))
def test_saved_and_resumed_anywhere_nothing_changes(
    rows: list[tuple[int, float, float | None, bool | None]], cut: int, rules: PointRules
) -> None:
    """Through JSON, in the middle of anything."""
    assert run(PointJudge(rules), rows, cut=cut) == run(PointJudge(rules), rows)


@given(READINGS)
def test_the_quick_way_judges_as_the_limits_alone(rows: list[tuple[int, float, float | None, bool | None]]) -> None:
    """What is spared for calm readings changes no finding of any limit, and no state."""
    judge = PointJudge(PointRules(limits=LIMITS))
    states = {row.id: LimitState() for row in LIMITS}
    quick, slow, at = [], [], 0
    for apart_s, value, spread, _ in rows:
        at += apart_s * 1000
        low, high = (None, None) if spread is None else (value - spread, value + spread)
        quick += [(one.row.id, one.event, one.at_ms, one.worst, one.beyond_ms, one.ended_ms)
                  for one in judge.see(at, value, at + 90_000, low, high)]  # fmt: skip
        seen = Observation(at_ms=at, value=value, valid_until_ms=at + 90_000, low=low, high=high)
        for row in LIMITS:
            states[row.id], events = step(row, states[row.id], seen)
            slow += [(row.id, one.kind, one.at_ms, one.worst, one.beyond_ms, one.ended_ms) for one in events]
    assert quick == slow
    assert judge.state().limits == states


@given(READINGS, st.lists(st.floats(0, 4), min_size=120, max_size=120), st.sampled_from(LIMITS[:3]))
def test_further_beyond_is_never_milder(
    rows: list[tuple[int, float, float | None, bool | None]], more: list[float], row: Limit
) -> None:
    """Warmer readings at the same times: whatever was told is told no later, and no less time counts."""

    def opened(values: list[tuple[int, float]]) -> list[int]:
        state, times = LimitState(), []
        for at, value in values:
            state, events = step(row, state, Observation(at_ms=at, value=value, valid_until_ms=at + 90_000))
            times += [one.at_ms for one in events if one.kind == "opened"]
        return times

    at, cold, warm = 0, [], []
    for (apart_s, value, _, _), extra in zip(rows, more, strict=False):
        at += apart_s * 1000
        cold.append((at, value))
        warm.append((at, value + extra))
    first_cold, first_warm = opened(cold)[:1], opened(warm)[:1]
    assert not first_cold or (first_warm and first_warm[0] <= first_cold[0])


@given(st.integers(1, 5_000), st.floats(5.1, 15))
def test_a_gap_is_neither_safe_nor_an_excursion(gap_min: int, value: float) -> None:
    """Beyond before and after a silence of any length: only measured minutes count, and none of them is forgotten."""
    row = LIMITS[1]
    judge, found = PointJudge(PointRules(limits=(row,))), []
    at = 0
    for _ in range(31):
        found += judge.see(at, value, at + 90_000)
        at += MINUTE
    at += gap_min * MINUTE
    for _ in range(40):
        found += judge.see(at, value, at + 90_000)
        at += MINUTE
    (one,) = [one for one in found if one.event == "opened"]
    measured_before = 30 * MINUTE + min(90_000, (gap_min + 1) * MINUTE)
    assert one.began_ms == 0
    assert one.at_ms - (31 + gap_min) * MINUTE == HOUR - measured_before


@given(READINGS, st.integers(1, 119), st.integers(-(10**10), 10**10), st.sampled_from([PRODUCT, AIR]))
def test_another_boot_is_another_name_for_the_same_time(
    rows: list[tuple[int, float, float | None, bool | None]], cut: int, shift: int, rules: PointRules
) -> None:
    """Moved to another timeline nothing is told twice, and what is told is dated on the new one."""
    first, second, start = rows[:cut], rows[cut:], 2 * 10**10  # monotonic clocks begin at 0
    one, other = PointJudge(rules), PointJudge(rules)
    before = run(one, first, start)
    assert run(other, first, start) == before
    at = start + sum(row[0] for row in first) * 1000
    moved = PointJudge(rules, rebase(other.state(), shift, at + 1 + shift))
    plain = PointJudge(rules, rebase(one.state(), 0, at + 1))
    later = run(moved, second, at + shift)
    assert [(found.kind, found.row.id, found.event, found.at_ms - shift) for found in later] == [
        (found.kind, found.row.id, found.event, found.at_ms) for found in run(plain, second, at)
    ]


def test_the_rules_of_a_sensor() -> None:
    """Air has a buffer where the profile says so, a sensor's own error stands in the place of the guard band, humidity
    has limits and nothing else."""
    base = load_profile("ID-MBG")
    profile = msgspec.structs.replace(
        base, buffer=[msgspec.structs.replace(BUFFER, point="chiller")], rate=[RISE], stuck=[STUCK],
        limit=[*base.limit, limit(id="damp", quantity="humidity_percent", above=75.0, unit="%")],
    )  # fmt: skip
    product = rules_at(profile, "chiller", "temperature_c", error_c=0.7)
    assert product.buffer is None
    assert product.stuck is None
    assert {row.guard_band for row in product.limits} == {0.7}
    assert rules_at(profile, "chiller", "temperature_c", measures="air").buffer is not None
    assert rules_at(profile, "chiller", "temperature_c", health=True).stuck is STUCK
    damp = rules_at(profile, "chiller", "humidity_percent", error_c=0.7, health=True)
    assert [row.id for row in damp.limits] == ["damp"]
    assert damp.limits[0].guard_band == 0
    assert not damp.rates
    assert not rules_at(profile, "nowhere", "temperature_c")
