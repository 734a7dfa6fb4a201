"""A full board, run for real: MicroPython on a pty with load cells, probes, thermocouples, doors, buzzer and light."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from tests.firmware_bridge.bench import Bench

from pawon_firmware_bridge.board import commands
from pawon_firmware_bridge.board.parser import BoardAnswer
from pawon_firmware_bridge.ds18b20 import scratchpad_of
from pawon_firmware_bridge.firmware import frame
from pawon_firmware_bridge.measurement import BadFrame, BoardHello, BoardZero, Measurement
from pawon_firmware_bridge.simulator.bench_board import find_micropython
from pawon_firmware_bridge.simulator.board_channels import rom_of

MICROPYTHON = find_micropython()
needs_micropython = pytest.mark.skipif(MICROPYTHON is None, reason="no MicroPython wheel for this machine (aarch64)")

PROBES = [f"28-0000000{number}0a{9 - number:02x}" for number in range(8)]
FULL = {
    "hx711": [{"counts": counts, "plugged": True} for counts in (0, -1234, 84_210, 8_388_606)],
    "ds18b20": [
        {"rom": rom_of(name).hex(), "scratchpad": scratchpad_of(16 * at - 40).hex(), "plugged": True}
        for at, name in enumerate(PROBES)
    ],
    "thermocouples": [
        {"chip": "max31855", "word": "04b01900", "plugged": True},
        {"chip": "max6675", "word": "0c80", "plugged": True},
    ],
    "switches": [{"level": 0, "normally": "closed"}, {"level": 0, "normally": "open"}],
}
SETTLED_S = 0.6
"""Three frames."""


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Bench]:
    assert MICROPYTHON is not None
    with Bench(MICROPYTHON, tmp_path, **json.loads(json.dumps(FULL))) as started:
        yield started


@pytest.fixture
def cells(tmp_path: Path) -> Iterator[Bench]:
    """Two load cells, the first with 50 counts of noise to either side of 84,210."""
    assert MICROPYTHON is not None
    rows = [{"counts": 84_210, "plugged": True, "shake": 50}, {"counts": 7, "plugged": True}]
    with Bench(MICROPYTHON, tmp_path, hx711=rows) as started:
        started.until(started.has("hx711-1", 7.0))
        yield started


def _zeros(bench: Bench) -> dict[str, int]:
    return {event.channel: event.counts for event in bench.events if isinstance(event, BoardZero)}


def _sample_times(bench: Bench) -> list[int]:
    """The board's times of its samples so far, in ms."""
    decoded = [frame.decode(encoded) for encoded in bench.frames.split(frame.DELIMITER)[:-1] if encoded]
    return [int.from_bytes(body[:4], "little") for kind, _, body in decoded if kind == frame.SAMPLES]


def _tare(bench: Bench, channel: int, sequence: int) -> int:
    bench.send(commands.tare(channel, sequence=sequence))
    bench.until(lambda: any(answer.command_sequence == sequence for answer in bench.answers))
    return next(answer.status for answer in bench.answers if answer.command_sequence == sequence)


@needs_micropython
def test_a_full_board(full: Bench) -> None:
    """Four load cells, eight probes, both thermocouple chips and two doors at once: each with its value, none missing,
    in frames that fit, and the loop goes on."""
    wanted = {
        "hx711-0": 0.0, "hx711-1": -1234.0, "hx711-2": 84_210.0, "hx711-3": 8_388_606.0,
        "thermocouple-0": 75.0, "thermocouple-0-junction": 25.0, "thermocouple-1": 100.0,
        "door-0": 0.0, "door-1": 1.0, **{name: at - 2.5 for at, name in enumerate(PROBES)},
    }  # fmt: skip

    def latest() -> dict[str, float | None]:
        return {event.channel: event.value for event in full.events if isinstance(event, Measurement)}

    full.until(lambda: latest() == wanted)
    full.events.clear()
    full.until(lambda: latest() == wanted)
    assert not [event for event in full.events if isinstance(event, BadFrame)]
    longest = max(len(encoded) for encoded in full.frames.split(frame.DELIMITER))
    assert 180 < longest <= frame.MAX_ENCODED


@needs_micropython
def test_a_door_is_told_at_once_and_does_not_bounce(full: Bench) -> None:
    """A change comes before the next regular frame; a contact that chatters gives no change until it rests."""
    full.until(full.has("door-0", 0.0))
    full.send(commands.interval(60_000, sequence=1))
    full.until(lambda: bool(full.answers))
    before = len(_sample_times(full))
    full.until(lambda: len(_sample_times(full)) > before)
    full.set(switches=[{"level": 1, "normally": "closed"}, {"level": 1, "normally": "open"}])
    full.until(full.has("door-0", 1.0))
    # By the board's own clock: regular frames are a second apart here, so a shorter gap is the change's own frame.
    assert min(late - early for early, late in pairwise(_sample_times(full)[before:])) < 1000
    full.until(full.has("door-1", 0.0))
    full.set(switches=[{"level": 0, "normally": "closed", "chatters": True}, {"level": 1, "normally": "open"}])
    full.listen(0.2)
    full.events.clear()
    full.send(commands.self_test(sequence=2))
    full.until(lambda: bool(full.self_tests))
    assert full.self_tests[0].faults["door-0"] == frame.FAULT_BOUNCING
    assert full.self_tests[0].faults["door-1"] == frame.FAULT_NONE
    told = [event.value for event in full.events if isinstance(event, Measurement) and event.channel == "door-0"]
    assert set(told) == {1.0}
    full.set(switches=[{"level": 0, "normally": "closed"}, {"level": 1, "normally": "open"}])
    full.until(full.has("door-0", 0.0))


@needs_micropython
def test_thermocouples_that_are_not_well(full: Bench) -> None:
    """Open, shorted and missing chips are told as what they are, and come back."""
    for word, state in (("00011901", "open"), ("00011902", "short_ground"), ("00011904", "short_supply")):
        full.chips["thermocouples"][0]["word"] = word
        full.set()
        full.until(full.has("thermocouple-0", None, state))
        full.until(full.has("thermocouple-0-junction", 25.0))
    full.chips["thermocouples"][0].update(plugged=False)
    full.chips["thermocouples"][1].update(word="0000")
    full.set()
    full.until(full.has("thermocouple-0", None, "disconnected"))
    full.until(full.has("thermocouple-1", None, "disconnected"))
    full.chips["thermocouples"][0].update(plugged=True, word="ff601900")
    full.set()
    full.until(full.has("thermocouple-0", -10.0))


@needs_micropython
def test_a_tare_survives_a_power_cut_with_another_load(cells: Bench) -> None:
    """The zero is the mean of what lay there when it was asked for; a board that starts with a load keeps the old one,
    and the counts it sends are never zeroed."""
    assert _tare(cells, 0, sequence=1) == frame.STATUS_OK
    assert _zeros(cells) == {"hx711-0": 84_210}
    for reset_cause in (1, 3):
        cells.cut_power()
        cells.start_again(reset_cause, hx711=[{"counts": 500_000, "plugged": True}, {"counts": 7, "plugged": True}])
        cells.until(cells.has("hx711-0", 500_000.0))
        cells.until(cells.has("hx711-1", 7.0))
        cells.listen(SETTLED_S)
        assert json.loads(cells.zeros.read_text())["zeros"] == {"0": 84_210}
    cells.send(commands.identify(sequence=2))
    cells.until(lambda: bool(cells.answers))
    assert _zeros(cells) == {"hx711-0": 84_210}


@needs_micropython
def test_the_zero_is_told_again_and_again(cells: Bench) -> None:
    """A host that begins to listen later learns the zero within ten seconds without asking."""
    assert _tare(cells, 1, sequence=1) == frame.STATUS_OK
    cells.events.clear()
    cells.until(lambda: _zeros(cells) == {"hx711-1": 7})


@needs_micropython
def test_a_tare_of_a_moving_load_is_refused(cells: Bench) -> None:
    """The load must lie still; refused, the stored zero is as it was, and the next tare works."""
    assert _tare(cells, 0, sequence=1) == frame.STATUS_OK
    cells.set(hx711=[{"counts": 90_000, "plugged": True, "shake": 300}, {"counts": 7, "plugged": True}])
    cells.until(cells.has("hx711-0", 90_300.0))
    cells.events.clear()
    assert _tare(cells, 0, sequence=2) == frame.STATUS_NOT_STEADY
    assert "84210" in cells.zeros.read_text()
    assert _zeros(cells) in ({}, {"hx711-0": 84_210})
    cells.set(hx711=[{"counts": 90_000, "plugged": True}, {"counts": 7, "plugged": True}])
    cells.until(cells.has("hx711-0", 90_000.0))
    assert _tare(cells, 0, sequence=3) == frame.STATUS_OK
    assert _zeros(cells)["hx711-0"] == 90_000


@needs_micropython
def test_tares_that_cannot_be(cells: Bench) -> None:
    """A second one while one runs, a channel that is not wired, a wrong length, a saturated or missing cell, a flash
    that cannot be written: each refused with its reason, and nothing is stored."""
    cells.send(commands.tare(0, sequence=1) + commands.tare(1, sequence=2))
    cells.until(lambda: len(cells.answers) == 2)
    assert [(answer.command_sequence, answer.status) for answer in cells.answers] == [
        (2, frame.STATUS_REFUSED),
        (1, frame.STATUS_OK),
    ]
    stored = cells.zeros.read_text()
    assert _tare(cells, 3, sequence=3) == frame.STATUS_REFUSED
    cells.send(commands.encode_command(frame.TARE, b"", sequence=4))
    cells.until(lambda: cells.answers[-1] == BoardAnswer(command_sequence=4, status=frame.STATUS_REFUSED))
    cells.set(hx711=[{"counts": 0x7FFFFF, "plugged": True}, {"counts": 7, "plugged": False}])
    cells.until(cells.has("hx711-0", None, "overload"))
    assert _tare(cells, 0, sequence=5) == frame.STATUS_FAILED
    assert _tare(cells, 1, sequence=6) == frame.STATUS_FAILED
    assert cells.zeros.read_text() == stored
    cells.chips["hx711"] = [{"counts": 5, "plugged": True}, {"counts": 7, "plugged": True}]
    cells.cut_power()
    cells.start_again(zeros="/nowhere/zeros.json")
    cells.until(cells.has("hx711-0", 5.0))
    assert _tare(cells, 0, sequence=7) == frame.STATUS_FAILED
    assert _zeros(cells) == {}


@needs_micropython
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-3],
        lambda text: "",
        lambda text: text.replace("84210", "84211"),
        lambda text: "[1, 2]",
        lambda text: '{"zeros": {"9": 1}, "crc": 1}',
        None,
    ],
    ids=["cut off", "empty", "one digit altered", "not ours", "no such channel", "missing"],
)
def test_a_zero_that_cannot_be_read_is_no_zero(cells: Bench, spoil: object) -> None:
    """The board then tells none, measures none by itself, and goes on weighing; a tare makes a good file again."""
    assert _tare(cells, 0, sequence=1) == frame.STATUS_OK
    cells.cut_power()
    if callable(spoil):
        cells.zeros.write_text(spoil(cells.zeros.read_text()))
    else:
        cells.zeros.unlink()
    cells.start_again()
    cells.until(cells.has("hx711-1", 7.0))
    cells.send(commands.identify(sequence=2))
    cells.until(lambda: bool(cells.answers))
    cells.listen(SETTLED_S)
    assert _zeros(cells) == {}
    assert _tare(cells, 1, sequence=3) == frame.STATUS_OK
    assert _zeros(cells) == {"hx711-1": 7}


@needs_micropython
def test_a_half_written_zero_is_not_seen(cells: Bench) -> None:
    """A power cut during the writing leaves a file beside the true one, which alone counts."""
    assert _tare(cells, 0, sequence=1) == frame.STATUS_OK
    cells.cut_power()
    half = cells.zeros.with_name("zeros.json.new")
    half.write_text('{"zeros": {"0": 1')
    cells.start_again()
    cells.until(lambda: _zeros(cells) == {"hx711-0": 84_210})
    half.unlink()
    half.mkdir()
    stored = cells.zeros.read_text()
    assert _tare(cells, 1, sequence=2) == frame.STATUS_FAILED
    assert cells.zeros.read_text() == stored


@needs_micropython
def test_self_test_of_a_good_board(full: Bench) -> None:
    """Every wired channel is tried and good; buzzer and light show themselves once, and stop."""
    full.until(full.has(PROBES[7], 4.5))
    full.send(commands.self_test(sequence=9) + commands.self_test(sequence=10))
    full.until(lambda: len(full.answers) == 2)
    assert full.answers[0] == BoardAnswer(command_sequence=10, status=frame.STATUS_REFUSED)
    [test] = full.self_tests
    assert test.command_sequence == 9
    assert set(test.faults) == {
        "hx711-0", "hx711-1", "hx711-2", "hx711-3", "thermocouple-0", "thermocouple-1", "door-0", "door-1", "onewire",
        "buzzer", "light", *PROBES,
    }  # fmt: skip
    assert set(test.faults.values()) == {frame.FAULT_NONE}
    assert test.free_memory_bytes > 10_000
    assert 0 < test.uptime_ms < 60_000
    full.listen(0.3)
    assert sorted(full.log.read_text().splitlines()) == ["buzzer 0", "buzzer 1", "light 0", "light 1"]


@needs_micropython
def test_self_test_names_what_is_wrong(full: Bench) -> None:
    """An unplugged, a shorted and a saturated load cell, a silent and a damaged probe, an open and a missing
    thermocouple: each by its name, and the good ones beside them as good."""
    full.until(full.has(PROBES[7], 4.5))
    full.chips["hx711"][0]["plugged"] = False
    full.chips["hx711"][1]["stuck_low"] = True
    full.chips["hx711"][2]["counts"] = -0x800000
    full.chips["ds18b20"][0]["plugged"] = False
    full.chips["ds18b20"][1]["scratchpad"] = "00" * 9
    full.chips["ds18b20"][2]["scratchpad"] = "73014b467fff0e1057"
    full.chips["thermocouples"][0]["word"] = "00011901"
    full.chips["thermocouples"][1]["plugged"] = False
    full.set()
    full.until(full.has("hx711-0", None, "disconnected"))
    full.send(commands.self_test(sequence=1))
    full.until(lambda: bool(full.self_tests))
    faults = {name: fault for name, fault in full.self_tests[0].faults.items() if fault}
    assert faults == {
        "hx711-0": frame.FAULT_NOT_READY, "hx711-1": frame.FAULT_STUCK_LOW, "hx711-2": frame.FAULT_SATURATED,
        PROBES[0]: frame.FAULT_NO_ANSWER, PROBES[1]: frame.FAULT_BAD_CRC, PROBES[2]: frame.FAULT_BAD_CRC,
        "thermocouple-0": frame.FAULT_OPEN, "thermocouple-1": frame.FAULT_NO_CHIP,
    }  # fmt: skip


@needs_micropython
def test_a_shorted_and_an_empty_bus(full: Bench) -> None:
    """A shorted 1-wire line is told for each probe and by the self-test, holds nothing up, and is no 0.0 C."""
    full.until(full.has(PROBES[7], 4.5))
    full.set(one_wire_shorted=True)
    full.until(full.has(PROBES[0], None, "zeros"))
    full.until(full.has(PROBES[7], None, "zeros"))
    full.until(full.has("hx711-1", -1234.0))
    full.send(commands.self_test(sequence=1))
    full.until(lambda: bool(full.self_tests))
    assert full.self_tests[0].faults["onewire"] == frame.FAULT_BUS_SHORTED
    full.set(one_wire_shorted=False, ds18b20=[{**row, "plugged": False} for row in full.chips["ds18b20"]])
    full.until(full.has(PROBES[0], None, "disconnected"))
    full.send(commands.self_test(sequence=2))
    full.until(lambda: len(full.self_tests) == 2)
    assert full.self_tests[1].faults["onewire"] == frame.FAULT_NO_PRESENCE
    full.set(ds18b20=[{**row, "plugged": True} for row in full.chips["ds18b20"]])
    full.until(full.has(PROBES[7], 4.5))


@needs_micropython
def test_a_ninth_probe_is_told(tmp_path: Path) -> None:
    """Eight are read whatever their ids; that there are more is said by the self-test."""
    assert MICROPYTHON is not None
    names = [f"28-{number * 0x9E3779B97F4A % 2**48:012x}" for number in range(9)]
    rows = [{"rom": rom_of(name).hex(), "scratchpad": scratchpad_of(370).hex(), "plugged": True} for name in names]
    with Bench(MICROPYTHON, tmp_path, ds18b20=rows) as bench:
        bench.send(commands.self_test(sequence=1))
        bench.until(lambda: bool(bench.self_tests))
    faults = bench.self_tests[0].faults
    assert faults.pop("onewire") == frame.FAULT_TOO_MANY
    probes = {name for name in faults if name.startswith("28-")}
    assert len(probes) == 8
    assert probes < set(names)


@needs_micropython
def test_light_and_buzzer_stop_by_themselves(cells: Bench) -> None:
    """Each does exactly its repeats though nobody says anything more, beside the other; 0 repeats ends at once."""
    cells.send(commands.light(40, 40, 2, sequence=1) + commands.buzzer(60, 20, 1, sequence=2))
    cells.listen(SETTLED_S)
    assert [answer.status for answer in cells.answers] == [0, 0]
    lines = cells.log.read_text().splitlines()
    assert [line for line in lines if line.startswith("light")] == ["light 1", "light 0"] * 2
    assert [line for line in lines if line.startswith("buzzer")] == ["buzzer 1", "buzzer 0"]
    cells.log.unlink()
    cells.send(commands.light(60_000, 0, 1, sequence=3))
    cells.until(lambda: cells.log.exists() and cells.log.read_text() == "light 1\n")
    cells.send(commands.light(0, 0, 0, sequence=4))
    cells.until(lambda: cells.log.read_text() == "light 1\nlight 0\n")


@needs_micropython
def test_a_buzzer_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Nobody is told that an alarm sounded where nothing can sound; the light beside it works."""
    assert MICROPYTHON is not None
    with Bench(MICROPYTHON, tmp_path, outputs=["light"]) as bench:
        bench.send(commands.buzzer(40, 40, 2, sequence=1) + commands.light(40, 40, 1, sequence=2))
        bench.until(lambda: len(bench.answers) == 2)
        bench.until(lambda: bench.log.exists() and bench.log.read_text() == "light 1\nlight 0\n")
    assert [answer.status for answer in bench.answers] == [frame.STATUS_REFUSED, frame.STATUS_OK]


@needs_micropython
def test_the_loop_feeds_the_watchdog_and_a_hung_one_does_not(cells: Bench) -> None:
    """While the firmware runs, with chips missing and a babbling host, its watchdog is fed; in a program that hangs it
    is not, and the board that then starts again says so and keeps its zero."""
    assert _tare(cells, 0, sequence=1) == frame.STATUS_OK
    cells.set(hx711=[{"counts": 84_210, "plugged": False}, {"counts": 7, "plugged": True, "stuck_low": True}])
    fed = set()
    for _ in range(6):
        cells.send(b"\x03\x04babble\r\n" * 50)
        cells.listen(0.6)
        fed.add(cells.watchdog.read_text())
    assert len(fed) >= 4
    cells.set(hang=True)
    cells.listen(0.3)
    starved = cells.watchdog.read_text()
    cells.listen(1.5)
    assert cells.watchdog.read_text() == starved
    cells.cut_power()
    cells.start_again(reset_cause=3, hang=False, hx711=[{"counts": 9, "plugged": True}, {"counts": 7, "plugged": True}])
    cells.until(lambda: _zeros(cells) == {"hx711-0": 84_210})
    hello = cells.events[0]
    assert isinstance(hello, BoardHello)
    assert hello.reset_cause == 3


@needs_micropython
def test_a_wiring_that_cannot_be_is_said(tmp_path: Path) -> None:
    """Five load cells end the start with a sentence on the console instead of readings under wrong names."""
    assert MICROPYTHON is not None
    with Bench(MICROPYTHON, tmp_path, hx711=[{"counts": 1, "plugged": True}] * 5) as bench:
        bench.until(lambda: b"ValueError: wiring.json: 5 rows in hx711, at most 4" in bench.frames)
        assert bench.process.wait(10) != 0


def _public(path: Path) -> set[str]:
    """Names that a module makes and others may use; of a class also its methods."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name + str([argument.arg for argument in node.args.args]))
        elif isinstance(node, ast.ClassDef):
            inside = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
            inside += [target.id for part in node.body if isinstance(part, ast.Assign)
                       for target in part.targets if isinstance(target, ast.Name)]  # fmt: skip
            names |= {node.name, *(f"{node.name}.{name}" for name in inside if not name.startswith("_"))}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_the_bench_replaces_exactly_the_pins() -> None:
    """Both pin layers have the same names with the same arguments, and the firmware uses no other."""
    folder = Path(str(files("pawon_firmware_bridge") / "firmware"))
    board = _public(folder / "pins.py")
    assert board == _public(folder / "bench" / "pins.py")
    used = {
        node.attr
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pins"
    }
    assert used == {name.partition("[")[0] for name in board if "." not in name and name != "OneWire"}


def test_only_the_pins_know_the_hardware() -> None:
    """What runs on the bench is what runs on a board: no other file asks for `machine` or the bench."""
    folder = Path(str(files("pawon_firmware_bridge") / "firmware"))
    for path in folder.glob("*.py"):
        imported = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert path.name == "pins.py" or not imported & {"machine", "onewire", "micropython", "chips"}, path
