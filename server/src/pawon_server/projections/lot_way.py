"""The way of a lot as the stock book tells it: what happened to it after it came, and where that leaves it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, or_, select

from ..food_safety.lot import Lot, Step, Way, What, follow
from ..stock import accounts
from ..store.stock_tables import ledger_line, movement

# A lot is carried and used some ten times by hand.
MAX_SAID = 500
# A scale takes from a ton of rice some twenty times a day; its way is worked out at once, so it has an end.
MAX_STEPS = 2_000
# A line of ``movement`` that follows from a person's word; a stocktake is one.
SAID = or_(ledger_line.c.assumed.is_(False), movement.c.counted.is_not(None))


def steps_of(connection: Connection, kitchen: str, name: str, *, said: bool = False) -> list[Step]:
    """What the book says happened to a lot after it came, in order of time; also where nobody said the lot and it was
    the one to be used first, unless only what people ``said`` of it, or counted, is asked for."""
    told = (SAID,) if said else ()
    found = connection.execute(
        select(movement, ledger_line.c.amount.label("line_amount"), ledger_line.c.place.label("line_place"))
        .join(ledger_line, (ledger_line.c.kitchen == movement.c.kitchen) & (ledger_line.c.movement == movement.c.id))
        .where(
            ledger_line.c.kitchen == kitchen, ledger_line.c.lot == name, ledger_line.c.place.not_in(accounts.OUTSIDE),
            or_(ledger_line.c.amount < 0, movement.c.whole & (ledger_line.c.place == movement.c.from_place)), *told,
        )
        .order_by(movement.c.occurred_ms, movement.c.written, movement.c.id)
        .limit(MAX_STEPS)
    )  # fmt: skip
    return [_step_of(row) for row in found]


def _step_of(row: Row[Any]) -> Step:
    to = row.from_place if row.line_place == row.to_place else row.to_place
    what: What = "move" if to not in accounts.OUTSIDE else "use" if to == accounts.COOKED else "discard"
    return Step(
        id=row.id, order=row.written, what=what, at_ms=row.occurred_ms, place=row.line_place,
        to_place=to if what == "move" else "", batch=row.batch, amount=None if row.whole else -row.line_amount,
    )  # fmt: skip


def way_of(row: Row[Any], steps: list[Step], until_ms: int) -> Way:
    """The way of a lot up to ``until_ms``."""
    begun = Lot(id=row.id, place=row.place, received_ms=row.received_ms, amount=row.amount)
    return follow(begun, steps, until_ms)
