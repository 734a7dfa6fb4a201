"""The hardware of an ESP32 or RP2040; the only file that knows `machine`. `bench/pins.py` has the same names.

What is wired where is in `wiring.json` beside this file, see docs/boards.md.
"""

import json
import time

import machine
import micropython
import onewire

ENDS_WITH_ITS_HOST = False
GRACE_MS = 1000  # so long after a start a person (mpremote) can still stop the firmware with Ctrl-C
WATCHDOG_MS = 8000  # the RP2040's longest is 8388

_watchdog = None


class guard:
    """Interrupts off around a clock pulse."""

    enter = machine.disable_irq
    leave = machine.enable_irq


class OneWire:
    """MicroPython's own 1-wire driver with the names the probes use."""

    def __init__(self, pin):
        self._bus = onewire.OneWire(machine.Pin(pin))

    def reset(self):
        return self._bus.reset()

    def write(self, data):
        for byte in data:
            self._bus.writebyte(byte)

    def read(self, count):
        return bytes(self._bus.readbyte() for _ in range(count))

    def search(self):
        return [bytes(rom) for rom in self._bus.scan()]


def wiring():
    with open("wiring.json") as file:
        return json.load(file)


def hx711_pins(row):
    # The pull-up makes a board without a chip "not ready" instead of ready with zeros.
    return machine.Pin(row["data"], machine.Pin.IN, machine.Pin.PULL_UP), machine.Pin(row["clock"], machine.Pin.OUT)


def one_wire(row):
    return OneWire(row["pin"])


def buzzer_switch(row):
    if row is None:
        return lambda on: None
    return machine.Pin(row["pin"], machine.Pin.OUT).value


def board_id():
    unique = machine.unique_id()[:8]
    return bytes(8 - len(unique)) + unique


def reset_cause():
    return machine.reset_cause()


def prepare_console():
    global _watchdog
    time.sleep_ms(GRACE_MS)
    # Byte 3 inside a command is data, not a person's Ctrl-C.
    micropython.kbd_intr(-1)
    _watchdog = machine.WDT(timeout=WATCHDOG_MS)


def feed_watchdog():
    _watchdog.feed()
