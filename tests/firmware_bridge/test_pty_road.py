"""Every scale protocol from a simulated indicator through a real pty: through the gateway's own driver where the scale
talks by itself, through its dialogue where it must be asked."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pawon_edge.drivers.driver import Surroundings
from pawon_edge.drivers.serial_port import SerialPort
from pawon_edge.drivers.serial_table import SerialTable
from pawon_edge.sample import Observed, Sample, Trouble
from pawon_firmware_bridge.measurement import BadFrame, Event, Measurement
from pawon_firmware_bridge.protocols import PROTOCOLS
from pawon_firmware_bridge.simulator import Simulator
from pawon_firmware_bridge.simulator.actions import OVERLOADABLE
from pawon_firmware_bridge.simulator.indicators import INDICATORS
from pawon_firmware_bridge.simulator.scenario import parse_scenario

DEADLINE_S = 30.0
MASS_G = 12_345.0
SAYS_STABLE = {
    "mettler-sics", "toledo-continuous", "toledo-continuous-checksum", "and-standard", "cas-22", "cas-pos", "and-18",
    "ohaus", "st-gs",
}  # fmt: skip
STREAMING = [name for name in INDICATORS if PROTOCOLS[name].stream]
ASKED = [name for name in INDICATORS if PROTOCOLS[name].poll is not None]


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One indicator of each protocol, all with the same load."""
    story = "".join(
        f'[[device]]\nname = "{name}"\nprotocol = "{name}"\nrate_hz = 40\nmass_g = {MASS_G:.0f}\ndivision_g = 5\n'
        for name in INDICATORS
    )
    with Simulator(parse_scenario(story.encode()), tmp_path_factory.mktemp("kitchen")) as simulator:
        yield simulator


class Driver:
    """The gateway's driver on one port, and what it handed on."""

    def __init__(self, path: Path, protocol: str) -> None:
        self.heard: list[Observed] = []
        row = PROTOCOLS[protocol]
        table = SerialTable.model_validate(
            {
                "name": "port", "path": str(path), "protocol": protocol, "format": row.formats[0],
                "sensor": [{"id": "sensor"}],
            }
        )  # fmt: skip
        around = Surroundings(
            emit=self.heard.append, monotonic_ms=lambda: int(time.monotonic() * 1000), port_lost=lambda name: []
        )
        self._port = SerialPort(table=table, around=around)
        self._thread = threading.Thread(target=self._port.run)
        self._thread.start()

    def until(self, done: Callable[[Observed], bool], count: int = 1) -> list[Observed]:
        """The first `count` observations from now on that are `done`."""
        begin, end = len(self.heard), time.monotonic() + DEADLINE_S
        while len(found := [one for one in self.heard[begin:] if done(one)]) < count:
            assert time.monotonic() < end, f"not in time; heard {self.heard[-5:]}"
            time.sleep(0.005)
        return found

    def stop(self) -> None:
        self._port.stop()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("protocol", STREAMING)
def test_a_scale_that_talks(protocol: str, kitchen: Simulator) -> None:
    """Its true mass arrives in grams with its flag; touch, noise and overload are told as what they are, and pass."""
    driver = Driver(kitchen.paths[protocol], protocol)

    def right(one: Observed) -> bool:
        return isinstance(one, Sample) and one.value == MASS_G

    try:
        [*_, last] = driver.until(right, count=5)
        assert isinstance(last, Sample)
        assert (last.quantity, last.stable) == ("mass_g", True if protocol in SAYS_STABLE else None)
        assert PROTOCOLS[protocol].parser().feed(last.raw * 2)
        assert [one for one in driver.heard if isinstance(one, Sample) and one.value != MASS_G] == []
        kitchen.act(protocol, "garbage", count=100)
        driver.until(lambda one: isinstance(one, Trouble) and one.kind == "bad_frames")
        if protocol in OVERLOADABLE:
            kitchen.act(protocol, "overload", duration_s=0.1)
            driver.until(lambda one: isinstance(one, Trouble) and one.kind == "overload")
        driver.until(right, count=2)
        assert {one.value for one in driver.heard if isinstance(one, Sample)} == {MASS_G}
    finally:
        driver.stop()


@pytest.mark.parametrize("protocol", ASKED)
def test_a_scale_that_is_asked(protocol: str, kitchen: Simulator) -> None:
    """It stays silent until its dialogue asks, then says its true mass again and again; one that can talk by itself,
    or was asked to, is then left in peace."""
    row = PROTOCOLS[protocol]
    assert row.poll is not None
    dialogue, parser = row.poll.dialogue(), row.parser()
    port = os.open(kitchen.paths[protocol], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    events: list[Event] = []
    asked: list[bytes] = []

    def listen(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([port], [], [], left)[0]:
                data = os.read(port, 4096)
                os.write(port, dialogue.hear(data))
                events.extend(parser.feed(data))

    try:
        end = time.monotonic() + DEADLINE_S
        listen(0.15)
        while row.stream and not events:
            assert time.monotonic() < end, "it does not stream"
            listen(0.05)
        assert bool(events) == row.stream
        while len(events) < 4 or len(asked) < 4:
            assert time.monotonic() < end, f"not in time; heard {events}"
            asked.append(dialogue.ask())
            os.write(port, asked[-1])
            listen(0.12)
    finally:
        os.close(port)
    assert not [event for event in events if isinstance(event, BadFrame)]
    assert {event.value for event in events if isinstance(event, Measurement)} == {MASS_G}
    asks_always = protocol in ("yaohua-a9-command", "cas-pos")
    assert asked[1:] == [asked[0] if asks_always else b""] * (len(asked) - 1)
    assert bool(asked[0]) != row.stream


def test_every_protocol_is_on_one_of_the_roads() -> None:
    """A scale that neither talks nor can be asked would be no scale."""
    assert {*STREAMING, *ASKED} == {name for name, row in PROTOCOLS.items() if row.kind == "scale"}
