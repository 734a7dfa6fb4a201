"""What was thrown away, by reason and item, against what was bought and cooked. Pure; masses in whole grams.

What is raw is compared with what was bought of the same, and dishes and plates with what was cooked: a kilogram of rice
and one of cooked rice are not the same food.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec


class Thrown(NamedTuple):
    """Something was thrown away. ``item``: raw, of that; empty: a dish. ``mass_g`` ``None``: its unit has no mass."""

    item: str
    reason: str
    mass_g: int | None


class WasteRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of one item and reason. ``share``: of what was bought of the item, of dishes of what was cooked; ``None``: that
    is not known, or was nothing. ``unweighed``: some of it had no mass."""

    item: str
    reason: str
    mass_g: int
    share: float | None
    unweighed: bool = False


class Waste(msgspec.Struct, frozen=True, kw_only=True):
    """Of a span: most first. ``bought_g`` and ``cooked_g`` are ``None`` where they are not known."""

    rows: tuple[WasteRow, ...]
    raw_g: int
    dish_g: int
    plate_g: int
    bought_g: int | None
    cooked_g: int | None
    raw_share: float | None
    dish_share: float | None
    plate_share: float | None


def waste_of(thrown: Iterable[Thrown], bought: Mapping[str, int | None], cooked_g: int | None) -> Waste:
    """The waste of a span. ``bought``: grams by item; ``cooked_g``: of all dishes that were weighed."""
    sums: dict[tuple[str, str], list[int | None]] = {}
    for one in thrown:
        sums.setdefault((one.item, one.reason), []).append(one.mass_g)
    rows = [
        _row(item, reason, masses, bought.get(item) if item else cooked_g) for (item, reason), masses in sums.items()
    ]
    raw_g = sum(row.mass_g for row in rows if row.item)
    plate_g = sum(row.mass_g for row in rows if not row.item and row.reason == "leftover")
    dish_g = sum(row.mass_g for row in rows if not row.item) - plate_g
    weights = [mass_g for mass_g in bought.values() if mass_g is not None]
    bought_g = sum(weights) if bought and len(weights) == len(bought) else None
    return Waste(
        rows=tuple(sorted(rows, key=lambda row: (-row.mass_g, row.item, row.reason))), raw_g=raw_g, dish_g=dish_g,
        plate_g=plate_g, bought_g=bought_g, cooked_g=cooked_g, raw_share=_share(raw_g, bought_g),
        dish_share=_share(dish_g, cooked_g), plate_share=_share(plate_g, cooked_g),
    )  # fmt: skip


def _row(item: str, reason: str, masses: list[int | None], whole_g: int | None) -> WasteRow:
    known = [mass_g for mass_g in masses if mass_g is not None]
    mass_g = sum(known)
    return WasteRow(
        item=item, reason=reason, mass_g=mass_g, share=_share(mass_g, whole_g), unweighed=len(known) < len(masses)
    )


def _share(part_g: int, whole_g: int | None) -> float | None:
    return None if whole_g is None or whole_g <= 0 else part_g / whole_g
