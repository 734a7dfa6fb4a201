"""From a stream of masses to weighings."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawon_contract import codec
from pawon_contract.messages import Weighing
from pawon_edge.weighing import WeighingDetector

DIVISION_G = 10.0
STEP_MS = 100
Stream = list[tuple[int, float]]


def detector(last_stable_g: int | None = None, division_g: float = DIVISION_G) -> WeighingDetector:
    """A scale with the default patience: plateaus of 3 s, merging within 20 s."""
    return WeighingDetector(sensor="timbangan-1", division_g=division_g, last_stable_g=last_stable_g)


def hold(stream: Stream, mass_g: float, seconds: float, *, noise_g: float = 0.0, seed: int = 1) -> None:
    """The load rests; the scale's noise is within +-``noise_g``."""
    chance, start = random.Random(seed), stream[-1][0] if stream else 0
    for n in range(1, round(seconds * 1000 / STEP_MS) + 1):
        stream.append((start + n * STEP_MS, mass_g + chance.uniform(-noise_g, noise_g)))


def handle(stream: Stream, seconds: float, *, seed: int = 2) -> None:
    """Hands on the platform: anything between nothing and 40 kg, never still."""
    chance, start = random.Random(seed), stream[-1][0]
    for n in range(1, round(seconds * 1000 / STEP_MS) + 1):
        stream.append((start + n * STEP_MS, chance.uniform(0, 40_000)))


def pour(stream: Stream, to_g: float, seconds: float) -> None:
    """The load changes evenly; the scale shows whole divisions."""
    start, from_g = stream[-1]
    count = round(seconds * 1000 / STEP_MS)
    for n in range(1, count + 1):
        mass = from_g + (to_g - from_g) * n / count
        stream.append((start + n * STEP_MS, round(mass / DIVISION_G) * DIVISION_G))


def weigh(stream: Stream, scale: WeighingDetector | None = None) -> list[Weighing]:
    """All weighings after the opening one; each of them fits the wire and its times are in order."""
    scale = scale or detector()
    rows = [row for at_ms, mass in stream for row in scale.take(at_ms, mass)]
    for row in rows:
        assert codec.decode_item(codec.encode_item(row)) == row
        assert row.start_ms <= row.end_ms == row.at_ms
    assert [row.kind for row in rows].count("first") <= 1
    return rows[1:] if rows and rows[0].kind == "first" else rows


def movements(rows: list[Weighing]) -> list[tuple[str, int, int]]:
    """What the stock book hears."""
    return [(row.kind, row.before_g, row.after_g) for row in rows if row.kind in ("in", "out")]


levels = st.lists(
    st.tuples(st.integers(0, 150).map(lambda n: n * 100), st.floats(0, 40), st.floats(0, 3)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=150)
@given(steps=levels, seed=st.integers(0, 1000))
def test_movements_sum_up_and_nothing_is_invented(steps: list[tuple[int, float, float]], seed: int) -> None:
    """For any plateaus, long or too short to count, with handling between: movements form one unbroken chain from the
    first plateau to the last, and speak only of loads that really stood there."""
    stream: Stream = []
    hold(stream, 5_000, 10, noise_g=DIVISION_G * 0.49, seed=seed)
    for number, (level, rest_s, handling_s) in enumerate(steps):
        handle(stream, handling_s, seed=seed + number)
        hold(stream, level, rest_s, noise_g=DIVISION_G * 0.49, seed=seed + 50 + number)
    final = steps[-1][0]
    hold(stream, final, 40, noise_g=DIVISION_G * 0.49, seed=seed + 99)
    rows = weigh(stream)
    stood = {5_000, *(level for level, _, _ in steps)}
    expected = 5_000
    for kind, before, after in movements(rows):
        assert before == expected
        assert after in stood
        assert kind == ("in" if after > before else "out")
        expected = after
    assert expected == final
    assert all(row.kind in ("in", "out", "touch") for row in rows)


@settings(deadline=None, max_examples=60)
@given(
    load=st.integers(0, 30_000).map(float), noise=st.floats(0, 0.5), seed=st.integers(0, 1000),
    hands=st.lists(st.floats(0.1, 4), max_size=3),
)  # fmt: skip
def test_noise_and_hands_never_make_a_weighing(load: float, noise: float, seed: int, hands: list[float]) -> None:
    """A load that only trembles within half a division, or is leaned on and left alone, moves no stock."""
    stream: Stream = []
    hold(stream, load, 8, noise_g=DIVISION_G * noise, seed=seed)
    for number, seconds in enumerate(hands):
        handle(stream, seconds, seed=seed + number)
        hold(stream, load, 30, noise_g=DIVISION_G * noise, seed=seed + 10 + number)
    assert weigh(stream) == []


@settings(deadline=None, max_examples=60)
@given(load=st.integers(0, 300), extra=st.integers(3, 300).map(lambda n: n * 100), rest_s=st.floats(4.5, 16))
def test_a_load_that_comes_and_goes_is_a_touch(load: int, extra: int, rest_s: float) -> None:
    """What returns to the earlier plateau before the merge time is over is told as a touch and moves nothing."""
    stream: Stream = []
    hold(stream, load * 100, 10)
    hold(stream, load * 100 + extra, rest_s + 1.5)
    hold(stream, load * 100, 40)
    assert [(row.kind, row.before_g, row.after_g) for row in weigh(stream)] == [("touch", load * 100, load * 100)]


@settings(deadline=None, max_examples=40)
@given(
    crates=st.lists(st.integers(3, 120).map(lambda n: n * 100), min_size=2, max_size=8),
    rest_s=st.floats(5, 15),
    direction=st.sampled_from([1, -1]),
)
def test_crates_one_after_another_are_one_movement(crates: list[int], rest_s: float, direction: int) -> None:
    """Steps of one direction within the merge time are one unloading (or loading), dated from first to last."""
    load = 0 if direction > 0 else sum(crates)
    start = load
    stream: Stream = []
    hold(stream, load, 10)
    for number, crate in enumerate(crates):
        handle(stream, 1, seed=number)
        load += direction * crate
        hold(stream, load, rest_s)
    hold(stream, load, 30)
    rows = weigh(stream)
    assert movements(rows) == [("in" if direction > 0 else "out", start, load)]
    assert len(rows) == 1
    assert 10_000 < rows[0].start_ms < 11_100
    assert rows[0].end_ms > (len(crates) - 1) * rest_s * 1000 + 10_000


def test_loading_then_unloading_are_two_movements() -> None:
    """A turn of direction ends the one movement and begins the next, which starts when the top was left."""
    stream: Stream = []
    hold(stream, 0, 10)
    hold(stream, 10_000, 8)
    hold(stream, 20_000, 8)
    top_left_ms = stream[-1][0]
    hold(stream, 5_000, 40)
    rows = weigh(stream)
    assert movements(rows) == [("in", 0, 20_000), ("out", 20_000, 5_000)]
    assert rows[0].end_ms <= rows[1].start_ms
    assert abs(rows[1].start_ms - top_left_ms) <= 1_000


@pytest.mark.parametrize(("to_g", "seconds"), [(15_000, 35), (15_000, 200), (1_000, 45), (700, 240)])
def test_a_slow_pour_is_recorded_in_full(to_g: int, seconds: int) -> None:
    """Rice poured for half a minute or for four: what the book hears is what was poured, to less than the smallest
    weighing that counts."""
    stream: Stream = []
    hold(stream, 0, 10)
    pour(stream, to_g, seconds)
    hold(stream, to_g, 40)
    heard = movements(weigh(stream))
    assert heard
    assert heard[0][1] == 0
    assert all(kind == "in" for kind, _, _ in heard)
    assert abs(heard[-1][2] - to_g) < 30
    if to_g / seconds > 50:
        assert len(heard) == 1


def test_a_fast_slow_pour_is_one_movement_from_its_first_grain() -> None:
    """A pour of 35 s is one movement that starts when the platform was left, not when the pour ended."""
    stream: Stream = []
    hold(stream, 0, 10)
    pour(stream, 15_000, 35)
    hold(stream, 15_000, 40)
    (row,) = weigh(stream)
    assert abs(row.start_ms - 10_000) <= 500
    assert row.end_ms >= 45_000


def test_a_creeping_load_that_is_then_handled_has_its_times_in_order() -> None:
    """A trickle that is never unstable, then a hand: the movement starts before it ends."""
    stream: Stream = []
    hold(stream, 0, 10)
    pour(stream, 40, 40)
    handle(stream, 2)
    hold(stream, 40, 40)
    ((kind, before, after),) = movements(weigh(stream))
    assert (kind, before) == ("in", 0)
    assert abs(after - 40) < 30


@settings(deadline=None, max_examples=60)
@given(before=st.integers(0, 100), after=st.integers(0, 100), pause_s=st.floats(0.5, 300), resting_s=st.floats(5, 40))
def test_a_pause_loses_and_invents_nothing(before: int, after: int, pause_s: float, resting_s: float) -> None:
    """An overload or a lost port in the middle: the next plateau is compared with the last one known."""
    stream: Stream = []
    hold(stream, before * 100, resting_s)
    resumed: Stream = [(stream[-1][0] + round(pause_s * 1000), after * 100.0)]
    hold(resumed, after * 100, 40)
    heard = movements(weigh(stream + resumed))
    assert heard == ([] if before == after else [("in" if after > before else "out", before * 100, after * 100)])


@given(before=st.integers(0, 100), after=st.integers(0, 100))
def test_a_change_while_nobody_watched_is_a_restart_row(before: int, after: int) -> None:
    """After a restart a different load is told as such, with little confidence; the same load is no news."""
    stream: Stream = []
    hold(stream, after * 100, 6)
    rows = weigh(stream, detector(last_stable_g=before * 100))
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
        scale = detector(last_stable_g=known)
        stream: Stream = []
        hold(stream, load, 6)
        told += sum((row.before_g - row.after_g) for row in weigh(stream, scale))
        assert scale.stable_g is not None
        known = scale.stable_g
    assert abs(told - 200) < 30


def test_a_scale_that_says_moving_is_believed() -> None:
    """A device that calls itself unstable has no plateau, however steady its numbers look."""
    scale = detector()
    for n in range(100):
        assert scale.take(n * STEP_MS, 5_000.0, device_stable=False) == []
    assert scale.stable_g is None
    for n in range(100, 160):
        scale.take(n * STEP_MS, 5_000.0, device_stable=True)
    assert scale.stable_g == 5_000


def test_small_differences_do_not_move_the_known_plateau() -> None:
    """A spoon at a time below three divisions is invisible one by one and counted together."""
    stream: Stream = []
    for number in range(8):
        hold(stream, 5_000 - 10 * number, 10)
    hold(stream, 4_930, 30)
    heard = movements(weigh(stream))
    assert heard[0][:2] == ("out", 5_000)
    assert abs(heard[-1][2] - 4_930) < 30


@settings(deadline=None, max_examples=30)
@given(minutes=st.integers(1, 20), seed=st.integers(0, 100))
def test_a_long_event_keeps_a_bounded_trace(minutes: int, seed: int) -> None:
    """However long hands stay on the platform, the trace fits a row and reaches from before to after."""
    stream: Stream = []
    hold(stream, 1_000, 10)
    handle(stream, minutes * 60, seed=seed)
    hold(stream, 3_000, 40)
    (row,) = weigh(stream)
    assert 50 <= len(row.trace) <= 256
    assert row.trace[-1][1] == 3_000.0
    assert [at for at, _ in row.trace] == sorted(at for at, _ in row.trace)


@pytest.mark.parametrize("load", [0, 20, 30, 48_500])
def test_the_first_plateau_ever_opens_the_book_and_an_empty_scale_opens_nothing(load: int) -> None:
    """A scale without memory tells what lies on it, once; nothing, or less than counts, is no news."""
    stream: Stream = []
    hold(stream, load, 10)
    scale = detector()
    rows = [row for at_ms, mass in stream for row in scale.take(at_ms, mass)]
    expected = [("first", 0, load)] if load >= 3 * DIVISION_G else []
    assert [(row.kind, row.before_g, row.after_g) for row in rows] == expected


def test_the_tare_key_moves_no_stock() -> None:
    """Gross 12 kg becomes net 0 kg at a key press: told as tare, not as 12 kg taken; what follows counts again."""
    scale = detector(last_stable_g=12_000)
    rows: list[Weighing] = []
    for n in range(900):
        mass, load = (12_000, "gross") if n < 300 else (0, "net") if n < 600 else (3_000, "net")
        rows += scale.take(n * STEP_MS, mass, load=load)
    assert [(row.kind, row.before_g, row.after_g) for row in rows] == [("tare", 12_000, 0), ("in", 0, 3_000)]
