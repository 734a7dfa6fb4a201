"""The objects of BTHome v2: how long each is, and what those mean that a kitchen uses. A table, nothing else.

Objects follow each other without a length, so every specified one must be known to get past it. Source: bthome.io,
"Format", version 2, with the objects up to 0x65 and the device information 0xF0-0xF2.
"""

from __future__ import annotations

from dataclasses import dataclass

PACKET = 0x00
# Their length stands in the byte behind the id: text, raw bytes.
COUNTED = frozenset({0x53, 0x54})
# A command: the low five bits of that byte are the length of its arguments, and the command itself comes before them.
COMMAND = 0x3B
COMMAND_LENGTH_BITS = 0x1F

_BY_LENGTH: dict[int, tuple[int, ...]] = {
    1: (0x00, 0x01, 0x09, 0x0F, 0x10, 0x11, *range(0x15, 0x30), 0x3A, 0x46, 0x57, 0x58, 0x59, 0x60, 0x64, 0x65),
    2: (
        0x02, 0x03, 0x06, 0x07, 0x08, 0x0C, 0x0D, 0x0E, 0x12, 0x13, 0x14, 0x3C, 0x3D, 0x3F, 0x40, 0x41, 0x43, 0x44,
        0x45, 0x47, 0x48, 0x49, 0x4A, 0x51, 0x52, 0x56, 0x5A, 0x5D, 0x5E, 0x5F, 0x61, 0xF0,
    ),
    3: (0x04, 0x05, 0x0A, 0x0B, 0x42, 0x4B, 0xF2),
    4: (0x3E, 0x4C, 0x4D, 0x4E, 0x4F, 0x50, 0x55, 0x5B, 0x5C, 0x62, 0x63, 0xF1),
}  # fmt: skip

LENGTHS: dict[int, int] = {number: length for length, numbers in _BY_LENGTH.items() for number in numbers}
"""Object id -> bytes of its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """A value is its integer (little endian) times ``factor`` by ``divisor``, which rounds once.

    ``absent``: integers that no sensor measures and that firmware sends when it could not read its chip."""

    quantity: str
    signed: bool = False
    factor: float = 1
    divisor: int = 1
    absent: tuple[int, ...] = ()


_S16_ABSENT = (-0x8000, 0x7FFF)

MEANINGS: dict[int, Meaning] = {
    0x01: Meaning(quantity="battery_percent", absent=(0xFF,)),
    0x02: Meaning(quantity="temperature_c", signed=True, divisor=100, absent=_S16_ABSENT),
    0x03: Meaning(quantity="humidity_percent", divisor=100, absent=(0xFFFF,)),
    0x06: Meaning(quantity="mass_g", factor=10),
    # 1 lb = 453.59237 g exactly, and the object counts hundredths.
    0x07: Meaning(quantity="mass_g", factor=453_592.37, divisor=100_000),
    0x0C: Meaning(quantity="supply_v", divisor=1000),
    0x10: Meaning(quantity="power"),
    0x11: Meaning(quantity="door"),
    0x1A: Meaning(quantity="door"),
    # A window contact is what door contacts are sold as.
    0x2D: Meaning(quantity="door"),
    0x2E: Meaning(quantity="humidity_percent", absent=(0xFF,)),
    0x45: Meaning(quantity="temperature_c", signed=True, divisor=10, absent=_S16_ABSENT),
    0x4A: Meaning(quantity="supply_v", divisor=10),
    0x57: Meaning(quantity="temperature_c", signed=True, absent=(-0x80,)),
    0x58: Meaning(quantity="temperature_c", signed=True, factor=35, divisor=100, absent=(-0x80,)),
}
"""Object id -> what it measures, for those we read."""
