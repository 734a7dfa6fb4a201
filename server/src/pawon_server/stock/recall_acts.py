"""What people do with a recall: hold every lot and batch of its answer that is not held yet, and practise it. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, ClassVar

from msgspec import Meta

from ..food_safety.batch_acts import DisposeBatch
from ..food_safety.lot_acts import Line
from ..people.act import Act, Moment, Role
from .movement_acts import HoldLot
from .recall import Recall, to_hold

DEFAULT_REASON = "Penarikan"
# What a reason may be (``lot_acts.Named``).
LONGEST_REASON = 60
Percent = Annotated[float, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0, le=10**6)]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class RecordDrill(Act, frozen=True, kw_only=True, tag="recall.drill"):
    """A recall was practised: what was asked, how long the answer took, how much was found and accounted for."""

    role: ClassVar[Role] = "nutritionist"

    school: Line = ""
    eaten_ms: Moment | None = None
    lot: Line = ""
    batch: Annotated[str, Meta(max_length=96)] = ""
    seconds: Annotated[float, Meta(ge=0, le=3600)]
    portions_percent: Percent
    lots_percent: Percent
    lots: Count
    batches: Count
    schools: Count


def drill_of(answer: Recall, *, name: str, by: str, seconds: float) -> RecordDrill:
    """The drill that an answer was."""
    return RecordDrill(
        id=name, by=by, school=answer.asked.school, eaten_ms=answer.asked.eaten_ms, lot=answer.asked.lot,
        batch=answer.asked.batch, seconds=round(seconds, 2), portions_percent=answer.portions_percent,
        lots_percent=answer.lots_percent, lots=len(answer.known_lots), batches=len(answer.known_batches),
        schools=sum(one.sure != "possible" for one in answer.schools),
    )  # fmt: skip


def holds(
    answer: Recall, *, token: str, by: str, now_ms: int, reason: str, possible: bool
) -> list[HoldLot | DisposeBatch]:
    """What is to be written, batches first: food on the table is nearer to a mouth than food in the store.

    ``token`` makes the acts' ids, so that the same form sent twice is the same acts. Asked again later nothing is left
    to write, for what is held is not held again.
    """
    kept = to_hold(answer, possible=possible)
    why = _CONTROL.sub(" ", reason).strip()[:LONGEST_REASON] or DEFAULT_REASON

    def name(what: str) -> str:
        return hashlib.sha256(f"recall\0{token}\0{what}".encode()).hexdigest()[:32]

    return [
        *(
            DisposeBatch(id=name(one), by=by, batch=one, at_ms=now_ms, decision="hold", reason=why)
            for one in kept.batches
        ),
        *(HoldLot(id=name(one), by=by, lot=one, reason=why, at_ms=now_ms) for one in kept.lots),
    ]
