"""``/staff/scales``: how far each scale is believed, in large words, and the check weight with one tap.

The number that the scale shows now stands in the form already; whoever sees another one on the display types that.
Masses are typed in kg.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..people.person import Person
from ..projections.people import people_of
from ..projections.scale_states import checks_of, states_at, tera_marks, trends_of
from ..rulebook import Rulebook, Sensor
from ..stock.scale import Trend, least_g
from ..stock.scale_acts import CheckScale, VerifyScale, WithdrawScaleRecord
from ..stock.scale_state import ScaleState
from ..words import scale_check_words, scale_need_words, tera_words, trade_word, zero_words
from .calibrations import Measured
from .forms import Form
from .language import Speech
from .lots_page import number_of
from .pages import Screens
from .staff import Staff

HERE = "/staff/scales"
# What a kitchen looks back on; all of it is at /api/v1/scales.
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLook:
    """Zero, check weight or mark: its state, the word for it, and the numbers behind it."""

    part: str
    state: str
    word: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleLook:
    """A scale as the page writes it; ``trade``: what must stand beside its weights, if anything."""

    id: str
    name: str
    parts: list[PartLook]
    trade: str
    todo: list[str]
    now: str
    plate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLook:
    """A check or a mark of before."""

    id: str
    state: str
    word: str
    text: str
    when: str
    person: str
    withdrawn: bool


def scales_page(
    reader: Engine, book: Rulebook, staff: Staff, screens: Screens, measured: Measured, now_ms: Callable[[], int]
) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    kitchen, zone = book.settings.kitchen, book.settings.timezone
    known = {sensor.id: sensor for sensor in book.settings.scales}

    def when(speech: Speech, at_ms: int) -> str:
        return f"{speech.day(at_ms, zone)} {speech.clock(at_ms, zone)}"

    def looks(speech: Speech, wanted: list[Sensor]) -> list[ScaleLook]:
        at_ms = now_ms()
        with reader.connect() as connection:
            states = states_at(connection, book, [(sensor.id, at_ms) for sensor in wanted])
        return [_look(sensor, states[sensor.id, at_ms], speech, when, measured(sensor.id)) for sensor in wanted]

    def history(speech: Speech, scale: str) -> dict[str, Any]:
        with reader.connect() as connection:
            checks = checks_of(connection, kitchen, scale, SHOWN)
            marks = tera_marks(connection, kitchen, [scale]).get(scale, [])
            trends = trends_of(connection, kitchen, scale)
            people = {name: one.name for name, one in people_of(connection, kitchen).items()}
        last = next((row.nominal_g for row in checks if row.nominal_g > 0 and not row.withdrawn), None)
        return {
            "checks": [_check(row, speech, when(speech, row.at_ms), people.get(row.person, "")) for row in checks],
            "marks": [_mark(row, speech, people.get(row.person, "")) for row in marks],
            "trends": _trends(trends, speech), "last": "" if last is None else _kg(speech, last),
        }  # fmt: skip

    @router.get(HERE)
    async def every(request: Request) -> Response:
        speech, _ = screens.speech(request)
        rows = await run_in_threadpool(looks, speech, sorted(known.values(), key=lambda one: one.name.lower()))
        return await staff.page(request, "staff_scales.html", rows=rows)

    def asked(request: Request) -> Sensor:
        found = known.get(request.path_params["scale"])
        if found is None:
            raise HTTPException(404, "Timbangan ini tidak terdaftar")
        return found

    async def show(request: Request, form: Form) -> Response:
        sensor = asked(request)
        speech, _ = screens.speech(request)
        (look,) = await run_in_threadpool(looks, speech, [sensor])
        loaded, empty = _filled_in(sensor, measured(sensor.id), speech)
        return await staff.page(
            request, "staff_scale.html", form=form, look=look, loaded=loaded, empty=empty,
            **await run_in_threadpool(history, speech, sensor.id),
        )  # fmt: skip

    @router.get(HERE + "/{scale}")
    async def look(request: Request, scale: str) -> Response:
        return await show(request, Form())

    @router.post(HERE + "/{scale}")
    async def write(request: Request, scale: str) -> Response:
        sensor = asked(request)
        return await staff.act(request, lambda by, form: _act(sensor.id, by, form, now_ms()), show,
                               f"{HERE}/{sensor.id}")  # fmt: skip

    return router


def _act(scale: str, by: Person, form: Form, at_ms: int) -> AnyAct:
    head: dict[str, Any] = {"id": form.act, "by": by.id, "scale": scale}
    if form.get("do") == "withdraw":
        return WithdrawScaleRecord(**head, record=form.get("record"), reason=form.get("reason"))
    if form.get("do") == "verify":
        return VerifyScale(**head, verified=form.get("verified"), valid_until=form.get("until"), mark=form.get("mark"),
                           office=form.get("office"))  # fmt: skip
    nominal_g = 0.0 if form.get("do") == "empty" else _grams(form.get("nominal"))
    return CheckScale(**head, nominal_g=nominal_g, shown_g=_grams(form.get("shown")), note=form.get("note"),
                      at_ms=at_ms)  # fmt: skip


def _grams(typed: str) -> float:
    """Kilograms as people type them, in g. Raises 409."""
    return round(number_of(typed) * 1000, 3)


def _filled_in(sensor: Sensor, now_g: float | None, speech: Speech) -> tuple[str, str]:
    """What stands in the forms for a check weight and for the empty scale already: the live number in the one that it
    can belong to, so that nobody records an empty pan as a failed weight with a hasty tap."""
    if now_g is None:
        return "", ""
    least = 0.0
    if sensor.accuracy_class is not None and sensor.division_g is not None:
        least = least_g(sensor.accuracy_class, sensor.division_g)
    return (_kg(speech, now_g), "") if now_g > 0 and now_g >= least else ("", _kg(speech, now_g))


def _kg(speech: Speech, mass_g: float) -> str:
    """A mass for a field: ``5,02``, without a sign between thousands, so that it can be sent as it stands."""
    return f"{round(mass_g / 1000, 6) + 0.0:.4f}".rstrip("0").rstrip(".").replace(".", speech.decimal)


def _day(speech: Speech, day: str) -> str:
    at = date.fromisoformat(day)
    return f"{at.day} {speech.months[at.month - 1]} {at.year}"


def _look(
    sensor: Sensor, state: ScaleState, speech: Speech, when: Callable[[Speech, int], str], now_g: float | None
) -> ScaleLook:
    _ = speech.gettext
    zero, check, tera = "", "", ""
    if state.zero_g is not None and state.zero_ms is not None:
        zero = f"{speech.mass(state.zero_g, signed=True)} · {when(speech, state.zero_ms)}"
    if state.nominal_g is not None and state.error_g is not None and state.checked_ms is not None:
        check = f"{_tested(speech, state.nominal_g, state.error_g, state.mpe_g)} · {when(speech, state.checked_ms)}"
    if state.tera_until is not None:
        tera = _("sampai {day}").format(day=_day(speech, state.tera_until))
    parts = [
        PartLook(part="zero", state=state.zero, word=zero_words(_)[state.zero], detail=zero),
        PartLook(part="check", state=state.check, word=scale_check_words(_)[state.check], detail=check),
        PartLook(part="tera", state=state.tera, word=tera_words(_)[state.tera], detail=tera),
    ]
    plate = []
    if sensor.accuracy_class is not None and sensor.division_g is not None:
        plate = [_("kelas {name}").format(name=sensor.accuracy_class), f"e = {speech.mass(sensor.division_g)}"]
    if sensor.max_g is not None:
        plate.append(f"Max {speech.mass(sensor.max_g)}")
    words = scale_need_words(_)
    return ScaleLook(
        id=sensor.id, name=sensor.name, parts=parts, trade="" if state.for_trade else trade_word(_),
        todo=[words[need] for need in state.needs], now="" if now_g is None else speech.mass(now_g),
        plate=" · ".join(plate),
    )  # fmt: skip


def _tested(speech: Speech, nominal_g: float, error_g: float, mpe_g: float | None) -> str:
    _ = speech.gettext
    text = _("{nominal}: selisih {error}").format(
        nominal=speech.mass(nominal_g) if nominal_g > 0 else _("kosong"), error=speech.mass(error_g, signed=True)
    )
    return text if mpe_g is None else _("{text} (boleh {limit})").format(text=text, limit=speech.mass(mpe_g))


def _check(row: Any, speech: Speech, when: str, person: str) -> RecordLook:
    _ = speech.gettext
    words = scale_check_words(_) if row.nominal_g > 0 else zero_words(_)
    return RecordLook(
        id=row.id, state=row.verdict, word=words[row.verdict], when=when, person=person, withdrawn=row.withdrawn,
        text=_tested(speech, row.nominal_g, row.error_g, row.mpe_g),
    )  # fmt: skip


def _mark(row: Any, speech: Speech, person: str) -> RecordLook:
    _ = speech.gettext
    text = _("Tera {mark}, berlaku sampai {day}").format(mark=row.mark, day=_day(speech, row.valid_until))
    return RecordLook(
        id=row.id, state="", word=text, text=row.office, when=_day(speech, row.verified), person=person, withdrawn=False
    )


def _trends(found: tuple[Trend | None, Trend | None], speech: Speech) -> list[str]:
    _ = speech.gettext
    texts = (_("Nol bergeser {off} dalam 30 hari"), _("Selisih uji bergeser {off} dalam 30 hari"))
    return [
        text.format(off=speech.mass(one.g_per_month, signed=True))
        for text, one in zip(texts, found, strict=True)
        if one is not None
    ]
