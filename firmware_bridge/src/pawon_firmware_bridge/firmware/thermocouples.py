"""Thermocouple chips MAX31855 and MAX6675 over three pins; words go to the host as read, which judges them.

Both shift a word out, first bit first, while selected (MAX31855 datasheet p. 9-10, MAX6675 datasheet p. 5-6). Selecting a
chip breaks its conversion off, so it is left alone between two readings. Several chips may share clock and data.
"""

import frame

READ_MS = 250  # a MAX6675 converts in 220 ms at most, a MAX31855 in 100 ms
CHIPS = {"max31855": (frame.KIND_MAX31855, 4), "max6675": (frame.KIND_MAX6675, 2)}  # record kind, bytes of a word


class Thermocouple:
    """One chip as channel `channel`; `data`, `clock` and `select` have value()."""

    def __init__(self, channel, chip, data, clock, select, now_ms):
        self._channel = channel
        self._kind, self._length = CHIPS[chip]
        self._data = data
        self._clock = clock
        self._select = select
        self._read_ms = now_ms
        self._tested = frame.FAULT_NONE
        select.value(1)
        clock.value(0)

    def step(self, now_ms):
        """A record (bytes), or None if it is too early for one."""
        if now_ms - self._read_ms < READ_MS:
            return None
        self._read_ms = now_ms
        word = self._read()
        if self._tested is None:
            self._tested = fault_of(self._kind, word)
        return bytes([self._channel, self._kind, self._length]) + word

    def begin_test(self, now_ms):
        """The next word is the test."""
        self._tested = None

    def test_results(self, now_ms):
        """[(channel, fault)], or None while there is none."""
        return None if self._tested is None else [(self._channel, self._tested)]

    def _read(self):
        word = bytearray(self._length)
        self._select.value(0)
        for at in range(8 * self._length):
            word[at >> 3] = word[at >> 3] << 1 | self._data.value()
            self._clock.value(1)
            self._clock.value(0)
        self._select.value(1)
        return bytes(word)


def fault_of(kind, word):
    """What a self-test says of a word; the host's `thermocouple.py` has the reasons, a test keeps the two the same."""
    bits = int.from_bytes(word, "big")
    if kind == frame.KIND_MAX6675:
        if bits in (0xFFFF, 0, 1):
            return frame.FAULT_NO_CHIP
        if bits & 0x8002:
            return frame.FAULT_GARBLED
        return frame.FAULT_OPEN if bits & 4 else frame.FAULT_NONE
    if bits in (0xFFFFFFFF, 0):
        return frame.FAULT_NO_CHIP
    if bits & 0x00020008 or bool(bits & 7) != bool(bits & 0x00010000):
        return frame.FAULT_GARBLED
    for bit, fault in ((1, frame.FAULT_OPEN), (2, frame.FAULT_SHORT_GROUND), (4, frame.FAULT_SHORT_SUPPLY)):
        if bits & bit:
            return fault
    return frame.FAULT_NONE
