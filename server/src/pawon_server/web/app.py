"""The HTTP side put together: pages, events, API, health and metrics over one board."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy import Engine

from ..projections.batch_stays import portions_of
from ..rulebook import Rulebook
from .api import api
from .balance_api import balance_api
from .batch_pages import batch_pages
from .batches_api import batches_api
from .board import Board
from .calibrations import calibrations_api
from .calibrations_page import calibrations_page
from .checks_api import checks_api
from .checks_page import checks_page
from .count_page import count_page
from .desk import Desk
from .events import Hub
from .foresight import Foresight
from .incident_api import incident_api
from .incident_pages import incident_pages
from .items_api import items_api
from .lots_api import batch_heat_api, lots_api
from .lots_page import lots_page
from .menu_api import menu_api
from .menu_pages import menu_pages
from .needs_page import forum_needs as needs_of
from .needs_page import needs_page
from .orders_page import orders_page
from .pages import Screens, mount_static, pages
from .people_api import people_api
from .people_pages import people_pages
from .profiles_api import profiles_api
from .purchases_api import purchases_api
from .quarantine import quarantine_page
from .recall_api import recall_api
from .recall_page import recall_page
from .receiving_page import receiving_page
from .scales_api import scales_api
from .scales_page import scales_page
from .staff import Staff
from .stock_api import stock_api
from .stock_page import stock_page
from .suppliers_page import suppliers_page

Health = Callable[[], dict[str, object]]
Metrics = Callable[[], dict[str, float]]


def make_app(
    *,
    version: str,
    reader: Engine,
    book: Rulebook,
    board: Board,
    hub: Hub,
    health: Health,
    metrics: Metrics,
    desk: Desk,
    forum_needs: bool = False,
) -> FastAPI:
    """The application. ``health`` holds ``ok`` (bool) and details; ``metrics`` are gauges and counters by name;
    ``forum_needs``: the forum shows what the kitchen lacks."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        def tick() -> int:
            board.tick()
            return board.snapshot_ms()

        hub.start(tick)
        yield
        await hub.stop()

    app = FastAPI(title="Pawon", version=version, lifespan=life, docs_url=None, redoc_url=None)
    # The description page of the framework is fetched from elsewhere; ours is drawn here.
    screens = Screens()
    foresight = Foresight(reader, book, board.snapshot_ms)
    needs = needs_of(foresight) if forum_needs else None
    app.include_router(pages(board.snapshot, app.openapi, screens, needs))
    app.include_router(quarantine_page(reader, book.settings.kitchen, board.snapshot, screens))
    app.include_router(api(reader, book, board.snapshot))
    app.include_router(stock_api(reader, book, desk, board.snapshot_ms))
    app.include_router(incident_api(reader, book, desk))
    app.include_router(batches_api(reader, book, desk, board.snapshot_ms))
    app.include_router(balance_api(reader, book, desk, board.snapshot_ms))
    app.include_router(people_api(desk))
    app.include_router(calibrations_api(reader, book, desk, board.measured, board.snapshot_ms))
    app.include_router(checks_api(reader, book, desk))
    app.include_router(scales_api(reader, book, desk, board.measured, board.snapshot_ms))
    app.include_router(profiles_api(reader, book, board.snapshot))
    app.include_router(items_api(foresight))
    app.include_router(menu_api(reader, book, desk, board.snapshot_ms))
    staff = Staff(desk, screens, board.kitchen)
    app.include_router(staff.pages())
    app.include_router(incident_pages(staff, reader, book, board.snapshot, screens))
    app.include_router(batch_pages(reader, book, staff, screens, board.snapshot))
    app.include_router(lots_api(reader, book, desk, board.snapshot))
    app.include_router(purchases_api(reader, book, desk, board.snapshot_ms))
    kitchen = book.settings.kitchen
    app.include_router(
        batch_heat_api(reader, book, lambda store, name: portions_of(store, kitchen, name, board.snapshot_ms()))
    )
    app.include_router(receiving_page(reader, book, staff, screens, board.snapshot))
    app.include_router(recall_api(reader, book, desk, board.snapshot_ms))
    app.include_router(recall_page(reader, book, staff, screens, board.snapshot_ms))
    app.include_router(lots_page(reader, book, staff, screens, board.snapshot))
    app.include_router(orders_page(reader, book, staff, screens, board.snapshot_ms))
    app.include_router(suppliers_page(reader, book, staff, screens, board.snapshot_ms))
    app.include_router(stock_page(reader, book, staff, screens, board.snapshot_ms))
    app.include_router(count_page(reader, book, staff, screens, board.snapshot_ms))
    app.include_router(checks_page(reader, book, staff, screens, board.snapshot_ms))
    app.include_router(scales_page(reader, book, staff, screens, board.measured, board.snapshot_ms))
    app.include_router(needs_page(foresight, staff, screens))
    app.include_router(menu_pages(reader, foresight, staff, screens))
    app.include_router(people_pages(staff, reader, book.settings.kitchen))
    app.include_router(calibrations_page(staff, screens, reader, book, board.measured, board.snapshot_ms))
    mount_static(app)

    @app.get("/events", include_in_schema=False)
    async def events(request: Request) -> Response:
        # A page of another site may not listen in; a browser says whose page asks.
        origin = request.headers.get("origin")
        if origin is not None and origin.split("://")[-1] != request.headers.get("host"):
            return PlainTextResponse("other origin", status_code=403)
        return hub.stream(board.snapshot)

    @app.get("/health", tags=["operation"])
    def _health() -> JSONResponse:
        """Whether the server can do its work: 200, or 503 with what is missing."""
        state = health()
        return JSONResponse(state, status_code=200 if state["ok"] else 503)

    @app.get("/metrics", tags=["operation"], response_class=PlainTextResponse)
    def _metrics() -> str:
        """Prometheus text format."""
        return "".join(f"{name} {value}\n" for name, value in sorted(metrics().items()))

    return app
