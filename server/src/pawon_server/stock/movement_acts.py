"""What people write about stock: what a weighing was, what moved unweighed, what was counted, which lot is set aside.

Shapes only; ``book`` says what follows. Amounts are integers in the item's base unit.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from ..food_safety.lot_acts import Amount, Line, LotId, MovementId, Named, PlaceId
from ..people.act import Act, ActId, Moment, Role

LotOrNone = Annotated[str, Meta(pattern=r"^(SPPG-[0-9]{6}-[A-Z0-9]{3}-[0-9A-Z]{4})?\Z")]
BatchOrNone = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{0,96}\Z")]
Counted = Annotated[int, Meta(ge=0, le=10**9)]
WasteReason = Literal["", "spoiled", "expired", "burnt", "surplus", "leftover", "spilled", "rejected"]


class OfMovement(Act, frozen=True, kw_only=True):
    """About a movement. What is unsaid stays as it was proposed: ``item`` (a shared scale proposes none), ``lot``, and
    ``place``, the other place or account. ``batch``: it went into a cooked batch."""

    movement: MovementId
    item: Annotated[str, Meta(pattern=r"^[a-z0-9-]{0,32}\Z")] = ""
    lot: LotOrNone = ""
    place: Annotated[str, Meta(pattern=r"^[a-z0-9-]{0,32}\Z")] = ""
    batch: BatchOrNone = ""
    waste: WasteReason = ""


class ConfirmMovement(OfMovement, frozen=True, kw_only=True, tag="stock.confirm"):
    """It was so."""


class RefuseMovement(Act, frozen=True, kw_only=True, tag="stock.refuse"):
    """No stock moved: a hand, a pan put down, a child on the scale."""

    movement: MovementId
    reason: Named


class CorrectMovement(OfMovement, frozen=True, kw_only=True, tag="stock.correct"):
    """A movement was other than the book says. ``amount`` counts only of what was written by hand: what a scale weighed
    is never edited, only refused (``withdraw``) and told anew."""

    role: ClassVar[Role] = "nutritionist"

    reason: Named
    withdraw: bool = False
    amount: Amount | None = None


class RecordMovement(Act, frozen=True, kw_only=True, tag="stock.move"):
    """Something moved and no scale saw it, or the scale is broken; marked as entered by hand for ever."""

    item: PlaceId
    lot: LotOrNone = ""
    amount: Amount
    from_place: PlaceId
    to_place: PlaceId
    at_ms: Moment
    batch: BatchOrNone = ""
    waste: WasteReason = ""
    reason: Named


class CountStock(Act, frozen=True, kw_only=True, tag="stock.count"):
    """A stocktake: so much of an item lay in a place at a moment. It counts once it is approved."""

    item: PlaceId
    place: PlaceId
    lot: LotOrNone = ""
    counted: Counted
    at_ms: Moment
    reason: Line = ""


class DecideCount(Act, frozen=True, kw_only=True, tag="stock.decide"):
    """A stocktake's difference is approved, or it is to be counted again."""

    role: ClassVar[Role] = "nutritionist"

    count: ActId
    approved: bool
    reason: Line = ""


class HoldLot(Act, frozen=True, kw_only=True, tag="lot.hold"):
    """A lot is set aside from ``at_ms`` on: it must not be used."""

    lot: LotId
    reason: Named
    at_ms: Moment


class ReleaseLot(Act, frozen=True, kw_only=True, tag="lot.release"):
    """It may be used again."""

    role: ClassVar[Role] = "nutritionist"

    lot: LotId
    reason: Named
    at_ms: Moment


MovementAct = (
    ConfirmMovement
    | RefuseMovement
    | CorrectMovement
    | RecordMovement
    | CountStock
    | DecideCount
    | HoldLot
    | ReleaseLot
)
KINDS: tuple[type[Act], ...] = (
    ConfirmMovement, RefuseMovement, CorrectMovement, RecordMovement, CountStock, DecideCount, HoldLot, ReleaseLot,
)  # fmt: skip
