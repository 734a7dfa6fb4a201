"""The boards' firmware, run for real: MicroPython on a pty, only the chips are simulated."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from tests.firmware_bridge.bench import Bench

from pawon_firmware_bridge.board import commands
from pawon_firmware_bridge.board.parser import BoardAnswer
from pawon_firmware_bridge.ds18b20 import scratchpad_of
from pawon_firmware_bridge.firmware import frame
from pawon_firmware_bridge.measurement import BadFrame, BoardHello
from pawon_firmware_bridge.simulator.bench_board import find_micropython
from pawon_firmware_bridge.simulator.board_channels import rom_of

MICROPYTHON = find_micropython()
pytestmark = pytest.mark.skipif(MICROPYTHON is None, reason="no MicroPython wheel for this machine (aarch64)")

PROBE, FREEZER = "28-00000a1b2c3d", "28-000000000f01"


def _chip(name: str, steps: int) -> dict[str, object]:
    return {"rom": rom_of(name).hex(), "scratchpad": scratchpad_of(steps).hex(), "plugged": True}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    assert MICROPYTHON is not None
    cells = [{"counts": 0, "plugged": True}, {"counts": -1234, "plugged": True}]
    with Bench(MICROPYTHON, tmp_path, hx711=cells, ds18b20=[_chip(PROBE, 370), _chip(FREEZER, -312)]) as started:
        yield started


def test_says_hello_and_identifies(bench: Bench) -> None:
    """A board introduces itself at its start and whenever it is asked."""
    bench.until(lambda: bool(bench.events))
    hello = BoardHello(board_id="00000000000000aa", version=(0, 1, 0), reset_cause=1)
    assert bench.events[0] == hello
    bench.send(commands.identify(sequence=3))
    bench.until(lambda: bool(bench.answers))
    assert bench.events.count(hello) == 2
    assert bench.answers == [BoardAnswer(command_sequence=3, status=frame.STATUS_OK)]


def test_counts_zero_negative_extreme_and_unplugged(bench: Bench) -> None:
    """Counts come through 25 clocked bits with their sign; a chip that goes is a fault and comes back as it was."""
    bench.until(bench.has("hx711-0", 0.0))
    bench.until(bench.has("hx711-1", -1234.0))
    for counts, state in ((-8388607, "ok"), (8388606, "ok"), (8388607, "overload"), (-8388608, "underload")):
        bench.chips["hx711"][0]["counts"] = counts
        bench.set()
        bench.until(bench.has("hx711-0", float(counts) if state == "ok" else None, state))
    bench.chips["hx711"][0].update(counts=77, plugged=False)
    bench.set()
    bench.until(bench.has("hx711-0", None, "disconnected"))
    bench.until(bench.has("hx711-1", -1234.0))
    bench.chips["hx711"][0]["plugged"] = True
    bench.set()
    bench.until(bench.has("hx711-0", 77.0))
    assert not [event for event in bench.events if isinstance(event, BadFrame)]


def test_shorted_data_line_is_a_fault_and_no_zero(bench: Bench) -> None:
    """A data line that is always low would clock out a perfect zero; it is told as disconnected instead."""
    bench.chips["hx711"][1]["stuck_low"] = True
    bench.set()
    bench.until(bench.has("hx711-1", None, "disconnected"))


def test_temperatures_and_an_unplugged_probe(bench: Bench) -> None:
    """Each probe under its own name; one that is pulled out is told, the other goes on, and it comes back."""
    bench.until(bench.has(PROBE, 23.125))
    bench.until(bench.has(FREEZER, -19.5))
    bench.chips["ds18b20"][0].update(scratchpad=scratchpad_of(0).hex(), plugged=False)
    bench.set()
    bench.until(bench.has(PROBE, None, "disconnected"))
    bench.until(bench.has(FREEZER, -19.5))
    bench.chips["ds18b20"][0]["plugged"] = True
    bench.set()
    bench.until(bench.has(PROBE, 0.0))


def test_a_shorted_bus_is_not_zero_degrees(bench: Bench) -> None:
    """Nine zero bytes, which have a good CRC, reach the host and are judged there."""
    bench.chips["ds18b20"][0]["scratchpad"] = "00" * 9
    bench.set()
    bench.until(bench.has(PROBE, None, "zeros"))


def test_buzzer_sounds_and_stops_by_itself(bench: Bench) -> None:
    """The buzzer command is answered at once and sounds exactly its repeats."""
    bench.send(commands.buzzer(40, 40, 2, sequence=500))
    bench.until(lambda: bench.answers == [BoardAnswer(command_sequence=500, status=frame.STATUS_OK)])
    bench.until(lambda: bench.log.exists() and bench.log.read_text().count("\n") >= 4)
    bench.until(bench.has("hx711-0", 0.0))
    assert bench.log.read_text().split("\n") == ["buzzer 1", "buzzer 0", "buzzer 1", "buzzer 0", ""]


def test_bad_commands(bench: Bench) -> None:
    """Unknown commands and wrong arguments are answered as such; garbage is not answered and harms nothing."""
    bench.send(b"\x03\x04garbage\r\n" * 100 + frame.DELIMITER)
    bench.send(commands.encode_command(99, b"", sequence=1))
    bench.send(commands.encode_command(frame.BUZZER, b"\x01", sequence=2))
    bench.send(commands.encode_command(frame.INTERVAL, b"\x01\x00", sequence=3))
    bench.until(lambda: len(bench.answers) == 3)
    assert [(answer.command_sequence, answer.status) for answer in bench.answers] == [
        (1, frame.STATUS_UNKNOWN),
        (2, frame.STATUS_REFUSED),
        (3, frame.STATUS_REFUSED),
    ]
    bench.until(bench.has("hx711-1", -1234.0))


def test_interval(bench: Bench) -> None:
    """A host can ask for fewer frames."""
    bench.until(bench.has("hx711-0", 0.0))
    bench.send(commands.interval(700, sequence=4))
    bench.until(lambda: bool(bench.answers))
    bench.until(bench.has("hx711-0", 0.0))
    bench.until(bench.has("hx711-0", 0.0))
    assert bench.process.poll() is None


def test_ends_when_its_host_has_gone(bench: Bench) -> None:
    """On the bench the firmware ends with its port, so that no process is left behind."""
    bench.until(lambda: bool(bench.events))
    bench.hang_up()
    assert bench.process.wait(5) == 0


def test_every_firmware_file_compiles_for_the_board() -> None:
    """The board's own `pins.py` cannot run here, but MicroPython accepts its every line."""
    folder = Path(str(files("pawon_firmware_bridge") / "firmware"))
    assert MICROPYTHON is not None
    for path in sorted(folder.rglob("*.py")):
        done = subprocess.run(
            [MICROPYTHON, "-X", "compile-only", str(path)], capture_output=True, text=True, timeout=10, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), path
