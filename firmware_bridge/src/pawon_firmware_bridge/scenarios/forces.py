"""What a load cell feels and nobody weighs: hands, people, shaking floors, wind, warmth. Pure shapes over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

CONVERSION_SHARE = 0.5
"""Of the time between two samples a converter integrates about half; faster shaking is damped by that, not removed."""

FADE_S = 2.0
"""A mixer starts, and a gust comes, within about so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """A hand, an elbow or a person: comes within `ramp_s`, sways by `sway_share` of itself, goes as it came.

    Nobody stands or leans still: sway of 0.5 to 3 Hz, and one more of an unrelated slower rhythm.
    """

    begin_s: float
    end_s: float
    mass_g: float
    ramp_s: float
    sway_share: float
    sway_hz: float
    phase: float

    def grams(self, now: float, load_g: float) -> float:
        """Felt at `now`; whatever lies below."""
        part = min((now - self.begin_s) / self.ramp_s, (self.end_s - now) / self.ramp_s, 1.0)
        if part <= 0.0:
            return 0.0
        angle = 2 * math.pi * self.sway_hz * (now - self.begin_s) + self.phase
        sway = math.sin(angle) + 0.6 * math.sin(0.31 * angle + 1.0)
        return self.mass_g * part * part * (3 - 2 * part) * (1.0 + self.sway_share * sway)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaking:
    """A floor under a mixer (5 to 15 Hz: a scale that samples ten times a second sees it as something slower), or wind
    of a ceiling fan (0.1 to 0.6 Hz). `amplitude_g` is what the cell feels, before the converter integrates."""

    begin_s: float
    end_s: float
    amplitude_g: float
    hz: float
    phase: float

    def grams(self, now: float, load_g: float) -> float:
        """Felt at `now`."""
        part = min((now - self.begin_s) / FADE_S, (self.end_s - now) / FADE_S, 1.0)
        return max(0.0, part) * self.amplitude_g * math.sin(2 * math.pi * self.hz * now + self.phase)

    @classmethod
    def converted(
        cls, *, begin_s: float, end_s: float, amplitude_g: float, hz: float, phase: float, rate_hz: float
    ) -> Shaking:
        """As it is left after a converter has integrated it."""
        angle = math.pi * hz * CONVERSION_SHARE / rate_hz
        left = math.sin(angle) / angle
        return cls(begin_s=begin_s, end_s=end_s, amplitude_g=amplitude_g * left, hz=hz, phase=phase)

    def mean_g(self, rate_hz: float, count: int, averaged: int) -> float:
        """Sigma of the mean of `count` samples, each a mean of the newest `averaged` conversions."""
        return self.amplitude_g / math.sqrt(2) * _left(self.hz, rate_hz, count) * _left(self.hz, rate_hz, averaged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmth:
    """A cell that gets warmer and colder by `swing_c`: zero and span drift with it.

    Span 0.002 %/C is the usual load cell of class C3; zero up to one division for 5 C is allowed (OIML R 76-1, 3.9.2).
    """

    begin_s: float
    end_s: float
    swing_c: float
    period_s: float
    phase: float
    zero_g_per_c: float
    span_per_c: float

    def grams(self, now: float, load_g: float) -> float:
        """Felt at `now`; 0 at the beginning."""
        angle = 2 * math.pi * (now - self.begin_s) / self.period_s
        warmer_c = self.swing_c * (math.sin(angle + self.phase) - math.sin(self.phase))
        return warmer_c * (self.zero_g_per_c + self.span_per_c * load_g)


def _left(hz: float, rate_hz: float, count: int) -> float:
    """What a mean of `count` samples leaves of a swing, aliases included."""
    half = math.pi * hz / rate_hz
    below = count * math.sin(half)
    return 1.0 if abs(below) < 1e-9 else abs(math.sin(count * half) / below)
