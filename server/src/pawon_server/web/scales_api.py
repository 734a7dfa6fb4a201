"""``/api/v1/scales``: how far each scale is believed, what it was tested with, and how people write that.

A write is the act's fields as JSON, with an ``id`` (16 to 40 hex digits) that the sender makes: the same sent twice is
one. Times that are written are milliseconds UTC, days ``YYYY-MM-DD``, masses g. Nobody's name is shown here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from pydantic import AwareDatetime
from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool

from ..projections.scale_states import checks_of, state_at, states_at, tera_marks, trends_of
from ..rulebook import Rulebook, Sensor
from ..stock.scale import Trend
from ..stock.scale_acts import CheckScale, ScaleAct, VerifyScale, WithdrawScaleRecord
from ..stock.scale_state import ScaleState
from ..words import scale_need_words, trade_word
from .api import Limit, Page, iso
from .calibrations import Measured
from .desk import Desk, write_said
from .queries import without_names

FREE_TEXT = frozenset({"mark", "office"})
CHECKS = 50


def scales_api(reader: Engine, book: Rulebook, desk: Desk, measured: Measured, now_ms: Callable[[], int]) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["scales"])
    kitchen, known = book.settings.kitchen, {sensor.id: sensor for sensor in book.settings.scales}

    def moment(at: AwareDatetime | None) -> int:
        return now_ms() if at is None else int(at.timestamp() * 1000)

    @router.get("/scales")
    def scales(at: AwareDatetime | None = None) -> Page:
        """How far each scale is believed, now or ``at`` another time. ``zero``: good, off, unknown; ``check`` (the
        newest check weight): good, failed, overdue, never, unjudged; ``tera`` (the legal verification): valid, expired,
        missing. ``for_trade`` is false where goods must not be handed over by it; ``words`` say what to do."""
        at_ms = moment(at)
        with reader.connect() as connection:
            states = states_at(connection, book, [(name, at_ms) for name in known])
        items = [scale_item(sensor, states[name, at_ms], measured(name)) for name, sensor in known.items()]
        return Page(items=items, next=None)

    @router.get("/scales/{scale}")
    def one(scale: str, at: AwareDatetime | None = None, limit: Limit = CHECKS) -> dict[str, Any]:
        """The same of one scale with its newest checks (``nominal_g`` 0: empty), its marks, and how its zero and its
        error move in 30 days (null while too little is known)."""
        return whole(scale, moment(at), limit)

    @router.post("/scales/{scale}/check")
    async def check(request: Request, scale: str) -> dict[str, Any]:
        """A known mass was put on, or nothing: a ``scale.check`` act. Answers how far the scale is believed now."""
        return await write(request, scale, CheckScale)

    @router.post("/scales/{scale}/verify")
    async def verify(request: Request, scale: str) -> dict[str, Any]:
        """The scale carries a mark of legal verification: a ``scale.verify`` act, from the nutritionist up."""
        return await write(request, scale, VerifyScale)

    @router.post("/scales/{scale}/withdraw")
    async def withdraw(request: Request, scale: str) -> dict[str, Any]:
        """A check or a mark was a mistake: a ``scale.withdraw`` act, which appends; from the nutritionist up."""
        return await write(request, scale, WithdrawScaleRecord)

    async def write(request: Request, scale: str, kind: type[ScaleAct]) -> dict[str, Any]:
        _, written = await write_said(desk, request, kind, scale=scale)
        return {"entry": written.entry, **await run_in_threadpool(whole, scale, now_ms(), CHECKS)}

    def whole(scale: str, at_ms: int, limit: int) -> dict[str, Any]:
        if scale not in known:
            raise HTTPException(404, "Timbangan ini tidak terdaftar")
        with reader.connect() as connection:
            item = scale_item(known[scale], state_at(connection, book, scale, at_ms), measured(scale))
            return {**item, **_history(connection, kitchen, scale, limit)}

    return router


def scale_item(sensor: Sensor, state: ScaleState, now_g: float | None) -> dict[str, Any]:
    """A scale as the API gives it; ``now_g`` is what it shows now."""
    said = scale_need_words(str)
    words = ([] if state.for_trade else [trade_word(str)]) + [said[need] for need in state.needs]
    return {
        "scale": sensor.id, "name": sensor.name, "at": iso(state.at_ms), "zero": state.zero, "zero_g": state.zero_g,
        "zero_at": iso(state.zero_ms), "check": state.check, "checked_at": iso(state.checked_ms),
        "nominal_g": state.nominal_g, "error_g": state.error_g, "permitted_g": state.mpe_g, "tera": state.tera,
        "tera_until": state.tera_until, "for_trade": state.for_trade, "needs": list(state.needs), "words": words,
        "now_g": now_g, "division_g": sensor.division_g, "max_g": sensor.max_g,
        "accuracy_class": sensor.accuracy_class,
    }  # fmt: skip


def _history(connection: Connection, kitchen: str, scale: str, limit: int) -> dict[str, Any]:
    zero, error = trends_of(connection, kitchen, scale)
    checks = [
        {
            "id": row.id, "nominal_g": row.nominal_g, "shown_g": row.shown_g, "error_g": row.error_g,
            "permitted_g": row.mpe_g, "verdict": row.verdict, "checked_at": iso(row.at_ms), "withdrawn": row.withdrawn,
        }
        for row in checks_of(connection, kitchen, scale, limit)
    ]  # fmt: skip
    marks = [
        {"id": row.id, "verified": row.verified, "valid_until": row.valid_until, "mark": row.mark, "office": row.office}
        for row in tera_marks(connection, kitchen, [scale]).get(scale, ())
    ]
    return {
        "checks": checks, "marks": without_names(connection, kitchen, marks, FREE_TEXT),
        "zero_trend": _trend(zero), "error_trend": _trend(error),
    }  # fmt: skip


def _trend(found: Trend | None) -> dict[str, Any] | None:
    return None if found is None else msgspec.structs.asdict(found)
