"""``/staff/needs``: how long each item lasts and what is missing for the menu; and the same needs for the forum."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from ..projections.larder import Larder
from ..rulebook import Rulebook
from ..stock.daily_use import local_time
from ..stock.forecast import Outlook
from ..stock.needs import needs
from .items_api import NEEDS_DAYS, foresee
from .language import Speech
from .pages import Screens
from .staff import Staff
from .stock_looks import ItemLook, NeedLook, item_look, need_look

PATH = "/staff/needs"
# The first comes first, and what nobody knows before what is fine.
URGENCY = {"low": 0, "unknown": 1, "lasts": 2, "enough": 3}
# Anybody may ask for the forum as often as they like; the store is asked once a minute.
FORUM_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsLook:
    """A needs list in words. Without a menu for these days an empty one says nothing."""

    needs: list[NeedLook]
    planned: bool
    gaps: list[str]
    days: int = NEEDS_DAYS


def needs_look(speech: Speech, book: Rulebook, larder: Larder, ahead: dict[str, Outlook]) -> NeedsLook:
    """What is missing within ``NEEDS_DAYS``."""
    items = {item.id: item for item in book.settings.items}
    days = [day for day in larder.plan.days if (day - larder.today).days < NEEDS_DAYS]
    return NeedsLook(
        needs=[need_look(speech, items[need.item], need) for need in needs(ahead, NEEDS_DAYS)], planned=bool(days),
        gaps=sorted({dish for day in days for dish in larder.plan.gaps.get(day, ())}),
    )  # fmt: skip


def item_looks(speech: Speech, book: Rulebook, ahead: dict[str, Outlook], now_ms: int) -> list[ItemLook]:
    """Every item, the most urgent first."""
    today = local_time(now_ms, book.settings.timezone).date()
    looks = [item_look(speech, item, ahead[item.id], today) for item in book.settings.items]
    return sorted(looks, key=lambda look: (URGENCY[look.state], look.name))


def needs_page(reader: Engine, book: Rulebook, staff: Staff, screens: Screens, now_ms: Callable[[], int]) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    def looked(speech: Speech) -> dict[str, Any]:
        at_ms = now_ms()
        larder, ahead = foresee(reader, book, at_ms)
        return {"items": item_looks(speech, book, ahead, at_ms), "list": needs_look(speech, book, larder, ahead)}

    @router.get(PATH)
    async def show(request: Request) -> Response:
        speech, _ = screens.speech(request)
        return await staff.page(request, "staff_needs.html", **await run_in_threadpool(looked, speech))

    return router


class ForumNeeds:
    """The needs list for everybody, at most a minute old. May be asked from any thread."""

    def __init__(self, reader: Engine, book: Rulebook, now_ms: Callable[[], int]) -> None:
        self._reader, self._book, self._now_ms = reader, book, now_ms
        self._lock = threading.Lock()
        self._at_ms = -FORUM_MS
        self._found: tuple[Larder, dict[str, Outlook]] | None = None

    def __call__(self, speech: Speech) -> NeedsLook:
        """In the reader's language."""
        with self._lock:
            now_ms = self._now_ms()
            if self._found is None or not 0 <= now_ms - self._at_ms < FORUM_MS:
                self._found, self._at_ms = foresee(self._reader, self._book, now_ms), now_ms
            found = self._found
        return needs_look(speech, self._book, *found)
