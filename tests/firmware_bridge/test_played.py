"""A simulated scale that plays a signal of the library: in time, and as bytes of its protocol."""

from __future__ import annotations

import os
import select
import time
from itertools import islice
from pathlib import Path

import pytest

from pawon_firmware_bridge.measurement import Event, Measurement
from pawon_firmware_bridge.protocols import PROTOCOLS
from pawon_firmware_bridge.scenarios.signals import make
from pawon_firmware_bridge.scenarios.weighing_platform import Reading
from pawon_firmware_bridge.simulator import ScenarioError, Simulator
from pawon_firmware_bridge.simulator.played import MOST_AT_ONCE, Player
from pawon_firmware_bridge.simulator.scenario import parse_scenario

DEADLINE_S = 30.0
BEGAN_S = 1_000.0


def _play(player: Player, seconds: float) -> list[Reading]:
    player.start(BEGAN_S)
    readings = []
    for tick in range(round(seconds / 0.03)):
        readings += player.readings(BEGAN_S + tick * 0.03)
    return readings


@pytest.mark.parametrize("name", ["press", "tare-told", "sample-loss"])
def test_what_is_played_is_the_signal(name: str) -> None:
    """Every sample in its order with its mass and its gross or net, whenever the player is asked."""
    signal = make(name, 2, hours=0.1)
    played = _play(Player(signal), signal.length_s - 1)
    samples = list(islice(signal.samples(), len(played)))
    assert len(played) > 1_000
    assert [reading.mass_g for reading in played] == [sample.mass_g for sample in samples]
    assert [reading.load for reading in played] == [sample.load or "gross" for sample in samples]


def test_it_begins_again_and_tells_what_moved() -> None:
    """After its end comes its beginning; each true movement is told once, when it has come to rest."""
    signal = make("clean", 2, hours=0.05)
    player = Player(signal)
    player.start(BEGAN_S)
    masses, told = list[float | None](), list[float]()
    for tick in range(round(2 * signal.length_s / 0.5)):
        masses += [reading.mass_g for reading in player.readings(BEGAN_S + tick * 0.5)]
        told += [movement.net_g for movement in player.movements(BEGAN_S + tick * 0.5)]
    once = [sample.mass_g for sample in signal.samples()]
    assert masses[: len(once) + 100] == once + once[:100]
    truth = [movement.net_g for movement in signal.movements()]
    assert truth
    assert told == truth * 2


def test_its_lamp() -> None:
    """It says stable at rest and unstable while something moves, as an indicator does."""
    signal = make("clean", 2, hours=0.05)
    movement = next(signal.movements())
    played = _play(Player(signal), movement.end_s + 5)
    assert played[round((movement.start_s - 1) * 10)].stable
    assert not played[round((movement.end_s + 0.2) * 10)].stable
    assert played[round((movement.end_s + 4) * 10)].stable


def test_a_simulator_that_stood_still_is_not_flooded() -> None:
    """After an hour of sleep it gives a bounded number of old samples at once."""
    player = Player(make("clean", 2, hours=0.05))
    player.start(BEGAN_S)
    assert len(player.readings(BEGAN_S + 3600)) == MOST_AT_ONCE
    assert player.due > BEGAN_S + 3590


def test_a_signal_through_a_real_port(tmp_path: Path) -> None:
    """The bytes that come out of the pty say the masses of the signal, one after the other."""
    story = b'[[device]]\nname = "scale-a"\nprotocol = "st-gs"\nsignal = "noise-20g"\nsignal_seed = 3\n'
    signal = make("noise-20g", 3)
    expected = [sample.mass_g for sample in islice(signal.samples(), 400)]
    parser, events = PROTOCOLS["st-gs"].parser(), list[Event]()
    with Simulator(parse_scenario(story), tmp_path) as simulator:
        port = os.open(simulator.paths["scale-a"], os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            end = time.monotonic() + DEADLINE_S
            while len(events) < 25:
                assert time.monotonic() < end, f"not in time; heard {events}"
                if select.select([port], [], [], 1.0)[0]:
                    events += parser.feed(os.read(port, 4096))
        finally:
            os.close(port)
    heard = [event.value for event in events if isinstance(event, Measurement)]
    assert len(heard) == len(events)
    assert len(set(heard)) > 1
    # What came before the port was opened may be lost.
    assert any(expected[at : at + len(heard)] == heard for at in range(len(expected)))


def test_nothing_else_happens_to_its_load() -> None:
    """An event that would move a playing scale's load is refused with a reason; its plug may still be pulled."""
    scale = '[[device]]\nname = "a"\nprotocol = "st-gs"\nsignal = "press"\n[[event]]\nat_s = 1\ndevice = "a"\naction = '
    with pytest.raises(ScenarioError, match="a plays press: nothing else happens to its load"):
        parse_scenario((scale + '"add"\nmass_g = 5').encode())
    assert parse_scenario((scale + '"unplug"').encode()).events
    with pytest.raises(ScenarioError, match=r"signal: unknown 'pres'; known: clean,"):
        parse_scenario(b'[[device]]\nname = "a"\nprotocol = "st-gs"\nsignal = "pres"\n')


def test_the_format_must_show_its_divisions() -> None:
    """Kilograms with one digit after the point cannot show steps of a signal in grams."""
    with pytest.raises(ScenarioError, match="decimals: 1 cannot show steps"):
        parse_scenario(b'[[device]]\nname = "a"\nprotocol = "st-gs"\ndecimals = 1\nsignal = "press"\n')
