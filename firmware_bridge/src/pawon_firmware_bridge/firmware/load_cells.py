"""The board's load cells in turn: a reading when there is one, a fault when there is none, never a wait."""

import struct

import frame
from hx711 import StuckLow

NOT_READY_MS = 1000  # the slowest chip converts in 100 ms and settles in 400 ms after power comes (datasheet p. 3)


class LoadCell:
    """One HX711 as channel number `channel` of the board's frames."""

    def __init__(self, channel, chip, now_ms):
        self._channel = channel
        self._chip = chip
        self._heard_ms = now_ms
        self._read_ms = None

    def step(self, now_ms, interval_ms):
        """A record (bytes), or None if it is too early for one."""
        if self._chip.ready():
            self._heard_ms = now_ms
            if self._read_ms is not None and now_ms - self._read_ms < interval_ms:
                return None
            self._read_ms = now_ms
            try:
                counts = self._chip.read()
            except StuckLow:
                return self._fault(frame.FAULT_STUCK_LOW)
            return struct.pack("<BBBi", self._channel, frame.KIND_HX711, 4, counts)
        if now_ms - self._heard_ms < NOT_READY_MS:
            return None
        self._heard_ms = now_ms
        return self._fault(frame.FAULT_NOT_READY)

    def _fault(self, fault):
        return bytes([self._channel, frame.KIND_FAULT, 1, fault])
