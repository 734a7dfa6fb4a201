"""What the lots of the last weeks say about who brought them. Read when it is asked for; nothing of it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from ..rulebook import Rulebook
from ..stock.days import day_of_text, local_date
from ..stock.purchase import Came, Record, Supplier, meant_by, record_of
from ..store.stock_tables import lot, purchase
from .receipts import findings_of

# Ten deliveries a day for a year and more; older ones are left out of one answer.
MAX_LOTS = 5_000


def deliveries_by_supplier(
    connection: Connection, book: Rulebook, suppliers: Sequence[Supplier], since_ms: int
) -> dict[str, list[Row[Any]]]:
    """The lots that came since then, the newest first, by supplier: as it was known then, else by its name."""
    kitchen = book.settings.kitchen
    rows = connection.execute(
        select(lot, purchase.c.due)
        .outerjoin(purchase, (purchase.c.kitchen == lot.c.kitchen) & (purchase.c.id == lot.c.purchase))
        .where(lot.c.kitchen == kitchen, lot.c.received_ms >= since_ms, lot.c.withdrawn.is_(False))
        .order_by(lot.c.received_ms.desc(), lot.c.id)
        .limit(MAX_LOTS)
    )
    found: dict[str, list[Row[Any]]] = {one.id: [] for one in suppliers}
    meant: dict[str, str] = {}
    for row in rows:
        seller = row.seller
        if not seller:
            if row.supplier not in meant:
                known = meant_by(row.supplier, suppliers)
                meant[row.supplier] = "" if known is None else known.id
            seller = meant[row.supplier]
        if seller in found:
            found[seller].append(row)
    return found


def record_of_rows(rows: Sequence[Row[Any]], zone: str) -> Record:
    """A supplier's record by its lots' rows (with the ``due`` of their orders)."""
    return record_of(
        Came(
            day=local_date(row.received_ms, zone), accepted=row.accepted, too_warm=row.rule != "",
            in_grams=row.unit == "g", noted=row.noted, short=0 if row.noted is None else row.noted - row.amount,
            due=day_of_text(row.due or ""),
            blocking=sum(one.severity == "blocking" for one in findings_of(row)),
        )
        for row in rows
    )  # fmt: skip
