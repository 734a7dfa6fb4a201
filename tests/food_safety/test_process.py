"""Processes at a probe, as people are told: once, the milder word first, over when the next food comes."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.finding import Finding, words
from pawon_food_safety.point import PointJudge, PointState, rebase, rules_at
from pawon_food_safety.profile import load_profile

PROFILE = load_profile("ID-MBG")
MINUTE = 60_000
Series = list[tuple[int, float]]


def told(point: str, series: Series, valid_ms: int = 90_000) -> list[tuple[str, str, int]]:
    """Rule, event and minute of what a core's readings bring."""
    judge = PointJudge(rules_at(PROFILE, point, "temperature_c"))
    found = [one for at, value in series for one in judge.see(at, value, at + valid_ms)]
    return [(one.rule, one.event, one.at_ms // MINUTE) for one in found if one.kind != "limit"]


def newton(start: float, ambient: float, tau_min: float, minutes: int, begin: int = 0) -> Series:
    """A core that cools."""
    return [
        ((begin + minute) * MINUTE, ambient + (start - ambient) * math.exp(-minute / tau_min))
        for minute in range(minutes)
    ]


def ramp(values: dict[int, float], every_s: int = 10) -> Series:
    """Straight lines between minutes and values."""
    return [
        (second * 1000, low + (high - low) * (second / 60 - begin) / (end - begin))
        for (begin, low), (end, high) in itertools.pairwise(sorted(values.items()))
        for second in range(begin * 60, end * 60, every_s)
    ]


def test_a_pan_that_is_cooked() -> None:
    """At 2.75 C a minute two minutes of F70 are there at 71.7 C, before 75 C; taking it out says no more."""
    assert told("cooking", ramp({0: 25, 20: 80, 30: 80, 40: 30})) == [("undercooked", "passed", 17)]


def test_a_pan_that_is_taken_out_too_soon_and_the_next_one() -> None:
    """Told when it is taken out; over when the next food is on the fire."""
    first = ramp({0: 25, 20: 66, 21: 66, 30: 30, 40: 30, 60: 80, 65: 80})
    assert told("cooking", first) == [
        ("undercooked", "opened", 23), ("undercooked", "closed", 46), ("undercooked", "passed", 56),
    ]  # fmt: skip


def test_cooling_is_slow_before_it_is_too_late() -> None:
    """The forecast says so early; after two hours it is broken; the milder word is over then."""
    story = told("cooling", newton(75, 30, 90, 260))
    assert [(rule, event) for rule, event, _ in story] == [
        ("cooled-too-slowly~", "opened"), ("cooled-too-slowly~", "closed"), ("cooled-too-slowly", "opened"),
    ]  # fmt: skip
    assert story[0][2] < 90
    assert story[2][2] == pytest.approx(36.5 + 120, abs=1)


def test_cooling_as_it_should_be() -> None:
    """In ice: through both stages in time, and nothing to tell but that."""
    assert told("cooling", newton(75, 1, 60, 400)) == [("cooled-too-slowly", "passed", 175)]


def test_reheating() -> None:
    """Within the hour it passes; slower is told; taken out below 74 C is a failure."""
    assert told("reheating", ramp({0: 4, 40: 80, 41: 80})) == [("reheated-badly", "passed", 37)]
    slow = told("reheating", ramp({0: 4, 110: 76, 111: 76}))
    assert [(rule, event) for rule, event, _ in slow] == [
        ("reheated-badly~", "opened"), ("reheated-badly~", "closed"), ("reheated-badly", "passed"),
    ]  # fmt: skip
    cold = told("reheating", ramp({0: 4, 30: 65, 35: 40, 36: 40}))
    assert [(rule, event) for rule, event, _ in cold] == [("reheated-badly", "opened")]


def test_the_milder_word_has_words_of_its_own() -> None:
    """A person is not told to throw away what is only late."""
    row = PROFILE.cooling[0]
    assert words(row, "warning")[0] == "Pendinginan lambat"
    assert words(row, "critical")[0] == row.text_id
    assert words(PROFILE.limit[0], "warning")[0] == PROFILE.limit[0].text_id


CORES = st.lists(st.tuples(st.sampled_from([10, 60, 60, 600, 4000]), st.floats(0, 100)), min_size=1, max_size=80)


@given(st.sampled_from(["cooking", "cooling", "reheating"]), CORES, st.integers(0, 80))
def test_resumed_anywhere_it_tells_the_same_and_what_opens_closes_once(
    point: str, rows: list[tuple[int, float]], cut: int
) -> None:
    """Through JSON, in the middle of anything; no rule opens twice without closing between."""
    rules = rules_at(PROFILE, point, "temperature_c")
    whole, part, at = PointJudge(rules), PointJudge(rules), 10**10
    open_rules: set[str] = set()
    for number, (apart_s, value) in enumerate(rows):
        at += apart_s * 1000
        if number == cut:
            saved = msgspec.json.decode(msgspec.json.encode(part.state()), type=PointState)
            assert rebase(saved, 0, at + 1) == saved or saved.last_ms is not None
            part = PointJudge(rules, saved)
        found: list[Finding] = list(whole.see(at, value, at + 90_000))
        assert list(part.see(at, value, at + 90_000)) == found
        for one in found:
            if one.event == "opened":
                assert one.rule not in open_rules
                open_rules.add(one.rule)
            elif one.event == "closed":
                open_rules.remove(one.rule)
        assert {row.id for row, severity in whole.pending() if severity} == {
            rule.removesuffix("~") for rule in open_rules
        }
