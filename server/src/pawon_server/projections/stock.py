"""Weighings become movements, confirmed movements become double entry: what left one account came to another.

Amounts are integers in the item's base unit. A balance is the sum of an account's lines and is stored nowhere. A
movement that nobody watched (``restart``) is only ever proposed.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from pawon_contract.ids import row_id
from pawon_contract.messages import Weighing

from ..rulebook import Place, Rulebook
from ..store.tables import MOVEMENT_TO_DATE, ledger_line, movement
from .context import Arrival, Changes

# The account that opening balances come from: what was there before the book began.
OPENING = "opening"
MOVES_STOCK = frozenset({"in", "out", "refill", "restart", "first"})
MAY_BE_AUTOMATIC = frozenset({"in", "out", "refill", "first"})


class Stock:
    """Projection of ``movement`` and ``ledger_line``."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen

    def take(
        self, connection: Connection, book: Rulebook, arrival: Arrival, sequence: int, item: Weighing, changes: Changes
    ) -> None:
        """One weighing of a scale that watches a place; touches, people and drift move no stock."""
        place = book.settings.place_of(item.sensor)
        if place is None or item.kind not in MOVES_STOCK:
            return
        amount = item.after_g - item.before_g
        automatic = place.auto_confirm and item.kind in MAY_BE_AUTOMATIC and not arrival.replayed
        if item.kind == "first":
            # A gateway with a new memory: only what the book does not hold yet is new, and then somebody must look.
            booked = self._balance(connection, place)
            if booked is not None:
                amount, automatic = item.after_g - booked, False
        if amount == 0:
            return
        known = book.settings.item(place.item)
        unit = known.unit if known is not None else "g"
        other = OPENING if item.kind == "first" else place.filled_from if amount > 0 else place.emptied_to
        name = f"{row_id(arrival.gateway, arrival.spool, sequence)}.movement"
        occurred_ms = arrival.utc_ms(item.end_ms)
        connection.execute(
            insert(movement),
            {
                "kitchen": self._kitchen, "id": name, "occurred_ms": occurred_ms, "place": place.id,
                "item": place.item, "amount": amount, "unit": unit,
                "from_place": other if amount > 0 else place.id, "to_place": place.id if amount > 0 else other,
                "state": "confirmed" if automatic else "proposed", "kind": item.kind, "sensor": item.sensor,
                "before_g": item.before_g, "after_g": item.after_g, "confidence": item.confidence,
                "trace": msgspec.json.encode(item.trace), "gateway": arrival.gateway, "spool": arrival.spool,
                "sequence": sequence, "boot": arrival.boot, "at_ms": item.end_ms, "clock": arrival.clock,
                "first_occurred_ms": None, "journal_id": arrival.journal_id,
            },
        )  # fmt: skip
        if automatic:
            self._book(connection, name, place, other, amount, unit, occurred_ms)
        changes.stock = True

    def fix_clock(self, connection: Connection, gateway: str, boot: str, offset_ms: int, journal_id: int) -> None:
        """Date a boot's guessed movements by its now known offset, once."""
        moved = connection.execute(
            select(movement.c.id, movement.c.at_ms).where(
                movement.c.kitchen == self._kitchen, movement.c.gateway == gateway, movement.c.boot == boot,
                MOVEMENT_TO_DATE,
            )
        ).all()  # fmt: skip
        for row in moved:
            occurred_ms = row.at_ms + offset_ms
            connection.execute(
                update(movement)
                .where(movement.c.kitchen == self._kitchen, movement.c.id == row.id)
                .values(first_occurred_ms=movement.c.occurred_ms, occurred_ms=occurred_ms, journal_id=journal_id)
            )
            connection.execute(
                update(ledger_line)
                .where(ledger_line.c.kitchen == self._kitchen, ledger_line.c.movement == row.id)
                .values(occurred_ms=occurred_ms)
            )

    def _balance(self, connection: Connection, place: Place) -> int | None:
        found: int | None = connection.execute(
            select(func.sum(ledger_line.c.amount)).where(
                ledger_line.c.kitchen == self._kitchen,
                ledger_line.c.place == place.id,
                ledger_line.c.item == place.item,
            )
        ).scalar()
        return None if found is None else int(found)

    def _book(
        self, connection: Connection, name: str, place: Place, other: str, amount: int, unit: str, occurred_ms: int
    ) -> None:
        line = {
            "kitchen": self._kitchen,
            "movement": name,
            "item": place.item,
            "unit": unit,
            "occurred_ms": occurred_ms,
        }
        connection.execute(
            insert(ledger_line),
            [{**line, "place": place.id, "amount": amount}, {**line, "place": other, "amount": -amount}],
        )
