"""What the projections need to know of a kitchen: sensors, places, items, and the profile it judges by.

A version takes effect by a journal entry, so that deriving the projections again uses what was in force at the time.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pawon_food_safety.profile import Profile

from .stock.scale import AccuracyClass

# What people are told, and when, by this program: 2 tells late news in one summary and faults in plain words. Entries
# are projected by the edition of the configuration that was in force, so that a rebuild repeats what was told then.
EDITION = 2


class Sensor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One configured sensor. ``point`` is a control point of the profile, or empty; ``place`` where it measures.

    ``measures``: food, or a probe that follows it (``product``), or the ``air`` around it. ``error_c``: how far it may
    be off, taken as the guard band of every limit; unknown: the limits' own. ``door`` and ``power``: the contacts of
    its place, sensors of the same gateway. ``division_g`` (*e*), ``max_g`` and ``accuracy_class`` stand on a scale's
    plate.
    """

    id: str
    gateway: str
    name: str
    point: str
    quantity: str
    place: str = ""
    measures: Literal["product", "air"] = "product"
    error_c: float | None = None
    door: str = ""
    power: str = ""
    division_g: float | None = None
    max_g: float | None = None
    accuracy_class: AccuracyClass | None = None


class Thermometer(msgspec.Struct, frozen=True, kw_only=True):
    """A thermometer that is not connected: carried by hand, or the one that others are compared with."""

    id: str
    name: str
    kind: Literal["hand", "reference"] = "hand"


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something the book counts, in its base unit.

    ``unit_g``: the mass of one base unit, a piece's mean mass or the density of what is counted in ml. ``food``: class
    of the profile; ``shelf_life_days``: of a lot that carries no date; ``edible_percent``: what is left after trimming;
    ``cooked_factor``: grams cooked of one gram that goes into the pot, least and most.
    ``minimum``: in all places together; ``lead_days``: from ordering to delivery; ``gtin``: what its packs are marked
    with; ``halal``: only with a certificate.
    """

    id: str
    name: str
    unit: str = "g"
    unit_g: float = 1.0
    food: str = ""
    shelf_life_days: int | None = None
    edible_percent: float = 100.0
    cooked_factor: tuple[float, float] | None = None
    minimum: int | None = None
    lead_days: int = 2
    gtin: tuple[str, ...] = ()
    halal: bool = False

    @property
    def known_g(self) -> float | None:
        """What one base unit weighs; ``None`` where nobody told it of a piece."""
        return None if self.unit == "piece" and self.unit_g == 1.0 else self.unit_g


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place of the kitchen. One that a ``scale`` watches holds one ``item``, or (empty) whatever a person says.

    ``filled_from`` and ``emptied_to`` are the other account of what its scale sees come and go.
    """

    id: str
    name: str
    scale: str = ""
    item: str = ""
    auto_confirm: bool = False
    filled_from: str = "supplier"
    emptied_to: str = "prep"
    minimum: int | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a kitchen's configuration, as far as projections depend on it; ``edition``: see ``EDITION``.

    ``witness``: this server stores, verifies and shows a copy, and pages nobody. ``portion_limit``: of the kitchen's
    licence, for one serving day. ``altitude_m``: above the sea. ``scale_check_h``: for so long a check weight is
    believed."""

    kitchen: str
    name: str
    timezone: str
    sensors: list[Sensor]
    items: list[Item]
    places: list[Place]
    witness: bool = False
    edition: int = 1
    portion_limit: int | None = None
    altitude_m: float | None = None
    thermometers: list[Thermometer] = []
    scale_check_h: float = 24

    @property
    def scales(self) -> list[Sensor]:
        """The sensors that weigh."""
        return [row for row in self.sensors if row.quantity == "mass_g"]

    def sensor(self, name: str) -> Sensor | None:
        """A sensor by id."""
        return next((row for row in self.sensors if row.id == name), None)

    def place_of(self, scale: str) -> Place | None:
        """The place that a scale watches."""
        return next((row for row in self.places if row.scale and row.scale == scale), None)

    def place(self, name: str) -> Place | None:
        """A place by id."""
        return next((row for row in self.places if row.id == name), None)

    def weighed(self, place: str, item: str) -> Place | None:
        """The place of this id, if a scale of its own sees this item come and go there: what a person writes of it
        beside would count twice."""
        found = self.place(place)
        return found if found is not None and found.scale and found.item == item else None

    def item(self, name: str) -> Item | None:
        """An item by id."""
        return next((row for row in self.items if row.id == name), None)


class Rulebook(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and profile in force."""

    settings: Settings
    profile: Profile


def encode(part: Settings | Profile) -> bytes:
    """A version as its journal entry holds it; equal content gives equal bytes."""
    return msgspec.json.encode(part, order="deterministic")
