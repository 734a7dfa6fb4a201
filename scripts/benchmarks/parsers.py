"""The parsers' benchmarks: frames a CPU-second of each, and a fuzz run over all of them.

Frames are of many masses, not one frame repeated, and come in reads of 64 bytes as a port gives them.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from pawon_firmware_bridge.advertisements import read_advertisement
from pawon_firmware_bridge.advertisements.bthome import UUID as BTHOME_UUID
from pawon_firmware_bridge.advertisements.lywsd03mmc import UUID as ENVIRONMENT_UUID
from pawon_firmware_bridge.json_readings import DIALECTS, Dialect
from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, BoardHello, BoardZero, Measurement
from pawon_firmware_bridge.modbus import frame
from pawon_firmware_bridge.modbus.maps import MAPS
from pawon_firmware_bridge.modbus.register_map import RegisterMap, read_words
from pawon_firmware_bridge.protocols import PROTOCOLS
from pawon_firmware_bridge.scenarios.weighing_platform import Reading
from pawon_firmware_bridge.simulator.indicators import INDICATORS
from pawon_firmware_bridge.simulator.rows import ScaleRow

RUNS = 5
FRAMES = 20_000
CHUNK = 64
FUZZ_INPUTS = 1_000_000
LONGEST_INPUT = 64
MOST_HELD = 512
"""Bytes a parser may keep: a board frame, or a pair of w1 lines and a run of garbage."""

INPUTS_PER_PARSER = 500
"""Inputs that one parser instance hears before a new one begins: long enough for its memory to matter."""

ALPHABET = b"STUSOLGNQDEIRWMKwwntkglboz?,.+-=0123456789 \r\n\x01\x02\x03\x04\x05\x06\x15"
BAR = 200_000
"""Frames a CPU-second that a format of fixed length must reach: a thousandth of a core for a port that babbles."""


def parsers() -> dict[str, float]:
    """Frames a CPU-second through every parser, median of five runs; returns them by protocol."""
    rates = {}
    for name, row in PROTOCOLS.items():
        frames = FRAMES if row.kind == "scale" else FRAMES // 4
        stream = b"".join(_frames(name, frames))
        chunks = [stream[at : at + CHUNK] for at in range(0, len(stream), CHUNK)]
        runs = []
        for _ in range(RUNS):
            parser = row.parser()
            began = time.process_time()
            for chunk in chunks:
                parser.feed(chunk)
            runs.append(frames / (time.process_time() - began))
        rates[name] = statistics.median(runs)
        spread = (max(runs) - min(runs)) / rates[name] * 50
        print(f"  {name:<44} {rates[name]:>12,.0f} frames/cpu-s  ±{spread:4.0f} %", flush=True)
    return rates


def fuzz(count: int = FUZZ_INPUTS, *, seed: int = 1) -> float:
    """`count` random and mutated inputs over all parsers in turn; returns inputs a CPU-second.

    AssertionError (or whatever a parser raised) at the first input that is not taken calmly: an event of an unknown
    kind, a value that is no number, raw bytes or a buffer that grow.
    """
    chance = random.Random(seed)
    names = list(PROTOCOLS)
    seeds = {name: list(_frames(name, 50)) for name in names}
    living = {name: PROTOCOLS[name].parser() for name in names}
    heard = dict.fromkeys(names, 0)
    readers = _readers()
    turns = [*names, *readers]
    began = time.process_time()
    for number in range(count):
        name = turns[number % len(turns)]
        if name in readers:
            read, examples = readers[name]
            for event in read(_input(chance, examples)):
                _check(event)
            continue
        parser = living[name]
        data = _input(chance, seeds[name])
        for event in parser.feed(data):
            _check(event)
        assert parser.held <= MOST_HELD, f"{name} holds {parser.held} bytes"  # type: ignore[attr-defined]  # every shipped parser has it
        assert 0 <= parser.waiting <= MOST_HELD
        heard[name] += 1
        if heard[name] % INPUTS_PER_PARSER == 0:
            for event in parser.finish():
                _check(event)
            living[name] = PROTOCOLS[name].parser()
    rate = count / (time.process_time() - began)
    print(
        f"  {'fuzz: random and mutated inputs, all parsers':<44} {rate:>12,.0f} inputs/cpu-s  {count:,} inputs",
        flush=True,
    )
    return rate


def _readers() -> dict[str, tuple[Callable[[bytes], Sequence[object]], list[bytes]]]:
    """What takes a whole message at once, a name -> the reader (message -> events) and good messages."""
    mac = bytes.fromhex("a4c1388d18b2")

    def advertisement(uuid: str) -> Callable[[bytes], Sequence[object]]:
        def read(data: bytes) -> Sequence[object]:
            said = read_advertisement(uuid, data, mac)
            assert said is not None
            return [*said.measurements, *([said.bad] if said.bad is not None else [])]

        return read

    def registers(row: RegisterMap) -> Callable[[bytes], Sequence[object]]:
        def read(data: bytes) -> Sequence[object]:
            answer = frame.read_answer(data)
            if isinstance(answer, frame.Answer):
                said = read_words(row, answer.words, data)
                return [said] if isinstance(said, BadFrame) else said
            return [answer] if isinstance(answer, BadFrame) else []

        return read

    def payload(row: Dialect) -> Callable[[bytes], Sequence[object]]:
        def read(data: bytes) -> Sequence[object]:
            said = row.read(data, "temperature_c", "")
            return [*said.measurements, *([said.bad] if said.bad is not None else [])]

        return read

    bluetooth = {
        BTHOME_UUID: [bytes.fromhex("4002ca0903bf13"), bytes.fromhex("40006401611a00")],
        ENVIRONMENT_UUID: [
            bytes.fromhex("b2188d38c1a4ca09bf13860b5d2a04"),
            bytes.fromhex("a4c1388d18b200fb335d0b862a"),
        ],
    }
    texts = {
        "zigbee2mqtt": [b'{"temperature":3.4,"humidity":61.2,"battery":97,"contact":true,"last_seen":1763780000000}'],
        "tasmota": [b'{"Time":"2026-11-22T03:00:00","DS18B20":{"Id":"01A2","Temperature":3.4},"TempUnit":"C"}'],
        "esphome": [b"3.4", b"nan"],
    }
    return {
        **{f"advertisement {uuid[4:8]}": (advertisement(uuid), seeds) for uuid, seeds in bluetooth.items()},
        **{
            f"modbus {name}": (
                registers(row),
                [frame.encode_answer(1, row.function, tuple(range(value, value + row.count))) for value in (0, 250)],
            )
            for name, row in MAPS.items()
        },
        **{name: (payload(row), texts[name]) for name, row in DIALECTS.items()},
    }


def _check(event: object) -> None:
    assert isinstance(event, Measurement | BadFrame | BoardHello | BoardZero), event
    if isinstance(event, BoardHello | BoardZero):
        return
    assert len(event.raw) <= MAX_RAW, event
    if isinstance(event, Measurement):
        assert (event.value is None) == (event.state != "ok"), event
        assert event.value is None or abs(event.value) < 1e13, event


def _input(chance: random.Random, frames: list[bytes]) -> bytes:
    """Noise, frame-like noise, or a good frame that was cut, doubled, flipped, shortened or stuffed."""
    kind = chance.randrange(8)
    if kind == 0:
        return chance.randbytes(chance.randrange(LONGEST_INPUT))
    if kind == 1:
        return bytes(chance.choices(ALPHABET, k=chance.randrange(LONGEST_INPUT)))
    frame = chance.choice(frames)
    at = chance.randrange(len(frame))
    if kind == 2:
        return frame[at:]
    if kind == 3:
        return frame[:at]
    if kind == 4:
        return frame + chance.choice(frames)
    if kind == 5:
        return frame[:at] + bytes([frame[at] ^ 1 << chance.randrange(8)]) + frame[at + 1 :]
    if kind == 6:
        return frame[:at] + frame[at + chance.randint(1, 4) :]
    return frame[:at] + chance.randbytes(chance.randint(1, 4)) + frame[at:]


def _frames(name: str, count: int) -> Iterator[bytes]:
    """Frames of many masses for a scale, the example for everything else."""
    chance = random.Random(name)
    row = ScaleRow(
        name=name, protocol=name, path=name, rate_hz=10, mass_g=0, division_g=5, decimals=3, noise_g=0,
        capacity_g=99_000,
    )  # fmt: skip
    for _ in range(count):
        if name in INDICATORS:
            reading = Reading(mass_g=chance.randrange(-200, 18_000) * 5.0, stable=chance.random() < 0.8)
            yield INDICATORS[name].frame(row, reading)
        else:
            yield PROTOCOLS[name].example


if __name__ == "__main__":
    slow = {name: rate for name, rate in parsers().items() if PROTOCOLS[name].kind == "scale" and rate < BAR}
    fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else FUZZ_INPUTS)
    if slow:
        print(f"  below {BAR:,} frames/cpu-s: {', '.join(slow)}")
