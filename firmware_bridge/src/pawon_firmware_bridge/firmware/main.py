"""The board's program: read the chips, send frames, do commands; nothing in the loop waits for anything but the host.

Copied to an ESP32 or RP2040 with the other files of this folder (not `bench/`), it starts by itself. The same files run
under the Unix port of MicroPython, where `bench/` replaces `pins` alone.
"""

import select
import struct
import sys
import time

import frame
import pins
from buzzer import Buzzer
from commands import Commands
from hx711 import HX711
from load_cells import LoadCell
from probes import Probes

VERSION = (0, 1, 0)
INTERVAL_MS = 200  # five readings a second: a hand on the platform is seen, and a load cell settles in two of them
QUIET_MS = 1000  # a frame is sent at least so often, so that silence means trouble
PASS_MS = 10  # the loop's longest wait for the host; an HX711 at 10 Hz is then read within a tenth of its period
MAX_READ = 64  # bytes taken from the host in one pass, so that a babbling host does not stop the measuring


class Board:
    """All that is wired to one board, and its one frame counter."""

    def __init__(self, now_ms):
        wiring = pins.wiring()
        self._interval_ms = wiring.get("interval_ms", INTERVAL_MS)
        self._cells = [
            LoadCell(channel, HX711(*pins.hx711_pins(row), pins.guard, row.get("gain", 128)), now_ms)
            for channel, row in enumerate(wiring.get("hx711", []))
        ]
        self._probes = Probes(pins.one_wire(wiring["onewire"]), now_ms) if "onewire" in wiring else None
        self._buzzer = Buzzer(pins.buzzer_switch(wiring.get("buzzer")))
        self._commands = Commands(self)
        self._records = []
        self._sent_ms = now_ms
        self._now_ms = now_ms
        self._sequence = 0
        self._tells_writable = False
        self._writable = select.poll()
        self._writable.register(sys.stdout.buffer, select.POLLOUT)

    def identify(self):
        """Say who this is."""
        body = pins.board_id() + bytes(VERSION) + bytes([pins.reset_cause()])
        # The delimiter ends whatever a boot loader has printed before.
        self._send(frame.HELLO, body, before=frame.DELIMITER)

    def sound(self, on_ms, off_ms, repeats):
        self._buzzer.sound(self._now_ms, on_ms, off_ms, repeats)

    def set_interval(self, interval_ms):
        self._interval_ms = interval_ms

    def hear(self, data):
        """Bytes from the host."""
        for sequence, status in self._commands.feed(data):
            self._send(frame.ANSWER, struct.pack("<HB", sequence, status))

    def step(self, now_ms):
        """Look at every chip once; send when it is time."""
        self._now_ms = now_ms
        self._buzzer.step(now_ms)
        for cell in self._cells:
            self._add(cell.step(now_ms, self._interval_ms))
        if self._probes:
            for record in self._probes.step(now_ms):
                self._add(record)
        waited_ms = now_ms - self._sent_ms
        if waited_ms >= QUIET_MS or (self._records and waited_ms >= self._interval_ms):
            self._sent_ms = now_ms
            body = struct.pack("<I", now_ms & 0xFFFFFFFF) + b"".join(self._records)
            self._records = []
            self._send(frame.SAMPLES, body)

    def _add(self, record):
        if record is None:
            return
        # A newer record of a channel replaces the one that waits: a slow interval must not outgrow a frame.
        self._records = [waiting for waiting in self._records if waiting[0] != record[0]]
        self._records.append(record)

    def _send(self, kind, body, before=b""):
        encoded = before + frame.encode(kind, self._sequence, body)
        self._sequence = (self._sequence + 1) & 0xFFFF
        # A host that does not read costs a frame, which the sequence will show, and never the loop. Some ports of
        # MicroPython never call their console writable; there the write gives up by itself after half a second.
        writable = bool(self._writable.poll(0))
        self._tells_writable = self._tells_writable or writable
        if writable or not self._tells_writable:
            sys.stdout.buffer.write(encoded)


class Clock:
    """Milliseconds since the start, from a counter that wraps (every 12 days on boards)."""

    def __init__(self):
        self._last = time.ticks_ms()
        self._ms = 0

    def now_ms(self):
        ticks = time.ticks_ms()
        self._ms += time.ticks_diff(ticks, self._last)
        self._last = ticks
        return self._ms


def run():
    pins.prepare_console()
    clock = Clock()
    board = Board(clock.now_ms())
    board.identify()
    readable = select.poll()
    readable.register(sys.stdin.buffer, select.POLLIN)
    while True:
        pins.feed_watchdog()
        board.step(clock.now_ms())
        wait_ms = PASS_MS
        for _ in range(MAX_READ):
            if not readable.poll(wait_ms):
                break
            data = sys.stdin.buffer.read(1)
            if not data:
                if pins.ENDS_WITH_ITS_HOST:
                    return
                break
            board.hear(data)
            wait_ms = 0


if __name__ == "__main__":
    run()
