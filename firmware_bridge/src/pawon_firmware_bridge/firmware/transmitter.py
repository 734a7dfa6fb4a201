"""Frames out: one counter for all of them, and a host that does not read never stops the loop."""

import select
import struct
import sys

import frame


class Transmitter:
    """Writes to standard output."""

    def __init__(self):
        self._sequence = 0
        self._tells_writable = False
        self._writable = select.poll()
        self._writable.register(sys.stdout.buffer, select.POLLOUT)

    def send(self, kind, body, before=b""):
        """One frame; lost, which the sequence will show, if the host does not read."""
        encoded = before + frame.encode(kind, self._sequence, body)
        self._sequence = (self._sequence + 1) & 0xFFFF
        # Some ports of MicroPython never call their console writable; there the write gives up by itself after half a
        # second.
        writable = bool(self._writable.poll(0))
        self._tells_writable = self._tells_writable or writable
        if writable or not self._tells_writable:
            sys.stdout.buffer.write(encoded)

    def send_samples(self, now_ms, records):
        """Records (bytes), one for each channel: the most there can be fit into one frame."""
        self.send(frame.SAMPLES, struct.pack("<I", now_ms & 0xFFFFFFFF) + b"".join(records))
