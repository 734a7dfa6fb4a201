"""Where a cooked batch's portions were since they left the fire, and what people measured of them on the way.

Reads ``batch`` and ``batch_event``; what the portions felt there is ``lot_heat``'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, select

from ..acts import decode_act
from ..food_safety.batch import Batch
from ..food_safety.batch_acts import ArriveBatch, LeaveBatch, PackBatch
from ..store.tables import batch, batch_event
from .lot_heat import OwnStay, stays_of_portions

MEASURING = ("batch.pack", "batch.leave", "batch.arrive")
# Of the temperatures of two boxes the one counts that lies deeper between cold and hot.
LUKEWARM_C = 32.5


def portions_of(
    connection: Connection, kitchen: str, name: str, now_ms: int
) -> tuple[Mapping[str, Sequence[OwnStay]], str] | None:
    """Each school's stays in order of time, and the batch's food class; ``None``: there is no such batch. One that is
    not cooked yet has none."""
    content = connection.execute(select(batch.c.content).where(batch.c.kitchen == kitchen, batch.c.id == name)).scalar()
    if content is None:
        return None
    known = msgspec.json.decode(content, type=Batch)
    if known.cooked_ms is None:
        return {}, known.food
    written = connection.execute(
        select(batch_event.c.content)
        .where(batch_event.c.kitchen == kitchen, batch_event.c.batch == name, batch_event.c.what.in_(MEASURING))
        .order_by(batch_event.c.number)
    ).scalars()
    acts = [decode_act(one) for one in written]
    return {
        share.school: stays_of_portions(
            place=known.place, cooked_ms=known.cooked_ms, left_ms=share.left_ms, arrived_ms=share.arrived_ms,
            over_ms=now_ms if share.remaining or share.eaten_ms is None else share.eaten_ms,
            by_hand=[measured for act in acts if (measured := _measured(act, share.school)) is not None],
        )
        for share in known.shares
    }, known.food  # fmt: skip


def _measured(act: object, school: str) -> tuple[int, float] | None:
    """When and what an act measured of a school's portions."""
    match act:
        case PackBatch():
            values = [act.core_c]
        case LeaveBatch() if not act.schools or school in act.schools:
            values = [act.first_c, act.last_c]
        case ArriveBatch() if act.school == school:
            values = [act.core_c]
        case _:
            return None
    told = [value for value in values if value is not None]
    return (act.at_ms, min(told, key=lambda value: abs(value - LUKEWARM_C))) if told else None
