"""``[[serial]]`` of ``gateway.toml``: a serial port with one scale, or one board with several sensors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pawon_firmware_bridge.protocols import PROTOCOLS, ProtocolRow, find_protocol

from .driver import ScaleTable
from .port_table import PortTable

# A bare load cell's last bits never rest (HX711 datasheet p. 4: 50 nV noise); a minute without a change is a dead chip.
LOAD_CELL_FROZEN_S = 60.0


class SerialSensor(ScaleTable):
    """One sensor behind a serial port. ``channel`` names it on a device with several; empty takes whatever comes."""

    channel: str = ""
    counts_per_g: float | None = None
    # Empty: the zero that the board keeps, as it was told by a tare command.
    zero_counts: int | None = None

    @field_validator("counts_per_g")
    @classmethod
    def _divides(cls, value: float | None) -> float | None:
        if value == 0:
            raise ValueError("must not be zero; it may be negative when the cell hangs upside down")
        return value

    @property
    def usual_frozen_s(self) -> float:
        return LOAD_CELL_FROZEN_S if self.counts_per_g is not None else super().usual_frozen_s


class SerialTable(PortTable):
    """One serial port."""

    protocol: str
    baud: Annotated[int, Field(ge=300, le=921600)] | None = None
    format: Literal["8N1", "7E1", "8E1", "8O1", "7O1"] = "8N1"
    # Of a scale that shares its line with others and answers by a letter.
    address: Annotated[str, Field(pattern=r"^[A-Z]$")] | None = None
    # Of a board, as its hello says; another board on this port is refused.
    board: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    # For ``st-gs``: a regular expression of the installer's own, and the unit where lines carry none.
    pattern: str | None = None
    pattern_unit: Literal["kg", "g", "lb"] = "kg"
    sensor: Annotated[list[SerialSensor], Field(min_length=1)]

    @field_validator("protocol")
    @classmethod
    def _known(cls, value: str) -> str:
        row = find_protocol(value)
        if row is None or not row.baud:
            usable = [name for name, known in PROTOCOLS.items() if known.baud]
            raise ValueError(f"unknown protocol {value!r}; known are {', '.join(usable)}")
        return value

    @model_validator(mode="after")
    def _pattern_fits(self) -> SerialTable:
        if self.pattern is not None:
            if "pattern" not in self.row.settings:
                raise ValueError(f"pattern: {self.protocol} takes none; st-gs does")
            self.row.parser(**self.settings)  # says what is wrong with the pattern
        if self.board is not None and self.row.kind != "board":
            raise ValueError(f"board: {self.protocol} is no board")
        return self

    @property
    def row(self) -> ProtocolRow:
        """Of the protocol."""
        row = find_protocol(self.protocol)
        assert row is not None  # the validator refused any other
        return row

    @property
    def settings(self) -> dict[str, str]:
        """What the protocol's parser takes."""
        return {} if self.pattern is None else {"pattern": self.pattern, "unit": self.pattern_unit}

    @property
    def title(self) -> str:
        return f"{self.name}: {self.protocol} at {' or '.join(self.paths)}"
