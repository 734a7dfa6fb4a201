"""Days of real kitchens: the process rules together say what people learnt too late."""

from __future__ import annotations

import pytest

from pawon_food_safety.exposure import disposition, expose
from pawon_food_safety.serving import due, too_early
from tests.food_safety.scenarios import DAYS, LADDER, SERVING, TOO_EARLY, WIB, Day


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_a_day_is_judged_as_it_should_have_been(day: Day) -> None:
    """Cooking time, age and heat history each give the verdict that the incident's report gives."""
    assert too_early(TOO_EARLY, day.began_ms, day.day, WIB) == day.too_early
    assert [each.row.id for each in due(SERVING, day.cooked_ms, day.eaten_ms)] == day.due
    exposed = expose(5, 60, day.core, day.cooked_ms, day.eaten_ms)
    assert exposed.unknown_ms == 0
    assert disposition(LADDER, exposed) == day.disposition


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_a_day_that_nobody_measured_frees_no_food(day: Day) -> None:
    """Without one value the food is held where it could have lain too long, and never condemned."""
    exposed = expose(5, 60, [], day.cooked_ms, day.eaten_ms)
    assert exposed.unknown_ms == day.eaten_ms - day.cooked_ms
    assert disposition(LADDER, exposed) == ("hold" if exposed.unknown_ms >= 2 * 3_600_000 else "use")
