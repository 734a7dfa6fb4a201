"""What can happen to a device: one row each, with its arguments and the kinds of device it can happen to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pawon_firmware_bridge.modbus.maps import MAPS
from pawon_firmware_bridge.simulator.indicators import INDICATORS
from pawon_firmware_bridge.simulator.tables import Field

SCALES = tuple(INDICATORS)
OVERLOADABLE = (*(name for name, indicator in INDICATORS.items() if indicator.overloads), "hx711")
"""Some formats have no frame for overload: such an indicator falls silent."""

PLAYED = ("add", "take", "touch", "overload", "babble")
"""What a signal of the library decides alone, on a scale that plays one."""

PROBES = ("ds18b20-w1", "ds18b20")
MODBUS = tuple(f"modbus-{name}" for name in MAPS)
PORTS = (*SCALES, "pawon-board")
ALL = (*PORTS, *PROBES, *MODBUS, "hx711", "thermocouple", "door")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """`kinds`: protocols, and `hx711`, `ds18b20`, `thermocouple` or `door` for a channel of a board."""

    kinds: tuple[str, ...]
    fields: Mapping[str, Field] = field(default_factory=dict)


_MASS = Field(kind="number", low=0, high=1_000_000)


def _seconds(default: float) -> Field:
    return Field(kind="number", default=default, low=0.05, high=3600)


ACTIONS: dict[str, ActionRow] = {
    "add": ActionRow(kinds=(*SCALES, "hx711"), fields={"mass_g": _MASS, "duration_s": _seconds(2)}),
    "take": ActionRow(kinds=(*SCALES, "hx711"), fields={"mass_g": _MASS, "duration_s": _seconds(2)}),
    "touch": ActionRow(kinds=(*SCALES, "hx711"), fields={"mass_g": _MASS, "duration_s": _seconds(1.5)}),
    "overload": ActionRow(kinds=OVERLOADABLE, fields={"duration_s": _seconds(3)}),
    "approach": ActionRow(
        kinds=(*PROBES, *MODBUS, "thermocouple"),
        fields={"target_c": Field(kind="number", low=-200, high=1000), "tau_s": _seconds(60)},
    ),
    "open": ActionRow(kinds=("door",)),
    "close": ActionRow(kinds=("door",)),
    "unplug": ActionRow(kinds=ALL),
    "plug": ActionRow(kinds=ALL),
    "restart": ActionRow(kinds=("pawon-board",)),
    "hang": ActionRow(kinds=("pawon-board",)),
    "garbage": ActionRow(
        kinds=(*PORTS, *MODBUS, "ds18b20-w1"), fields={"count": Field(kind="count", default=40, low=1, high=4000)}
    ),
    "fault": ActionRow(kinds=MODBUS, fields={"duration_s": _seconds(30)}),
    "babble": ActionRow(
        kinds=SCALES,
        fields={"duration_s": _seconds(5), "rate_hz": Field(kind="number", default=1000, low=1, high=1000)},
    ),
}


def action_problems(action: str, kind: str, problem: str) -> str:
    """Why `action` cannot happen to a thing of `kind`, or an empty string."""
    if problem or kind in ACTIONS[action].kinds:
        return problem
    return f"action {action} is not for {kind}; it is for {', '.join(ACTIONS[action].kinds)}"
