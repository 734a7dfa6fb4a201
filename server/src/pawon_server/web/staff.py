"""The staff pages' base: signing in, the menu, and how a form becomes an act. Nobody's name is told to who is not in.

A page of staff is a template that extends ``staff.html`` and two routes of the same path::

    async def show(request: Request, form: Form) -> Response:  # also what could not be written
        return await staff.page(request, "staff_lots.html", form=form, rows=...)

    @router.get("/staff/lots")
    async def lots(request: Request) -> Response:
        return await show(request, Form())

    @router.post("/staff/lots")
    async def receive(request: Request) -> Response:
        return await staff.act(request, lambda by, form: Receive(id=form.act, by=by.id, ...), show, "/staff/lots")

Each form in a template begins with ``begin(form)`` and ``error(form)`` of ``_staff.html``; where a page has several,
``do`` tells them apart: ``begin(form, "sign")`` and ``form.of("sign")``. Add the page to ``MENU``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..people.act import Role, may
from ..people.person import Person
from .desk import COOKIE, Desk, keep_session, same_origin
from .forms import Form, UnreadableFormError, read_form
from .pages import Screens
from .view import Kitchen

HOME = "/staff"
LOGIN = "/staff/login"
SEE_OTHER = 303
UNFIT = "Isian belum benar: ada yang kosong atau terlalu panjang"


def N_(text: str) -> str:  # noqa: N802  # gettext's name for a text that is translated later
    """Marks a text for the catalogues."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntry:
    """A page in the menu, for whoever has at least this role. ``daily``: one of the few that always stand there."""

    path: str
    title: str
    role: Role = "staff"
    daily: bool = False


MENU: tuple[MenuEntry, ...] = (
    MenuEntry(path=HOME, title=N_("Beranda"), daily=True),
    MenuEntry(path="/staff/batches", title=N_("Masakan"), daily=True),
    MenuEntry(path="/staff/stock", title=N_("Stok"), daily=True),
    MenuEntry(path="/staff/count", title=N_("Stok opname")),
    MenuEntry(path="/staff/lots", title=N_("Bahan"), daily=True),
    MenuEntry(path="/staff/orders", title=N_("Pesanan")),
    MenuEntry(path="/staff/suppliers", title=N_("Pemasok")),
    MenuEntry(path="/staff/needs", title=N_("Kebutuhan")),
    MenuEntry(path="/staff/menu", title=N_("Menu"), role="nutritionist"),
    MenuEntry(path="/staff/recall", title=N_("Penarikan")),
    MenuEntry(path="/staff/checks", title=N_("Ukur manual")),
    MenuEntry(path="/staff/scales", title=N_("Timbangan")),
    MenuEntry(path="/staff/calibrations", title=N_("Kalibrasi")),
    MenuEntry(path="/staff/people", title=N_("Orang"), role="head"),
    MenuEntry(path="/staff/pin", title=N_("PIN saya")),
)  # fmt: skip

Show = Callable[[Request, Form], Awaitable[Response]]
Make = Callable[[Person, Form], AnyAct]


def role_words(_: Callable[[str], str]) -> dict[str, str]:
    """Roles as people say them."""
    return {"staff": _("petugas"), "nutritionist": _("ahli gizi"), "head": _("kepala dapur")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who is signed in, as a page may show them: without the hash of their PIN."""

    id: str
    name: str
    role: Role
    role_word: str

    def may(self, least: Role) -> bool:
        """Whether their role is enough."""
        return may(self.role, least)


class Staff:
    """What every staff page needs."""

    def __init__(self, desk: Desk, screens: Screens, kitchen: Kitchen) -> None:
        self._desk, self._screens, self._kitchen = desk, screens, kitchen

    async def page(
        self, request: Request, template: str, *, form: Form | None = None, role: Role = "staff", **values: Any
    ) -> Response:
        """A page for whoever is signed in with at least this role; all others are asked to sign in first."""
        person = await run_in_threadpool(self._desk.person, request)
        if person is None:
            return _see(f"{LOGIN}?next={quote(request.url.path)}")
        if not may(person.role, role):
            return self._draw(request, "staff_refused.html", person, Form(error="Tidak berwenang", status=403))
        return self._draw(request, template, person, form or Form(), **values)

    async def act(self, request: Request, make: Make, show: Show, then: str) -> Response:
        """Write the act that ``make`` makes of the person and the form, and go on to ``then``.

        What cannot be written is shown again by ``show``, with the reason and what was typed. A ``make`` may refuse by
        raising ``HTTPException`` with an Indonesian reason.
        """
        form = Form()
        try:
            form = await self.form(request)
            await self._desk.write(request, lambda person: make(person, form))
        except HTTPException as error:
            if error.status_code == 401:
                return _see(f"{LOGIN}?next={quote(request.url.path)}")
            reason = UNFIT if error.status_code == 422 else error.detail
            return await show(request, replace(form, error=reason, status=error.status_code))
        return _see(then)

    @property
    def desk(self) -> Desk:
        """The desk behind these pages."""
        return self._desk

    async def form(self, request: Request) -> Form:
        """What was typed. Raises 413 and 422, and 403 when another site's page sent it."""
        same_origin(request)
        try:
            return read_form(request.headers.get("content-type", ""), await self._desk.body(request))
        except UnreadableFormError as error:
            raise HTTPException(422, "Isian tidak terbaca") from error

    def pages(self) -> APIRouter:
        """Signing in and out."""
        router = APIRouter(include_in_schema=False)

        async def login(request: Request, form: Form | None = None) -> Response:
            return self._draw(request, "staff_login.html", None, form or Form(values=_next(request)))

        @router.get(LOGIN)
        async def ask(request: Request) -> Response:
            return await login(request)

        @router.post(LOGIN)
        async def sign_in(request: Request) -> Response:
            form = Form()
            try:
                form = await self.form(request)
                found = await run_in_threadpool(
                    self._desk.sign_in, request, form.get("person").lower(), form.get("pin")
                )
            except HTTPException as error:
                return await login(request, replace(form, error=error.detail, status=error.status_code))
            response = _see(_home(form.get("next")))
            keep_session(request, response, found[1])
            return response

        @router.post("/staff/logout")
        async def sign_out(request: Request) -> Response:
            same_origin(request)
            response = _see(LOGIN)
            response.delete_cookie(COOKIE)
            return response

        return router

    def _draw(self, request: Request, template: str, person: Person | None, form: Form, **values: Any) -> Response:
        speech, _ = self._screens.speech(request)
        words, who = role_words(speech.gettext), None
        if person is not None:
            who = Who(id=person.id, name=person.name, role=person.role, role_word=words[person.role])
        menu = [entry for entry in MENU if who is not None and who.may(entry.role)]
        response = self._screens.page(
            request, template, kitchen=self._kitchen, who=who, menu=menu, here=request.url.path, form=form,
            role_words=words, **values,
        )  # fmt: skip
        response.status_code = form.status
        return response


def _see(path: str) -> RedirectResponse:
    return RedirectResponse(path, SEE_OTHER)


def _next(request: Request) -> dict[str, str]:
    return {"next": _home(request.query_params.get("next", ""))}


def _home(asked: str) -> str:
    """Where to go after signing in: a staff page, never another site's."""
    return asked if asked.startswith(f"{HOME}/") and not asked.startswith(LOGIN) and "\\" not in asked else HOME
