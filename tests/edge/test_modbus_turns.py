"""Who is asked in a round of a Modbus line: the living always, the dead in turn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pawon_edge.drivers.modbus_turns import MISSES_OF_THE_DEAD, SHARE_OF_THE_DEAD, Unit, take_turns

COST_S = 0.5


def line(living: int, dead: int) -> list[Unit]:
    """Units that have answered, and units that never have."""
    units = [Unit(number=number, cost_s=COST_S) for number in range(1, living + dead + 1)]
    for unit in units:
        unit.heard(unit.number <= living)
    return units


@given(living=st.integers(0, 32), dead=st.integers(0, 32), interval_s=st.floats(1, 60), rounds=st.integers(1, 70))
def test_the_dead_cost_the_living_no_more_than_their_share(
    living: int, dead: int, interval_s: float, rounds: int
) -> None:
    """In every round all the living come first, and the dead take a quarter of the interval or one timeout."""
    units = line(living, dead)
    for number in range(rounds):
        turns = take_turns(units, number, interval_s)
        assert [unit.number for unit in turns[:living]] == list(range(1, living + 1))
        waited = turns[living:]
        assert len(set(map(id, turns))) == len(turns)
        assert len(waited) == 1 or sum(unit.cost_s for unit in waited) <= interval_s * SHARE_OF_THE_DEAD
        for unit in turns:
            unit.heard(unit.number <= living)


@given(dead=st.integers(1, 32), interval_s=st.floats(1, 60))
def test_every_dead_unit_is_asked_again_and_again(dead: int, interval_s: float) -> None:
    """As many rounds as there are dead units are enough to ask each of them once."""
    units = line(2, dead)
    asked = {unit.number for number in range(dead) for unit in take_turns(units, number, interval_s) if unit.dead}
    assert asked == set(range(3, dead + 3))


def test_one_lost_answer_does_not_make_a_unit_dead() -> None:
    """A unit that has answered is believed alive for some misses; one that never has, for none; an answer revives."""
    unit = Unit(number=1, cost_s=COST_S)
    assert not unit.dead
    unit.heard(False)
    assert unit.dead
    unit.heard(True)
    for _ in range(MISSES_OF_THE_DEAD - 1):
        unit.heard(False)
        assert not unit.dead
    unit.heard(False)
    assert unit.dead
    unit.heard(True)
    assert not unit.dead


def test_ten_dead_units_are_found_again_within_rounds_that_can_be_counted() -> None:
    """At the usual interval five of them are asked in each round: 20 s until one that returns is read."""
    units = line(1, 10)
    asked = [unit.number for number in range(2) for unit in take_turns(units, number, 10.0) if unit.dead]
    assert asked == list(range(2, 12))
