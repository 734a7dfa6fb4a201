"""The screens: ``/wall`` for the kitchen's television and ``/forum`` for everyone.

A page is rendered with the true values, so that it is right without scripts; the scripts keep it right from ``/events``
and say OLD by themselves when nothing comes. Words stand in ``wording``, ``looks`` and the templates, and reach the
scripts as data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from .language import DEFAULT, LANGUAGES, Language, Speech, load_speeches
from .looks import BatchLook, IncidentLook, MovementLook, Screen, StockLook, TileLook
from .view import Snapshot
from .wording import script_words

HERE = Path(__file__).parent
COOKIE = "pawon_lang"
COOKIE_MAX_AGE_S = 365 * 24 * 3600
# Scripts, styles and pictures only from here and only from files: a name typed into a configuration can never run.
SECURITY = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
)
# What fits without scrolling at 1920x1080; the rest is counted, never hidden in silence.
WALL_ROWS = MappingProxyType({"stock": 5, "movements": 3, "more": 3, "batches": 4})
FORUM_ROWS = MappingProxyType({"stock": 40, "movements": 12, "more": 3, "incidents": 20, "batches": 40})
# Beyond this many tiles the wall's grid gets a fifth row.
WALL_TILES = 16
OPEN_DATA = ("/api/v1/latest", "/api/v1/incidents", "/api/v1/stock", "/api/v1/movements", "/api/v1/batches",
             "/api/v1/items", "/api/v1/needs", "/api/v1/menu", "/openapi.json")  # fmt: skip


def data_block(value: object) -> Markup:
    """JSON that may stand inside a ``<script type="application/json">``: no ``<`` can end it."""
    return Markup(msgspec.json.encode(value).decode().replace("<", "\\u003c"))  # noqa: S704  # escaped just here


def _choose(request: Request) -> tuple[Language, bool]:
    """The language asked for, and whether it was asked for just now."""
    asked, remembered = request.query_params.get("lang"), request.cookies.get(COOKIE)
    for language in LANGUAGES:
        if asked == language:
            return language, True
    for language in LANGUAGES:
        if remembered == language:
            return language, False
    return DEFAULT, False


@cache
def _templates() -> Environment:
    """A template is compiled once, whoever shows it."""
    return Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


class Screens:
    """Templates and languages, read once; any page is rendered by ``page``."""

    def __init__(self) -> None:
        self._speeches, self._templates = load_speeches(), _templates()

    def speech(self, request: Request) -> tuple[Speech, bool]:
        """How to speak to who asks, and whether that language was asked for just now."""
        language, asked = _choose(request)
        return self._speeches[language], asked

    def page(self, request: Request, template: str, **values: object) -> Response:
        """A page in the reader's language, which is remembered when it was asked for."""
        speech, asked = self.speech(request)
        html = self._templates.get_template(template).render(_=speech.gettext, language=speech.language, **values)
        response = HTMLResponse(html, headers={**SECURITY, "Content-Language": speech.language})
        if asked:
            response.set_cookie(COOKIE, speech.language, max_age=COOKIE_MAX_AGE_S, samesite="lax", httponly=True)
        return response


def pages(
    snapshot: Callable[[], Snapshot], description: Callable[[], dict[str, Any]] = dict, screens: Screens | None = None,
    needs: Callable[[Speech], object] | None = None,
) -> APIRouter:  # fmt: skip
    """The router of the screens. ``snapshot`` is called on the event loop for every page: it must be quick.

    ``description`` is the API's OpenAPI document, for the page that shows it to people; ``needs`` the kitchen's needs
    list in words (``needs_page.NeedsLook``), asked in a thread, where the forum shall show it.
    """
    screens = screens or Screens()
    router = APIRouter(include_in_schema=False)

    def render(request: Request, template: str, rows: Mapping[str, int], **more: object) -> Response:
        (speech, _), now = screens.speech(request), snapshot()
        words = script_words(speech, now.kitchen.timezone, now.now_ms, rows)
        screen = Screen(snapshot=now, speech=speech, words=words, rows=rows)
        return screens.page(
            request, template, screen=screen, snapshot=now, kitchen=now.kitchen, rows=rows,
            words_json=data_block(words), snapshot_json=data_block(now), open_data=OPEN_DATA,
            many=len(now.tiles) > WALL_TILES, empty_tile=TileLook(), empty_incident=IncidentLook(),
            empty_stock=StockLook(), empty_movement=MovementLook(),
            empty_batch=BatchLook(), **more,
        )  # fmt: skip

    @router.get("/")
    async def root() -> Response:
        return RedirectResponse("/wall")

    @router.get("/wall")
    async def wall(request: Request) -> Response:
        return render(request, "wall.html", WALL_ROWS)

    @router.get("/forum")
    async def forum(request: Request) -> Response:
        speech, _ = screens.speech(request)
        wanted = None if needs is None else await run_in_threadpool(needs, speech)
        return render(request, "forum.html", FORUM_ROWS, needs=wanted)

    @router.get("/api/docs")
    async def api_docs(request: Request) -> Response:
        return screens.page(request, "api.html", paths=description().get("paths", {}))

    return router


class _Files(StaticFiles):
    """Files that a browser asks about each time, so that an upgrade reaches a wall without anyone clearing a cache."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def mount_static(app: FastAPI) -> None:
    """Serve the pages' styles, scripts and mark at ``/static``."""
    app.mount("/static", _Files(directory=HERE / "static"), name="static")
