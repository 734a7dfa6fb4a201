"""Recipes and planned meals, as acts made them: projection of ``recipe`` and ``menu``. Keeps nothing in memory."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from ..rulebook import Rulebook
from ..stock.days import local_date
from ..stock.menu_acts import DropMeal, Ingredient, MenuAct, PlanMeal, SetRecipe, dish_key
from ..stock.plan import Meal
from ..store.journal import Entry
from ..store.stock_tables import menu, recipe
from .context import Changes

# A menu is planned for weeks, not for another school year.
PLAN_AHEAD_DAYS = 92
# Three waves of six dishes are many; more is somebody's script.
MAX_MEALS_A_DAY = 60
# A kitchen cooks some fifty dishes; their versions are not counted.
MAX_DISHES = 1_000

_ingredients = msgspec.json.Decoder(tuple[Ingredient, ...])


class Menu:
    """Of one kitchen."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen

    def refuse(self, connection: Connection, book: Rulebook, act: MenuAct, now_ms: int) -> str | None:
        """Why it cannot be, in Indonesian."""
        today = local_date(now_ms, book.settings.timezone)
        match act:
            case SetRecipe():
                return self._unfit(connection, book, act)
            case PlanMeal():
                return self._unplannable(connection, act, today)
            case DropMeal():
                found = select(menu.c.day, menu.c.dropped).where(menu.c.kitchen == self._kitchen, menu.c.id == act.menu)
                row = connection.execute(found).first()
                if row is None:
                    return "Rencana ini tidak ada"
                if row.dropped:
                    return "Rencana ini sudah dibatalkan"
                return "Hari itu sudah lewat" if date.fromisoformat(row.day) < today else None

    def _unfit(self, connection: Connection, book: Rulebook, act: SetRecipe) -> str | None:
        items = [one.item for one in act.ingredients]
        unknown = [item for item in items if book.settings.item(item) is None]
        if unknown:
            return f"Bahan ini tidak terdaftar: {unknown[0]}"
        if len(set(items)) < len(items):
            return "Satu bahan ditulis dua kali"
        if not dish_key(act.dish):
            return "Tulis nama masakannya"
        dishes = select(func.count()).where(
            recipe.c.kitchen == self._kitchen, recipe.c.newest, recipe.c.dish_key != dish_key(act.dish)
        )
        full = connection.execute(dishes).scalar_one() >= MAX_DISHES
        return f"Sudah ada {MAX_DISHES} resep" if full else None

    def _unplannable(self, connection: Connection, act: PlanMeal, today: date) -> str | None:
        try:
            day = date.fromisoformat(act.day)
        except ValueError:
            return "Tanggal itu tidak ada di kalender"
        if day < today:
            return "Hari itu sudah lewat"
        if day > today + timedelta(days=PLAN_AHEAD_DAYS):
            return f"Rencana paling jauh {PLAN_AHEAD_DAYS} hari ke depan"
        if not dish_key(act.dish):
            return "Tulis nama masakannya"
        planned = select(func.count()).where(*self._planned(act.day))
        full = connection.execute(planned).scalar_one() >= MAX_MEALS_A_DAY
        return f"Sudah ada {MAX_MEALS_A_DAY} masakan pada hari itu" if full else None

    def take(self, connection: Connection, book: Rulebook, act: MenuAct, entry: Entry, changes: Changes) -> None:
        """A recipe counts from now on; a meal is planned, changed or dropped."""
        changes.stock = True
        match act:
            case SetRecipe():
                self._recipe(connection, act, entry)
            case PlanMeal():
                self._plan(connection, act, entry)
            case DropMeal():
                here = (menu.c.kitchen == self._kitchen, menu.c.id == act.menu)
                connection.execute(update(menu).where(*here).values(dropped=True, journal_id=entry.id))

    def _recipe(self, connection: Connection, act: SetRecipe, entry: Entry) -> None:
        key = dish_key(act.dish)
        before = (recipe.c.kitchen == self._kitchen, recipe.c.dish_key == key, recipe.c.newest)
        connection.execute(update(recipe).where(*before).values(newest=False, journal_id=entry.id))
        connection.execute(
            insert(recipe),
            {
                "kitchen": self._kitchen, "id": entry.id, "act": act.id, "dish": act.dish, "dish_key": key,
                "ingredients": msgspec.json.encode(act.ingredients).decode(), "cooked_g": act.cooked_g, "newest": True,
                "at_ms": entry.received_ms, "person": act.by, "journal_id": entry.id,
            },
        )  # fmt: skip

    def _plan(self, connection: Connection, act: PlanMeal, entry: Entry) -> None:
        key = dish_key(act.dish)
        before = (*self._planned(act.day), menu.c.wave == act.wave, menu.c.dish_key == key)
        connection.execute(update(menu).where(*before).values(dropped=True, journal_id=entry.id))
        connection.execute(
            insert(menu),
            {
                "kitchen": self._kitchen, "id": act.id, "day": act.day, "wave": act.wave, "dish": act.dish,
                "dish_key": key, "portions": act.portions, "dropped": False, "person": act.by, "journal_id": entry.id,
            },
        )  # fmt: skip

    def _planned(self, day: str) -> tuple[ColumnElement[bool], ...]:
        return (menu.c.kitchen == self._kitchen, menu.c.day == day, menu.c.dropped.is_(False))


def recipes_of(connection: Connection, kitchen: str) -> dict[str, dict[str, int]]:
    """What each dish is made of now, by its ``dish_key``: items with their amounts."""
    found = connection.execute(
        select(recipe.c.dish_key, recipe.c.ingredients).where(recipe.c.kitchen == kitchen, recipe.c.newest)
    )
    return {row.dish_key: {one.item: one.amount for one in ingredients_of(row.ingredients)} for row in found}


def ingredients_of(content: str) -> tuple[Ingredient, ...]:
    """A column of ``recipe``."""
    return _ingredients.decode(content)


def meals_of(connection: Connection, kitchen: str, since: date, until: date) -> list[Meal]:
    """What is planned for the days from ``since`` to before ``until``, in their order."""
    found = connection.execute(
        select(menu)
        .where(
            menu.c.kitchen == kitchen, menu.c.dropped.is_(False), menu.c.day >= since.isoformat(),
            menu.c.day < until.isoformat(),
        )
        .order_by(menu.c.day, menu.c.wave, menu.c.dish_key, menu.c.id)
    )  # fmt: skip
    return [
        Meal(id=row.id, day=date.fromisoformat(row.day), wave=row.wave, dish=row.dish, portions=row.portions)
        for row in found
    ]
