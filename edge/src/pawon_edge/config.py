"""``gateway.toml``: every setting, its default and its limits. All mistakes are told at once, each with its place."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pawon_contract.broker import parse_broker
from pawon_contract.ids import ID_PATTERN
from pawon_firmware_bridge.protocols import PROTOCOLS
from pawon_food_safety.profile import ProfileError, load_profile

Id = Annotated[str, Field(pattern=ID_PATTERN)]


class ConfigError(Exception):
    """The file cannot be used; ``problems`` names every mistake."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path}: {len(problems)} problem(s)")
        self.path, self.problems = path, problems


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Sensor(_Table):
    id: Id
    name: str = ""
    # The control point of the food-safety profile (chiller, freezer, hot-hold); empty: the guard does not judge it.
    point: str = ""
    report_step: Annotated[float, Field(gt=0)] | None = None
    # Nothing good for so long means a sensor fault.
    fault_after_s: Annotated[float, Field(ge=1, le=3600)] | None = None


class SerialSensor(_Sensor):
    """One sensor behind a serial port. ``channel`` names it on a device with several; empty takes whatever comes."""

    channel: str = ""
    quantity: Literal["mass_g", "temperature_c", "humidity_percent"] = "mass_g"
    division_g: Annotated[float, Field(gt=0)] = 1.0
    counts_per_g: float | None = None
    zero_counts: int = 0
    plateau_s: Annotated[float, Field(ge=1, le=30)] = 3.0
    merge_s: Annotated[float, Field(ge=0, le=300)] = 20.0

    @field_validator("counts_per_g")
    @classmethod
    def _divides(cls, value: float | None) -> float | None:
        if value == 0:
            raise ValueError("must not be zero; it may be negative when the cell hangs upside down")
        return value


class SerialTable(_Table):
    """One serial port."""

    name: Id
    path: str
    protocol: str
    baud: Annotated[int, Field(ge=300, le=921600)] | None = None
    format: Literal["8N1", "7E1", "8E1", "8O1", "7O1"] = "8N1"
    # Of a scale that shares its line with others and answers by a letter.
    address: Annotated[str, Field(pattern=r"^[A-Z]$")] | None = None
    # For ``st-gs``: a regular expression of the installer's own, and the unit where lines carry none.
    pattern: str | None = None
    pattern_unit: Literal["kg", "g", "lb"] = "kg"
    sensor: Annotated[list[SerialSensor], Field(min_length=1)]

    @field_validator("protocol")
    @classmethod
    def _known(cls, value: str) -> str:
        usable = [name for name, row in PROTOCOLS.items() if row.baud]
        if value not in usable:
            raise ValueError(f"unknown protocol {value!r}; known are {', '.join(usable)}")
        return value

    @model_validator(mode="after")
    def _pattern_fits(self) -> SerialTable:
        if self.pattern is not None:
            row = PROTOCOLS[self.protocol]
            if "pattern" not in row.settings:
                raise ValueError(f"pattern: {self.protocol} takes none; st-gs does")
            row.parser(**self.settings)  # says what is wrong with the pattern
        return self

    @property
    def settings(self) -> dict[str, str]:
        """What the protocol's parser takes."""
        return {} if self.pattern is None else {"pattern": self.pattern, "unit": self.pattern_unit}


class W1Sensor(_Sensor):
    """One DS18B20 by its id."""

    rom: Annotated[str, Field(pattern=r"^28-[0-9a-f]{12}$")]


class W1Table(_Table):
    """One 1-wire bus."""

    root: Path = Path("/sys/bus/w1/devices")
    interval_s: Annotated[float, Field(ge=0.5, le=60)] = 10.0
    sensor: Annotated[list[W1Sensor], Field(min_length=1)]


class GuardTable(_Table):
    """The local guard."""

    profile: str = "ID-MBG"
    # It alarms by itself when the server has not committed for so long.
    server_silent_s: Annotated[float, Field(ge=5, le=3600)] = 300.0

    @field_validator("profile")
    @classmethod
    def _loads(cls, value: str) -> str:
        try:
            load_profile(value)
        except ProfileError as error:
            raise ValueError("; ".join(error.problems)) from error
        return value


class GatewayConfig(_Table):
    """The whole file."""

    kitchen: Id
    gateway: Id
    # mqtt://host:port or mqtts://host:port
    broker: str
    broker_user: str | None = None
    broker_password_file: Path | None = None
    broker_ca_file: Path | None = None
    data_dir: Path
    heartbeat_s: Annotated[float, Field(ge=0.5, le=60)] = 60.0
    serial: list[SerialTable] = []
    w1: list[W1Table] = []
    guard: GuardTable = GuardTable()

    @field_validator("broker")
    @classmethod
    def _address(cls, value: str) -> str:
        parse_broker(value)
        return value

    @property
    def sensors(self) -> list[SerialSensor | W1Sensor]:
        """Every sensor, in the order of the file."""
        return [s for port in self.serial for s in port.sensor] + [s for bus in self.w1 for s in bus.sensor]


def load_config(path: Path) -> tuple[GatewayConfig, str]:
    """The configuration and the hash of its text. Raises ``ConfigError`` naming every mistake."""
    try:
        text = path.read_bytes()
        table = tomllib.loads(text.decode())
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from error
    problems: list[str] = []
    try:
        config = GatewayConfig.model_validate(table)
    except ValidationError as error:
        problems = [f"{_place(row['loc'])}: {row['msg'].removeprefix('Value error, ')}" for row in error.errors()]
    problems += _misfits(table)
    if problems:
        raise ConfigError(path, problems)
    return config, hashlib.sha256(text).hexdigest()[:16]


def _misfits(table: dict[str, Any]) -> list[str]:
    """What does not fit together. Looks at the file as it was read, so that these mistakes are told beside those of
    single settings; what is missing or of the wrong kind is passed over here, its own setting tells it."""
    sensors = [
        (f"{kind}[{number}].sensor[{place}]", sensor)
        for kind in ("serial", "w1")
        for number, line in _rows(table, kind)
        for place, sensor in _rows(line, "sensor")
    ]
    ids = [sensor.get("id") for _, sensor in sensors]
    problems = [
        f"{where}.id: used twice: {sensor['id']}"
        for place, (where, sensor) in enumerate(sensors)
        if sensor.get("id") is not None and sensor["id"] in ids[:place]
    ]
    if not table.get("serial") and not table.get("w1"):
        problems.append("file: no sensor at all: add [[serial]] or [[w1]]")
    broker = str(table.get("broker", ""))
    if broker.startswith("mqtts:") and "broker_ca_file" not in table:
        problems.append("broker_ca_file: mqtts needs broker_ca_file")
    if broker.startswith("mqtt:") and "broker_ca_file" in table:
        problems.append("broker_ca_file: needs mqtts")
    guard = table.get("guard")
    name = guard.get("profile") if isinstance(guard, dict) else None
    try:
        points = load_profile(str(name or GuardTable.model_fields["profile"].default)).points
    except ProfileError:
        return problems
    problems += [
        f"{where}.point: {sensor['point']!r} is none of {', '.join(points)}"
        for where, sensor in sensors
        if sensor.get("point") and sensor["point"] not in points
    ]
    return problems


def _rows(table: dict[str, Any], kind: str) -> list[tuple[int, dict[str, Any]]]:
    """The tables of one kind that are tables at all, with their numbers."""
    found = table.get(kind)
    return [(n, row) for n, row in enumerate(found if isinstance(found, list) else []) if isinstance(row, dict)]


def _place(location: tuple[int | str, ...]) -> str:
    place = ""
    for part in location:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place or "file"
