"""The bench's hardware in place of `pins.py`: the same names, with the simulated chips of `chips.py` behind the pins."""

import time

import chips

ENDS_WITH_ITS_HOST = True

_FED_MS = 500  # the watchdog's file is written so often, not in every pass of the loop

_fed_ms = None


class guard:
    @staticmethod
    def enter():
        return None

    @staticmethod
    def leave(state):
        pass


class OneWire:
    def __init__(self, pin):
        self._bus = chips.Bus()

    def reset(self):
        return self._bus.reset()

    def released(self):
        return not self._bus.shorted()

    def write(self, data):
        self._bus.write(data)

    def read(self, count):
        return self._bus.read(count)

    def write_bit(self, bit):
        self._bus.write_bit(bit)

    def read_bit(self):
        return self._bus.read_bit()


def wiring():
    world = chips.now()
    found = {name: {} for name in world.get("outputs", ("buzzer", "light"))}
    for key in ("hx711", "thermocouples", "switches"):
        found[key] = [dict(row, number=number) for number, row in enumerate(world.get(key, []))]
    if world.get("ds18b20"):
        found["onewire"] = {"pin": 0}
    if "interval_ms" in world:
        found["interval_ms"] = world["interval_ms"]
    return found


def zeros_path():
    return chips.now().get("zeros") or "/nowhere/zeros.json"


def hx711_pins(row):
    chip = chips.HX711Chip(row["number"])
    return chips.DataPin(chip), chips.ClockPin(chip)


def thermocouple_pins(row):
    chip = chips.ThermocoupleChip(row["number"])
    return chips.DataPin(chip), chips.ClockPin(chip), chips.SelectPin(chip)


def switch_pin(row):
    return chips.SwitchPin(row["number"])


def one_wire(row):
    return OneWire(row["pin"])


def output_switch(name, row):
    last = [0]

    def switch(on):
        path = chips.now().get("log")
        if path and on != last[0]:
            with open(path, "a") as file:
                file.write("%s %d\n" % (name, on))
        last[0] = on

    return switch


def board_id():
    return bytes.fromhex(chips.now()["board_id"])


def reset_cause():
    return chips.now().get("reset_cause", 1)


def prepare_console():
    feed_watchdog()


def feed_watchdog():
    global _fed_ms
    now_ms = time.ticks_ms()
    path = chips.now().get("watchdog")
    if path and (_fed_ms is None or time.ticks_diff(now_ms, _fed_ms) >= _FED_MS):
        _fed_ms = now_ms
        with open(path, "w") as file:
            file.write("%d\n" % now_ms)
