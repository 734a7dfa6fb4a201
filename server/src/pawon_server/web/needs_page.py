"""``/staff/needs``: how long each item lasts and what is missing for the menu; and the same needs for the forum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from ..rulebook import Rulebook
from ..stock.days import local_date
from ..stock.needs import needs
from .foresight import Foreseen, Foresight
from .items_api import NEEDS_DAYS
from .language import Speech
from .outlook_looks import ItemLook, NeedLook, item_look, need_look
from .pages import Screens
from .staff import Staff

PATH = "/staff/needs"
# The first comes first, and what nobody knows before what is fine.
URGENCY = {"low": 0, "unknown": 1, "lasts": 2, "enough": 3}
# Anybody may look at the forum as often as they like.
FORUM_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsLook:
    """A needs list in words. Without a menu for these days an empty one says nothing."""

    needs: list[NeedLook]
    planned: bool
    gaps: list[str]
    days: int = NEEDS_DAYS


def needs_look(speech: Speech, book: Rulebook, seen: Foreseen) -> NeedsLook:
    """What is missing within ``NEEDS_DAYS``."""
    items, larder = {item.id: item for item in book.settings.items}, seen.larder
    days = [day for day in larder.plan.days if (day - larder.today).days < NEEDS_DAYS]
    return NeedsLook(
        needs=[need_look(speech, items[need.item], need) for need in needs(seen.ahead, NEEDS_DAYS)], planned=bool(days),
        gaps=sorted({dish for day in days for dish in larder.plan.gaps.get(day, ())}),
    )  # fmt: skip


def item_looks(speech: Speech, book: Rulebook, seen: Foreseen) -> list[ItemLook]:
    """Every item, the most urgent first."""
    today = local_date(seen.at_ms, book.settings.timezone)
    looks = [item_look(speech, item, seen.ahead[item.id], today) for item in book.settings.items]
    return sorted(looks, key=lambda look: (URGENCY[look.state], look.name))


def forum_needs(foresight: Foresight) -> Callable[[Speech], NeedsLook]:
    """The same list for everybody, at most a minute old."""
    return lambda speech: needs_look(speech, foresight.book, foresight.recent(FORUM_MS))


def needs_page(foresight: Foresight, staff: Staff, screens: Screens) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    def looked(speech: Speech) -> dict[str, Any]:
        seen = foresight.fresh()
        return {"items": item_looks(speech, foresight.book, seen), "list": needs_look(speech, foresight.book, seen)}

    @router.get(PATH)
    async def show(request: Request) -> Response:
        speech, _ = screens.speech(request)
        return await staff.page(request, "staff_needs.html", **await run_in_threadpool(looked, speech))

    return router
