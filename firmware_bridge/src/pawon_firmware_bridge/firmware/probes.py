"""All DS18B20 of one 1-wire bus: convert together, then read one after another; the host judges the scratchpads.

A probe keeps its channel number for as long as the board runs, also when it is unplugged: then it is a fault, told in
every round, never a missing line. Source: DS18B20 datasheet p. 10-12.
"""

import frame

FIRST_CHANNEL = 16  # above every load cell
MAX_PROBES = 8  # 160 bytes of a frame's 250
FAMILY = 0x28
CONVERSION_MS = 750
ROUND_MS = 1000
SEARCH_MS = 10000  # a probe plugged in later is found within this time

MATCH_ROM = 0x55
SKIP_ROM = 0xCC
CONVERT = 0x44
READ_SCRATCHPAD = 0xBE
SCRATCHPAD_LENGTH = 9
NOBODY = b"\xff" * SCRATCHPAD_LENGTH  # the pull-up's word: no chip pulled the line low


class Probes:
    """The probes of `bus`, which has reset(), write(bytes), read(count) and search()."""

    def __init__(self, bus, now_ms):
        self._bus = bus
        self._roms = []
        self._round_ms = now_ms - ROUND_MS
        self._searched_ms = now_ms - SEARCH_MS
        self._converting = False

    def step(self, now_ms):
        """Records (bytes) of a finished round, else an empty list."""
        if self._converting:
            if now_ms - self._round_ms < CONVERSION_MS:
                return []
            self._converting = False
            return [self._read(channel, rom) for channel, rom in enumerate(self._roms, FIRST_CHANNEL)]
        if now_ms - self._round_ms < ROUND_MS:
            return []
        self._round_ms = now_ms
        if now_ms - self._searched_ms >= SEARCH_MS:
            self._searched_ms = now_ms
            self._search()
        if not self._bus.reset():
            return self._nobody()
        self._bus.write(bytes([SKIP_ROM, CONVERT]))
        self._converting = True
        return []

    def _search(self):
        for rom in self._bus.search():
            if rom[0] == FAMILY and rom not in self._roms and len(self._roms) < MAX_PROBES:
                self._roms.append(rom)

    def _nobody(self):
        faults = [_fault(channel, frame.FAULT_NO_PRESENCE, rom) for channel, rom in enumerate(self._roms, FIRST_CHANNEL)]
        return faults or [_fault(FIRST_CHANNEL, frame.FAULT_NO_PRESENCE, b"")]

    def _read(self, channel, rom):
        if not self._bus.reset():
            return _fault(channel, frame.FAULT_NO_PRESENCE, rom)
        self._bus.write(bytes([MATCH_ROM]) + rom + bytes([READ_SCRATCHPAD]))
        scratchpad = self._bus.read(SCRATCHPAD_LENGTH)
        if scratchpad == NOBODY:
            return _fault(channel, frame.FAULT_NO_ANSWER, rom)
        return bytes([channel, frame.KIND_DS18B20, 8 + SCRATCHPAD_LENGTH]) + rom + scratchpad


def _fault(channel, fault, rom):
    return bytes([channel, frame.KIND_FAULT, 1 + len(rom), fault]) + rom
