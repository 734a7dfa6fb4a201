"""All DS18B20 of one 1-wire bus: convert together, then read one after another; the host judges the scratchpads.

A probe keeps its channel number for as long as the board runs, also when it is unplugged: then it is a fault, told in
every round, never a missing line. One probe is read, or one id looked for, in each pass of the loop: 15 ms at most.
Source: DS18B20 datasheet p. 10-12.
"""

import frame
from one_wire import crc8, search

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
    """The probes of `bus`, see one_wire.py."""

    def __init__(self, bus, now_ms):
        self._bus = bus
        self._now_ms = now_ms
        self._searched_ms = now_ms - SEARCH_MS
        self._roms = []
        self._too_many = False
        self._test_asked = False
        self._round_results = {}
        self._test_results = None
        self._rounds = self._run()

    def step(self, now_ms):
        """A record (bytes), or None if there is none in this pass."""
        self._now_ms = now_ms
        return next(self._rounds)

    def begin_test(self, now_ms):
        """The next whole round, with a search, is the test."""
        self._test_asked, self._test_results = True, None

    def test_results(self, now_ms):
        """(channel, fault) of the bus and of each probe, or None while the round goes on."""
        return self._test_results

    def _run(self):
        while True:
            began_ms = self._now_ms
            tested, self._test_asked = self._test_asked, False
            self._round_results = {}
            fault = self._bus_fault()
            if not fault:
                if tested or began_ms - self._searched_ms >= SEARCH_MS:
                    self._searched_ms = began_ms
                    yield from self._search()
                self._bus.reset()
                self._bus.write(bytes([SKIP_ROM, CONVERT]))
                converting_ms = self._now_ms
                while self._now_ms - converting_ms < CONVERSION_MS:
                    yield None
                for channel, rom in enumerate(self._roms, frame.FIRST_PROBE):
                    yield self._read(channel, rom)
                fault = frame.FAULT_NONE if self._roms else frame.FAULT_NO_ANSWER
                if fault:
                    yield self._fault(frame.FIRST_PROBE, fault, b"")
            elif self._roms:
                for channel, rom in enumerate(self._roms, frame.FIRST_PROBE):
                    yield self._fault(channel, fault, rom)
            else:
                yield self._fault(frame.FIRST_PROBE, fault, b"")
            if tested:
                probes = [(channel, self._round_results[channel]) for channel in sorted(self._round_results)]
                bus = fault or (frame.FAULT_TOO_MANY if self._too_many else frame.FAULT_NONE)
                self._test_results = [(frame.CHANNEL_ONE_WIRE, bus)] + (probes if self._roms else [])
            while self._now_ms - began_ms < ROUND_MS and not self._test_asked:
                yield None
            yield None

    def _bus_fault(self):
        # A shorted line looks like a presence pulse; only the pull-up's level afterwards tells the two apart.
        present = self._bus.reset()
        if not self._bus.released():
            return frame.FAULT_BUS_SHORTED
        return frame.FAULT_NONE if present else frame.FAULT_NO_PRESENCE

    def _search(self):
        self._too_many = False
        for rom in search(self._bus):
            if rom and rom[0] == FAMILY and rom not in self._roms:
                if len(self._roms) < frame.MAX_PROBES:
                    self._roms.append(rom)
                else:
                    self._too_many = True
            yield None

    def _read(self, channel, rom):
        if not self._bus.reset():
            return self._fault(channel, frame.FAULT_NO_PRESENCE, rom)
        self._bus.write(bytes([MATCH_ROM]) + rom + bytes([READ_SCRATCHPAD]))
        scratchpad = self._bus.read(SCRATCHPAD_LENGTH)
        if scratchpad == NOBODY:
            return self._fault(channel, frame.FAULT_NO_ANSWER, rom)
        good = any(scratchpad) and crc8(scratchpad) == 0
        self._round_results[channel] = frame.FAULT_NONE if good else frame.FAULT_BAD_CRC
        return bytes([channel, frame.KIND_DS18B20, 8 + SCRATCHPAD_LENGTH]) + rom + scratchpad

    def _fault(self, channel, fault, rom):
        self._round_results[channel] = fault
        return bytes([channel, frame.KIND_FAULT, 1 + len(rom), fault]) + rom
