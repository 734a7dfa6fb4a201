"""A measurement by hand at a control point, and what the profile says of it at once. Pure; opens nothing.

For what no sensor watches (sanitizer, rinse water, dispatch, thawing, goods without a lot) or whose probe is broken.

A single look does not wait: a limit's ``delay_s`` is the patience with a sensor that measures every minute, through
opened doors and defrosts. Whoever measured by hand stood there, and looks again in half an hour at best; a value beyond
the limit's edge (the guard band inside it, as for a delivery) counts as it is.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from pawon_contract.units import implausible
from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Limit

from ..people.act import Act, ActId, Moment, Role
from .heat import gravest_broken, gravity
from .lot_acts import Line, Named

Quantity = Literal["temperature_c", "humidity_percent", "chlorine_ppm", "contact_s"]
Verdict = Literal["good", "warning", "critical", "unjudged"]
# A strip ends at some hundred ppm and bleach itself holds 50,000; nobody holds a tray under water for an hour.
RANGES = {"chlorine_ppm": (0.0, 60_000.0), "contact_s": (0.0, 3_600.0)}
Number = Annotated[float, Meta(ge=-1e6, le=1e6)]


class RecordCheck(Act, frozen=True, kw_only=True, tag="check.record"):
    """Somebody measured ``quantity`` at a control ``point`` at ``at_ms``; ``value`` in the unit that ends its name.

    Which thing it was: its ``place``, or the ``sensor`` that should have measured it; neither where there is only one.
    ``food``: a class of the profile; ``thermometer``: what it was measured with, by its name as an instrument.
    """

    point: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$")]
    quantity: Quantity
    value: Number
    food: Annotated[str, Meta(pattern=r"^[a-z-]{0,32}$")] = ""
    place: Annotated[str, Meta(pattern=r"^[a-z0-9-]{0,32}$")] = ""
    sensor: Annotated[str, Meta(max_length=64)] = ""
    thermometer: Annotated[str, Meta(max_length=64)] = ""
    note: Line = ""
    at_ms: Moment


class CorrectCheck(Act, frozen=True, kw_only=True, tag="check.correct"):
    """An earlier measurement was another ``value``, or none of this thing (``withdraw``). The last correction counts;
    what was measured elsewhere or at another time is withdrawn and written anew."""

    role: ClassVar[Role] = "nutritionist"

    check: ActId
    reason: Named
    value: Number | None = None
    withdraw: bool = False


CheckAct = RecordCheck | CorrectCheck
KINDS: tuple[type[Act], ...] = (RecordCheck, CorrectCheck)


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a look: the gravest limit that it broke, if any. ``unjudged``: the profile knows no limit there,
    and silence is never green."""

    verdict: Verdict
    limit: Limit | None = None


def judge_check(profile: Profile, point: str, quantity: str, value: float, food: str = "") -> Looked:
    """Judge one value by the profile's limits of this point, quantity and food. Of limits that are equally far out the
    one with least patience speaks, for a single look knows nothing of hours."""
    limits = profile.limits_at(point, quantity, food)
    if not limits:
        return Looked(verdict="unjudged")
    broken = gravest_broken(limits, value)
    return Looked(verdict="good" if broken is None else broken.severity, limit=broken)


def covers(opened: Limit, broken: Limit) -> bool:
    """Whether an incident by one limit tells all that another broken one would: the same side, and as grave."""
    return opened.direction == broken.direction and gravity(opened)[:2] >= gravity(broken)[:2]


def foolish(quantity: str, value: float) -> bool:
    """Whether nobody can have measured it."""
    if quantity in RANGES:
        low, high = RANGES[quantity]
        return not (math.isfinite(value) and low <= value <= high)
    return implausible(quantity, value) is not None
