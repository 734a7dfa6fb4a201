"""Signing in and out over the API; people themselves are written on the staff pages and by ``pawon-server person``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, HTTPException, Request, Response
from msgspec import Meta
from starlette.concurrency import run_in_threadpool

from .desk import COOKIE, Desk, keep_session, same_origin


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a signing in."""

    person: Annotated[str, Meta(min_length=1, max_length=32)]
    pin: Annotated[str, Meta(min_length=1, max_length=32)]


def people_api(desk: Desk) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["people"])

    @router.post("/session")
    async def sign_in(request: Request, response: Response) -> dict[str, str]:
        """Sign in with ``{"person": …, "pin": …}``: answers who it is, and sets the session's cookie."""
        try:
            asked = msgspec.json.decode(await desk.body(request), type=SignIn)
        except msgspec.DecodeError as error:
            raise HTTPException(422, str(error)) from error
        found, session = await run_in_threadpool(desk.sign_in, request, asked.person, asked.pin)
        keep_session(request, response, session)
        return {"person": found.id, "name": found.name, "role": found.role}

    @router.get("/session")
    def who(request: Request) -> dict[str, str]:
        """Who is signed in here; 401 for nobody."""
        found = desk.need(request)
        return {"person": found.id, "name": found.name, "role": found.role}

    @router.delete("/session")
    def sign_out(request: Request, response: Response) -> dict[str, str]:
        """Forget the session on this device."""
        same_origin(request)
        response.delete_cookie(COOKIE)
        return {}

    return router
