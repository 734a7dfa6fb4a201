"""The board's load cells in turn: a reading when there is one, a fault when there is none, never a wait."""

import struct

import frame
from hx711 import HIGHEST, LOWEST, StuckLow

NOT_READY_MS = 1000  # the slowest chip converts in 100 ms and settles in 400 ms after power comes (datasheet p. 3)


class LoadCell:
    """One HX711 as channel number `channel` of the board's frames; `listener`, if set, hears every conversion."""

    def __init__(self, channel, chip, now_ms):
        self.channel = channel
        self.listener = None  # called with counts, or None for a fault
        self._chip = chip
        self._heard_ms = now_ms
        self._read_ms = None
        self._tested = frame.FAULT_NONE

    def step(self, now_ms, interval_ms):
        """A record (bytes), or None if it is too early for one."""
        if self._chip.ready():
            self._heard_ms = now_ms
            due = self._read_ms is None or now_ms - self._read_ms >= interval_ms
            if not due and self.listener is None and self._tested is not None:
                return None
            if due:
                self._read_ms = now_ms
            try:
                counts = self._chip.read()
            except StuckLow:
                record = self._fault(frame.FAULT_STUCK_LOW)
            else:
                self._hear(counts)
                record = struct.pack("<BBBi", self.channel, frame.KIND_HX711, 4, counts)
            return record if due else None
        if now_ms - self._heard_ms < NOT_READY_MS:
            return None
        self._heard_ms = now_ms
        return self._fault(frame.FAULT_NOT_READY)

    def begin_test(self, now_ms):
        """The next conversion, or a second without one, is the test."""
        self._tested = None

    def test_results(self, now_ms):
        """[(channel, fault)], or None while there is none."""
        return None if self._tested is None else [(self.channel, self._tested)]

    def _hear(self, counts):
        if self.listener:
            self.listener(counts)
        if self._tested is None:
            self._tested = frame.FAULT_SATURATED if counts in (HIGHEST, LOWEST) else frame.FAULT_NONE

    def _fault(self, fault):
        if self.listener:
            self.listener(None)
        if self._tested is None:
            self._tested = fault
        return bytes([self.channel, frame.KIND_FAULT, 1, fault])
