"""A mass as a scale prints it (decimal text and a unit), in grams.

The arithmetic is of whole numbers until one last division, which Python rounds correctly: 4.139 kg is 4139.0 g and
not 4138.999999999999.
"""

from __future__ import annotations

import re

GRAMS_PER_UNIT = {
    "mg": (1, 1000),
    "g": (1, 1),
    "kg": (1000, 1),
    "t": (1_000_000, 1),
    "lb": (45_359_237, 100_000),  # exact by definition (international yard and pound agreement, 1959)
    "oz": (45_359_237, 1_600_000),  # a sixteenth of it
}
"""Grams as a fraction: (numerator, denominator)."""

_FIELD = re.compile(rb" *([+-]?) *([0-9]*)(?:\.([0-9]*))? *")


def scaled_grams(number: int, decimals: int, unit: str) -> float:
    """Grams of `number` with its last `decimals` digits behind the point; negative `decimals` are zeros to add."""
    times, per = GRAMS_PER_UNIT[unit]
    shift: int = 10 ** abs(decimals)
    return number * times * shift / per if decimals < 0 else number * times / (per * shift)


def grams(number: str, unit: str) -> float:
    """Grams of a printed number such as `-12.450`; the caller has checked that it is one. Minus zero becomes zero."""
    whole, _, fraction = number.partition(".")
    return scaled_grams(int(whole + fraction), len(fraction), unit)


def field_grams(field: bytes, unit: str) -> float | None:
    """Grams of a field of fixed width such as `- 12.450`, or None if it holds anything but one number."""
    match = _FIELD.fullmatch(field)
    if match is None:
        return None
    sign, whole, fraction = match.groups(b"")
    digits = whole + fraction
    return scaled_grams(int(sign + digits), len(fraction), unit) if digits else None
