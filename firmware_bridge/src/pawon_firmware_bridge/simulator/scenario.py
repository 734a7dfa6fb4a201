"""Reads a scenario (which devices there are, and what happens to them when) from TOML; tells all mistakes at once."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from pawon_firmware_bridge.scenarios.classes import CLASSES
from pawon_firmware_bridge.scenarios.signals import make
from pawon_firmware_bridge.simulator.actions import ACTIONS, MODBUS, PLAYED, SCALES, action_problems
from pawon_firmware_bridge.simulator.rows import (
    BoardProbeRow,
    BoardRow,
    CellRow,
    ChannelRow,
    DeviceRow,
    DoorRow,
    EventRow,
    ModbusRow,
    ProbeRow,
    ScaleRow,
    Scenario,
    ThermocoupleRow,
)
from pawon_firmware_bridge.simulator.tables import Field, read_table

NAME = re.compile(r"[a-z0-9-]{1,32}")
ROM = re.compile(r"28-[0-9a-f]{12}")
BOARD_ID = re.compile(r"[0-9a-f]{16}")
CELL = re.compile(r"hx711-[0-3]")
THERMOCOUPLE = re.compile(r"thermocouple-[0-3]")
DOOR = re.compile(r"door-[0-3]")
CHIPS = ("max31855", "max6675")
STATES = ("closed", "open")
MAX_PROBES = 8
"""A board's firmware keeps eight probes of one bus."""

PROBE = "ds18b20-w1"
BOARD = "pawon-board"

_TOP = {
    "title": Field(kind="text", default=""),
    "seed": Field(kind="count", default=1),
    "repeat_s": Field(kind="number", default=0.0, low=0, high=86_400),
    "device": Field(kind="tables"),
    "event": Field(kind="tables", default=[]),
}
_DEVICE = {"name": Field(kind="text"), "protocol": Field(kind="text"), "path": Field(kind="text", default="")}
_SCALE = {
    **_DEVICE,
    "rate_hz": Field(kind="number", default=10.0, low=0.1, high=50),
    "mass_g": Field(kind="number", default=0.0, low=-1_000_000, high=1_000_000),
    "division_g": Field(kind="number", default=20.0, low=0.1, high=1000),
    "decimals": Field(kind="count", default=3, low=0, high=4),
    "noise_g": Field(kind="number", default=0.0, low=0, high=1000),
    "capacity_g": Field(kind="number", default=150_000.0, low=1, high=900_000),
    "signal": Field(kind="text", default=""),
    "signal_seed": Field(kind="count", default=1, low=0),
}
_TEMPERATURE = {
    "temperature_c": Field(kind="number", low=-55, high=125),
    "noise_c": Field(kind="number", default=0.02, low=0, high=5),
}
_PROBE = {**_DEVICE, **_TEMPERATURE, "rate_hz": Field(kind="number", default=1.0, low=0.01, high=10)}
_MODBUS = {
    **_DEVICE,
    **_TEMPERATURE,
    "unit": Field(kind="count", default=1, low=1, high=247),
    "humidity_percent": Field(kind="number", default=60.0, low=10, high=100),
    "answer_s": Field(kind="number", default=0.0, low=0, high=5),
}
_BOARD = {**_DEVICE, "board_id": Field(kind="text"), "channel": Field(kind="tables")}
_CELL = {
    "name": Field(kind="text"),
    "mass_g": Field(kind="number", default=0.0, low=-1_000_000, high=1_000_000),
    "offset_counts": Field(kind="number", default=0.0, low=-8_388_608, high=8_388_607),
    "counts_per_g": Field(kind="number", default=20.0, low=-10_000, high=10_000),
    "noise_g": Field(kind="number", default=0.0, low=0, high=1000),
}
_BOARD_PROBE = {"name": Field(kind="text"), **_TEMPERATURE}
_THERMOCOUPLE = {
    "name": Field(kind="text"),
    "chip": Field(kind="text", default="max31855"),
    "temperature_c": Field(kind="number", low=-200, high=1000),
    "junction_c": Field(kind="number", default=30.0, low=-40, high=125),
    "noise_c": Field(kind="number", default=0.1, low=0, high=5),
}
_DOOR = {
    "name": Field(kind="text"),
    "state": Field(kind="text", default="closed"),
    "normally": Field(kind="text", default="closed"),
}
_EVENT = {
    "at_s": Field(kind="number", low=0, high=86_400),
    "device": Field(kind="text"),
    "channel": Field(kind="text", default=""),
    "action": Field(kind="text"),
}


class ScenarioError(ValueError):
    """A scenario cannot be used; `problems` has every reason, each with its key path."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load_scenario(path: Path) -> Scenario:
    """Read a TOML file. OSError if it cannot be read, `ScenarioError` if it cannot be used."""
    return parse_scenario(path.read_bytes())


def parse_scenario(content: bytes) -> Scenario:
    """The same from bytes."""
    try:
        document = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError([f"not TOML: {error}"]) from error
    problems: list[str] = []
    top = read_table(document, _TOP, "", problems)
    devices = [_device(table, f"device[{at}]", problems) for at, table in enumerate(top["device"] or [])]
    known = [device for device in devices if device is not None]
    _refuse_twins(known, problems)
    events = [_event(table, f"event[{at}]", devices, problems) for at, table in enumerate(top["event"])]
    for at, event in enumerate(events):
        if top["repeat_s"] and event is not None and event.at_s >= top["repeat_s"]:
            problems.append(f"event[{at}].at_s: {event.at_s} is not before repeat_s ({top['repeat_s']})")
    if problems:
        raise ScenarioError(problems)
    story = sorted((event for event in events if event is not None), key=lambda event: event.at_s)
    return Scenario(
        title=top["title"],
        seed=top["seed"],
        repeat_s=float(top["repeat_s"]),
        devices=tuple(known),
        events=tuple(story),
    )


def kinds_of(device: DeviceRow, channel: str) -> tuple[str, str]:
    """(kind, problem) of what an event acts on: the device itself, or one channel of a board."""
    if not channel:
        return device.protocol, ""
    if not isinstance(device, BoardRow):
        return "", f"{device.name} has no channels"
    names = [row.name for row in device.channels]
    if channel not in names:
        return "", f"{device.name} has no channel {channel}; it has {', '.join(names)}"
    kind = channel.partition("-")[0]
    return (kind if kind in ("hx711", "thermocouple", "door") else "ds18b20"), ""


def _device(table: object, path: str, problems: list[str]) -> DeviceRow | None:
    protocol = table.get("protocol") if isinstance(table, dict) else None
    before = len(problems)
    row: DeviceRow | None = None
    if protocol in SCALES:
        values = read_table(table, _SCALE, path, problems)
        row = None if problems[before:] else _scale(values, path, problems)
    elif protocol == PROBE:
        values = read_table(table, _PROBE, path, problems)
        row = None if problems[before:] else ProbeRow(**_with_path(values))
        if row is not None and not ROM.fullmatch(row.rom):
            problems.append(f"{path}.path: must end in a 1-wire id such as w1/28-000000000c01")
    elif protocol in MODBUS:
        values = read_table(table, _MODBUS, path, problems)
        row = None if problems[before:] else ModbusRow(**_with_path(values))
    elif protocol == BOARD:
        values = read_table(table, _BOARD, path, problems)
        channels = _channels(values.pop("channel") or [], path, problems)
        row = None if problems[before:] else BoardRow(**_with_path(values), channels=channels)
        if row is not None and not BOARD_ID.fullmatch(row.board_id):
            problems.append(f"{path}.board_id: must be 16 hex digits")
    else:
        problems.append(f"{path}.protocol: {_unknown(protocol)}; known: {', '.join((*SCALES, PROBE, BOARD, *MODBUS))}")
    if row is not None:
        _check_names(row, path, problems)
    return row


def _unknown(value: object) -> str:
    return "missing" if value is None else f"unknown {value!r}"


def _with_path(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "path": values["path"] or values["name"]}


def _scale(values: dict[str, Any], path: str, problems: list[str]) -> ScaleRow:
    row = ScaleRow(**_with_path(values))
    if row.signal and row.signal not in CLASSES:
        problems.append(f"{path}.signal: {_unknown(row.signal)}; known: {', '.join(CLASSES)}")
        return row
    if row.signal:
        signal = make(row.signal, row.signal_seed)
        scale = signal.scale
        row = replace(row, mass_g=signal.load_g, division_g=scale.division_g, capacity_g=scale.capacity_g)
    shown = row.division_g * 10**row.decimals / 1000
    if abs(shown - round(shown)) > 1e-9 or shown < 1:
        problems.append(f"{path}.decimals: {row.decimals} cannot show steps of {row.division_g} g (in kg)")
    return row


def _check_names(row: DeviceRow, path: str, problems: list[str]) -> None:
    if not NAME.fullmatch(row.name):
        problems.append(f"{path}.name: must be 1-32 of a-z, 0-9 and -")
    parts = PurePosixPath(row.path)
    if parts.is_absolute() or ".." in parts.parts or str(parts) != row.path:
        problems.append(f"{path}.path: must be a plain path below the directory of the devices")


def _channels(tables: list[object], path: str, problems: list[str]) -> tuple[ChannelRow, ...]:
    rows: list[ChannelRow] = []
    for at, table in enumerate(tables):
        here = f"{path}.channel[{at}]"
        name = table.get("name") if isinstance(table, dict) else None
        row = _channel(table, name if isinstance(name, str) else "", here, problems)
        rows += [] if row is None else [row]
    for kind in ("hx711", "thermocouple", "door"):
        names = sorted(row.name for row in rows if row.name.startswith(f"{kind}-"))
        if names != [f"{kind}-{number}" for number in range(len(names))]:
            problems.append(
                f"{path}.channel: channels are numbered from {kind}-0 without a hole, not {', '.join(names)}"
            )
    names = [row.name for row in rows]
    if len(set(names)) < len(names) or sum(isinstance(row, BoardProbeRow) for row in rows) > MAX_PROBES:
        problems.append(f"{path}.channel: each name once, at most {MAX_PROBES} probes")
    return tuple(rows)


def _channel(table: object, name: str, path: str, problems: list[str]) -> ChannelRow | None:
    before = len(problems)
    if CELL.fullmatch(name):
        values = read_table(table, _CELL, path, problems)
        return None if problems[before:] else CellRow(**values)
    if ROM.fullmatch(name):
        values = read_table(table, _BOARD_PROBE, path, problems)
        return None if problems[before:] else BoardProbeRow(**values)
    if THERMOCOUPLE.fullmatch(name):
        values = read_table(table, _THERMOCOUPLE, path, problems)
        _check_choice(values, "chip", CHIPS, path, problems)
        return None if problems[before:] else ThermocoupleRow(**values)
    if DOOR.fullmatch(name):
        values = read_table(table, _DOOR, path, problems)
        for key in ("state", "normally"):
            _check_choice(values, key, STATES, path, problems)
        return None if problems[before:] else DoorRow(**values)
    problems.append(
        f"{path}.name: must be hx711-0 to hx711-3, thermocouple-0 to -3, door-0 to -3, "
        "or a 1-wire id such as 28-000000000a01"
    )
    return None


def _check_choice(values: dict[str, Any], key: str, choices: tuple[str, ...], path: str, problems: list[str]) -> None:
    if values[key] not in choices:
        problems.append(f"{path}.{key}: unknown {values[key]!r}; known: {', '.join(choices)}")


def _refuse_twins(devices: list[DeviceRow], problems: list[str]) -> None:
    names = [device.name for device in devices]
    problems += [f"device: name {name!r} is used twice" for at, name in enumerate(names) if name in names[:at]]
    paths: dict[str, DeviceRow] = {}
    units: set[tuple[str, int]] = set()
    for device in devices:
        first = paths.setdefault(device.path, device)
        # The units of one line share its port.
        if first is not device and not (isinstance(first, ModbusRow) and isinstance(device, ModbusRow)):
            problems.append(f"device: path {device.path!r} is used twice")
        if isinstance(device, ModbusRow):
            if (device.path, device.unit) in units:
                problems.append(f"device: unit {device.unit} of path {device.path!r} is used twice")
            units.add((device.path, device.unit))


def _event(table: object, path: str, devices: list[DeviceRow | None], problems: list[str]) -> EventRow | None:
    action = table.get("action") if isinstance(table, dict) else None
    row = ACTIONS.get(action) if isinstance(action, str) else None
    before = len(problems)
    if row is None:
        problems.append(f"{path}.action: {_unknown(action)}; known: {', '.join(ACTIONS)}")
        return None
    values = read_table(table, {**_EVENT, **row.fields}, path, problems)
    if problems[before:]:
        return None
    device = next((device for device in devices if device is not None and device.name == values["device"]), None)
    if device is None:
        # A device with mistakes of its own has been told already.
        if None not in devices:
            problems.append(f"{path}.device: no device {values['device']!r}")
        return None
    problem = action_problems(values["action"], *kinds_of(device, values["channel"]))
    if isinstance(device, ScaleRow) and device.signal and values["action"] in PLAYED:
        problem = f"{device.name} plays {device.signal}: nothing else happens to its load"
    if problem:
        problems.append(f"{path}: {problem}")
    arguments = {key: float(values[key]) for key in row.fields}
    return EventRow(
        at_s=float(values["at_s"]),
        device=values["device"],
        channel=values["channel"],
        action=values["action"],
        arguments=arguments,
    )
