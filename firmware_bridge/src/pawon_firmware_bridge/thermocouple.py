"""MAX31855 and MAX6675: what the word of a thermocouple chip means.

The one place that judges these words; boards send them as read. A word of one level throughout is a chip that is not
there, or a data line that is stuck: ones with the board's pull-up, zeros where the line is shorted. Both are refused,
because zeros would read as a perfect 0.0 C. For a MAX31855 that costs nothing: 0.00 C with a cold junction of exactly
0.00 C is one reading in a million. A MAX6675 cannot say less than 0, so its 0 means "0 or colder" and is no
measurement; use a MAX31855 or a DS18B20 for cold things. Its last bit is not driven by the chip and says nothing.
Sources: MAX31855 datasheet p. 10 (tables 2 to 5), MAX6675 datasheet p. 5 (table 1).
"""

from __future__ import annotations

from dataclasses import dataclass

from pawon_firmware_bridge.measurement import Measurement

MAX31855_LENGTH, MAX6675_LENGTH = 4, 2
STEPS_PER_DEGREE = 4
JUNCTION_STEPS_PER_DEGREE = 16

MAX31855_RESERVED = 0x0002_0008
"""Bits 17 and 3, always 0."""

MAX31855_FAULT = 0x0001_0000
MAX31855_CAUSES = ((0x1, "open"), (0x2, "short_ground"), (0x4, "short_supply"))
MAX6675_RESERVED = 0x8002
"""Bit 15, a sign that is always 0, and bit 1, the chip's mark, always 0."""

MAX6675_OPEN = 0x0004
MAX6675_UNDRIVEN = 0x0001


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One judged temperature: degrees Celsius if `state` is `ok`, else None.

    `state` is `open`, `short_ground`, `short_supply`, `disconnected` (no chip) or `crc` (a word no such chip can say).
    """

    temperature_c: float | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A judged MAX31855 word; the cold junction is measured also while the thermocouple is faulty."""

    thermocouple: Reading
    junction: Reading


def judge_max31855(word: bytes) -> Word:
    """What four bytes as read say; the first bit read is the highest."""
    bits = int.from_bytes(word, "big")
    refused = ""
    if len(word) != MAX31855_LENGTH:
        refused = "crc"
    elif bits in (0, 0xFFFF_FFFF):
        refused = "disconnected"
    elif bits & MAX31855_RESERVED or bool(bits & MAX31855_FAULT) != bool(bits & 0x7):
        refused = "crc"
    if refused:
        none = Reading(temperature_c=None, state=refused)
        return Word(thermocouple=none, junction=none)
    junction = Reading(temperature_c=_signed(bits >> 4, 12) / JUNCTION_STEPS_PER_DEGREE, state="ok")
    for bit, state in MAX31855_CAUSES:
        if bits & bit:
            return Word(thermocouple=Reading(temperature_c=None, state=state), junction=junction)
    hot = Reading(temperature_c=_signed(bits >> 18, 14) / STEPS_PER_DEGREE, state="ok")
    return Word(thermocouple=hot, junction=junction)


def judge_max6675(word: bytes) -> Reading:
    """What two bytes as read say; the first bit read is the highest."""
    bits = int.from_bytes(word, "big")
    if len(word) != MAX6675_LENGTH:
        return Reading(temperature_c=None, state="crc")
    if bits == 0xFFFF or not bits & ~MAX6675_UNDRIVEN:
        return Reading(temperature_c=None, state="disconnected")
    if bits & MAX6675_RESERVED:
        return Reading(temperature_c=None, state="crc")
    if bits & MAX6675_OPEN:
        return Reading(temperature_c=None, state="open")
    return Reading(temperature_c=(bits >> 3) / STEPS_PER_DEGREE, state="ok")


def measurement(reading: Reading, *, channel: str, raw: bytes) -> Measurement:
    """The measurement of a judged temperature."""
    return Measurement(
        quantity="temperature_c", value=reading.temperature_c, state=reading.state, channel=channel, raw=raw
    )


def max31855_word(temperature_c: float, junction_c: float, *, state: str = "ok") -> bytes:
    """The four bytes a chip gives for a temperature or a fault; used by the simulator."""
    fault = next((MAX31855_FAULT | bit for bit, name in MAX31855_CAUSES if name == state), 0)
    hot = 0 if fault else round(temperature_c * STEPS_PER_DEGREE) & 0x3FFF
    junction = round(junction_c * JUNCTION_STEPS_PER_DEGREE) & 0xFFF
    return (hot << 18 | junction << 4 | fault).to_bytes(MAX31855_LENGTH, "big")


def max6675_word(temperature_c: float, *, state: str = "ok") -> bytes:
    """The two bytes a chip gives; it knows no other fault than `open`."""
    steps = min(max(round(temperature_c * STEPS_PER_DEGREE), 0), 0xFFF)
    return (steps << 3 | (MAX6675_OPEN if state == "open" else 0)).to_bytes(MAX6675_LENGTH, "big")


def _signed(bits: int, width: int) -> int:
    bits &= (1 << width) - 1
    return bits - (1 << width) if bits >> (width - 1) else bits
