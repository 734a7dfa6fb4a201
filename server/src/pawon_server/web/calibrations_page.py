"""``/staff/calibrations``: the checks of thermometers, step by step on a phone, and what was found before.

A connected sensor is read by the server when the form is sent: nobody types what Pawon can see. Hand thermometers and
what stands in a certificate are typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from pawon_food_safety.calibration import STIR_S, Method, boiling_c, tolerance_c

from ..acts import AnyAct
from ..calibration import RecordCalibration, WithdrawCalibration
from ..people.person import Person
from ..projections.calibrations import Instrument, instruments, records_of, state_of
from ..projections.people import people_of
from ..rulebook import Rulebook
from ..words import verdict_words
from .api import calibration_rows
from .calibrations import Measured, read_now
from .forms import Form
from .language import Speech
from .pages import Screens
from .staff import UNFIT, Staff

HERE = "/staff/calibrations"
# What a kitchen looks back on; all of it is at /api/v1/calibrations.
SHOWN = 20
NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?[0-9]{1,3}(?:[.,][0-9]{1,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermometerLook:
    """A thermometer as the page writes it. ``now`` is what a connected one says by itself, in words."""

    id: str
    name: str
    state: str
    word: str
    due: str
    connected: bool
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLook:
    """One check as the page writes it."""

    id: int
    when: str
    method: str
    points: list[str]
    verdict: str
    word: str
    todo: str
    person: str
    withdrawn: str


def state_words(_: Callable[[str], str]) -> dict[str, str]:
    """How a calibration stands."""
    return {
        "none": _("tidak diminta"), "never": _("belum pernah dikalibrasi"), "ok": _("kalibrasi berlaku"),
        "overdue": _("kalibrasi terlambat"), "rejected": _("ditolak, jangan dipakai"),
    }  # fmt: skip


def method_words(_: Callable[[str], str]) -> dict[str, str]:
    """Ways to check a thermometer."""
    return {
        "ice": _("titik es"), "boiling": _("titik didih"), "ice-boiling": _("titik es dan titik didih"),
        "comparison": _("pembandingan"), "certificate": _("sertifikat"),
    }  # fmt: skip


def calibrations_page(
    staff: Staff, screens: Screens, reader: Engine, book: Rulebook, measured: Measured, now_ms: Callable[[], int]
) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    kitchen, zone, known = book.settings.kitchen, book.settings.timezone, instruments(book)
    connected = {sensor.id for sensor in book.settings.sensors}

    def day(speech: Speech, at_ms: int) -> str:
        return f"{speech.day(at_ms, zone)} {speech.clock(at_ms, zone)}"

    def degrees(speech: Speech, value: float) -> str:
        return f"{speech.number(value, 1)} °C"

    def looks(speech: Speech, wanted: list[Instrument]) -> list[ThermometerLook]:
        words = state_words(speech.gettext)
        with reader.connect() as connection:
            records = records_of(connection, kitchen, [one.id for one in wanted])
        out = []
        for one in wanted:
            state, due_ms = state_of(records.get(one.id, []), book.profile, one.kind, now_ms())
            value = measured(one.id)
            out.append(
                ThermometerLook(
                    id=one.id, name=one.name, state=state, word=words[state],
                    due="" if due_ms is None else day(speech, due_ms), connected=one.id in connected,
                    now="" if value is None else degrees(speech, value),
                )
            )  # fmt: skip
        return out

    def history(speech: Speech, name: str) -> list[CheckLook]:
        rows, _ = calibration_rows(reader, kitchen, {"sensor": name}, None, SHOWN)
        with reader.connect() as connection:
            people = people_of(connection, kitchen)
        return [_check(row, speech, day, degrees, {key: one.name for key, one in people.items()}) for row in rows]

    def one_of(name: str) -> Instrument:
        if name not in known:
            raise HTTPException(404, "Termometer ini tidak terdaftar")
        return known[name]

    @router.get(HERE)
    async def every(request: Request) -> Response:
        speech, _ = screens.speech(request)
        rows = await run_in_threadpool(looks, speech, sorted(known.values(), key=lambda one: one.name.lower()))
        return await staff.page(request, "staff_calibrations.html", rows=rows)

    async def show(request: Request, form: Form) -> Response:
        one = one_of(request.path_params["name"])
        speech, _ = screens.speech(request)
        (look,) = await run_in_threadpool(looks, speech, [one])
        altitude_m = book.settings.altitude_m
        return await staff.page(
            request, "staff_calibration.html", form=form, look=look, minutes=STIR_S // 60,
            checks=await run_in_threadpool(history, speech, one.id),
            tolerance=degrees(speech, tolerance_c(book.profile, one.kind)),
            boiling="" if altitude_m is None else degrees(speech, boiling_c(altitude_m)),
        )  # fmt: skip

    def make(name: str, by: Person, form: Form) -> AnyAct:
        if form.get("do") == "withdraw":
            number = form.get("calibration")
            return WithdrawCalibration(
                id=form.act, by=by.id, calibration=int(number) if number.isdecimal() and len(number) < 18 else 0,
                reason=form.get("reason"),
            )  # fmt: skip
        if form.get("do") in ("ice", "boiling") and form.get("ready") != "yes":
            raise HTTPException(422, UNFIT)
        compared = form.get("do") == "comparison"
        # A certificate is about another day: what it says is typed.
        is_measured = name in connected and not (compared and form.get("reading"))
        reading = read_now(measured, name) if is_measured else _degrees(form.get("reading"))
        method = "certificate" if compared and form.get("certificate") else form.get("do")
        return RecordCalibration(
            id=form.act, by=by.id, sensor=name, method=cast(Method, method), readings_c=(reading,),
            references_c=(_degrees(form.get("true")),) if compared else (), measured=is_measured,
            performed_ms=_day_ms(form.get("day"), zone) or now_ms(), next_ms=_day_ms(form.get("next"), zone),
            reference=form.get("reference"), certificate=form.get("certificate"), lab=form.get("lab"),
        )  # fmt: skip

    @router.get(HERE + "/{name}")
    async def look(request: Request, name: str) -> Response:
        one_of(name)
        return await show(request, Form())

    @router.post(HERE + "/{name}")
    async def write(request: Request, name: str) -> Response:
        one = one_of(name)
        return await staff.act(request, lambda by, form: make(one.id, by, form), show, f"{HERE}/{one.id}")

    return router


def _check(
    row: Any, speech: Speech, day: Callable[[Speech, int], str], degrees: Callable[[Speech, float], str],
    people: dict[str, str],
) -> CheckLook:  # fmt: skip
    _ = speech.gettext
    word, todo = verdict_words(_)[row.verdict]
    off = f"{speech.number(row.error_c, 1, signed=True)} °C"
    points = [
        _("terbaca {read}, seharusnya {true}").format(
            read=degrees(speech, point["reading_c"]), true=degrees(speech, point["reference_c"])
        )
        for point in msgspec.json.decode(row.points)
    ]
    return CheckLook(
        id=row.id, when=day(speech, row.performed_ms), method=method_words(_)[row.method], points=points,
        verdict=row.verdict, word=word, todo=todo.format(off=off), person=people.get(row.person, row.person),
        withdrawn=row.withdrawn_reason or "",
    )  # fmt: skip


def _day_ms(typed: str, zone: str) -> int | None:
    """When a day began in the kitchen; ``None`` for no day. Raises 422."""
    if not typed:
        return None
    try:
        at = datetime.strptime(typed, "%Y-%m-%d").replace(tzinfo=ZoneInfo(zone))
        return max(0, int(at.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise HTTPException(422, UNFIT) from error


def _degrees(typed: str) -> float:
    """A temperature as people type it, with comma or point. Raises 422."""
    if not NUMBER.fullmatch(typed):
        raise HTTPException(422, UNFIT)
    return float(typed.replace(",", ".").replace("\N{MINUS SIGN}", "-"))
