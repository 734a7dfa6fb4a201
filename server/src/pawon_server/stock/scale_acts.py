"""What people write about a scale: a check weight or the empty pan, the mark of its legal verification, and that one of
these records was a mistake. Numbers are what was put on and what was shown; verdicts are derived from them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from ..food_safety.lot_acts import Line, Named
from ..people.act import Act, ActId, Moment, Role

Scale = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
Grams = Annotated[float, Meta(ge=-1e7, le=1e7)]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]


class CheckScale(Act, frozen=True, kw_only=True, tag="scale.check"):
    """Somebody put a known mass of ``nominal_g`` (0: nothing) on the scale at ``at_ms`` and read ``shown_g``."""

    scale: Scale
    nominal_g: Annotated[float, Meta(ge=0, le=1e7)]
    shown_g: Grams
    note: Line = ""
    at_ms: Moment


class VerifyScale(Act, frozen=True, kw_only=True, tag="scale.verify"):
    """The scale carries a mark (*tanda tera*), good from the day ``verified`` through ``valid_until``; ``mark``: the
    number of mark or certificate, ``office``: whose it is."""

    role: ClassVar[Role] = "nutritionist"

    scale: Scale
    verified: Day
    valid_until: Day
    mark: Named
    office: Line = ""


class WithdrawScaleRecord(Act, frozen=True, kw_only=True, tag="scale.withdraw"):
    """A check or a mark of this scale was written by mistake and counts as never written. ``record``: the act that
    wrote it."""

    role: ClassVar[Role] = "nutritionist"

    scale: Scale
    record: ActId
    reason: Named


ScaleAct = CheckScale | VerifyScale | WithdrawScaleRecord
KINDS: tuple[type[Act], ...] = (CheckScale, VerifyScale, WithdrawScaleRecord)
