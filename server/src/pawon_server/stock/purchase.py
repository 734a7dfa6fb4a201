"""Suppliers and orders: who is meant by a name, how far an order has come, and what a supplier's record says. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

import msgspec

from ..rulebook import Item
from .receiving import DIVISION_G, missing_is_right

State = Literal["open", "late", "partly", "received", "cancelled"]


class Supplier(msgspec.Struct, frozen=True, kw_only=True):
    """As ``supplier.set`` made them; ``phone`` is on no public page. ``blocked``: why nothing is bought."""

    id: str
    name: str
    phone: str = ""
    halal_number: str = ""
    halal_until: str = ""
    items: tuple[str, ...] = ()
    blocked: str = ""


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery, as far as it tells of whoever brought it. ``due``: of the order that it answers; ``short``: less
    than its note said (more is less than nothing), ``too_warm``: beyond a limit of its receiving point."""

    day: date
    accepted: bool
    too_warm: bool
    in_grams: bool
    noted: int | None = None
    short: int = 0
    due: date | None = None
    blocking: int = 0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a supplier's deliveries come to. ``noted_g`` and ``short_g``: sums over those in grams that had a note."""

    deliveries: int = 0
    refused: int = 0
    too_warm: int = 0
    ordered: int = 0
    on_time: int = 0
    noted_g: int = 0
    short_g: int = 0
    blocking: int = 0

    @property
    def short_percent(self) -> float | None:
        """What was missing in all, of what the notes said; nothing without a note."""
        return None if not self.noted_g else round(100 * self.short_g / self.noted_g, 2)


def meant_by(said: str, suppliers: Iterable[Supplier]) -> Supplier | None:
    """The supplier whose id or name this is; capitals and blanks do not matter."""
    wanted = _plain(said)
    return next((one for one in suppliers if wanted in (one.id, _plain(one.name))), None)


def state_of(
    ordered: int, came: int, due: date, today: date, item: Item, *, cancelled: bool, division_g: float = DIVISION_G
) -> State:
    """How far an order has come: ``received`` also where so little is missing that nobody would ask for it."""
    if cancelled:
        return "cancelled"
    if came and missing_is_right(ordered - came, ordered, item, item.food, division_g):
        return "received"
    if today > due:
        return "late"
    return "partly" if came else "open"


def record_of(deliveries: Iterable[Came]) -> Record:
    """A supplier's record; more than a note said in one delivery makes up for less in another."""
    known = list(deliveries)
    weighed = [one for one in known if one.in_grams and one.noted is not None]
    ordered = [one for one in known if one.due is not None]
    return Record(
        deliveries=len(known), refused=sum(not one.accepted for one in known),
        too_warm=sum(one.too_warm for one in known), ordered=len(ordered),
        on_time=sum(one.due is not None and one.day <= one.due for one in ordered),
        noted_g=sum(one.noted or 0 for one in weighed), short_g=sum(one.short for one in weighed),
        blocking=sum(one.blocking > 0 for one in known),
    )  # fmt: skip


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
