"""What lies on a platform and what its indicator sees: hands, bouncing, settling, rounding. Pure; time is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

SETTLE_S = 1.0
"""After the last movement; indicators with a usual filter call the weight stable about a second later."""

BOUNCE_HZ = 4.0
BOUNCE_FADE_S = 0.25
OVERLOAD_DIVISIONS = 9
"""An indicator blanks above capacity and nine divisions (OIML R 76-1, 4.2.2)."""

UNDERLOAD_DIVISIONS = 20
"""And below minus twenty divisions (OIML R 76-1, 4.2.2; the A12's own `LO`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the indicator shows: a multiple of its division, or a state without a number."""

    mass_g: float | None
    stable: bool
    state: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Mass that comes (or goes, if negative) between two times; `press` comes and goes again."""

    begin: float
    duration_s: float
    mass_g: float
    press: bool = False

    def share(self, now: float) -> float:
        """Of `mass_g`, what is on the platform now."""
        part = min(max((now - self.begin) / self.duration_s, 0.0), 1.0)
        if self.press:
            return math.sin(math.pi * part) ** 2
        return part * part * (3 - 2 * part)

    def bounce(self, now: float) -> float:
        """Between -1 and 1: how the platform swings after it."""
        after_s = now - self.begin - self.duration_s
        if after_s < 0:
            return 0.0
        return math.exp(-after_s / BOUNCE_FADE_S) * math.sin(2 * math.pi * BOUNCE_HZ * after_s)


class Platform:
    """One platform with its load cell and indicator; masses in grams, times in seconds of one clock."""

    def __init__(self, *, mass_g: float, division_g: float, noise_g: float, capacity_g: float, random: Random) -> None:
        self.settled_g = mass_g
        self._division_g = division_g
        self._noise_g = noise_g
        self._capacity_g = capacity_g
        self._random = random
        self._motions: list[Motion] = []
        self._overload_until = -math.inf

    def add(self, now: float, mass_g: float, duration_s: float) -> None:
        """Put a mass on; a negative one is taken off."""
        self._motions.append(Motion(begin=now, duration_s=duration_s, mass_g=mass_g))

    def touch(self, now: float, mass_g: float, duration_s: float) -> None:
        """Press and let go."""
        self._motions.append(Motion(begin=now, duration_s=duration_s, mass_g=mass_g, press=True))

    def overload(self, now: float, duration_s: float) -> None:
        """Too much for the cell, for a while."""
        self._overload_until = now + duration_s

    def settle(self, now: float) -> bool:
        """Forget motions that have ended; True when the last one just did."""
        ended = [motion for motion in self._motions if now >= motion.begin + motion.duration_s + SETTLE_S]
        for motion in ended:
            self._motions.remove(motion)
            self.settled_g += 0.0 if motion.press else motion.mass_g
        return bool(ended) and not self._motions

    @property
    def coming_g(self) -> float:
        """What will lie here when every motion has ended."""
        return self.settled_g + sum(motion.mass_g for motion in self._motions if not motion.press)

    def cell_g(self, now: float) -> float:
        """What the load cell feels, noise and swing included."""
        mass_g = self.settled_g + self._random.gauss(0.0, self._noise_g)
        for motion in self._motions:
            swing_g = abs(motion.mass_g) * 0.03 + 2 * self._division_g
            moving = motion.begin <= now < motion.begin + motion.duration_s
            handling = self._random.gauss(0.0, 0.5) if moving else motion.bounce(now)
            mass_g += motion.mass_g * motion.share(now) + swing_g * handling
        return mass_g

    def saturated(self, now: float) -> bool:
        return now < self._overload_until

    def read(self, now: float) -> Reading:
        """What the indicator shows now."""
        stable = not self._motions
        shown_g = round(self.cell_g(now) / self._division_g) * self._division_g + 0.0
        if self.saturated(now) or shown_g > self._capacity_g + OVERLOAD_DIVISIONS * self._division_g:
            return Reading(mass_g=None, stable=False, state="overload")
        if shown_g < -UNDERLOAD_DIVISIONS * self._division_g:
            return Reading(mass_g=None, stable=False, state="underload")
        return Reading(mass_g=shown_g, stable=stable)
