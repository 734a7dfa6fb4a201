"""The hardware of an ESP32 or RP2040; the only file that knows `machine`. `bench/pins.py` has the same names.

What is wired where is in `wiring.json` beside this file, see docs/boards.md.
"""

import json
import select
import sys
import time

import machine
import micropython
import onewire

ENDS_WITH_ITS_HOST = False

_GRACE_MS = 2000  # so long after a start a person (mpremote) can still stop the firmware; a USB port needs one to appear
_WATCHDOG_MS = 8000  # the RP2040's longest is 8388

_watchdog = None


class guard:
    """Interrupts off around a clock pulse."""

    enter = machine.disable_irq
    leave = machine.enable_irq


class OneWire:
    """MicroPython's own 1-wire timing with the names the probes use."""

    def __init__(self, pin):
        self._pin = machine.Pin(pin)
        self._bus = onewire.OneWire(self._pin)

    def reset(self):
        return self._bus.reset()

    def released(self):
        """False when the line stays low though nobody drives it."""
        return self._pin.value() == 1

    def write(self, data):
        for byte in data:
            self._bus.writebyte(byte)

    def read(self, count):
        return bytes([self._bus.readbyte() for _ in range(count)])

    def write_bit(self, bit):
        self._bus.writebit(bit)

    def read_bit(self):
        return self._bus.readbit()


def wiring():
    with open("wiring.json") as file:
        return json.load(file)


def zeros_path():
    return "zeros.json"


def _input(pin, row):
    # The pull-up makes a chip that is not there say ones instead of whatever the wire picks up. "pull_up": false is for
    # an ESP32's pins 34-39, which have none and need a resistor.
    if row.get("pull_up", True):
        return machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)
    return machine.Pin(pin, machine.Pin.IN)


def hx711_pins(row):
    return _input(row["data"], row), machine.Pin(row["clock"], machine.Pin.OUT, value=0)


def thermocouple_pins(row):
    return (
        _input(row["data"], row),
        machine.Pin(row["clock"], machine.Pin.OUT, value=0),
        machine.Pin(row["select"], machine.Pin.OUT, value=1),
    )


def switch_pin(row):
    return _input(row["pin"], row)


def one_wire(row):
    return OneWire(row["pin"])


def output_switch(name, row):
    return machine.Pin(row["pin"], machine.Pin.OUT, value=0).value


def board_id():
    unique = machine.unique_id()[:8]  # 6 bytes on an ESP32, 8 on an RP2040
    return bytes(8 - len(unique)) + unique


def reset_cause():
    return machine.reset_cause()


def prepare_console():
    global _watchdog
    # Byte 3 inside a command is data, not a person's Ctrl-C: it must not leave a board without its program.
    micropython.kbd_intr(-1)
    if _person_asks():
        micropython.kbd_intr(3)
        raise KeyboardInterrupt
    _watchdog = machine.WDT(timeout=_WATCHDOG_MS)


def _person_asks():
    """True if the first thing heard is Ctrl-C, as typed or as mpremote sends it; what a host sends begins with 0."""
    console = select.poll()
    console.register(sys.stdin.buffer, select.POLLIN)
    until_ms = time.ticks_add(time.ticks_ms(), _GRACE_MS)
    heard = b""
    while heard in (b"", b"\r") and time.ticks_diff(until_ms, time.ticks_ms()) > 0:
        if console.poll(20):
            heard += sys.stdin.buffer.read(1)
    return heard in (b"\x03", b"\r\x03")


def feed_watchdog():
    _watchdog.feed()
