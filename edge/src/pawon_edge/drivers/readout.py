"""From what a wireless sensor said of itself to what the gateway takes: one value or one trouble of one sensor.

Used by the drivers whose devices say several things at once, their battery among them. Judges no value.
"""

from __future__ import annotations

from pawon_firmware_bridge.measurement import Measurement

from ..sample import Observed, Sample, Trouble
from .driver import SensorTable

# Coin cells fall steeply after this; in a chiller the last tenth is gone in days.
BATTERY_LOW_PERCENT = 10


def read_out(sensor: SensorTable, found: Measurement, at_ms: int) -> Observed:
    """A measurement of this sensor's quantity, as it is or as the trouble that its state names."""
    if found.value is None:
        return Trouble(sensor=sensor.id, at_ms=at_ms, kind=found.state, raw=found.raw)
    return Sample(sensor=sensor.id, at_ms=at_ms, quantity=found.quantity, value=found.value, raw=found.raw)


def battery_trouble(sensor: SensorTable, measurements: list[Measurement], at_ms: int) -> Trouble | None:
    """The trouble of a battery that is nearly empty. Told after the value, which stays good: if nothing good follows,
    the silence has its name."""
    for found in measurements:
        if found.quantity != "battery_percent":
            continue
        if found.state == "battery":
            detail = "battery low: change it"
        elif found.value is not None and found.value <= BATTERY_LOW_PERCENT:
            detail = f"battery at {found.value:.0f} %: change it"
        else:
            continue
        return Trouble(sensor=sensor.id, at_ms=at_ms, kind="battery", detail=detail, raw=found.raw)
    return None
