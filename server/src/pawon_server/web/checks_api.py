"""``/api/v1/checks``: what people measured by hand at control points, and how they write it.

A write is the act's fields as JSON, with an ``id`` (16 to 40 hex digits) that the sender makes: the same sent twice is
one. Times that are written are milliseconds UTC. No person and no free text of theirs is shown here.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import AwareDatetime
from sqlalchemy import Engine, select
from starlette.concurrency import run_in_threadpool

from pawon_food_safety.rows import UNITS

from ..food_safety.check import CorrectCheck, RecordCheck
from ..rulebook import Rulebook
from ..store.tables import checked
from ..words import look_words, point_name
from .api import Cursor, Limit, Page, Word, check_rows, iso
from .desk import Desk, write_said


def checks_api(reader: Engine, book: Rulebook, desk: Desk) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["checks"])
    kitchen = book.settings.kitchen

    @router.get("/checks")
    def checks(
        point: Word = None, quantity: Word = None, place: Word = None, sensor: Word = None, verdict: Word = None,
        since: AwareDatetime | None = None, until: AwareDatetime | None = None, cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page:  # fmt: skip
        """What was measured by hand. ``verdict`` (good, warning, critical, unjudged) is by the profile in force when it
        was written, ``limit`` the gravest limit that was broken and ``incident`` what tells of it."""
        filters = {"point": point, "quantity": quantity, "place": place, "sensor": sensor, "verdict": verdict}
        rows, following = check_rows(reader, kitchen, filters, (since, until), cursor, limit)
        return Page(items=[check_item(row, book) for row in rows], next=following)

    @router.post("/checks/record")
    async def record(request: Request) -> dict[str, Any]:
        """Something was measured by hand: a ``check.record`` act. Answers what the profile says of it."""
        act, written = await write_said(desk, request, RecordCheck)
        return {"entry": written.entry, **await run_in_threadpool(one, act.id)}

    @router.post("/checks/{check}/correct")
    async def correct(request: Request, check: str) -> dict[str, Any]:
        """It was another value, or none: a ``check.correct`` act, which appends."""
        act, written = await write_said(desk, request, CorrectCheck, check=check)
        return {"entry": written.entry, **await run_in_threadpool(one, act.check)}

    def one(name: str) -> dict[str, Any]:
        with reader.connect() as connection:
            query = select(checked).where(checked.c.kitchen == kitchen, checked.c.id == name)
            row = connection.execute(query).first()
        if row is None:  # the id was an earlier act's, which was another one
            raise HTTPException(409, "Nomor sudah dipakai")
        return check_item(row, book)

    return router


def check_item(row: Any, book: Rulebook) -> dict[str, Any]:
    """A measurement as the API gives it, with what to do about it in Indonesian."""
    text, action = what_to_do(row, book, "id")
    return {
        "id": row.id, "point": row.point, "point_name": point_name(str, row.point), "quantity": row.quantity,
        "unit": UNITS.get(row.quantity, ""), "value": row.value, "food": row.food, "place": row.place,
        "sensor": row.sensor, "thermometer": row.thermometer or None, "checked_at": iso(row.at_ms),
        "verdict": row.verdict, "text": text, "action": action, "rule": row.rule or None, "limit": row.limit_value,
        "incident": row.incident, "withdrawn": row.withdrawn,
    }  # fmt: skip


def what_to_do(row: Any, book: Rulebook, language: str) -> tuple[str, str]:
    """What a measurement means and what to do: by the rule that it broke, as far as the profile still knows it.
    Words that no rule says are Indonesian, for the catalogues."""
    said = book.profile.spoken(row.rule) if row.rule else None
    if said is None:
        return look_words(str)[row.verdict]
    return (said.text_en, said.action_en) if language == "en" else (said.text_id, said.action_id)
