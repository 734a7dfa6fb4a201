"""A kitchen with a store room whose book is written directly, and people who plan its menu. Not a test by itself.

The forecast reads ledger lines, whatever wrote them: here they stand for weighings of weeks, which take no gateway.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import insert
from tests.server.conftest import BOOK, Bench
from tests.server.desk import write
from tests.server.straight import Straight

from pawon_server.people.act import MACHINE, new_id
from pawon_server.projections.acts import Refusal, Written
from pawon_server.rulebook import Item, Place, Rulebook
from pawon_server.stock.menu_acts import DropMeal, Ingredient, PlanMeal, SetRecipe
from pawon_server.store.stock_tables import ledger_line

HOUR, DAY = 3_600_000, 86_400_000
# Thursday, 9 October 2025, 08:00 in Jakarta.
MORNING = 1_759_971_600_000
ITEMS = [
    Item(id="beras", name="Beras", minimum=20_000),
    Item(id="ayam", name="Ayam", shelf_life_days=2, lead_days=1),
    Item(id="telur", name="Telur", unit="piece", unit_g=60.0),
]
PLACES = [Place(id="gudang", name="Gudang"), Place(id="chiller-a", name="Chiller A")]
LARDER = Rulebook(
    settings=msgspec.structs.replace(BOOK.settings, items=ITEMS, places=PLACES), profile=BOOK.profile
)  # fmt: skip


def book_line(bench: Bench | Straight, item: str, amount: int, at_ms: int, other: str = "supplier") -> None:
    """What came into the store room (or left it, below zero), from or to another account."""
    line = {"kitchen": "dapur-uji", "movement": new_id(), "lot": "", "item": item, "unit": "g",
            "assumed": True, "occurred_ms": at_ms}  # fmt: skip
    with bench.store.writer.begin() as connection:
        connection.execute(insert(ledger_line), [
            {**line, "place": "gudang", "amount": amount}, {**line, "place": other, "amount": -amount},
        ])  # fmt: skip


def recipe(dish: str, *, by: str = MACHINE, cooked_g: float | None = None, **amounts: int) -> SetRecipe:
    """What a dish is made of, for 100 portions."""
    ingredients = tuple(Ingredient(item=item, amount=amount) for item, amount in amounts.items())
    return SetRecipe(id=new_id(), by=by, dish=dish, ingredients=ingredients, cooked_g=cooked_g)


def meal(day: str, dish: str, portions: int = 1_000, *, by: str = MACHINE, wave: str = "1") -> PlanMeal:
    """A planned dish."""
    return PlanMeal(id=new_id(), by=by, day=day, wave=wave, dish=dish, portions=portions)


def drop(menu: str, by: str = MACHINE) -> DropMeal:
    """It is not served."""
    return DropMeal(id=new_id(), by=by, menu=menu)


def written(bench: Bench, *acts: Any) -> None:
    """All of them, and each must be possible."""
    for act in acts:
        assert isinstance(write(bench, act), Written), act


def refused(bench: Bench, act: Any) -> str:
    """Why it is not written."""
    answer = write(bench, act)
    assert isinstance(answer, Refusal), act
    return answer.reason
