"""Readings that other programs put on a local MQTT broker: Zigbee2MQTT, Tasmota, ESPHome.

Pure: a payload in, measurements out; which topic it came on and whether it is fresh is the driver's business, but when
the sender says that it measured is told along. Every limit is here; whatever the bytes are, nothing is raised.
Sources: zigbee2mqtt.io "MQTT Topics and Messages", tasmota.github.io "MQTT" and "DS18x20", esphome.io "MQTT".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Measurement

# Zigbee2MQTT's longest, with a device's update information inside, stay below three kilobytes.
MAX_PAYLOAD = 8192
# Opening brackets: an upper bound of the depth, so that no nesting can exhaust the reader.
MAX_BRACKETS = 200
MAX_MEMBERS = 200
MAX_NAME, MAX_NAMED = 24, 5
# Tasmota counts from here until it has been told the time.
CLOCKLESS_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
NUMBER = re.compile(rb"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One payload. ``measured_at``: when its sender says that it measured; ``zoned`` False: in a time zone of its own.

    ``names``: other names of channels (a probe's id -> the channel). ``bad``: why nothing could be read.
    """

    measurements: tuple[Measurement, ...] = ()
    measured_at: datetime | None = None
    zoned: bool = True
    names: dict[str, str] = field(default_factory=dict)
    bad: BadFrame | None = None

    def find(self, quantity: str, channel: str) -> Measurement | str | None:
        """The measurement of one sensor; a text when several could be meant; None when there is none."""
        several = [m for m in self.measurements if m.quantity == quantity]
        if channel:
            wanted = self.names.get(channel.upper(), channel)
            return next((m for m in several if m.channel == wanted), None)
        if len(several) > 1:
            # Names come from outside: only their printable part, and not all of a long list, goes into a message.
            named = ", ".join(ascii(m.channel[:MAX_NAME]) for m in several[:MAX_NAMED])
            return f"several of them: set channel to one of {named}"
        return several[0] if several else None


def _bad(reason: str, payload: bytes) -> Report:
    return Report(bad=BadFrame(reason=reason, raw=payload[:MAX_RAW]))


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _read_object(payload: bytes) -> dict[str, Any] | str:
    """The JSON object, or why there is none."""
    if len(payload) > MAX_PAYLOAD:
        return f"{len(payload)} bytes are too long"
    if payload.count(b"{") + payload.count(b"[") > MAX_BRACKETS:
        return "nested too deeply"
    try:
        found = json.loads(payload.decode("utf-8"), parse_constant=_refuse_constant)
    except ValueError as error:  # no UTF-8, no JSON, NaN, a number of thousands of digits
        return f"no JSON: {error}"[:100]
    if not isinstance(found, dict):
        return "no JSON object"
    return found if len(found) <= MAX_MEMBERS else "too many members"


def _number(value: object) -> float | None:
    """A finite number, never a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _measure(quantity: str, value: object, raw: bytes, *, absent: str, channel: str = "") -> Measurement:
    """A number, or the state ``absent`` for null; ``nonsense`` for what is neither."""
    number = _number(value)
    state = "ok" if number is not None else absent if value is None else "nonsense"
    return Measurement(quantity=quantity, value=number, state=state, channel=channel, raw=raw[:MAX_RAW])


# --- Zigbee2MQTT ------------------------------------------------------------------------------------------------------

ZIGBEE_NAMES = {"temperature": "temperature_c", "humidity": "humidity_percent", "battery": "battery_percent"}


def read_zigbee2mqtt(payload: bytes, quantity: str = "", channel: str = "") -> Report:
    """``{"temperature": 3.4, "humidity": 61, "battery": 87, "contact": true, "last_seen": "2026-01-05T03:00:00Z"}``.

    ``channel`` names a member that is read as ``quantity`` where a device has several or names it otherwise. A
    ``contact`` is true when the door is closed.
    """
    found = _read_object(payload)
    if isinstance(found, str):
        return _bad(found, payload)
    raw = payload[:MAX_RAW]
    names = {name: kind for name, kind in ZIGBEE_NAMES.items() if kind != quantity or not channel}
    measurements = [
        _measure(kind, found[name], raw, absent="unavailable") for name, kind in names.items() if name in found
    ]
    if channel in found and quantity not in ("door", "power"):
        measurements.append(_measure(quantity, found[channel], raw, absent="unavailable", channel=channel))
    contact = found.get(channel if channel and quantity == "door" else "contact")
    power = found.get(channel if channel and quantity == "power" else "state")
    if isinstance(contact, bool):
        named = channel if quantity == "door" else ""
        measurements.append(Measurement(quantity="door", value=float(not contact), channel=named, raw=raw))
    if power in ("ON", "OFF"):
        named = channel if quantity == "power" else ""
        measurements.append(Measurement(quantity="power", value=float(power == "ON"), channel=named, raw=raw))
    if found.get("battery_low") is True:
        measurements.append(Measurement(quantity="battery_percent", value=None, state="battery", raw=raw))
    return Report(measurements=tuple(measurements), measured_at=_zigbee_time(found.get("last_seen")))


def _zigbee_time(value: object) -> datetime | None:
    """``last_seen`` is ISO 8601 with a zone, or milliseconds since 1970, as configured there."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value[:40])
            return moment if moment.tzinfo is not None else None
        number = _number(value)
        return None if number is None else datetime.fromtimestamp(number / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


# --- Tasmota ----------------------------------------------------------------------------------------------------------

TASMOTA_NAMES = {"Temperature": "temperature_c", "Humidity": "humidity_percent"}
DISCONNECTED_C, POWER_ON_C = -127.0, 85.0


def read_tasmota(payload: bytes, quantity: str = "", channel: str = "") -> Report:
    """``{"Time": "2026-01-05T10:00:00", "DS18B20-1": {"Id": "0316A279D1FF", "Temperature": 3.4}, "TempUnit": "C"}``.

    A channel is the name of a sensor's object, or its ``Id``, which stays when another probe is unplugged.
    """
    found = _read_object(payload)
    if isinstance(found, str):
        return _bad(found, payload)
    unit = found.get("TempUnit", "C")
    if unit not in ("C", "F"):
        return _bad("TempUnit is neither C nor F", payload)
    measurements, names = [], {}
    for name, sensor in found.items():
        if not isinstance(sensor, dict):
            continue
        if isinstance(sensor.get("Id"), str):
            names[sensor["Id"].upper()] = name
        for member, kind in TASMOTA_NAMES.items():
            if member not in sensor:
                continue
            one = _measure(kind, sensor[member], payload, absent="disconnected", channel=name)
            measurements.append(_judge_tasmota(one, name, unit) if kind == "temperature_c" else one)
    moment = _tasmota_time(found.get("Time"))
    return Report(measurements=tuple(measurements), names=names, measured_at=moment, zoned=False)


def _judge_tasmota(one: Measurement, name: str, unit: str) -> Measurement:
    """Degrees Celsius, and what is none: -127 is a probe that is gone, 85 of a DS18B20 one that has not measured."""
    if one.value is None:
        return one
    celsius = one.value if unit == "C" else round((one.value - 32) * 5 / 9, 4)
    state = "ok"
    if round(celsius) == DISCONNECTED_C:
        state = "disconnected"
    elif name.startswith("DS18") and abs(celsius - POWER_ON_C) < 0.01:
        state = "power_on"
    value = celsius if state == "ok" else None
    return Measurement(quantity=one.quantity, value=value, state=state, channel=one.channel, raw=one.raw)


def _tasmota_time(value: object) -> datetime | None:
    """``Time`` is the device's local time without its zone; one that was never set is none."""
    try:
        moment = datetime.fromisoformat(value[:40]) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is not None:
        return None
    moment = moment.replace(tzinfo=UTC)
    return moment if moment >= CLOCKLESS_BEFORE else None


# --- ESPHome ----------------------------------------------------------------------------------------------------------


def read_esphome(payload: bytes, quantity: str = "", channel: str = "") -> Report:
    """``3.4``, ``nan`` of a sensor that does not answer, ``ON`` and ``OFF`` of a contact: one value, plain text."""
    raw, text = payload[:MAX_RAW], payload[:MAX_RAW].strip()
    if quantity in ("door", "power"):
        if text not in (b"ON", b"OFF"):
            return _bad("neither ON nor OFF", payload)
        return Report(
            measurements=(Measurement(quantity=quantity, value=float(text == b"ON"), channel=channel, raw=raw),)
        )
    if text.lower() == b"nan":
        gone = Measurement(quantity=quantity, value=None, state="disconnected", channel=channel, raw=raw)
        return Report(measurements=(gone,))
    if len(payload) > MAX_RAW or NUMBER.fullmatch(text) is None:
        return _bad("no number", payload)
    return Report(measurements=(Measurement(quantity=quantity, value=float(text), channel=channel, raw=raw),))


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one program speaks. ``values``: its topic, of ``{device}``, ``{channel}`` and ``{kind}``. ``presence``: from
    the topic of values to those that say whether the device, and the program itself, is there. ``whole``: each message
    tells of every sensor that is connected; where not, what is missing has merely not changed."""

    name: str
    values: str
    presence: Callable[[str], tuple[str, ...]]
    read: Callable[[bytes, str, str], Report]
    quantities: tuple[str, ...]
    needs_channel: bool = False
    whole: bool = False


DIALECTS: dict[str, Dialect] = {
    row.name: row
    for row in (
        Dialect(
            name="zigbee2mqtt",
            values="zigbee2mqtt/{device}",
            presence=lambda topic: (f"{topic}/availability", f"{topic.partition('/')[0]}/bridge/state"),
            read=read_zigbee2mqtt,
            quantities=("temperature_c", "humidity_percent", "door", "power"),
        ),
        Dialect(
            name="tasmota",
            values="tele/{device}/SENSOR",
            presence=lambda topic: (f"{topic.rpartition('/')[0]}/LWT",),
            read=read_tasmota,
            quantities=("temperature_c", "humidity_percent"),
            whole=True,
        ),
        Dialect(
            name="esphome",
            values="{device}/{kind}/{channel}/state",
            presence=lambda topic: (f"{topic.rsplit('/', 3)[0]}/status",),
            read=read_esphome,
            quantities=("temperature_c", "humidity_percent", "door", "power"),
            needs_channel=True,
        ),
    )
}
"""Every dialect by its name."""


def read_presence(payload: bytes) -> bool | None:
    """Whether a device is there: ``online``, ``Offline``, ``{"state": "offline"}``. None: neither."""
    text = payload[:MAX_RAW].strip()
    if text.startswith(b"{"):
        found = _read_object(payload)
        state = found.get("state") if isinstance(found, dict) else None
        text = state.encode(errors="replace") if isinstance(state, str) else b""
    return {b"online": True, b"offline": False}.get(text.lower())
