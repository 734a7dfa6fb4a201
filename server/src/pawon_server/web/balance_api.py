"""``/api/v1/batches/{id}/balance``, what went into a batch against what came out; how people write both; and
``/api/v1/waste``. Nobody's name is in an answer: these pages are open.

A write is the act's fields as JSON. ``at_ms`` (UTC) is now unless it is given; with an ``id`` of one's own (16 to 40
hexadecimal digits) the same act may be sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from pydantic import AwareDatetime
from sqlalchemy import Engine, select
from starlette.concurrency import run_in_threadpool

from ..people.act import new_id
from ..projections.batch_balance import MassesOfBatch, masses_of, waste_between
from ..projections.recipes import batch_recipe_of
from ..rulebook import Rulebook
from ..stock.mass_acts import TakeIngredients, WeighBatch, WithdrawMass
from ..stock.waste import WasteRow
from ..store.tables import batch
from .api import EPOCH, iso
from .batches_api import BatchName
from .desk import Desk, write_said
from .queries import without_names

FREE_TEXT = frozenset({"school", "reason"})
# What is asked of the waste unless somebody says otherwise, and at most.
WASTE_DAYS, MAX_WASTE_DAYS = 7, 366


def balance_api(reader: Engine, book: Rulebook, desk: Desk, utc_ms: Callable[[], int]) -> APIRouter:
    """The routes. ``utc_ms`` is the server's clock."""
    router = APIRouter(prefix="/api/v1", tags=["batches"])
    kitchen = book.settings.kitchen

    @router.get("/batches/{batch_id}/balance")
    def one_balance(batch_id: BatchName) -> dict[str, Any]:
        """What a batch took and gave, in grams. ``verdict``: ``closed``, ``missing`` and ``surplus`` (more than 10 %
        beyond what the ingredients can have become, ``expected_g``), or ``unknown``; ``gaps`` names what nobody weighed
        or configured, by item. Nothing is ``closed`` with a gap."""
        with reader.connect() as connection:
            portions = connection.execute(
                select(batch.c.portions).where(batch.c.kitchen == kitchen, batch.c.id == batch_id)
            ).scalar()
            if portions is None:
                raise HTTPException(404, "Batch tidak dikenal")
            found = masses_of(connection, book, {batch_id: portions})[batch_id]
            answer = {"batch": batch_id, "portions": portions, **balance_item(found, book)}
            told: dict[str, Any] = without_names(connection, kitchen, answer, FREE_TEXT)
        return told

    @router.post("/batches/{batch_id}/weigh")
    async def weigh(request: Request, batch_id: BatchName) -> dict[str, Any]:
        """Something came out: a ``batch.weigh`` act, ``{"kind": "cooked", "mass_g": 110000}``. Kinds: ``cooked``,
        ``trimming``, ``waste`` (with its reason ``waste``), ``sample``, ``leftover``; ``item`` for what was still raw;
        ``movement`` instead of ``mass_g`` for what a scale saw."""
        return _answer(*await write_said(desk, request, WeighBatch, _now(utc_ms), batch=batch_id))

    @router.post("/batches/{batch_id}/ingredients")
    async def ingredients(request: Request, batch_id: BatchName) -> dict[str, Any]:
        """The ingredients were taken from ``place`` as the recipe says: a ``batch.ingredients`` act. ``recipe`` (items
        with their amount for 100 portions) is the dish's newest and ``portions`` the batch's, unless they are given."""
        unsaid = await run_in_threadpool(_by_recipe, reader, kitchen, batch_id)
        return _answer(*await write_said(desk, request, TakeIngredients, _now(utc_ms) | unsaid, batch=batch_id))

    @router.post("/batches/{batch_id}/unweigh")
    async def unweigh(request: Request, batch_id: BatchName) -> dict[str, Any]:
        """What one of these acts told was wrong, and is withdrawn: a ``batch.unweigh`` act."""
        return _answer(*await write_said(desk, request, WithdrawMass, {"id": new_id()}, batch=batch_id))

    @router.get("/waste")
    def waste(since: AwareDatetime | None = None, until: AwareDatetime | None = None) -> dict[str, Any]:
        """What was thrown away, by item and reason, most first; the last week unless it is said. ``percent``: raw food
        of what was bought of it in that time, dishes and plates of what was cooked and weighed. An ``item`` of null is
        a dish; ``unweighed`` tells that some of it has no mass."""
        until_ms = utc_ms() if until is None else _ms(until)
        since_ms = until_ms - WASTE_DAYS * 86_400_000 if since is None else _ms(since)
        if not 0 <= until_ms - since_ms <= MAX_WASTE_DAYS * 86_400_000:
            raise HTTPException(422, f"since..until: 0 to {MAX_WASTE_DAYS} days")
        with reader.connect() as connection:
            found = waste_between(connection, book, since_ms, until_ms)
        return {
            "since": iso(since_ms), "until": iso(until_ms), "raw_g": found.raw_g, "bought_g": found.bought_g,
            "raw_percent": _percent(found.raw_share), "dish_g": found.dish_g, "plate_g": found.plate_g,
            "cooked_g": found.cooked_g, "dish_percent": _percent(found.dish_share),
            "plate_percent": _percent(found.plate_share), "items": [_waste_item(row, book) for row in found.rows],
        }  # fmt: skip

    return router


def balance_item(found: MassesOfBatch, book: Rulebook) -> dict[str, Any]:
    """A balance with all that it stands on."""
    one = found.balance
    masses = msgspec.structs.asdict(one)
    return {
        "verdict": one.verdict, "gaps": [{"what": what, "item": item or None} for what, item in one.gaps],
        "expected_g": None if one.least_g is None else [one.least_g, one.most_g],
        **{name: masses[name] for name in ("in_g", "out_g", "cooked_g", "trimming_g", "raw_waste_g", "waste_g",
                                          "sample_g", "leftover_g", "unexplained_g")},
        "unexplained_percent": _percent(one.unexplained),
        "portion_g": None if one.portion_g is None else round(one.portion_g, 1),
        "ingredients": [
            {
                "movement": part.movement, "item": part.item, "item_name": _name(book, part.item),
                "lot": part.lot or None, "lot_assumed": part.assumed, "amount": part.amount,
                "unit": part.unit, "mass_g": part.mass_g, "to": part.to, "how": part.how, "at": iso(part.at_ms),
            }
            for part in found.taken
        ],
        "told": [
            {
                "id": row.id, "kind": row.kind, "mass_g": row.mass_g, "item": row.item or None,
                "waste": row.waste or None, "school": row.school, "how": "scale" if row.movement else "hand",
                "at": iso(row.at_ms), "withdrawn": row.withdrawn, "reason": row.reason,
            }
            for row in found.told
        ],
        "recipes": [
            {
                "id": row.id, "place": row.place, "portions": row.portions, "at": iso(row.at_ms),
                "withdrawn": row.withdrawn, "reason": row.reason,
            }
            for row in found.recipes
        ],
    }  # fmt: skip


def _waste_item(row: WasteRow, book: Rulebook) -> dict[str, Any]:
    return {
        "item": row.item or None, "item_name": _name(book, row.item) if row.item else None,
        "reason": row.reason or None, "mass_g": row.mass_g, "percent": _percent(row.share), "unweighed": row.unweighed,
    }  # fmt: skip


def _by_recipe(reader: Engine, kitchen: str, name: str) -> dict[str, object]:
    """What a batch takes by its recipe, as far as there is one."""
    with reader.connect() as connection:
        portions, recipe = batch_recipe_of(connection, kitchen, name)
    known = {"portions": portions, "recipe": msgspec.to_builtins(recipe)}
    return {name: value for name, value in known.items() if value}


def _now(utc_ms: Callable[[], int]) -> dict[str, object]:
    return {"id": new_id(), "at_ms": utc_ms()}


def _answer(act: Any, written: Any) -> dict[str, Any]:
    return {"id": act.id, "entry": written.entry, "batch": act.batch}


def _ms(at: AwareDatetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _name(book: Rulebook, item: str) -> str:
    known = book.settings.item(item)
    return item if known is None else known.name


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 2)
