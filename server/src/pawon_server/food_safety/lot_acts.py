"""What people write about lots of raw material. Each is a fact of one moment, which the writer names (``at_ms``).

Shapes only; ``lot`` says what follows from them. Amounts are integers in the item's base unit.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from ..people.act import Act, ActId, Moment, Role

# One line without control signs: it stands in texts of the store and on screens.
Line = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]*\Z", max_length=80)]
Named = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]+\Z", max_length=60)]
PlaceId = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
LotId = Annotated[str, Meta(pattern=r"^SPPG-[0-9]{6}-[A-Z0-9]{3}-[0-9A-Z]{4}\Z")]
# Batch ids as ``batch`` makes them; a lot only names them.
BatchId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,96}\Z")]
# Of a weighing: its row in the record, ``gateway.spool.sequence.movement``; of what people wrote: the act's.
MovementId = Annotated[str, Meta(pattern=r"^[a-z0-9.-]{1,100}\Z")]
MovementOrNone = Annotated[str, Meta(pattern=r"^[a-z0-9.-]{0,100}\Z")]
# A thousand tonnes; what is more is a slip of the finger.
Amount = Annotated[int, Meta(ge=1, le=10**9)]
Celsius = Annotated[float, Meta(ge=-60, le=150)]
# Control points of a profile at which a delivery is judged; empty: dry goods, whose temperature is no matter.
Receiving = Literal["", "receiving-chilled", "receiving-frozen", "receiving-hot"]
# A local date, or nothing.
Day = Annotated[str, Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?\Z")]


class ReceiveLot(Act, frozen=True, kw_only=True, tag="lot.receive"):
    """A delivery of one item came, and was accepted into ``place`` or sent back (``accepted`` false).

    ``code`` is the supplier's own lot code, ``note`` the delivery note; ``food`` a class of the profile; ``expires``
    and ``produced`` local dates, as its label says. ``movement``: the weighing that saw it come, whose mass counts;
    ``unweighed``: the scale of ``place`` did not see it.

    ``order``: the ``order.place`` that it answers; ``noted``: the amount on the delivery note; ``for_day``: the serving
    day it was bought for; ``halal``: whether its certificate was seen; ``barcode``: as it was scanned, for evidence.
    ``despite``: why it was accepted although ``stock.receiving`` found what forbids it.
    """

    item: PlaceId
    supplier: Named
    note: Line = ""
    code: Line = ""
    amount: Amount
    point: Receiving = ""
    food: Annotated[str, Meta(pattern=r"^[a-z-]{0,32}\Z")] = ""
    temperature_c: Celsius | None = None
    expires: Day = ""
    place: PlaceId
    at_ms: Moment
    accepted: bool = True
    movement: MovementOrNone = ""
    unweighed: bool = False
    order: Annotated[str, Meta(pattern=r"^([0-9a-f]{16,40})?\Z")] = ""
    noted: Amount | None = None
    gtin: Annotated[str, Meta(pattern=r"^([0-9]{8}|[0-9]{12,14})?\Z")] = ""
    for_day: Day = ""
    produced: Day = ""
    halal: Literal["", "yes", "no"] = ""
    barcode: Annotated[str, Meta(pattern=r"^[^\x00]*\Z", max_length=300)] = ""
    despite: Line = ""


class OfLot(Act, frozen=True, kw_only=True):
    """Something about a lot. ``place`` is where it was; ``amount`` unsaid: all that lay there. ``unweighed``: the scale
    of the place did not see it; what it saw is told by ``stock.confirm``."""

    lot: LotId
    place: PlaceId
    amount: Amount | None = None
    at_ms: Moment
    unweighed: bool = False


class MoveLot(OfLot, frozen=True, kw_only=True, tag="lot.move"):
    """It was carried to another place."""

    to_place: PlaceId


class UseLot(OfLot, frozen=True, kw_only=True, tag="lot.use"):
    """It went into a cooked batch."""

    batch: BatchId


class DiscardLot(OfLot, frozen=True, kw_only=True, tag="lot.discard"):
    """It was thrown away."""

    reason: Named


class CorrectLot(Act, frozen=True, kw_only=True, tag="lot.correct"):
    """An earlier act of a lot was wrong: it did not happen (``withdraw``), or what is said here was otherwise; what is
    not said stays as it was.

    ``place`` is where a receipt or a move brought it, and where a use or a discard took it from. The last correction
    of a fact counts.
    """

    role: ClassVar[Role] = "nutritionist"

    lot: LotId
    corrects: ActId
    reason: Named
    withdraw: bool | None = None
    at_ms: Moment | None = None
    amount: Amount | None = None
    place: PlaceId | None = None
    temperature_c: Celsius | None = None
    accepted: bool | None = None


LotAct = ReceiveLot | MoveLot | UseLot | DiscardLot | CorrectLot
KINDS: tuple[type[Act], ...] = (ReceiveLot, MoveLot, UseLot, DiscardLot, CorrectLot)
