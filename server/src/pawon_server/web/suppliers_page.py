"""``/staff/suppliers``: who sells, whom to call, what their deliveries came to; the nutritionist keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..people.person import Person
from ..projections.purchases import suppliers_of
from ..projections.supplier_records import deliveries_by_supplier, record_of_rows
from ..rulebook import Rulebook
from ..stock.days import day_of_text, local_date
from ..stock.purchase import Record, Supplier
from ..stock.purchase_acts import SetSupplier
from .forms import Form
from .language import Speech
from .pages import Screens
from .purchases_api import DAY_MS, RECORD_DAYS
from .staff import Staff

PATH = "/staff/suppliers"
# The field of a tick beside an item: its name and this in front.
ITEM = "item-"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierLook:
    """A supplier as the page writes it. ``halal``: ``ok``, ``over`` or nothing; ``tel``: the phone as a link."""

    known: Supplier
    tel: str
    halal: str
    until: str
    lines: list[str]


def suppliers_page(
    reader: Engine, book: Rulebook, staff: Staff, screens: Screens, now_ms: Callable[[], int]
) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    kitchen, zone = book.settings.kitchen, book.settings.timezone

    def read(speech: Speech) -> list[SupplierLook]:
        with reader.connect() as connection:
            known = suppliers_of(connection, kitchen)
            came = deliveries_by_supplier(connection, book, known, now_ms() - RECORD_DAYS * DAY_MS)
        today, looks = local_date(now_ms(), zone), []
        for one in known:
            until = day_of_text(one.halal_until)
            looks.append(
                SupplierLook(
                    known=one, tel="".join(sign for sign in one.phone if sign in "+0123456789"),
                    halal="" if until is None else "ok" if until >= today else "over",
                    until="" if until is None else speech.date(one.halal_until),
                    lines=record_lines(record_of_rows(came[one.id], zone), speech),
                )
            )  # fmt: skip
        return looks

    async def show(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        return await staff.page(
            request, "staff_suppliers.html", form=form, suppliers=await run_in_threadpool(read, speech),
            items=[(item.id, item.name) for item in book.settings.items], days=RECORD_DAYS,
        )  # fmt: skip

    def make(by: Person, form: Form) -> AnyAct:
        return SetSupplier(
            id=form.act, by=by.id, supplier=form.get("supplier").lower(), name=form.get("name"),
            phone=form.get("phone"), halal_number=form.get("halal_number"), halal_until=form.get("halal_until"),
            items=tuple(item.id for item in book.settings.items if form.get(f"{ITEM}{item.id}")),
            blocked=form.get("blocked"),
        )  # fmt: skip

    @router.get(PATH)
    async def suppliers(request: Request) -> Response:
        return await show(request, Form())

    @router.post(PATH)
    async def write(request: Request) -> Response:
        return await staff.act(request, make, show, PATH)

    return router


def record_lines(record: Record, speech: Speech) -> list[str]:
    """What a supplier's deliveries came to, a line each; what was never asked is not told as nought."""
    _ = speech.gettext
    if not record.deliveries:
        return [_("Belum ada barang datang.")]
    lines = [_("{n} kali datang, {refused} ditolak").format(n=record.deliveries, refused=record.refused)]
    if record.short_percent is not None and record.short_g <= 0:
        lines.append(_("berat sesuai surat jalan"))
    elif record.short_percent is not None:
        lines.append(
            _("berat kurang {amount} ({percent} %) dari surat jalan").format(
                amount=speech.amount(record.short_g, "g"), percent=speech.number(record.short_percent, 1)
            )
        )
    if record.ordered:
        lines.append(_("tepat waktu {n} dari {all} kiriman pesanan").format(n=record.on_time, all=record.ordered))
    if record.too_warm:
        lines.append(_("suhu di luar batas {n} kali").format(n=record.too_warm))
    return lines
