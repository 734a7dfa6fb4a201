"""``server.toml``: every setting, its default and its limits. All mistakes are told at once, each with its place."""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from pawon_contract.broker import parse_broker
from pawon_contract.ids import ID_PATTERN
from pawon_food_safety.overrides import adjust, overrides_of
from pawon_food_safety.profile import Profile, ProfileError, load_profile

from . import rulebook
from .stock import accounts
from .stock.gs1 import gtin_14
from .stock.scale import STEPS, AccuracyClass, least_g, most_divisions
from .store.address import Address, is_database, parse_database

Id = Annotated[str, Field(pattern=ID_PATTERN)]

# Grams cooked of one gram raw; nothing in a kitchen takes up more than a few times its mass in water.
CookedFactor = Annotated[float, Field(ge=0, le=10)]


def _gtin(code: str) -> str:
    if not gtin_14(code):
        raise ValueError(f"{code} is no GTIN: 8, 12, 13 or 14 digits, of which the last checks the others")
    return code


Gtin = Annotated[str, AfterValidator(_gtin)]


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
    """A sensor. ``point`` is a control point of the profile (chiller, freezer, hot-hold), or empty: ``rulebook``."""

    id: Id
    gateway: Id
    name: Annotated[str, Field(min_length=1, max_length=60)]
    point: str = ""
    quantity: Literal["temperature_c", "humidity_percent", "mass_g", "door", "power"] = "temperature_c"
    place: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,32}$")] = ""
    measures: Literal["product", "air"] = "product"
    error_c: Annotated[float, Field(ge=0, le=5)] | None = None
    door: Annotated[str, Field(max_length=64)] = ""
    power: Annotated[str, Field(max_length=64)] = ""
    # Of a scale, as its plate says: e, Max and class. No platform scale ends above 3 t.
    division_g: Annotated[float, Field(gt=0, le=10_000)] | None = None
    max_g: Annotated[float, Field(gt=0, le=3_000_000)] | None = None
    accuracy_class: AccuracyClass | None = None


class ThermometerTable(_Table):
    """A thermometer that is not connected, to be checked like the others: carried by hand, or the reference."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=60)]
    kind: Literal["hand", "reference"] = "hand"


class ItemTable(_Table):
    """Something the stock book counts, in its base unit."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=60)]
    unit: Literal["g", "ml", "piece"] = "g"
    # Grams of one ml or of a mean piece: how a scale counts it.
    unit_g: Annotated[float, Field(ge=0.001, le=100_000)] = 1.0
    food: Annotated[str, Field(pattern=r"^[a-z-]{0,32}$")] = ""
    shelf_life_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    edible_percent: Annotated[float, Field(gt=0, le=100)] = 100.0
    cooked_factor: tuple[CookedFactor, CookedFactor] | None = None
    minimum: Annotated[int, Field(ge=0)] | None = None
    lead_days: Annotated[int, Field(ge=0, le=60)] = 2
    gtin: Annotated[list[Gtin], Field(max_length=40)] = []
    halal: bool = False

    @field_validator("cooked_factor")
    @classmethod
    def _least_first(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError("the least comes first: [least, most]")
        return value


class PlaceTable(_Table):
    """A place. With a ``scale`` it holds one ``item``, or whatever a person says (a shared receiving scale); with
    ``auto_confirm`` its weighings are booked without asking."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=60)]
    scale: Annotated[str, Field(max_length=32)] = ""
    item: Annotated[str, Field(max_length=32)] = ""
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


class ForumTable(_Table):
    """What everybody is shown beyond the record itself."""

    # What the kitchen lacks for its menu, for donors, farmers and suppliers.
    needs: bool = False


class KeepTable(_Table):
    """In which form old data is kept. Nothing of the record is ever thrown away."""

    # A gateway can send again what it confirmed within two days: those rows are compared with the record at once.
    seal_after_days: Annotated[int, Field(ge=2, le=365)] = 7
    raw_days: Annotated[int, Field(ge=7, le=3650)] = 90


class ServerConfig(_Table):
    """The whole file."""

    kitchen: Id
    name: Annotated[str, Field(min_length=1, max_length=80)]
    timezone: str = "Asia/Jakarta"
    profile: str = "ID-MBG"
    # The kitchen's own changes to single rows of the profile, see ``overrides.adjust``.
    override: list[dict[str, Any]] = []
    # Above the sea: it decides at how many degrees water boils. Nobody cooks for schools higher than this.
    altitude_m: Annotated[float, Field(ge=-10, le=4000)] | None = None
    # A file, or postgresql://user@host:port/database
    store: Annotated[str, Field(min_length=1)]
    store_password_file: Path | None = None
    # A witness stores, verifies and shows what its gateways send to it beside their primary server; it pages nobody.
    role: Literal["primary", "witness"] = "primary"
    # "embedded", or mqtt://host:port, mqtts://host:port
    broker: str = "embedded"
    embedded_listen: str = "127.0.0.1:1883"
    broker_user: str | None = None
    broker_password_file: Path | None = None
    broker_ca_file: Path | None = None
    http: HttpTable = HttpTable()
    keep: KeepTable = KeepTable()
    forum: ForumTable = ForumTable()
    gateway: Annotated[list[GatewayTable], Field(min_length=1)]
    sensor: list[SensorTable] = []
    thermometer: list[ThermometerTable] = []
    item: list[ItemTable] = []
    place: list[PlaceTable] = []
    influx: InfluxTable | None = None
    # How many portions of a dish the kitchen may make for one day, by its licence.
    portion_limit: Annotated[int, Field(ge=1, le=30_000)] | None = None
    # So long a check weight and a seen zero are believed: a day at least asks for one check, a shift (8) for three.
    scale_check_h: Annotated[float, Field(ge=1, le=168)] = 24

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

    @field_validator("store")
    @classmethod
    def _store(cls, value: str) -> str:
        if is_database(value):
            parse_database(value)
        return value

    @field_validator("broker")
    @classmethod
    def _broker(cls, value: str) -> str:
        if value != "embedded":
            try:
                parse_broker(value)
            except ValueError as error:
                raise ValueError(f'must be "embedded", or: {error}') from error
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

    def rules(self) -> Profile:
        """What this kitchen is judged by: its profile with its overrides."""
        return adjust(load_profile(self.profile), self.override)

    def settings(self) -> rulebook.Settings:
        """What the projections depend on."""
        return rulebook.Settings(
            kitchen=self.kitchen,
            name=self.name,
            timezone=self.timezone,
            sensors=[rulebook.Sensor(**row.model_dump()) for row in self.sensor],
            items=[rulebook.Item(**{**row.model_dump(), "gtin": tuple(row.gtin)}) for row in self.item],
            places=[rulebook.Place(**row.model_dump()) for row in self.place],
            witness=self.role == "witness",
            edition=rulebook.EDITION,
            portion_limit=self.portion_limit,
            altitude_m=self.altitude_m,
            thermometers=[rulebook.Thermometer(**row.model_dump()) for row in self.thermometer],
            scale_check_h=self.scale_check_h,
        )


def load_config(path: Path, *, demo: bool = False) -> ServerConfig:
    """The configuration. Raises ``ConfigError`` naming every mistake; the DEMO profile is one outside the demo."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from error
    problems: list[str] = []
    try:
        config = ServerConfig.model_validate(table)
    except ValidationError as error:
        problems = [f"{_place(row['loc'])}: {row['msg'].removeprefix('Value error, ')}" for row in error.errors()]
    problems += _misfits(table, demo=demo)
    if problems:
        raise ConfigError(path, problems)
    return config


def store_address(config: ServerConfig, path: Path) -> Address:
    """Where the store is; a database's password comes from its own file. Raises ``ConfigError``."""
    if not is_database(config.store):
        return Path(config.store)
    file = config.store_password_file
    return parse_database(config.store, None if file is None else secret(path, "store_password_file", file))


def secret(path: Path, key: str, file: Path) -> str:
    """What a setting's file holds, alone. Raises ``ConfigError``."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(path, [f"{key}: {file}: {error.strerror}"]) from error


def _misfits(table: dict[str, Any], *, demo: bool) -> list[str]:
    """What does not fit together. Looks at the file as it was read, so that these mistakes are told beside those of
    single settings; what is missing or of the wrong kind is passed over here, its own setting tells it."""
    rows = {kind: _rows(table, kind) for kind in ("gateway", "sensor", "thermometer", "item", "place")}
    ids = {kind: [row.get("id") for _, row in of_kind] for kind, of_kind in rows.items()}
    problems = [
        f"{kind}[{number}].id: {row['id']!r} is used twice"
        for kind, of_kind in rows.items()
        for place, (number, row) in enumerate(of_kind)
        if row.get("id") is not None and row["id"] in ids[kind][:place]
    ]
    problems += [
        f"thermometer[{number}].id: {row['id']!r} is a sensor"
        for number, row in rows["thermometer"]
        if row.get("id") is not None and row["id"] in ids["sensor"]
    ]
    try:
        profile = load_profile(str(table.get("profile", ServerConfig.model_fields["profile"].default)))
    except ProfileError:
        profile = None
    if profile is not None:
        try:
            adjust(profile, overrides_of(table))
        except ProfileError as error:
            problems += error.problems
    if profile is not None and profile.demo and not demo:
        problems.append(f"profile: {profile.id} is for demonstrations only; kitchens use ID-MBG")
    broker = str(table.get("broker", ""))
    if broker.startswith("mqtts:") and "broker_ca_file" not in table:
        problems.append("broker_ca_file: mqtts needs one")
    if not broker.startswith("mqtts:") and "broker_ca_file" in table:
        problems.append("broker_ca_file: only mqtts uses one, so nothing would be encrypted")
    if "store_password_file" in table and not is_database(str(table.get("store", ""))):
        problems.append("store_password_file: only a database (postgresql://…) asks for one")
    for number, sensor in rows["sensor"]:
        if "gateway" in sensor and sensor["gateway"] not in ids["gateway"]:
            problems.append(f"sensor[{number}].gateway: no gateway {sensor['gateway']!r}")
        if profile is not None and sensor.get("point") and sensor["point"] not in profile.points:
            problems.append(f"sensor[{number}].point: {sensor['point']!r} is none of {', '.join(profile.points)}")
    quantities = {row.get("id"): row.get("quantity") for _, row in rows["sensor"]}
    gateways = {row.get("id"): row.get("gateway") for _, row in rows["sensor"]}
    for number, sensor in rows["sensor"]:
        for contact in ("door", "power"):
            name = sensor.get(contact)
            if name and quantities.get(name) != contact:
                problems.append(f"sensor[{number}].{contact}: no sensor {name!r} whose quantity is {contact}")
            elif name and gateways.get(name) != sensor.get("gateway"):
                problems.append(f"sensor[{number}].{contact}: {name!r} is of another gateway; its times do not compare")
    items = {row.get("id"): row for _, row in rows["item"]}
    problems += [
        f"item[{number}].unit_g: how many grams has one {row['unit']}? Without it no scale can count {row.get('id')!r}"
        for number, row in rows["item"]
        if row.get("unit", "g") != "g"
        and "unit_g" not in row
        and any(one.get("item") == row.get("id") and one.get("scale") for _, one in rows["place"])
    ]
    problems += [
        f"item[{number}].unit_g: one gram is one gram"
        for number, row in rows["item"]
        if row.get("unit", "g") == "g" and row.get("unit_g", 1) != 1
    ]
    for number, sensor in rows["sensor"]:
        problems += [f"sensor[{number}].{problem}" for problem in _plate_misfits(sensor)]
    scales = [row.get("scale") for _, row in rows["place"]]
    for place, (number, row) in enumerate(rows["place"]):
        where, scale = f"place[{number}]", row.get("scale")
        if scale and scale not in quantities:
            problems.append(f"{where}.scale: no sensor {scale!r}")
        elif scale and quantities[scale] != "mass_g":
            problems.append(f"{where}.scale: sensor {scale!r} is no scale; its quantity must be mass_g")
        if scale and scale in scales[:place]:
            problems.append(f"{where}.scale: {scale!r} watches another place already")
        if row.get("item") and row["item"] not in items:
            problems.append(f"{where}.item: no item {row['item']!r}")
        if row.get("auto_confirm") is True and not (scale and row.get("item")):
            problems.append(f"{where}.auto_confirm: only what a scale weighs of one item is booked without asking")
        # What left one account came to another: a place cannot be its own.
        if row.get("id") in accounts.OUTSIDE:
            problems.append(f"{where}.id: {row['id']!r} is an account of what is not in the kitchen")
        problems += [
            f"{where}.{key}: is the place itself"
            for key in ("filled_from", "emptied_to")
            if "id" in row and row.get(key, PlaceTable.model_fields[key].default) == row["id"]
        ]
        # Each of two scales would book the same crate: once going, once coming.
        weighed = {one.get("id") for _, one in rows["place"] if one.get("scale") and one.get("item")
                   and one["item"] == row.get("item") and one is not row}  # fmt: skip
        problems += [
            f"{where}.{key}: {row[key]!r} has a scale of its own for {row.get('item')!r}, which would book it a second "
            "time; name an account between them, such as prep"
            for key in ("filled_from", "emptied_to")
            if scale and row.get(key) in weighed
        ]
    return problems


def _plate_misfits(sensor: dict[str, Any]) -> list[str]:
    """What cannot stand on one scale's plate."""
    plate = [key for key in ("division_g", "max_g", "accuracy_class") if key in sensor]
    if sensor.get("quantity") != "mass_g":
        return [f"{key}: only a scale has one; quantity must be mass_g" for key in plate]
    halves = [key for key in ("division_g", "accuracy_class") if key in sensor]
    if len(halves) == 1:
        return [f"{halves[0]}: division_g and accuracy_class belong together; both stand on the scale's plate, and one "
                "alone judges nothing"]  # fmt: skip
    accuracy = next((name for name in STEPS if name == sensor.get("accuracy_class")), None)
    division_g, max_g = sensor.get("division_g"), sensor.get("max_g")
    if accuracy is None or not isinstance(division_g, int | float) or not isinstance(max_g, int | float):
        return []
    if max_g > most_divisions(accuracy) * division_g > 0:
        return [f"max_g: {max_g / division_g:g} divisions are more than class {accuracy} has "
                f"({most_divisions(accuracy)}); look at e and Max on the plate"]  # fmt: skip
    least = least_g(accuracy, division_g)
    return [f"max_g: is below the least that class {accuracy} weighs ({least:g} g)"] if 0 < max_g < least else []


def _rows(table: dict[str, Any], kind: str) -> list[tuple[int, dict[str, Any]]]:
    """The tables of one kind that are tables at all and hold plain values, with their numbers."""
    found = table.get(kind)
    return [
        (number, {key: value for key, value in row.items() if isinstance(value, str | bool | int | float)})
        for number, row in enumerate(found if isinstance(found, list) else [])
        if isinstance(row, dict)
    ]


def _place(location: tuple[int | str, ...]) -> str:
    place = ""
    for part in location:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place or "file"
