"""Cooked batches over the API: what there is, one with all that happened to it, and writing about them.

Nobody's name is in an answer: these pages are open. Who wrote what is in the record of acts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, HTTPException, Path, Request
from sqlalchemy import Engine, select

from ..acts import AnyAct
from ..food_safety.batch import Batch, id_of
from ..food_safety.batch_acts import BatchAct, OpenBatch
from ..food_safety.batch_clock import steps
from ..people.act import new_id
from ..people.person import Person
from ..rulebook import Rulebook
from ..store.tables import batch, batch_event, sample
from .api import AskedDay, Cursor, Limit, Page, Word, batch_rows, iso
from .desk import Desk
from .queries import without_names

# What a person may be told of an event; everything else of an act is for the record.
SHOWN = (
    "pan", "name", "portions", "school", "schools", "core_c", "first_c", "last_c", "lowest_c", "peak_c",
    "f_min", "boxes", "decision", "mass_g", "container", "place", "rule", "state",
)  # fmt: skip
FREE_TEXT = frozenset({"name", "pan", "container", "place"})
MAX_EVENTS = 500
BatchName = Annotated[str, Path(max_length=100, pattern=r"^[^\x00]*$")]


def batches_api(reader: Engine, book: Rulebook, desk: Desk, utc_ms: Callable[[], int]) -> APIRouter:
    """The routes. ``utc_ms`` is the server's clock."""
    router = APIRouter(prefix="/api/v1", tags=["batches"])
    kitchen = book.settings.kitchen

    @router.get("/batches")
    def batches(
        day: AskedDay = None, state: Word = None, school: Word = None, cursor: Cursor = None, limit: Limit = 100
    ) -> Page:
        """Cooked batches: of a serving ``day``, in a ``state`` (cooking, cooked, packed, left, arrived, eaten,
        discarded), with portions for a ``school``. ``deadline_at`` is when the first critical rule applies that nobody
        lifted, ``countdown_s`` how long that is from now (below zero: since when it applies); null once nothing is
        left, and before it is cooked."""
        rows, following = batch_rows(reader, kitchen, day, state, school, cursor, limit)
        now_ms = utc_ms()
        items = [_item(msgspec.json.decode(row.content, type=Batch), book, now_ms) for row in rows]
        return Page(items=items, next=following)

    @router.get("/batches/{batch_id}")
    def one_batch(batch_id: BatchName) -> dict[str, Any]:
        """One batch: its portions by school, pans, retained samples, and what happened in the order in which it became
        known."""
        with reader.connect() as connection:
            content = connection.execute(
                select(batch.c.content).where(batch.c.kitchen == kitchen, batch.c.id == batch_id)
            ).scalar()
            if content is None:
                raise HTTPException(404, "Batch tidak dikenal")
            happened = connection.execute(
                select(batch_event)
                .where(batch_event.c.kitchen == kitchen, batch_event.c.batch == batch_id)
                .order_by(batch_event.c.number)
                .limit(MAX_EVENTS)
            ).all()
            samples = connection.execute(
                select(sample)
                .where(sample.c.kitchen == kitchen, sample.c.batch == batch_id)
                .order_by(sample.c.taken_ms, sample.c.id)
                .limit(MAX_EVENTS)
            ).all()
        known = msgspec.json.decode(content, type=Batch)
        answer = {
            **_item(known, book, utc_ms()),
            "pans": [
                {
                    "name": pan.name, "sensor": pan.sensor or None, "began_at": iso(pan.began_ms),
                    "cooked_at": iso(pan.cooked_ms), "peak_c": pan.peak_c, "f_min": pan.f_min, "dated": pan.dated,
                }
                for pan in known.pans
            ],
            "samples": [
                {
                    "id": row.id, "mass_g": row.mass_g, "container": row.container, "place": row.place,
                    "taken_at": iso(row.taken_ms), "discarded_at": iso(row.discarded_ms),
                    "keep_until_at": iso(max(
                        (row.taken_ms + round(keep.keep_s * 1000) for keep in book.profile.retention), default=None
                    )),
                }
                for row in samples
            ],
            "events": [{"at": iso(row.at_ms), "what": row.what, **_shown(row.content)} for row in happened],
        }  # fmt: skip
        with reader.connect() as connection:
            told: dict[str, Any] = without_names(connection, kitchen, answer, FREE_TEXT)
        return told

    @router.post("/batches/acts")
    async def write(request: Request) -> dict[str, Any]:
        """Write an act about a batch, as somebody who signed in: ``{"act": "batch.eaten", "batch": …, …}``. Acts:
        ``batch.open``, ``.name``, ``.cooked``, ``.correct``, ``.pack``, ``.leave``, ``.arrive``, ``.eaten``,
        ``.dispose``, ``.allow``, ``.sample`` and ``sample.discard``. ``at_ms`` (UTC) is now unless it is given; with an
        ``id`` of one's own (16 to 40 hexadecimal digits) the same act may be sent again. Answers the act's id, its
        journal entry and the batch; 409 says in words why it cannot be, 422 what is no act."""
        said = _object(await desk.body(request))
        made: list[BatchAct] = []

        def make(person: Person) -> AnyAct:
            made.append(msgspec.convert({"id": new_id(), "at_ms": utc_ms(), **said, "by": person.id}, type=BatchAct))
            return made[0]

        written = await desk.write(request, make)
        act = made[0]
        return {
            "id": act.id, "entry": written.entry, "batch": id_of(act) if isinstance(act, OpenBatch) else act.batch,
        }  # fmt: skip

    return router


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise HTTPException(422, str(error)) from error


def _item(one: Batch, book: Rulebook, now_ms: int) -> dict[str, Any]:
    clock = [] if one.over else steps(one, book.profile)
    last_ms = next((step.at_ms for step in clock if step.row.severity == "critical"), None)
    left_s = None if last_ms is None else round((last_ms - now_ms) / 1000, 3)
    passed = [step.row.severity for step in clock if step.at_ms <= now_ms]
    return {
        "id": one.id, "name": one.label, "named": one.named, "day": one.day, "wave": one.wave, "dish": one.dish,
        "food": one.food, "state": one.state, "portions": one.portions, "remaining": one.remaining,
        "opened_at": iso(one.opened_ms), "began_at": iso(one.cooking_began_ms), "cooked_at": iso(one.cooked_ms),
        "packed_at": iso(one.packed_ms), "allowed_at": iso(one.allowed_ms), "deadline_at": iso(last_ms),
        "countdown_s": left_s, "severity": "critical" if "critical" in passed else "warning" if passed else None,
        "steps": [{"rule": step.row.id, "severity": step.row.severity, "at": iso(step.at_ms)} for step in clock],
        "schools": [
            {
                "school": share.school, "portions": share.portions, "eaten": share.eaten, "held": share.held,
                "discarded": share.discarded, "remaining": share.remaining, "left_at": iso(share.left_ms),
                "arrived_at": iso(share.arrived_ms), "eaten_at": iso(share.eaten_ms),
                "countdown_s": left_s if share.remaining else None,
            }
            for share in one.shares
        ],
    }  # fmt: skip


def _shown(content: bytes) -> dict[str, Any]:
    said = msgspec.json.decode(content, type=dict[str, Any])
    return {name: said[name] for name in SHOWN if name in said}
