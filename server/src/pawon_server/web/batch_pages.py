"""``/staff/batches``: cooking, packing, leaving, arriving, eating and all else about a batch, on a phone.

What comes next for a batch is one tap; the rest is folded. A form without a time means now.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine, select
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..food_safety.batch import Batch
from ..food_safety.batch_acts import BatchAct
from ..food_safety.batch_refusals import AHEAD_MS
from ..people.person import Person
from ..projections.recipes import batch_recipe_of
from ..rulebook import Rulebook
from ..stock.menu_acts import Ingredient
from ..store.tables import batch, batch_school, sample
from . import mass_forms
from .forms import Form
from .language import Speech
from .looks import BatchLook, Screen
from .lots_page import foods_cooked
from .mass_looks import outcome_words, read_shelf
from .pages import Screens
from .queries import batch_view
from .staff import Staff
from .view import Snapshot

PATH = "/staff/batches"
MAX_SHOWN = 60
# Schools that are offered while typing.
MAX_SCHOOLS = 200
# The fields of each form by how they are read; ``at`` and ``batch`` are of every form but the first two.
_NUMBERS = frozenset({"core_c", "first_c", "last_c", "lowest_c", "mass_g"})
_COUNTS = frozenset({"portions", "pans", "boxes"})
_TICKS = frozenset({"early", "replaces"})
_WORDS = ("wave", "dish", "day", "place", "pan", "vehicle", "school", "reason", "note", "container", "sample",
          "decision", "food")  # fmt: skip
EVERYWHERE = "*"


def batch_pages(
    reader: Engine, book: Rulebook, staff: Staff, screens: Screens, snapshot: Callable[[], Snapshot]
) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    kitchen, zone = book.settings.kitchen, book.settings.timezone
    places = sorted({one.place for one in book.settings.sensors if one.point == "cooking" and one.place})

    def recipe(name: str) -> tuple[int, tuple[Ingredient, ...]]:
        with reader.connect() as connection:
            return batch_recipe_of(connection, kitchen, name)

    async def show(request: Request, form: Form) -> Response:
        batches, schools, samples = await run_in_threadpool(_read, reader, book)
        shelf = await run_in_threadpool(read_shelf, reader, book, batches)
        now = snapshot()
        speech, _ = screens.speech(request)
        screen = Screen(snapshot=now, speech=speech, words={}, rows={})
        today = datetime.fromtimestamp(now.now_ms / 1000, tz=ZoneInfo(zone)).date().isoformat()
        rows = [(one, _look(one, book, screen)) for one in batches]
        return await staff.page(
            request, "staff_batches.html", form=form, rows=rows, schools=schools, samples=samples, today=today,
            places=places, foods=foods_cooked(book, speech), clock=lambda at_ms: speech.clock(at_ms, zone),
            kind=_kind_words(speech), masses={name: shelf.look(name, book, speech) for name in shelf.masses},
            sources=shelf.sources(book), weighings=shelf.weighings_told(book, speech), outcomes=outcome_words(speech),
        )  # fmt: skip

    @router.get(PATH)
    async def batches(request: Request) -> Response:
        return await show(request, Form())

    @router.post(PATH)
    async def write(request: Request) -> Response:
        return await staff.act(request, lambda by, form: _act(by, form, zone, snapshot().now_ms, recipe), show, PATH)

    return router


def _look(one: Batch, book: Rulebook, screen: Screen) -> BatchLook:
    return screen.batch(batch_view(one, book))


def _kind_words(speech: Speech) -> dict[str, str]:
    _ = speech.gettext
    return {"use": _("Lepas, boleh dipakai"), "hold": _("Tahan"), "discard": _("Buang")}


def _read(reader: Engine, book: Rulebook) -> tuple[list[Batch], list[str], dict[str, list[Any]]]:
    """The batches that are not done and those of the last days whose samples are kept, schools, and kept samples."""
    kitchen = book.settings.kitchen
    with reader.connect() as connection:
        kept = connection.execute(
            select(sample)
            .where(sample.c.kitchen == kitchen, sample.c.discarded_ms.is_(None))
            .order_by(sample.c.taken_ms)
            .limit(MAX_SCHOOLS)
        ).all()
        found = connection.execute(
            select(batch.c.content)
            .where(
                batch.c.kitchen == kitchen,
                batch.c.done.is_(False) | batch.c.id.in_([row.batch for row in kept]),
            )
            .order_by(batch.c.done, batch.c.opened_ms.desc())
            .limit(MAX_SHOWN)
        ).scalars()
        batches = [msgspec.json.decode(content, type=Batch) for content in found]
        schools = connection.execute(
            select(batch_school.c.school).where(batch_school.c.kitchen == kitchen).distinct().limit(MAX_SCHOOLS)
        ).scalars()
        samples: dict[str, list[Any]] = {}
        for row in kept:
            samples.setdefault(row.batch, []).append(row)
        return batches, sorted(schools), samples


def _act(by: Person, form: Form, zone: str, now_ms: int, recipe: mass_forms.Recipe) -> AnyAct:
    """The act that a form is. Raises 422 for what is no number or time; the rest is judged where acts are read."""
    what, _, name = form.get("do").partition(":")
    if what in mass_forms.TAGS:
        return mass_forms.read(by, form, what, name, _moment(form.get("at"), zone, now_ms), recipe)
    said: dict[str, Any] = {"act": what, "id": form.act, "by": by.id, "at_ms": _moment(form.get("at"), zone, now_ms)}
    if name:
        said["batch"] = name
    said |= {key: form.get(key) for key in _WORDS if key in form.values}
    said |= {key: _number(form.get(key)) for key in _NUMBERS if form.get(key)}
    said |= {key: round(_number(form.get(key))) for key in _COUNTS if form.get(key)}
    said |= {key: True for key in _TICKS if form.get(key)}
    if "schools" in form.values:
        said["schools"] = _schools(form.get("schools"), named=what in ("batch.open", "batch.name"))
    if form.get("began"):
        said["began_ms"] = _moment(form.get("began"), zone, now_ms)
    if said.get("school") == EVERYWHERE:
        del said["school"]
    try:
        made: AnyAct = msgspec.convert(said, type=BatchAct)
    except msgspec.ValidationError as error:
        raise HTTPException(422, str(error)) from error
    return made


def _number(text: str) -> float:
    try:
        said = float(text.replace(",", "."))
    except ValueError as error:
        raise HTTPException(422, text) from error
    if not math.isfinite(said):
        raise HTTPException(422, text)
    return said


def _moment(text: str, zone: str, now_ms: int) -> int:
    """The latest time that the kitchen's clock showed ``HH:MM``; now for nothing."""
    if not text:
        return now_ms
    now = datetime.fromtimestamp((now_ms + AHEAD_MS) / 1000, tz=ZoneInfo(zone))
    try:
        wall = datetime.strptime(text[:5], "%H:%M")  # noqa: DTZ007  # a time of day, of the day that is put in below
    except ValueError as error:
        raise HTTPException(422, text) from error
    at = now.replace(hour=wall.hour, minute=wall.minute, second=0, microsecond=0)
    at = at if at <= now else at - timedelta(days=1)
    return round(at.timestamp() * 1000)


def _schools(text: str, *, named: bool) -> list[Any]:
    """A line each: ``SD 1 = 120`` where portions are planned, else the name alone."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not named:
        return lines
    out = []
    for line in lines:
        school, _, portions = line.rpartition("=")
        out.append({"school": school.strip(), "portions": round(_number(portions.strip()))})
    return out
