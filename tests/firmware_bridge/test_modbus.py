"""Modbus RTU: literal frames with their source, then what holds for every word, then the simulated units."""

from __future__ import annotations

import json
import math
import os
import select
import struct
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from pawon_firmware_bridge.cli import main
from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.modbus.frame import (
    REFUSALS,
    Answer,
    Refusal,
    crc16,
    encode_answer,
    encode_question,
    encode_refusal,
    read_answer,
)
from pawon_firmware_bridge.modbus.maps import MAPS
from pawon_firmware_bridge.modbus.register_map import (
    Channel,
    RegisterMap,
    Status,
    encode_words,
    map_problems,
    read_words,
)
from pawon_firmware_bridge.simulator import ScenarioError, Simulator
from pawon_firmware_bridge.simulator.scenario import parse_scenario
from pawon_firmware_bridge.simulator.truth import TruthRow

DOCS = Path(__file__).parents[2] / "docs" / "sensors.md"
MAP_NAMES = list(MAPS)
WORD = st.integers(0, 0xFFFF)

# (map, question, answer, what it says by channel), as printed in the manuals of XY-MD02 and Simex TRS-02a (p. 14); that
# of the cheap boards and of the clone are computed.
LITERAL = [
    (
        "xy-md02",
        "01 04 00 01 00 02 20 0B",
        "01 04 04 01 31 02 22 2A CE",
        {"temperature": (30.5, "ok"), "humidity": (54.6, "ok")},
    ),
    (
        "md02-hundredths",
        "01 04 00 01 00 02 20 0B",
        "01 04 04 09 CA 13 BF 94 A6",
        {"temperature": (25.06, "ok"), "humidity": (50.55, "ok")},
    ),
    ("simex-trs-02a", "01 03 00 01 00 02 95 CB", "01 03 04 00 C1 00 00 AB CF", {"temperature": (19.3, "ok")}),
    ("simex-trs-02a", "01 03 00 01 00 02 95 CB", "01 03 04 00 C5 00 A0 EA 76", {"temperature": (None, "open")}),
    ("pt100-board", "01 03 00 00 00 01 84 0A", "01 03 02 00 FA 38 07", {"temperature": (25.0, "ok")}),
]


def told(row: RegisterMap, words: tuple[int, ...]) -> dict[str, tuple[float | None, str]]:
    """What the registers say, by channel."""
    said = read_words(row, words)
    assert not isinstance(said, BadFrame)
    return {one.channel: (one.value, one.state) for one in said}


@pytest.mark.parametrize(("name", "question", "answer", "says"), LITERAL)
def test_literal_frames(name: str, question: str, answer: str, says: Mapping[str, tuple[float | None, str]]) -> None:
    """The manuals' own bytes: what we ask, and what the answer means; a broken line's stale 19.7 C is not one."""
    row = MAPS[name]
    assert encode_question(1, row.function, row.address, row.count) == bytes.fromhex(question)
    heard = read_answer(bytes.fromhex(answer))
    assert isinstance(heard, Answer)
    assert (heard.unit, heard.function) == (1, row.function)
    assert told(row, heard.words) == says
    assert encode_answer(1, row.function, heard.words) == bytes.fromhex(answer)


def test_a_literal_value_below_zero() -> None:
    """-20.5 C as an XY-MD02 answers when its temperature alone is asked."""
    heard = read_answer(bytes.fromhex("01 04 02 FF 33 B8 D5"))
    assert isinstance(heard, Answer)
    row = replace(MAPS["xy-md02"], count=1, channels=MAPS["xy-md02"].channels[:1], dead={})
    assert told(row, heard.words) == {"temperature": (-20.5, "ok")}


def test_a_literal_refusal() -> None:
    """An exception answer has its code, and the remedy in words."""
    heard = read_answer(bytes.fromhex("01 84 02 C2 C1"))
    assert heard == Refusal(unit=1, function=4, code=2)
    assert isinstance(heard, Refusal)
    assert "no such registers" in heard.meaning
    assert encode_refusal(1, 4, 2) == bytes.fromhex("01 84 02 C2 C1")


def test_the_checksum_of_the_standard() -> None:
    """CRC-16/MODBUS of its usual check string."""
    assert crc16(b"123456789") == 0x4B37


@pytest.mark.parametrize("name", MAP_NAMES)
def test_a_shipped_map_is_whole(name: str) -> None:
    """A map without mistakes, an example that it reads, a row in docs/sensors.md, a literal case above."""
    row = MAPS[name]
    assert map_problems(row) == []
    assert row.examples
    for frame, values in row.examples:
        heard = read_answer(frame)
        assert isinstance(heard, Answer)
        assert told(row, heard.words) == {channel: (value, "ok") for channel, value in values.items()}
    assert f"| `{name}` |" in DOCS.read_text()
    assert name in {case[0] for case in LITERAL}


@pytest.mark.parametrize("name", MAP_NAMES)
@given(words=st.lists(WORD, min_size=2, max_size=2))
def test_what_is_a_number_is_one_that_the_device_can_have(name: str, words: list[int]) -> None:
    """Whatever comes: a value is inside the rated range and finite, and a state other than ok has none."""
    row = MAPS[name]
    said = read_words(row, words[: row.count])
    assert not isinstance(said, BadFrame)
    for channel, one in zip(row.channels, said, strict=True):
        assert (one.value is None) == (one.state != "ok")
        assert one.value is None or channel.low <= one.value <= channel.high
    if tuple(words[: row.count]) in row.dead:
        assert all(one.value is None for one in said)


@pytest.mark.parametrize("name", MAP_NAMES)
def test_every_step_of_the_rated_range_comes_through(name: str) -> None:
    """Each int16 in range, and zero among them, is its own decimal value, but for the words that mean nothing."""
    row = MAPS[name]
    (channel,) = [one for one in row.channels if one.quantity == "temperature_c"]
    digits = 2 if channel.scale == 0.01 else 1
    steps_per_degree = 10**digits
    for step in range(round(channel.low * steps_per_degree), round(channel.high * steps_per_degree) + 1):
        value = step / steps_per_degree
        words = encode_words(row, {"temperature": value, "humidity": 60.0})
        wanted = (None, channel.invalid_state) if step & 0xFFFF in channel.no_values else (value, "ok")
        assert told(row, words)["temperature"] == wanted, step


@pytest.mark.parametrize("name", MAP_NAMES)
@pytest.mark.parametrize("word", [0x8000, 0x7FFF])
def test_a_sentinel_is_never_a_temperature(name: str, word: int) -> None:
    """The ends of the int16 range are how makers say that there is nothing."""
    row = MAPS[name]
    words = list(encode_words(row, {"temperature": 4.0, "humidity": 60.0}))
    words[0] = word
    value, state = told(row, tuple(words))["temperature"]
    assert value is None
    assert state in ("open", "disconnected")


def test_all_ones_are_minus_a_step_only_where_something_vouches_for_it() -> None:
    """A status or a good humidity beside it makes 0xFFFF -0.1 C; alone, or with all the others, it is no value."""
    assert told(MAPS["simex-trs-02a"], (0xFFFF, 0))["temperature"] == (-0.1, "ok")
    assert told(MAPS["xy-md02"], (0xFFFF, 600))["temperature"] == (-0.1, "ok")
    assert told(MAPS["xy-md02"], (0xFFFF, 0xFFFF))["temperature"] == (None, "disconnected")
    assert told(MAPS["pt100-board"], (0xFFFF,))["temperature"] == (None, "open")


def test_zero_is_a_temperature_and_all_zeros_of_an_air_sensor_are_not() -> None:
    """0.0 C with some humidity is ice; 0.0 C and 0.0 % together is a dead chip."""
    assert told(MAPS["xy-md02"], (0, 546)) == {"temperature": (0.0, "ok"), "humidity": (54.6, "ok")}
    assert told(MAPS["xy-md02"], (0, 0)) == {"temperature": (None, "zeros"), "humidity": (None, "zeros")}
    assert told(MAPS["pt100-board"], (0,)) == {"temperature": (0.0, "ok")}
    assert told(MAPS["simex-trs-02a"], (0, 0)) == {"temperature": (0.0, "ok")}


@given(temperature=st.floats(-40, 60), humidity=st.floats(12, 99.9))
def test_the_wrong_one_of_the_two_md02_maps_gives_no_number(temperature: float, humidity: float) -> None:
    """A clone read as the original, or the original as a clone, is refused whole: a factor of ten is no small error."""
    values = {"temperature": temperature, "humidity": humidity}
    for said, read in (("xy-md02", "md02-hundredths"), ("md02-hundredths", "xy-md02")):
        found = told(MAPS[read], encode_words(MAPS[said], values))
        assert {value for value, _ in found.values()} == {None}


def test_a_dripping_chiller_costs_only_the_humidity() -> None:
    """A little above 100 % is what the sensor says when it is wet: no humidity, and the temperature as ever."""
    assert told(MAPS["xy-md02"], (41, 1023)) == {"temperature": (4.1, "ok"), "humidity": (None, "nonsense")}


@pytest.mark.parametrize(
    ("name", "words", "state"),
    [
        ("xy-md02", (601, 500), "nonsense"),
        ("xy-md02", (0x10000 - 401, 500), "nonsense"),
        ("pt100-board", (8500,), "open"),
        ("pt100-board", (0x10000 - 2000,), "nonsense"),
        ("simex-trs-02a", (8500, 0), "open"),
        ("simex-trs-02a", (41, 0x0001), "nonsense"),
    ],
)
def test_what_lies_outside_the_rated_range_is_a_state(name: str, words: tuple[int, ...], state: str) -> None:
    """Beyond what the device can measure, and beside a status that nobody knows, stands no number."""
    assert told(MAPS[name], words)["temperature"] == (None, state)


@pytest.mark.parametrize("name", MAP_NAMES)
def test_a_broken_sensor_of_each_map_is_told(name: str) -> None:
    """What the simulator answers for a broken sensor is a state of the whole device."""
    words = encode_words(MAPS[name], {"temperature": 4.0, "humidity": 60.0}, broken=True)
    assert {value for value, _ in told(MAPS[name], words).values()} == {None}


@given(
    kind=st.sampled_from(["int16", "uint16", "int32", "uint32", "float32"]),
    order=st.sampled_from(["high-first", "low-first"]),
    steps=st.integers(0, 30_000),
    sign=st.sampled_from([1, -1]),
    scale=st.sampled_from([1.0, 0.1, 0.01, 0.0625]),
    offset=st.integers(0, 3),
)
def test_every_type_and_word_order_round_trips(
    kind: str, order: str, steps: int, sign: int, scale: float, offset: int
) -> None:
    """A map of one's own reads back what a device of that map would send."""
    value = steps * scale * (-1 if sign < 0 and not kind.startswith("u") else 1)
    channel = Channel(
        name="t", quantity="temperature_c", offset=offset, type=kind, word_order=order, scale=scale,
        low=-40_000, high=40_000, invalid=(),
    )  # fmt: skip
    row = RegisterMap(name="own", title="", source="", address=7, count=5, channels=(channel,), dead={})
    assert map_problems(row) == []
    found, state = told(row, encode_words(row, {"t": value}))["t"]
    assert state == "ok"
    assert found is not None
    assert math.isclose(found, value, rel_tol=1e-6, abs_tol=1e-9)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_float_that_is_no_number_is_a_state(number: float) -> None:
    """nan and the infinities never travel as values."""
    channel = Channel(name="t", quantity="temperature_c", offset=0, type="float32", scale=1, low=-1e9, high=1e9)
    row = RegisterMap(name="own", title="", source="", address=0, count=2, channels=(channel,), dead={})
    words = struct.unpack(">HH", struct.pack(">f", number))
    assert told(row, words)["t"] == (None, "disconnected")


def test_all_mistakes_of_a_map_are_told_with_their_places() -> None:
    """Not the first one: a person corrects them in one go."""
    channel = Channel(
        name="t", quantity="mass_g", offset=1, type="int32", word_order="mixed", scale=0, low=5, high=5
    )  # fmt: skip
    odd = replace(channel, type="int99")
    row = RegisterMap(
        name="own", title="", source="", function=6, address=0xFFFF, count=2, channels=(channel, odd),
        status=Status(offset=9, faults={}), dead={(0,): "zeros"},
    )  # fmt: skip
    places = [problem.split(":")[0] for problem in map_problems(row)]
    assert places == [
        "function", "address", "channel[1].name",
        "channel[0].quantity", "channel[0].offset", "channel[0].word_order", "channel[0].scale", "channel[0].low",
        "channel[1].quantity", "channel[1].type", "channel[1].word_order", "channel[1].scale", "channel[1].low",
        "status.offset", "dead",
    ]  # fmt: skip


@given(unit=st.integers(1, 247), function=st.sampled_from([3, 4]), words=st.lists(WORD, min_size=1, max_size=125))
def test_pymodbus_reads_the_same_and_asks_the_same(unit: int, function: int, words: list[int]) -> None:
    """Our frames and the field's own library agree on questions, answers and refusals."""
    peer = FramerRTU(DecodePDU(False))
    answer = encode_answer(unit, function, tuple(words))
    heard = read_answer(answer)
    _, pdu = peer.handleFrame(answer, unit, 0)
    assert pdu is not None
    assert heard == Answer(unit=unit, function=function, words=tuple(words))
    assert (pdu.dev_id, pdu.function_code, list(pdu.registers)) == (unit, function, words)
    kind = ReadHoldingRegistersRequest if function == 3 else ReadInputRegistersRequest
    question = peer.buildFrame(kind(address=words[0], count=len(words), dev_id=unit))
    assert question == encode_question(unit, function, words[0], len(words))
    _, refusal = peer.handleFrame(encode_refusal(unit, function, 2), unit, 0)
    assert isinstance(refusal, ExceptionResponse)
    assert refusal.exception_code == 2


@given(data=st.binary(max_size=300))
def test_garbage_is_a_value(data: bytes) -> None:
    """No bytes raise, and what is refused is kept, bounded."""
    heard = read_answer(data)
    assert not isinstance(heard, BadFrame) or (heard.reason and len(heard.raw) <= 64)


@given(case=st.sampled_from(LITERAL), at=st.integers(0, 1000), bit=st.integers(0, 7))
def test_one_flipped_bit_is_noticed(case: tuple[str, str, str, object], at: int, bit: int) -> None:
    """A checksum of 16 bits misses no single bit."""
    frame = bytearray(bytes.fromhex(case[2]))
    frame[at % len(frame)] ^= 1 << bit
    assert isinstance(read_answer(bytes(frame)), BadFrame)


def test_an_answer_of_another_length_is_no_measurement() -> None:
    """Registers that were not asked for, and an echoed question, are refused with the reason."""
    assert isinstance(read_words(MAPS["xy-md02"], (305,)), BadFrame)
    echo = read_answer(bytes.fromhex("01 04 00 01 00 02 20 0B"))
    assert isinstance(echo, BadFrame)
    assert "question" in echo.reason


def test_each_refusal_has_its_remedy() -> None:
    """Codes of the standard in words; a maker's own code is named as such."""
    assert set(REFUSALS) == {1, 2, 3, 4, 5, 6, 8, 10, 11}
    assert "see its manual" in Refusal(unit=1, function=3, code=99).meaning


# --- pawon-bridge modbus ---------------------------------------------------------------------------------------------


def test_the_command_says_what_an_answer_means(capsys: pytest.CaptureFixture[str]) -> None:
    """By a map: one JSON line for each measurement."""
    assert main(["modbus", "01 04 04 01 31 02 22 2A CE", "--map", "xy-md02"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["channel"], line["value"]) for line in lines] == [("temperature", 30.5), ("humidity", 54.6)]


def test_the_command_shows_registers_without_a_map(capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody who writes a map needs to see the words."""
    assert main(["modbus", "01 04 02 FF 33 B8 D5"]) == 0
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line == {"unit": 1, "register": 0, "hex": "FF33", "uint16": 65331, "int16": -205}


def test_the_command_explains_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal in words, a wrong checksum with the right one, a wrong map, wrong digits, an unknown map."""
    assert main(["modbus", "01 84 02 C2 C1"]) == 0
    assert "no such registers" in capsys.readouterr().out
    assert main(["modbus", "01 84 02 C2 C2"]) == 1
    assert "should be c2 c1" in capsys.readouterr().out
    assert main(["modbus", "01 03 02 00 FA 38 07", "--map", "xy-md02"]) == 2
    assert main(["modbus", "01 03 0"]) == 2
    assert main(["modbus", "--map", "nobodys"]) == 2
    assert "known: xy-md02" in capsys.readouterr().err


def test_the_command_lists_the_maps(capsys: pytest.CaptureFixture[str]) -> None:
    """Every shipped map with what it asks and an example."""
    assert main(["modbus"]) == 0
    out = capsys.readouterr().out
    assert all(f"{name} (" in out for name in MAPS)
    assert "01 03 00 00 00 01 84 0a" in out


# --- simulated units -------------------------------------------------------------------------------------------------


def ask(path: Path, question: bytes, *, length: int = 256, wait_s: float = 5.0) -> bytes:
    """What the line says to a question, up to ``length`` bytes; ends early when so many have come."""
    port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        os.write(port, question)
        heard, end = b"", time.monotonic() + wait_s
        while len(heard) < length and (left := end - time.monotonic()) > 0:
            if select.select([port], [], [], left)[0]:
                heard += os.read(port, 256)
        return heard
    finally:
        os.close(port)


def line_of(*units: str) -> bytes:
    """A scenario with these units, as TOML."""
    return "\n".join(f"[[device]]\n{unit}" for unit in units).encode()


def test_units_of_one_line_answer_for_themselves(tmp_path: Path) -> None:
    """Two devices on one port: each its own values; a question that cannot be answered is refused as a device does."""
    story = line_of(
        'name = "a"\nprotocol = "modbus-xy-md02"\npath = "rs485"\nunit = 1\ntemperature_c = 30.5\nnoise_c = 0\n'
        "humidity_percent = 54.6",
        'name = "b"\nprotocol = "modbus-simex-trs-02a"\npath = "rs485"\nunit = 7\ntemperature_c = 19.3\nnoise_c = 0',
    )
    with Simulator(parse_scenario(story), tmp_path):
        port = tmp_path / "rs485"
        assert ask(port, bytes.fromhex("01 04 00 01 00 02 20 0B"), length=9) == bytes.fromhex(
            "01 04 04 01 31 02 22 2A CE"
        )
        assert ask(port, encode_question(7, 3, 1, 2), length=9) == encode_answer(7, 3, (193, 0))
        assert ask(port, encode_question(1, 3, 1, 2), length=5) == encode_refusal(1, 3, 1)
        assert ask(port, encode_question(1, 4, 100, 2), length=5) == encode_refusal(1, 4, 2)
        assert ask(port, encode_question(1, 4, 1, 0), length=5) == encode_refusal(1, 4, 3)
        # Noise before a question does not make the device deaf.
        assert ask(port, b"\x00\xff" + encode_question(7, 3, 1, 1), length=7) == encode_answer(7, 3, (193,))
    assert not (tmp_path / "rs485").exists()


def test_a_unit_unplugged_broken_and_noisy(tmp_path: Path) -> None:
    """Each event shows in the bytes: silence while the neighbour answers, a status beside a stale value, noise."""
    story = line_of(
        'name = "a"\nprotocol = "modbus-simex-trs-02a"\npath = "rs485"\nunit = 1\ntemperature_c = 4\nnoise_c = 0',
        'name = "b"\nprotocol = "modbus-pt100-board"\npath = "rs485"\nunit = 2\ntemperature_c = 0\nnoise_c = 0',
    )
    happened: list[TruthRow] = []
    with Simulator(parse_scenario(story), tmp_path, on_event=happened.append) as simulator:
        port, question = tmp_path / "rs485", encode_question(1, 3, 1, 2)

        def act(action: str, **arguments: float) -> None:
            """Something happens, and has happened on return."""
            count, end = len(happened), time.monotonic() + 30
            simulator.act("a", action, **arguments)
            while len(happened) == count:
                assert time.monotonic() < end
                time.sleep(0.005)

        act("fault", duration_s=3600)
        assert ask(port, question, length=9) == encode_answer(1, 3, (40, 0xA0))
        act("garbage", count=5)
        assert ask(port, question, length=14)[5:] == encode_answer(1, 3, (40, 0xA0))
        act("unplug")
        assert ask(port, question, wait_s=0.3) == b""
        assert ask(port, encode_question(2, 3, 0, 1), length=7) == encode_answer(2, 3, (0,))
        act("plug")
        assert ask(port, question, length=9) == encode_answer(1, 3, (40, 0xA0))


def test_units_share_a_port_only_with_units() -> None:
    """A unit number twice on a line, or a scale on it, is a mistake that is told."""
    unit = 'protocol = "modbus-pt100-board"\npath = "p"\ntemperature_c = 4'
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(
            line_of(f'name = "a"\n{unit}', f'name = "b"\n{unit}', 'name = "c"\npath = "p"\nprotocol = "st-gs"')
        )
    assert "unit 1 of path 'p' is used twice" in str(caught.value)
    assert "path 'p' is used twice" in str(caught.value)


def test_measurements_keep_the_frame_they_came_from() -> None:
    """The bytes go along, so that a person can look."""
    said = read_words(MAPS["pt100-board"], (250,), b"frame")
    assert said == [Measurement(quantity="temperature_c", value=25.0, channel="temperature", raw=b"frame")]
