"""What staff see of incidents and do about them: what needs somebody, and one incident on one screen of a phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine, func, or_, select
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..food_safety.incident import FOOD_KINDS, Acknowledge, Correct, Note, Settle, Sign
from ..people.person import Person
from ..projections.incident_acts import acts_of, case_of
from ..projections.people import people_of
from ..rulebook import Rulebook
from ..store.tables import incident
from .forms import Form
from .language import Speech
from .looks import IncidentLook, Screen
from .pages import Screens
from .queries import incident_views
from .staff import HOME, Staff, role_words
from .view import IncidentView, Snapshot
from .wording import fate_words, handling_words

# So many wait for somebody on one page; the rest is counted.
MAX_LISTED = 50
UNSETTLED = ("acknowledged", "acted", "unsigned", "held")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An incident in the list: its words, and what it waits for."""

    look: IncidentLook
    waits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Something that somebody did, in words."""

    id: str
    what: str
    by: str
    when: str
    texts: tuple[tuple[str, str], ...]
    # The texts of it that a later act may correct, with what they say now.
    mends: tuple[tuple[str, str, str], ...]


def act_words(_: Callable[[str], str]) -> dict[str, str]:
    """What somebody did, in a word."""
    return {
        "acknowledge": _("Diterima"), "note": _("Tindakan dicatat"), "settle": _("Penyelesaian"),
        "sign": _("Tanda tangan kedua"), "correct": _("Pembetulan"),
    }  # fmt: skip


def choice_words(_: Callable[[str], str]) -> dict[str, str]:
    """What can become of the food, as the buttons say it."""
    return {"use": _("Pakai"), "hold": _("Tahan"), "discard": _("Buang"), "none": _("Tidak ada makanan")}


def incident_pages(
    staff: Staff, reader: Engine, book: Rulebook, snapshot: Callable[[], Snapshot], screens: Screens
) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    kitchen = book.settings.kitchen

    def screen_of(request: Request) -> Screen:
        speech, _ = screens.speech(request)
        return Screen(snapshot=snapshot(), speech=speech, words=MappingProxyType({}), rows=MappingProxyType({}))

    def waiting(screen: Screen) -> dict[str, Any]:
        here = incident.c.kitchen == kitchen
        needy = or_(incident.c.handling.is_(None), incident.c.handling.in_(UNSETTLED))
        with reader.connect() as connection:
            count = connection.execute(select(func.count()).select_from(incident).where(here, needy)).scalar_one()
            newest = incident.c.opened_ms.desc()
            rows = connection.execute(
                select(incident)
                .where(here, needy)
                .order_by(incident.c.closed_ms.is_not(None), newest)
                .limit(MAX_LISTED)
            ).all()
            views = incident_views(connection, book, rows)
        views.sort(key=_urgency)
        words = handling_words(screen.speech.gettext)
        found = [Waiting(look=screen.incident(view), waits=words[view.handling]) for view in views]
        return {"waiting": found, "rest": count - len(found)}

    @router.get(HOME)
    async def home(request: Request) -> Response:
        return await staff.page(request, "staff_home.html", **await run_in_threadpool(waiting, screen_of(request)))

    def one(name: str, asking: Person | None, screen: Screen) -> dict[str, Any] | None:
        with reader.connect() as connection:
            rows = connection.execute(
                select(incident).where(incident.c.kitchen == kitchen, incident.c.id == name)
            ).all()
            case = case_of(connection, kitchen, name)
            if case is None or not rows:
                return None
            view = incident_views(connection, book, rows)[0]
            acts = acts_of(connection, kitchen, [name])
            names = {person.id: person.name for person in people_of(connection, kitchen).values()}
        gettext = screen.speech.gettext
        fates = fate_words(gettext)
        choices = choice_words(gettext)
        if view.kind in FOOD_KINDS:
            del choices["none"]
        return {
            "name": name, "look": screen.incident(view), "view": view, "case": case,
            "state": handling_words(gettext)[view.handling], "choices": list(choices.items()),
            "history": [_done(act, names, screen, fates) for act in acts],
            "own": asking is not None and case.settled_by == asking.id,
        }  # fmt: skip

    async def show(request: Request, form: Form) -> Response:
        name = request.path_params["name"]
        asking = await run_in_threadpool(staff.desk.person, request)
        found = await run_in_threadpool(one, name, asking, screen_of(request))
        if found is None:
            return await staff.page(request, "staff_refused.html", form=Form(error="Insiden ini tidak ada", status=404))
        return await staff.page(request, "staff_incident.html", form=form, **found)

    @router.get("/staff/incidents/{name}")
    async def look(request: Request) -> Response:
        return await show(request, Form())

    @router.post("/staff/incidents/{name}")
    async def write(request: Request, name: str) -> Response:
        return await staff.act(request, lambda person, form: _act(name, person, form), show, request.url.path)

    return router


def _urgency(view: IncidentView) -> tuple[object, ...]:
    """What lasts and nobody has seen first, then what lasts, then what waits for a decision, then what only wants
    settling; of these the critical and the food before the rest, and the newest first."""
    lasts = view.closed_ms is None
    turn = (
        0 if lasts and view.handling == "opened" else 1 if lasts else 2 if view.handling in ("unsigned", "held") else 3
    )
    return turn, view.severity != "critical", view.kind not in FOOD_KINDS, -view.opened_ms


def _act(name: str, person: Person, form: Form) -> AnyAct:
    about = {"id": form.act, "by": person.id, "incident": name}
    match form.get("do"):
        case "acknowledge":
            return Acknowledge(**about)
        case "note":
            return Note(**about, action=form.get("action"))
        case "settle":
            return Settle(
                **about, cause=form.get("cause"), action=form.get("action"), moved=form.get("moved"),
                disposition=form.get("disposition"),  # type: ignore[arg-type]  # looked at when it is written
            )  # fmt: skip
        case "sign":
            return Sign(**about, settlement=form.get("settlement"))
        case "correct":
            return Correct(
                **about, corrects=form.get("corrects"), text=form.get("text"),
                field=form.get("field"),  # type: ignore[arg-type]  # looked at when it is written
            )  # fmt: skip
        case _:
            raise HTTPException(422, "unknown form")


def _done(act: Any, names: dict[str, str], screen: Screen, fates: dict[str, str]) -> Done:
    _ = screen.speech.gettext
    labels = {"cause": _("Penyebab"), "action": _("Yang dilakukan")}
    texts = [(labels["cause"], act.cause), (_("Teks baru") if act.what == "correct" else labels["action"], act.action),
             (_("Makanan dipindahkan"), act.moved), (_("Makanan"), fates.get(act.disposition, ""))]  # fmt: skip
    mends = tuple(
        (field, labels[field], getattr(act, field))
        for field in ("cause", "action")
        if act.what in ("note", "settle") and getattr(act, field)
    )
    return Done(
        id=act.id, what=act_words(_)[act.what], by=_by(act, names, screen.speech),
        when=screen.moment(act.at_ms), texts=tuple((label, text) for label, text in texts if text), mends=mends,
    )  # fmt: skip


def _by(act: Any, names: dict[str, str], speech: Speech) -> str:
    role = role_words(speech.gettext).get(act.role, "")
    return f"{names.get(act.person, act.person)} · {role}"
