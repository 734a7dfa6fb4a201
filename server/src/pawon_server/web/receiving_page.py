"""``/staff/lots``: receive a delivery. A barcode or an order fills in the form; what is found about the delivery is
shown before it is saved, and saving in spite of it is a choice of its own. Works without scripts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine, Row, select
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct, decode_act, encode_act
from ..food_safety.heat import Judged, judge_delivery
from ..food_safety.lot_acts import ReceiveLot
from ..people.person import Person
from ..projections.purchases import expected_rows, order_row
from ..projections.receipts import as_weighed, judge_act
from ..projections.stock import units
from ..rulebook import Item, Rulebook
from ..stock.days import local_date
from ..stock.gs1 import read_barcode
from ..stock.receiving import Verdict
from ..store.tables import act as act_table
from .api import lot_rows
from .finding_looks import FindingLook, finding_look
from .forms import Form
from .language import Speech
from .lots_page import PATH, amount_of, known_foods, known_places, moment, number_of
from .orders_page import order_look
from .pages import Screens
from .purchases_api import amount_marked, barcode_item, order_items
from .staff import Staff
from .stock_queries import movement_row
from .view import Snapshot

SHOWN = 30
# Goods without a receiving point are chosen, not left out by mistake.
DRY = "dry"
# Stands among the codes of findings that a person has seen.
TEMPERATURE = "temperature"
# Deliveries of tomorrow may come this evening.
AHEAD_DAYS, BEHIND_DAYS = 1, 30
NOBODY = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there is to see before a delivery is saved. ``codes``: of what asks for a decision. ``written``: it is saved
    already, by the same form; its own weight is then part of what came of its order, and nothing is to be asked."""

    act: ReceiveLot
    judged: Judged
    verdict: Verdict
    written: bool

    @property
    def codes(self) -> set[str]:
        """What somebody must have read."""
        warm = {TEMPERATURE} if self.judged.suggestion != "accept" else set()
        return warm | {one.code for one in self.verdict.findings if one.severity != "note"}


def receiving_page(
    reader: Engine, book: Rulebook, staff: Staff, screens: Screens, snapshot: Callable[[], Snapshot]
) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    kitchen, zone = book.settings.kitchen, book.settings.timezone

    def today() -> date:
        return local_date(snapshot().now_ms, zone)

    def said(form: Form, by: str) -> ReceiveLot:
        """The act that a form is. Raises ``HTTPException`` and ``msgspec.DecodeError`` for what is none."""
        item = book.settings.item(form.get("item"))
        unit = "g" if item is None else item.unit
        if not form.get("point"):
            raise HTTPException(409, "Pilih keadaan saat datang")
        act = ReceiveLot(
            id=form.act, by=by, item=form.get("item"), supplier=form.get("supplier"), note=form.get("note"),
            code=form.get("code"), amount=amount_of(form.get("amount"), unit) or 0,
            point="" if form.get("point") == DRY else form.get("point"),  # type: ignore[arg-type]  # checked below
            food=form.get("food"),
            temperature_c=number_of(form.get("temperature")) if form.get("temperature") else None,
            expires=form.get("expires"), place=form.get("place"), at_ms=snapshot().now_ms,
            accepted=form.get("decision") != "reject", order=form.get("order"),
            noted=amount_of(form.get("noted"), unit), gtin=form.get("gtin"), for_day=form.get("for_day"),
            produced=form.get("produced"), halal=form.get("halal"),  # type: ignore[arg-type]  # checked below
            barcode=form.values.get("barcode", ""), despite=form.get("despite"), movement=form.get("movement"),
            unweighed=bool(form.get("unweighed")),
        )  # fmt: skip
        checked = decode_act(encode_act(act))
        assert isinstance(checked, ReceiveLot), "it is what was encoded"
        return checked

    def look_at(act: ReceiveLot) -> Seen:
        known = select(act_table.c.id).where(act_table.c.kitchen == kitchen, act_table.c.id == act.id)
        with reader.connect() as connection:
            seen = movement_row(connection, kitchen, act.movement) if act.movement else None
            act = as_weighed(act, seen, book.settings.item(act.item))
            verdict, written = judge_act(connection, book, act), connection.execute(known).first() is not None
        judged = judge_delivery(book.profile, act.point, act.food, act.temperature_c)
        return Seen(act=act, judged=judged, verdict=verdict, written=written)

    def receive(by: Person, form: Form) -> AnyAct:
        act = said(form, by.id)
        seen, decision = look_at(act), form.get("decision")
        read = set(form.get("seen").split())
        decided = decision == "reject" or (decision == "accept" and seen.codes <= read)
        if seen.written or not seen.codes or decided:
            return act
        raise HTTPException(409, _question(seen.judged))

    def filled(request: Request) -> Form:
        """The form as an order and a barcode (in the address) fill it in."""
        values: dict[str, str] = {}
        order = request.query_params.get("order", "").replace("\0", "")
        with reader.connect() as connection:
            row = order_row(connection, kitchen, order) if order else None
            if row is not None:
                (told,) = order_items(connection, book, [row], today())
                ahead = [day for day in told["for_days"] if day >= today().isoformat()]
                values |= {"order": row.id, "item": row.item, "supplier": told["supplier_name"],
                           "for_day": ahead[0] if ahead else ""}  # fmt: skip
        barcode = request.query_params.get("barcode", "").replace("\0", "")
        if barcode:
            values |= _marked(barcode, today(), book)
        weighing = request.query_params.get("movement", "").replace("\0", "")
        with reader.connect() as connection:
            seen = movement_row(connection, kitchen, weighing) if weighing else None
        if seen is not None:  # the scale's mass, whatever order and barcode say
            values |= _weighed(seen, book.settings.item(request.query_params.get("item") or values.get("item", "")))
        return Form(values=MappingProxyType(values))

    def around(form: Form, speech: Speech) -> dict[str, Any]:
        """What stands around the form: findings, orders to tap, what the barcode said."""
        findings: list[FindingLook] = []
        seen: Seen | None = None
        if form.error:
            try:
                seen = look_at(said(form, NOBODY))
                item = book.settings.item(seen.act.item)
                unit = "g" if item is None else item.unit
                findings = [finding_look(one, unit, book, speech) for one in seen.verdict.findings]
            except (HTTPException, msgspec.DecodeError):
                seen = None  # nothing can be said of what cannot be read
        with reader.connect() as connection:
            rows = expected_rows(connection, kitchen, today(), BEHIND_DAYS, AHEAD_DAYS)
            orders = [order_look(one, speech) for one in order_items(connection, book, rows, today())]
        barcode = form.values.get("barcode", "")
        return {
            "findings": findings, "seen": " ".join(sorted(seen.codes)) if seen is not None else "",
            "deciding": seen is not None and bool(seen.codes),
            "blocked": seen is not None and bool(seen.verdict.blocking),
            "orders": [one for one in orders if one.waiting or one.id == form.get("order")],
            "scanned": _told(barcode, today(), book, speech) if barcode else None,
        }  # fmt: skip

    async def show(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        if not form.values:
            form = replace(form, values=(await run_in_threadpool(filled, request)).values)
        rows, following = await run_in_threadpool(lot_rows, reader, kitchen, {}, (None, None), None, SHOWN)
        items = {item.id: item.name for item in book.settings.items}
        return await staff.page(
            request, "staff_lots.html", form=form, more=following is not None,
            lots=[(row, items.get(row.item, row.item), speech.amount(row.amount, row.unit),
                   moment(speech, row.received_ms, zone)) for row in rows],
            items=[(item.id, item.name) for item in book.settings.items], places=known_places(book),
            foods=known_foods(book, speech), halal=any(item.halal for item in book.settings.items),
            weighed=any(place.scale and place.item for place in book.settings.places),
            **await run_in_threadpool(around, form, speech),
        )  # fmt: skip

    @router.get(PATH)
    async def lots(request: Request) -> Response:
        return await show(request, Form())

    @router.post(PATH)
    async def delivered(request: Request) -> Response:
        return await staff.act(request, receive, show, PATH)

    return router


def _question(judged: Judged) -> str:
    """What to ask before something is saved all the same."""
    if judged.suggestion == "accept":
        return "Ada temuan. Baca, lalu pilih terima atau tolak di bawah."
    if judged.limit is None:
        return "Suhu belum diukur. Ukur dulu, atau pilih terima atau tolak di bawah."
    return f"{judged.limit.text_id}. {judged.limit.action_id} Pilih terima atau tolak di bawah."


def _marked(text: str, today: date, book: Rulebook) -> dict[str, str]:
    """What a barcode fills in; empty fields of it leave an order's as they are."""
    marked = read_barcode(text, today)
    told = barcode_item(marked, book)
    item = book.settings.item(told["item"] or "")
    amount = amount_marked(marked, item)
    whole = "" if item is None or amount is None else _typed(amount, item.unit)
    last = marked.expires or marked.best_before
    said = {
        "item": told["item"], "code": marked.lot, "amount": whole, "gtin": told["gtin"],
        "expires": "" if last is None else last.isoformat(),
        "produced": "" if marked.produced is None else marked.produced.isoformat(),
    }  # fmt: skip
    return {"barcode": text, **{name: value for name, value in said.items() if value}}


def _weighed(row: Row[Any], item: Item | None) -> dict[str, str]:
    """What a weighing fills in: its place, and its mass in the unit of the item."""
    counted = item if item is not None and item.id != row.item else None
    amount = row.amount if counted is None else units(row.after_g, counted) - units(row.before_g, counted)
    told = {"item": row.item if item is None else item.id}
    said = {
        "movement": row.id,
        "place": row.place,
        "amount": _typed(abs(amount), row.unit if item is None else item.unit),
    }
    return said | {name: value for name, value in told.items() if value}


def _typed(amount: int, unit: str) -> str:
    """An amount as a person would type it."""
    return str(amount) if unit == "piece" else f"{amount / 1000:.3f}".rstrip("0").rstrip(".").replace(".", ",")


def _told(text: str, today: date, book: Rulebook, speech: Speech) -> list[str]:
    """What a barcode said, and what of it could not be read, line by line."""
    _ = speech.gettext
    marked = read_barcode(text, today)
    told = barcode_item(marked, book)
    lines = []
    if told["gtin"]:
        lines.append(told["item_name"] or _("Barang ini belum terdaftar: {gtin}").format(gtin=told["gtin"]))
    if marked.lot:
        lines.append(_("kode lot {code}").format(code=marked.lot))
    for day, words in ((marked.expires or marked.best_before, _("kedaluwarsa {day}")),
                       (marked.produced, _("dibuat {day}"))):  # fmt: skip
        if day is not None:
            lines.append(words.format(day=speech.date(day.isoformat())))
    if marked.expires_at is not None:
        lines.append(_("hanya sampai pukul {time}").format(time=marked.expires_at.isoformat("minutes")))
    if marked.net_g is not None:
        lines.append(_("berat {amount} menurut label").format(amount=speech.amount(marked.net_g, "g")))
    if marked.count is not None:
        lines.append(_("isi {n}").format(n=marked.count))
    if marked.problems:
        lines.append(_("Sebagian tidak terbaca. Pindai sekali lagi, atau isi sendiri."))
    return lines
