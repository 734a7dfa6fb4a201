"""``/api/v1/suppliers``, ``/api/v1/orders`` and ``/api/v1/gs1``: who sells, what was ordered, and what a barcode says.

A write is the act's fields as JSON, with an ``id`` (16 to 40 hex digits) that the sender makes: the same sent twice is
one. A supplier's phone, and why it is blocked, are told only to people of the kitchen who signed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from sqlalchemy import Connection, Engine, Row
from starlette.concurrency import run_in_threadpool

from ..projections.purchases import (
    UNKNOWN_ORDER,
    UNKNOWN_SUPPLIER,
    came_of,
    days_of,
    order_row,
    suppliers_of,
)
from ..projections.supplier_records import deliveries_by_supplier, record_of_rows
from ..rulebook import Item, Rulebook
from ..stock.days import day_of_text, local_date
from ..stock.gs1 import MAX_SIGNS, Marked, read_barcode
from ..stock.purchase import Record, Supplier, state_of
from ..stock.purchase_acts import CancelOrder, PlaceOrder, SetSupplier
from ..stock.receiving import owner_of
from .api import NO_NUL, Cursor, Limit, Page, Word, iso, order_rows
from .desk import Desk, write_said
from .language import load_speeches
from .lots_api import FREE_TEXT, lot_item
from .queries import without_names

DAY_MS = 86_400_000
# What of a supplier's past is looked at: a season, unless it is said.
RECORD_DAYS = 90
NEWEST = 20
Days = Annotated[int, Query(ge=1, le=366)]


def purchases_api(reader: Engine, book: Rulebook, desk: Desk, now_ms: Callable[[], int]) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["purchases"])
    kitchen, zone, speeches = book.settings.kitchen, book.settings.timezone, load_speeches()

    def today() -> date:
        return local_date(now_ms(), zone)

    def told(
        connection: Connection, suppliers: Sequence[Supplier], days: int, *, inside: bool
    ) -> tuple[list[dict[str, Any]], dict[str, list[Row[Any]]]]:
        came = deliveries_by_supplier(connection, book, suppliers, now_ms() - days * DAY_MS)
        items = [
            supplier_item(one, record_of_rows(came[one.id], zone), days, today(), inside=inside) for one in suppliers
        ]
        return items, came

    @router.get("/suppliers")
    def suppliers(request: Request, days: Days = RECORD_DAYS) -> Page:
        """Who sells to the kitchen, with what their deliveries of the last ``days`` came to: how many, refused,
        short of their notes in g and %, on time, too warm."""
        inside = desk.person(request) is not None
        with reader.connect() as connection:
            items, _ = told(connection, suppliers_of(connection, kitchen), days, inside=inside)
        return Page(items=items, next=None)

    @router.get("/suppliers/{supplier}")
    def one_supplier(request: Request, supplier: str, days: Days = RECORD_DAYS) -> dict[str, Any]:
        """One of them, with its newest deliveries. 404 for one that is not there."""
        inside = desk.person(request) is not None
        with reader.connect() as connection:
            known = [one for one in suppliers_of(connection, kitchen) if one.id == supplier]
            if not known:
                raise HTTPException(404, UNKNOWN_SUPPLIER)
            (item,), came = told(connection, known, days, inside=inside)
            newest = [lot_item(row, book, speeches) for row in came[supplier][:NEWEST]]
            return {**item, "newest": without_names(connection, kitchen, newest, FREE_TEXT)}

    @router.post("/suppliers")
    async def set_supplier(request: Request) -> dict[str, Any]:
        """A supplier is there or changes: a ``supplier.set`` act, which says all of it."""
        act, written = await write_said(desk, request, SetSupplier)
        return {"entry": written.entry, "supplier": act.supplier}

    @router.get("/orders")
    def orders(supplier: Word = None, item: Word = None, cursor: Cursor = None, limit: Limit = 100) -> Page:
        """What was ordered, the newest first. ``state``: ``open``, ``partly``, ``late`` (the day has passed and it is
        not whole), ``received``, ``cancelled``; ``came`` is what was received and kept."""
        rows, following = order_rows(reader, kitchen, {"supplier": supplier, "item": item}, cursor, limit)
        with reader.connect() as connection:
            items = order_items(connection, book, rows, today())
            return Page(items=without_names(connection, kitchen, items, FREE_TEXT), next=following)

    @router.post("/orders")
    async def place(request: Request) -> dict[str, Any]:
        """Something was ordered: an ``order.place`` act. Answers the order as it stands."""
        act, written = await write_said(desk, request, PlaceOrder)
        return {"entry": written.entry, **await run_in_threadpool(one_order, act.id)}

    @router.post("/orders/{order}/cancel")
    async def cancel(request: Request, order: str) -> dict[str, Any]:
        """It is not expected any more: an ``order.cancel`` act."""
        _, written = await write_said(desk, request, CancelOrder, order=order)
        return {"entry": written.entry, **await run_in_threadpool(one_order, order)}

    @router.get("/gs1")
    def barcode(text: Annotated[str, Query(max_length=4 * MAX_SIGNS, pattern=NO_NUL)]) -> dict[str, Any]:
        """What a barcode says, as a scanner sent it (FNC1 is ASCII 29, ``%1D``) or in brackets, and which item of this
        kitchen it is; ``amount`` in that item's base unit, as far as the label tells it."""
        return barcode_item(read_barcode(text, today()), book)

    def one_order(name: str) -> dict[str, Any]:
        with reader.connect() as connection:
            row = order_row(connection, kitchen, name)
            if row is None:  # the id was an earlier act's, which was another one
                raise HTTPException(409, UNKNOWN_ORDER)
            return order_items(connection, book, [row], today())[0]

    return router


def supplier_item(one: Supplier, record: Record, days: int, today: date, *, inside: bool) -> dict[str, Any]:
    """A supplier with its record; what is nobody else's business only for people of the kitchen (``inside``)."""
    until = day_of_text(one.halal_until)
    return {
        "id": one.id, "name": one.name, "items": list(one.items), "blocked": bool(one.blocked),
        "halal_number": one.halal_number or None, "halal_until": one.halal_until or None,
        "halal_valid": None if until is None else until >= today,
        "record": {
            "days": days, "deliveries": record.deliveries, "refused": record.refused, "too_warm": record.too_warm,
            "ordered": record.ordered, "on_time": record.on_time, "noted_g": record.noted_g,
            "short_g": record.short_g, "short_percent": record.short_percent, "blocking": record.blocking,
        },
        **({"phone": one.phone or None, "blocked_because": one.blocked or None} if inside else {}),
    }  # fmt: skip


def order_items(connection: Connection, book: Rulebook, rows: Sequence[Row[Any]], today: date) -> list[dict[str, Any]]:
    """Orders as the API gives them, each with how far it has come."""
    kitchen = book.settings.kitchen
    names = {one.id: one.name for one in suppliers_of(connection, kitchen)}
    came = came_of(connection, kitchen, [row.id for row in rows])
    found = []
    for row in rows:
        item = book.settings.item(row.item) or Item(id=row.item, name=row.item, unit=row.unit)
        got, due = came.get(row.id, 0), date.fromisoformat(row.due)
        state = state_of(row.amount, got, due, today, item, cancelled=row.cancelled_ms is not None)
        found.append(
            {
                "id": row.id, "supplier": row.supplier, "supplier_name": names.get(row.supplier, row.supplier),
                "item": row.item, "item_name": item.name, "unit": row.unit, "amount": row.amount, "came": got,
                "due": row.due, "for_days": list(days_of(row)), "state": state, "placed_at": iso(row.placed_ms),
                "cancelled_at": iso(row.cancelled_ms), "note": row.note, "reason": row.reason,
            }
        )  # fmt: skip
    return found


def amount_marked(marked: Marked, item: Item | None) -> int | None:
    """What a label says that there is, in the item's base unit; nothing where it does not say."""
    if item is None:
        return None
    if item.unit == "piece":
        return marked.count
    return None if marked.net_g is None else round(marked.net_g / (1 if item.unit == "g" else item.unit_g))


def barcode_item(marked: Marked, book: Rulebook) -> dict[str, Any]:
    """A barcode as the API gives it."""
    gtin = marked.gtin or marked.contained
    item = book.settings.item(owner_of(gtin, book.settings.items))
    days = {name: getattr(marked, name) for name in ("produced", "packed", "best_before", "expires")}
    return {
        "gtin": gtin or None, "item": None if item is None else item.id,
        "item_name": None if item is None else item.name, "code": marked.lot or None,
        "amount": amount_marked(marked, item), "unit": None if item is None else item.unit, "net_g": marked.net_g,
        "count": marked.count, **{name: None if day is None else day.isoformat() for name, day in days.items()},
        "expires_at": None if marked.expires_at is None else marked.expires_at.isoformat("minutes"),
        "sscc": marked.sscc or None, "gln": marked.gln or None, "unknown": dict(marked.unknown),
        "problems": [{"at": one.at, "code": one.code, "ai": one.ai or None} for one in marked.problems],
    }  # fmt: skip
