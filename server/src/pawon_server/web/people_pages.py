"""The people page for the kitchen's head, and everybody's own PIN. No PIN is ever shown or kept but as its hash."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..people.person import ChangePin, Person, SetPerson
from ..people.pin import hash_pin, unfit
from ..projections.people import people_of
from .forms import Form
from .staff import LOGIN, Staff

PEOPLE = "/staff/people"
PIN = "/staff/pin"


def people_pages(staff: Staff, reader: Engine, kitchen: str) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    def everybody() -> list[Person]:
        with reader.connect() as connection:
            return sorted(people_of(connection, kitchen).values(), key=lambda one: (not one.active, one.name.lower()))

    async def show_people(request: Request, form: Form) -> Response:
        people = await run_in_threadpool(everybody)
        return await staff.page(request, "staff_people.html", form=form, role="head", people=people)

    @router.get(PEOPLE)
    async def people(request: Request) -> Response:
        return await show_people(request, Form())

    @router.post(PEOPLE)
    async def set_person(request: Request) -> Response:
        return await staff.act(request, _set, show_people, PEOPLE)

    async def show_pin(request: Request, form: Form) -> Response:
        return await staff.page(request, "staff_pin.html", form=form)

    @router.get(PIN)
    async def pin(request: Request) -> Response:
        return await show_pin(request, Form())

    @router.post(PIN)
    async def change(request: Request) -> Response:
        def make(person: Person, form: Form) -> AnyAct:
            try:
                staff.desk.prove(person.id, form.get("old_pin"))
            except HTTPException as error:
                raise HTTPException(409, "PIN lama salah" if error.status_code == 401 else error.detail) from error
            if form.get("new_pin") != form.get("again_pin"):
                raise HTTPException(409, "PIN baru tidak sama dengan ulangannya")
            return ChangePin(id=form.act, by=person.id, pin=_hashed(form.get("new_pin")))

        return await staff.act(request, make, show_pin, LOGIN)

    return router


def _set(head: Person, form: Form) -> AnyAct:
    """Somebody new (``do`` is ``new``), or what is different about somebody."""
    pin = form.get("new_pin")
    return SetPerson(
        id=form.act, by=head.id, person=form.get("person").lower(), name=form.get("name"),
        has_role=form.get("role"),  # type: ignore[arg-type]  # looked at when it is written
        pin=_hashed(pin) if pin or form.get("do") == "new" else "", active=form.get("active") != "no",
    )  # fmt: skip


def _hashed(pin: str) -> str:
    """Raises 409 with the reason for a PIN that is not accepted."""
    if (reason := unfit(pin)) is not None:
        raise HTTPException(409, reason)
    return hash_pin(pin)
