"""``[[bluetooth]]`` of ``gateway.toml``: the Pi's radio, and the thermometers and contacts it listens to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from .bind_key import key_problem
from .driver import DeviceTable, Id, SensorTable

# A coin cell speaks every few seconds and a steel door swallows most of it; three times this is a fault.
ROUND_S = 100.0
RADIOS = Path("/sys/class/bluetooth")


class BluetoothSensor(SensorTable):
    """One quantity of one device. A device with several stands there several times, with the same ``mac``."""

    mac: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")]
    # The bind key of a device that encrypts: 32 hex digits alone in a file of mode 0600.
    key_file: Path | None = None

    @field_validator("mac")
    @classmethod
    def _as_bluez_writes_it(cls, value: str) -> str:
        return value.upper()


class BluetoothTable(DeviceTable):
    """One radio."""

    name: Id
    # hci0, hci1; empty: the first that has power.
    adapter: Annotated[str, Field(pattern=r"^(hci[0-9]{1,2})?$")] = ""
    sensor: Annotated[list[BluetoothSensor], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_device_once(self) -> BluetoothTable:
        keys: dict[str, Path | None] = {}
        seen: set[tuple[str, str]] = set()
        for sensor in self.sensor:
            if keys.setdefault(sensor.mac, sensor.key_file) != sensor.key_file:
                raise ValueError(f"{sensor.mac}: all sensors of one device need the same key_file")
            if (sensor.mac, sensor.quantity) in seen:
                raise ValueError(f"{sensor.mac}: {sensor.quantity} stands there twice")
            seen.add((sensor.mac, sensor.quantity))
        return self

    @property
    def round_s(self) -> float:
        return ROUND_S

    @property
    def title(self) -> str:
        return f"{self.name}: Bluetooth at {self.adapter or 'the first radio'}"

    def missing(self) -> list[str]:
        problems = []
        radios = sorted(path.name for path in RADIOS.glob("hci*")) if RADIOS.is_dir() else []
        if not radios or (self.adapter and self.adapter not in radios):
            problems.append(
                f"{self.adapter or 'Bluetooth'}: no such radio now; plug it in, or look with: bluetoothctl list"
            )
        files = {sensor.key_file for sensor in self.sensor if sensor.key_file is not None}
        return problems + [problem for path in sorted(files) if (problem := key_problem(path)) is not None]
