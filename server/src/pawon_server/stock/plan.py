"""What each day takes of an item: by the menu and its recipes where there is one, else by what such days usually take.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from .daily_use import Rate
from .menu_acts import RECIPE_PORTIONS, dish_key

# What lasts longer than two months needs no estimate.
HORIZON_DAYS = 60
# How far a planned day's use lies from its recipes: the deviation from which a batch's mass balance is questioned.
PLAN_SPREAD_PERCENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Meal:
    """A planned dish. ``id`` is the act that planned it."""

    id: str
    day: date
    wave: str
    dish: str
    portions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the menu takes of each item on each planned day. ``gaps``: dishes of which no recipe is known; ``items``:
    what any known recipe is made of, planned or not."""

    days: Mapping[date, Mapping[str, int]]
    gaps: Mapping[date, tuple[str, ...]]
    items: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What a day takes: at least, likely, at most; ``planned`` of it is the menu's."""

    day: date
    low: int
    likely: int
    high: int
    planned: int = 0


def plan_of(meals: Iterable[Meal], recipes: Mapping[str, Mapping[str, int]]) -> Plan:
    """What the planned meals take; ``recipes``: for each ``dish_key`` the amounts for ``RECIPE_PORTIONS`` portions."""
    days: dict[date, dict[str, int]] = {}
    gaps: dict[date, tuple[str, ...]] = {}
    for meal in meals:
        of_day = days.setdefault(meal.day, {})
        recipe = recipes.get(dish_key(meal.dish))
        if recipe is None:
            gaps[meal.day] = (*gaps.get(meal.day, ()), meal.dish)
            continue
        for item, amount in recipe.items():
            of_day[item] = of_day.get(item, 0) + -(-meal.portions * amount // RECIPE_PORTIONS)
    return Plan(days=days, gaps=gaps, items=frozenset(item for recipe in recipes.values() for item in recipe))


def wants_of(item: str, today: date, plan: Plan, rates: Sequence[Rate] | None, used_today: int = 0) -> list[Want]:
    """What each day from today on takes of an item. Where a planned dish has no recipe, the day takes at least what
    such days usually take; what was used today already is taken off."""
    wants = []
    for number in range(HORIZON_DAYS):
        day = today + timedelta(days=number)
        rate = None if rates is None else rates[day.weekday()]
        planned = item in plan.items and day in plan.days
        amount = plan.days[day].get(item, 0) if planned else 0
        low, likely, high = _spread(amount)
        if rate is not None and (not planned or day in plan.gaps):
            low, likely, high = max(low, rate.low), max(likely, rate.likely), max(high, rate.high)
        off = used_today if number == 0 else 0
        low, likely, high, amount = (max(0, value - off) for value in (low, likely, high, amount))
        wants.append(Want(day=day, low=low, likely=likely, high=high, planned=amount))
    return wants


def _spread(amount: int) -> tuple[int, int, int]:
    return amount * (100 - PLAN_SPREAD_PERCENT) // 100, amount, -(-amount * (100 + PLAN_SPREAD_PERCENT) // 100)
