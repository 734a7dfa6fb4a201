"""``/api/v1/items`` and ``/needs``: what there is of each item, how long it likely lasts, and what is missing.

Everything but stock and use is an estimate and says so (``estimate``). No person is named. Days are serving days.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from ..rulebook import Item
from ..stock.days import local_date
from ..stock.forecast import Outlook
from ..stock.low_stock import standing
from ..stock.needs import Need, needs
from .api import NO_NUL, Page, Word
from .foresight import Foresight
from .spreadsheet import csv_text

USED_DAYS = 30
AHEAD_DAYS = 14
NEEDS_DAYS = 7
MAX_NEEDS_DAYS = 30
# Programs that ask every second get the same answer for so long.
OPEN_MS = 5_000
ItemName = Annotated[str, Path(max_length=64, pattern=NO_NUL)]
NEED_COLUMNS = ("item", "name", "unit", "amount", "planned", "needed_for", "deliver_by", "order_by", "buy_from")


class Needs(BaseModel):
    """What is missing. ``planned_days``: so many of the asked days have a menu; ``without_recipe``: planned dishes of
    which nobody wrote what they take, so that more may be missing."""

    items: list[dict[str, Any]]
    next: str | None
    days: int
    planned_days: int
    without_recipe: list[str]


def items_api(foresight: Foresight) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["stock"])
    zone, known = foresight.book.settings.timezone, {item.id: item for item in foresight.book.settings.items}

    @router.get("/items")
    def items(state: Word = None) -> Page:
        """Every item in base units. ``state``: unknown, low (it is time to order, or it is below its minimum), lasts
        (likely until ``runs_out``, between ``earliest`` and ``latest``; null: at least for the menu, which ends on
        ``foreseen_to``), enough (no end within 60 days). ``basis``: the menu (plan), the usual use (use), both, or
        none. ``order_amount`` is for a week, of fresh food for two days; what is ``ordered`` already is counted on."""
        seen = foresight.recent(OPEN_MS)
        today = local_date(seen.at_ms, zone)
        found = [item_of(known[name], one, today) for name, one in seen.ahead.items()]
        return Page(items=[item for item in found if state is None or item["state"] == state], next=None)

    @router.get("/items/{item}")
    def one_item(item: ItemName) -> dict[str, Any]:
        """One item: with what was used on the last 30 days (``used``), and how the next 14 likely end (``ahead``)."""
        if item not in known:
            raise HTTPException(404, "Bahan ini tidak terdaftar")
        seen = foresight.recent(OPEN_MS)
        one, used = seen.ahead[item], seen.larder.used.get(item, {})
        past = [one.today - timedelta(days=number) for number in range(USED_DAYS)]
        ends = {end.day: end for end in one.days}
        return {
            **item_of(known[item], one, local_date(seen.at_ms, zone)),
            "used": [{"day": day.isoformat(), "amount": used.get(day, 0)} for day in past],
            "ahead": [
                {
                    "day": want.day.isoformat(), "planned": want.planned, "least": want.low, "likely": want.likely,
                    "most": want.high, "left": ends[want.day].left if ends else None,
                    "short": ends[want.day].short if ends else None,
                }
                for want in one.wants[:AHEAD_DAYS]
            ],
        }  # fmt: skip

    @router.get("/needs", response_model=Needs)
    def needed(
        days: Annotated[int, Query(ge=1, le=MAX_NEEDS_DAYS)] = NEEDS_DAYS, format: Literal["json", "csv"] = "json"
    ) -> Needs | Response:
        """What is missing for the menu of the next ``days`` and below its minimum, the most urgent first; for donors,
        farmers and suppliers. ``amount`` is null where the stock is not known. Must be there on ``deliver_by``; fresh
        food not before ``buy_from``. As CSV with ``format=csv``."""
        seen = foresight.recent(OPEN_MS)
        larder, rows = seen.larder, [need_of(known[need.item], need) for need in needs(seen.ahead, days)]
        if format == "csv":
            text = csv_text(NEED_COLUMNS, ([row[name] for name in NEED_COLUMNS] for row in rows))
            headers = {"Content-Disposition": 'attachment; filename="kebutuhan.csv"'}
            return PlainTextResponse(text, media_type="text/csv", headers=headers)
        until = larder.today + timedelta(days=days)
        gaps = {dish for day, dishes in larder.plan.gaps.items() if day < until for dish in dishes}
        return Needs(
            items=rows, next=None, days=days, planned_days=sum(day < until for day in larder.plan.days),
            without_recipe=sorted(gaps),
        )  # fmt: skip

    return router


def item_of(item: Item, one: Outlook, today: date) -> dict[str, Any]:
    """An item as the API gives it."""
    return {
        "id": item.id, "name": item.name, "unit": item.unit, "stock": one.stock, "minimum": item.minimum,
        "state": standing(one, today), "estimate": True, "basis": one.basis, "days_left": one.days_left,
        "foreseen_to": _iso(one.foreseen_to), "runs_out": _iso(one.runs_out), "earliest": _iso(one.earliest),
        "latest": _iso(one.latest),
        "order_by": _iso(one.order_by), "buy_from": _iso(one.buy_from), "order_amount": one.order_amount,
        "ordered": one.coming,
        "expiring": one.expiring,
    }  # fmt: skip


def need_of(item: Item, need: Need) -> dict[str, Any]:
    """A need as the API gives it."""
    return {
        "item": item.id, "name": item.name, "unit": item.unit, "amount": need.amount, "planned": need.planned,
        "needed_for": _iso(need.day), "deliver_by": _iso(need.by), "order_by": _iso(need.order_by),
        "buy_from": _iso(need.buy_from),
    }  # fmt: skip


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
