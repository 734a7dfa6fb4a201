"""``server.toml``: every setting, its default and its limits. All mistakes are told at once, each with its place."""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pawon_contract.ids import ID_PATTERN
from pawon_food_safety.profile import ProfileError, load_profile

from . import rulebook

Id = Annotated[str, Field(pattern=ID_PATTERN)]


class ConfigError(Exception):
    """The file cannot be used; ``problems`` names every mistake."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path}: {len(problems)} problem(s)")
        self.path, self.problems = path, problems


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpTable(_Table):
    """Where the pages are. Anything but loopback is said explicitly, and behind a proxy that adds TLS."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080


class GatewayTable(_Table):
    """A gateway whose data is accepted."""

    id: Id


class SensorTable(_Table):
    """A sensor. ``point`` is a control point of the profile (chiller, freezer, hot-hold), or empty."""

    id: Id
    gateway: Id
    name: Annotated[str, Field(min_length=1, max_length=60)]
    point: str = ""
    quantity: Literal["temperature_c", "humidity_percent", "mass_g", "door", "power"] = "temperature_c"


class ItemTable(_Table):
    """Something the stock book counts, in its base unit."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=60)]
    unit: Literal["g", "ml", "piece"] = "g"


class PlaceTable(_Table):
    """A place watched by a scale, holding one item. With ``auto_confirm`` its weighings are booked without asking."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=60)]
    scale: Id
    item: Id
    auto_confirm: bool = False
    filled_from: Id = "supplier"
    emptied_to: Id = "prep"
    minimum: Annotated[int, Field(ge=0)] | None = None


class InfluxTable(_Table):
    """Export to InfluxDB 2.x; off unless this table is there."""

    url: str
    org: str
    bucket: str
    token_file: Path


class ServerConfig(_Table):
    """The whole file."""

    kitchen: Id
    name: Annotated[str, Field(min_length=1, max_length=80)]
    timezone: str = "Asia/Jakarta"
    profile: str = "ID-MBG"
    store: Path
    # "embedded", or mqtt://host:port, mqtts://host:port
    broker: str = "embedded"
    embedded_listen: str = "127.0.0.1:1883"
    broker_user: str | None = None
    broker_password_file: Path | None = None
    broker_ca_file: Path | None = None
    http: HttpTable = HttpTable()
    gateway: Annotated[list[GatewayTable], Field(min_length=1)]
    sensor: list[SensorTable] = []
    item: list[ItemTable] = []
    place: list[PlaceTable] = []
    influx: InfluxTable | None = None

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("unknown; use Asia/Jakarta (WIB), Asia/Makassar (WITA) or Asia/Jayapura (WIT)") from error
        return value

    @field_validator("profile")
    @classmethod
    def _profile(cls, value: str) -> str:
        try:
            load_profile(value)
        except ProfileError as error:
            raise ValueError("; ".join(error.problems)) from error
        return value

    @field_validator("broker")
    @classmethod
    def _broker(cls, value: str) -> str:
        parts = urlsplit(value)
        if value != "embedded" and (parts.scheme not in ("mqtt", "mqtts") or not parts.hostname):
            raise ValueError('must be "embedded" or look like mqtt://host:1883')
        return value

    @field_validator("embedded_listen")
    @classmethod
    def _loopback(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = host == "localhost"
        if not (port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError("must look like 127.0.0.1:1883")
        if not loopback:
            raise ValueError("the embedded broker asks for no password and listens on loopback only; use mosquitto")
        return value

    @model_validator(mode="after")
    def _whole(self) -> ServerConfig:
        problems: list[str] = []
        for kind, ids in (
            ("gateway", [row.id for row in self.gateway]),
            ("sensor", [row.id for row in self.sensor]),
            ("item", [row.id for row in self.item]),
            ("place", [row.id for row in self.place]),
        ):
            problems += [f"{kind} id {name!r} is used twice" for name in sorted(set(ids)) if ids.count(name) > 1]
        gateways, sensors = {row.id for row in self.gateway}, {row.id for row in self.sensor}
        items, scales = {row.id for row in self.item}, [row.scale for row in self.place]
        for number, sensor in enumerate(self.sensor):
            if sensor.gateway not in gateways:
                problems.append(f"sensor[{number}].gateway: no gateway {sensor.gateway!r}")
            points = load_profile(self.profile).points
            if sensor.point and sensor.point not in points:
                problems.append(f"sensor[{number}].point: {sensor.point!r} is none of {', '.join(points)}")
        for number, place in enumerate(self.place):
            if place.scale not in sensors:
                problems.append(f"place[{number}].scale: no sensor {place.scale!r}")
            if place.item not in items:
                problems.append(f"place[{number}].item: no item {place.item!r}")
        problems += [f"scale {name!r} watches two places" for name in sorted(set(scales)) if scales.count(name) > 1]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def settings(self) -> rulebook.Settings:
        """What the projections depend on."""
        return rulebook.Settings(
            kitchen=self.kitchen,
            name=self.name,
            timezone=self.timezone,
            sensors=[rulebook.Sensor(**row.model_dump()) for row in self.sensor],
            items=[rulebook.Item(**row.model_dump()) for row in self.item],
            places=[rulebook.Place(**row.model_dump()) for row in self.place],
        )


def load_config(path: Path, *, demo: bool = False) -> ServerConfig:
    """The configuration. Raises ``ConfigError`` naming every mistake; the DEMO profile is one outside the demo."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from error
    try:
        config = ServerConfig.model_validate(table)
    except ValidationError as error:
        problems = [f"{_place(row['loc'])}: {row['msg'].removeprefix('Value error, ')}" for row in error.errors()]
        raise ConfigError(path, problems) from error
    if load_profile(config.profile).demo and not demo:
        raise ConfigError(path, [f"profile: {config.profile} is for demonstrations only; kitchens use ID-MBG"])
    return config


def _place(location: tuple[int | str, ...]) -> str:
    place = ""
    for part in location:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place or "file"
