"""The bench's hardware: pins and a bus with simulated chips behind them, in place of `pins.py`.

The chips' values come from a small JSON file that the simulator replaces atomically:
{"board_id": "16 hex digits", "reset_cause": 1, "log": path or null,
 "hx711": [{"counts": -1234, "plugged": true, "stuck_low": false}],
 "ds18b20": [{"rom": "16 hex digits", "scratchpad": "18 hex digits", "plugged": true}]}
`log`, if given, receives a line for each time the buzzer is switched.
"""

import json
import time

ENDS_WITH_ITS_HOST = True
REREAD_MS = 50  # half a conversion of an HX711
HX711_PERIOD_MS = 100
CONVERSION_MS = 750
POWER_ON = bytes.fromhex("50054b467fff0c101c")  # 85 C before the first conversion

_world = None


class World:
    """The JSON file, read again when it may have changed."""

    def __init__(self, path):
        self._path = path
        self._read_ms = time.ticks_ms()
        self._chips = self._read()

    def _read(self):
        with open(self._path) as file:
            return json.load(file)

    def chips(self):
        now_ms = time.ticks_ms()
        if time.ticks_diff(now_ms, self._read_ms) >= REREAD_MS:
            self._read_ms = now_ms
            try:
                self._chips = self._read()
            except OSError:
                pass  # the simulator is ending and has removed it; the last values will do
        return self._chips


def use_chips(path):
    global _world
    _world = World(path)


class HX711Chip:
    """Shifts a conversion out on the clock's rising edges, as the chip does (datasheet p. 5)."""

    def __init__(self, number):
        self._number = number
        self._ready_ms = time.ticks_ms()
        self._shift = 0
        self._bit = 0
        self._pulses = 0

    def _row(self):
        return _world.chips()["hx711"][self._number]

    def level(self):
        row = self._row()
        if not row["plugged"]:
            return 1  # the pull-up
        if row.get("stuck_low"):
            return 0
        if self._pulses:
            return self._bit
        return 0 if time.ticks_diff(time.ticks_ms(), self._ready_ms) >= 0 else 1

    def rise(self):
        if not self._pulses:
            self._shift = self._row()["counts"] & 0xFFFFFF
        self._pulses += 1
        self._bit = self._shift >> (24 - self._pulses) & 1 if self._pulses <= 24 else 1

    def fall(self):
        if self._pulses > 24:
            self._pulses = 0
            self._ready_ms = time.ticks_add(time.ticks_ms(), HX711_PERIOD_MS)


class DataPin:
    def __init__(self, chip):
        self._chip = chip

    def value(self):
        return self._chip.level()


class ClockPin:
    def __init__(self, chip):
        self._chip = chip
        self._level = 0

    def value(self, level):
        if level and not self._level:
            self._chip.rise()
        elif self._level and not level:
            self._chip.fall()
        self._level = level


class guard:
    @staticmethod
    def enter():
        return None

    @staticmethod
    def leave(state):
        pass


class DS18B20Chip:
    """Scratchpad of one chip: power-on value until its first conversion has ended."""

    def __init__(self, row):
        self.rom = bytes.fromhex(row["rom"])
        self.scratchpad = POWER_ON
        self._converted = None
        self._done_ms = 0
        self.plugged = False

    def update(self, row):
        if row["plugged"] and not self.plugged:
            self.scratchpad, self._converted = POWER_ON, None
        self.plugged = row["plugged"]
        if self._converted is not None and time.ticks_diff(time.ticks_ms(), self._done_ms) >= 0:
            self.scratchpad, self._converted = self._converted, None

    def convert(self, row):
        self._converted = bytes.fromhex(row["scratchpad"])
        # A little early, so that a reader who waits exactly the datasheet's time finds it done.
        self._done_ms = time.ticks_add(time.ticks_ms(), CONVERSION_MS - 10)


class OneWire:
    """The bus, byte by byte: reset, ROM command, function command, data (DS18B20 datasheet p. 10-12)."""

    def __init__(self):
        self._chips = [DS18B20Chip(row) for row in _world.chips()["ds18b20"]]
        self._selected = []
        self._bytes = b""

    def _rows(self):
        rows = _world.chips()["ds18b20"]
        for chip, row in zip(self._chips, rows):
            chip.update(row)
        return rows

    def reset(self):
        self._rows()
        self._selected, self._bytes = [], b""
        return any(chip.plugged for chip in self._chips)

    def write(self, data):
        for byte in data:
            self._write(byte)

    def _write(self, byte):
        self._bytes += bytes([byte])
        command = self._bytes[0]
        length = {0x55: 9, 0xCC: 1}.get(command)
        if length is None or len(self._bytes) < length:
            return
        if len(self._bytes) == length:
            plugged = [chip for chip in self._chips if chip.plugged]
            self._selected = plugged if command == 0xCC else [c for c in plugged if c.rom == self._bytes[1:]]
            return
        if byte == 0x44:
            for chip, row in zip(self._chips, self._rows()):
                if chip in self._selected:
                    chip.convert(row)
            self._selected = []
        self._reading = byte == 0xBE

    def read(self, count):
        # Chips that talk at once pull the line low together; with none the pull-up wins.
        answer = bytearray(b"\xff" * count)
        for chip in self._selected if self._reading else []:
            for at in range(min(count, len(chip.scratchpad))):
                answer[at] &= chip.scratchpad[at]
        return bytes(answer)

    def search(self):
        self._rows()
        return [chip.rom for chip in self._chips if chip.plugged]


def wiring():
    chips = _world.chips()
    found = {"hx711": [{"number": number} for number in range(len(chips["hx711"]))], "buzzer": {}}
    if chips["ds18b20"]:
        found["onewire"] = {}
    return found


def hx711_pins(row):
    chip = HX711Chip(row["number"])
    return DataPin(chip), ClockPin(chip)


def one_wire(row):
    return OneWire()


def buzzer_switch(row):
    last = [0]

    def switch(on):
        path = _world.chips().get("log")
        if path and on != last[0]:
            with open(path, "a") as file:
                file.write("buzzer %d\n" % on)
        last[0] = on

    return switch


def board_id():
    return bytes.fromhex(_world.chips()["board_id"])


def reset_cause():
    return _world.chips()["reset_cause"]


def prepare_console():
    pass


def feed_watchdog():
    pass
