"""What really happened to a scale: net movements, disturbances, and which movements a detector must find.

Steps of one direction with less than 20 s between them are one event (crates of one unloading), and so are steps of
any direction with less than 5 s between them, for nothing came to rest there. An event counts by its net mass.

A load that is back within 60 s at where it was (120 s from 30 kg on) was a hand (a person), by the same rule of the
domain; no signal has two true movements that look like that.

*Within the bar* means: at least ``max(3 divisions, 20 g, 0.1 % of the load, 6 sigma of a mean of one second)``, at
least 5 s of rest before and after it, and the scale was there to see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pawon_firmware_bridge.scenarios.weighing_platform import SETTLE_S

MERGE_S = 20.0
REST_S = 5.0
HAND_S = 60.0
PERSON_S = 120.0
PERSON_G = 30_000.0
SIGMAS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Mass that came (or went, if negative) between two times. `seen`: the scale was sending then."""

    begin_s: float
    end_s: float
    mass_g: float
    seen: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One event in grams on the platform (whatever a tare made of it). `kind`: what was done, such as `unload`."""

    start_s: float
    end_s: float
    before_g: float
    after_g: float
    kind: str
    steps: int
    seen: bool
    threshold_g: float
    rest_s: float
    in_bar: bool

    @property
    def net_g(self) -> float:
        return self.after_g - self.before_g


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """Something that moved no stock."""

    start_s: float
    end_s: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The least step of one scale. `mean_noise_g`: sigma of a mean of its samples over one second."""

    division_g: float
    mean_noise_g: float

    def threshold_g(self, load_g: float) -> float:
        """For a step from or to `load_g`."""
        return max(3 * self.division_g, 20.0, 0.001 * abs(load_g), SIGMAS * self.mean_noise_g)


Span = tuple[float, float]


def movements(deeds: Iterable[tuple[str, list[Step], list[Span]]], load_g: float, bar: Bar) -> Iterator[Movement]:
    """Events of deeds in the order of time: each its kind, its steps, and every span in which it was not at rest.

    Lazy: one is told as soon as nothing can join it any more.
    """
    group: list[Step] = []
    kind = ""
    spans: list[Span] = []
    for name, steps, busy in deeds:
        for step in sorted(steps, key=lambda one: one.begin_s):
            if group and not _joins(group, step):
                movement, spans = _movement(group, kind, load_g, bar, spans + sorted(busy))
                load_g = movement.after_g
                yield movement
                group = []
            kind = kind if group else name
            group.append(step)
        spans += sorted(busy)
        if group and spans[-1][0] > max(step.end_s for step in group) + MERGE_S:
            movement, spans = _movement(group, kind, load_g, bar, spans)
            load_g = movement.after_g
            yield movement
            group = []
        elif not group:
            spans = spans[-4:]
    if group:
        yield _movement(group, kind, load_g, bar, spans)[0]


def _joins(group: list[Step], step: Step) -> bool:
    gap_s = step.begin_s - max(one.end_s for one in group)
    net_g = sum(one.mass_g for one in group)
    return gap_s < REST_S + SETTLE_S or (gap_s < MERGE_S and net_g * step.mass_g > 0)


def _movement(
    group: list[Step], kind: str, before_g: float, bar: Bar, spans: list[Span]
) -> tuple[Movement, list[Span]]:
    start_s, end_s = group[0].begin_s, max(step.end_s for step in group)
    after_g = before_g + sum(step.mass_g for step in group)
    # A silence, or a hand, that lasts through the movement delays the rest around it.
    with_it = [span for span in spans if span[0] <= end_s and span[1] >= start_s]
    first_s = min([start_s, *(begin for begin, _ in with_it)])
    last_s = max([end_s, *(end for _, end in with_it)])
    rest_before_s = first_s - max((end for _, end in spans if end < first_s), default=-math.inf) - SETTLE_S
    rest_after_s = min((begin for begin, _ in spans if begin > last_s), default=math.inf) - last_s - SETTLE_S
    rest_s = max(0.0, min(rest_before_s, rest_after_s))
    threshold_g = bar.threshold_g(max(abs(before_g), abs(after_g)))
    seen = all(step.seen for step in group)
    movement = Movement(
        start_s=round(start_s, 3),
        end_s=round(end_s, 3),
        before_g=round(before_g, 3),
        after_g=round(after_g, 3),
        kind=kind,
        steps=len(group),
        seen=seen,
        threshold_g=round(threshold_g, 3),
        rest_s=round(min(rest_s, 3600.0), 3),
        in_bar=seen and rest_s >= REST_S and abs(after_g - before_g) >= threshold_g,
    )
    return movement, [span for span in spans if span[1] >= end_s - 1e-9]
