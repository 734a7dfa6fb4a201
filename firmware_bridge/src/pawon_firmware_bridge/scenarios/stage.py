"""Where a signal is planned: one scale, what lies on it, what it shows of that, and what is done to it next.

A *deed* is what somebody does (or what happens): changes to a platform, each with its time. Nothing is drawn here from
the noise of the samples, so that the truth of a signal is known without making a single sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

from pawon_firmware_bridge.scenarios.forces import Shaking
from pawon_firmware_bridge.scenarios.truth import Bar, Span, Step
from pawon_firmware_bridge.scenarios.weighing_platform import ZERO_AT_START_SHARE, ZERO_KEY_SHARE, Force

FILLED_SHARE = 0.9
"""Of capacity: kitchens stay below the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalScale:
    """One scale. `noise_g`: sigma of the cell's single conversion, before the indicator shows the mean of `averaged`
    of them; `tells_load`: its format says gross or net; `interval_s`: least and longest time between two samples."""

    division_g: float
    capacity_g: float
    noise_g: float
    averaged: int
    interval_s: tuple[float, float] = (0.1, 0.1)
    tells_load: bool = False
    dropped: float = 0.0
    doubled: float = 0.0

    @property
    def rate_hz(self) -> float:
        return 2 / sum(self.interval_s)

    @property
    def sample_noise_g(self) -> float:
        """Sigma of one sample as a gateway sees it, before rounding. Neighbours share conversions: they correlate."""
        return self.noise_g / math.sqrt(self.averaged)

    def bar(self, background: tuple[Force, ...] = ()) -> Bar:
        """The bar of this scale; ``background`` shakes it all the time."""
        count, averaged = max(1, round(self.rate_hz)), self.averaged
        # Of `count` means over `averaged` conversions each, the weight with which every conversion comes in.
        weights = [min(n + 1, count, averaged, count + averaged - 1 - n) for n in range(count + averaged - 1)]
        variance = (self.noise_g / (count * averaged)) ** 2 * sum(weight * weight for weight in weights)
        for force in background:
            if isinstance(force, Shaking):
                variance += force.mean_g(self.rate_hz, count, averaged) ** 2
        return Bar(division_g=self.division_g, mean_noise_g=math.sqrt(variance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """A mass put on (or taken off): a true step. `kind` `touch`: pressed and let go; `drip`: it flows."""

    begin_s: float
    duration_s: float
    mass_g: float
    kind: Literal["step", "touch", "drip"] = "step"

    @property
    def end_s(self) -> float:
        return self.begin_s + self.duration_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the indicator."""

    begin_s: float
    kind: Literal["tare", "clear", "zero"]

    @property
    def end_s(self) -> float:
        return self.begin_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No samples arrive. `power`: the indicator was without power, and starts anew (`zeroes`: with 0 if it may)."""

    begin_s: float
    end_s: float
    power: bool = False
    zeroes: bool = False


Change = Motion | Key | Silence | Force
UNSEEN_S = 4.5
"""After 5 s without a sample (a gateway's default `fault_after_s`) nobody can say that he saw a change; the samples
around a silence may be lost, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """`kind`: what it is called; `disturbs`: what it is as a disturbance, empty if it is only a movement."""

    kind: str
    changes: tuple[Change, ...]
    disturbs: str = ""

    @property
    def start_s(self) -> float:
        return min(change.begin_s for change in self.changes)

    @property
    def end_s(self) -> float:
        return max(change.end_s for change in self.changes)

    @property
    def spans(self) -> list[Span]:
        """When there was no rest."""
        return [(change.begin_s, change.end_s) for change in self.changes]

    @property
    def steps(self) -> list[Step]:
        """The true movements of load in it."""
        dark = [one for one in self.changes if isinstance(one, Silence) and one.end_s - one.begin_s > UNSEEN_S]
        return [
            Step(
                begin_s=one.begin_s,
                end_s=one.end_s,
                mass_g=one.mass_g,
                seen=not any(gap.begin_s < one.end_s and one.begin_s < gap.end_s for gap in dark),
            )
            for one in self.changes
            if isinstance(one, Motion) and one.kind != "touch"
        ]


@dataclass(slots=True, kw_only=True)
class Stage:
    """What a planner knows: `load_g` lies on the scale, which shows `load_g - zero_g`. `most_g`: never more on it.

    `residue_g`: what has dripped in steps too small to be told.
    """

    scale: SignalScale
    bar: Bar
    random: Random
    load_g: float
    most_g: float
    zero_g: float = 0.0
    residue_g: float = 0.0

    @property
    def shown_g(self) -> float:
        return self.load_g - self.zero_g

    def between(self, low: float, high: float) -> float:
        """Evenly."""
        return self.random.uniform(low, high)

    def spread(self, low: float, high: float) -> float:
        """As likely in each decade."""
        return math.exp(self.random.uniform(math.log(low), math.log(max(low, high))))

    def mass_g(self, sign: int = 0, *, least: float = 1.3, share: float = 1.0) -> float:
        """A step that finds room and load enough, at least ``least`` thresholds; of the asked sign if it can be."""
        low_g = least * self.bar.threshold_g(self.most_g)
        away_g, room_g = share * self.shown_g, share * (self.most_g - self.load_g)
        sign = sign or self.random.choice((-1, 1))
        if (away_g if sign < 0 else room_g) < low_g:
            # There is always room above `most_g`; below zero an indicator soon gives no number.
            sign = -1 if sign > 0 and away_g >= low_g else 1
        return sign * self.spread(low_g, max(low_g, away_g if sign < 0 else room_g))

    def did(self, deed: Deed) -> None:
        """Load and zero after it."""
        for change in sorted(deed.changes, key=lambda one: one.end_s):
            if isinstance(change, Motion) and change.kind != "touch":
                self.load_g += change.mass_g
            elif isinstance(change, Key) and change.kind == "zero":
                self.zero_g = self.load_g if self.may_zero else self.zero_g
            elif isinstance(change, Silence) and change.power:
                taken = change.zeroes and self.load_g <= ZERO_AT_START_SHARE * self.scale.capacity_g
                self.zero_g = self.load_g if taken else 0.0

    @property
    def may_zero(self) -> bool:
        return abs(self.load_g) <= ZERO_KEY_SHARE * self.scale.capacity_g
