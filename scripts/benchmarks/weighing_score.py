"""How tellings of scale signals are counted against their truth.

A telling belongs to the movement whose time it overlaps (6 s on either side; a detector may prove a plateau late). A
movement is *found* if the sum of what was told of it is right within its threshold. A telling that belongs to none is a
*false movement*. Of our detector the kinds in, out and refill count; `restart` is a proposal, and right where nobody
saw a load change. Only movements within the bar (see ``scenarios/truth.py``) are asked for; others may be told or not.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from pawon_firmware_bridge.scenarios.signals import Signal
from pawon_firmware_bridge.scenarios.truth import Movement

OURS = "Pawon"
ORACLES = ("Window", "KernelCPD")
NEAR_S = 6.0
LONGEST_DARK_S = 150.0  # a power cut of the signals, and a plateau
COUNTED = frozenset({"in", "out", "refill"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One telling of a detector; seconds of the signal."""

    kind: str
    told_s: float
    start_s: float
    end_s: float
    net_g: float


@dataclass(slots=True, kw_only=True)
class Score:
    """Of one detector on one class, over all seeds. `excess`: mass errors as shares of what the bar allows each."""

    asked: int = 0
    found: int = 0
    false: int = 0
    unseen: int = 0
    proposed: int = 0
    false_proposals: int = 0
    days: float = 0.0
    cpu_s: float = 0.0
    samples: int = 0
    errors_g: dict[tuple[int, int], float] = field(default_factory=dict)
    excess: list[float] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def recall(self) -> float:
        return self.found / self.asked if self.asked else 1.0

    @property
    def false_a_day(self) -> float:
        return self.false / self.days

    @property
    def error_g(self) -> float | None:
        return statistics.fmean(self.errors_g.values()) if self.errors_g else None

    @property
    def mean_excess(self) -> float | None:
        return statistics.fmean(self.excess) if self.excess else None

    @property
    def delay_s(self) -> float | None:
        return statistics.fmean(self.delays_s) if self.delays_s else None

    @property
    def us_a_sample(self) -> float:
        return self.cpu_s / max(1, self.samples) * 1e6

    def add(self, signal: Signal, told: list[Told], cpu_s: float, samples: int) -> None:
        """Count one signal in."""
        self.days += signal.length_s / 86_400
        self.cpu_s += cpu_s
        self.samples += samples
        movements = list(signal.movements())
        of: dict[int, list[Told]] = {}
        for one in told:
            self.kinds[one.kind] = self.kinds.get(one.kind, 0) + 1
            if one.kind not in COUNTED and one.kind != "restart":
                continue
            at = _movement_of(one, movements)
            if one.kind == "restart":
                right = _changed_unseen(one, movements)
                self.proposed += right
                self.false_proposals += not right
            elif at is None:
                self.false += 1
            else:
                of.setdefault(at, []).append(one)
        bar = signal.scale.bar(signal.background)
        # Of a plateau of 3 s; two of them make a difference.
        allowed_g = max(signal.scale.division_g, 3 * bar.mean_noise_g * (2 / 3) ** 0.5)
        for at, movement in enumerate(movements):
            self.unseen += not movement.seen
            if not movement.in_bar:
                continue
            self.asked += 1
            rows = of.get(at, [])
            error_g = abs(sum(row.net_g for row in rows) - movement.net_g)
            if rows and error_g <= movement.threshold_g:
                self.found += 1
                self.errors_g[signal.seed, at] = error_g
                self.excess.append(error_g / allowed_g)
                self.delays_s.append(max(row.told_s for row in rows) - movement.end_s)


def _movement_of(told: Told, movements: list[Movement]) -> int | None:
    """The movement that a telling overlaps, the one whose mass is nearest if there are several.

    What was put on while other things were taken off may be told in parts of either sign; nothing else may.
    """
    near = [
        (abs(told.net_g - one.net_g), at)
        for at, one in enumerate(movements)
        if told.start_s <= one.end_s + NEAR_S
        and told.end_s >= one.start_s - NEAR_S
        and (told.net_g * one.net_g > 0 or one.steps > 1)
    ]
    return min(near)[1] if near else None


def _changed_unseen(told: Told, movements: list[Movement]) -> bool:
    """Whether a proposal is right: the load did change so before it, and nobody saw it."""
    return any(
        not one.seen
        and one.start_s < told.end_s < one.end_s + LONGEST_DARK_S
        and abs(told.net_g - one.net_g) <= one.threshold_g
        for one in movements
    )


@dataclass(slots=True, kw_only=True)
class Row:
    """One class: whole signals by our detector and PageHinkley, excerpts by ours and the oracles (none: not asked)."""

    name: str
    whole: dict[str, Score]
    excerpts: dict[str, Score]
