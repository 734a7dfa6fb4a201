"""Suppliers and orders, as acts made them: projection of ``supplier`` and ``purchase``.

How far an order has come is not stored: it is derived from what was received against it. Keeps nothing in memory.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ..rulebook import Rulebook
from ..stock.days import day_of_text, local_date
from ..stock.forecast import Order
from ..stock.purchase import Supplier, meant_by, state_of
from ..stock.purchase_acts import CancelOrder, PlaceOrder, PurchaseAct, SetSupplier
from ..store.journal import Entry
from ..store.stock_tables import lot, purchase, supplier
from .context import Changes

# A kitchen buys from some twenty; a list that grows without end is somebody's mistake.
MAX_SUPPLIERS = 500
# Nobody orders food for the year after next.
MAX_AHEAD_DAYS = 366
# More deliveries than a door can take in a month.
MAX_EXPECTED = 500
UNKNOWN_SUPPLIER = "Pemasok ini tidak dikenal"
UNKNOWN_ORDER = "Pesanan ini tidak dikenal"
UNKNOWN_ITEM = "Bahan ini tidak terdaftar"
NO_DAY = "Tanggal ini tidak ada di kalender"


class Purchases:
    """Who sells, and what was ordered."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen

    def refuse(self, connection: Connection, book: Rulebook, act: PurchaseAct, now_ms: int) -> str | None:
        """Why it cannot be, in Indonesian."""
        known = suppliers_of(connection, self._kitchen)
        if isinstance(act, SetSupplier):
            return _why_no_supplier(act, known, book)
        if isinstance(act, PlaceOrder):
            return _why_no_order(act, known, book, local_date(now_ms, book.settings.timezone))
        row = order_row(connection, self._kitchen, act.order)
        if row is None:
            return UNKNOWN_ORDER
        return None if row.cancelled_ms is None else "Pesanan ini sudah dibatalkan"

    def take(self, connection: Connection, book: Rulebook, act: PurchaseAct, entry: Entry, changes: Changes) -> None:
        """A supplier is there or changed, something was ordered, or is not expected any more."""
        changes.stock = True
        match act:
            case SetSupplier():
                here = (supplier.c.kitchen == self._kitchen, supplier.c.id == act.supplier)
                connection.execute(delete(supplier).where(*here))
                connection.execute(
                    insert(supplier),
                    {
                        "kitchen": self._kitchen, "id": act.supplier, "name": act.name, "phone": act.phone,
                        "halal_number": act.halal_number, "halal_until": act.halal_until, "items": _json(act.items),
                        "blocked": act.blocked, "person": act.by, "journal_id": entry.id,
                    },
                )  # fmt: skip
            case PlaceOrder():
                item = book.settings.item(act.item)
                connection.execute(
                    insert(purchase),
                    {
                        "kitchen": self._kitchen, "id": act.id, "supplier": act.supplier, "item": act.item,
                        "unit": item.unit if item is not None else "g", "amount": act.amount, "due": act.due,
                        "for_days": _json(tuple(sorted(set(act.for_days)))), "note": act.note,
                        "placed_ms": entry.received_ms, "cancelled_ms": None, "reason": "", "person": act.by,
                        "journal_id": entry.id,
                    },
                )  # fmt: skip
            case CancelOrder():
                connection.execute(
                    update(purchase)
                    .where(purchase.c.kitchen == self._kitchen, purchase.c.id == act.order)
                    .values(cancelled_ms=entry.received_ms, reason=act.reason, journal_id=entry.id)
                )


def suppliers_of(connection: Connection, kitchen: str) -> list[Supplier]:
    """Every supplier, in the order of their names."""
    rows = connection.execute(select(supplier).where(supplier.c.kitchen == kitchen).limit(MAX_SUPPLIERS))
    found = [
        Supplier(
            id=row.id, name=row.name, phone=row.phone, halal_number=row.halal_number, halal_until=row.halal_until,
            items=tuple(msgspec.json.decode(row.items, type=list[str])), blocked=row.blocked,
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def order_row(connection: Connection, kitchen: str, name: str) -> Row[Any] | None:
    """An order by id."""
    return connection.execute(select(purchase).where(purchase.c.kitchen == kitchen, purchase.c.id == name)).first()


def expected_rows(
    connection: Connection, kitchen: str, today: date, behind_days: int, ahead_days: int
) -> list[Row[Any]]:
    """The orders that were not cancelled and are due from so long ago until so far ahead, the earliest first."""
    first, last = (today + timedelta(days=days) for days in (-behind_days, ahead_days))
    query = (
        select(purchase)
        .where(
            purchase.c.kitchen == kitchen, purchase.c.cancelled_ms.is_(None),
            purchase.c.due.between(first.isoformat(), last.isoformat()),
        )
        .order_by(purchase.c.due, purchase.c.placed_ms, purchase.c.id)
        .limit(MAX_EXPECTED)
    )  # fmt: skip
    return list(connection.execute(query))


def days_of(row: Row[Any]) -> tuple[str, ...]:
    """The serving days of an order, in their order."""
    return tuple(msgspec.json.decode(row.for_days, type=list[str]))


def came_of(connection: Connection, kitchen: str, orders: list[str], besides: str = "") -> dict[str, int]:
    """What was received and kept against each of these orders, without the lot ``besides``; what was accepted in place
    of the item that was ordered does not fill the order."""
    found = connection.execute(
        select(lot.c.purchase, func.sum(lot.c.amount))
        .join(purchase, (purchase.c.kitchen == lot.c.kitchen) & (purchase.c.id == lot.c.purchase))
        .where(
            lot.c.item == purchase.c.item, lot.c.unit == purchase.c.unit,
            lot.c.kitchen == kitchen, lot.c.purchase.in_(orders), lot.c.accepted, lot.c.withdrawn.is_(False),
            lot.c.id != besides,
        )
        .group_by(lot.c.purchase)
    )  # fmt: skip
    return {name: int(amount) for name, amount in found}


def coming_of(connection: Connection, book: Rulebook, now_ms: int, ahead_days: int) -> dict[str, list[Order]]:
    """Of each item what is still to come of its orders, by the day it is due. What is late is not counted on, nor what
    was ordered of somebody who is blocked since."""
    kitchen, today = book.settings.kitchen, local_date(now_ms, book.settings.timezone)
    rows = expected_rows(connection, kitchen, today, 0, ahead_days)
    blocked = {one.id for one in suppliers_of(connection, kitchen) if one.blocked}
    came = came_of(connection, kitchen, [row.id for row in rows])
    found: dict[str, list[Order]] = {}
    for row in rows:
        item, due, got = book.settings.item(row.item), date.fromisoformat(row.due), came.get(row.id, 0)
        if item is None or item.unit != row.unit or row.supplier in blocked:
            continue
        if state_of(row.amount, got, due, today, item, cancelled=False) in ("open", "partly"):
            found.setdefault(item.id, []).append(Order(day=due, amount=row.amount - got))
    return found


def _why_no_supplier(act: SetSupplier, known: list[Supplier], book: Rulebook) -> str | None:
    if not act.name.strip():
        return "Nama pemasok kosong"
    others = [one for one in known if one.id != act.supplier]
    if len(others) >= MAX_SUPPLIERS:
        return f"Sudah ada {MAX_SUPPLIERS} pemasok"
    if meant_by(act.name, others) is not None or meant_by(act.supplier, others) is not None:
        return "Nama ini sudah dipakai pemasok lain"
    if any(book.settings.item(item) is None for item in act.items):
        return UNKNOWN_ITEM
    return NO_DAY if act.halal_until and day_of_text(act.halal_until) is None else None


def _why_no_order(act: PlaceOrder, known: list[Supplier], book: Rulebook, today: date) -> str | None:
    seller = next((one for one in known if one.id == act.supplier), None)
    if seller is None:
        return UNKNOWN_SUPPLIER
    if seller.blocked:
        return f"Pemasok ini diblokir: {seller.blocked}"
    if book.settings.item(act.item) is None:
        return UNKNOWN_ITEM
    days = [day_of_text(day) for day in (act.due, *act.for_days)]
    if None in days:
        return NO_DAY
    due, *served = [day for day in days if day is not None]
    if due < today:
        return "Tanggal kirim sudah lewat"
    if max((due, *served)) > today + timedelta(days=MAX_AHEAD_DAYS):
        return "Tanggalnya lebih dari setahun lagi"
    return "Hari saji sebelum barang datang" if served and min(served) < due else None


def _json(texts: tuple[str, ...]) -> str:
    return msgspec.json.encode(texts).decode()
