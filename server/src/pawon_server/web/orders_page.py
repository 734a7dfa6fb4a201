"""``/staff/orders``: what is expected and how far it has come; the nutritionist orders and cancels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..people.person import Person
from ..projections.purchases import NO_DAY, expected_rows, suppliers_of
from ..rulebook import Rulebook
from ..stock.days import day_of_text, local_date
from ..stock.purchase_acts import CancelOrder, PlaceOrder
from .api import order_rows
from .forms import Form
from .language import Speech
from .lots_page import amount_of
from .pages import Screens
from .purchases_api import order_items
from .staff import Staff

PATH = "/staff/orders"
# What a kitchen looks back on; all of it is at /api/v1/orders.
SHOWN = 30
BEHIND_DAYS, AHEAD_DAYS = 60, 366
MAX_SERVING_DAYS = 31
WAITING = ("late", "partly", "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLook:
    """An order as a page writes it. ``waiting``: something of it is still to come."""

    id: str
    item: str
    supplier: str
    amount: str
    came: str
    due: str
    for_days: str
    state: str
    word: str
    note: str
    reason: str
    waiting: bool


def order_look(told: dict[str, Any], speech: Speech) -> OrderLook:
    """An order (as ``order_items`` tells it) in the reader's language."""
    _ = speech.gettext
    words = {
        "open": _("ditunggu"), "partly": _("datang sebagian"), "late": _("terlambat"),
        "received": _("sudah lengkap"), "cancelled": _("dibatalkan"),
    }  # fmt: skip
    days = [speech.date(day) for day in told["for_days"]]
    return OrderLook(
        id=told["id"], item=told["item_name"], supplier=told["supplier_name"],
        amount=speech.amount(told["amount"], told["unit"]),
        came=speech.amount(told["came"], told["unit"]) if told["came"] else "", due=speech.date(told["due"]),
        for_days=days[0] if len(days) == 1 else f"{days[0]} – {days[-1]}" if days else "", state=told["state"],
        word=words[told["state"]], note=told["note"], reason=told["reason"], waiting=told["state"] in WAITING,
    )  # fmt: skip


def orders_page(reader: Engine, book: Rulebook, staff: Staff, screens: Screens, now_ms: Callable[[], int]) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    kitchen, zone = book.settings.kitchen, book.settings.timezone

    def read(speech: Speech) -> tuple[list[OrderLook], list[OrderLook], list[tuple[str, str]]]:
        today = local_date(now_ms(), zone)
        newest, _ = order_rows(reader, kitchen, {}, None, SHOWN)
        with reader.connect() as connection:
            expected = expected_rows(connection, kitchen, today, BEHIND_DAYS, AHEAD_DAYS)
            looks = [order_look(one, speech) for one in order_items(connection, book, expected, today)]
            older = [order_look(one, speech) for one in order_items(connection, book, newest, today)]
            sellers = [(one.id, one.name) for one in suppliers_of(connection, kitchen) if not one.blocked]
        waiting = [one for one in looks if one.waiting]
        shown = {one.id for one in waiting}
        return waiting, [one for one in older if one.id not in shown], sellers

    async def show(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        waiting, done, sellers = await run_in_threadpool(read, speech)
        return await staff.page(
            request, "staff_orders.html", form=form, waiting=waiting, done=done, sellers=sellers,
            items=[(item.id, item.name) for item in book.settings.items],
            today=local_date(now_ms(), zone).isoformat(),
        )  # fmt: skip

    def make(by: Person, form: Form) -> AnyAct:
        what, _, order = form.get("do").partition(":")
        if what == "cancel":
            return CancelOrder(id=form.act, by=by.id, order=order, reason=form.get("reason"))
        item = book.settings.item(form.get("item"))
        return PlaceOrder(
            id=form.act, by=by.id, supplier=form.get("supplier"), item=form.get("item"),
            amount=amount_of(form.get("amount"), "g" if item is None else item.unit) or 0, due=form.get("due"),
            for_days=_serving(form.get("first"), form.get("last")), note=form.get("note"),
        )  # fmt: skip

    @router.get(PATH)
    async def orders(request: Request) -> Response:
        return await show(request, Form())

    @router.post(PATH)
    async def write(request: Request) -> Response:
        return await staff.act(request, make, show, PATH)

    return router


def _serving(first: str, last: str) -> tuple[str, ...]:
    """The days from one to another, both served; one alone is one day. Raises 409 for what is no such days."""
    if not first and not last:
        return ()
    begin: date | None = day_of_text(first or last)
    end = day_of_text(last or first)
    if begin is None or end is None:
        raise HTTPException(409, NO_DAY)
    if not 0 <= (end - begin).days < MAX_SERVING_DAYS:
        raise HTTPException(409, "Hari saji: dari yang awal ke yang akhir, paling banyak sebulan")
    return tuple((begin + timedelta(days=n)).isoformat() for n in range((end - begin).days + 1))
