"""What people write about the menu: a dish's recipe, and which dish is served when, to how many.

Shapes only; ``forecast`` says what follows from them. Amounts are integers in the item's base unit, as it is bought.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from ..food_safety.batch_acts import Day, Named, Portions
from ..food_safety.lot_acts import Amount
from ..people.act import Act, ActId, Role

ItemId = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
# A recipe is written for so many portions: whole grams are then fine enough for salt.
RECIPE_PORTIONS = 100


class Ingredient(msgspec.Struct, frozen=True, kw_only=True):
    """How much of an item ``RECIPE_PORTIONS`` portions take, before anything is cut off."""

    item: ItemId
    amount: Amount


class SetRecipe(Act, frozen=True, kw_only=True, tag="recipe.set"):
    """What a dish is made of from now on; ``cooked_g``: what one portion weighs when it is served."""

    role: ClassVar[Role] = "nutritionist"

    dish: Named
    ingredients: Annotated[tuple[Ingredient, ...], Meta(min_length=1, max_length=40)]
    cooked_g: Annotated[float, Meta(gt=0, le=5_000)] | None = None


class PlanMeal(Act, frozen=True, kw_only=True, tag="menu.plan"):
    """A dish of one wave of a serving ``day``. The same dish, wave and day again: other portions in their place."""

    role: ClassVar[Role] = "nutritionist"

    day: Day
    wave: Named
    dish: Named
    portions: Portions


class DropMeal(Act, frozen=True, kw_only=True, tag="menu.drop"):
    """It will not be served. ``menu``: the act that planned it."""

    role: ClassVar[Role] = "nutritionist"

    menu: ActId


MenuAct = SetRecipe | PlanMeal | DropMeal
KINDS: tuple[type[Act], ...] = (SetRecipe, PlanMeal, DropMeal)


def dish_key(dish: str) -> str:
    """By which a planned dish finds its recipe, however it was typed."""
    return " ".join(dish.split()).casefold()
