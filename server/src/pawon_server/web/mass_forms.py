"""The forms of what went into a batch and what came out, as acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import HTTPException

from ..acts import AnyAct
from ..people.person import Person
from ..stock.mass_acts import MassAct
from ..stock.menu_acts import Ingredient
from .forms import Form
from .lots_page import number_of

TAGS = frozenset({"batch.weigh", "batch.ingredients", "batch.unweigh"})
NO_RECIPE = "Resep masakan ini belum ada"

# A batch's portions and its dish's recipe.
Recipe = Callable[[str], tuple[int, tuple[Ingredient, ...]]]


def read(by: Person, form: Form, what: str, batch: str, at_ms: int, recipe: Recipe) -> AnyAct:
    """The act that a form is. Raises 409 with words for what is no number and no recipe, 422 for what is no act."""
    said: dict[str, Any] = {"act": what, "id": form.act, "by": by.id, "batch": batch}
    if what == "batch.unweigh":
        said |= {"withdraws": form.get("withdraws"), "reason": form.get("reason")}
    elif what == "batch.ingredients":
        portions, needed = recipe(batch)
        if not needed:
            raise HTTPException(409, NO_RECIPE)
        said |= {"at_ms": at_ms, "place": form.get("place"), "portions": portions}
        said["recipe"] = msgspec.to_builtins(needed)
    else:
        said |= {"at_ms": at_ms, "item": form.get("item"), "school": form.get("school")}
        # One button says both what came out and why it was thrown away.
        said["kind"], _, said["waste"] = form.get("outcome").partition(".")
        if form.get("movement"):
            said["movement"] = form.get("movement")
        elif form.get("mass_kg"):
            said["mass_g"] = round(number_of(form.get("mass_kg")) * 1000)
    try:
        made: AnyAct = msgspec.convert(said, type=MassAct)
    except msgspec.ValidationError as error:
        raise HTTPException(422, str(error)) from error
    return made
