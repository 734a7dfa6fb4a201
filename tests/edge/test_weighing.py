"""What the weighing detector promises for any signal: nothing eaten, nothing raised, bounded, the same after a key."""

from __future__ import annotations

import math
import sys
import threading
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.edge.scale_track import Samples, Track, changes, movements, weigh

from pawon_contract.messages import Weighing
from pawon_edge.weighing import WeighingDetector
from pawon_edge.weighing.stack import MAX_STANDS
from pawon_edge.weighing.trace import LEAD_MS, MAX_HELD, MAX_POINTS, thin

DIVISION_G = 10.0


def detector(
    last_stable_g: int | None = None, *, division_g: float = DIVISION_G, touch_s: float | None = None
) -> WeighingDetector:
    """A scale with the default patience."""
    return WeighingDetector(sensor="timbangan-1", division_g=division_g, last_stable_g=last_stable_g, touch_s=touch_s)


def chain(rows: list[Weighing]) -> int:
    """The sum of all that was told, of drift too, after the opening row; rows must join."""
    kept = [row for row in rows if row.kind not in ("touch", "person", "first")]
    for before, after in pairwise([row for row in rows if row.kind not in ("touch", "person")]):
        assert after.before_g - after.drift_g == before.after_g
    return sum(row.after_g - row.before_g + round(row.drift_g) for row in kept)


steps = st.lists(
    st.tuples(
        st.sampled_from(["move", "move", "hand", "sway", "key", "silent", "overload", "flow"]),
        st.integers(-40, 120), st.floats(0, 30),
    ),
    min_size=1, max_size=10,
)  # fmt: skip


def play(
    what: list[tuple[str, int, float]], *, noise_g: float = 3.0, seed: int = 1, unit_g: float = 100.0
) -> Track:  # fmt: skip
    """Events one after another from 8 kg on, of so many ``unit_g``; in the end the load rests."""
    track = Track(8_000, noise_g=noise_g, seed=seed).rest(10)
    for kind, amount, seconds in what:
        by_g = max(-track.load_g, amount * unit_g)
        if kind == "move":
            track.move(by_g).rest(seconds)
        elif kind == "hand":
            track.move(abs(by_g)).rest(seconds).move(-abs(by_g)).rest(6)
        elif kind == "sway":
            track.move(abs(by_g)).rest(seconds, sway_g=abs(by_g) * 0.2).move(-abs(by_g)).rest(6)
        elif kind == "key":
            track.key(0 if amount > 0 else track.load_g + by_g).rest(seconds)
        elif kind == "silent":
            track.silent(seconds).rest(6)
        elif kind == "overload":
            track.overloaded(seconds).rest(6)
        else:
            track.rest(seconds, slope_g_a_s=amount * unit_g / 2_000)
    return track.rest(130)


@settings(deadline=None, max_examples=200)
@given(
    what=steps, seed=st.integers(0, 1000), noise_g=st.sampled_from([0.0, 2.0, 12.0]),
    unit_g=st.sampled_from([100.0, 1.0]),
)  # fmt: skip
@example(
    what=[("move", 15, 3.0), ("key", 1, 3.0), ("silent", 0, 6.0), ("move", 6, 0.0)], seed=0, noise_g=0.0, unit_g=1.0
)
def test_nothing_is_eaten(what: list[tuple[str, int, float]], seed: int, noise_g: float, unit_g: float) -> None:
    """Whatever happens, be it large or hardly to be told, the rows join, and their differences with the drift they name
    add up to the change of the stable level, to less than the least weighing."""
    track = play(what, noise_g=noise_g, seed=seed, unit_g=unit_g)
    rows = weigh(track.samples)
    opened = next((row.after_g for row in rows if row.kind == "first"), 0)
    assert abs(opened + chain(rows) - track.load_g) < 45 + 6 * noise_g


@settings(deadline=None, max_examples=80)
@given(
    up_g=st.floats(20, 45),
    back=st.floats(0.1, 1.0),
    flow_s=st.sampled_from([10, 20, 30, 60]),
    rest_s=st.floats(15, 40),
    seed=st.integers(0, 1000),
)
@example(up_g=33, back=0.5, flow_s=20, rest_s=34, seed=352)
@example(up_g=21, back=0.3, flow_s=10, rest_s=27, seed=800)
def test_what_seeps_in_and_out_again_is_weighed(
    up_g: float, back: float, flow_s: float, rest_s: float, seed: int
) -> None:  # fmt: skip
    """A little more than the least weighing flows in, rests, and a part of it flows out again before it is told: the
    detector comes to an end with it, and what it told and where it stands add up."""
    track = Track(5_000, division_g=5, noise_g=1.5, seed=seed).rest(60).rest(flow_s, slope_g_a_s=up_g / flow_s)
    track.rest(rest_s).rest(20, slope_g_a_s=-up_g * back / 20).rest(180)
    rows: list[Weighing] = []
    # A detector that never answers would keep the gateway from all its scales: the test must say so, not join it.
    work = threading.Thread(target=lambda: rows.extend(weigh(track.samples, detector(division_g=5))), daemon=True)
    work.start()
    work.join(timeout=60)
    assert not work.is_alive(), "it never comes to an end"
    opened = next(row.after_g for row in rows if row.kind == "first")
    assert abs(opened + chain(rows) - track.load_g) < 30


@settings(deadline=None, max_examples=60)
@given(what=steps, seed=st.integers(0, 1000), cut=st.floats(0.05, 0.95))
def test_a_restart_in_the_middle_keeps_the_sum(what: list[tuple[str, int, float]], seed: int, cut: float) -> None:
    """The gateway stops anywhere and starts again with the last stable value: what was told adds up."""
    track = play(what, seed=seed)
    at = round(len(track.samples) * cut)
    first = detector()
    rows = [row for at_ms, mass in track.samples[:at] for row in first.take(at_ms, mass)]
    known = first.stable_g
    second = detector(known if known is not None else first.last_stable_g)
    begin_ms = track.samples[at - 1][0]
    later = [row for at_ms, mass in track.samples[at:] for row in second.take(at_ms - begin_ms, mass)] + second.finish()
    opened = sum(row.after_g for row in rows + later if row.kind == "first")
    told = sum(
        row.after_g - row.before_g + row.drift_g for row in rows + later if row.kind not in ("touch", "person", "first")
    )
    assert abs(opened + told - track.load_g) < 65


@settings(deadline=None, max_examples=60)
@given(what=steps.filter(lambda all_: all(kind != "key" for kind, _, _ in all_)), seed=st.integers(0, 500),
       shift=st.integers(-300, 300).map(lambda n: n * 10))  # fmt: skip
def test_what_is_shown_may_be_shifted(what: list[tuple[str, int, float]], seed: int, shift: int) -> None:
    """A scale with another tare shows all loads shifted: the same movements come out."""
    samples = play(what, seed=seed).samples
    plain = movements(weigh(samples))
    shifted = movements(weigh([(at_ms, None if mass is None else mass + shift) for at_ms, mass in samples]))
    assert plain == shifted


@settings(deadline=None, max_examples=40)
@given(what=steps, seed=st.integers(0, 500), doubled=st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_doubled_and_late_samples_change_nothing(
    what: list[tuple[str, int, float]], seed: int, doubled: list[int]
) -> None:
    """Samples that come twice, or again from some samples ago, are told of as if they had come once."""
    samples = play(what, seed=seed).samples
    more: Samples = []
    for number, sample in enumerate(samples):
        more.append(sample)
        more += [(sample[0] + extra, sample[1]) for extra in range(doubled[number % 5])]
        if number % 97 == 96:
            more.append(samples[number - 5])
    assert weigh(more) == weigh(samples)


masses = st.one_of(
    st.none(), st.floats(), st.sampled_from([0.0, 5_000.0, 5_000.0, 5_010.0, math.nan, math.inf, -1e308, 1e308, 5e-324])
)


@settings(deadline=None, max_examples=150)
@given(
    samples=st.lists(
        st.tuples(st.integers(-(2**40), 2**40) | st.integers(0, 100), masses, st.booleans() | st.none(),
                  st.sampled_from([None, "gross", "net", "zero 5"]), st.none() | st.floats()),
        max_size=120,
    ),
    division_g=st.sampled_from([1e-3, 1.0, 50.0]),
)  # fmt: skip
def test_no_sequence_raises(
    samples: list[tuple[int, float | None, bool | None, str | None, float | None]], division_g: float
) -> None:
    """Not a number, huge, from the past, nothing at all, any tare: rows or no rows, never an exception."""
    scale = detector(division_g=division_g)
    now_ms = 0
    for at_ms, mass, stable, load, tare_g in samples:
        now_ms = now_ms + at_ms if 0 <= at_ms <= 100 else at_ms
        for row in scale.take(now_ms, mass, device_stable=stable, load=load, tare_g=tare_g):
            assert row.start_ms <= row.end_ms
    scale.lose_sight()
    scale.forget_plateau(5)
    scale.finish()


def test_a_clock_that_was_set_back_does_not_make_the_scale_deaf() -> None:
    """A recording whose clock goes back an hour is weighed on; what changed at that moment nobody saw."""
    track = Track(5_000).rest(20)
    later = Track(6_000, seed=2).rest(10).move(1_000).rest(70)
    samples = [(at_ms + 3_600_000, mass) for at_ms, mass in track.samples] + later.samples
    assert changes(weigh(samples)) == [("restart", 1_000), ("in", 1_000)]


def test_memory_is_bounded() -> None:
    """Hands that never leave, swaying loads, hours of small steps: what is held stays the same."""
    scale = detector()
    track = Track(5_000, noise_g=4)
    for number in range(150):
        track.move(-200.0 if number % 2 else 260.0).rest(4.5)
    track.rest(200, sway_g=300).rest(300, slope_g_a_s=3.0)
    for at_ms, mass in track.samples:
        scale.take(at_ms, mass)
        assert len(scale._judge.stands) <= MAX_STANDS + 1
        assert len(scale._judge.trace.points) < MAX_HELD
    assert sys.getsizeof(scale._judge.blocks._blocks) < 2_000


def test_a_trace_shows_where_it_moved() -> None:
    """However long it lasts, a trace fits a row, begins before the event, reaches its end, and keeps the moving
    samples when quiet ones must go."""
    track = Track(1_000, noise_g=1).rest(120).move(3_000, 2.0).rest(70)
    (row,) = [row for row in weigh(track.samples) if row.kind == "in"]
    assert len(row.trace) <= MAX_POINTS
    assert -LEAD_MS <= row.trace[0][0] < -2_000
    assert row.trace[-1][0] + row.start_ms <= row.end_ms
    moving = [(at_ms, mass) for at_ms, mass in track.samples if 120_100 < at_ms < 122_000]
    kept = [(at + row.start_ms, mass) for at, mass in row.trace]
    for at_ms, mass in moving:
        assert mass is not None
        assert abs(mass - next(value for at, value in reversed(kept) if at <= at_ms)) <= DIVISION_G
    busy = Track(1_000, noise_g=1).rest(10)
    for _ in range(300):
        busy.move(busy.chance.uniform(-900, 2_000)).rest(1)
    (row, *_) = [row for row in weigh(busy.rest(70).samples) if row.kind in ("in", "out")]
    assert 100 <= len(row.trace) <= MAX_POINTS
    assert [at for at, _ in row.trace] == sorted(at for at, _ in row.trace)


@given(st.lists(st.floats(-1e6, 1e6), max_size=80), st.integers(0, 40))
def test_thinning_keeps_the_ends(values: list[float], count: int) -> None:
    """At most so many points, in order, the first and the last among them if there is room for three."""
    points = [(number * 100, value) for number, value in enumerate(values)]
    left = thin(points, count)
    assert len(left) <= max(count, 0)
    assert left == [point for point in points if point in left]
    if count >= 3 and points:
        assert (left[0], left[-1]) == (points[0], points[-1])


@pytest.mark.parametrize("load", [0, 20, 30, 48_500])
def test_the_first_plateau_ever_opens_the_book_and_an_empty_scale_opens_nothing(load: int) -> None:
    """A scale without memory tells what lies on it, once; nothing, or less than counts, is no news."""
    rows = weigh(Track(load, noise_g=0).rest(10).samples)
    assert [(row.kind, row.before_g, row.after_g) for row in rows] == ([("first", 0, load)] if load >= 30 else [])


@given(before=st.integers(0, 100), after=st.integers(0, 100))
def test_a_change_while_nobody_watched_is_a_restart_row(before: int, after: int) -> None:
    """After a restart a different load is told as such, with little confidence; the same load is no news."""
    rows = weigh(Track(after * 100, noise_g=0).rest(6).samples, detector(before * 100))
    if before == after:
        assert rows == []
    else:
        (row,) = rows
        assert (row.kind, row.before_g, row.after_g) == ("restart", before * 100, after * 100)
        assert row.confidence < 0.5


def test_restarts_do_not_eat_a_slow_withdrawal() -> None:
    """Ten restarts with 20 g less each time, below what counts alone: the sum is told in the end."""
    known, told = 5_000, 0
    for load in range(4_980, 4_780, -20):
        scale = detector(known)
        told += sum(row.before_g - row.after_g for row in weigh(Track(load, noise_g=0).rest(6).samples, scale))
        assert scale.stable_g is not None
        known = scale.stable_g
    assert abs(told - 200) < 30


def test_small_steps_add_up() -> None:
    """A spoon at a time below three divisions is invisible one by one and counted together."""
    track = Track(5_000, noise_g=0)
    for _ in range(7):
        track.rest(10)
        track.load_g -= 10
    told = movements(weigh(track.rest(80).samples))
    assert told
    assert abs(sum(told) + 70) < 30


def test_a_scale_that_says_moving_is_believed() -> None:
    """A device that calls itself unstable has no plateau, however steady its numbers look."""
    scale = detector()
    for n in range(100):
        assert scale.take(n * 100, 5_000.0, device_stable=False) == []
    assert scale.stable_g is None
    for n in range(100, 160):
        scale.take(n * 100, 5_000.0, device_stable=True)
    assert scale.stable_g == 5_000


def test_tare_that_the_scale_tells_moves_no_stock() -> None:
    """Gross 12 kg becomes net 0 kg: told as tare, with what the scale says of it; what follows counts again. A new
    tare in grams is a key as well."""
    scale = detector(12_000)
    rows: list[Weighing] = []
    for at_ms, mass in Track(12_000).rest(20).samples:
        rows += scale.take(at_ms, mass, load="gross")
    track = Track(0).rest(20).move(3_000).rest(70)
    for at_ms, mass in track.samples:
        rows += scale.take(20_000 + at_ms, mass, load="net", tare_g=12_000.0)
    for at_ms, mass in Track(2_500).rest(10).samples:
        rows += scale.take(20_000 + track.at_ms + at_ms, mass, load="net", tare_g=12_500.0)
    assert changes(rows) == [("tare", -12_000), ("in", 3_000), ("tare", -500)]
    assert (rows[1].load, rows[1].tare_g) == ("net", 12_000.0)
    assert rows[1].zero_g is None  # a net zero is no empty scale


def test_a_lone_scale_that_shows_loads_at_once_keeps_its_loads() -> None:
    """Where loads themselves come from one sample to the next (a filter hides the hands), a jump to 0 is no proof of a
    key once that has been seen: what is taken off is taken off."""
    track = Track(0, noise_g=0).rest(10)
    for load in (4_000, 0, 2_500, 0, 6_000, 0):
        track.key(load).rest(70)
    assert sum(movements(weigh(track.samples))) == 0
    assert movements(weigh(track.samples))[:3] == [4_000, -4_000, 2_500]


@pytest.mark.parametrize("touch_s", [10.0, 60.0])
def test_a_movement_is_told_when_nothing_can_undo_it(touch_s: float) -> None:
    """Nothing is told before a touch is ruled out, and at once then."""
    scale = detector(touch_s=touch_s)
    track = Track(5_000).rest(10).move(2_000).rest(100)
    told_ms = [at_ms for at_ms, mass in track.samples if any(row.kind == "in" for row in scale.take(at_ms, mass))]
    assert len(told_ms) == 1
    # A step is dated to half a second.
    assert max(touch_s, 20) * 1000 - 500 <= told_ms[0] - 10_000 <= max(touch_s, 20) * 1000 + 7_000


def test_confidence_follows_the_evidence() -> None:
    """A large step between long plateaus is surer than one at the limit, and that is surer than a short plateau."""
    large = weigh(Track(5_000).rest(60).move(4_000).rest(70).samples)[-1]
    limit = weigh(Track(5_000, noise_g=1).rest(60).move(40).rest(70).samples)[-1]
    short = weigh(Track(5_000, noise_g=1).rest(60).move(40).rest(5.5).samples)[-1]
    assert large.confidence > 0.95 > limit.confidence > short.confidence > 0.3


def test_losing_sight_tells_what_is_certain() -> None:
    """The line is lost: what rested long enough is told, and what comes back another load was not seen."""
    scale = detector(5_000)
    rows: list[Weighing] = []
    track = Track(5_000).rest(10).move(2_000).rest(8)
    for at_ms, mass in track.samples:
        rows += scale.take(at_ms, mass)
    assert rows == []
    rows += scale.lose_sight()
    for at_ms, mass in Track(6_000).rest(10).samples:
        rows += scale.take(track.at_ms + 60_000 + at_ms, mass)
    assert changes(rows) == [("in", 2_000), ("restart", -1_000)]
