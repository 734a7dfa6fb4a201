"""What a dish is made of, from the table of recipes, if this store has one."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from ..stock.mass_acts import Needed
from ..store.tables import batch, metadata

_needed = msgspec.json.Decoder(tuple[Needed, ...])


def recipe_of(connection: Connection, kitchen: str, dish: str) -> tuple[Needed, ...]:
    """The newest recipe of a dish, however its name was typed; empty where nobody wrote one."""
    table = metadata.tables.get("recipe")
    if table is None:
        return ()
    content = connection.execute(
        select(table.c.ingredients).where(
            table.c.kitchen == kitchen, table.c.dish_key == " ".join(dish.split()).casefold(), table.c.newest
        )
    ).scalar()
    return () if content is None else _needed.decode(content)


def batch_recipe_of(connection: Connection, kitchen: str, name: str) -> tuple[int, tuple[Needed, ...]]:
    """A batch's portions and the recipe of its dish; none of both for a batch that is not there."""
    row = connection.execute(
        select(batch.c.dish, batch.c.portions).where(batch.c.kitchen == kitchen, batch.c.id == name)
    ).first()
    return (0, ()) if row is None else (row.portions, recipe_of(connection, kitchen, row.dish))
