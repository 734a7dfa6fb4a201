"""``/api/v1/incidents/{id}``: one incident with what people did about it, and their writing to it.

Everybody reads; who wrote what is named to people who are signed in, and to all others by role only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, HTTPException, Path, Request
from msgspec import Meta
from sqlalchemy import Connection, Engine, select
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..food_safety.incident import Acknowledge, Correct, Note, Settle, Sign
from ..people.act import new_id
from ..people.person import Person
from ..projections.incident_acts import acts_of
from ..projections.people import people_of
from ..rulebook import Rulebook
from ..store.tables import incident
from .api import NO_NUL, incident_items, iso
from .desk import Desk
from .queries import Nameless

# The parts of an act that its writer says; the rest the server adds.
KINDS: dict[str, type[Acknowledge | Note | Settle | Sign | Correct]] = {
    "acknowledge": Acknowledge, "note": Note, "settle": Settle, "sign": Sign, "correct": Correct,
}  # fmt: skip
Name = Annotated[str, Path(max_length=200, pattern=NO_NUL)]
Body = dict[str, Annotated[str, Meta(max_length=1000)]]


def incident_api(reader: Engine, book: Rulebook, desk: Desk) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/incidents", tags=["record"])

    @router.get("/{name}")
    def one(request: Request, name: Name) -> dict[str, Any]:
        """One incident and its acts, oldest first. People are named only to people who are signed in."""
        asking = desk.person(request)
        with reader.connect() as connection:
            found = told(connection, book, name, asking)
        if found is None:
            raise HTTPException(404, "Insiden ini tidak ada")
        return found

    @router.post("/{name}/{what}")
    async def write(request: Request, name: Name, what: str) -> dict[str, Any]:
        """Write ``acknowledge``, ``note``, ``settle``, ``sign`` or ``correct``: a JSON object of the act's fields.
        ``id`` (16 to 40 hex digits) makes it one act however often it is sent."""
        kind = KINDS.get(what)
        if kind is None or not await run_in_threadpool(_is_there, reader, book.settings.kitchen, name):
            raise HTTPException(404, "Insiden ini tidak ada")
        make = _maker(kind, name, await desk.body(request))
        written = await desk.write(request, make)
        return {"entry": written.entry}

    return router


def told(connection: Connection, book: Rulebook, name: str, asking: Person | None) -> dict[str, Any] | None:
    """An incident with its acts, as far as ``asking`` may know."""
    kitchen = book.settings.kitchen
    rows = connection.execute(select(incident).where(incident.c.kitchen == kitchen, incident.c.id == name)).all()
    if not rows:
        return None
    item = incident_items(connection, book, rows)[0]
    people = people_of(connection, kitchen) if asking is not None else {}
    text = (lambda words: words) if asking is not None else Nameless.of(connection, kitchen).text
    item["acts"] = [
        {
            "id": act.id, "at": iso(act.at_ms), "what": act.what, "role": act.role,
            **({} if asking is None else {"person": people[act.person].name if act.person in people else act.person}),
            "cause": text(act.cause), "action": text(act.action), "disposition": act.disposition,
            "moved": text(act.moved), "refers": act.refers, "field": act.field,
        }
        for act in acts_of(connection, kitchen, [name])
    ]  # fmt: skip
    return item


def _is_there(reader: Engine, kitchen: str, name: str) -> bool:
    with reader.connect() as connection:
        query = select(incident.c.id).where(incident.c.kitchen == kitchen, incident.c.id == name)
        return connection.execute(query).first() is not None


def _maker(
    kind: type[Acknowledge | Note | Settle | Sign | Correct], name: str, body: bytes
) -> Callable[[Person], AnyAct]:
    """Raises 422 for what is no such act."""
    try:
        said = msgspec.json.decode(body or b"{}", type=Body)
        if unknown := set(said) - (set(kind.__struct_fields__) - {"by", "incident"}):
            raise HTTPException(422, f"unknown: {', '.join(sorted(unknown))[:200]}")
        values: dict[str, Any] = {"id": new_id(), **said, "incident": name}
        msgspec.convert({"act": kind.__struct_config__.tag, "by": "", **values}, type=kind)
    except msgspec.DecodeError as error:
        raise HTTPException(422, str(error)) from error
    return lambda person: kind(by=person.id, **values)
