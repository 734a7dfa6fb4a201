"""Mean kinetic temperature: the constant temperature that would have aged goods as much as the varying one did.

A quality index from pharmacy, shown for *equipment* only. It is no criterion for pathogens: an hour at 30 C in a day at
4 C gives a harmless-looking 8.9 C. It must not decide about food.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from .series import COLDEST_C, HOTTEST_C

ACTIVATION_J_MOL = 83_144.0  # USP's convention
_GAS_J_MOL_K = 8.314462618
_ZERO_C_IN_K = 273.15


def mean_kinetic_temperature(series: Iterable[tuple[float, float]]) -> float | None:
    """Mean kinetic temperature in C of (duration in s, temperature in C).

    What is no duration above zero or no temperature is left out; None if nothing is left.
    """
    per_k = ACTIVATION_J_MOL / _GAS_J_MOL_K
    total_s = aged = 0.0
    for duration_s, value_c in series:
        if 0 < duration_s < math.inf and COLDEST_C <= value_c <= HOTTEST_C:
            total_s += duration_s
            aged += duration_s * math.exp(-per_k / (value_c + _ZERO_C_IN_K))
    return per_k / -math.log(aged / total_s) - _ZERO_C_IN_K if total_s > 0 else None
