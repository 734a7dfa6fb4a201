"""The limit rule and the shipped profiles."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.limit import LimitEvent, LimitState, Observation, rebase, step
from pawon_food_safety.profile import ProfileError, load_profile, parse_profile, shipped
from pawon_food_safety.rows import Limit

MINUTE = 60_000
ID_MBG = load_profile("ID-MBG")


def judge(limit: Limit, series: list[Observation], state: LimitState | None = None) -> list[LimitEvent]:
    """All events of a series."""
    state, out = state or LimitState(), []
    for seen in series:
        state, events = step(limit, state, seen)
        out += events
    return out


def every_minute(values: list[float], start_ms: int = 0) -> list[Observation]:
    """One observation a minute, each believed for a heartbeat and a half."""
    return [
        Observation(at_ms=start_ms + n * MINUTE, value=value, valid_until_ms=start_ms + n * MINUTE + 90_000)
        for n, value in enumerate(values)
    ]


HOT = next(limit for limit in ID_MBG.limit if limit.id == "chiller-hot")


def test_one_measured_return_within_the_limit_begins_anew() -> None:
    """59 minutes too warm, one minute well, 59 minutes too warm: the delay was never full."""
    assert judge(HOT, every_minute([6.0] * 59 + [4.0] + [6.0] * 59)) == []


def test_a_dip_between_reports_counts_as_a_return() -> None:
    """The report's own minimum tells of a sample within the limit that was not sent by itself."""
    series = every_minute([6.0] * 70)
    series[40] = msgspec.structs.replace(series[40], low=4.4)
    assert [event.at_ms for event in judge(HOT, series)] == []


def test_a_gap_is_neither_safe_nor_an_excursion() -> None:
    """30 min too warm, two hours of silence, 30 min too warm: opens when 60 *measured* minutes are full."""
    series = every_minute([6.0] * 31) + every_minute([6.0] * 40, start_ms=150 * MINUTE)
    events = judge(HOT, series)
    assert [event.kind for event in events] == ["opened"]
    # 30 min between observations + 1.5 min of validity before the silence leave 28.5 min after it.
    assert events[0].at_ms == 150 * MINUTE + int(28.5 * MINUTE)
    opened = every_minute([6.0] * 61)
    assert [e.kind for e in judge(HOT, opened + every_minute([3.0], start_ms=300 * MINUTE))] == ["opened"]


def test_an_older_or_repeated_observation_changes_nothing() -> None:
    """Delivery is at least once; judging is exactly once."""
    series = every_minute([6.0] * 61 + [3.0] * 7)
    repeated = [seen for seen in series for _ in range(2)]
    assert judge(HOT, repeated) == judge(HOT, series)


values = st.lists(st.floats(min_value=-5, max_value=20).map(lambda v: round(v, 2)), min_size=1, max_size=200)


@given(values, st.data())
def test_a_split_series_judges_the_same(series: list[float], data: st.DataObject) -> None:
    """Stop anywhere, save the state as JSON, go on: the same events."""
    limit = msgspec.structs.replace(HOT, delay_s=300, clear_s=120)
    seen = every_minute(series)
    cut = data.draw(st.integers(0, len(seen)))
    state = LimitState()
    first: list[LimitEvent] = []
    for observation in seen[:cut]:
        state, events = step(limit, state, observation)
        first += events
    saved = msgspec.json.decode(msgspec.json.encode(state), type=LimitState)
    assert first + judge(limit, seen[cut:], saved) == judge(limit, seen)


@given(values, st.lists(st.floats(min_value=0, max_value=5), min_size=200, max_size=200))
def test_warmer_is_never_milder(series: list[float], more: list[float]) -> None:
    """Adding degrees anywhere never opens later and never ends sooner in all."""
    limit = msgspec.structs.replace(HOT, delay_s=300, clear_s=120)
    mild, bad = (
        judge(limit, every_minute(series)),
        judge(limit, every_minute([a + b for a, b in zip(series, more, strict=False)])),
    )
    first_mild = next((e.at_ms for e in mild if e.kind == "opened"), None)
    first_bad = next((e.at_ms for e in bad if e.kind == "opened"), None)
    if first_mild is not None:
        assert first_bad is not None
        assert first_bad <= first_mild


def test_every_shipped_profile_reads_and_says_where_its_numbers_come_from() -> None:
    """A limit without a source is an opinion."""
    for name in shipped():
        profile = load_profile(name)
        assert profile.limit
        assert all(limit.source and limit.certainty and limit.approved_by for limit in profile.limit)


def test_the_demonstration_only_shortens_time() -> None:
    """DEMO judges by the very numbers of ID-MBG; its minutes are seconds."""
    demo = load_profile("DEMO")
    assert demo.demo
    assert not ID_MBG.demo
    assert [(a.id, a.value, a.delay_s * 60, a.clear_s * 60) for a in demo.limit] == [
        (b.id, b.value, b.delay_s, b.clear_s) for b in ID_MBG.limit
    ]


def test_all_mistakes_of_a_profile_are_named_at_once() -> None:
    """Three mistakes, three lines, each with its place."""
    text = shipped()["ID-MBG"].replace('severity = "warning"', 'severity = "bad"', 1)
    text = text.replace("above = 5.0", 'above = "five"', 1).replace("above = 8.0", "above = 8.0\nbelow = 1.0", 1)
    with pytest.raises(ProfileError) as caught:
        parse_profile(text)
    assert len(caught.value.problems) == 3
    assert "limit[0]" in caught.value.problems[0]
    assert "limit[1]" in caught.value.problems[1]
    assert "chiller-very-hot" in caught.value.problems[2]
    with pytest.raises(ProfileError, match="ID-MBG"):
        load_profile("NOWHERE")


@given(
    st.integers(0, 10_000_000), st.integers(-20_000_000, 20_000_000), st.integers(0, 5_000_000), st.integers(0, 10**7)
)  # fmt: skip
def test_a_state_on_a_new_timeline_lies_in_its_past(last: int, shift: int, beyond: int, first: int) -> None:
    """Whatever the clocks said, what was measured before a reboot happened before it, and keeps its measured time."""
    state = LimitState(
        last_ms=last, last_value=6.0, valid_until_ms=last + 90_000, began_ms=last - beyond, beyond_ms=beyond, worst=6.0
    )
    moved = rebase(state, shift, first)
    assert moved.last_ms is not None
    assert moved.began_ms is not None
    assert moved.last_ms < first
    assert moved.valid_until_ms == moved.last_ms
    assert moved.last_ms - moved.began_ms == beyond
    assert moved.beyond_ms == beyond
