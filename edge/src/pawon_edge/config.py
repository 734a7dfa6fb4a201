"""``gateway.toml``: every setting, its default and its limits. All mistakes are told at once, each with its place."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, ValidationError, create_model, field_validator

from pawon_contract.broker import parse_broker
from pawon_food_safety.overrides import adjust, overrides_of
from pawon_food_safety.profile import Profile, ProfileError, load_profile

from .drivers.driver import DeviceTable, DriverKind, Id, SensorTable, Table
from .drivers.kinds import KINDS, DriverError, foreign_kind


class ConfigError(Exception):
    """The file cannot be used; ``problems`` names every mistake."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path}: {len(problems)} problem(s)")
        self.path, self.problems = path, problems


class GuardTable(Table):
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


class BrokerTable(Table):
    """Where a server's broker is, and who this gateway is to it."""

    # mqtt://host:port or mqtts://host:port
    broker: str
    broker_user: str | None = None
    broker_password_file: Path | None = None
    broker_ca_file: Path | None = None

    @field_validator("broker")
    @classmethod
    def _address(cls, value: str) -> str:
        parse_broker(value)
        return value


class WitnessTable(BrokerTable):
    """A second server that gets a copy of everything and decides nothing."""

    name: Id
    # A week of a default kitchen: so much waits for it behind what the primary has, as long as the card has room.
    quota_rows: Annotated[int, Field(ge=0, le=5_000_000)] = 500_000


class GatewayConfig(BrokerTable):
    """The whole file. Its own broker leads to the primary server."""

    kitchen: Id
    gateway: Id
    witness: Annotated[list[WitnessTable], Field(max_length=4, default_factory=list)]
    data_dir: Path
    heartbeat_s: Annotated[float, Field(ge=0.5, le=60)] = 60.0
    # A month of a default kitchen without a server, and a small part of a 32 GB card; opening reads all of it.
    spool_max_rows: Annotated[int, Field(ge=10_000, le=5_000_000)] = 2_000_000
    spool_max_mb: Annotated[int, Field(ge=10, le=4_000)] = 500
    guard: GuardTable = GuardTable()
    # The same as in ``server.toml``, so that guard and server judge alike.
    override: Annotated[list[dict[str, Any]], Field(default_factory=list)]
    # The kinds of driver of this file; each is an array of tables beside the settings above.
    _kinds: dict[str, DriverKind] = PrivateAttr(default_factory=dict)

    def rules(self) -> Profile:
        """What the guard judges by: its profile with the kitchen's overrides."""
        return adjust(load_profile(self.guard.profile), self.override)

    @property
    def devices(self) -> list[tuple[DriverKind, DeviceTable]]:
        """Every device with its kind, kind by kind in the order of the file."""
        return [(kind, table) for name, kind in self._kinds.items() for table in getattr(self, name)]

    @property
    def sensors(self) -> list[SensorTable]:
        """Every sensor, in the same order."""
        return [sensor for _, table in self.devices for sensor in table.sensor]


def file_model(kinds: dict[str, DriverKind]) -> type[GatewayConfig]:
    """The whole file's model, with the arrays of tables of these kinds of driver."""
    arrays: dict[str, Any] = {name: (list[kind.model], []) for name, kind in kinds.items()}  # type: ignore[name-defined]  # a model known at run time
    return create_model("GatewayFile", __base__=GatewayConfig, **arrays)


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
    kinds = dict(KINDS)
    for name in [name for name in table if name not in GatewayConfig.model_fields and name not in kinds]:
        try:
            kind = foreign_kind(name)
        except DriverError as error:
            problems.append(f"{name}: {error}")
            del table[name]
            continue
        if kind is not None:
            kinds[name] = kind
    try:
        config = file_model(kinds).model_validate(table)
        config._kinds.update(kinds)
    except ValidationError as error:
        problems += [f"{_place(row['loc'])}: {row['msg'].removeprefix('Value error, ')}" for row in error.errors()]
    problems += _misfits(table, list(kinds))
    if problems:
        raise ConfigError(path, problems)
    return config, hashlib.sha256(text).hexdigest()[:16]


def _misfits(table: dict[str, Any], kinds: list[str]) -> list[str]:
    """What does not fit together. Looks at the file as it was read, so that these mistakes are told beside those of
    single settings; what is missing or of the wrong kind is passed over here, its own setting tells it."""
    sensors = [
        (f"{kind}[{number}].sensor[{place}]", sensor)
        for kind in kinds
        for number, line in _rows(table, kind)
        for place, sensor in _rows(line, "sensor")
    ]
    ids = [sensor.get("id") for _, sensor in sensors]
    problems = [
        f"{where}.id: used twice: {sensor['id']}"
        for place, (where, sensor) in enumerate(sensors)
        if sensor.get("id") is not None and sensor["id"] in ids[:place]
    ]
    if not sensors:
        problems.append(f"file: no sensor at all: add one of {', '.join(f'[[{kind}]]' for kind in kinds)}")
    witnesses = [(f"witness[{number}].", row) for number, row in _rows(table, "witness")]
    for where, row in [("", table), *witnesses]:
        broker = str(row.get("broker", ""))
        if broker.startswith("mqtts:") and "broker_ca_file" not in row:
            problems.append(f"{where}broker_ca_file: mqtts needs broker_ca_file")
        if broker.startswith("mqtt:") and "broker_ca_file" in row:
            problems.append(f"{where}broker_ca_file: needs mqtts")
    names = [row.get("name") for _, row in witnesses]
    problems += [
        f"{where}name: used twice: {row['name']}"
        for place, (where, row) in enumerate(witnesses)
        if row.get("name") is not None and row["name"] in names[:place]
    ]
    guard = table.get("guard")
    name = guard.get("profile") if isinstance(guard, dict) else None
    try:
        profile = load_profile(str(name or GuardTable.model_fields["profile"].default))
    except ProfileError:
        return problems
    try:
        adjust(profile, overrides_of(table))
    except ProfileError as error:
        problems += error.problems
    points = profile.points
    problems += [
        f"{where}.point: {sensor['point']!r} is none of {', '.join(points)}"
        for where, sensor in sensors
        if sensor.get("point") and sensor["point"] not in points
    ]
    doors = {sensor.get("id") for _, sensor in sensors if sensor.get("quantity") == "door"}
    problems += [
        f"{where}.door: no sensor {sensor['door']!r} whose quantity is door"
        for where, sensor in sensors
        if sensor.get("door") and sensor["door"] not in doors
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
