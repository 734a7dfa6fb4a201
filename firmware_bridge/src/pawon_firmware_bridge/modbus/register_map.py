"""What to ask a Modbus device, and how its words become measurements. Pure; an installer's own map is the same thing.

A register map is one question: a function, an address, a count. Words that say "I have no value" in any of their ways
(a sentinel, a status register, all zeros, a value the sensor cannot have) become a state, never a number.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Measurement
from pawon_firmware_bridge.modbus.frame import MAX_WORDS, READ_HOLDING, READS

QUANTITIES = ("temperature_c", "humidity_percent")
WORD_ORDERS = ("high-first", "low-first")
SIZES: Mapping[str, int] = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2}
"""Type of a value -> the registers it takes."""

USUAL_INVALID: Mapping[str, tuple[int, ...]] = {
    "int16": (0x8000, 0x7FFF, 0xFFFF),
    "uint16": (0xFFFF,),
    "int32": (0x8000_0000, 0x7FFF_FFFF, 0xFFFF_FFFF),
    "uint32": (0xFFFF_FFFF,),
    # No number at all (nan, inf) is always refused.
    "float32": (0xFFFF_FFFF,),
}
"""The words by which makers say that there is no value. All ones is also the int16 of one step below zero (-0.1 C): a
board of which nothing is known is disbelieved there, for a freezer at an eternal -0.1 C would be the worse mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One value of a map. `offset`: its first register, counted from the map's address.

    `invalid`: words as read, without a sign, that are no value, and `invalid_state` what they mean. `low`, `high`: the
    rated range in the unit of `quantity`; beyond it is `below` or `above`. Beyond `alien` the whole answer is not from
    such a device, and none of its values is believed.
    """

    name: str
    quantity: str
    offset: int
    type: str = "int16"
    word_order: str = "high-first"
    scale: float = 0.1
    low: float
    high: float
    invalid: tuple[int, ...] | None = None
    invalid_state: str = "disconnected"
    below: str = "nonsense"
    above: str = "nonsense"
    alien: tuple[float, float] = (-math.inf, math.inf)

    @property
    def no_values(self) -> tuple[int, ...]:
        return USUAL_INVALID.get(self.type, ()) if self.invalid is None else self.invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A register that says how the sensor is: its bits of `mask` are `ok`, or one of `faults`, or else `other`."""

    offset: int
    faults: Mapping[int, str]
    mask: int = 0xFFFF
    ok: int = 0
    other: str = "nonsense"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMap:
    """`dead`: whole answers that are no measurement, with what they mean. `examples`: an answer of unit 1 and its
    values by channel, as captured or printed in `source`."""

    name: str
    title: str
    source: str
    function: int = READ_HOLDING
    address: int
    count: int
    channels: tuple[Channel, ...]
    status: Status | None = None
    dead: Mapping[tuple[int, ...], str]
    formats: tuple[str, ...] = ("8N1", "8E1", "8O1")
    examples: tuple[tuple[bytes, Mapping[str, float]], ...] = ()

    @property
    def channel_names(self) -> list[str]:
        return [channel.name for channel in self.channels]


def map_problems(row: RegisterMap) -> list[str]:
    """Why a map cannot be used, each with the place; none for a good one."""
    problems = []
    if row.function not in READS:
        problems.append(f"function: {row.function} reads no registers; 3 (holding) or 4 (input) does")
    if not 1 <= row.count <= MAX_WORDS:
        problems.append(f"count: {row.count} is outside 1..{MAX_WORDS}")
    if not 0 <= row.address <= 0x10000 - max(row.count, 1):
        problems.append(f"address: {row.address} and its {row.count} registers are outside 0..65535")
    if not row.channels:
        problems.append("channel: at least one")
    names = row.channel_names
    problems += [f"channel[{at}].name: used twice: {name}" for at, name in enumerate(names) if name in names[:at]]
    for at, channel in enumerate(row.channels):
        problems += [f"channel[{at}].{problem}" for problem in _channel_problems(channel, row.count)]
    if row.status is not None and not 0 <= row.status.offset < row.count:
        problems.append(f"status.offset: {row.status.offset} is outside the {row.count} registers")
    problems += [f"dead: {len(words)} words, the map has {row.count}" for words in row.dead if len(words) != row.count]
    return problems


def _channel_problems(channel: Channel, count: int) -> Iterable[str]:
    if channel.quantity not in QUANTITIES:
        yield f"quantity: {channel.quantity!r} is none of {', '.join(QUANTITIES)}"
    if channel.type not in SIZES:
        yield f"type: {channel.type!r} is none of {', '.join(SIZES)}"
    elif not 0 <= channel.offset <= count - SIZES[channel.type]:
        yield f"offset: {channel.offset} and its {SIZES[channel.type]} registers are outside the {count} that are read"
    if channel.word_order not in WORD_ORDERS:
        yield f"word_order: {channel.word_order!r} is none of {', '.join(WORD_ORDERS)}"
    if channel.scale == 0 or not math.isfinite(channel.scale):
        yield "scale: must be a number, and not zero"
    if not channel.low < channel.high:
        yield f"low: {channel.low:g} is not below high, {channel.high:g}"


def read_words(row: RegisterMap, words: Sequence[int], raw: bytes = b"") -> list[Measurement] | BadFrame:
    """What the registers of one answer say: one measurement of each channel, in the map's order."""
    if len(words) != row.count:
        return BadFrame(reason=f"{len(words)} registers came, {row.count} were asked for", raw=raw[:MAX_RAW])
    whole = _whole_state(row, words)
    if whole is not None:
        return [_measurement(channel, None, whole, raw) for channel in row.channels]
    judged = [judge_channel(channel, words) for channel in row.channels]
    if any(
        value is not None and not channel.alien[0] <= value <= channel.alien[1]
        for channel, (value, _) in zip(row.channels, judged, strict=True)
    ):
        return [_measurement(channel, None, "nonsense", raw) for channel in row.channels]
    return [
        _measurement(channel, value if state == "ok" else None, state, raw)
        for channel, (value, state) in zip(row.channels, judged, strict=True)
    ]


def judge_channel(channel: Channel, words: Sequence[int]) -> tuple[float | None, str]:
    """(value, state) of one channel alone; the value also of one outside the rated range, to say what came."""
    pattern = _pattern(channel, words)
    if pattern in channel.no_values:
        return None, channel.invalid_state
    number = _number(channel.type, pattern)
    if not math.isfinite(number):
        return None, channel.invalid_state
    # In decimal: 3 steps of 0.1 are 0.3 and not 0.30000000000000004.
    value = float(Decimal(number) * Decimal(repr(channel.scale)))
    if value < channel.low:
        return value, channel.below
    return value, channel.above if value > channel.high else "ok"


def encode_words(row: RegisterMap, values: Mapping[str, float], *, broken: bool = False) -> tuple[int, ...]:
    """The registers of a device that measures `values` (by channel), for the simulator and the tests.

    `broken`: as it answers when its sensor is; the value then stands still beside a status, or is no value."""
    if broken and row.status is None and row.dead:
        return next(iter(row.dead))
    words = [0] * row.count
    for channel in row.channels:
        if broken and row.status is None:
            pattern = channel.no_values[0] if channel.no_values else 0
        else:
            pattern = _encode(channel, values[channel.name])
        halves = [pattern] if SIZES[channel.type] == 1 else [pattern >> 16, pattern & 0xFFFF]
        words[channel.offset : channel.offset + len(halves)] = (
            halves if channel.word_order == "high-first" else halves[::-1]
        )
    if row.status is not None:
        words[row.status.offset] = next(iter(row.status.faults), ~row.status.ok & 0xFFFF) if broken else row.status.ok
    return tuple(words)


def _whole_state(row: RegisterMap, words: Sequence[int]) -> str | None:
    if (dead := row.dead.get(tuple(words))) is not None:
        return dead
    if row.status is None:
        return None
    status = words[row.status.offset] & row.status.mask
    return None if status == row.status.ok else row.status.faults.get(status, row.status.other)


def _measurement(channel: Channel, value: float | None, state: str, raw: bytes) -> Measurement:
    return Measurement(quantity=channel.quantity, value=value, state=state, channel=channel.name, raw=raw)


def _pattern(channel: Channel, words: Sequence[int]) -> int:
    """The bits of a channel without a sign."""
    if SIZES[channel.type] == 1:
        return words[channel.offset]
    first, second = words[channel.offset : channel.offset + 2]
    return first << 16 | second if channel.word_order == "high-first" else second << 16 | first


def _number(kind: str, pattern: int) -> float | int:
    if kind == "float32":
        return float(struct.unpack(">f", pattern.to_bytes(4, "big"))[0])
    bits = 16 * SIZES[kind]
    return pattern - (1 << bits) if kind.startswith("int") and pattern >> bits - 1 else pattern


def _encode(channel: Channel, value: float) -> int:
    if channel.type == "float32":
        return int.from_bytes(struct.pack(">f", value / channel.scale), "big")
    return round(value / channel.scale) & (1 << 16 * SIZES[channel.type]) - 1
