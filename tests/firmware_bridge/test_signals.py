"""The library of scale signals: what the truth says can be seen in the samples, and nothing else can."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_firmware_bridge.cli import main
from pawon_firmware_bridge.scenarios.classes import CLASSES
from pawon_firmware_bridge.scenarios.deeds import DISTURBANCES, MOVEMENTS, REST_S
from pawon_firmware_bridge.scenarios.files import read_samples, truth_rows, write_signal
from pawon_firmware_bridge.scenarios.forces import Shaking
from pawon_firmware_bridge.scenarios.signals import Sample, Signal, make
from pawon_firmware_bridge.scenarios.stage import Deed, Motion, SignalScale, Silence, Stage
from pawon_firmware_bridge.scenarios.truth import Bar, Movement, Step, movements
from pawon_firmware_bridge.scenarios.weighing_platform import Platform

SCALE = SignalScale(division_g=5.0, capacity_g=30_000.0, noise_g=4.0, averaged=4)
BAR = SCALE.bar()
SETTLED_S = 2.0
"""After a movement: bounce, and the longest averaging of an indicator."""


class Seen:
    """A signal's samples, to be asked for their mean over a time."""

    def __init__(self, signal: Signal) -> None:
        self.samples = list(signal.samples())
        self.times = [sample.time_s for sample in self.samples]

    def between(self, begin_s: float, end_s: float) -> list[Sample]:
        return self.samples[bisect_left(self.times, begin_s) : bisect_right(self.times, end_s)]

    def mean_g(self, begin_s: float, end_s: float) -> float:
        masses = [sample.mass_g for sample in self.between(begin_s, end_s)]
        assert masses, f"no samples from {begin_s} to {end_s}"
        assert None not in masses, f"no number from {begin_s} to {end_s}"
        return fmean(mass for mass in masses if mass is not None)


def _short(name: str, seed: int) -> Signal:
    return make(name, seed, hours=min(CLASSES[name].length_s / 3600, 1.0))


def _tolerance_g(signal: Signal) -> float:
    """Rounding of two plateaus, and four sigma of their difference."""
    return 0.6 * signal.scale.division_g + 4 * signal.scale.bar(signal.background).mean_noise_g


@pytest.mark.parametrize("name", CLASSES)
def test_the_plateaus_of_every_movement_are_its_truth(name: str) -> None:
    """Around each movement within the bar the samples rest, and differ by its net mass, whatever tare and zero are."""
    for seed in (1, 2, 3):
        signal = _short(name, seed)
        seen = Seen(signal)
        for one in signal.movements():
            if not one.in_bar:
                continue
            # What lies dark over a movement shows its end late.
            dark = [
                change.end_s
                for deed in signal.deeds()
                for change in deed.changes
                if isinstance(change, Silence) and change.begin_s <= one.end_s <= change.end_s
            ]
            after_s = max([one.end_s, *dark]) + SETTLED_S
            early_s = min([one.start_s, *(change_s - 10.0 for change_s in dark)])
            step_g = seen.mean_g(after_s, after_s + 3.5) - seen.mean_g(early_s - 4.0, early_s - 0.1)
            assert abs(step_g - one.net_g) <= _tolerance_g(signal), (signal.seed, one)


@pytest.mark.parametrize("name", [name for name in DISTURBANCES if name not in ("tare", "zero", "cut-zeroed")])
def test_a_disturbance_leaves_the_load_as_it_was(name: str) -> None:
    """What the scale shows after it is what it showed before, and between them something did happen."""
    felt = 0
    for seed in range(5):
        signal = make("clean", seed)
        deed = _planned(signal, DISTURBANCES[name], at=20.0)
        samples = _played(signal, deed)
        before = [mass for time, mass in samples if 10 < time < 20 and mass is not None]
        after = [mass for time, mass in samples if deed.end_s + SETTLED_S < time and mass is not None]
        assert abs(fmean(before) - fmean(after)) <= _tolerance_g(signal)
        during = [mass for time, mass in samples if deed.start_s < time < deed.end_s]
        silent = any(isinstance(change, Silence) for change in deed.changes)
        felt += silent or len(set(during)) > 1
        assert deed.disturbs
        assert deed.steps == []
    # A mixer far away may well be lost in the averaging.
    assert felt == 5 or name in ("mixer", "wind")
    assert felt


@pytest.mark.parametrize("name", ["tare", "zero", "cut-zeroed"])
def test_a_key_moves_the_reading_and_no_load(name: str) -> None:
    """Tare, zero and a start with a load on the pan show 0 at once, with everything still lying there."""
    signal = make("zero", 3)
    deed = _planned(signal, DISTURBANCES[name], at=20.0)
    samples = _played(signal, deed)
    assert signal.load_g > 3 * signal.scale.division_g
    shown_s = 20.0 if name != "cut-zeroed" else deed.end_s
    after = next(mass for time, mass in samples if time > shown_s + 0.05)
    assert after is not None
    assert abs(after) <= signal.scale.division_g
    assert deed.steps == []


def _planned(signal: Signal, make_deed: object, *, at: float) -> Deed:
    stage = Stage(
        scale=signal.scale, bar=signal.scale.bar(), random=Random(signal.seed), load_g=signal.load_g,
        most_g=0.9 * signal.scale.capacity_g,
    )  # fmt: skip
    assert callable(make_deed)
    deed = make_deed(stage, at)
    assert isinstance(deed, Deed)
    return deed


def _played(signal: Signal, deed: Deed) -> list[tuple[float, float | None]]:
    """What was shown, from 0 to 10 s after the deed."""

    class Alone(Signal):
        def deeds(self) -> object:  # type: ignore[override]  # one deed instead of a plan
            return iter([deed])

    alone = Alone(
        row=signal.row, seed=signal.seed, length_s=deed.end_s + 10, scale=signal.scale, load_g=signal.load_g,
        background=(),
    )  # fmt: skip
    return [(sample.time_s, sample.mass_g) for sample in alone.samples()]


@pytest.mark.parametrize("name", CLASSES)
def test_the_same_seed_gives_the_same(name: str) -> None:
    """Samples, movements and disturbances again, and others from another seed."""
    first, again, other = _short(name, 5), _short(name, 5), _short(name, 6)
    assert list(islice(first.samples(), 3000)) == list(islice(again.samples(), 3000))
    assert list(first.movements()) == list(again.movements())
    assert list(first.disturbances()) == list(again.disturbances())
    assert list(islice(first.samples(), 3000)) != list(islice(other.samples(), 3000))


@pytest.mark.parametrize("name", CLASSES)
def test_samples_are_what_a_scale_sends(name: str) -> None:
    """Time only goes on; masses are multiples of the division within the range of the indicator."""
    signal = _short(name, 9)
    scale, last_s, count = signal.scale, -1.0, 0
    for sample in signal.samples():
        assert sample.time_s > last_s
        last_s, count = sample.time_s, count + 1
        if sample.mass_g is not None:
            assert sample.mass_g % scale.division_g == 0
            assert sample.mass_g <= scale.capacity_g + 10 * scale.division_g
        assert sample.load in (("gross", "net") if scale.tells_load else (None,))
    assert count > signal.length_s * scale.rate_hz * 0.4
    assert last_s <= signal.length_s


@pytest.mark.parametrize("name", ["mixed", "mixed-still"])
def test_a_mixed_day(name: str) -> None:
    """As many disturbances as promised, of every kind; movements only where they are asked for; made as it is read."""
    signal = make(name, 4)
    disturbances = [one for one in signal.disturbances() if one.kind != name]
    assert 170 <= len(disturbances) <= 230
    assert {one.kind for one in disturbances} >= {
        "touch", "person", "vibration", "wind", "tare", "restart", "overload", "loss",
    }  # fmt: skip
    found = list(signal.movements())
    assert (len(found) > 70) == (name == "mixed")
    assert all(first.end_s < second.start_s for first, second in pairwise(found))
    busier = make(name, 4, disturbed_a_day=600, hours=6)
    assert 110 <= sum(one.kind != name for one in busier.disturbances()) <= 190
    week = make(name, 4, hours=168)
    assert len(list(islice(week.samples(), 100))) == 100


@pytest.mark.parametrize("name", CLASSES)
def test_no_movement_looks_like_a_hand(name: str) -> None:
    """What is back within a minute at where it was is a touch for everybody; no two true movements make one."""
    for seed in range(5):
        found = list(_short(name, seed).movements())
        for at, one in enumerate(found):
            for later in found[at + 1 :]:
                back = abs(later.after_g - one.before_g) < later.threshold_g
                assert not back or later.start_s - one.start_s > 60.0, (seed, one, later)


def test_every_deed_is_in_a_class() -> None:
    """A deed that no class draws would be tested and scored by nobody."""
    drawn = {name for row in CLASSES.values() for name in (*row.movements, *row.disturbances)}
    assert drawn == {*MOVEMENTS, *DISTURBANCES}


# steps, other spans without rest, net masses, which are within the bar
EVENTS = [
    ([(100, 500.0)], [], [(500.0, True)]),
    ([(100, 19.9)], [], [(19.9, False)]),
    ([(100, 20.0)], [], [(20.0, True)]),
    ([(100, 500.0), (119.9, 500.0)], [], [(1000.0, True)]),
    ([(100, 500.0), (121.1, 500.0)], [], [(500.0, True), (500.0, True)]),
    ([(100, 500.0), (108, -200.0)], [], [(500.0, True), (-200.0, True)]),
    ([(100, 500.0), (106, -200.0)], [], [(300.0, True)]),
    ([(100, 500.0), (100.5, -490.0)], [], [(10.0, False)]),
    ([(100, 500.0)], [(107.1, 108)], [(500.0, True)]),
    ([(100, 500.0)], [(106.9, 108)], [(500.0, False)]),
    ([(100, 500.0)], [(90, 93.9)], [(500.0, True)]),
    ([(100, 500.0)], [(90, 94.1)], [(500.0, False)]),
    ([(100, 500.0)], [(99, 104)], [(500.0, True)]),
    ([(100, 500.0)], [(99, 104), (109.9, 111)], [(500.0, False)]),
]


@pytest.mark.parametrize(("steps", "others", "expected"), EVENTS)
def test_events_and_the_bar(
    steps: list[tuple[float, float]], others: list[tuple[float, float]], expected: list[tuple[float, bool]]
) -> None:
    """One direction within 20 s is one event, any within 5 s of rest; the bar asks for mass and for rest around it."""
    rows = [Step(begin_s=begin_s, end_s=begin_s + 1, mass_g=mass_g) for begin_s, mass_g in steps]
    deeds = [("step", [row], [(row.begin_s, row.end_s)]) for row in rows]
    deeds += [("press", list[Step](), [span]) for span in others]
    deeds.sort(key=lambda deed: deed[2][0][0])
    bar = Bar(division_g=5.0, mean_noise_g=1.0)
    found = list(movements(deeds, 1_000.0, bar))
    assert [(one.net_g, one.in_bar) for one in found] == [(pytest.approx(net_g), inside) for net_g, inside in expected]


def test_the_least_step() -> None:
    """Each of the four parts of the bar can be the one that counts."""
    assert Bar(division_g=20.0, mean_noise_g=1.0).threshold_g(0.0) == 60.0
    assert Bar(division_g=1.0, mean_noise_g=1.0).threshold_g(0.0) == 20.0
    assert Bar(division_g=1.0, mean_noise_g=1.0).threshold_g(60_000.0) == 60.0
    assert Bar(division_g=1.0, mean_noise_g=12.0).threshold_g(0.0) == 72.0


def test_what_nobody_saw_is_not_within_the_bar() -> None:
    """A change during a silence of about 5 s or more is true, and no detector is asked for it."""
    motion = Motion(begin_s=103.0, duration_s=1.0, mass_g=500.0)
    long = Deed(kind="unseen", changes=(Silence(begin_s=100.0, end_s=110.0), motion))
    short = Deed(kind="hidden", changes=(Silence(begin_s=100.5, end_s=104.9), motion))
    for deed, seen in ((long, False), (short, True)):
        [found] = movements([(deed.kind, deed.steps, deed.spans)], 0.0, BAR)
        assert (found.net_g, found.seen, found.in_bar) == (500.0, seen, seen)


@given(averaged=st.integers(1, 12), noise_g=st.floats(0.5, 50))
def test_sigma_of_a_mean_of_one_second(averaged: int, noise_g: float) -> None:
    """It is never below that of ten conversions that are independent by more than the window's ends explain, and never
    above that of one sample."""
    scale = SignalScale(division_g=1.0, capacity_g=6_000.0, noise_g=noise_g, averaged=averaged)
    mean_g = scale.bar().mean_noise_g
    assert noise_g / (10 + averaged) ** 0.5 <= mean_g * 1.0001
    assert mean_g <= scale.sample_noise_g * 1.0001
    assert mean_g <= noise_g / 10**0.5 * 1.0001


def test_sigma_is_that_of_the_samples() -> None:
    """What the truth calls the noise of a sample, and of a mean of a second, is what the platform's samples have."""
    platform = Platform(
        mass_g=5_000, division_g=0.001, noise_g=20.0, capacity_g=30_000, random=Random(1), averaged=4,
    )  # fmt: skip
    scale = SignalScale(division_g=0.001, capacity_g=30_000.0, noise_g=20.0, averaged=4)
    shown = [mass for tick in range(40_000) if (mass := platform.show(tick / 10)[0]) is not None]
    assert pstdev(shown) == pytest.approx(scale.sample_noise_g, rel=0.05)
    means = [fmean(shown[at : at + 10]) for at in range(0, len(shown), 10)]
    assert pstdev(means) == pytest.approx(scale.bar().mean_noise_g, rel=0.05)


def test_a_floor_that_shakes_close_to_the_rate_is_seen_slow() -> None:
    """10.2 Hz sampled at 10 Hz is a swing of 0.2 Hz, which no mean of a second takes away; 7.5 Hz nearly is."""
    alias, fast = (
        Shaking.converted(begin_s=0, end_s=1e6, amplitude_g=100.0, hz=hz, phase=0.0, rate_hz=10.0) for hz in (10.2, 7.5)
    )
    seen = [alias.grams(100 + tick / 10, 0.0) for tick in range(100)]
    signs = [(first < 0) != (second < 0) for first, second in pairwise(seen)]
    assert sum(signs) <= 5
    assert alias.mean_g(10.0, 10, 4) > 0.8 * alias.amplitude_g / 2**0.5
    assert fast.mean_g(10.0, 10, 4) < 0.1 * fast.amplitude_g


@pytest.mark.parametrize("name", ["clean", "overload", "tare-told", "sample-loss"])
def test_csv_round_trip(name: str, tmp_path: Path) -> None:
    """A file has every sample exactly, those without a number and the scale's gross and net included."""
    signal = make(name, 3, hours=0.2)
    samples, truth = write_signal(signal, tmp_path)
    assert list(read_samples(samples)) == list(signal.samples())
    rows = [json.loads(line) for line in truth.read_text().splitlines()]
    assert rows == json.loads(json.dumps(list(truth_rows(signal))))
    assert (rows[0]["is"], rows[0]["class"], rows[0]["seed"]) == ("signal", name, 3)
    assert sum(row["is"] == "movement" for row in rows) == len(list(signal.movements()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("zeit,masse\n", "begins with 'zeit,masse', not with time,mass_g"),
        ("time,mass_g\n0,1\n0.1,viel\n", ":3: no sample: '0.1,viel'"),
        ("time,mass_g\n0\n", ":2: no sample: '0'"),
    ],
)
def test_a_file_that_is_none(content: str, message: str, tmp_path: Path) -> None:
    """The reason names the line, so that a person finds it."""
    path = tmp_path / "own.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        list(read_samples(path))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It lists every class, writes one with its truth, and says what is wrong with a question."""
    assert main(["signals"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == list(CLASSES)
    assert main(["signals", "--class", "press", "--seed", "2", "--out", str(tmp_path), "--hours", "0.1"]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "press-2.csv"),
        str(tmp_path / "press-2.truth.jsonl"),
    ]
    assert (tmp_path / "press-2.csv").read_text().startswith("time,mass_g\n0,")
    assert main(["signals", "--class", "pres"]) == 2
    assert "unknown class 'pres'; known: clean," in capsys.readouterr().err
    assert main(["signals", "--class", "press", "--hours", "0"]) == 2
    assert "--hours: 0 is not above 0" in capsys.readouterr().err


def test_rest_within_deeds_is_enough_for_the_bar() -> None:
    """Planned pauses are never shorter than what the bar asks for, or a class would ask for nothing."""
    assert REST_S >= 5.0 + 1.0
    for name in CLASSES:
        found: list[Movement] = list(_short(name, 1).movements())
        if found and name not in ("restart-changed", "sample-loss", "drip"):
            assert sum(one.in_bar for one in found) >= 0.9 * len(found), name
