"""One signal of a class: its scale, its truth, its samples. The same class and seed give the same, on any machine.

Lazy: a week at ten samples a second is six million, and none is kept. The truth comes from the plan alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from pawon_firmware_bridge.scenarios.classes import CLASSES, DAY_S, SignalClass
from pawon_firmware_bridge.scenarios.deeds import DISTURBANCES, MOVEMENTS
from pawon_firmware_bridge.scenarios.stage import Change, Deed, Key, Motion, SignalScale, Silence, Stage
from pawon_firmware_bridge.scenarios.truth import HAND_S, MERGE_S, PERSON_G, PERSON_S, Disturbance, Movement, movements
from pawon_firmware_bridge.scenarios.weighing_platform import SETTLE_S, Force, Platform

FIRST_S = 20.0
"""Rest before the first thing happens."""

LAST_S = 45.0
"""Rest after the last one, so that a detector that waits whether more follows has told it."""

MARGIN_S = 6.0
"""Beyond the time within which a return is a hand's: a detector sees a plateau some seconds late."""

PAUSE_S = (5.1, 12.0)
"""Rest between two things, after settling: the shortest plateau that a detector must see, and a little."""


class Sample(NamedTuple):
    """What a gateway gets. No mass: overload or underload. `load`: `gross` or `net`, if the scale says so."""

    time_s: float
    mass_g: float | None
    load: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A signal that can be asked again and again."""

    row: SignalClass
    seed: int
    length_s: float
    scale: SignalScale
    load_g: float
    background: tuple[Force, ...]

    def deeds(self) -> Iterator[Deed]:
        """What happens, in the order of time; never two at once."""
        row, random = self.row, _random(self, "plan")
        stage = Stage(
            scale=self.scale, bar=self.scale.bar(self.background), random=random, load_g=self.load_g,
            most_g=max(self.load_g, row.most * self.scale.capacity_g),
        )  # fmt: skip
        slot, free_s, moved_s = 0, FIRST_S, 0.0
        left: list[tuple[float, float]] = []  # when which load was left
        while slot * row.every_s < self.length_s:
            at = max(free_s, slot * row.every_s + stage.between(0.0, 0.5) * row.every_s)
            slot += 1
            if row.movements and random.random() < row.moving:
                # Two movements that are two must be so far apart that nobody takes them for one.
                at = max(at, moved_s + MERGE_S + stage.between(3, 8))
                deed = MOVEMENTS[random.choice(row.movements)](stage, at)
            elif row.disturbances:
                deed = DISTURBANCES[random.choice(row.disturbances)](stage, at)
            else:
                continue
            if deed.end_s + LAST_S > self.length_s:
                return
            left = [one for one in left if at - one[0] < PERSON_S + MARGIN_S]
            if _returns(deed, stage, left):
                continue
            left += _leaves(deed, stage.load_g)
            stage.did(deed)
            free_s = deed.end_s + SETTLE_S + stage.between(*PAUSE_S)
            moved_s = max([moved_s, *(step.end_s for step in deed.steps)])
            yield deed

    def movements(self) -> Iterator[Movement]:
        """What a detector is to find, and which of it within the bar."""
        planned = ((deed.kind, deed.steps, deed.spans) for deed in self.deeds())
        return movements(planned, self.load_g, self.scale.bar(self.background))

    def disturbances(self) -> Iterator[Disturbance]:
        """What moved nothing. What lasts all the time comes first."""
        for force in self.background:
            yield Disturbance(start_s=force.begin_s, end_s=self.length_s, kind=self.row.name)
        for deed in self.deeds():
            if deed.disturbs:
                yield Disturbance(start_s=round(deed.start_s, 3), end_s=round(deed.end_s, 3), kind=deed.disturbs)

    def samples(self) -> Iterator[Sample]:
        """What the gateway sees; times in seconds from 0 on, never twice the same or back."""
        scale, link, silences = self.scale, _random(self, "link"), list[Silence]()
        platform = Platform(
            mass_g=self.load_g, division_g=scale.division_g, noise_g=scale.noise_g, capacity_g=scale.capacity_g,
            random=_random(self, "noise"), averaged=scale.averaged,
        )  # fmt: skip
        for force in self.background:
            platform.feel(force)
        coming = _Changes(self.deeds())
        chance, between = link.random, link.uniform
        regular = scale.interval_s[0] == scale.interval_s[1]
        step_s, count, now = scale.interval_s[0], 0, 0.0
        busy_s = 0.0
        while now < self.length_s:
            if now >= coming.due_s:
                for change in coming.until(now):
                    busy_s = max(busy_s, change.end_s + 2 * SETTLE_S)
                    _begin(platform, change, silences)
            if now <= busy_s:
                platform.settle(now)
            dark = _dark(silences, now, platform) if silences else None
            if dark is None or not dark.power:
                mass_g, _ = platform.show(now)  # also while nobody listens: it goes on averaging
            if dark is None:
                load = ("net" if platform.tared else "gross") if scale.tells_load else None
                if scale.dropped == 0.0 or chance() >= scale.dropped:
                    yield Sample(now, mass_g, load)
                if scale.doubled and chance() < scale.doubled:
                    yield Sample(round(now + 0.004, 3), mass_g, load)
            count += 1
            now = round(count * step_s if regular else now + between(*scale.interval_s), 3)


def make(name: str, seed: int, *, hours: float | None = None, disturbed_a_day: float | None = None) -> Signal:
    """The signal of a class. ``hours`` instead of the class's own length; KeyError if there is no such class.

    ``disturbed_a_day`` sets how often something happens that is no movement, movements as often as before.
    """
    row = CLASSES[name]
    if disturbed_a_day is not None:
        moved_a_day = row.moving * DAY_S / row.every_s
        a_day = moved_a_day + disturbed_a_day
        row = replace(row, every_s=DAY_S / a_day, moving=moved_a_day / a_day)
    random = Random(f"{name} {seed} scale")  # noqa: S311 - a made signal, no secret
    division_g, capacity_g = random.choice(row.scales)
    averaged = random.choice((3, 4, 6, 8))
    noise_g = division_g * random.uniform(*row.noise_divisions) if row.noise_g is None else row.noise_g
    scale = SignalScale(
        division_g=division_g, capacity_g=capacity_g, noise_g=noise_g * averaged**0.5, averaged=averaged,
        interval_s=row.interval_s, tells_load=row.tells_load, dropped=row.dropped, doubled=row.doubled,
    )  # fmt: skip
    length_s = row.length_s if hours is None else hours * 3600
    load_g = round(random.uniform(*row.load) * capacity_g) if row.load_g is None else row.load_g
    stage = Stage(scale=scale, bar=scale.bar(), random=random, load_g=load_g, most_g=capacity_g)
    background = () if row.background is None else row.background(stage, 0.0, length_s + LAST_S)
    return Signal(row=row, seed=seed, length_s=length_s, scale=scale, load_g=load_g, background=background)


def _leaves(deed: Deed, load_g: float) -> list[tuple[float, float]]:
    """When each of a deed's steps leaves which load."""
    found = []
    for step in deed.steps:
        found.append((step.begin_s, load_g))
        load_g += step.mass_g
    return found


def _returns(deed: Deed, stage: Stage, left: list[tuple[float, float]]) -> bool:
    """Whether a movement would be back so soon that it could be a hand's, or a person's, going away."""
    load_g = stage.load_g
    for step in deed.steps:
        wait_s = (PERSON_S if abs(step.mass_g) >= PERSON_G else HAND_S) + MARGIN_S
        load_g += step.mass_g
        near_g = 2 * stage.bar.threshold_g(load_g)
        if any(step.begin_s - at < wait_s and abs(load_g - before_g) < near_g for at, before_g in left):
            return True
    return False


class _Changes:
    """The changes of deeds in the order in which they begin."""

    def __init__(self, deeds: Iterator[Deed]) -> None:
        self._deeds = deeds
        self._waiting: list[tuple[float, int, Change]] = []
        self._count = 0
        self._more()

    @property
    def due_s(self) -> float:
        return self._waiting[0][0] if self._waiting else float("inf")

    def until(self, now: float) -> Iterator[Change]:
        while self._waiting and self._waiting[0][0] <= now:
            _, _, change = heapq.heappop(self._waiting)
            if not self._waiting:
                self._more()
            yield change

    def _more(self) -> None:
        # Deeds never overlap: the next one's changes begin after all of this one's.
        deed = next(self._deeds, None)
        for change in () if deed is None else deed.changes:
            self._count += 1
            heapq.heappush(self._waiting, (change.begin_s, self._count, change))


def _begin(platform: Platform, change: Change, silences: list[Silence]) -> None:
    if isinstance(change, Motion):
        if change.kind == "touch":
            platform.touch(change.begin_s, change.mass_g, change.duration_s)
        else:
            platform.add(change.begin_s, change.mass_g, change.duration_s, drip=change.kind == "drip")
    elif isinstance(change, Silence):
        silences.append(change)
    elif isinstance(change, Key):
        {"tare": platform.tare, "clear": platform.clear_tare, "zero": platform.zero}[change.kind]()
    else:
        platform.feel(change)


def _dark(silences: list[Silence], now: float, platform: Platform) -> Silence | None:
    """The silence that lasts now; one that has ended is forgotten, with what it did to the platform."""
    for silence in list(silences):
        if now >= silence.end_s:
            silences.remove(silence)
            if silence.power:
                platform.restart(now, zeroes=silence.zeroes)
    return silences[0] if silences else None


def _random(signal: Signal, what: str) -> Random:
    return Random(f"{signal.row.name} {signal.seed} {what}")  # noqa: S311 - a made signal, no secret
