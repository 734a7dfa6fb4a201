"""``[[w1]]`` of ``gateway.toml``: a 1-wire bus of the Pi with DS18B20 probes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from .driver import DeviceTable, SensorTable


class W1Sensor(SensorTable):
    """One DS18B20 by its id."""

    rom: Annotated[str, Field(pattern=r"^28-[0-9a-f]{12}$")]


class W1Table(DeviceTable):
    """One 1-wire bus."""

    root: Path = Path("/sys/bus/w1/devices")
    interval_s: Annotated[float, Field(ge=0.5, le=60)] = 10.0
    sensor: Annotated[list[W1Sensor], Field(min_length=1)]

    @property
    def round_s(self) -> float:
        return self.interval_s

    @property
    def title(self) -> str:
        return f"1-wire {self.root}"

    def missing(self) -> list[str]:
        return [
            f"{self.root / sensor.rom}: no such probe now; check its cable, and that dtoverlay=w1-gpio is set"
            for sensor in self.sensor
            if not (self.root / sensor.rom).exists()
        ]
