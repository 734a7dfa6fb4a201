"""Thermocouples, doors, zeros and self-tests on the wire: literal frames first, then what holds for any bytes."""

from __future__ import annotations

import json
import struct
import subprocess
from importlib.resources import files
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawon_firmware_bridge import thermocouple
from pawon_firmware_bridge.board import commands
from pawon_firmware_bridge.board.answers import FAULTS, STATUSES
from pawon_firmware_bridge.board.parser import BoardParser, BoardSelfTest
from pawon_firmware_bridge.firmware import frame
from pawon_firmware_bridge.measurement import BadFrame, BoardZero, Event, Measurement
from pawon_firmware_bridge.simulator.bench_board import find_micropython

MICROPYTHON = find_micropython()
needs_micropython = pytest.mark.skipif(MICROPYTHON is None, reason="no MicroPython wheel for this machine (aarch64)")

# The words are those of the chips' datasheets (MAX31855 table 4 and 5, MAX6675 table 1); sequence 7, time 60000 ms.
FRAMES = {
    "MAX31855 75.00 C, junction 25.00 C": (
        "03 02 07 03 60 ea 01 07 08 04 04 04 b0 19 03 02 d1 00",
        [("thermocouple-0", 75.0, "ok"), ("thermocouple-0-junction", 25.0, "ok")],
    ),
    "MAX31855 -10.00 C": (
        "03 02 07 03 60 ea 01 07 08 04 04 ff 60 19 03 c4 35 00",
        [("thermocouple-0", -10.0, "ok"), ("thermocouple-0-junction", 25.0, "ok")],
    ),
    "MAX31855 open": (
        "03 02 07 03 60 ea 01 04 09 04 04 06 01 19 01 7c 7a 00",
        [("thermocouple-1", None, "open"), ("thermocouple-1-junction", 25.0, "ok")],
    ),
    "MAX6675 100.00 C": ("03 02 07 03 60 ea 01 08 08 05 02 0c 80 23 b6 00", [("thermocouple-0", 100.0, "ok")]),
    "MAX6675 open": ("03 02 07 03 60 ea 01 04 0b 05 02 04 04 90 cc 00", [("thermocouple-3", None, "open")]),
    "door 0 open, door 1 closed": (
        "03 02 07 03 60 ea 01 08 0c 06 01 01 0d 06 01 03 b0 42 00",
        [("door-0", 1.0, "ok"), ("door-1", 0.0, "ok")],
    ),
}
ZERO = "03 02 07 03 60 ea 01 07 02 07 04 f2 48 01 03 51 94 00"
SELF_TEST = (
    "03 04 08 02 4d 04 c0 d4 01 03 60 ea 01 02 02 01 03 01 01 04 08 08 0c 02 18 02 20 03 ef 91 00"
)  # fmt: skip


def _said(event: Event) -> tuple[str, float | None, str]:
    assert isinstance(event, Measurement)
    return event.channel, event.value, event.state


@pytest.mark.parametrize("name", FRAMES)
def test_literal_frame(name: str) -> None:
    """Bytes of the wire, written down, give these measurements and no others."""
    digits, expected = FRAMES[name]
    events = BoardParser().feed(bytes.fromhex(digits))
    assert [_said(event) for event in events] == expected
    quantity = "door" if "door" in name else "temperature_c"
    assert {event.quantity for event in events if isinstance(event, Measurement)} == {quantity}


def test_literal_zero() -> None:
    """A stored zero is told with its channel and is no measurement."""
    assert BoardParser().feed(bytes.fromhex(ZERO)) == [BoardZero(channel="hx711-2", counts=84_210)]


def test_literal_self_test() -> None:
    """A self-test is kept for its asker, names each channel, and its fault numbers have words."""
    parser = BoardParser()
    assert parser.feed(bytes.fromhex(SELF_TEST)) == []
    [test] = parser.take_self_tests()
    assert test == BoardSelfTest(
        command_sequence=77,
        free_memory_bytes=120_000,
        uptime_ms=60_000,
        overruns=2,
        faults={"hx711-0": 1, "hx711-1": 0, "thermocouple-0": 8, "door-0": 0, "onewire": 0, "buzzer": 0},
    )
    assert parser.take_self_tests() == []
    assert all(FAULTS[fault] for fault in test.faults.values())


def test_every_fault_and_status_has_words() -> None:
    """A number that the wire knows is explained to the installer."""
    faults = {value for name, value in vars(frame).items() if name.startswith("FAULT_")}
    statuses = {value for name, value in vars(frame).items() if name.startswith("STATUS_")}
    assert (set(FAULTS), set(STATUSES)) == (faults, statuses)


@pytest.mark.parametrize(
    ("word", "hot", "junction"),
    [
        ("64000000", 1600.0, 0.0),
        ("00000010", 0.0, 0.0625),
        ("fffcfff0", -0.25, -0.0625),
        ("f060c900", -250.0, -55.0),
        ("00010002", "short_ground", 0.0),
        ("00017f04", "short_supply", 7.9375 * 16),
        ("00010003", "open", 0.0),
        ("00000000", "disconnected", None),
        ("ffffffff", "disconnected", None),
        ("04b21900", "crc", None),  # reserved bit 17
        ("04b01908", "crc", None),  # reserved bit 3
        ("04b11900", "crc", None),  # a fault without a cause
        ("04b01901", "crc", None),  # a cause without the fault
        ("04b019", "crc", None),
    ],
)
def test_max31855_word(word: str, hot: float | str, junction: float | None) -> None:
    """Datasheet values pass; zeros, ones and words that no such chip can say are never a temperature."""
    judged = thermocouple.judge_max31855(bytes.fromhex(word))
    reading = judged.thermocouple
    assert (reading.temperature_c if reading.state == "ok" else reading.state) == hot
    assert judged.junction.temperature_c == junction


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("0c80", 100.0), ("0c81", 100.0), ("0008", 0.25), ("7ff8", 1023.75), ("0004", "open"), ("0c85", "open"),
        ("0000", "disconnected"), ("0001", "disconnected"), ("ffff", "disconnected"), ("8c80", "crc"), ("0c82", "crc"),
        ("0c", "crc"),
    ],
)  # fmt: skip
def test_max6675_word(word: str, value: float | str) -> None:
    """Datasheet values pass whatever the undriven last bit says; a line at one level is no 0.0 C."""
    reading = thermocouple.judge_max6675(bytes.fromhex(word))
    assert (reading.temperature_c if reading.state == "ok" else reading.state) == value


@settings(deadline=None)
@given(hot=st.integers(-800, 5400), junction=st.integers(-640, 2000), state=st.sampled_from(["ok", "open"]))
def test_simulated_words_are_read_back(hot: int, junction: int, state: str) -> None:
    """What the simulator makes is what the judge reads, over the chips' whole range."""
    word = thermocouple.judge_max31855(thermocouple.max31855_word(hot / 4, junction / 16, state=state))
    if (hot, junction, state) == (0, 0, "ok"):
        assert word.thermocouple.state == "disconnected"
        return
    assert word.thermocouple.temperature_c == (hot / 4 if state == "ok" else None)
    assert word.junction.temperature_c == junction / 16
    if hot > 0:
        reading = thermocouple.judge_max6675(thermocouple.max6675_word(hot / 4, state=state))
        assert (reading.temperature_c, reading.state) == (min(hot, 4095) / 4 if state == "ok" else None, state)


@settings(deadline=None)
@given(word=st.binary(max_size=6))
def test_any_word_is_judged(word: bytes) -> None:
    """No bytes raise, and a value is there exactly when the state is good."""
    judged = thermocouple.judge_max31855(word)
    for reading in (judged.thermocouple, judged.junction, thermocouple.judge_max6675(word)):
        assert (reading.temperature_c is None) == (reading.state != "ok")


@needs_micropython
def test_board_and_host_judge_words_alike() -> None:
    """The firmware's judgement in a self-test, run by MicroPython, agrees with the host's on thousands of words."""
    random = Random(5)
    flips = [0x04B01900 ^ 1 << bit for bit in range(32)]
    long = [0, 0xFFFFFFFF, 0x00010001, 0x00010002, 0x00010004, *flips, *(random.getrandbits(32) for _ in range(3000))]
    long += [word & 0xFFFCFFF0 for word in long] + [(word & 0xFFFCFFF0) | 0x10004 for word in long]
    script = f"""
import sys
sys.path.append({str(files("pawon_firmware_bridge") / "firmware")!r})
import frame
from thermocouples import fault_of
print([fault_of(frame.KIND_MAX31855, w.to_bytes(4, "big")) for w in {long!r}])
print([fault_of(frame.KIND_MAX6675, w.to_bytes(2, "big")) for w in range(65536)])
"""
    assert MICROPYTHON is not None
    done = subprocess.run([MICROPYTHON, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    states = {
        "ok": frame.FAULT_NONE, "open": frame.FAULT_OPEN, "short_ground": frame.FAULT_SHORT_GROUND,
        "short_supply": frame.FAULT_SHORT_SUPPLY, "disconnected": frame.FAULT_NO_CHIP, "crc": frame.FAULT_GARBLED,
    }  # fmt: skip
    board_long, board_short = (json.loads(line) for line in done.stdout.splitlines())
    host_long = [thermocouple.judge_max31855(word.to_bytes(4, "big")).thermocouple.state for word in long]
    host_short = [thermocouple.judge_max6675(word.to_bytes(2, "big")).state for word in range(65536)]
    assert board_long == [states[state] for state in host_long]
    assert board_short == [states[state] for state in host_short]
    assert set(host_long) == set(states)


def test_the_longest_frames_fit() -> None:
    """Everything a board can have at once is one frame; its zeros are another, its self-test a third."""
    longest = {"cell": 3 + 4, "thermocouple": 3 + 4, "switch": 3 + 1, "probe": 3 + 17}
    all_of_it = (
        frame.MAX_CELLS * longest["cell"]
        + frame.MAX_THERMOCOUPLES * longest["thermocouple"]
        + frame.MAX_SWITCHES * longest["switch"]
        + frame.MAX_PROBES * longest["probe"]
    )
    assert all_of_it == 232
    assert all_of_it <= frame.MAX_RECORDS
    assert frame.MAX_CELLS * longest["cell"] <= frame.MAX_RECORDS  # the zeros
    assert len(frame.encode(frame.SAMPLES, 0, bytes(4 + frame.MAX_RECORDS))) - 1 <= frame.MAX_ENCODED
    assert len(frame.encode(frame.SAMPLES, 0, b"\x01" * (4 + frame.MAX_RECORDS))) - 1 <= frame.MAX_ENCODED
    channels = frame.MAX_CELLS + frame.MAX_THERMOCOUPLES + frame.MAX_SWITCHES + frame.MAX_PROBES + 3
    assert frame.HEAD + 12 + 2 * channels + frame.CHECK <= frame.MAX_PAYLOAD


def test_new_commands_are_frames() -> None:
    """Light, self-test and tare as bytes; a load cell that no board has is refused here."""
    assert frame.decode(commands.light(200, 100, 3, sequence=9)[1:-1]) == (
        frame.COMMAND, 9, bytes([4]) + struct.pack("<HHB", 200, 100, 3),
    )  # fmt: skip
    assert frame.decode(commands.self_test(sequence=1)[1:-1]) == (frame.COMMAND, 1, b"\x05")
    assert frame.decode(commands.tare(3, sequence=2)[1:-1]) == (frame.COMMAND, 2, b"\x06\x03")
    for channel in (-1, 4):
        with pytest.raises(ValueError, match="load cells are 0-3"):
            commands.tare(channel, sequence=0)


STREAM = b"".join(
    [*(bytes.fromhex(digits) for digits, _ in FRAMES.values()), bytes.fromhex(ZERO), bytes.fromhex(SELF_TEST)]
)


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_any_chunking_gives_the_same(cuts: list[int]) -> None:
    """How the bytes are cut changes nothing."""
    whole, parser = BoardParser(), BoardParser()
    expected = whole.feed(STREAM)
    heard = [
        event for begin, end in pairwise([0, *sorted(cuts), len(STREAM)]) for event in parser.feed(STREAM[begin:end])
    ]
    assert heard == expected
    assert parser.take_self_tests() == whole.take_self_tests() != []


@pytest.mark.parametrize("digits", [*(digits for digits, _ in FRAMES.values()), ZERO, SELF_TEST])
def test_a_flipped_bit_is_never_a_value(digits: str) -> None:
    """Each single wrong bit of each frame is told as bad, and makes no other measurement, zero or self-test."""
    good = bytes.fromhex(digits)
    for bit in range(8 * len(good)):
        spoiled = bytearray(good)
        spoiled[bit // 8] ^= 1 << bit % 8
        parser = BoardParser()
        events = [*parser.feed(bytes(spoiled)), *parser.finish()]
        assert events, bit
        assert all(isinstance(event, BadFrame) for event in events), bit
        assert parser.take_self_tests() == []


@settings(deadline=None)
@given(noise=st.binary(max_size=200))
def test_garbage_before_costs_nothing_behind_the_next_delimiter(noise: bytes) -> None:
    """Whatever came before, the frame behind a delimiter is read."""
    parser = BoardParser()
    parser.feed(noise + frame.DELIMITER)
    digits, expected = FRAMES["MAX6675 100.00 C"]
    events = parser.feed(bytes.fromhex(digits))
    assert [_said(event) for event in events if isinstance(event, Measurement)] == expected


@settings(deadline=None)
@given(records=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 9), st.binary(max_size=20)), max_size=8))
def test_any_records_are_events(records: list[tuple[int, int, bytes]]) -> None:
    """Records of any channel, kind and length never raise; a door is open, closed or a bad frame."""
    body = bytes(4) + b"".join(bytes([channel, kind, len(data)]) + data for channel, kind, data in records)
    events = BoardParser().feed(frame.encode(frame.SAMPLES, 0, body))
    doors = {event.value for event in events if isinstance(event, Measurement) and event.quantity == "door"}
    assert doors <= {0.0, 1.0}
    assert len(events) >= len(records)
