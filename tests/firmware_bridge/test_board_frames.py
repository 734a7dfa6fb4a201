"""The wire of the boards: one file of code for both ends, checked on both interpreters."""

from __future__ import annotations

import json
import struct
import subprocess
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawon_firmware_bridge.board import commands
from pawon_firmware_bridge.board.parser import MAX_ANSWERS, BoardAnswer, BoardParser, w1_name
from pawon_firmware_bridge.firmware import frame
from pawon_firmware_bridge.measurement import BadFrame, BoardHello, Event, Measurement
from pawon_firmware_bridge.simulator.bench_board import find_micropython
from pawon_firmware_bridge.simulator.board_channels import rom_of

MICROPYTHON = find_micropython()
needs_micropython = pytest.mark.skipif(MICROPYTHON is None, reason="no MicroPython wheel for this machine (aarch64)")

# Cheshire and Baker 1997, and the table of the COBS article; the long ones cross the block of 254.
COBS_VECTORS = [
    ("", "01"),
    ("00", "0101"),
    ("0000", "010101"),
    ("001100", "01021101"),
    ("11220033", "0311220233"),
    ("11223344", "0511223344"),
    ("11000000", "0211010101"),
    (bytes(range(1, 255)).hex(), "ff" + bytes(range(1, 255)).hex() + "01"),
    ((b"\0" + bytes(range(1, 255))).hex(), "01ff" + bytes(range(1, 255)).hex() + "01"),
    (bytes(range(1, 256)).hex(), "ff" + bytes(range(1, 255)).hex() + "02ff"),
    ((bytes(range(2, 256)) + b"\0").hex(), "ff" + bytes(range(2, 256)).hex() + "0101"),
]
CRC_VECTORS = [("", 0xFFFF), (b"123456789".hex(), 0x29B1), ("00", 0xE1F0), ("ff" * 4, 0x1D0F)]

HELLO_BODY = bytes.fromhex("b0a2d00000000001") + bytes([0, 1, 0, 3])
ROM = rom_of("28-00000a1b2c3d")


def _samples(*records: tuple[int, int, bytes], ms: int = 1000) -> bytes:
    body = b"".join(bytes([channel, kind, len(data)]) + data for channel, kind, data in records)
    return struct.pack("<I", ms) + body


def _hear(*frames: tuple[int, int, bytes], parser: BoardParser | None = None) -> list[Event]:
    parser = parser or BoardParser()
    return [event for each in frames for event in parser.feed(frame.encode(*each))]


@pytest.mark.parametrize(("plain", "encoded"), COBS_VECTORS)
def test_cobs_vector(plain: str, encoded: str) -> None:
    """Published examples encode and decode exactly, also across the block of 254."""
    assert frame.cobs_encode(bytes.fromhex(plain)).hex() == encoded
    assert frame.cobs_decode(bytes.fromhex(encoded)).hex() == plain


@pytest.mark.parametrize(("data", "crc"), CRC_VECTORS)
def test_crc_vector(data: str, crc: int) -> None:
    """The CRC is CRC-16/CCITT-FALSE and no other of the dozen with the same polynomial."""
    assert frame.crc16(bytes.fromhex(data)) == crc


@needs_micropython
def test_the_same_file_gives_the_same_on_micropython() -> None:
    """Every vector, run by the real MicroPython interpreter from the same file."""
    script = """
import sys, json
sys.path.append(PATH)
import frame
for plain, encoded in COBS:
    assert frame.cobs_encode(bytes.fromhex(plain)).hex() == encoded, plain
    assert frame.cobs_decode(bytes.fromhex(encoded)).hex() == plain, plain
for data, crc in CRC:
    assert frame.crc16(bytes.fromhex(data)) == crc, data
sent = frame.encode(frame.SAMPLES, 0x1234, bytes(range(200)))
assert frame.decode(sent[:-1]) == (frame.SAMPLES, 0x1234, bytes(range(200)))
assert frame.decode(sent[:-2]) is None
print(sent.hex())
"""
    path = str(files("pawon_firmware_bridge") / "firmware")
    head = f"PATH = {json.dumps(path)}\nCOBS = {COBS_VECTORS!r}\nCRC = {CRC_VECTORS!r}\n"
    assert MICROPYTHON is not None
    done = subprocess.run([MICROPYTHON, "-c", head + script], capture_output=True, text=True, timeout=20, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == frame.encode(frame.SAMPLES, 0x1234, bytes(range(200))).hex()


@settings(deadline=None)
@given(data=st.binary(max_size=600))
def test_cobs_keeps_every_byte_and_has_no_zero(data: bytes) -> None:
    """What goes in comes out, and the delimiter never appears inside."""
    encoded = frame.cobs_encode(data)
    assert 0 not in encoded
    assert frame.cobs_decode(encoded) == data


@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_decode_takes_any_bytes(data: bytes) -> None:
    """Garbage is None, never an exception."""
    decoded = frame.decode(data)
    assert decoded is None or len(decoded) == 3


def test_hello() -> None:
    """A board's birth gives its id, version and reset cause."""
    [event] = _hear((frame.HELLO, 0, HELLO_BODY))
    assert event == BoardHello(board_id="b0a2d00000000001", version=(0, 1, 0), reset_cause=3, restarted=False)


@pytest.mark.parametrize("counts", [0, -1, 1, -8388607, 8388606])
def test_counts(counts: int) -> None:
    """Counts pass with their sign; zero is a number like any other."""
    [event] = _hear((frame.SAMPLES, 0, _samples((0, frame.KIND_HX711, struct.pack("<i", counts)))))
    assert isinstance(event, Measurement)
    assert (event.quantity, event.value, event.state, event.channel) == ("raw_counts", float(counts), "ok", "hx711-0")


@pytest.mark.parametrize(("counts", "state"), [(0x7FFFFF, "overload"), (-0x800000, "underload")])
def test_saturated_counts_are_a_state(counts: int, state: str) -> None:
    """A load cell amplifier at its end says nothing about the load."""
    [event] = _hear((frame.SAMPLES, 0, _samples((1, frame.KIND_HX711, struct.pack("<i", counts)))))
    assert isinstance(event, Measurement)
    assert (event.value, event.state, event.channel) == (None, state, "hx711-1")


@pytest.mark.parametrize(
    ("scratchpad", "value", "state"),
    [
        ("72014b467fff0e1057", 23.125, "ok"),
        ("00004b467fff101069", 0.0, "ok"),
        ("5eff4b467fff0210b6", -10.125, "ok"),
        ("50054b467fff0c101c", None, "power_on"),
        ("ff074b467fff0c10a6", None, "low_power"),
        ("00" * 9, None, "zeros"),
        ("ff" * 9, None, "crc"),
        ("73014b467fff0e1057", None, "crc"),
    ],
)
def test_scratchpad(scratchpad: str, value: float | None, state: str) -> None:
    """The host judges a board's raw scratchpad as it judges the kernel's, under the name Linux gives the probe."""
    data = ROM + bytes.fromhex(scratchpad)
    [event] = _hear((frame.SAMPLES, 0, _samples((16, frame.KIND_DS18B20, data))))
    assert isinstance(event, Measurement)
    assert (event.quantity, event.value, event.state) == ("temperature_c", value, state)
    assert event.channel == "28-00000a1b2c3d"


def test_faults_are_disconnected_sensors() -> None:
    """A chip that does not answer is a disconnected sensor with its name, never a missing line."""
    reading = ROM + bytes.fromhex("72014b467fff0e1057")
    first = _samples(
        (0, frame.KIND_FAULT, bytes([frame.FAULT_NOT_READY])),
        (16, frame.KIND_DS18B20, reading),
        (17, frame.KIND_FAULT, bytes([frame.FAULT_NO_ANSWER]) + rom_of("28-000000000c02")),
    )
    events = _hear(
        (frame.SAMPLES, 0, first),
        (frame.SAMPLES, 1, _samples((16, frame.KIND_FAULT, bytes([frame.FAULT_NO_ANSWER])))),
    )
    told = [(event.channel, event.quantity, event.state) for event in events if isinstance(event, Measurement)]
    assert told == [
        ("hx711-0", "raw_counts", "disconnected"),
        ("28-00000a1b2c3d", "temperature_c", "ok"),
        ("28-000000000c02", "temperature_c", "disconnected"),
        ("28-00000a1b2c3d", "temperature_c", "disconnected"),
    ]


def test_a_hole_is_told() -> None:
    """Frames that were lost are counted, also across the counter's wrap; the frame after the hole is used."""
    good = _samples((0, frame.KIND_HX711, struct.pack("<i", 5)))
    events = _hear((frame.SAMPLES, 65534, good), (frame.SAMPLES, 65535, good), (frame.SAMPLES, 0, good))
    assert [type(event) for event in events] == [Measurement] * 3
    events = _hear((frame.SAMPLES, 65534, good), (frame.SAMPLES, 2, good))
    assert isinstance(events[1], BadFrame)
    assert events[1].reason == "lost 3 frames"
    assert isinstance(events[2], Measurement)


def test_a_restart_is_told() -> None:
    """A board that began again says so in its hello; if that was lost, the counter that ran backwards says it."""
    good = _samples((0, frame.KIND_HX711, struct.pack("<i", 5)))
    _, again = _hear((frame.SAMPLES, 700, good), (frame.HELLO, 0, HELLO_BODY))
    assert isinstance(again, BoardHello)
    assert again.restarted
    _, unheard, _ = _hear((frame.SAMPLES, 700, good), (frame.SAMPLES, 3, good))
    assert isinstance(unheard, BadFrame)
    assert unheard.reason == "board restarted unheard"


def test_hello_on_request_is_no_restart() -> None:
    """Asking a running board who it is does not look like a power cut."""
    events = _hear((frame.HELLO, 0, HELLO_BODY), (frame.SAMPLES, 1, _samples()), (frame.HELLO, 2, HELLO_BODY))
    assert [event.restarted for event in events if isinstance(event, BoardHello)] == [False, False]


def test_boot_text_before_the_hello() -> None:
    """What a boot loader prints is one bad frame and costs nothing of the hello behind it."""
    text = b"rst:0x1 (POWERON_RESET),boot:0x13\r\nMicroPython v1.24\r\n"
    bad, hello = BoardParser().feed(text + frame.DELIMITER + frame.encode(frame.HELLO, 0, HELLO_BODY))
    assert isinstance(bad, BadFrame)
    assert isinstance(hello, BoardHello)


def test_unknown_types_and_records_are_told() -> None:
    """A newer firmware's frames are bad frames with a reason; the known records beside them are used."""
    record = (0, frame.KIND_HX711, struct.pack("<i", 5))
    bad, known, unknown = _hear((0x44, 0, b""), (frame.SAMPLES, 1, _samples(record, (1, 9, b"x"))))
    assert isinstance(bad, BadFrame)
    assert isinstance(known, Measurement)
    assert unknown == BadFrame(reason="unknown record 9 of 1 bytes", raw=b"x")


def test_answers_are_kept_for_their_asker() -> None:
    """Answers wait for `take_answers`, are given once, and never pile up."""
    parser = BoardParser()
    assert _hear((frame.ANSWER, 0, struct.pack("<HB", 77, 2)), parser=parser) == []
    assert parser.take_answers() == [BoardAnswer(command_sequence=77, status=2)]
    assert parser.take_answers() == []
    for sequence in range(40):
        _hear((frame.ANSWER, sequence, struct.pack("<HB", sequence, 0)), parser=parser)
    assert [answer.command_sequence for answer in parser.take_answers()] == list(range(40 - MAX_ANSWERS, 40))


def test_commands_are_frames() -> None:
    """Each command is one frame of type 0x81 with its sequence, behind a delimiter that ends any half frame."""
    sent = commands.buzzer(200, 100, 3, sequence=9)
    assert sent[:1] == sent[-1:] == frame.DELIMITER
    assert frame.decode(sent[1:-1]) == (frame.COMMAND, 9, bytes([2]) + struct.pack("<HHB", 200, 100, 3))
    assert frame.decode(commands.identify(sequence=1)[1:-1]) == (frame.COMMAND, 1, b"\x01")
    assert frame.decode(commands.interval(500, sequence=2)[1:-1]) == (frame.COMMAND, 2, b"\x03\xf4\x01")


def test_commands_that_no_board_can_do() -> None:
    """Arguments out of range are refused here, with the range in the message."""
    with pytest.raises(ValueError, match="0-65535"):
        commands.buzzer(70_000, 0, 1, sequence=0)
    with pytest.raises(ValueError, match="50-65535"):
        commands.interval(10, sequence=0)


@settings(deadline=None)
@given(number=st.integers(0, 2**48 - 1))
def test_w1_name_is_linux_spelling(number: int) -> None:
    """The bytes on the bus and the directory's name are the same id."""
    name = f"28-{number:012x}"
    assert w1_name(rom_of(name)) == name
