"""What lies on a platform and what its indicator sees: hands, bouncing, settling, averaging, rounding, zero and tare.

Pure; time is given. The noise is the load cell's, before the indicator averages.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Protocol

SETTLE_S = 1.0
"""After the last movement; indicators with a usual filter call the weight stable about a second later."""

BOUNCE_HZ = 4.0
BOUNCE_FADE_S = 0.25
OVERLOAD_DIVISIONS = 9
"""An indicator blanks above capacity and nine divisions (OIML R 76-1, 4.2.2)."""

UNDERLOAD_DIVISIONS = 20
"""And below minus twenty divisions (OIML R 76-1, 4.2.2; the A12's own `LO`)."""

ZERO_KEY_SHARE = 0.04
"""Of capacity: within it the zero key works (OIML R 76-1, 4.5.1)."""

ZERO_AT_START_SHARE = 0.2
"""Of capacity: within it an indicator may zero itself when it gets power (OIML R 76-1, 4.5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the indicator shows: a multiple of its division, or a state without a number."""

    mass_g: float | None
    stable: bool
    state: str = "ok"
    load: str = "gross"


class Force(Protocol):
    """Grams that a cell feels from `begin_s` to `end_s` and that nobody weighs; `load_g` is what lies on it."""

    @property
    def begin_s(self) -> float: ...

    @property
    def end_s(self) -> float: ...

    def grams(self, now: float, load_g: float) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Mass that comes (or goes, if negative) between two times; `press` comes and goes again, `drip` flows evenly."""

    begin: float
    duration_s: float
    mass_g: float
    press: bool = False
    drip: bool = False

    def share(self, now: float) -> float:
        """Of `mass_g`, what is on the platform now."""
        part = min(max((now - self.begin) / self.duration_s, 0.0), 1.0)
        if self.drip:
            return part
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
    """One platform with its load cell and indicator; masses in grams, times in seconds of one clock.

    `noise_g`: sigma of the cell's single conversion. `averaged`: the indicator shows the mean of so many of them.
    """

    def __init__(
        self,
        *,
        mass_g: float,
        division_g: float,
        noise_g: float,
        capacity_g: float,
        random: Random,
        averaged: int = 1,
    ) -> None:
        self.settled_g = mass_g
        self.tared = False
        self._division_g = division_g
        self._noise_g = noise_g
        self._capacity_g = capacity_g
        self._gauss = random.gauss
        self._motions: list[Motion] = []
        self._forces: list[Force] = []
        self._overload_until = -math.inf
        self._averaged = averaged
        self._conversions: deque[float] = deque(maxlen=averaged)
        self._zero_g = 0.0
        self._tare_g = 0.0

    def add(self, now: float, mass_g: float, duration_s: float, *, drip: bool = False) -> None:
        """Put a mass on; a negative one is taken off. `drip`: it flows, and no hand shakes the platform."""
        self._motions.append(Motion(begin=now, duration_s=duration_s, mass_g=mass_g, drip=drip))

    def touch(self, now: float, mass_g: float, duration_s: float) -> None:
        """Press and let go."""
        self._motions.append(Motion(begin=now, duration_s=duration_s, mass_g=mass_g, press=True))

    def feel(self, force: Force) -> None:
        """Something works on the cell that is no load: a hand, a mixer's floor, wind, warmth."""
        self._forces.append(force)

    def overload(self, now: float, duration_s: float) -> None:
        """Too much for the cell, for a while."""
        self._overload_until = now + duration_s

    def tare(self) -> None:
        """The key: what is shown becomes 0 at once."""
        self._tare_g = self._gross_g()
        self.tared = True

    def clear_tare(self) -> None:
        self._tare_g = 0.0
        self.tared = False

    def zero(self) -> None:
        """The key: what is shown becomes 0 if it is near enough to the zero of the calibration; else nothing."""
        felt_g = self._gross_g() + self._zero_g
        if abs(felt_g) <= ZERO_KEY_SHARE * self._capacity_g:
            self._zero_g = felt_g

    def restart(self, now: float, *, zeroes: bool) -> None:
        """Power came back: tare and zero are those of the calibration, or the load there is taken for none."""
        self._conversions.clear()
        self._tare_g = self._zero_g = 0.0
        self.tared = False
        if zeroes and abs(self.settled_g) <= ZERO_AT_START_SHARE * self._capacity_g:
            self._zero_g = sum(self.cell_g(now) for _ in range(self._averaged)) / self._averaged

    def settle(self, now: float) -> bool:
        """Forget motions and forces that have ended; True when the last motion just did."""
        if self._forces:
            self._forces = [force for force in self._forces if now <= force.end_s]
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
        mass_g = self.settled_g + self._gauss(0.0, self._noise_g)
        for motion in self._motions:
            mass_g += motion.mass_g * motion.share(now)
            if not motion.drip:
                swing_g = abs(motion.mass_g) * 0.03 + 2 * self._division_g
                moving = motion.begin <= now < motion.begin + motion.duration_s
                mass_g += swing_g * (self._gauss(0.0, 0.5) if moving else motion.bounce(now))
        for force in self._forces:
            if force.begin_s <= now:
                mass_g += force.grams(now, self.settled_g)
        return mass_g

    def saturated(self, now: float) -> bool:
        return now < self._overload_until

    def read(self, now: float) -> Reading:
        """What the indicator shows now."""
        shown_g, state = self.show(now)
        return Reading(mass_g=shown_g, stable=state == "ok" and not self._motions, state=state)

    def show(self, now: float) -> tuple[float | None, str]:
        """The same as a plain mass and state, for those who read millions. One conversion of the cell each."""
        self._conversions.append(self.cell_g(now))
        gross_g, division_g = self._gross_g(), self._division_g
        if self.saturated(now) or gross_g > self._capacity_g + (OVERLOAD_DIVISIONS + 0.5) * division_g:
            return None, "overload"
        shown_g = round((gross_g - self._tare_g) / division_g) * division_g + 0.0
        if gross_g < -(UNDERLOAD_DIVISIONS + 0.5) * division_g:
            return None, "underload"
        return shown_g, "ok"

    def _gross_g(self) -> float:
        conversions = self._conversions
        felt_g = conversions[-1] if self._averaged == 1 else sum(conversions) / len(conversions)
        return felt_g - self._zero_g
