"""``[[modbus]]`` of ``gateway.toml``: an RS-485 line with Modbus RTU thermometers, and register maps of one's own.

A map of one's own stands in the same table as the sensors that use it: one file to write, one file to copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pawon_firmware_bridge.modbus.frame import MAX_WORDS
from pawon_firmware_bridge.modbus.maps import MAPS
from pawon_firmware_bridge.modbus.register_map import Channel, RegisterMap, Status, map_problems

from .driver import Id, SensorTable, Table
from .port_table import PortTable

Word = Annotated[int, Field(ge=0, le=0xFFFF)]
# What a state is called: a name of ``faults.py``, or one of the installer's own.
State = Annotated[str, Field(pattern=r"^[a-z_]{1,20}$")]


class MapChannel(Table):
    """One value of a map."""

    name: Id
    quantity: Literal["temperature_c", "humidity_percent"] = "temperature_c"
    offset: Annotated[int, Field(ge=0, lt=MAX_WORDS)] = 0
    type: Literal["int16", "uint16", "int32", "uint32", "float32"] = "int16"
    word_order: Literal["high-first", "low-first"] = "high-first"
    scale: float = 0.1
    # The rated range: what lies outside is no measurement.
    low: float
    high: float
    # Words that mean "no value"; empty: what makers use for this type.
    invalid: list[Annotated[int, Field(ge=0, le=0xFFFF_FFFF)]] | None = None


class MapStatus(Table):
    """A register that says how the sensor is."""

    offset: Annotated[int, Field(ge=0, lt=MAX_WORDS)]
    mask: Word = 0xFFFF
    ok: Word = 0
    # Values by what they mean, such as { open = 0xA0 }; any other value is no measurement either.
    fault: dict[State, Word] = Field(default_factory=dict)


class MapTable(Table):
    """A register map of the installer's own."""

    name: Id
    function: Literal[3, 4] = 3
    address: Word
    count: Annotated[int, Field(ge=1, le=MAX_WORDS)] = 1
    # Answers that are no measurement although they come whole, such as { zeros = [0, 0] }.
    dead: dict[State, list[Word]] = Field(default_factory=dict)
    channel: Annotated[list[MapChannel], Field(min_length=1)]
    status: MapStatus | None = None

    @property
    def row(self) -> RegisterMap:
        """As the shipped ones are."""
        status = self.status
        return RegisterMap(
            name=self.name,
            title=self.name,
            source="gateway.toml",
            function=self.function,
            address=self.address,
            count=self.count,
            channels=tuple(
                Channel(
                    name=one.name, quantity=one.quantity, offset=one.offset, type=one.type, word_order=one.word_order,
                    scale=one.scale, low=one.low, high=one.high,
                    invalid=None if one.invalid is None else tuple(one.invalid),
                )
                for one in self.channel
            ),
            status=None
            if status is None
            else Status(
                offset=status.offset,
                mask=status.mask,
                ok=status.ok,
                faults={value: state for state, value in status.fault.items()},
            ),
            dead={tuple(words): state for state, words in self.dead.items()},
        )  # fmt: skip

    @model_validator(mode="after")
    def _fits(self) -> MapTable:
        problems = map_problems(self.row)
        if self.name in MAPS:
            problems.append(f"name: {self.name} is a shipped map; choose another name")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class ModbusSensor(SensorTable):
    """One value of one device. ``channel`` chooses among those of its map."""

    unit: Annotated[int, Field(ge=1, le=247)]
    map: str
    channel: str = ""


class ModbusTable(PortTable):
    """One line; this gateway is its only master."""

    baud: Annotated[int, Field(ge=1200, le=115200)] = 9600
    format: Literal["8N1", "8E1", "8O1", "8N2"] = "8N1"
    interval_s: Annotated[float, Field(ge=1, le=60)] = 10.0
    # For a device to begin its answer; the time of its bytes comes on top.
    timeout_s: Annotated[float, Field(ge=0.05, le=2)] = 0.5
    map: list[MapTable] = Field(default_factory=list)
    # 32 devices are what RS-485 drives, two values each.
    sensor: Annotated[list[ModbusSensor], Field(min_length=1, max_length=64)]

    @field_validator("map")
    @classmethod
    def _once(cls, value: list[MapTable]) -> list[MapTable]:
        names = [row.name for row in value]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"used twice: {', '.join(sorted(twice))}")
        return value

    @model_validator(mode="after")
    def _sensors_fit(self) -> ModbusTable:
        if problems := list(self._misfits()):
            raise ValueError("; ".join(problems))
        return self

    def _misfits(self) -> Iterator[str]:
        if self.timeout_s > self.interval_s / 2:
            # One dead unit would cost the others their interval.
            yield f"timeout_s: {self.timeout_s:g} is more than half of interval_s"
        maps, seen = self.maps, set()
        map_of: dict[int, str] = {}
        for at, sensor in enumerate(self.sensor):
            row = maps.get(sensor.map)
            if row is None:
                yield f"sensor[{at}].map: unknown {sensor.map!r}; known are {', '.join(maps)}"
                continue
            names = row.channel_names
            if sensor.channel not in ("", *names):
                yield f"sensor[{at}].channel: {sensor.map} has {', '.join(names)}, not {sensor.channel!r}"
                continue
            if not sensor.channel and len(names) > 1:
                yield f"sensor[{at}].channel: missing; {sensor.map} has {', '.join(names)}"
                continue
            channel = next(one for one in row.channels if one.name == (sensor.channel or names[0]))
            if channel.quantity != sensor.quantity:
                yield f'sensor[{at}].quantity: {channel.name} of {sensor.map} needs quantity = "{channel.quantity}"'
            if map_of.setdefault(sensor.unit, sensor.map) != sensor.map:
                # One question per device: an answer does not say which question it belongs to.
                yield f"sensor[{at}].map: unit {sensor.unit} has {map_of[sensor.unit]} already; one map for each unit"
            if (sensor.unit, channel.name) in seen:
                yield f"sensor[{at}].unit: {channel.name} of unit {sensor.unit} is read twice"
            seen.add((sensor.unit, channel.name))

    @property
    def maps(self) -> dict[str, RegisterMap]:
        """Every map that its sensors may name: the shipped ones and its own."""
        return {**MAPS, **{table.name: table.row for table in self.map}}

    @property
    def round_s(self) -> float:
        return self.interval_s

    @property
    def title(self) -> str:
        units = sorted({sensor.unit for sensor in self.sensor})
        return f"{self.name}: Modbus units {', '.join(map(str, units))} at {' or '.join(self.paths)}"
