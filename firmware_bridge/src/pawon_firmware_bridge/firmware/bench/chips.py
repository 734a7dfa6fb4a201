"""The bench's simulated chips, below the drivers: each sees its pins' levels and nothing else.

Their values come from a small JSON file that the simulator replaces atomically; all but `board_id` may be left out:
{"board_id": "16 hex digits", "reset_cause": 1, "interval_ms": 200,
 "hx711": [{"counts": -1234, "plugged": true, "stuck_low": false, "shake": 0}],
 "ds18b20": [{"rom": "16 hex digits", "scratchpad": "18 hex digits", "plugged": true}], "one_wire_shorted": false,
 "thermocouples": [{"chip": "max31855", "word": "04b01900", "plugged": true}],
 "switches": [{"level": 0, "normally": "closed", "chatters": false}],
 "outputs": ["buzzer", "light"], "log": path or null, "zeros": path or null, "watchdog": path or null, "hang": false}
`log` receives a line for each time an output is switched; `zeros` is the board's flash; `watchdog` is written while the
loop goes on; `hang` makes a load cell's data line never return, as no real pin does. `shake` moves the counts up and
down by so much from one conversion to the next.
"""

import json
import time

REREAD_MS = 50  # half a conversion of an HX711
HX711_PERIOD_MS = 100
CONVERSION_MS = 750
POWER_ON = bytes.fromhex("50054b467fff0c101c")  # 85 C before the first conversion

SEARCH_ROM = 0xF0
MATCH_ROM = 0x55
SKIP_ROM = 0xCC
ROM_COMMAND_LENGTH = {MATCH_ROM: 9, SKIP_ROM: 1}

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


def use(path):
    global _world
    _world = World(path)


def now():
    """What the chips hold at this moment."""
    return _world.chips()


class HX711Chip:
    """Shifts a conversion out on the clock's rising edges, as the chip does (datasheet p. 5)."""

    def __init__(self, number):
        self._number = number
        self._ready_ms = time.ticks_ms()
        self._shift = 0
        self._bit = 0
        self._pulses = 0
        self._shaken = 1

    def _row(self):
        while now().get("hang"):
            time.sleep_ms(20)
        return now()["hx711"][self._number]

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
            row = self._row()
            self._shaken = -self._shaken
            self._shift = (row["counts"] + self._shaken * row.get("shake", 0)) & 0xFFFFFF
        self._pulses += 1
        self._bit = self._shift >> (24 - self._pulses) & 1 if self._pulses <= 24 else 1

    def fall(self):
        if self._pulses > 24:
            self._pulses = 0
            self._ready_ms = time.ticks_add(time.ticks_ms(), HX711_PERIOD_MS)


class ThermocoupleChip:
    """Shifts its word out on the clock's falling edges while selected; silent (the pull-up's ones) otherwise."""

    def __init__(self, number):
        self._number = number
        self._bits = ()

    def level(self):
        return self._bits[0] if self._bits else 1

    def select(self, on):
        row = now()["thermocouples"][self._number]
        word = bytes.fromhex(row["word"]) if on and row["plugged"] else b""
        self._bits = [byte >> bit & 1 for byte in word for bit in range(7, -1, -1)]

    def rise(self):
        pass

    def fall(self):
        self._bits = self._bits[1:]


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


class SelectPin:
    def __init__(self, chip):
        self._chip = chip

    def value(self, level):
        self._chip.select(level == 0)


class SwitchPin:
    def __init__(self, number):
        self._number = number
        self._last = 0

    def value(self):
        row = now()["switches"][self._number]
        self._last = 1 - self._last if row.get("chatters") else row["level"]
        return self._last


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


class Bus:
    """All chips of the 1-wire line: reset, ROM command, function command, data (DS18B20 datasheet p. 10-12)."""

    def __init__(self):
        self._chips = [DS18B20Chip(row) for row in now()["ds18b20"]]
        self._selected = []
        self._bytes = b""
        self._asked = 0
        self._reading = False

    def shorted(self):
        return bool(now().get("one_wire_shorted"))

    def reset(self):
        self._update()
        self._bytes, self._asked, self._reading = b"", 0, False
        self._selected = [chip for chip in self._chips if chip.plugged]
        # A line that is held low looks like a presence pulse.
        return self.shorted() or bool(self._selected)

    def _update(self):
        rows = now()["ds18b20"]
        for chip, row in zip(self._chips, rows):
            chip.update(row)
        return rows

    def write(self, data):
        for byte in data:
            self._write(byte)

    def _write(self, byte):
        self._bytes += bytes([byte])
        command = self._bytes[0]
        length = ROM_COMMAND_LENGTH.get(command)
        if length is None or len(self._bytes) < length:
            return
        if len(self._bytes) == length:
            if command == MATCH_ROM:
                self._selected = [chip for chip in self._selected if chip.rom == self._bytes[1:]]
            return
        if byte == 0x44:
            for chip, row in zip(self._chips, self._update()):
                if chip in self._selected:
                    chip.convert(row)
            self._selected = []
        self._reading = byte == 0xBE

    def read(self, count):
        # Chips that talk at once pull the line low together; with none the pull-up wins.
        answer = bytearray((b"\x00" if self.shorted() else b"\xff") * count)
        for chip in self._selected if self._reading else []:
            for at in range(min(count, len(chip.scratchpad))):
                answer[at] &= chip.scratchpad[at]
        return bytes(answer)

    def read_bit(self):
        """In a search: each chip that is still in it says its bit, then the opposite."""
        at, turned = self._asked >> 1, self._asked & 1
        self._asked += 1
        if self.shorted():
            return 0
        return min([(chip.rom[at >> 3] >> (at & 7) & 1) ^ turned for chip in self._selected] or [1])

    def write_bit(self, bit):
        at = (self._asked >> 1) - 1
        self._selected = [chip for chip in self._selected if chip.rom[at >> 3] >> (at & 7) & 1 == bit]
