"""``[[local_mqtt]]`` of ``gateway.toml``: a broker of the house on which other programs tell what sensors measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pawon_contract.broker import BrokerAddress, parse_broker
from pawon_firmware_bridge.json_readings import DIALECTS, Dialect

from .driver import DeviceTable, Id, SensorTable

# Zigbee sensors speak when something changes, and else every hour or less; three times this is a fault by default.
ROUND_S = 300.0
# What a topic may hold, without the signs that would make it several.
TOPIC = r"^[^+#\x00-\x1f/][^+#\x00-\x1f]{0,199}$"
CHANNEL = r"^[^+#\x00-\x1f/]{0,64}$"


class LocalMqttSensor(SensorTable):
    """One quantity of one device, told by one program."""

    dialect: Literal["zigbee2mqtt", "tasmota", "esphome"]
    # The device's name there; or the whole topic of its values, where that was changed.
    device: Annotated[str, Field(pattern=TOPIC)] | None = None
    topic: Annotated[str, Field(pattern=TOPIC)] | None = None
    # Which of several: a member's name, a probe's object or id, an object id.
    channel: Annotated[str, Field(pattern=CHANNEL)] = ""

    @model_validator(mode="after")
    def _fits_its_dialect(self) -> LocalMqttSensor:
        if (self.device is None) == (self.topic is None):
            raise ValueError("needs device, or topic, and not both")
        row = self.row
        if self.quantity not in row.quantities:
            raise ValueError(f"quantity: {self.dialect} tells {', '.join(row.quantities)}, not {self.quantity}")
        if row.needs_channel and self.topic is None and not self.channel:
            raise ValueError(f"channel: {self.dialect} needs one: the sensor's object id")
        return self

    @property
    def row(self) -> Dialect:
        """Of the dialect."""
        return DIALECTS[self.dialect]

    @property
    def values_topic(self) -> str:
        """Where its values come."""
        if self.topic is not None:
            return self.topic
        kind = "binary_sensor" if self.quantity in ("door", "power") else "sensor"
        return self.row.values.format(device=self.device, channel=self.channel, kind=kind)

    @property
    def presence_topics(self) -> tuple[str, ...]:
        """Where it is told whether the device, and the program that speaks for it, is there."""
        return self.row.presence(self.values_topic)


class LocalMqttTable(DeviceTable):
    """One broker."""

    name: Id
    broker: str = "mqtt://127.0.0.1:1883"
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    sensor: Annotated[list[LocalMqttSensor], Field(min_length=1, max_length=200)]

    @field_validator("broker")
    @classmethod
    def _address(cls, value: str) -> str:
        parse_broker(value)
        return value

    @model_validator(mode="after")
    def _certificate_fits(self) -> LocalMqttTable:
        if self.broker.startswith("mqtts:") != (self.ca_file is not None):
            raise ValueError("ca_file: mqtts needs it, and mqtt takes none")
        return self

    @property
    def round_s(self) -> float:
        return ROUND_S

    @property
    def title(self) -> str:
        return f"{self.name}: sensors at {self.broker}"

    def address(self) -> BrokerAddress:
        """Where to connect. Raises ``OSError`` for a password file that cannot be read."""
        password = None if self.password_file is None else self.password_file.read_text(encoding="utf-8").strip()
        ca_file = None if self.ca_file is None else str(self.ca_file)
        return parse_broker(self.broker, user=self.user, password=password, ca_file=ca_file)

    def missing(self) -> list[str]:
        files = {"password_file": self.password_file, "ca_file": self.ca_file}
        return [
            f"{name} {path}: cannot be read" for name, path in files.items() if path is not None and not _readable(path)
        ]


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False
