"""A mass as a scale prints it (decimal text and a unit), in grams.

The arithmetic is decimal until the last step, so that 4.139 kg is 4139.0 g and not 4138.999999999999.
"""

from __future__ import annotations

from decimal import Decimal

GRAMS_PER_UNIT = {
    "g": Decimal(1),
    "kg": Decimal(1000),
    "lb": Decimal("453.59237"),  # exact by definition (international yard and pound agreement, 1959)
}


def grams(number: str, unit: str) -> float:
    """Grams of a printed number such as `-12.450`; the caller has checked that it is one. Minus zero becomes zero."""
    return float(Decimal(number) * GRAMS_PER_UNIT[unit]) + 0.0
