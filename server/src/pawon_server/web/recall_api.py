"""``/api/v1/recall``: from a school and a time, a lot or a batch to everything that is joined to it; and setting it
aside. For people who signed in: it names schools and suppliers in a suspicion, which is not for everybody."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
import msgspec
from fastapi import APIRouter, HTTPException, Query, Request, Response
from msgspec import Meta
from pydantic import AwareDatetime
from sqlalchemy import Engine

from ..acts import AnyAct
from ..food_safety.batch_acts import DisposeBatch
from ..people.act import ActId, new_id
from ..people.person import Person
from ..projections.epcis import MAX_EVENTS, Cursor, events_between
from ..projections.recall import Stages, ask, recall
from ..projections.recall_trace import UnknownError
from ..rulebook import Rulebook
from ..stock.epcis import document
from ..stock.movement_acts import HoldLot
from ..stock.recall import TARGET_PERCENT, Asked, Recall
from ..stock.recall_acts import holds
from .api import NO_NUL, iso
from .desk import Desk

Asking = Annotated[str, Query(max_length=100, pattern=NO_NUL)]
DAY_MS = 24 * 3_600_000
Said = Annotated[str, Meta(max_length=100, pattern=NO_NUL)]


class Holding(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a hold: the question, whether what is only possible is held too, and why. ``id``: as of an act."""

    school: Said = ""
    eaten: Said = ""
    lot: Said = ""
    batch: Said = ""
    possible: bool = False
    reason: Said = ""
    id: ActId = ""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What was set aside just now, and what could not be, with the reason."""

    lots: list[str]
    batches: list[str]
    refused: dict[str, str]


def recall_api(reader: Engine, book: Rulebook, desk: Desk, utc_ms: Callable[[], int]) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["recall"])

    @router.get("/recall")
    def answered(
        request: Request, school: Asking = "", eaten: Asking = "", lot: Asking = "", batch: Asking = ""
    ) -> dict[str, Any]:
        """One of: ``school`` with ``eaten`` (ISO 8601; without a zone the kitchen's own time), ``lot``, ``batch``.
        Answers the batches, their lots with suppliers, temperatures and heat, every other batch and school with
        portions of these lots, what is left and held, trips, samples, thermometers and incidents. ``sure`` of each lot
        and batch: ``told``, ``assumed`` (by first expired, first out), or only ``possible``. ``cut`` names what was too
        much for one answer. 401 for who is not signed in, 404 for what the record does not know."""
        desk.need(request)
        return recall_item(asked_of(reader, book, (school, eaten, lot, batch), utc_ms()))

    @router.post("/recall/hold")
    async def hold(request: Request) -> dict[str, Any]:
        """Set everything aside that a recall finds and that is not: lots with anything left (``lot.hold``), portions
        that are neither eaten nor thrown away (``batch.dispose``). The body is the question as above, with ``possible``
        (also what is only possible), ``reason`` and an ``id`` of one's own. Sent again it holds nothing twice."""
        try:
            body = msgspec.json.decode(await desk.body(request), type=Holding)
        except msgspec.DecodeError as error:
            raise HTTPException(422, str(error)) from error
        await anyio.to_thread.run_sync(desk.need, request)
        question = (body.school, body.eaten, body.lot, body.batch)
        answer = await anyio.to_thread.run_sync(lambda: asked_of(reader, book, question, utc_ms()))
        held = await hold_all(
            desk, request, answer, token=body.id or new_id(), reason=body.reason, possible=body.possible
        )
        told: dict[str, Any] = msgspec.to_builtins(held)
        return told

    @router.get("/epcis")
    def epcis(
        request: Request, response: Response, since: AwareDatetime | None = None, until: AwareDatetime | None = None,
        lot: Asking = "", after: Asking = "", limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = MAX_EVENTS,
    ) -> dict[str, Any]:  # fmt: skip
        """What happened to lots and batches as an EPCISDocument (EPCIS 2.0, JSON-LD), oldest first: from ``since`` (a
        day before ``until``) to before ``until`` (now), or of one ``lot`` its whole life. Where there is more, the
        header ``GS1-Next-Page-Token`` is given back as ``after``, with the same question. 401 as above."""
        desk.need(request)
        end_ms = utc_ms() if until is None else round(until.timestamp() * 1000)
        begin_ms = round(since.timestamp() * 1000) if since is not None else 0 if lot else end_ms - DAY_MS
        with reader.connect() as connection:
            page = events_between(
                connection, book, begin_ms, end_ms, lots=[lot] if lot else None, after=cursor_of(after), limit=limit
            )
        if page.next is not None:
            response.headers["GS1-Next-Page-Token"] = f"{page.next.at_ms}~{page.next.event}"
        return document(page.events, utc_ms())

    return router


def cursor_of(text: str) -> Cursor | None:
    """Where a page begins. Raises 422 for what no page gave."""
    if not text:
        return None
    at_ms, _, event = text.partition("~")
    if not at_ms.removeprefix("-").isdecimal() or len(at_ms) > 15:  # a clock may say that it is before 1970
        raise HTTPException(422, "after")
    return Cursor(int(at_ms), event)


def asked_of(
    reader: Engine, book: Rulebook, question: tuple[str, str, str, str], now_ms: int, stages: Stages | None = None
) -> Recall:
    """The answer to a school, time, lot and batch. Raises 409 for no question, 404 for what is not known."""
    school, eaten, lot, batch = question
    try:
        asked: Asked = ask(book.settings.timezone, school=school, eaten=eaten, lot=lot, batch=batch)
    except ValueError as error:
        raise HTTPException(409, str(error)) from error
    try:
        with reader.connect() as connection:
            return recall(connection, book, asked, now_ms, stages)
    except UnknownError as error:
        raise HTTPException(404, str(error)) from error


async def hold_all(desk: Desk, request: Request, answer: Recall, *, token: str, reason: str, possible: bool) -> Held:
    """Write every hold of an answer, each an act of its own. What cannot be held is told and stops nothing; raises what
    ``Desk.write`` raises for who may not write, and 503: then the same may be sent again."""
    lots: list[str] = []
    batches: list[str] = []
    refused: dict[str, str] = {}

    for act in holds(answer, token=token, by="", now_ms=answer.at_ms, reason=reason, possible=possible):
        subject = act.batch if isinstance(act, DisposeBatch) else act.lot
        try:
            await desk.write(request, partial(_by, act))
        except HTTPException as error:
            if error.status_code != 409:
                raise
            refused[subject] = error.detail
            continue
        (lots if isinstance(act, HoldLot) else batches).append(subject)
    return Held(lots=lots, batches=batches, refused=refused)


def _by(act: HoldLot | DisposeBatch, person: Person) -> AnyAct:
    return msgspec.structs.replace(act, by=person.id)


def recall_item(answer: Recall) -> dict[str, Any]:
    """An answer as JSON: times as text, with how much of it is accounted for."""
    told: dict[str, Any] = _times(msgspec.to_builtins(answer))
    for item, lot in zip(told["lots"], answer.lots, strict=True):
        item |= {"rest": lot.rest, "accounted_percent": lot.accounted_percent}
    return told | {
        "whole": answer.whole,
        "accounted": {
            "portions_percent": answer.portions_percent, "lots_percent": answer.lots_percent,
            "target_percent": TARGET_PERCENT,
        },
    }  # fmt: skip


def _times(value: Any) -> Any:
    """``…_ms`` become ``…_at``; the tolerance is a length, in minutes."""
    if isinstance(value, list):
        return [_times(one) for one in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, part in value.items():
        if name == "tolerance_ms":
            found["tolerance_min"] = part // 60_000
        elif name == "arrived_ms" and isinstance(part, dict):
            found["arrived_at"] = {school: iso(at_ms) for school, at_ms in part.items()}
        elif name.endswith("_ms"):
            found[f"{name.removesuffix('_ms')}_at"] = iso(part)
        else:
            found[name] = _times(part)
    return found
