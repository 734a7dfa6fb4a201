"""``/staff/checks``: measure by hand. Choose the control point, type one number, read what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from pawon_food_safety.rows import UNITS, Limit

from ..acts import AnyAct
from ..food_safety.check import CorrectCheck, RecordCheck
from ..people.person import Person
from ..projections.people import people_of
from ..rulebook import Rulebook
from ..words import look_words, point_name, quantity_words
from .api import check_rows
from .checks_api import what_to_do
from .forms import Form
from .language import Speech
from .lots_page import known_foods, known_places, number_of, place_name
from .pages import Screens
from .staff import Staff

PATH = "/staff/checks"
# What a kitchen looks back on; all of it is at /api/v1/checks.
SHOWN = 10
# What a person can measure; scales weigh by themselves.
BY_HAND = ("temperature_c", "humidity_percent", "chlorine_ppm", "contact_s")
# The places of a form's choice "where", by what stands before the colon.
PLACE, SENSOR = "place", "sensor"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointLook:
    """What can be measured at a point: a big button."""

    path: str
    name: str
    quantity: str
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookLook:
    """A measurement as the page writes it."""

    id: str
    value: str
    thing: str
    when: str
    verdict: str
    word: str
    text: str
    action: str
    limit: str
    person: str
    incident: str
    withdrawn: bool


def checks_page(reader: Engine, book: Rulebook, staff: Staff, screens: Screens, now_ms: Callable[[], int]) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    kitchen, zone = book.settings.kitchen, book.settings.timezone
    known = {(row.point, row.quantity): None for row in book.profile.limit if row.quantity in BY_HAND}

    def asked(request: Request) -> tuple[str, str]:
        found = (request.path_params["point"], request.path_params["quantity"])
        if found not in known:
            raise HTTPException(404, "Titik ini tidak dikenal")
        return found

    def sensors_at(point: str, quantity: str) -> list[tuple[str, str]]:
        at = (point, quantity)
        return [(f"{SENSOR}:{one.id}", one.name) for one in book.settings.sensors if (one.point, one.quantity) == at]

    def history(speech: Speech, filters: dict[str, str | None]) -> list[LookLook]:
        rows, _ = check_rows(reader, kitchen, filters, (None, None), None, SHOWN)
        with reader.connect() as connection:
            people = people_of(connection, kitchen)
        words = look_words(speech.gettext)
        return [
            LookLook(
                id=row.id, value=speech.limit(row.value, _unit(row.quantity)), thing=_thing(row, book, speech),
                when=f"{speech.day(row.at_ms, zone)} {speech.clock(row.at_ms, zone)}", verdict=row.verdict,
                word=words[row.verdict][0], text=said[0] if row.rule else "", action=speech.gettext(said[1]),
                limit="" if row.limit_value is None else speech.limit(row.limit_value, _unit(row.quantity)),
                person=people[row.person].name if row.person in people else "", incident=row.incident or "",
                withdrawn=row.withdrawn,
            )
            for row in rows
            for said in (what_to_do(row, book, speech.language),)
        ]  # fmt: skip

    async def show_points(request: Request) -> Response:
        speech, _ = screens.speech(request)
        return await staff.page(
            request, "staff_checks.html", points=[_point_look(book, speech, *one) for one in known],
            checks=await run_in_threadpool(history, speech, {}),
        )  # fmt: skip

    async def show(request: Request, form: Form) -> Response:
        point, quantity = asked(request)
        speech, _ = screens.speech(request)
        limits = [row for row in book.profile.limit if (row.point, row.quantity) == (point, quantity)]
        own = {row.food for row in limits}
        sensors = sensors_at(point, quantity)
        places = [(f"{PLACE}:{place}", name) for place, name in known_places(book)]
        return await staff.page(
            request, "staff_check.html", form=form, look=_point_look(book, speech, point, quantity),
            limits=_limit_lines(book, speech, limits), unit=_unit(quantity),
            foods=[(food, word) for food, word in known_foods(book, speech) if food in own],
            several=len(sensors) > 1, spots=[*sensors, *places],
            thermometers=[(one.id, one.name) for one in book.settings.thermometers],
            checks=await run_in_threadpool(history, speech, {"point": point, "quantity": quantity}),
        )  # fmt: skip

    def make(point: str, quantity: str) -> Callable[[Person, Form], AnyAct]:
        def correct(by: Person, form: Form) -> AnyAct:
            value = form.get("value")
            return CorrectCheck(
                id=form.act, by=by.id, check=form.get("check"), reason=form.get("reason"),
                value=number_of(value) if value else None, withdraw=not value,
            )  # fmt: skip

        def record(by: Person, form: Form) -> AnyAct:
            if not form.get("value"):
                raise HTTPException(409, "Tulis angka yang terukur")
            if not form.get("where") and len(sensors_at(point, quantity)) > 1:
                raise HTTPException(409, "Pilih yang mana yang diukur")
            kind, _, name = form.get("where").partition(":")
            ago_min = number_of(form.get("ago")) if form.get("ago") else 0.0
            return RecordCheck(
                id=form.act, by=by.id, point=point, quantity=quantity,  # type: ignore[arg-type]  # one of BY_HAND
                value=number_of(form.get("value")), food=form.get("food"), place=name if kind == PLACE else "",
                sensor=name if kind == SENSOR else "", thermometer=form.get("thermometer"), note=form.get("note"),
                at_ms=max(0, now_ms() - round(ago_min * 60_000)),
            )  # fmt: skip

        return lambda by, form: (correct if form.get("do") == "correct" else record)(by, form)

    @router.get(PATH)
    async def points(request: Request) -> Response:
        return await show_points(request)

    @router.get(f"{PATH}/{{point}}/{{quantity}}")
    async def one(request: Request, point: str, quantity: str) -> Response:
        return await show(request, Form())

    @router.post(f"{PATH}/{{point}}/{{quantity}}")
    async def measured(request: Request, point: str, quantity: str) -> Response:
        return await staff.act(request, make(*asked(request)), show, f"{PATH}/{point}/{quantity}")

    return router


def _unit(quantity: str) -> str:
    return "°C" if quantity == "temperature_c" else UNITS.get(quantity, "")


def _point_look(book: Rulebook, speech: Speech, point: str, quantity: str) -> PointLook:
    """A point with the limits that hold for any food; the strictest critical one of each side."""
    critical = [row for row in book.profile.limits_at(point, quantity) if row.severity == "critical"]
    strictest: dict[int, Limit] = {}
    for row in critical:  # the milder first
        strictest.setdefault(row.direction, row)
    return PointLook(
        path=f"{PATH}/{point}/{quantity}", name=point_name(speech.gettext, point),
        quantity=quantity_words(speech.gettext)[quantity],
        limit=" · ".join(_worded(speech, row) for row in strictest.values()),
    )  # fmt: skip


def _worded(speech: Speech, limit: Limit) -> str:
    return f"{'≤' if limit.direction > 0 else '≥'} {speech.limit(limit.value, _unit(limit.quantity))}"


def _limit_lines(book: Rulebook, speech: Speech, limits: list[Limit]) -> list[str]:
    """Every limit of a point in plain words: "> 5 °C, sejak 4,5 °C: Chiller panas", with where it already counts."""
    _, english = speech.gettext, speech.language == "en"
    foods = dict(known_foods(book, speech))
    lines = []
    for row in sorted(limits, key=lambda row: (row.severity == "critical", row.value * row.direction)):
        unit = _unit(row.quantity)
        line = f"{'>' if row.direction > 0 else '<'} {speech.limit(row.value, unit)}"
        if row.guard_band:
            line += _(", dihitung sejak {edge}").format(edge=speech.limit(row.edge, unit))
        if row.food:
            line += f" ({foods[row.food]})"
        lines.append(f"{line}: {row.text_en if english else row.text_id}")
    return lines


def _thing(row: Any, book: Rulebook, speech: Speech) -> str:
    sensor = book.settings.sensor(row.sensor)
    name = sensor.name if sensor is not None else row.sensor or (place_name(book, row.place) if row.place else "")
    point = point_name(speech.gettext, row.point)
    return f"{point}: {name}" if name else point
