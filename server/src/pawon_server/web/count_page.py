"""``/staff/count``: a stocktake of a place, one item after the other, and its approval by somebody else.

Counting is blind: what the book holds is not shown before a number is written, for who knows the expected number finds
it. A number that is far off is asked for once more, without saying in which direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine, Row
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..people.person import Person
from ..projections.people import people_of
from ..rulebook import Rulebook
from ..stock.count_tolerance import wants_reason
from ..stock.movement_acts import CountStock, DecideCount
from .forms import Form
from .language import Speech
from .lots_page import amount_of, known_places
from .pages import Screens
from .queries import place_name
from .staff import Staff
from .stock_looks import where_name
from .stock_queries import PlaceThere, book_amount, counts_of, kitchen_places, places_there, waiting

PATH = "/staff/count"
# A stocktake takes some hours; what was counted earlier is another one.
ROUND_MS = 12 * 3_600_000
SHOWN = 60
UNKNOWN_PLACE = "Tempat atau bahan ini tidak dikenal"
FAR_OFF = "Jauh berbeda dari catatan. Hitung sekali lagi. Kalau tetap sama, tulis alasannya."


@dataclass(frozen=True, slots=True, kw_only=True)
class CountLook:
    """A stocktake as the page writes it; ``off`` is the difference, with its sign."""

    id: str
    item: str
    place: str
    lot: str
    counted: str
    book: str
    off: str
    wide: bool
    reason: str
    person: str
    when: str
    state: str
    own: bool


def count_page(reader: Engine, book: Rulebook, staff: Staff, screens: Screens, now_ms: Callable[[], int]) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    settings, zone = book.settings, book.settings.timezone
    kitchen = settings.kitchen

    def look(row: Row[Any], speech: Speech, names: dict[str, str], who: str) -> CountLook:
        item, _ = settings.item(row.item), speech.gettext
        held = 0 if row.book_amount is None else row.book_amount
        words = {"proposed": _("menunggu persetujuan"), "confirmed": _("disetujui"), "corrected": _("disetujui"),
                 "refused": _("hitung ulang")}  # fmt: skip
        return CountLook(
            id=row.id, item=item.name if item else row.item, place=place_name(book, row.place), lot=row.lot,
            counted=speech.amount(row.counted, row.unit), book=speech.amount(held, row.unit),
            off=speech.amount(row.amount, row.unit, signed=True), reason=row.reason,
            wide=wants_reason(row.counted, held, row.unit), person=names.get(row.person, ""),
            when=f"{speech.day(row.occurred_ms, zone)} {speech.clock(row.occurred_ms, zone)}",
            state=words[row.state], own=row.person == who,
        )  # fmt: skip

    def overview(who: str, speech: Speech) -> dict[str, Any]:
        with reader.connect() as connection:
            rows = waiting(connection, kitchen, SHOWN, counts=True)
            names = {key: person.name for key, person in people_of(connection, kitchen).items()}
            held = places_there(connection, book, now_ms())
        return {
            "waiting": [look(row, speech, names, who) for row in rows],
            "places": [(place, where_name(book, place, speech)) for place in countable(held)],
        }  # fmt: skip

    def countable(held: list[PlaceThere]) -> list[str]:
        return kitchen_places(settings, {*(one.place for one in held), *(place for place, _ in known_places(book))})

    def of_place(place: str, who: str, speech: Speech) -> dict[str, Any] | None:
        with reader.connect() as connection:
            held = places_there(connection, book, now_ms())
            if place not in countable(held):
                return None
            there = next((one for one in held if one.place == place), None)
            rows = counts_of(connection, kitchen, place, now_ms() - ROUND_MS)
            names = {key: person.name for key, person in people_of(connection, kitchen).items()}
        done = {row.item for row in rows if row.state != "refused" and not row.lot}
        here = [] if there is None else [one.item for one in there.items]
        known = settings.place(place)
        order = dict.fromkeys([*([known.item] if known is not None and known.item else []), *here])
        todo = [item for item in order if item not in done and settings.item(item) is not None]
        rest = [item.id for item in settings.items if item.id not in todo and item.id not in done]
        name = {item.id: item.name for item in settings.items}
        return {
            "place": place, "name": where_name(book, place, speech), "todo": [(item, name[item]) for item in todo],
            "others": [(item, name[item]) for item in rest], "counts": [look(row, speech, names, who) for row in rows],
        }  # fmt: skip

    def is_place(place: str) -> bool:
        with reader.connect() as connection:
            return place in countable(places_there(connection, book, now_ms()))

    async def who_asks(request: Request) -> str:
        person = await run_in_threadpool(staff.desk.person, request)
        return "" if person is None else person.id

    async def show(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        values = await run_in_threadpool(overview, await who_asks(request), speech)
        return await staff.page(request, "staff_count.html", form=form, **values)

    async def show_place(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        place = request.path_params["place"]
        values = await run_in_threadpool(of_place, place, await who_asks(request), speech)
        if values is None:
            raise HTTPException(404, UNKNOWN_PLACE)
        return await staff.page(request, "staff_count_place.html", form=form, **values)

    async def show_item(request: Request, form: Form) -> Response:
        place, item = request.path_params["place"], settings.item(request.path_params["item"])
        if item is None or not await run_in_threadpool(is_place, place):
            raise HTTPException(404, UNKNOWN_PLACE)
        speech, _ = screens.speech(request)
        return await staff.page(
            request, "staff_count_item.html", form=form, place=place, name=where_name(book, place, speech), item=item,
            far_off=form.error == FAR_OFF or bool(form.get("reason")),
        )  # fmt: skip

    def decide(by: Person, form: Form) -> AnyAct:
        return DecideCount(
            id=form.act, by=by.id, count=form.get("count"), approved=form.get("decision") == "approve",
            reason=form.get("reason"),
        )  # fmt: skip

    def count(place: str, name: str) -> Callable[[Person, Form], AnyAct]:
        def make(by: Person, form: Form) -> AnyAct:
            item, at_ms = settings.item(name), now_ms()
            if item is None or not is_place(place):
                raise HTTPException(404, UNKNOWN_PLACE)
            counted = amount_of(form.get("counted"), item.unit)
            if counted is None or counted < 0:
                raise HTTPException(409, "Tulis jumlah yang ada, 0 bila habis. Contoh: 12,5")
            with reader.connect() as connection:
                held = book_amount(connection, settings, name, place, "", at_ms)
            if wants_reason(counted, held, item.unit) and not form.get("reason"):
                raise HTTPException(409, FAR_OFF)
            return CountStock(
                id=form.act, by=by.id, item=name, place=place, counted=counted, at_ms=at_ms, reason=form.get("reason")
            )

        return make

    @router.get(PATH)
    async def places(request: Request) -> Response:
        return await show(request, Form())

    @router.post(PATH)
    async def decided(request: Request) -> Response:
        return await staff.act(request, decide, show, PATH)

    @router.get(f"{PATH}/{{place}}")
    async def items(request: Request, place: str) -> Response:
        return await show_place(request, Form())

    @router.get(f"{PATH}/{{place}}/{{item}}")
    async def one(request: Request, place: str, item: str) -> Response:
        return await show_item(request, Form())

    @router.post(f"{PATH}/{{place}}/{{item}}")
    async def counted(request: Request, place: str, item: str) -> Response:
        return await staff.act(request, count(place, item), show_item, f"{PATH}/{place}")

    return router
