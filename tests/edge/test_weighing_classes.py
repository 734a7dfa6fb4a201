"""What happens to scales, a row for each kind: what is told of it, and that nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.edge.scale_track import Track, changes, movements, weigh

Expected = list[tuple[str, int]]

# Name, what happens, what is told of it (kind and difference; one division either way).
CASES: list[tuple[str, Callable[[], Track], Expected]] = [
    ("put on", lambda: Track(5_000).rest(8).move(2_000).rest(70), [("in", 2_000)]),
    ("taken off", lambda: Track(5_000).rest(8).move(-2_000).rest(70), [("out", -2_000)]),
    ("emptied, by hand", lambda: Track(5_000).rest(8).move(-5_000).rest(70), [("out", -5_000)]),
    ("the least step", lambda: Track(5_000, noise_g=1).rest(8).move(30).rest(70), [("in", 30)]),
    ("five seconds each", lambda: Track(5_000).rest(6).move(2_000).rest(5.5), [("in", 2_000)]),
    (
        "20 g noise, 1 g division",
        lambda: Track(5_000, noise_g=20, division_g=1).rest(9).move(150).rest(70),
        [("in", 150)],
    ),
    (
        "a thousandth of 60 kg",
        lambda: Track(60_000, division_g=20).rest(8).move(80).rest(70),
        [("in", 80)],
    ),
    (
        "six crates",
        lambda: Track(20_000).rest(8).move(-900).rest(7).move(-2_000).rest(6).move(-700).rest(9).move(-1_500).rest(70),
        [("out", -5_100)],
    ),
    (
        "in, then out",
        lambda: Track(5_000).rest(8).move(4_000).rest(8).move(-2_500).rest(70),
        [("in", 4_000), ("out", -2_500)],
    ),
    ("a quick exchange", lambda: Track(5_000).rest(8).move(4_000).rest(1).move(-1_000).rest(70), [("in", 3_000)]),
    (
        "a refill",
        lambda: Track(9_000).rest(8).move(-8_000).rest(70).move(20_000).rest(70),
        [("out", -8_000), ("refill", 20_000)],
    ),
    ("a hand, briefly", lambda: Track(5_000).rest(8).move(1_500, 0.3).move(-1_500, 0.3).rest(70), []),
    ("a hand that lies still", lambda: Track(5_000).rest(8).move(900).rest(40).move(-900).rest(70), [("touch", 0)]),
    (
        "somebody leans and sways",
        lambda: Track(5_000).rest(8).move(6_000).rest(45, sway_g=700).move(-6_000).rest(70),
        [("touch", 0)],
    ),
    (
        "leaning for two minutes",
        lambda: Track(5_000).rest(8).move(6_000).rest(120, sway_g=700).move(-6_000).rest(70),
        [("touch", 0)],
    ),
    (
        "a person",
        lambda: Track(5_000).rest(8).move(61_000).rest(100, sway_g=500).move(-61_000).rest(70),
        [("person", 0)],
    ),
    (
        "a pot lifted and set down",
        lambda: Track(5_000).rest(8).move(-3_000).rest(20).move(3_000).rest(70),
        [("touch", 0)],
    ),
    ("a mixer", lambda: Track(5_000).rest(8).rest(90, sway_g=60, sway_hz=7.1).rest(60), []),
    (
        "a step beside a mixer",
        lambda: Track(5_000).rest(8).rest(40, sway_g=60, sway_hz=7.1).move(3_000).rest(90, sway_g=60, sway_hz=7.1),
        [("in", 3_000)],
    ),
    ("drift", lambda: Track(5_000).rest(8).rest(5 * 3600, slope_g_a_s=0.4 * 10 / 600), []),
    ("the tare key", lambda: Track(5_000).rest(8).key(0).rest(70), [("tare", -5_000)]),
    (
        "tare, fill, clear",
        lambda: Track(2_000).rest(8).key(0).rest(10).move(700).rest(70).key(2_700).rest(70),
        [("tare", -2_000), ("in", 700), ("tare", 2_000)],
    ),
    ("preset tare on an empty scale", lambda: Track(0).rest(8).key(-450).rest(70), [("tare", -450)]),
    (
        "the zero key with a lid, the lid off",
        lambda: Track(0).rest(8).move(120).rest(70).key(0).rest(20).move(-120).rest(70),
        [("in", 120), ("tare", -120), ("out", -120)],
    ),
    (
        "a zero with a little on it, then tare, then only the tare cleared",
        lambda: Track(0).rest(8).move(120).rest(70).key(0).rest(70).move(5_000).rest(70).key(0).rest(70)
        .key(5_000).rest(70),
        [("in", 120), ("tare", -120), ("in", 5_000), ("tare", -5_000), ("tare", 5_000)],
    ),
    (
        "a key that took a noisy moment for zero",
        lambda: Track(160, division_g=2, noise_g=0.9).rest(30).key(3).rest(70),
        [("tare", -158)],
    ),
    (
        "a key after a load that came at once",
        lambda: Track(5_000).rest(8).move(900).rest(70).move(900).rest(70).key(8_000).rest(70).key(0).rest(70),
        [("in", 900), ("in", 900), ("in", 1_200), ("tare", -8_000)],
    ),
    (
        "a key just after the noise was large",
        lambda: Track(5_000, noise_g=4).rest(60).key(5_018).rest(0.8).key(5_000).rest(0.5).key(0).rest(70),
        [("tare", -5_000)],
    ),
    (
        "water runs out, rests, and runs in again",
        lambda: Track(9_000, division_g=2, noise_g=0.3).rest(60).rest(180, slope_g_a_s=-0.6).rest(25)
        .rest(90, slope_g_a_s=0.6).rest(90),
        [("out", -108), ("in", 54)],
    ),
    (
        "water runs in for four minutes",
        lambda: Track(9_000, division_g=20, noise_g=6).rest(60).rest(240, slope_g_a_s=3.0).rest(90),
        [("in", 720)],
    ),
    (
        "a step after less than a step was lost",
        lambda: Track(3_000, division_g=1, noise_g=0.4).rest(60).rest(40, slope_g_a_s=-0.45).rest(120)
        .rest(40, slope_g_a_s=0.9).rest(90),
        [("in", 36)],
    ),
    ("power fails, the same load", lambda: Track(5_000).rest(8).silent(30).rest(70), []),
    ("power fails, zero while loaded", lambda: Track(5_000).rest(8).silent(30).key(0).rest(70), [("restart", -5_000)]),
    ("a short cut, zero while loaded", lambda: Track(5_000).rest(8).silent(3).key(0).rest(70), [("restart", -5_000)]),
    ("overload and back", lambda: Track(5_000).rest(8).overloaded(12).rest(70), [("touch", 0)]),
    ("changed under overload", lambda: Track(5_000).rest(8).overloaded(12).key(7_000).rest(70), [("in", 2_000)]),
    ("a short silence hides a step", lambda: Track(5_000).rest(8).silent(3).key(7_000).rest(70), [("in", 2_000)]),
    ("a long silence hides a step", lambda: Track(5_000).rest(8).silent(20).key(7_000).rest(70), [("restart", 2_000)]),
]  # fmt: skip


@pytest.mark.parametrize(("track", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_kind_is_told_as_what_it_is(track: Callable[[], Track], expected: Expected) -> None:
    """A kind of event, or of disturbance, gives exactly these rows, to one division."""
    made = track()
    told = changes(weigh(made.samples, division_g=made.division_g))
    assert [kind for kind, _ in told] == [kind for kind, _ in expected]
    for (_, found), (_, wanted) in zip(told, expected, strict=True):
        assert abs(found - wanted) <= max(made.division_g, made.noise_g)


@pytest.mark.parametrize("spacing_ms", [50, 100, 200, 500, 1000])
def test_any_usual_rate_of_samples_weighs(spacing_ms: int) -> None:
    """From twenty samples a second to one: a load that comes and one that goes are both found."""
    track = Track(5_000, spacing_ms=spacing_ms).rest(12).move(2_000, 1.5).rest(80).move(-1_200, 1.5).rest(80)
    found = movements(weigh(track.samples))
    assert [round(mass / 100) for mass in found] == [20, -12]


@pytest.mark.parametrize("rate", [0.7, 2.0, 10.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_drip_comes_out_in_the_end(rate: float, sign: int) -> None:
    """Water that runs faster than drift (0.5 divisions in ten minutes), however slowly, is told in full, but for less
    than the least weighing."""
    track = Track(20_000, division_g=10, noise_g=3).rest(60)
    track.rest(4 * 3600, slope_g_a_s=sign * rate * 10 / 600).rest(900)
    told = sum(movements(weigh(track.samples)))
    assert abs(told - (track.load_g - 20_000)) < 30


def test_drift_is_followed_and_named() -> None:
    """Two divisions of drift in an hour and a half: no movement, and the next row says how much was followed."""
    track = Track(20_000, division_g=10, noise_g=3).rest(60).rest(5_400, slope_g_a_s=20 / 5_400).rest(2_400)
    rows = weigh(track.move(5_000).rest(70).samples)
    assert changes(rows) == [("in", 5_000)]
    assert rows[-1].before_g == 20_020
    assert rows[-1].drift_g == 20


def test_the_empty_scale_is_remembered() -> None:
    """Where the scale came to rest when it was last seen empty goes with each row after it."""
    track = Track(0, noise_g=1, division_g=5).rest(10).move(3_000).rest(70).move(-2_992).rest(70)
    rows = weigh(track.move(1_000).rest(70).samples, division_g=5)
    assert [row.kind for row in rows] == ["in", "out", "in"]
    assert rows[0].zero_g == pytest.approx(0, abs=2)
    assert rows[2].zero_g == pytest.approx(8, abs=2)
    assert rows[2].zero_at_ms is not None
    assert 90_000 < rows[2].zero_at_ms < rows[2].start_ms + 1_000
