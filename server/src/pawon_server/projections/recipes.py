"""What the dish of a batch is made of."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ..stock.menu_acts import Ingredient, dish_key
from ..store.stock_tables import recipe
from ..store.tables import batch
from .menu import ingredients_of


def recipe_of(connection: Connection, kitchen: str, dish: str) -> tuple[Ingredient, ...]:
    """The newest recipe of a dish, however its name was typed; empty where nobody wrote one."""
    content = connection.execute(
        select(recipe.c.ingredients).where(
            recipe.c.kitchen == kitchen, recipe.c.dish_key == dish_key(dish), recipe.c.newest
        )
    ).scalar()
    return () if content is None else ingredients_of(content)


def batch_recipe_of(connection: Connection, kitchen: str, name: str) -> tuple[int, tuple[Ingredient, ...]]:
    """A batch's portions and the recipe of its dish; none of both for a batch that is not there."""
    row = connection.execute(
        select(batch.c.dish, batch.c.portions).where(batch.c.kitchen == kitchen, batch.c.id == name)
    ).first()
    return (0, ()) if row is None else (row.portions, recipe_of(connection, kitchen, row.dish))
