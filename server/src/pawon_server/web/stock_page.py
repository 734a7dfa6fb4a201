"""``/staff/stock``: what waits for a person and what lies where; a weighing decided with two taps; what no scale saw.

The choice of an item is a link and changes nothing: a scanner ends what it types with Enter, which must never book
anything. The one button that books is pressed by a thumb.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Connection, Engine, Row
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..people.person import Person
from ..projections.people import people_of
from ..projections.scale_states import state_at
from ..projections.stock import UNKNOWN_MOVEMENT, places_known, units
from ..rulebook import Item, Rulebook
from ..stock import accounts
from ..stock.days import local_date
from ..stock.gs1 import read_barcode
from ..stock.movement_acts import ConfirmMovement, CorrectMovement, RecordMovement, RefuseMovement
from ..words import trade_word
from .forms import Form
from .language import Speech
from .lots_page import amount_of, known_places, number_of
from .pages import Screens
from .purchases_api import barcode_item
from .queries import batches_shown
from .staff import Staff
from .stock_looks import (
    BY_HAND,
    NO_GOODS,
    LotLook,
    lot_look,
    moved_look,
    place_look,
    reason_words,
    typed_amount,
    waste_words,
    where_name,
)
from .stock_queries import LotThere, last_items, lines_of, lots_there, movement_row, places_there, waiting
from .trace_picture import draw

PATH = "/staff/stock"
HAND = f"{PATH}/hand"
# What a kitchen decides in one go; the rest is counted.
SHOWN = 40
UNKNOWN_CODE = "Barcode ini belum dikenal. Pilih bahannya dengan tombol."
# Where goods come from and where they end, as far as a person writes it here.
FROM_OUTSIDE = (accounts.SUPPLIER, accounts.OPENING)
TO_OUTSIDE = (accounts.COOKED, accounts.WASTE, accounts.RETURNED, accounts.SAMPLE, accounts.SCHOOL)
# What the weighings and the hand's entries are; lots have a correction of their own.
CORRECTED_HERE = frozenset({"in", "out", "refill", "restart", "first", "hand"})


def stock_page(reader: Engine, book: Rulebook, staff: Staff, screens: Screens, now_ms: Callable[[], int]) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    settings = book.settings
    kitchen = settings.kitchen

    # --- all of it --------------------------------------------------------------------------------------------------

    def overview(speech: Speech) -> dict[str, Any]:
        now = now_ms()
        with reader.connect() as connection:
            rows = waiting(connection, kitchen, SHOWN + 1)
            counts = waiting(connection, kitchen, SHOWN + 1, counts=True)
            places = places_there(connection, book, now)
        return {
            "waiting": [moved_look(row, book, speech, now, {}) for row in rows[:SHOWN]], "more": len(rows) > SHOWN,
            "counts": len(counts), "places": [place_look(one, book, speech, now) for one in places],
        }  # fmt: skip

    @router.get(PATH)
    async def all_of_it(request: Request) -> Response:
        speech, _ = screens.speech(request)
        return await staff.page(request, "staff_stock.html", **await run_in_threadpool(overview, speech))

    # --- what no scale saw ------------------------------------------------------------------------------------------

    def by_hand(form: Form, speech: Speech) -> dict[str, Any]:
        item = settings.item(form.get("item"))
        with reader.connect() as connection:
            places = places_there(connection, book, now_ms())
        names = [one.place for one in places]
        lots = [] if item is None else [
            lot_look(lot, item.unit, speech, where_name(book, one.place, speech))
            for one in places for held in one.items if held.item == item.id for lot in held.lots if lot.lot
        ]  # fmt: skip
        return {
            "item": item, "items": [(one.id, one.name) for one in settings.items], "lots": _once(lots),
            "origins": _wheres(book, names, FROM_OUTSIDE, speech), "ends": _wheres(book, names, TO_OUTSIDE, speech),
            "reasons": _reasons(BY_HAND, speech),
            "wastes": list(waste_words(speech.gettext).items()),
        }  # fmt: skip

    async def show_hand(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        return await staff.page(request, "staff_by_hand.html", form=form,
                                **await run_in_threadpool(by_hand, form, speech))  # fmt: skip

    def record(by: Person, form: Form) -> AnyAct:
        item = settings.item(form.get("item"))
        if item is None:
            raise HTTPException(409, "Pilih bahannya")
        if not form.get("from") or not form.get("to"):
            raise HTTPException(409, "Pilih dari mana dan ke mana")
        amount = amount_of(form.get("amount"), item.unit)
        if not amount or amount < 0:
            raise HTTPException(409, "Tulis jumlahnya, lebih dari nol. Contoh: 12,5")
        reason = form.get("why") or form.get("reason")
        if not reason:
            raise HTTPException(409, "Pilih atau tulis alasannya")
        ago_min = number_of(form.get("ago")) if form.get("ago") else 0.0
        return RecordMovement(
            id=form.act, by=by.id, item=item.id, lot=form.get("lot"), amount=amount, from_place=form.get("from"),
            to_place=form.get("to"), at_ms=max(0, now_ms() - round(ago_min * 60_000)), reason=reason,
            waste=form.get("waste") if form.get("to") == accounts.WASTE else "",  # type: ignore[arg-type]  # checked when it is decoded
        )  # fmt: skip

    @router.get(HAND)
    async def hand(request: Request) -> Response:
        return await show_hand(request, Form(values={"item": request.query_params.get("item", "")}))

    @router.post(HAND)
    async def written(request: Request) -> Response:
        return await staff.act(request, record, show_hand, PATH)

    # --- one movement -----------------------------------------------------------------------------------------------

    def one(name: str, form: Form, speech: Speech) -> dict[str, Any] | None:
        now = now_ms()
        with reader.connect() as connection:
            row = movement_row(connection, kitchen, name)
            if row is None:
                return None
            names = {key: person.name for key, person in people_of(connection, kitchen).items()}
            item = settings.item(form.get("item") or row.item)
            last = last_items(connection, settings, row.place)
            lines = lines_of(connection, kitchen, [row.id])[row.id]
            values = _choices(connection, book, row, item, speech, now)
            trusted = not row.sensor or state_at(connection, book, row.sensor, row.occurred_ms).for_trade
        others = [thing for thing in settings.items if thing.id not in last]
        known = {thing.id: thing.name for thing in settings.items}
        trace = [] if row.trace is None else msgspec.json.decode(row.trace, type=list[tuple[int, float]])
        return {
            "row": row, "look": moved_look(row, book, speech, now, names), "item": item,
            "trade": "" if trusted else trade_word(speech.gettext),
            "picture": draw(trace, row.before_g or 0, row.after_g or 0),
            "before": speech.amount(row.before_g or 0, "g"), "after": speech.amount(row.after_g or 0, "g"),
            "span": lambda span_ms: speech.span(span_ms),
            "last": [(thing, known[thing]) for thing in last], "others": [(thing.id, thing.name) for thing in others],
            "open": not row.person and row.state != "refused" and row.kind != "count",
            "arrives": _arrives(row), "correctable": row.kind in CORRECTED_HERE,
            "reasons": _reasons(NO_GOODS, speech), "wastes": list(waste_words(speech.gettext).items()),
            "facts": [(where_name(book, line.place, speech), line.lot, line.assumed,
                       speech.amount(line.amount, line.unit, signed=True)) for line in lines],
            **values,
        }  # fmt: skip

    async def show(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        values = await run_in_threadpool(one, request.path_params["movement"], form, speech)
        if values is None:
            raise HTTPException(404, UNKNOWN_MOVEMENT)
        if "lot" not in form.values:
            form = replace(form, values={**form.values, "lot": values["preselected"]})
        return await staff.page(request, "staff_movement.html", form=form, **values)

    def decide(row: Row[Any]) -> Callable[[Person, Form], AnyAct]:
        def make(by: Person, form: Form) -> AnyAct:
            about: dict[str, Any] = {"id": form.act, "by": by.id, "movement": row.id}
            if form.get("do") == "refuse":
                if not (reason := form.get("why") or form.get("reason")):
                    raise HTTPException(409, "Tulis apa yang ditimbang")
                return RefuseMovement(**about, reason=reason)
            other = row.to_place if row.place == row.from_place else row.from_place
            place = accounts.COOKED if form.get("batch") else form.get("place")
            if form.get("do") == "dispose":
                place = form.get("place") or accounts.WASTE
            about |= {"item": form.get("item"), "lot": form.get("lot"), "place": "" if place == other else place,
                      "batch": form.get("batch"), "waste": form.get("waste")}  # fmt: skip
            if form.get("do") != "correct":
                return ConfirmMovement(**about)
            if not form.get("reason"):
                raise HTTPException(409, "Tulis alasan koreksinya")
            item = settings.item(form.get("item") or row.item)
            amount = amount_of(form.get("amount"), item.unit if item else row.unit)
            return CorrectMovement(
                **about, reason=form.get("reason"), withdraw=bool(form.get("withdraw")),
                amount=None if row.sensor else amount,
            )  # fmt: skip

        return make

    @router.get(f"{PATH}/{{movement}}")
    async def look(request: Request, movement: str) -> Response:
        code, item = request.query_params.get("code", ""), request.query_params.get("item", "")
        if not code:
            return await show(request, Form(values={"item": item}))
        told = barcode_item(read_barcode(code, local_date(now_ms(), settings.timezone)), book)
        found = settings.item(told["item"] or "")
        if found is not None:
            return await show(request, Form(values={"item": found.id}))
        return await show(request, Form(values={"code": code, "do": "scan"}, error=UNKNOWN_CODE, status=409))

    @router.post(f"{PATH}/{{movement}}")
    async def said(request: Request, movement: str) -> Response:
        def found() -> Row[Any] | None:
            with reader.connect() as connection:
                return movement_row(connection, kitchen, movement)

        row = await run_in_threadpool(found)
        if row is None:
            raise HTTPException(404, UNKNOWN_MOVEMENT)
        return await staff.act(request, decide(row), show, PATH)

    return router


def _choices(
    connection: Connection, book: Rulebook, row: Row[Any], item: Item | None, speech: Speech, now_ms: int
) -> dict[str, Any]:
    """What a movement of this item may be: its amount, its lots, where it went to or came from."""
    settings, out = book.settings, row.place == row.from_place
    lots: list[LotThere] = []
    if item is not None and row.from_place not in accounts.OUTSIDE:
        lots = [lot for lot in lots_there(connection, settings, item.id, row.from_place, row.occurred_ms) if lot.lot]
    amount = row.amount
    if item is not None and row.after_g is not None and item.id != row.item:
        amount = units(row.after_g, item) - units(row.before_g, item)
    unit = item.unit if item is not None else row.unit
    first = lots[0] if lots and not lots[0].blocked else None
    # Proposed as said only where it is all of one lot: of several the book takes one after the other by itself.
    preselected = first.lot if first is not None and first.amount >= abs(amount) and not row.person else ""
    other = row.to_place if out else row.from_place
    kitchen = [place for place, _ in known_places(book)]
    outside = [accounts.COOKED] if out else FROM_OUTSIDE
    wheres = dict.fromkeys(place for place in [other, *kitchen, *outside] if place != row.place)
    batches = [(one.id, one.name) for one in batches_shown(connection, book, now_ms)
               if one.state not in ("eaten", "discarded")] if out else []  # fmt: skip
    hidden = {row.place, accounts.DIFFERENCE}  # a difference is booked by an approved count alone
    every = dict.fromkeys(place for place in [*wheres, *places_known(settings)] if place not in hidden)
    return {
        "lots": [lot_look(lot, unit, speech) for lot in lots], "preselected": preselected,
        "amount": speech.amount(abs(amount), unit), "typed": typed_amount(abs(amount), unit, speech), "other": other,
        "wheres": [(place, where_name(book, place, speech)) for place in wheres], "batches": batches, "out": out,
        "every": [(place, where_name(book, place, speech)) for place in every],
    }  # fmt: skip


def _arrives(row: Row[Any]) -> bool:
    """Whether goods of a supplier came, whose temperature and date are to be written."""
    return bool(
        row.from_place == accounts.SUPPLIER and row.sensor and row.counted is None and row.amount > 0 and not row.lot
        and row.state != "refused"
    )  # fmt: skip


def _wheres(book: Rulebook, held: list[str], outside: tuple[str, ...], speech: Speech) -> list[tuple[str, str]]:
    places = dict.fromkeys([*held, *(place for place, _ in known_places(book)), *outside])
    return [(place, where_name(book, place, speech)) for place in places]


def _reasons(reasons: tuple[str, ...], speech: Speech) -> list[tuple[str, str]]:
    words = reason_words(speech.gettext)
    return [(reason, words[reason]) for reason in reasons]


def _once(lots: list[LotLook]) -> list[LotLook]:
    """A lot that lies in several places is one choice."""
    found: dict[str, LotLook] = {}
    for lot in lots:
        known = found.get(lot.value)
        found[lot.value] = lot if known is None else replace(known, word=f"{known.word} + {lot.word}")
    return list(found.values())
