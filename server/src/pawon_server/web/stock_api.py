"""``/api/v1/places``, ``/movements``, ``/stock``, ``/counts``: what lies where, what moved, and how people write it.

A write is the act's fields as JSON, with an ``id`` (16 to 40 hex digits) that the sender makes: the same sent twice is
one. Times that are written are milliseconds UTC, amounts integers in the item's base unit. Nobody's name is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import AwareDatetime
from sqlalchemy import Connection, Engine, Row

from ..people.act import Act
from ..projections.book import BOOKED
from ..projections.people import people_of
from ..projections.scale_states import states_at
from ..projections.stock import UNKNOWN_MOVEMENT
from ..rulebook import Rulebook
from ..stock.movement_acts import (
    ConfirmMovement,
    CorrectMovement,
    CountStock,
    DecideCount,
    HoldLot,
    RecordMovement,
    RefuseMovement,
    ReleaseLot,
)
from ..stock.scale_state import ScaleState
from ..words import trade_word
from .api import NO_NUL, Cursor, Limit, Page, Word, iso, movement_rows
from .dates import Dates
from .desk import Desk, write_said
from .queries import balances, movement_view, place_name, without_names
from .stock_queries import (
    ItemThere,
    LotThere,
    PlaceThere,
    last_items,
    lines_of,
    lots_there,
    movement_row,
    places_there,
)

FREE_TEXT = frozenset({"reason"})
BatchWord = Annotated[str | None, Query(max_length=96, pattern=NO_NUL)]


def stock_api(reader: Engine, book: Rulebook, desk: Desk, now_ms: Callable[[], int]) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["stock"])
    kitchen = book.settings.kitchen

    @router.get("/places")
    def places(place: Word = None) -> Page:
        """Every place of the kitchen: the configured ones, then others the book knows. ``items``: what lies there, its
        lots in the order in which they should be used (first expired first), those that must not be used at the end;
        ``amount`` is null where nothing was ever booked. ``newest``: the last weighing of 35 days; ``waiting``: the
        movements that a person has to decide. ``doubt``: ``short`` (more was taken than the book knew of) or
        ``blocked`` (only lots that must not be used lay there), with the movements (``doubted``) since the item was
        counted there last."""
        with reader.connect() as connection:
            found = places_there(connection, book, now_ms())
        return Page(items=[place_item(one, book) for one in found if place in (None, one.place)], next=None)

    @router.get("/stock")
    def stock(place: Word = None, item: Word = None) -> Page:
        """What the book says lies where: the sum of confirmed movements, in base units. First the configured places
        with their item (``amount`` is null where nothing was ever booked), then what else lies anywhere."""
        with reader.connect() as connection:
            rows = balances(connection, book)
        items = [
            {
                "place": row.place, "place_name": row.place_name, "item": row.item, "item_name": row.item_name,
                "amount": row.amount, "unit": row.unit, "minimum": row.minimum,
            }
            for row in rows
            if place in (None, row.place) and item in (None, row.item)
        ]  # fmt: skip
        return Page(items=items, next=None)

    @router.get("/movements")
    def movements(
        place: Word = None, item: Word = None, state: Word = None, lot: Word = None, batch: BatchWord = None,
        kind: Word = None, doubt: Word = None, since: AwareDatetime | None = None,
        until: AwareDatetime | None = None, cursor: Cursor = None, limit: Limit = 100,
    ) -> Page:  # fmt: skip
        """What scales saw (``weighed``) and people wrote; only what is confirmed or corrected counts in the book, by
        its ``lines``. ``lot`` is what a person said of it; the filter also finds where the book assumes it (a line's
        ``assumed``). ``doubt``: ``short``, ``blocked`` or null. ``counted``, ``book`` and ``difference`` are of
        stocktakes; ``automatic`` was booked by its place's rule; ``decided_by`` is the role of who decided it.
        ``scale``: how far it was believed at that moment, as at ``/scales``; ``word`` where it was not for trade."""
        filters = {"place": place, "item": item, "state": state, "batch": batch, "kind": kind, "doubt": doubt}
        rows, following = movement_rows(reader, kitchen, filters, lot, (since, until), cursor, limit)
        with reader.connect() as connection:
            return Page(items=movement_items(connection, book, rows), next=following)

    @router.get("/movements/{movement}")
    def one(movement: str) -> dict[str, Any]:
        """A movement with its raw ``trace`` ([[ms, g], ...]) and what it may be: ``suggested`` lots of the place it
        left (of its item, or of ``items``, the last ones of a shared scale), those to be used first at the front. 404
        for one that is not there."""
        with reader.connect() as connection:
            row = movement_row(connection, kitchen, movement)
            if row is None:
                raise HTTPException(404, UNKNOWN_MOVEMENT)
            (told,) = movement_items(connection, book, [row])
            names = [row.item] if row.item else last_items(connection, book.settings, row.place)
            of = {name: lots_there(connection, book.settings, name, row.from_place, row.occurred_ms) for name in names}
        lots = {name: [_lot(lot) for lot in found] for name, found in of.items()}
        trace = [] if row.trace is None else msgspec.json.decode(row.trace)
        return {**told, "trace": trace, "suggested": {"items": names, "lots": lots}}

    @router.post("/movements", openapi_extra=_body(RecordMovement))
    async def record(request: Request) -> dict[str, Any]:
        """Something moved and no scale saw it: a ``stock.move`` act, marked as written by hand for ever."""
        act, written = await write_said(desk, request, RecordMovement)
        return {"entry": written.entry, "movement": act.id}

    @router.post("/movements/{movement}/confirm", openapi_extra=_body(ConfirmMovement, "movement"))
    async def confirm(request: Request, movement: str) -> dict[str, Any]:
        """It was so: a ``stock.confirm`` act. What is unsaid stays as it was proposed; 409 when it is decided."""
        _, written = await write_said(desk, request, ConfirmMovement, movement=movement)
        return {"entry": written.entry, "movement": movement}

    @router.post("/movements/{movement}/refuse", openapi_extra=_body(RefuseMovement, "movement"))
    async def refuse(request: Request, movement: str) -> dict[str, Any]:
        """No stock moved: a ``stock.refuse`` act, with its reason."""
        _, written = await write_said(desk, request, RefuseMovement, movement=movement)
        return {"entry": written.entry, "movement": movement}

    @router.post("/movements/{movement}/correct", openapi_extra=_body(CorrectMovement, "movement"))
    async def correct(request: Request, movement: str) -> dict[str, Any]:
        """It was other than the book says: a ``stock.correct`` act, from the nutritionist up. What a scale weighed is
        never edited."""
        _, written = await write_said(desk, request, CorrectMovement, movement=movement)
        return {"entry": written.entry, "movement": movement}

    @router.post("/counts", openapi_extra=_body(CountStock))
    async def count(request: Request) -> dict[str, Any]:
        """A stocktake of one item in one place: a ``stock.count`` act. It counts in the book once it is approved; until
        then ``/movements/{count}`` has what it differs by."""
        act, written = await write_said(desk, request, CountStock)
        return {"entry": written.entry, "count": act.id}

    @router.post("/counts/{count}/decide", openapi_extra=_body(DecideCount, "count"))
    async def decide(request: Request, count: str) -> dict[str, Any]:
        """A stocktake is approved, or is to be done again: a ``stock.decide`` act, from the nutritionist up and never
        by who counted."""
        _, written = await write_said(desk, request, DecideCount, count=count)
        return {"entry": written.entry, "count": count}

    @router.post("/lots/{lot}/hold", openapi_extra=_body(HoldLot, "lot"))
    async def hold(request: Request, lot: str) -> dict[str, Any]:
        """A lot is set aside and must not be used: a ``lot.hold`` act."""
        _, written = await write_said(desk, request, HoldLot, lot=lot)
        return {"entry": written.entry, "lot": lot}

    @router.post("/lots/{lot}/release", openapi_extra=_body(ReleaseLot, "lot"))
    async def release(request: Request, lot: str) -> dict[str, Any]:
        """It may be used again: a ``lot.release`` act, from the nutritionist up."""
        _, written = await write_said(desk, request, ReleaseLot, lot=lot)
        return {"entry": written.entry, "lot": lot}

    return router


def movement_items(connection: Connection, book: Rulebook, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Movements as the API gives them to everybody."""
    kitchen = book.settings.kitchen
    dates = Dates.of(connection, kitchen, [row.boot for row in rows])
    lines = lines_of(connection, kitchen, [row.id for row in rows])
    people = people_of(connection, kitchen)
    scales = states_at(connection, book, {(row.sensor, row.occurred_ms) for row in rows if row.sensor})
    items = []
    for row in rows:
        view, bounds = movement_view(row, book), dates.span(row.gateway, row.boot, row.clock, row.at_ms)
        who = people.get(row.person)
        items.append(
            {
                "id": row.id, "occurred_at": iso(row.occurred_ms), "place": row.place, "place_name": view.place_name,
                "item": row.item, "item_name": view.item_name, "amount": row.amount, "unit": row.unit,
                "from": row.from_place, "to": row.to_place, "lot": row.lot or None, "batch": row.batch or None,
                "waste": row.waste or None, "reason": row.reason or None, "state": row.state, "kind": row.kind,
                "weighed": bool(row.sensor), "automatic": row.automatic, "doubt": row.doubt or None,
                "decided_by": None if who is None else who.role, "counted": row.counted,
                "book": row.book_amount, "difference": None if row.counted is None else row.amount,
                "scale": _believed(scales[row.sensor, row.occurred_ms]) if row.sensor else None,
                "sensor": row.sensor, "before_g": row.before_g, "after_g": row.after_g, "confidence": row.confidence,
                "division_g": row.division_g, "zero_g": row.zero_g, "drift_g": row.drift_g, "load": row.load or None,
                "first_occurred_at": iso(row.first_occurred_ms), "clock": row.clock,
                "earliest_at": iso(bounds[0]), "latest_at": iso(bounds[1]),
                "lines": [
                    {"place": line.place, "lot": line.lot or None, "amount": line.amount, "assumed": line.assumed}
                    for line in lines.get(row.id, [])
                ],
            }
        )  # fmt: skip
    nameless: list[dict[str, Any]] = without_names(connection, kitchen, items, FREE_TEXT)
    return nameless


def place_item(one: PlaceThere, book: Rulebook) -> dict[str, Any]:
    """A place as the API gives it."""
    known, newest = book.settings.place(one.place), one.newest
    return {
        "place": one.place, "place_name": place_name(book, one.place), "configured": known is not None,
        "scale": known.scale or None if known is not None else None,
        "item": known.item or None if known is not None else None,
        "minimum": None if known is None else known.minimum, "items": [_item(there, book) for there in one.items],
        "newest": None if newest is None else {
            "movement": newest.id, "occurred_at": iso(newest.occurred_ms), "kind": newest.kind, "item": newest.item,
            "amount": newest.amount, "unit": newest.unit, "state": newest.state, "booked": newest.state in BOOKED,
        },
        "waiting": [row.id for row in one.waiting], "doubt": one.doubt or None,
        "doubted": [row.id for row in one.doubted],
    }  # fmt: skip


def _believed(state: ScaleState) -> dict[str, Any]:
    """How far a scale was believed; who checked it is nobody else's business."""
    return {
        "zero": state.zero, "check": state.check, "tera": state.tera, "for_trade": state.for_trade,
        "word": None if state.for_trade else trade_word(str),
    }  # fmt: skip


def _item(there: ItemThere, book: Rulebook) -> dict[str, Any]:
    item = book.settings.item(there.item)
    return {
        "item": there.item, "item_name": item.name if item else there.item, "amount": there.amount,
        "unit": item.unit if item else "g", "lots": [_lot(lot) for lot in there.lots],
    }  # fmt: skip


def _lot(lot: LotThere) -> dict[str, Any]:
    return {
        "lot": lot.lot or None, "amount": lot.amount, "expires": lot.expires, "expired": lot.expired, "held": lot.held,
    }  # fmt: skip


def _body(kind: type[Act], *named: str) -> dict[str, Any]:
    """What a request's body holds, for the description: an act's fields without what the session and the address
    (``named``) say."""
    (described,) = msgspec.json.schema_components([kind])[1].values()
    ours = {"act", "by", *named}
    properties = {name: dict(said) for name, said in described["properties"].items() if name not in ours}
    for said in properties.values():
        if "pattern" in said:
            said["pattern"] = said["pattern"].replace(r"\Z", "$")  # as JSON Schema writes the end of a text
    required = [name for name in described["required"] if name not in ours]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
