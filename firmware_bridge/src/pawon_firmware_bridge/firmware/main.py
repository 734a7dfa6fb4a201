"""The board's program: read the chips, send frames, do commands; nothing in the loop waits for anything but the host.

Copied to an ESP32 or RP2040 with the other files of this folder (not `bench/`), it starts by itself. The same files run
under the Unix port of MicroPython, where `bench/` replaces `pins` alone.
"""

import select
import sys
import time

import pins
from board import Board

PASS_MS = 10  # the loop's longest wait for the host; an HX711 at 10 Hz is then read within a tenth of its period
MAX_READ = 64  # bytes taken from the host in one pass, so that a babbling host does not stop the measuring


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
