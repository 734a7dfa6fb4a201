"""What people write about who sells and what was ordered. Shapes only; amounts are integers in the item's base unit.

What came is a ``lot.receive`` (``food_safety.lot_acts``), which may name the order that it answers.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from ..food_safety.lot_acts import Amount, Day, Line, Named, PlaceId
from ..people.act import Act, ActId, Role

SupplierId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]
SomeDay = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Phone = Annotated[str, Meta(pattern=r"^[0-9+() -]{0,20}\Z")]


class SetSupplier(Act, frozen=True, kw_only=True, tag="supplier.set"):
    """A supplier is there or changes; all of it is said each time. ``supplier`` is the id, ``items`` what it sells
    (empty: anything), ``blocked`` why nothing is bought from it (empty: it is). ``halal_until``: the last day of its
    halal certificate."""

    role: ClassVar[Role] = "nutritionist"

    supplier: SupplierId
    name: Named
    phone: Phone = ""
    halal_number: Line = ""
    halal_until: Day = ""
    items: Annotated[tuple[PlaceId, ...], Meta(max_length=100)] = ()
    blocked: Line = ""


class PlaceOrder(Act, frozen=True, kw_only=True, tag="order.place"):
    """So much of an item was ordered, to come by the day ``due``, for these serving days (none said: for the store)."""

    role: ClassVar[Role] = "nutritionist"

    supplier: SupplierId
    item: PlaceId
    amount: Amount
    due: SomeDay
    for_days: Annotated[tuple[SomeDay, ...], Meta(max_length=31)] = ()
    note: Line = ""


class CancelOrder(Act, frozen=True, kw_only=True, tag="order.cancel"):
    """It is not expected any more."""

    role: ClassVar[Role] = "nutritionist"

    order: ActId
    reason: Named


PurchaseAct = SetSupplier | PlaceOrder | CancelOrder
KINDS: tuple[type[Act], ...] = (SetSupplier, PlaceOrder, CancelOrder)
