"""What is wired to a simulated board: each channel's value, the simulated chip below the firmware, and the truth.

Time is a parameter; nothing here touches a file or a process.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Protocol

from pawon_firmware_bridge import thermocouple
from pawon_firmware_bridge.ds18b20 import STEPS_PER_DEGREE, crc8, scratchpad_of
from pawon_firmware_bridge.scenarios.weighing_platform import Platform
from pawon_firmware_bridge.simulator.rows import BoardProbeRow, CellRow, ChannelRow, DoorRow, ThermocoupleRow
from pawon_firmware_bridge.simulator.warmth import Warmth

HIGHEST_COUNTS, LOWEST_COUNTS = 0x7FFFFF, -0x800000
DS18B20_COLDEST, DS18B20_HOTTEST = -55 * STEPS_PER_DEGREE, 125 * STEPS_PER_DEGREE

Said = tuple[str, float | None, str]
"""What the truth is told: channel, value, state."""


class Channel(Protocol):
    """`part` is its list in the bench's file (see firmware/bench/chips.py), `quantity` what it measures."""

    part: str
    quantity: str

    def show(self, now: float) -> tuple[dict[str, object], list[Said]]:
        """The chip as it is now, and what it says thereby."""
        ...

    def act(self, now: float, action: str, arguments: dict[str, float]) -> None: ...


def channel_of(row: ChannelRow, random: Random) -> Channel:
    """The channel behind a row."""
    match row:
        case CellRow():
            return Cell(row, random)
        case BoardProbeRow():
            return Thermometer(row, random)
        case ThermocoupleRow():
            return Thermocouple(row, random)
        case DoorRow():
            return Door(row)


def rom_of(name: str) -> bytes:
    """A 1-wire id as Linux spells it -> the eight bytes on the bus."""
    family, _, number = name.partition("-")
    body = bytes.fromhex(family) + bytes.fromhex(number)[::-1]
    return body + bytes([crc8(body)])


class Cell:
    """One load cell channel."""

    part = "hx711"
    quantity = "raw_counts"

    def __init__(self, row: CellRow, random: Random) -> None:
        self._row = row
        self._plugged = True
        self._platform = Platform(
            mass_g=row.mass_g, division_g=1.0, noise_g=row.noise_g, capacity_g=float("inf"), random=random
        )

    def show(self, now: float) -> tuple[dict[str, object], list[Said]]:
        counts = self._counts(now)
        chip: dict[str, object] = {"counts": counts, "plugged": self._plugged}
        return chip, [_said(self._row.name, float(counts), self._plugged)]

    def _counts(self, now: float) -> int:
        self._platform.settle(now)
        if self._platform.saturated(now):
            return HIGHEST_COUNTS
        counts = round(self._row.offset_counts + self._platform.cell_g(now) * self._row.counts_per_g)
        return min(max(counts, LOWEST_COUNTS), HIGHEST_COUNTS)

    def act(self, now: float, action: str, arguments: dict[str, float]) -> None:
        match action:
            case "add" | "take":
                mass_g = arguments["mass_g"] if action == "add" else -arguments["mass_g"]
                self._platform.add(now, mass_g, arguments["duration_s"])
            case "touch":
                self._platform.touch(now, arguments["mass_g"], arguments["duration_s"])
            case "overload":
                self._platform.overload(now, arguments["duration_s"])
            case "plug" | "unplug":
                self._plugged = action == "plug"


class Thermometer:
    """One DS18B20 channel."""

    part = "ds18b20"
    quantity = "temperature_c"

    def __init__(self, row: BoardProbeRow, random: Random) -> None:
        self._row = row
        self._plugged = True
        self._warmth = Warmth(temperature_c=row.temperature_c, noise_c=row.noise_c, random=random)

    def show(self, now: float) -> tuple[dict[str, object], list[Said]]:
        steps = min(max(self._warmth.steps(now), DS18B20_COLDEST), DS18B20_HOTTEST)
        chip: dict[str, object] = {
            "rom": rom_of(self._row.name).hex(), "scratchpad": scratchpad_of(steps).hex(), "plugged": self._plugged,
        }  # fmt: skip
        return chip, [_said(self._row.name, steps / STEPS_PER_DEGREE, self._plugged)]

    def act(self, now: float, action: str, arguments: dict[str, float]) -> None:
        if action == "approach":
            self._warmth.approach(now, arguments["target_c"], arguments["tau_s"])
        elif action in ("plug", "unplug"):
            self._plugged = action == "plug"


class Thermocouple:
    """One MAX31855 or MAX6675; unplugged is the thermocouple, which leaves the chip saying `open`."""

    part = "thermocouples"
    quantity = "temperature_c"

    def __init__(self, row: ThermocoupleRow, random: Random) -> None:
        self._row = row
        self._plugged = True
        self._warmth = Warmth(temperature_c=row.temperature_c, noise_c=row.noise_c, random=random)

    def show(self, now: float) -> tuple[dict[str, object], list[Said]]:
        name, state = self._row.name, "ok" if self._plugged else "open"
        # The steps of a DS18B20 are finer than the chip's, whose own rounding comes after.
        warm_c = self._warmth.steps(now) / STEPS_PER_DEGREE
        if self._row.chip == "max6675":
            word = thermocouple.max6675_word(warm_c, state=state)
            readings = {name: thermocouple.judge_max6675(word)}
        else:
            word = thermocouple.max31855_word(warm_c, self._row.junction_c, state=state)
            judged = thermocouple.judge_max31855(word)
            readings = {name: judged.thermocouple, f"{name}-junction": judged.junction}
        chip: dict[str, object] = {"chip": self._row.chip, "word": word.hex(), "plugged": True}
        return chip, [(channel, reading.temperature_c, reading.state) for channel, reading in readings.items()]

    def act(self, now: float, action: str, arguments: dict[str, float]) -> None:
        if action == "approach":
            self._warmth.approach(now, arguments["target_c"], arguments["tau_s"])
        elif action in ("plug", "unplug"):
            self._plugged = action == "plug"


class Door:
    """One contact to ground with a pull-up; a cut wire is a contact that never closes."""

    part = "switches"
    quantity = "door"

    def __init__(self, row: DoorRow) -> None:
        self._row = row
        self._plugged = True
        self._open = row.state == "open"

    def show(self, now: float) -> tuple[dict[str, object], list[Said]]:
        contact_closed = self._plugged and self._open == (self._row.normally == "open")
        chip: dict[str, object] = {"level": 0 if contact_closed else 1, "normally": self._row.normally}
        reads_open = contact_closed == (self._row.normally == "open")
        return chip, [(self._row.name, 1.0 if reads_open else 0.0, "ok")]

    def act(self, now: float, action: str, arguments: dict[str, float]) -> None:
        if action in ("open", "close"):
            self._open = action == "open"
        elif action in ("plug", "unplug"):
            self._plugged = action == "plug"


def channels_of(rows: tuple[ChannelRow, ...], random: Random) -> Iterator[tuple[str, Channel]]:
    """Name and channel of each row, in the order of their numbers."""
    for row in sorted(rows, key=lambda row: row.name):
        yield row.name, channel_of(row, random)


def _said(channel: str, value: float, plugged: bool) -> Said:
    return (channel, value, "ok") if plugged else (channel, None, "disconnected")
