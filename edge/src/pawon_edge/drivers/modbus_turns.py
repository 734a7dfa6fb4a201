"""Which units of a Modbus line are asked in a round? Pure: it is told who answered and knows no port and no clock.

A unit that is dead costs its whole timeout each time it is asked. So nobody is asked twice in a round, the living are
asked first, and the dead share a quarter of the interval, in turn and at least one a round: ten dead units cost the
living nothing, and one that comes back is found after as many rounds as its fellows need.
"""

from __future__ import annotations

from dataclasses import dataclass

# One lost answer is noise; a unit that has never answered is not waited for thrice.
MISSES_OF_THE_DEAD = 3
# Of the interval; the living then have the rest even when their number is the most that a line can drive.
SHARE_OF_THE_DEAD = 0.25


@dataclass(slots=True)
class Unit:
    """How one unit has behaved since the port was opened. ``cost_s``: what asking it costs when it is silent."""

    number: int
    cost_s: float
    misses: int = 0
    answered: bool = False
    asked_round: int = -1

    @property
    def dead(self) -> bool:
        return self.misses >= (MISSES_OF_THE_DEAD if self.answered else 1)

    def heard(self, answered: bool) -> None:
        """It was asked, and gave a whole answer (also a refusal) or not."""
        self.misses = 0 if answered else self.misses + 1
        self.answered = self.answered or answered


def take_turns(units: list[Unit], round_number: int, interval_s: float) -> list[Unit]:
    """The units to ask in this round, in order; marks them as asked."""
    living = [unit for unit in units if not unit.dead]
    # Sorting keeps the order of the file among those that have waited equally long.
    dead = sorted((unit for unit in units if unit.dead), key=lambda unit: unit.asked_round)
    chosen: list[Unit] = []
    left_s = interval_s * SHARE_OF_THE_DEAD
    for unit in dead:
        if chosen and unit.cost_s > left_s:
            break
        chosen.append(unit)
        left_s -= unit.cost_s
    for unit in (turns := living + chosen):
        unit.asked_round = round_number
    return turns
