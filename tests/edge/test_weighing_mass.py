"""Where mass could hide or be told twice: shaking, openings, keys that somebody pours beside, hands that never rest."""

from __future__ import annotations

import pytest
from tests.edge.scale_track import MOVES, Track, weigh

from pawon_contract.messages import Weighing
from pawon_edge.weighing import WeighingDetector


def booked(rows: list[Weighing]) -> int:
    """What the stock book hears in all: drift is named beside, and moves no stock."""
    return sum(row.after_g - row.before_g for row in rows if row.kind in (*MOVES, "first", "restart"))


def labelled(parts: list[tuple[Track, str]]) -> list[Weighing]:
    """A scale that says gross or net with each sample; the tracks follow one another."""
    scale, rows, began_ms = WeighingDetector(sensor="timbangan-1", division_g=10), list[Weighing](), 0
    for track, load in parts:
        rows += [row for at_ms, mass in track.samples for row in scale.take(began_ms + at_ms, mass, load=load)]
        began_ms += track.at_ms
    return rows + scale.finish()


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_after_shaking_is_told_in_full(seed: int) -> None:
    """Eighteen seconds of blows, then 2 kg: what was followed while it shook is no drift of half a kilogram."""
    track = Track(30_000, division_g=20, noise_g=6, seed=seed).rest(60)
    for _ in range(180):
        track.show(track.load_g + track.chance.gauss(0, 3_000))
    rows = weigh(track.move(2_000).rest(400).samples, division_g=20)
    assert abs(booked(rows) - 32_000) <= 80
    assert all(abs(row.drift_g) <= 80 for row in rows)


def test_somebody_who_sways_moves_nothing() -> None:
    """48 s of swaying on 30 kg: no stock left."""
    rows = weigh(Track(30_000, noise_g=0).rest(60).rest(48, sway_g=2_475, sway_hz=0.5).rest(400).samples)
    assert booked(rows) == 30_000


@pytest.mark.parametrize("seed", range(3))
def test_a_first_load_that_shakes_is_booked_when_it_is_calm(seed: int) -> None:
    """The first half minute ever is too rough to weigh 3 kg: they are booked later, and not called drift."""
    track = Track(3_000, noise_g=2_000, seed=seed).rest(30)
    track.noise_g = 0
    rows = weigh(track.rest(300).move(500).rest(100).samples)
    assert abs(booked(rows) - 3_500) <= 30


def test_what_is_too_little_at_first_counts_on() -> None:
    """15 g at the start, then 18 g more: neither is the least weighing, together they are."""
    assert booked(weigh(Track(15, division_g=1, noise_g=0).rest(60).move(18).rest(300).samples, division_g=1)) == 33


@pytest.mark.parametrize("rest_s", [4, 8, 25, 40])
def test_a_withdrawal_that_waits_survives_swaying(rest_s: float) -> None:
    """The last 500 g are taken; before that is told somebody sways on the empty scale. No key made it 0."""
    for seed in range(6):
        track = Track(500, noise_g=0, seed=seed).rest(60).move(-500, 3).rest(rest_s)
        rows = weigh(track.rest(48, sway_g=500, sway_hz=1.3).rest(400).samples)
        assert abs(booked(rows)) < 30, seed


@pytest.mark.parametrize("after_s", [0.5, 1, 2, 3, 5])
def test_what_is_poured_right_after_the_tare_key_is_told(after_s: float) -> None:
    """The key took what it took in that moment."""
    rows = labelled([
        (Track(1_000, noise_g=1).rest(60), "gross"),
        (Track(0, noise_g=1, seed=2).rest(after_s).move(2_000, 1.5).rest(120), "net"),
    ])  # fmt: skip
    assert [row.kind for row in rows] == ["first", "tare", "in"]
    assert abs(booked(rows) - 3_000) <= 20


@pytest.mark.parametrize("after_s", [0.5, 1, 1.5, 2.5, 6])
def test_a_pot_that_is_tared_at_once_comes_and_goes(after_s: float) -> None:
    """Pot on, tare, food in, all of it away again: in the end nothing was added and nothing taken."""
    rows = labelled([
        (Track(0, noise_g=1).rest(60).move(1_000).rest(after_s), "gross"),
        (Track(0, noise_g=1, seed=2).rest(10).move(2_000).rest(120).move(-3_000).rest(120), "net"),
        (Track(0, noise_g=1, seed=3).rest(120), "gross"),
    ])  # fmt: skip
    assert abs(booked(rows)) <= 30


def test_a_tare_is_cleared_after_a_silence() -> None:
    """Six seconds without a sample between both keys: the container is no delivery."""
    track = Track(5_000, noise_g=1).rest(60).move(300).rest(100).key(0).rest(60).silent(6).rest(60)
    rows = weigh(track.key(5_300).rest(120).samples)
    assert [row.kind for row in rows] == ["first", "in", "tare", "tare"]


@pytest.mark.parametrize("every_s", [10, 15, 22])
def test_a_movement_is_told_though_the_scale_is_touched_again_and_again(every_s: int) -> None:
    """Nothing waits for ever: a kilogram that lies there is told within some minutes."""
    track = Track(5_000, noise_g=1).rest(60).move(1_000).rest(5)
    for _ in range(600 // every_s):
        track.move(300, 0.4).move(-300, 0.4).rest(every_s - 2)
    scale = WeighingDetector(sensor="timbangan-1", division_g=10)
    rows = [row for at_ms, mass in track.samples for row in scale.take(at_ms, mass)]
    assert [row.after_g - row.before_g for row in rows if row.kind in MOVES] == [1_000]
