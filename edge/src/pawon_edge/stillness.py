"""Does a sensor still measure, or does it only repeat itself? Pure: values and times in.

A probe in a working chiller moves with every cycle of the compressor, and a load cell's last bits never rest. A value
that stands still for longer than that is a device that hangs while it talks: it must not be taken for a good chiller.
"""

from __future__ import annotations

from dataclasses import dataclass

# Domain: a flat line is no change of more than 0.06 C, the last bit of a DS18B20.
SAME = 0.06


@dataclass(slots=True, kw_only=True)
class Stillness:
    """One sensor. ``frozen_ms``: for how long it may stand still."""

    frozen_ms: int
    _value: float | None = None
    _since_ms: int = 0

    def frozen(self, at_ms: int, value: float) -> str | None:
        """Count a sample in; what is wrong, or ``None``."""
        if self._value is None or abs(value - self._value) > SAME:
            self._value, self._since_ms = value, at_ms
            return None
        still_ms = at_ms - self._since_ms
        return None if still_ms < self.frozen_ms else f"stands at {value:g} for {still_ms / 1000:.0f} s"
