"""Quantities on the wire: their unit, and the range beyond which a value is nonsense rather than news.

The ranges say what the *instrument and the physics* allow in a kitchen, not what is safe to eat; limits for food are
profile data (``food_safety``). A value outside is a sensor fault.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One measured quantity. ``name`` ends with the unit; ``low`` and ``high`` are in that unit."""

    name: str
    unit: str
    low: float
    high: float
    # The smallest change worth a report of its own when the configuration names none.
    report_step: float


QUANTITIES: dict[str, Quantity] = {
    row.name: row
    for row in (
        # DS18B20 measures -55..125 C; a Pt100 in oil reaches 250 C. Below -60 C no kitchen store exists.
        Quantity(name="temperature_c", unit="°C", low=-60.0, high=260.0, report_step=0.2),
        Quantity(name="humidity_percent", unit="%", low=0.0, high=100.0, report_step=1.0),
        # Platform scales end at 3 t; a tared scale shows a container's mass below zero when it is lifted off.
        Quantity(name="mass_g", unit="g", low=-3_000_000.0, high=3_000_000.0, report_step=50.0),
    )
}


# Switches: 1 is active (a door that is open, power that is there), 0 is not; nothing lies between.
CONTACTS = frozenset({"door", "power"})


def implausible(quantity: str, value: float) -> str | None:
    """Why ``value`` cannot be a measurement of ``quantity``, or ``None`` when it can."""
    if quantity in CONTACTS:
        return None if value in (0, 1) else f"{quantity} is {value}, neither 0 nor 1"
    row = QUANTITIES.get(quantity)
    if row is None:
        return f"unknown quantity {quantity!r}"
    if not math.isfinite(value):
        return f"{quantity} is {value}"
    if not row.low <= value <= row.high:
        return f"{quantity} {value:g} is outside {row.low:g}..{row.high:g} {row.unit}"
    return None
