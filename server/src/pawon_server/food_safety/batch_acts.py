"""What people write about cooked food. Each is a fact or a decision of one moment, which the writer names (``at_ms``).

Shapes only; ``batch`` says which may be written when, and what becomes of the batch.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from pawon_food_safety.rows import Disposition

from ..people.act import Act, ActId, Moment, Role

# One line without control signs: it stands in texts of the store and on screens.
Line = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]*\Z", max_length=80)]
Named = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]+\Z", max_length=60)]
BatchId = Annotated[str, Meta(pattern=r"^B-[0-9]{6}-[a-z0-9.-]{1,80}\Z")]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
# Ten times the largest kitchen's licence; what is more is a slip of the finger.
Portions = Annotated[int, Meta(ge=1, le=30_000)]
Celsius = Annotated[float, Meta(ge=-40, le=150)]


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """A school and how many portions go there."""

    school: Named
    portions: Portions


class Planned(Act, frozen=True, kw_only=True):
    """What a batch is: one dish of one wave of a serving ``day``. ``food`` is a class of the profile, ``place`` where
    its probe is, ``pans`` how many pans make the batch. What goes to no school stays in the kitchen."""

    wave: Named
    dish: Named
    day: Day
    portions: Portions
    schools: Annotated[tuple[Destination, ...], Meta(max_length=60)] = ()
    food: Annotated[str, Meta(pattern=r"^[a-z-]{0,32}\Z")] = ""
    pans: Annotated[int, Meta(ge=1, le=60)] = 1
    place: Annotated[str, Meta(pattern=r"^[a-z0-9-]{0,32}\Z")] = ""


class OpenBatch(Planned, frozen=True, kw_only=True, tag="batch.open"):
    """A batch is cooked from now, or from ``began_ms`` on."""

    began_ms: Moment | None = None


class NameBatch(Planned, frozen=True, kw_only=True, tag="batch.name"):
    """What a probe found has a name now; or the plan of a named one is put right."""

    batch: BatchId


class OfBatch(Act, frozen=True, kw_only=True):
    """Something about a batch at a moment."""

    batch: BatchId
    at_ms: Moment


class CookedPan(OfBatch, frozen=True, kw_only=True, tag="batch.cooked"):
    """A pan is done, by a person's own thermometer. For the same pan again: what was said before was wrong."""

    pan: Line = ""
    core_c: Celsius | None = None


class CorrectPan(OfBatch, frozen=True, kw_only=True, tag="batch.correct"):
    """A supervisor puts a pan's time right that a person had said, also to a later one. A probe's stays."""

    role: ClassVar[Role] = "nutritionist"

    pan: Line = ""
    reason: Named


class PackBatch(OfBatch, frozen=True, kw_only=True, tag="batch.pack"):
    """It is packed."""

    boxes: Annotated[int, Meta(ge=0, le=10_000)] = 0
    core_c: Celsius | None = None


class LeaveBatch(OfBatch, frozen=True, kw_only=True, tag="batch.leave"):
    """A trip left with the portions of ``schools`` (none named: of all); food of its first and last box."""

    schools: Annotated[tuple[Named, ...], Meta(max_length=60)] = ()
    vehicle: Line = ""
    first_c: Celsius | None = None
    last_c: Celsius | None = None


class ArriveBatch(OfBatch, frozen=True, kw_only=True, tag="batch.arrive"):
    """It came to a school."""

    school: Named
    core_c: Celsius | None = None


class EatBatch(OfBatch, frozen=True, kw_only=True, tag="batch.eaten"):
    """Portions were eaten at a school (``""``: in the kitchen); ``portions`` unsaid: all that were left there.
    ``replaces``: what was said before of this school was wrong."""

    school: Line = ""
    portions: Portions | None = None
    replaces: bool = False


class DisposeBatch(OfBatch, frozen=True, kw_only=True, tag="batch.dispose"):
    """What becomes of portions at a school (unsaid: everywhere): held portions may be used again, portions are held,
    or thrown away. ``portions`` unsaid: all that it can be."""

    decision: Disposition
    school: Line | None = None
    portions: Portions | None = None
    reason: Named


class AllowBatch(OfBatch, frozen=True, kw_only=True, tag="batch.allow"):
    """A supervisor documents that it was held hot throughout: ``lowest_c`` is the coldest that was measured."""

    role: ClassVar[Role] = "nutritionist"

    lowest_c: Celsius
    note: Named


class TakeSample(OfBatch, frozen=True, kw_only=True, tag="batch.sample"):
    """A retained sample was taken; its name is the act's."""

    mass_g: Annotated[float, Meta(gt=0, le=5_000)]
    container: Line = ""
    place: Line = ""


class DiscardSample(OfBatch, frozen=True, kw_only=True, tag="sample.discard"):
    """A retained sample is thrown away. ``early``: the writer knows that it is to be kept longer."""

    sample: ActId
    reason: Named
    early: bool = False


BatchAct = (
    OpenBatch | NameBatch | CookedPan | CorrectPan | PackBatch | LeaveBatch | ArriveBatch | EatBatch | DisposeBatch
    | AllowBatch | TakeSample | DiscardSample
)  # fmt: skip
KINDS: tuple[type[Act], ...] = (
    OpenBatch, NameBatch, CookedPan, CorrectPan, PackBatch, LeaveBatch, ArriveBatch, EatBatch, DisposeBatch,
    AllowBatch, TakeSample, DiscardSample,
)  # fmt: skip
