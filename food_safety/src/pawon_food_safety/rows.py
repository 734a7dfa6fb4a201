"""The rows of a profile: what each kind of rule is told, in numbers with their unit, patience and source.

Shapes only: ``profile`` reads and checks them, the rules judge by them. A field's last word is its unit; times in
``_s`` (and ``_min``) shrink with a profile's ``time_divisor``. Every field of a later version has a default, so that
a journalled profile of an earlier one still means what it meant.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Severity = Literal["warning", "critical"]
Certainty = Literal["law", "source", "practice"]
Count = Literal["uninterrupted", "cumulative"]
# What becomes of food: use it, hold it until somebody has decided, throw it away.
Disposition = Literal["use", "hold", "discard"]
RowId = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$")]
Point = Annotated[str, Meta(pattern=r"^(?:\*|[a-z0-9-]{1,32})$")]
Seconds = Annotated[float, Meta(ge=0, le=7 * 24 * 3600)]
Unsaid = Annotated[str, Meta(max_length=200)]
Said = Annotated[str, Meta(min_length=1, max_length=200)]

# How a limit's unit is written; the quantity's name ends with it.
UNITS = {
    "temperature_c": "C",
    "humidity_percent": "%",
    "chlorine_ppm": "ppm",
    "contact_s": "s",
    "mass_g": "g",
    "age_s": "s",
}


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every row says of itself: where it applies, and by whose word.

    ``certainty``: ``law`` its text was seen, ``source`` a secondary source was seen, ``practice`` good practice.
    """

    point: Point
    source: Said = "-"
    certainty: Certainty = "practice"
    effective_from: str = ""
    approved_by: str = ""


class Spoken(Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row that raises its voice: its name, how bad it is, what is wrong and what to do, in both languages.

    The ``early_`` words are of processes, which also say when food is late or nothing is proven.
    """

    id: RowId
    severity: Severity
    text_id: Said
    text_en: Said
    action_id: Said
    action_en: Said
    early_text_id: Unsaid = ""
    early_text_en: Unsaid = ""
    early_action_id: Unsaid = ""
    early_action_en: Unsaid = ""


class Limit(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One limit at one control point.

    Exactly one of ``above`` and ``below`` is set, in the unit that ends the quantity's name; the value itself is still
    safe. ``guard_band``: how far inside the limit a sensor of unknown error already counts as beyond. The limit is
    broken once measured values have lain beyond it for ``delay_s``: without interruption, or in all since the values
    last lay safe for ``reset_s`` (never, when that is 0). It is over once they have come back by ``hysteresis`` for
    ``clear_s``. ``food``: only for food of this class; empty: for all.
    """

    quantity: str
    above: float | None = None
    below: float | None = None
    unit: str = ""
    guard_band: Annotated[float, Meta(ge=0, le=10)] = 0.0
    delay_s: Seconds
    count: Count = "uninterrupted"
    reset_s: Seconds = 0.0
    hysteresis: Annotated[float, Meta(ge=0)]
    clear_s: Seconds
    food: Annotated[str, Meta(pattern=r"^[a-z-]{0,32}$")] = ""

    @property
    def value(self) -> float:
        """The limit itself."""
        return self.above if self.above is not None else self.below if self.below is not None else 0.0

    @property
    def direction(self) -> int:
        """+1 when higher is worse, -1 when lower is."""
        return 1 if self.above is not None else -1

    @property
    def edge(self) -> float:
        """Where a reading counts as beyond: the limit, less the guard band."""
        return self.value - self.guard_band * self.direction

    def excess(self, value: float) -> float:
        """How far ``value`` lies beyond the limit; at or below zero it is within."""
        return (value - self.value) * self.direction


class Rate(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An early warning: the temperature moved by ``change_c`` (negative: fell) within ``within_s``. Not while a door of
    the place is open nor ``door_rest_s`` after."""

    change_c: float
    within_s: Seconds
    door_rest_s: Seconds = 600.0


class Door(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A door that stays open for ``open_s``."""

    open_s: Seconds


class Power(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Electricity that is off for ``off_s``: one cause for all that goes wrong by it."""

    off_s: Seconds


class Buffer(Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An air probe here is judged by what food of the time constant ``tau_s`` would feel."""

    tau_s: Seconds


class Defrost(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Air that warms by ``onset_c_per_min`` or faster with the door shut may be a defrost: for ``longest_s`` at most,
    and never above ``ceiling_c``, it says nothing about the food. More than ``most_a_day`` are this row's own alarm."""

    onset_c_per_min: Annotated[float, Meta(gt=0)]
    longest_s: Seconds
    ceiling_c: float
    most_a_day: Annotated[int, Meta(ge=1)]


class Cooking(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cooked: the coldest core at ``core_c`` for ``hold_s``, or a lethality of ``f_min`` minutes at ``reference_c``
    (``z_c``; nothing counts below ``floor_c``). A probe is in a pan from ``begin_c`` on; ``probes`` cores are to be
    measured."""

    core_c: float
    hold_s: Seconds
    f_min: Annotated[float, Meta(gt=0)]
    reference_c: float
    z_c: Annotated[float, Meta(gt=0)]
    floor_c: float
    begin_c: float
    probes: Annotated[int, Meta(ge=1)]


class Cooling(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two stages: ``from_c`` to ``middle_c`` within ``first_s`` (warned at ``first_warning_s``, meant to take
    ``first_target_s``), on to ``end_c`` within ``second_s`` more."""

    from_c: float
    middle_c: float
    end_c: float
    first_target_s: Seconds
    first_warning_s: Seconds
    first_s: Seconds
    second_s: Seconds


class Reheating(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From ``begin_c`` to ``core_c`` (still accepted: ``accept_c``) within ``target_s``, at the latest ``longest_s``;
    so many ``times``."""

    begin_c: float
    core_c: float
    accept_c: float
    target_s: Seconds
    longest_s: Seconds
    times: Annotated[int, Meta(ge=1)] = 1


class Serving(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cooked food older than ``age_s`` and not yet eaten. ``absolute``: no supervisor may allow it."""

    age_s: Seconds
    absolute: bool = False


class TooEarly(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cooking that began before ``not_before`` (HH:MM, kitchen's time) of the day it is served."""

    not_before: Annotated[str, Meta(pattern=r"^[0-2][0-9]:[0-5][0-9]$")]


class Exposure(Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The danger zone between ``low_c`` and ``high_c``, exclusive; the point's ladder says what becomes of the food."""

    low_c: float
    high_c: float


class Ladder(Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of food that lay beyond the point's critical limit (or in its danger zone) for ``from_s`` and
    more."""

    from_s: Seconds
    disposition: Disposition
    action_id: Said
    action_en: Said


class Retention(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The retained sample of every dish: at least ``mass_g``, kept for ``keep_s``, never less than ``least_s``."""

    mass_g: Annotated[float, Meta(gt=0)]
    keep_s: Seconds
    least_s: Seconds


class Stuck(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A probe whose values stay within ``within_c`` for ``for_s`` measures nothing."""

    within_c: Annotated[float, Meta(gt=0)]
    for_s: Seconds


class Spike(Spoken, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A single value ``jump_c`` away from the one before and the one after it is dropped; more than ``most_a_day`` are
    an alarm."""

    jump_c: Annotated[float, Meta(gt=0)]
    most_a_day: Annotated[int, Meta(ge=1)]


class Silence(Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a sensor at ``point`` (``*``: anywhere else) may say nothing beyond its value's validity."""

    warning_s: Seconds
    critical_s: Seconds


class Calibration(Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a kind of thermometer is checked, and how far off it may be; ``point`` is ``*``."""

    kind: Literal["fixed", "hand", "reference"]
    every_days: Annotated[int, Meta(ge=1, le=3650)]
    tolerance_c: Annotated[float, Meta(gt=0)]
