"""What people write about what went into a batch and what came out of it.

Shapes only; ``mass_balance`` says what follows. Masses are whole grams. Nothing is edited: what was wrong is withdrawn,
and told anew.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ..food_safety.batch_acts import BatchId, OfBatch, Portions
from ..food_safety.lot_acts import Line, MovementOrNone, Named, PlaceId
from ..people.act import Act, ActId
from .menu_acts import RECIPE_PORTIONS, Ingredient
from .movement_acts import WasteReason

# ``cooked``: what goes on to the portions; ``sample``: taken beside the retained ones (tasting, laboratory);
# ``leftover``: what came back from plates, which was cooked before.
MassKind = Literal["cooked", "trimming", "waste", "sample", "leftover"]
# Ten tonnes: thrice what the largest kitchen cooks in a day.
Mass = Annotated[int, Meta(ge=0, le=10_000_000)]


class WeighBatch(OfBatch, frozen=True, kw_only=True, tag="batch.weigh"):
    """Something came out of a batch. ``item``: it was still that ingredient, uncooked; empty: the dish.

    ``movement``: the weighing that saw it, whose mass counts and which moved no stock; else it is entered by hand, with
    its ``mass_g``. ``waste`` belongs to ``waste``; ``school`` says where a ``leftover`` came back from.
    """

    kind: MassKind
    mass_g: Mass | None = None
    item: Annotated[str, Meta(pattern=r"^[a-z0-9-]{0,32}\Z")] = ""
    waste: WasteReason = ""
    school: Line = ""
    movement: MovementOrNone = ""


class TakeIngredients(OfBatch, frozen=True, kw_only=True, tag="batch.ingredients"):
    """The ingredients of ``portions`` were taken from ``place`` as the recipe says: an estimate, until they are told
    one by one. Told again, the latest counts."""

    place: PlaceId
    portions: Portions
    recipe: Annotated[tuple[Ingredient, ...], Meta(min_length=1, max_length=40)]


class WithdrawMass(Act, frozen=True, kw_only=True, tag="batch.unweigh"):
    """What an earlier one of these acts told did not happen so."""

    batch: BatchId
    withdraws: ActId
    reason: Named


MassAct = WeighBatch | TakeIngredients | WithdrawMass
KINDS: tuple[type[Act], ...] = (WeighBatch, TakeIngredients, WithdrawMass)


def taken_amount(needed: Ingredient, portions: int) -> int:
    """How much of an item so many portions take, in its base unit; rounded half up, here and nowhere else."""
    return (2 * needed.amount * portions + RECIPE_PORTIONS) // (2 * RECIPE_PORTIONS)
