"""Checks of thermometers over the API: their history, a new one, and the withdrawal of a mistaken one.

Anyone may read; writing needs a signed-in person. No person and no free text of theirs is shown here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, HTTPException, Path, Request
from msgspec import Meta
from sqlalchemy import Engine, select
from starlette.concurrency import run_in_threadpool

from pawon_food_safety.calibration import Method, due_ms

from ..calibration import Degrees, Instrument, RecordCalibration, WithdrawCalibration
from ..people.act import ActId, Word, Words, new_id
from ..projections.calibrations import instruments
from ..rulebook import Rulebook
from ..store.tables import calibration
from ..words import number, verdict_words
from .api import Cursor, Limit, Page, calibration_rows, iso
from .api import Word as Asked
from .desk import Desk
from .queries import without_names

T = TypeVar("T", bound=msgspec.Struct)
NOT_MEASURED = "Sensor ini tidak memberi angka sekarang: tulis angka yang terbaca"
# What a sensor says by itself now; ``None`` when nothing.
Measured = Callable[[str], float | None]
When = Annotated[datetime, Meta(tz=True)]


FREE_TEXT = frozenset({"reference", "certificate", "lab"})


class NewCalibration(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a new record; see ``RecordCalibration``. Without ``readings_c`` the connected sensor is read now;
    without ``performed_at`` it was performed now."""

    sensor: Instrument
    method: Method
    id: ActId = ""
    readings_c: Degrees | None = None
    references_c: Degrees = ()
    performed_at: When | None = None
    reference: Word = ""
    reference_error_c: float | None = None
    certificate: Word = ""
    lab: Word = ""
    next_at: When | None = None
    note: Words = ""


class NewWithdrawal(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a withdrawal."""

    reason: Words
    id: ActId = ""


def calibrations_api(
    reader: Engine, book: Rulebook, desk: Desk, measured: Measured, now_ms: Callable[[], int]
) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["record"])
    kitchen = book.settings.kitchen

    @router.get("/calibrations")
    def calibrations(sensor: Asked = None, verdict: Asked = None, cursor: Cursor = None, limit: Limit = 100) -> Page:
        """Every check of a thermometer: what it said by itself, what was true, and what came of it. ``corrected = raw *
        slope + offset_c`` for what was measured from ``performed_at`` on."""
        asked = {"sensor": sensor, "verdict": verdict}
        rows, following = calibration_rows(reader, kitchen, asked, cursor, limit)
        with reader.connect() as connection:
            items = without_names(connection, kitchen, [item(row) for row in rows], FREE_TEXT)
        return Page(items=items, next=following)

    @router.post("/calibrations")
    async def record(request: Request) -> dict[str, Any]:
        """Write a check, as ``{"sensor": …, "method": …, "readings_c": […]}``: answers with what came of it."""
        body = await _decoded(desk, request, NewCalibration)
        readings, is_measured = body.readings_c, body.readings_c is None
        if readings is None:
            readings = (read_now(measured, body.sensor),)
        at_ms = now_ms() if body.performed_at is None else _ms(body.performed_at)
        written = await desk.write(
            request,
            lambda by: RecordCalibration(
                id=body.id or new_id(), by=by.id, sensor=body.sensor, method=body.method, readings_c=readings,
                references_c=body.references_c, measured=is_measured, performed_ms=at_ms, reference=body.reference,
                reference_error_c=body.reference_error_c, certificate=body.certificate, lab=body.lab,
                next_ms=None if body.next_at is None else _ms(body.next_at), note=body.note,
            ),
        )  # fmt: skip
        return await run_in_threadpool(one, written.entry)

    @router.post("/calibrations/{number}/withdraw")
    async def withdraw(request: Request, number: Annotated[int, Path(ge=1, le=2**62)]) -> dict[str, Any]:
        """Withdraw a mistaken record, as ``{"reason": …}``: what is measured from now on forgets it."""
        body = await _decoded(desk, request, NewWithdrawal)
        await desk.write(
            request,
            lambda by: WithdrawCalibration(id=body.id or new_id(), by=by.id, calibration=number, reason=body.reason),
        )
        return await run_in_threadpool(one, number)

    def item(row: Any) -> dict[str, Any]:
        known = instruments(book).get(row.sensor)
        due = None
        if row.verdict != "reject" and row.withdrawn_ms is None:
            due = due_ms(book.profile, row.kind, row.performed_ms, row.next_ms)
        text, action = verdict_words(str)[row.verdict]
        return {
            "id": row.id, "sensor": row.sensor, "name": row.sensor if known is None else known.name, "kind": row.kind,
            "method": row.method, "performed_at": iso(row.performed_ms), "entered_at": iso(row.entered_ms),
            "measured": row.measured, "points": msgspec.json.decode(row.points), "verdict": row.verdict, "text": text,
            "action": action.format(off=f"{number(row.error_c)} °C"), "error_c": row.error_c,
            "tolerance_c": row.tolerance_c, "slope": row.slope, "offset_c": row.offset_c,
            "uncertainty_c": row.uncertainty_c, "altitude_m": row.altitude_m, "reference": row.reference,
            "certificate": row.certificate, "lab": row.lab, "due_at": iso(due), "withdrawn_at": iso(row.withdrawn_ms),
        }  # fmt: skip

    def one(number: int) -> dict[str, Any]:
        where = (calibration.c.kitchen == kitchen, calibration.c.id == number)
        with reader.connect() as connection:
            found = item(connection.execute(select(calibration).where(*where)).one())
            told: dict[str, Any] = without_names(connection, kitchen, found, FREE_TEXT)
        return told

    return router


def read_now(measured: Measured, sensor: str) -> float:
    """What a connected sensor says by itself. Raises 409 when it says nothing."""
    value = measured(sensor)
    if value is None:
        raise HTTPException(409, NOT_MEASURED)
    return value


async def _decoded(desk: Desk, request: Request, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(await desk.body(request), type=shape)
    except msgspec.DecodeError as error:
        raise HTTPException(422, str(error)) from error


def _ms(at: datetime) -> int:
    return max(0, int(at.timestamp() * 1000))
