"""DS18B20: what the nine bytes of its scratchpad mean.

This is the one place that judges a scratchpad; the Linux file text and the boards' frames both come here. A good CRC is
not enough: nine zero bytes have a good CRC, so a shorted bus would look like a perfect 0.0 C; 85 C is what the chip
holds before its first conversion (byte 7 is then 0x0c; a real 85 C has another), 127.94 C is what it says when its
supply is too weak. Sources: DS18B20 datasheet p. 4-8, Linux Documentation/w1/slaves/w1_therm.rst and its driver.
"""

from __future__ import annotations

from dataclasses import dataclass

from pawon_firmware_bridge.measurement import Measurement

SCRATCHPAD_LENGTH = 9
STEPS_PER_DEGREE = 16
POWER_ON_STEPS = 85 * STEPS_PER_DEGREE
POWER_ON_BYTE = 0x0C
LOW_POWER_STEPS = 0x07FF


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratchpad:
    """A judged scratchpad: the temperature in degrees Celsius if `state` is `ok`, else None."""

    temperature_c: float | None
    state: str


def crc8(data: bytes) -> int:
    """Maxim 1-wire CRC: x^8 + x^5 + x^4 + 1, reflected (0x8C), start 0 (Maxim application note 27)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc


def judge_scratchpad(scratchpad: bytes) -> Scratchpad:
    """What nine bytes as read from the chip say; steps are 0.0625 C (12 bit, the factory setting)."""
    if len(scratchpad) != SCRATCHPAD_LENGTH or crc8(scratchpad[:8]) != scratchpad[8]:
        return Scratchpad(temperature_c=None, state="crc")
    if not any(scratchpad):
        return Scratchpad(temperature_c=None, state="zeros")
    steps = int.from_bytes(scratchpad[:2], "little", signed=True)
    if steps == POWER_ON_STEPS and scratchpad[6] == POWER_ON_BYTE:
        return Scratchpad(temperature_c=None, state="power_on")
    if steps == LOW_POWER_STEPS:
        return Scratchpad(temperature_c=None, state="low_power")
    return Scratchpad(temperature_c=steps / STEPS_PER_DEGREE, state="ok")


def measurement(scratchpad: bytes, *, channel: str = "", raw: bytes = b"") -> Measurement:
    """The measurement of a judged scratchpad."""
    judged = judge_scratchpad(scratchpad)
    return Measurement(
        quantity="temperature_c", value=judged.temperature_c, state=judged.state, channel=channel, raw=raw
    )


def scratchpad_of(steps: int, *, power_on: bool = False) -> bytes:
    """The nine bytes a chip gives for a temperature in steps of 0.0625 C; used by the simulator and the bench.

    Byte 7 counts down the last step on old chips (`0x10 - steps % 16`), and is 0x0c until the first conversion.
    """
    count = POWER_ON_BYTE if power_on else 0x10 - steps % STEPS_PER_DEGREE
    body = (steps & 0xFFFF).to_bytes(2, "little") + bytes([0x4B, 0x46, 0x7F, 0xFF, count, 0x10])
    return body + bytes([crc8(body)])
