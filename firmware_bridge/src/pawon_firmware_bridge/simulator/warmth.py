"""A temperature that goes where it is drawn to, by Newton's law of cooling. Pure; time is a parameter."""

from __future__ import annotations

import math
from random import Random

from pawon_firmware_bridge.ds18b20 import STEPS_PER_DEGREE


class Warmth:
    """One probe's surroundings, in degrees Celsius."""

    def __init__(self, *, temperature_c: float, noise_c: float, random: Random) -> None:
        self._from_c = self._target_c = temperature_c
        self._since = 0.0
        self._tau_s = 1.0
        self._noise_c = noise_c
        self._random = random

    def approach(self, now: float, target_c: float, tau_s: float) -> None:
        """From now on draw nearer to `target_c`: 63 % of the way in `tau_s`, 95 % in three times that."""
        self._from_c = self.temperature_c(now)
        self._target_c, self._since, self._tau_s = target_c, now, tau_s

    def temperature_c(self, now: float) -> float:
        return self._target_c + (self._from_c - self._target_c) * math.exp(-(now - self._since) / self._tau_s)

    def steps(self, now: float) -> int:
        """As a DS18B20 sees it: steps of 0.0625 C, with the probe's noise."""
        return round((self.temperature_c(now) + self._random.gauss(0.0, self._noise_c)) * STEPS_PER_DEGREE)
