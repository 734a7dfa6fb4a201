"""Lots that are set aside, so that nobody uses them: projection of ``lot_hold``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ..stock.movement_acts import HoldLot, ReleaseLot
from ..store.journal import Entry
from ..store.stock_tables import lot, lot_hold
from .book import StockBook
from .untimely import untimely


class LotHolds:
    """From when to when which lot must not be used. What was assumed to be taken of it meanwhile is derived again."""

    def __init__(self, kitchen: str, ledger: StockBook) -> None:
        self._kitchen, self._ledger = kitchen, ledger

    def refuse(self, connection: Connection, act: HoldLot | ReleaseLot, now_ms: int) -> str | None:
        """Why it cannot be, in Indonesian."""
        if self._item(connection, act.lot) is None:
            return "Lot ini tidak dikenal"
        if isinstance(act, ReleaseLot):
            began = [one.from_ms for one in holds_of(connection, self._kitchen, act.lot)]
            if not any(from_ms <= act.at_ms for from_ms in began):
                return "Lot ini tidak ditahan"
        return untimely(act.at_ms, now_ms)

    def take(self, connection: Connection, act: HoldLot | ReleaseLot, entry: Entry) -> None:
        """It is set aside, or may be used again."""
        if isinstance(act, HoldLot):
            connection.execute(
                insert(lot_hold),
                {
                    "kitchen": self._kitchen, "id": act.id, "lot": act.lot, "from_ms": act.at_ms, "until_ms": None,
                    "reason": act.reason, "person": act.by, "journal_id": entry.id,
                },
            )  # fmt: skip
        else:
            connection.execute(
                update(lot_hold).where(*self._open(act.lot, act.at_ms)).values(until_ms=act.at_ms, journal_id=entry.id)
            )
        item = self._item(connection, act.lot)
        if item is not None:
            self._ledger.touch(item, act.at_ms)

    def _open(self, name: str, at_ms: int) -> tuple[Any, ...]:
        """The holds that a release of this moment ends: what began after it, it does not speak of."""
        return (lot_hold.c.kitchen == self._kitchen, lot_hold.c.lot == name, lot_hold.c.until_ms.is_(None),
                lot_hold.c.from_ms <= at_ms)  # fmt: skip

    def _item(self, connection: Connection, name: str) -> str | None:
        found = connection.execute(select(lot.c.item).where(lot.c.kitchen == self._kitchen, lot.c.id == name)).scalar()
        return None if found is None else str(found)


def holds_of(connection: Connection, kitchen: str, name: str) -> list[Row[Any]]:
    """Why a lot is set aside, oldest first; empty when it is not."""
    query = select(lot_hold).where(lot_hold.c.kitchen == kitchen, lot_hold.c.lot == name, lot_hold.c.until_ms.is_(None))
    return list(connection.execute(query.order_by(lot_hold.c.from_ms, lot_hold.c.id)))
