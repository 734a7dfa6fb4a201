"""What a driver is: the seam between the gateway and anything that measures, also for drivers of a second party.

A kind of driver is an array of tables in ``gateway.toml`` (``[[serial]]``, ``[[w1]]``, ...). Its model says what a
table may hold, ``make`` turns one table into a running thing. A driver reads its device in its own thread, stamps what
it read with the gateway's monotonic time and emits it; it judges nothing, stores nothing and knows nothing of MQTT.

Another package adds a kind by an entry point of the group ``pawon.drivers`` that names a ``DriverKind``; the entry
point's name is the name of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from pawon_contract.ids import ID_PATTERN

from ..sample import Observed

Id = Annotated[str, Field(pattern=ID_PATTERN)]
Quantity = Literal["temperature_c", "humidity_percent", "mass_g", "door", "power"]


class Table(BaseModel):
    """A table of ``gateway.toml``: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SensorTable(Table):
    """What every sensor has, whatever it hangs on."""

    id: Id
    name: str = ""
    quantity: Quantity = "temperature_c"
    # The control point of the food-safety profile (chiller, freezer, hot-hold); empty: the guard does not judge it.
    point: str = ""
    # Food or what follows it, or the air around it, which the guard judges by what food would feel.
    measures: Literal["product", "air"] = "product"
    # The door contact of its place, another sensor of this gateway: fast air behind an open door is no alarm.
    door: str = ""
    report_step: Annotated[float, Field(gt=0)] | None = None
    # Nothing good for so long means a sensor fault.
    fault_after_s: Annotated[float, Field(ge=1, le=3600)] | None = None
    # A value that has not moved at all for so long is a fault; 0 never. Empty: what is usual for its kind.
    frozen_after_s: Annotated[float, Field(ge=0, le=604_800)] | None = None

    @property
    def usual_frozen_s(self) -> float:
        """For how long this kind of sensor may honestly stand still, 0 for ever."""
        # Domain: a working chiller moves by more than 0.06 C within six hours. Scales and doors may rest for days.
        return 21_600.0 if self.quantity in ("temperature_c", "humidity_percent") else 0.0


class ScaleTable(SensorTable):
    """A sensor that may be a scale."""

    quantity: Quantity = "mass_g"
    division_g: Annotated[float, Field(gt=0)] = 1.0
    plateau_s: Annotated[float, Field(ge=1, le=30)] = 3.0
    merge_s: Annotated[float, Field(ge=0, le=300)] = 20.0
    # What leaves again within this time was a touch; a movement is told so long after its last step.
    touch_s: Annotated[float, Field(ge=0, le=600)] | None = None


class DeviceTable(Table):
    """One port, bus or radio with its sensors. A kind's own model adds its settings and narrows ``sensor``."""

    sensor: Sequence[SensorTable]

    @property
    def round_s(self) -> float:
        """The usual time between two samples of one sensor; three missed ones are a fault."""
        return 1.0

    @property
    def title(self) -> str:
        """What ``pawon-edge check`` calls it."""
        return type(self).__name__

    def missing(self) -> list[str]:
        """What this machine lacks for it now, each with its remedy. Looks only."""
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the gateway lends a driver. ``emit`` may be called from any thread and never blocks.

    ``port_lost(port name)`` tells a port's loss and gives the names of others that went at the same moment."""

    emit: Callable[[Observed], None]
    monotonic_ms: Callable[[], int]
    port_lost: Callable[[str], list[str]]


class Driver(Protocol):
    """A running device. ``run`` is a thread's body and returns soon after ``stop``, which any thread may call.

    Whatever the world does (no port, no answer, nonsense) is told as a ``Trouble`` and tried again with backoff inside
    ``run``; an exception that leaves ``run`` is a bug, and ends the gateway so that it starts anew."""

    @property
    def name(self) -> str: ...

    def run(self) -> None: ...

    def stop(self) -> None: ...


@runtime_checkable
class Sounder(Protocol):
    """A driver that can make itself heard or seen in the kitchen."""

    def sound_alarm(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverKind:
    """One kind of driver. ``make(table, surroundings)`` gets a ``table`` of ``model``; it opens nothing yet.

    Heavy libraries are imported inside ``make``, so that a kitchen carries only what it uses."""

    model: type[DeviceTable]
    make: Callable[[Any, Surroundings], Driver]
