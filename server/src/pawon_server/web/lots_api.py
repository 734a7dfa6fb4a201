"""``/api/v1/lots``: lots of raw material, where they lay and what they felt; and how people write them.

A write is the act's fields as JSON, with an ``id`` (16 to 40 hex digits) that the sender makes: the same sent twice is
one. Times that are written are milliseconds UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from pydantic import AwareDatetime
from sqlalchemy import Connection, Engine

from ..food_safety.heat import Advice, Heat
from ..food_safety.lot import History, lot_id
from ..food_safety.lot_acts import CorrectLot, DiscardLot, MoveLot, ReceiveLot, UseLot
from ..projections.lot_heat import BatchHeat, LotHeat, OwnStay, StayHeat, heat_of_batch, heat_of_lot, lot_row
from ..projections.lots import UNKNOWN_LOT
from ..projections.receipts import findings_of
from ..rulebook import Rulebook
from .api import Cursor, Limit, Page, Word, iso, lot_rows
from .desk import Desk, write_said
from .finding_looks import finding_item
from .language import Language, Speech, load_speeches
from .queries import without_names
from .view import Snapshot

FREE_TEXT = frozenset({"note", "code", "despite", "reason"})


def lots_api(reader: Engine, book: Rulebook, desk: Desk, snapshot: Callable[[], Snapshot]) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["lots"])
    kitchen, speeches = book.settings.kitchen, load_speeches()

    @router.get("/lots")
    def lots(
        item: Word = None, supplier: Word = None, suggestion: Word = None, since: AwareDatetime | None = None,
        until: AwareDatetime | None = None, cursor: Cursor = None, limit: Limit = 100,
    ) -> Page:  # fmt: skip
        """What was delivered. ``suggestion`` is what the profile said of it at once (accept, hold, reject);
        ``accepted`` is what people did."""
        filters = {"item": item, "supplier": supplier, "suggestion": suggestion}
        rows, following = lot_rows(reader, kitchen, filters, (since, until), cursor, limit)
        told = [lot_item(row, book, speeches) for row in rows]
        with reader.connect() as connection:
            items = without_names(connection, kitchen, told, FREE_TEXT)
        return Page(items=items, next=following)

    @router.get("/lots/{lot}")
    def one(lot: str) -> dict[str, Any]:
        """A lot with its stays and its heat history, worked out from the record as it is now. ``heat.measured`` is the
        history with most time in the danger zone, ``heat.possible`` the one that may have had most of it; ``heat`` is
        null for a lot that was not taken in. 404 for a lot that is not there."""
        with reader.connect() as connection:
            row = None if "\0" in lot else lot_row(connection, kitchen, lot)
            if row is None:
                raise HTTPException(404, UNKNOWN_LOT)
            taken_in = row.accepted and not row.withdrawn
            found = heat_of_lot(connection, book, row, snapshot().now_ms) if taken_in else None
            told: dict[str, Any] = without_names(connection, kitchen, lot_item(row, book, speeches), FREE_TEXT)
        return {**told, **lot_history(found)}

    @router.post("/lots/receive")
    async def receive(request: Request) -> dict[str, Any]:
        """A delivery came: a ``lot.receive`` act. Answers the lot's id and what the profile suggests."""
        act, written = await write_said(desk, request, ReceiveLot)
        return {"entry": written.entry, "lot": lot_id(act, book.settings.timezone)}

    @router.post("/lots/{lot}/move")
    async def move(request: Request, lot: str) -> dict[str, Any]:
        """It was carried to another place: a ``lot.move`` act."""
        _, written = await write_said(desk, request, MoveLot, lot=lot)
        return {"entry": written.entry, "lot": lot}

    @router.post("/lots/{lot}/use")
    async def use(request: Request, lot: str) -> dict[str, Any]:
        """It went into a cooked batch: a ``lot.use`` act."""
        _, written = await write_said(desk, request, UseLot, lot=lot)
        return {"entry": written.entry, "lot": lot}

    @router.post("/lots/{lot}/discard")
    async def discard(request: Request, lot: str) -> dict[str, Any]:
        """It was thrown away: a ``lot.discard`` act."""
        _, written = await write_said(desk, request, DiscardLot, lot=lot)
        return {"entry": written.entry, "lot": lot}

    @router.post("/lots/{lot}/correct")
    async def correct(request: Request, lot: str) -> dict[str, Any]:
        """What was written of it was wrong: a ``lot.correct`` act, which appends."""
        _, written = await write_said(desk, request, CorrectLot, lot=lot)
        return {"entry": written.entry, "lot": lot}

    return router


# A batch's portions by school with their stays, and its food class; ``None``: there is no such batch.
PortionsOf = Callable[[Connection, str], tuple[Mapping[str, Sequence[OwnStay]], str] | None]


def batch_heat_api(reader: Engine, book: Rulebook, portions_of: PortionsOf) -> APIRouter:
    """``/api/v1/batches/{batch}/heat``, for whoever knows batches."""
    router = APIRouter(prefix="/api/v1", tags=["lots"])

    @router.get("/batches/{batch}/heat")
    def heat(batch: str) -> dict[str, Any]:
        """What a cooked batch felt: each of its lots until it was cooked, and its portions since, by school. 404 for a
        batch that is not there, or where the profile names no danger zone."""
        with reader.connect() as connection:
            known = None if "\0" in batch else portions_of(connection, batch)
            found = None if known is None else heat_of_batch(connection, book, batch, *known)
        if found is None:
            raise HTTPException(404, "Masakan ini tidak dikenal")
        return {"batch": batch, **batch_history(found)}

    return router


def lot_item(row: Any, book: Rulebook, speeches: Mapping[Language, Speech]) -> dict[str, Any]:
    """A lot as its receipt says, and what was found about it, in all of these languages."""
    item = book.settings.item(row.item)
    return {
        "id": row.id, "item": row.item, "item_name": item.name if item else row.item, "unit": row.unit,
        "amount": row.amount, "supplier": row.supplier, "note": row.note, "code": row.code, "point": row.point,
        "food": row.food, "temperature_c": row.temperature_c, "expires": row.expires or None, "place": row.place,
        "received_at": iso(row.received_ms), "accepted": row.accepted, "withdrawn": row.withdrawn,
        "suggestion": row.suggestion, "rule": row.rule or None, "expires_from": row.expires_from or None,
        "order": row.purchase or None, "noted": row.noted, "gtin": row.gtin or None, "for_day": row.for_day or None,
        "produced": row.produced or None, "halal": row.halal or None, "despite": row.despite or None,
        "findings": [finding_item(one, row.unit, book, speeches) for one in findings_of(row)],
    }  # fmt: skip


def lot_history(found: LotHeat | None) -> dict[str, Any]:
    """Where a lot lay and what it felt."""
    if found is None:
        return {"left": {}, "stays": [], "heat": None, "advice": None, "estimates": [], "doubts": [], "complete": True}
    return {
        "left": found.way.left, "stays": _stays(found.stays), "heat": _history(found.history),
        "advice": _advice(found.advice), "doubts": list(found.way.doubts), "complete": found.complete,
        "estimates": [msgspec.to_builtins(verdict) for verdict in found.estimates],
    }  # fmt: skip


def batch_history(found: BatchHeat) -> dict[str, Any]:
    """What a batch felt: lot by lot before it was cooked, and school by school after."""
    return {
        "lots": [{"lot": name, "heat": _history(history)} for name, history in found.lots],
        "portions": [
            {
                "school": one.school, "stays": _stays(one.stays), "own": _heat(one.own), "heat": _history(one.history),
                "advice": _advice(one.advice),
                "estimates": [msgspec.to_builtins(verdict) for verdict in one.estimates],
            }
            for one in found.portions
        ],
        "complete": found.complete,
    }  # fmt: skip


def _history(history: History) -> dict[str, Any]:
    return {"measured": _heat(history.measured), "possible": _heat(history.possible)}


def _stays(stays: Sequence[StayHeat]) -> list[dict[str, Any]]:
    return [
        {
            "place": stay.place, "since": iso(stay.start_ms), "until": None if stay.open else iso(stay.end_ms),
            "points": list(stay.points), "sensed": stay.sensed, "air": stay.air, **_heat(stay.heat),
        }
        for stay in stays
    ]  # fmt: skip


def _heat(heat: Heat) -> dict[str, Any]:
    one = heat.exposure
    times = {"below": one.below_ms, "inside": one.inside_ms, "above": one.above_ms, "unknown": one.unknown_ms,
             "beyond": heat.beyond_ms}  # fmt: skip
    return {f"{name}_min": round(ms / 60_000, 2) for name, ms in times.items()} | {
        "min_c": one.min_c,
        "max_c": one.max_c,
    }


def _advice(advice: Advice) -> dict[str, Any]:
    steps = {"least": advice.least, "most": advice.most}
    return {"disposition": advice.disposition, "green": advice.green} | {
        name: None if step is None else {"from_s": step.from_s, "disposition": step.disposition,
                                         "action": step.action_id, "action_en": step.action_en}
        for name, step in steps.items()
    }  # fmt: skip
