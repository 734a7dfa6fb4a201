"""The answer of a recall: what to stop, whom to call, what to set aside, and what is known of it. Shapes only.

Times are milliseconds UTC, amounts integers in the item's base unit, heat in minutes. Nobody of the kitchen is named.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .trace import Why, percent

Sureness = Literal["told", "assumed", "possible"]
# Why a batch may not be what the school ate: nobody told that it was eaten, nor that it came; it came or was eaten at
# about another time; its pans' clock only guessed; nobody named it.
EatingDoubt = Literal["not-told-eaten", "not-told-arrived", "undated", "unnamed"]
# What a recall drill has to reach (GFSI practice): of what was made and received so much is accounted for.
TARGET_PERCENT = 98.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The question: one of a school with the time it ate, a lot, or a batch. ``tolerance_ms``: eaten so much earlier or
    later counts too."""

    school: str = ""
    eaten_ms: int | None = None
    tolerance_ms: int = 0
    lot: str = ""
    batch: str = ""


class Warmth(msgspec.Struct, frozen=True, kw_only=True):
    """What food felt: minutes in the danger zone, least as measured and most as may have been; minutes beyond the
    critical limits of its places; minutes nobody measured. ``advice``: use, hold, discard, as the profile's ladder
    suggests; empty for portions, whose lots' past decides too. ``places``: each stay in order of time."""

    least_min: float
    most_min: float
    beyond_min: float
    unknown_min: float
    lowest_c: float | None
    highest_c: float | None
    advice: str
    green: bool
    complete: bool
    places: list[StayTold] = []


class StayTold(msgspec.Struct, frozen=True, kw_only=True):
    """A place where food lay; ``until_ms`` null: still. ``sensed``: something measures there at all."""

    place: str
    since_ms: int
    until_ms: int | None
    least_min: float
    unknown_min: float
    lowest_c: float | None
    highest_c: float | None
    sensed: bool


class LotTold(msgspec.Struct, frozen=True, kw_only=True):
    """A lot of raw material. ``sure``: somebody said that it went in, the book assumed it by FEFO, or it is only
    ``possible`` (``why``); ``batches``: those of this answer that it went into, or may have.

    ``left``: by place, now. Of ``used`` a batch was named, ``thrown`` was thrown away, sent back or kept as a sample,
    ``untold`` went to the pans without a batch or was found missing by a stocktake.
    """

    lot: str
    sure: Sureness
    why: Why | Literal[""]
    batches: list[str]
    item: str
    unit: str
    supplier: str
    note: str
    code: str
    expires: str
    received_ms: int
    received_place: str
    temperature_c: float | None
    verdict: str
    accepted: bool
    amount: int
    used: int
    thrown: int
    untold: int
    left: dict[str, int]
    held_since_ms: int | None
    warmth: Warmth | None

    @property
    def rest(self) -> int:
        """What is left in all places."""
        return sum(amount for amount in self.left.values() if amount > 0)

    @property
    def accounted_percent(self) -> float:
        """Of what was received so much is used for a batch, thrown away or there."""
        return percent(self.used + self.thrown + self.rest, self.amount)


class ShareTold(msgspec.Struct, frozen=True, kw_only=True):
    """The portions of a batch at one school (``""``: the kitchen). ``asked``: it is the one that is asked about."""

    school: str
    portions: int
    eaten: int
    discarded: int
    held: int
    remaining: int
    left_ms: int | None
    arrived_ms: int | None
    eaten_ms: int | None
    warmth: Warmth | None

    @property
    def astray(self) -> int:
        """Portions that left and of which nobody told that they came, were eaten or thrown away."""
        return 0 if self.left_ms is None or self.arrived_ms is not None else self.remaining


class BatchTold(msgspec.Struct, frozen=True, kw_only=True):
    """A cooked batch. ``sure``: it is asked about or made of a lot that is, by what was told or assumed; or it is only
    ``possible`` that one of the lots is in it. ``asked``: it is what the school ate, or the batch that was named;
    ``doubts`` of that. ``untold``: nobody said any ingredient."""

    batch: str
    sure: Sureness
    asked: bool
    doubts: list[EatingDoubt]
    untold: bool
    name: str
    day: str
    food: str
    place: str
    began_ms: int | None
    cooked_ms: int | None
    portions: int
    free: int
    lots: list[str]
    shares: list[ShareTold]
    core_c: float | None


class TripTold(msgspec.Struct, frozen=True, kw_only=True):
    """Portions that left together. ``arrived_ms``: by school."""

    batch: str
    vehicle: str
    left_ms: int
    schools: list[str]
    first_c: float | None
    last_c: float | None
    arrived_ms: dict[str, int | None]


class SampleTold(msgspec.Struct, frozen=True, kw_only=True):
    """A retained sample, where it is kept; ``discarded_ms``: it is not any more."""

    sample: str
    batch: str
    mass_g: float
    container: str
    place: str
    taken_ms: int
    discarded_ms: int | None


class ThermometerTold(msgspec.Struct, frozen=True, kw_only=True):
    """A thermometer that measured this food, or may have: its calibration then, at the last moment that matters, and
    now (``ok``, ``overdue``, ``rejected``, ``never``, ``none``: the profile asks nothing). ``error_c``: of its last
    check. ``places``: where it measures; empty for one that is carried."""

    sensor: str
    name: str
    kind: str
    place: str
    then: str
    now: str
    due_ms: int | None
    checked_ms: int | None
    error_c: float | None


class IncidentTold(msgspec.Struct, frozen=True, kw_only=True):
    """An incident of these lots, batches, and of the places where they lay at the time."""

    incident: str
    kind: str
    severity: str
    sensor: str
    rule: str
    began_ms: int
    closed_ms: int | None
    disposition: str


class SchoolTold(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to call: a school with all its portions of these batches. ``sure``: the best of its batches."""

    school: str
    sure: Sureness
    batches: list[str]
    portions: int
    eaten: int
    remaining: int
    arrived_ms: int | None
    eaten_ms: int | None


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer. ``near``: batches that the school had about then and that the record says it ate at another
    time; ``strays``: ids of batches that a use of these lots names and nobody opened. ``whole`` is false when something
    was too much for one answer: then ``cut`` names what is missing."""

    asked: Asked
    at_ms: int
    batches: list[BatchTold]
    lots: list[LotTold]
    schools: list[SchoolTold]
    trips: list[TripTold]
    samples: list[SampleTold]
    thermometers: list[ThermometerTold]
    incidents: list[IncidentTold]
    near: list[str]
    strays: list[str]
    cut: list[str]

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return not self.cut

    @property
    def known_lots(self) -> list[LotTold]:
        """Without those that are only possible."""
        return [one for one in self.lots if one.sure != "possible"]

    @property
    def known_batches(self) -> list[BatchTold]:
        """Without those that are only possible."""
        return [one for one in self.batches if one.sure != "possible"]

    @property
    def portions_percent(self) -> float:
        """Portions of the known batches: eaten, thrown away, or where somebody told that they are, of all that were
        made."""
        made = sum(one.portions for one in self.known_batches)
        astray = sum(share.astray for one in self.known_batches for share in one.shares)
        return percent(made - astray, made)

    @property
    def lots_percent(self) -> float:
        """Of the known lot that is accounted for worst."""
        return min((one.accounted_percent for one in self.known_lots), default=100.0)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be set aside: lots with anything left, and batches with portions that are not held yet."""

    lots: list[str]
    batches: list[str]


def to_hold(answer: Recall, *, possible: bool) -> Kept:
    """What is not held yet and still there; what is only ``possible`` if that is asked for."""
    lots = [one for one in answer.lots if (possible or one.sure != "possible")]
    batches = [one for one in answer.batches if (possible or one.sure != "possible")]
    return Kept(
        lots=[one.lot for one in lots if one.rest > 0 and one.held_since_ms is None],
        batches=[one.batch for one in batches if one.free > 0],
    )
