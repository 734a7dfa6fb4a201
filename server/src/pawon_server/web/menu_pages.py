"""``/staff/menu`` and ``/staff/recipes``: plan the days, see at once what is missing, say what a dish is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Engine, Row
from starlette.concurrency import run_in_threadpool

from ..acts import AnyAct
from ..people.person import Person
from ..projections.menu import ingredients_of
from ..rulebook import Rulebook
from ..stock.days import local_date
from ..stock.menu_acts import DropMeal, Ingredient, PlanMeal, SetRecipe, dish_key
from .foresight import Foresight
from .forms import Form
from .language import Speech
from .lots_page import amount_of, number_of
from .menu_api import recipe_rows
from .needs_page import needs_look
from .outlook_looks import day_text
from .pages import Screens
from .staff import Staff

MENU_PATH, RECIPES_PATH = "/staff/menu", "/staff/recipes"
# A week is planned while this one is cooked.
SHOWN_DAYS = 14
# A dish has some six ingredients that are bought; one that was written with more is shown whole, as far as an act goes.
ROWS, MAX_ROWS = 12, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class MealLook:
    """A planned dish as the page writes it."""

    id: str
    wave: str
    dish: str
    portions: str
    recipe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLook:
    """A day of the menu."""

    day: str
    name: str
    meals: list[MealLook]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeLook:
    """A recipe as the page writes it."""

    dish: str
    ingredients: str


def menu_pages(reader: Engine, foresight: Foresight, staff: Staff, screens: Screens) -> APIRouter:
    """The routes."""
    router, book = APIRouter(include_in_schema=False), foresight.book
    kitchen, items = book.settings.kitchen, {item.id: item for item in book.settings.items}

    def menu(speech: Speech) -> dict[str, Any]:
        seen = foresight.fresh()
        recipes = {row.dish_key: row.dish for row in recipe_rows(reader, kitchen)}
        first = local_date(seen.at_ms, book.settings.timezone)
        days = [first + timedelta(days=number) for number in range(SHOWN_DAYS)]
        looks = [
            DayLook(
                day=day.isoformat(), name=day_text(speech, day),
                meals=[
                    MealLook(id=meal.id, wave=meal.wave, dish=meal.dish, portions=speech.number(meal.portions),
                             recipe=dish_key(meal.dish) in recipes)
                    for meal in seen.larder.meals if meal.day == day
                ],
            )
            for day in days
        ]  # fmt: skip
        return {"days": looks, "dishes": sorted(recipes.values()), "list": needs_look(speech, book, seen)}

    async def show_menu(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        values = await run_in_threadpool(menu, speech)
        return await staff.page(request, "staff_menu.html", form=form, role="nutritionist", **values)

    def plan(by: Person, form: Form) -> AnyAct:
        if form.get("do") == "drop":
            return DropMeal(id=form.act, by=by.id, menu=form.get("menu"))
        return PlanMeal(
            id=form.act, by=by.id, day=form.get("day"), wave=form.get("wave"), dish=form.get("dish"),
            portions=round(number_of(form.get("portions").replace(".", ""))),
        )  # fmt: skip

    def recipes(speech: Speech) -> list[RecipeLook]:
        return [RecipeLook(dish=row.dish, ingredients=_ingredients(speech, book, row))
                for row in recipe_rows(reader, kitchen)]  # fmt: skip

    def begun(dish: str) -> Form:
        """The form with what a dish is made of now, to be changed."""
        found = recipe_rows(reader, kitchen, dish) if dish else []
        return Form(values=_typed(book, found[0])) if found else Form(values={"dish": dish})

    async def show_recipes(request: Request, form: Form) -> Response:
        speech, _ = screens.speech(request)
        return await staff.page(
            request, "staff_recipes.html", form=form, role="nutritionist", rows=range(_rows(form)),
            items=[(item.id, item.name, speech.gettext("buah") if item.unit == "piece" else _big(item.unit))
                   for item in book.settings.items],
            recipes=await run_in_threadpool(recipes, speech),
        )  # fmt: skip

    def set_recipe(by: Person, form: Form) -> AnyAct:
        found = []
        for row in range(_rows(form)):
            item, amount = form.get(f"item{row}"), form.get(f"amount{row}")
            if bool(item) != bool(amount):
                raise HTTPException(409, "Isi bahan dan jumlahnya pada baris yang sama")
            if item:
                unit = items[item].unit if item in items else "g"
                found.append(Ingredient(item=item, amount=amount_of(amount, unit) or 0))
        if not found:
            raise HTTPException(409, "Tulis paling sedikit satu bahan")
        cooked = form.get("cooked")
        return SetRecipe(
            id=form.act, by=by.id, dish=form.get("dish"), ingredients=tuple(found),
            cooked_g=number_of(cooked) if cooked else None,
        )  # fmt: skip

    @router.get(MENU_PATH)
    async def planned(request: Request) -> Response:
        return await show_menu(request, Form())

    @router.post(MENU_PATH)
    async def planning(request: Request) -> Response:
        return await staff.act(request, plan, show_menu, MENU_PATH)

    @router.get(RECIPES_PATH)
    async def written(request: Request) -> Response:
        dish = request.query_params.get("dish", "").replace("\0", "")
        return await show_recipes(request, await run_in_threadpool(begun, dish))

    @router.post(RECIPES_PATH)
    async def writing(request: Request) -> Response:
        return await staff.act(request, set_recipe, show_recipes, RECIPES_PATH)

    return router


def _ingredients(speech: Speech, book: Rulebook, row: Row[Any]) -> str:
    """A recipe on one line: ``Beras 8,00 kg · Ayam 9,00 kg``."""
    parts = []
    for one in ingredients_of(row.ingredients):
        item = book.settings.item(one.item)
        parts.append(
            f"{one.item} {one.amount}" if item is None else f"{item.name} {speech.amount(one.amount, item.unit)}"
        )
    return " · ".join(parts)


def _typed(book: Rulebook, row: Row[Any]) -> Mapping[str, str]:
    """A recipe as somebody would have typed it."""
    values = {"dish": str(row.dish), "cooked": "" if row.cooked_g is None else f"{row.cooked_g:g}".replace(".", ",")}
    for number, one in enumerate(ingredients_of(row.ingredients)):
        item = book.settings.item(one.item)
        amount = one.amount if item is not None and item.unit == "piece" else one.amount / 1000
        values |= {f"item{number}": one.item, f"amount{number}": f"{amount:.10g}".replace(".", ",")}
    return values


def _rows(form: Form) -> int:
    """How many rows a form needs, so that nothing of what stands in it is left out."""
    used = [row for row in range(MAX_ROWS) if form.get(f"item{row}") or form.get(f"amount{row}")]
    return max(ROWS, used[-1] + 1 if used else 0)


def _big(unit: str) -> str:
    return {"g": "kg", "ml": "L"}.get(unit, unit)
