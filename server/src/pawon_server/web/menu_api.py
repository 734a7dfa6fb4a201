"""``/api/v1/recipes`` and ``/menu``: what dishes are made of, what is served when, and how a nutritionist writes it.

A write is the act's fields as JSON, with an ``id`` (16 to 40 hex digits) that the sender makes: the same sent twice is
one. No person is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Engine, Row, select

from ..projections.menu import MAX_DISHES, PLAN_AHEAD_DAYS, ingredients_of, meals_of, recipes_of
from ..rulebook import Rulebook
from ..stock.days import local_date
from ..stock.menu_acts import RECIPE_PORTIONS, DropMeal, PlanMeal, SetRecipe, dish_key
from ..store.stock_tables import recipe
from .api import NO_NUL, AskedDay, Page, Word, iso
from .desk import Desk, write_said

MAX_VERSIONS = 200
MenuName = Annotated[str, Path(max_length=64, pattern=NO_NUL)]


def menu_api(reader: Engine, book: Rulebook, desk: Desk, utc_ms: Callable[[], int]) -> APIRouter:
    """The routes. ``utc_ms`` is the server's clock."""
    router = APIRouter(prefix="/api/v1", tags=["stock"])
    kitchen = book.settings.kitchen

    @router.get("/recipes")
    def recipes(dish: Word = None) -> Page:
        """What each dish is made of, in base units for 100 portions as it is bought; ``cooked_g`` is one portion on
        the plate. With ``dish``: every version of it, the newest first."""
        items = [recipe_item(row, book) for row in recipe_rows(reader, kitchen, dish)]
        return Page(items=items, next=None)

    @router.post("/recipes")
    async def set_recipe(request: Request) -> dict[str, Any]:
        """A dish is made of this from now on: a ``recipe.set`` act."""
        act, written = await write_said(desk, request, SetRecipe)
        return {"entry": written.entry, "id": act.id}

    @router.get("/menu")
    def menu(since: AskedDay = None, days: Annotated[int, Query(ge=1, le=PLAN_AHEAD_DAYS)] = 14) -> Page:
        """What is served on the ``days`` from ``since`` on (today by default), in order. ``recipe``: whether it is
        known what the dish takes."""
        first = since or local_date(utc_ms(), book.settings.timezone)
        with reader.connect() as connection:
            meals = meals_of(connection, kitchen, first, first + timedelta(days=days))
            known = recipes_of(connection, kitchen)
        items = [
            {
                "id": meal.id, "day": meal.day.isoformat(), "wave": meal.wave, "dish": meal.dish,
                "portions": meal.portions, "recipe": dish_key(meal.dish) in known,
            }
            for meal in meals
        ]  # fmt: skip
        return Page(items=items, next=None)

    @router.post("/menu")
    async def plan(request: Request) -> dict[str, Any]:
        """A dish is planned, or the portions of a planned one are others: a ``menu.plan`` act."""
        act, written = await write_said(desk, request, PlanMeal)
        return {"entry": written.entry, "id": act.id}

    @router.post("/menu/{menu_id}/drop")
    async def drop(request: Request, menu_id: MenuName) -> dict[str, Any]:
        """A planned dish is not served: a ``menu.drop`` act."""
        act, written = await write_said(desk, request, DropMeal, menu=menu_id)
        return {"entry": written.entry, "id": act.menu}

    return router


def recipe_rows(reader: Engine, kitchen: str, dish: str | None = None) -> Sequence[Row[Any]]:
    """The newest recipe of every dish by name; or all versions of one dish, the newest first."""
    query = select(recipe).where(recipe.c.kitchen == kitchen)
    if dish is None:
        query = query.where(recipe.c.newest).order_by(recipe.c.dish_key, recipe.c.id).limit(MAX_DISHES)
    else:
        query = query.where(recipe.c.dish_key == dish_key(dish)).order_by(recipe.c.id.desc()).limit(MAX_VERSIONS)
    with reader.connect() as connection:
        return connection.execute(query).all()


def recipe_item(row: Row[Any], book: Rulebook) -> dict[str, Any]:
    """A recipe as the API gives it."""
    named = {item.id: item for item in book.settings.items}
    return {
        "id": row.act, "dish": row.dish, "portions": RECIPE_PORTIONS, "cooked_g": row.cooked_g, "newest": row.newest,
        "written_at": iso(row.at_ms),
        "ingredients": [
            {
                "item": one.item, "name": named[one.item].name if one.item in named else one.item,
                "unit": named[one.item].unit if one.item in named else "", "amount": one.amount,
            }
            for one in ingredients_of(row.ingredients)
        ],
    }  # fmt: skip
