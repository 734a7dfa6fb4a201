"""A simulated board with everything on it, as a gateway meets it behind a port; the truth file is the judge."""

from __future__ import annotations

import io
import json
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pawon_firmware_bridge.board import commands
from pawon_firmware_bridge.board.parser import BoardParser
from pawon_firmware_bridge.measurement import BoardHello, BoardZero, Event, Measurement
from pawon_firmware_bridge.simulator import ScenarioError, Simulator
from pawon_firmware_bridge.simulator.bench_board import find_micropython
from pawon_firmware_bridge.simulator.scenario import parse_scenario

DEADLINE_S = 40.0
pytestmark = pytest.mark.skipif(find_micropython() is None, reason="no MicroPython wheel for this machine")

BOARD = """
[[device]]
name = "board"
protocol = "pawon-board"
board_id = "00000000000000aa"
[[device.channel]]
name = "hx711-0"
mass_g = 1_000
[[device.channel]]
name = "thermocouple-0"
temperature_c = 90
junction_c = 31.5
noise_c = 0
[[device.channel]]
name = "thermocouple-1"
chip = "max6675"
temperature_c = 180
noise_c = 0
[[device.channel]]
name = "door-0"
[[device.channel]]
name = "door-1"
state = "open"
normally = "open"
"""


class Host:
    """Reads the simulated board's port."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.parser = BoardParser()
        self.events: list[Event] = []

    def latest(self) -> dict[str, tuple[float | None, str]]:
        return {event.channel: (event.value, event.state) for event in self.events if isinstance(event, Measurement)}

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + DEADLINE_S
        while not done():
            left = end - time.monotonic()
            assert left > 0, f"not in time; heard {self.latest()}"
            if select.select([self.file], [], [], left)[0]:
                self.events += self.parser.feed(os.read(self.file, 4096))


def _truth(file: io.StringIO) -> dict[str, tuple[float | None, str]]:
    rows: list[dict[str, Any]] = [json.loads(line) for line in file.getvalue().splitlines()]
    return {row["channel"]: (row["value"], row["state"]) for row in rows if not row["event"]}


def test_doors_and_thermocouples(tmp_path: Path) -> None:
    """They say what the truth says: opened, closed, wire cut, heated, thermocouple pulled out of its chip."""
    truth = io.StringIO()
    with Simulator(parse_scenario(BOARD.encode()), tmp_path, truth=truth) as simulator:
        host = Host(simulator.paths["board"])
        expected: dict[str, tuple[float | None, str]] = {
            "hx711-0": (20_000.0, "ok"), "thermocouple-0": (90.0, "ok"), "thermocouple-0-junction": (31.5, "ok"),
            "thermocouple-1": (180.0, "ok"), "door-0": (0.0, "ok"), "door-1": (1.0, "ok"),
        }  # fmt: skip
        host.until(lambda: host.latest() == expected)
        assert _truth(truth) == expected
        simulator.act("board", "open", channel="door-0")
        simulator.act("board", "close", channel="door-1")
        simulator.act("board", "approach", channel="thermocouple-1", target_c=240, tau_s=0.1)
        simulator.act("board", "unplug", channel="thermocouple-0")
        expected |= {"door-0": (1.0, "ok"), "door-1": (0.0, "ok"), "thermocouple-1": (240.0, "ok")}
        expected |= {"thermocouple-0": (None, "open")}
        host.until(lambda: host.latest() == expected)
        simulator.act("board", "close", channel="door-0")
        host.until(lambda: host.latest()["door-0"] == (0.0, "ok"))
        # A cut wire of a contact that is closed while the door is closed reads as an open door.
        simulator.act("board", "unplug", channel="door-0")
        expected |= {"door-0": (1.0, "ok")}
        host.until(lambda: host.latest() == expected)
        assert _truth(truth) == expected
        os.close(host.file)
    assert list(tmp_path.iterdir()) == []


def test_outputs_can_be_watched_and_the_zero_outlives_a_hung_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Buzzer and light are in the log that the chips' file names; a program that hangs is ended by the watchdog, and
    begins again with the zero from before though another load lies there."""
    monkeypatch.setattr("pawon_firmware_bridge.simulator.bench_board.WATCHDOG_S", 1.5)
    truth = io.StringIO()
    with Simulator(parse_scenario(BOARD.encode()), tmp_path, truth=truth) as simulator:
        log = Path(json.loads((tmp_path / ".board.chips.json").read_text())["log"])
        host = Host(simulator.paths["board"])
        host.until(lambda: host.latest().get("hx711-0") == (20_000.0, "ok"))
        os.write(host.file, commands.light(50, 50, 2, sequence=1) + commands.tare(0, sequence=2))
        host.until(lambda: BoardZero(channel="hx711-0", counts=20_000) in host.events)
        assert log == tmp_path / "board.outputs"
        assert log.read_text() == "light 1\nlight 0\nlight 1\nlight 0\n"
        simulator.act("board", "hang")
        simulator.act("board", "add", channel="hx711-0", mass_g=500, duration_s=0.2)
        host.events.clear()
        host.until(lambda: host.latest().get("hx711-0") == (30_000.0, "ok"))
        [hello] = [event for event in host.events if isinstance(event, BoardHello)]
        assert (hello.reset_cause, hello.restarted) == (3, True)
        assert {event.counts for event in host.events if isinstance(event, BoardZero)} == {20_000}
        os.close(host.file)
    assert [json.loads(line)["event"] for line in truth.getvalue().splitlines()].count("watchdog") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("channel", "problem"),
    [
        ('name = "door-1"', "channels are numbered from door-0 without a hole, not door-1"),
        ('name = "door-0"\nstate = "ajar"', "state: unknown 'ajar'; known: closed, open"),
        ('name = "thermocouple-0"\nchip = "max1"\ntemperature_c = 5', "chip: unknown 'max1'; known: max31855, max6675"),
        ('name = "thermocouple-0"', "temperature_c: missing"),
        (
            'name = "thermocouple-4"\ntemperature_c = 5',
            "must be hx711-0 to hx711-3, thermocouple-0 to -3, door-0 to -3",
        ),
    ],
)
def test_a_board_with_mistakes(channel: str, problem: str) -> None:
    """Each mistake is told with its key."""
    head = '[[device]]\nname = "b"\nprotocol = "pawon-board"\nboard_id = "00000000000000aa"\n[[device.channel]]\n'
    with pytest.raises(ScenarioError, match=problem):
        parse_scenario((head + channel).encode())


def test_actions_of_other_channels_are_refused() -> None:
    """A door is not heated and a thermocouple not opened."""
    for action, channel in (("approach", "door-0"), ("open", "thermocouple-0"), ("close", "hx711-0")):
        event = f'[[event]]\nat_s = 1\ndevice = "board"\nchannel = "{channel}"\naction = "{action}"\ntarget_c = 5\n'
        with pytest.raises(ScenarioError):
            parse_scenario((BOARD + event).encode())
