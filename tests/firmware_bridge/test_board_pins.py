"""The boards' own pin layer, run by MicroPython with a machine that only writes down what it is asked for."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from pawon_firmware_bridge.firmware import frame
from pawon_firmware_bridge.simulator.bench_board import find_micropython

MICROPYTHON = find_micropython()
needs_micropython = pytest.mark.skipif(MICROPYTHON is None, reason="no MicroPython wheel for this machine (aarch64)")
FIRMWARE = Path(str(files("pawon_firmware_bridge") / "firmware"))
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "boards.md"

MACHINE = """
import sys
sys.path.insert(0, FIRMWARE)
class Pin:
    IN, OUT, PULL_UP = "in", "out", "pull_up"
    def __init__(self, number, *modes, value=None):
        made.append([number, list(modes), value])
    def value(self, level=None):
        return 1
class WDT:
    def __init__(self, timeout):
        made.append(["watchdog", timeout])
    def feed(self):
        made.append("fed")
class Machine:
    pass
machine = Machine()
machine.Pin, machine.WDT = Pin, WDT
machine.disable_irq = lambda: 0
machine.enable_irq = lambda state: None
machine.unique_id = lambda: bytes.fromhex(UNIQUE)
machine.reset_cause = lambda: 1
class Bus:
    def __init__(self, pin):
        pass
    def reset(self):
        return False
onewire = Machine()
onewire.OneWire = Bus
class Chip:
    interrupts = []
    def kbd_intr(self, byte):
        made.append(["interrupt", byte])
made = []
sys.modules["machine"], sys.modules["onewire"], sys.modules["micropython"] = machine, onewire, Chip()
import json, pins
"""


def _run(script: str, folder: Path, typed: bytes = b"", unique: str = "0102030405060708") -> list[object]:
    assert MICROPYTHON is not None
    head = f"FIRMWARE = {str(FIRMWARE)!r}\nUNIQUE = {unique!r}\n"
    done = subprocess.run(
        [MICROPYTHON, "-c", head + MACHINE + script],
        input=typed,
        capture_output=True,
        timeout=20,
        check=False,
        cwd=folder,
    )
    assert done.stderr == b""
    told = json.loads(done.stdout)
    assert isinstance(told, list)
    return told


@needs_micropython
@pytest.mark.parametrize(
    ("typed", "stopped"),
    [
        (b"\x03", True),  # a person in a terminal
        (b"\r\x03\r\x01", True),  # mpremote
        (b"\x00\x03\x81\x03\x03\x00", False),  # a host's command with byte 3 in it
        (b"\r\n\x03", False),
        (b"x\x03", False),
    ],
)
def test_a_person_can_stop_it_and_a_host_cannot(typed: bytes, stopped: bool, tmp_path: Path) -> None:
    """Ctrl-C right after a start gives the prompt; byte 3 of a command never leaves the board without program and
    watchdog."""
    script = """
try:
    pins.prepare_console()
    pins.feed_watchdog()
except KeyboardInterrupt:
    made.append("stopped")
print(json.dumps(made))
"""
    going_on = [["interrupt", -1], ["watchdog", 8000], "fed"]
    assert _run(script, tmp_path, typed) == ([["interrupt", -1], ["interrupt", 3], "stopped"] if stopped else going_on)


@needs_micropython
@pytest.mark.parametrize(
    ("unique", "board_id"), [("e66118604b7a2c21", "e66118604b7a2c21"), ("a4cf12345678", "0000a4cf12345678")]
)
def test_board_id_of_both_chips(unique: str, board_id: str, tmp_path: Path) -> None:
    """Eight bytes of an RP2040 as they are, six of an ESP32 with zeros before them."""
    assert _run("print(json.dumps([pins.board_id().hex(), pins.reset_cause()]))", tmp_path, unique=unique) == [
        board_id,
        1,
    ]


def _wirings() -> dict[str, dict[str, object]]:
    """The wiring.json examples of the guide, by the heading above each."""
    parts = re.split(r"^### ", GUIDE.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for part in parts:
        block = re.search(r"^ {8}\{.*?\}\n(?=\n|$)", part, flags=re.MULTILINE | re.DOTALL)
        if block is not None:
            found[part.split("\n")[0]] = json.loads(block[0])
    return found


@needs_micropython
@pytest.mark.parametrize("chip", ["ESP32", "RP2040"])
def test_the_guides_wiring_is_a_board(chip: str, tmp_path: Path) -> None:
    """The wiring we tell people to copy builds a board with these pins and no others, none used twice unless shared,
    none that the chip needs for itself."""
    [wiring] = [wiring for title, wiring in _wirings().items() if chip in title]
    (tmp_path / "wiring.json").write_text(json.dumps(wiring))
    script = """
from board import Board
board = Board(0)
print(json.dumps(made))
"""
    made = _run(script, tmp_path)
    numbers = [row[0] for row in made if isinstance(row, list)]
    free = (
        {4, 13, 14, *range(16, 20), *range(21, 24), *range(25, 28), 32, 33}
        if chip == "ESP32"
        else set(range(23)) | {26, 27, 28}
    )
    assert set(numbers) <= free
    thermocouples = wiring["thermocouples"]
    assert isinstance(thermocouples, list)
    shared = {thermocouples[0]["clock"], thermocouples[0]["data"]}
    assert {number for number in numbers if numbers.count(number) > 1} <= shared
    inputs = [row for row in made if isinstance(row, list) and row[1][:1] == ["in"]]
    assert all(row[1] == ["in", "pull_up"] for row in inputs)
    assert all(row[2] in (0, 1) for row in made if isinstance(row, list) and row[1][:1] == ["out"])


@needs_micropython
def test_a_wiring_with_a_wrong_key_is_refused(tmp_path: Path) -> None:
    """A misspelt part is named, with what is known, instead of being left out silently."""
    (tmp_path / "wiring.json").write_text('{"switchs": [{"pin": 4}]}')
    script = """
from board import Board
try:
    Board(0)
except ValueError as error:
    print(json.dumps([str(error)]))
"""
    [said] = _run(script, tmp_path)
    assert str(said).startswith("wiring.json: unknown key switchs; known: buzzer, ")


def test_the_guide_names_the_files_to_copy() -> None:
    """The list in the guide is the folder's, so that a copied board has every part of its program."""
    text = GUIDE.read_text()
    listed = re.search(r"^ {4}(board\.py .*?)\n\n", text, flags=re.MULTILINE | re.DOTALL)
    assert listed is not None
    assert set(listed[1].split()) == {path.name for path in FIRMWARE.glob("*.py")} - {"__init__.py"}


def test_the_guide_knows_every_fault() -> None:
    """Each fault number of a self-test has a row that says what to do."""
    rows = set(
        re.findall(
            r"^\| (\d+) \|", GUIDE.read_text().split("## What a self-test says")[1].split("\n## ")[0], re.MULTILINE
        )
    )
    faults = {str(value) for name, value in vars(frame).items() if name.startswith("FAULT_") and value}
    assert rows == faults
