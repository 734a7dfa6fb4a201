"""Which advertisement is news? One sender's memory, bounded, without a clock.

A sensor says each measurement several times, because half of what it says is lost. Its number (``packet``) tells a
repetition from a new measurement of the same value; without this, a device that hangs while its radio goes on would
look alive. The counter of an encrypted one rises with each: what does not rise was recorded and sent again by somebody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from pawon_firmware_bridge.advertisements.advertisement import Advertisement

# More than a device has in the air at once (two alternating packets), and far less than its numbers take to come again.
REMEMBERED = 8
# A counter of 32 bits that ran over; as near to both ends as the reference implementation allows.
COUNTER_END = 1 << 32
NEAR_END = 100

Verdict = Literal["new", "repeat", "replay"]


@dataclass(slots=True)
class Repeats:
    """What one sender has said. Fed only what could be read."""

    _packets: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    counter: int | None = None

    def judge(self, heard: Advertisement) -> Verdict:
        """Whether this is news; remembers it."""
        if heard.counter is not None:
            if self.counter is not None and heard.counter <= self.counter:
                if heard.counter == self.counter:
                    return "repeat"
                if not (heard.counter < NEAR_END and self.counter >= COUNTER_END - NEAR_END):
                    return "replay"
            self.counter = heard.counter
        if heard.packet is None:
            return "new"
        packet = (heard.packet, heard.payload)
        if packet in self._packets:
            return "repeat"
        if self._packets and self._packets[-1][0] == heard.packet:
            # The same number with other values: this device does not count, so an older value may honestly return.
            self._packets.clear()
        self._packets.append(packet)
        return "new"
