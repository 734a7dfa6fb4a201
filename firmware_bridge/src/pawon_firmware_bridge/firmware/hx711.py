"""HX711 load cell amplifier over two pins (Avia HX711 datasheet p. 4-5).

Gives counts and never zeroes, tares or averages: a power cut with food on the platform must not become a new zero.
The data line is low when a conversion is ready; 24 clock pulses shift it out, most significant bit first; 1, 2 or 3
more choose what is converted next, and raise the data line. A clock that stays high for 60 us powers the chip down,
so each pulse is guarded from interrupts.
"""

BITS = 24
HIGHEST, LOWEST = 0x7FFFFF, -0x800000  # saturated: beyond them the chip says nothing about the load (datasheet p. 4)
PULSES_FOR_GAIN = {128: 1, 32: 2, 64: 3}  # 128 and 64 are input A, 32 is input B


class StuckLow(Exception):
    """The data line did not go high after the last pulse: it is shorted, or no chip holds it."""


class HX711:
    """One chip; `data` and `clock` have value(), `guard` has enter() and leave(state) around a pulse."""

    def __init__(self, data, clock, guard, gain=128):
        self._data = data
        self._clock = clock
        self._guard = guard
        self._gain_pulses = PULSES_FOR_GAIN[gain]
        clock.value(0)

    def ready(self):
        """True when a conversion waits; never blocks."""
        return self._data.value() == 0

    def read(self):
        """Counts -8388608 to 8388607 of a conversion that is ready; the two ends mean saturated."""
        counts = 0
        for _ in range(BITS):
            counts = counts << 1 | self._pulse()
        after = 0
        for _ in range(self._gain_pulses):
            after = self._pulse()
        if not after:
            raise StuckLow
        return counts - (1 << BITS) if counts >> (BITS - 1) else counts

    def _pulse(self):
        state = self._guard.enter()
        self._clock.value(1)
        bit = self._data.value()
        self._clock.value(0)
        self._guard.leave(state)
        return bit
