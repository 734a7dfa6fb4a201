"""What a scenario consists of once it has been read: devices, channels, events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleRow:
    """`signal`: a class of the signal library that it plays, instead of following `mass_g` and its events."""

    name: str
    protocol: str
    path: str
    rate_hz: float
    mass_g: float
    division_g: float
    decimals: int
    noise_g: float
    capacity_g: float
    signal: str = ""
    signal_seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRow:
    """A probe on the gateway's own 1-wire bus; the last part of `path` is its 1-wire id."""

    name: str
    protocol: str
    path: str
    temperature_c: float
    noise_c: float
    rate_hz: float

    @property
    def rom(self) -> str:
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    name: str
    mass_g: float
    offset_counts: float
    counts_per_g: float
    noise_g: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardProbeRow:
    name: str
    temperature_c: float
    noise_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermocoupleRow:
    """`chip` is `max31855` or `max6675`; `junction_c` is the cold junction's temperature."""

    name: str
    chip: str
    temperature_c: float
    junction_c: float
    noise_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRow:
    """`state` is the door's at the beginning; `normally` the contact's while the door is closed."""

    name: str
    state: str
    normally: str


ChannelRow = CellRow | BoardProbeRow | ThermocoupleRow | DoorRow


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    name: str
    protocol: str
    path: str
    board_id: str
    channels: tuple[ChannelRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusRow:
    """One unit of an RS-485 line; those of one `path` are on one line. `protocol` is `modbus-` and its map's name."""

    name: str
    protocol: str
    path: str
    unit: int
    temperature_c: float
    humidity_percent: float
    noise_c: float
    answer_s: float


DeviceRow = ScaleRow | ProbeRow | BoardRow | ModbusRow


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Something happens: `arguments` are those of the action, defaults filled in."""

    at_s: float
    device: str
    channel: str
    action: str
    arguments: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`repeat_s` 0: the story is told once and the devices then stay as they are."""

    title: str
    seed: int
    repeat_s: float
    devices: tuple[DeviceRow, ...]
    events: tuple[EventRow, ...]
