"""Air as food feels it: the buffer's published figures, defrosts that say nothing, freezers that fail all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.food_safety.some_rules import BUFFER, DEFROST, FREEZER, MINUTE

from pawon_food_safety.air import Air, rebase
from pawon_food_safety.point import Finding, PointJudge, PointRules, rules_at
from pawon_food_safety.profile import load_profile

RULES = PointRules(limits=FREEZER, buffer=BUFFER, defrost=DEFROST)
HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE


def judged(air: Callable[[int], float | None], until_ms: int, rules: PointRules = RULES) -> list[Finding]:
    """A reading a minute, valid for a minute and a half; ``None`` where there is none."""
    judge, found = PointJudge(rules), []
    for at in range(0, until_ms, MINUTE):
        value = air(at)
        if value is not None:
            found += judge.see(at, value, at + 90_000)
    return found


def opened(found: list[Finding]) -> list[tuple[str, int]]:
    """What was told, and when."""
    return [(one.row.id, one.at_ms) for one in found if one.event == "opened"]


@pytest.mark.parametrize(("minutes", "expected"), [(5, 6.21), (10, 8.18), (20, 11.54)])
@pytest.mark.parametrize("every_s", [10, 60, 300])
def test_a_step_of_the_air(minutes: int, expected: float, every_s: int) -> None:
    """From 4 C into air of 25 C with 45 minutes' time constant: the reference's figures, however often it is read."""
    air = Air(BUFFER, None)
    air.feel(0, 4.0, every_s * 1000)
    felt = [air.feel(at * 1000, 25.0, (at + every_s) * 1000) for at in range(every_s, minutes * 60 + 1, every_s)][-1]
    assert felt == pytest.approx(expected, abs=0.005)


def defrosting(peak_c: float, lasts: int, a_day: int = 4) -> Callable[[int], float]:
    """A freezer at -20 C that swings by a degree, and defrosts so often to ``peak_c``, for ``lasts`` minutes in all."""

    def air(at: int) -> float:
        minute = at % (DAY // a_day) // MINUTE - 60
        swing = ((at // MINUTE) % 20) / 10 - 1
        if not 0 <= minute < lasts:
            return -20 + swing
        rise = min(1.0, minute / (lasts * 0.3), (lasts - minute) / (lasts * 0.1))
        return -20 + swing + (peak_c + 20) * rise

    return air


@pytest.mark.parametrize("peak_c", [-5.0, 0.0, 5.0])
@pytest.mark.parametrize(("lasts", "a_day"), [(15, 4), (30, 4), (44, 4), (50, 4), (25, 6), (30, 2)])
def test_a_month_of_defrosts_tells_nobody(peak_c: float, lasts: int, a_day: int) -> None:
    """Two to six a day, of every length and warmth that freezers have, with what they need to come back: not one alarm
    in thirty days."""
    assert judged(defrosting(peak_c, lasts, a_day), 30 * DAY) == []


def test_defrosts_are_believed_again_after_a_quick_freeze_and_a_door() -> None:
    """A freezer that lay at -28 C for a while and is at -20 C now, and whose door was opened then: its defrosts are
    defrosts."""
    judge, found = PointJudge(RULES), []
    air = defrosting(0.0, 30)
    for at in range(0, 5 * DAY, MINUTE):
        if at == 3 * HOUR:
            judge.door(at, True)
        if at == 3 * HOUR + 4 * MINUTE:
            judge.door(at, False)
        found += judge.see(at, -28.0 if at < 6 * HOUR else air(at), at + 90_000)
    assert found == []


def test_without_the_row_the_same_month_is_a_false_alarm() -> None:
    """The test above proves something: the same air, judged without knowing of defrosts, is told."""
    plain = PointRules(limits=FREEZER, buffer=BUFFER)
    assert opened(judged(defrosting(5.0, 44), 2 * DAY, plain)) != []


@pytest.mark.parametrize("per_minute", [0.05, 0.2, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("ends_at", [-8.0, 0.0, 5.9, 15.0])
def test_a_freezer_that_fails_is_told_at_most_a_defrost_later(per_minute: float, ends_at: float) -> None:
    """However fast the air warms and wherever it ends: the critical limit is told, at most 45 minutes after it would
    have been without any belief in defrosts."""

    def air(at: int) -> float:
        return min(ends_at, -20 + max(0, at - HOUR) / MINUTE * per_minute)

    plain = dict(opened(judged(air, 2 * DAY, PointRules(limits=FREEZER, buffer=BUFFER))))
    told = dict(opened(judged(air, 2 * DAY)))
    assert set(told) == set(plain) == {"soft", "hot"}
    for rule, at in plain.items():
        assert at <= told[rule] <= at + 46 * MINUTE


def test_a_defrost_that_never_ends_is_believed_once() -> None:
    """Air that stays warm after 45 minutes is not taken for another defrost, and another one needs the cold between."""
    air = Air(BUFFER, DEFROST)
    felt = [air.feel(at, -20.0 if at < HOUR else -2.0, at + MINUTE) for at in range(0, 6 * HOUR, MINUTE)]
    assert felt[60] == felt[60 + 44] == pytest.approx(-20.0, abs=0.5)
    # From then on exactly what it would have been.
    plain = Air(BUFFER, None)
    full = [plain.feel(at, -20.0 if at < HOUR else -2.0, at + MINUTE) for at in range(0, 6 * HOUR, MINUTE)]
    assert felt[107:] == pytest.approx(full[107:], abs=0.01)


def test_an_open_door_is_no_defrost() -> None:
    """Warm air by the door is felt at once."""
    air, plain = Air(BUFFER, DEFROST), Air(BUFFER, None)
    for at in range(0, HOUR, MINUTE):
        value = -20.0 if at < 30 * MINUTE else 0.0
        if at == 32 * MINUTE:
            air.door(at + HOUR)
        felt, full = air.feel(at, value, at + MINUTE), plain.feel(at, value, at + MINUTE)
    assert felt == pytest.approx(full, abs=0.5)


def test_a_defrost_is_no_early_warning() -> None:
    """Air that rises by 14 C in 15 minutes and comes back: the rate rule says nothing, nor does any other."""
    judge = PointJudge(rules_at(load_profile("ID-MBG"), "freezer", "temperature_c", measures="air", door=True))
    air = [-18.0] * 60 + [-18 + 14 * min(1, k / 15) for k in range(25)] + [-4 - 14 * k / 15 for k in range(15)]
    found: list[Finding] = []
    for minute, value in enumerate([*air, *[-18.0] * 60]):
        found += judge.see(minute * MINUTE, value, (minute + 1) * MINUTE)
    assert found == []


def test_a_door_is_never_taken_for_a_defrost() -> None:
    """Forty minutes at 0 C behind an open door, although the first reading after it opened was still cold: felt, and
    told, however often it is done."""
    judge, found = PointJudge(RULES), []
    for at in range(0, 12 * 60):
        minute = at % 60
        if minute == 10:
            judge.door(at * MINUTE, True)
        if minute == 54:
            judge.door(at * MINUTE, False)
        found += judge.see(at * MINUTE, 0.0 if 11 <= minute < 54 else -18.0, at * MINUTE + 90_000)
    assert opened(found)[0] == ("hot", 59 * MINUTE)
    assert {one.kind for one in found} == {"limit"}


def test_shapes_of_defrosts_do_not_hide_a_failing_freezer() -> None:
    """Forty minutes at 4 C, five at -18, over and over: one is believed, the next one comes too soon."""
    found = judged(lambda at: 4.0 if at // MINUTE % 45 < 40 else -18.0, DAY)
    assert dict(opened(found))["hot"] < 3 * HOUR


def test_a_gap_moves_no_food() -> None:
    """Nobody knows where the air was: a freezer that was too warm before is too warm after, for as long as without the
    gap; one that was cold is not warm because of a reading after it; a defrost that nobody saw end is none."""

    def told(warm_until: int, gap: tuple[int, int]) -> list[Finding]:
        return judged(
            lambda at: None if gap[0] <= at // MINUTE < gap[1] else 0.0 if 30 <= at // MINUTE < warm_until else -20.0,
            12 * HOUR, PointRules(limits=FREEZER, buffer=BUFFER),
        )  # fmt: skip

    whole, gapped = told(150, (0, 0)), told(150, (150, 400))
    lasts = [one.at_ms for one in whole if one.event == "closed"][-1] - 150 * MINUTE
    lasts_after = [one.at_ms for one in gapped if one.event == "closed"][-1] - 400 * MINUTE
    assert abs(lasts - lasts_after) <= 2 * MINUTE
    once = {150: 0.0, **dict.fromkeys(range(30, 150))}
    assert opened(judged(lambda at: once.get(at // MINUTE, -18.0), DAY)) == []
    unseen = {**dict.fromkeys(range(10, 13), 4.0), **dict.fromkeys(range(13, 54))}
    assert judged(lambda at: unseen.get(at // MINUTE, -18.0), DAY) == []
    air = Air(BUFFER, DEFROST)
    for minute in [*range(13), 54]:
        felt = air.feel(minute * MINUTE, -18.0 if minute < 10 or minute == 54 else 4.0, minute * MINUTE + 90_000)
    assert felt > -17.5


def test_without_its_row_a_defrost_is_believed_no_more() -> None:
    """A probe is carried from the freezer to a chiller in the middle of one: what it missed counts, and it goes on."""
    judge = PointJudge(RULES)
    for minute in range(15):
        judge.see(minute * MINUTE, -18.0 if minute < 10 else 4.0, minute * MINUTE + 90_000)
    chiller = PointRules(limits=RULES.limits, buffer=BUFFER)
    moved = PointJudge(chiller, judge.state())
    found = [one for minute in range(15, 200) for one in moved.see(minute * MINUTE, 4.0, minute * MINUTE + 90_000)]
    assert [rule for rule, _ in opened(found)] == ["hot", "soft"]


def test_a_compressors_swing_is_no_defrost() -> None:
    """1.6 C up and down every ten minutes, for a day: nothing is counted."""
    assert judged(lambda at: -18.5 + 1.6 * (1 if at // MINUTE % 10 < 5 else -1), 2 * DAY) == []


def test_more_defrosts_than_a_day_has_are_a_repair() -> None:
    """Eight a day are told, as maintenance, and once they are fewer it is over."""
    found = judged(lambda at: defrosting(-5.0, 20, 8 if at < 2 * DAY else 2)(at), 5 * DAY)
    assert [(one.kind, one.event) for one in found] == [("defrost", "opened"), ("defrost", "closed")]


def steps(values: list[float]) -> Iterator[tuple[int, float]]:
    """A value every five minutes, of a clock that has run for a while."""
    return ((10**10 + number * 5 * MINUTE, value) for number, value in enumerate(values))


VALUES = st.lists(st.floats(-30, 20), min_size=2, max_size=60)


@given(VALUES, st.integers(0, 60), st.integers(-(10**9), 10**9), st.sampled_from([5 * MINUTE, 2 * MINUTE]))
def test_resumed_anywhere_and_on_any_timeline_it_feels_the_same(
    values: list[float], cut: int, shift: int, valid: int
) -> None:
    """State and all: the same to the last bit; moved to another boot, the same but for the time's name and for the
    value that ended with its boot."""
    whole, part = Air(BUFFER, DEFROST), Air(BUFFER, DEFROST)
    moved, ended, by = Air(BUFFER, DEFROST), Air(BUFFER, DEFROST), 0
    for number, (at, value) in enumerate(steps(values)):
        if number == cut:
            part = Air(BUFFER, DEFROST, part.state())
            state = moved.state()
            by = shift
            moved = Air(BUFFER, DEFROST, None if state is None else rebase(state, shift, at + shift))
            ended = Air(BUFFER, DEFROST, None if state is None else rebase(state, 0, at))
        felt = whole.feel(at, value, at + valid)
        assert part.feel(at, value, at + valid) == felt
        assert moved.feel(at + by, value, at + by + valid) == ended.feel(at, value, at + valid)


@given(VALUES, st.lists(st.floats(0, 10), min_size=60, max_size=60))
def test_warmer_air_is_never_felt_colder(values: list[float], more: list[float]) -> None:
    """The buffer keeps the order of two series."""
    cold, warm = Air(BUFFER, None), Air(BUFFER, None)
    for (at, value), extra in zip(steps(values), more, strict=False):
        assert warm.feel(at, value + extra, at + 5 * MINUTE) >= cold.feel(at, value, at + 5 * MINUTE) - 1e-9
