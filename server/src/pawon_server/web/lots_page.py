"""``/staff/lots/{lot}``: carry a lot with two taps, see what it has felt and what was found when it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..food_safety.growth import COOKED
from ..food_safety.heat import Heat, band_of
from ..food_safety.lot_acts import DiscardLot, MoveLot, UseLot
from ..people.person import Person
from ..projections.lot_heat import LotHeat, heat_of_lot, lot_row
from ..projections.lot_holds import holds_of
from ..projections.lots import UNKNOWN_LOT
from ..projections.receipts import SHELF_LIFE, findings_of
from ..rulebook import Rulebook
from ..stock.movement_acts import HoldLot, ReleaseLot
from .finding_looks import finding_look
from .forms import Form
from .heat_picture import Stripe, strip
from .language import Speech
from .pages import Screens
from .queries import place_name as place_name
from .staff import Staff
from .view import Snapshot

PATH = "/staff/lots"
UNREADABLE_NUMBER = "Angka tidak terbaca, contoh: 12,5"


@dataclass(frozen=True, slots=True, kw_only=True)
class StayLook:
    """A stay as the page writes it."""

    place: str
    since: str
    until: str
    stripes: list[Stripe]
    inside: str
    unknown: str
    beyond: str
    worst: str
    sensed: bool
    air: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLook:
    """A history as the page writes it. ``sign``: ``ok``, ``warning`` or ``critical``."""

    sign: str
    word: str
    action: str
    least: str
    most: str
    stays: list[StayLook]
    estimates: list[str]
    doubtful: bool
    complete: bool


def lots_page(
    reader: Engine, book: Rulebook, staff: Staff, screens: Screens, snapshot: Callable[[], Snapshot]
) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    kitchen, zone = book.settings.kitchen, book.settings.timezone

    def looked(lot: str, speech: Speech) -> dict[str, Any] | None:
        with reader.connect() as connection:
            row = None if "\0" in lot else lot_row(connection, kitchen, lot)
            if row is None:
                return None
            now_ms = snapshot().now_ms
            taken_in = row.accepted and not row.withdrawn
            found = heat_of_lot(connection, book, row, now_ms) if taken_in else None
            held = holds_of(connection, kitchen, lot)
        item = book.settings.item(row.item)
        left = {} if found is None else found.way.left
        return {
            "lot": row, "name": item.name if item else row.item, "amount": speech.amount(row.amount, row.unit),
            "received": moment(speech, row.received_ms, zone),
            "expires": speech.date(row.expires) if row.expires else "", "derived": row.expires_from == SHELF_LIFE,
            "noted": "" if row.noted is None else speech.amount(row.noted, row.unit),
            "findings": [finding_look(one, row.unit, book, speech) for one in findings_of(row)],
            "look": None if found is None else _look(found, book, speech),
            "left": [(place, place_name(book, place), speech.amount(n, row.unit)) for place, n in left.items()],
            "held": [(one.reason, moment(speech, one.from_ms, zone)) for one in held],
            "weighed": any(place.scale and place.item == row.item for place in book.settings.places),
            "temperature": "" if row.temperature_c is None else f"{speech.number(row.temperature_c, 1)} °C",
        }  # fmt: skip

    async def show_one(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        values = await run_in_threadpool(looked, request.path_params["lot"], speech)
        if values is None:
            raise HTTPException(404, UNKNOWN_LOT)
        return await staff.page(request, "staff_lot.html", form=form, places=known_places(book), **values)

    def step(lot: str, unit: str) -> Callable[[Person, Form], AnyAct]:
        def make(by: Person, form: Form) -> AnyAct:
            about: dict[str, Any] = {
                "id": form.act, "by": by.id, "lot": lot, "place": form.get("place"), "at_ms": _at_ms(form),
                "amount": amount_of(form.get("amount"), unit), "unweighed": bool(form.get("unweighed")),
            }  # fmt: skip
            if form.get("do") == "hold":
                return HoldLot(id=form.act, by=by.id, lot=lot, reason=form.get("reason"), at_ms=snapshot().now_ms)
            if form.get("do") == "release":
                return ReleaseLot(id=form.act, by=by.id, lot=lot, reason=form.get("reason"), at_ms=snapshot().now_ms)
            if form.get("do") == "use":
                return UseLot(**about, batch=form.get("batch"))
            if form.get("do") == "discard":
                return DiscardLot(**about, reason=form.get("reason"))
            return MoveLot(**about, to_place=form.get("to"))

        return make

    def _at_ms(form: Form) -> int:
        ago = form.get("ago")
        return snapshot().now_ms - round((number_of(ago) if ago else 0) * 60_000)

    @router.get(f"{PATH}/{{lot}}")
    async def lot(request: Request, lot: str) -> Response:
        return await show_one(request, Form())

    @router.post(f"{PATH}/{{lot}}")
    async def stepped(request: Request, lot: str) -> Response:
        def unit_of() -> str:
            with reader.connect() as connection:
                row = None if "\0" in lot else lot_row(connection, kitchen, lot)
            return "g" if row is None else str(row.unit)

        return await staff.act(request, step(lot, await run_in_threadpool(unit_of)), show_one, f"{PATH}/{lot}")

    return router


def number_of(text: str) -> float:
    """A number as people type it: ``4,5`` or ``4.5``. Raises 422."""
    try:
        value = float(text.replace(",", "."))
    except ValueError as error:
        raise HTTPException(409, UNREADABLE_NUMBER) from error
    if not -1e6 < value < 1e6:
        raise HTTPException(409, UNREADABLE_NUMBER)
    return value


def amount_of(text: str, unit: str) -> int | None:
    """What was typed in kg, L or pieces, in the base unit; nothing when nothing was."""
    return None if not text else round(number_of(text) * (1 if unit == "piece" else 1000))


def known_places(book: Rulebook) -> list[tuple[str, str]]:
    """Where food may be put: places with a thermometer, with a scale, and those that a scale's place empties to."""
    sensed = {sensor.place for sensor in book.settings.sensors if sensor.place and sensor.quantity == "temperature_c"}
    scales = {place.id for place in book.settings.places} | {place.emptied_to for place in book.settings.places}
    return [(place, place_name(book, place)) for place in (*sorted(sensed), *sorted(scales - sensed))]


def known_foods(book: Rulebook, speech: Speech) -> list[tuple[str, str]]:
    """The food classes for which the profile has rows of their own, as people call them."""
    return _named_foods({row.food for row in book.profile.limit if row.food}, speech)


def foods_cooked(book: Rulebook, speech: Speech) -> list[tuple[str, str]]:
    """The same of cooked food, with those of which there is a model."""
    hot = {row.food for row in book.profile.limit if row.food and row.point == "hot-hold"}
    return _named_foods(hot | set(COOKED), speech)


def _named_foods(foods: set[str], speech: Speech) -> list[tuple[str, str]]:
    _ = speech.gettext
    words = {
        "poultry": _("Ayam, unggas"), "histamine-fish": _("Tongkol, tuna, kembung"), "rich": _("Santan, telur, susu"),
        "rice": _("Nasi"),
    }  # fmt: skip
    return [(food, words.get(food, food)) for food in sorted(foods)]


def moment(speech: Speech, at_ms: int, zone: str) -> str:
    """Day and time in the kitchen."""
    return f"{speech.day(at_ms, zone)} {speech.clock(at_ms, zone)}"


def _look(found: LotHeat, book: Rulebook, speech: Speech) -> HeatLook:
    _, zone, band = speech.gettext, book.settings.timezone, band_of(book.profile)
    assert band is not None, "without it there is no history"
    whole = (min(stay.start_ms for stay in found.stays), max(stay.end_ms for stay in found.stays))
    stays = [
        StayLook(
            place=place_name(book, stay.place) if stay.place else _("tidak tercatat"),
            since=moment(speech, stay.start_ms, zone),
            until=_("sekarang") if stay.open else moment(speech, stay.end_ms, zone),
            stripes=strip(stay.series, (stay.start_ms, stay.end_ms), whole, band),
            inside=speech.span(stay.heat.least_ms), unknown=_span(speech, stay.heat.exposure.unknown_ms),
            beyond=_span(speech, stay.heat.beyond_ms), worst=_worst(speech, stay.heat), sensed=stay.sensed,
            air=stay.air,
        )
        for stay in found.stays
    ]  # fmt: skip
    advice = found.advice
    words = {"use": _("PERHATIKAN"), "hold": _("TAHAN"), "discard": _("BUANG")}
    step, told = advice.least, "use" if advice.least is None else advice.least.disposition
    action = "" if step is None else step.action_en if speech.language == "en" else step.action_id
    if any(one.action == advice.disposition != told for one in found.estimates):
        action = _("Ada perkiraan yang mengkhawatirkan. Tanya kepala dapur sebelum dipakai.")
    elif advice.disposition != told:
        action = _("Ada waktu yang tidak terukur. Ukur suhu inti dan tanya kepala dapur sebelum dipakai.")
    return HeatLook(
        sign="ok" if advice.green else "critical" if advice.disposition == "discard" else "warning",
        word=_("BOLEH DIPAKAI") if advice.green else words[advice.disposition], action=action,
        least=speech.span(found.history.measured.least_ms), most=speech.span(found.history.possible.most_ms),
        stays=stays, estimates=[_estimate(speech, one) for one in found.estimates],
        doubtful=bool(found.way.doubts), complete=found.complete,
    )  # fmt: skip


def _span(speech: Speech, span_ms: int) -> str:
    return speech.span(span_ms) if span_ms else ""


def _worst(speech: Speech, heat: Heat) -> str:
    one = heat.exposure
    if one.min_c is None or one.max_c is None:
        return ""
    return f"{speech.number(one.min_c, 1)} … {speech.number(one.max_c, 1)} °C"


def _estimate(speech: Speech, verdict: Any) -> str:
    _ = speech.gettext
    grown = _("perkiraan: bakteri tumbuh {n} log ({model})").format(
        n=speech.number(verdict.growth_log10, 1), model=verdict.model
    )
    outside = _("di luar suhu yang diuji untuk model ini")
    return grown if verdict.in_range else f"{grown}, {outside}"
