"""How fast an organism grows at a temperature: the secondary models of predictive microbiology.

Each gives log10 per hour, zero where it knows no growth, and the temperature at which it is fastest. Parameters are in
the unit of their source; ``natural`` says that this is ln per hour.
"""

from __future__ import annotations

import math
from typing import Protocol

import msgspec

_LN10 = math.log(10.0)


class GrowthRate(Protocol):
    """Rate by temperature, rising up to ``optimum_c`` and falling above it."""

    @property
    def optimum_c(self) -> float:
        """The temperature of the fastest growth, in C."""

    def rate(self, value_c: float) -> float:
        """log10 per hour at ``value_c``; never below zero."""


def fastest(model: GrowthRate, one_c: float, other_c: float) -> float:
    """The highest rate at any temperature between the two, in log10/h."""
    low, high = sorted((one_c, other_c))
    return model.rate(min(max(model.optimum_c, low), high))


class CardinalTemperatures(msgspec.Struct, frozen=True, kw_only=True):
    """CTMI (Rosso et al. 1993): lowest, best and highest temperature of growth in C, and the rate at the best."""

    best_rate: float
    lowest_c: float
    best_c: float
    highest_c: float
    natural: bool

    def __post_init__(self) -> None:
        if not (self.lowest_c + self.highest_c) / 2 < self.best_c < self.highest_c:
            raise ValueError("the best temperature must lie in the upper half: elsewhere the formula has a pole")

    @property
    def optimum_c(self) -> float:
        """The best temperature itself."""
        return self.best_c

    def rate(self, value_c: float) -> float:
        """log10 per hour; zero outside lowest..highest."""
        low, best, high = self.lowest_c, self.best_c, self.highest_c
        if not low < value_c < high:
            return 0.0
        above = value_c - low
        shape = (best - low) * (value_c - best) - (best - high) * (best + low - 2 * value_c)
        rate = self.best_rate * (value_c - high) * above * above / ((best - low) * shape)
        return max(0.0, rate) / (_LN10 if self.natural else 1.0)


class ModifiedRatkowsky(msgspec.Struct, frozen=True, kw_only=True):
    """``a (T - lowest)^2 (1 - exp(b (T - highest)))`` (Zwietering et al. 1991)."""

    a: float
    lowest_c: float
    b: float
    highest_c: float
    natural: bool

    @property
    def optimum_c(self) -> float:
        """Where the slope is zero."""
        return _summit(self.lowest_c, self.highest_c, self.b, 2.0, 1.0)

    def rate(self, value_c: float) -> float:
        """log10 per hour; zero outside lowest..highest."""
        if not self.lowest_c < value_c < self.highest_c:
            return 0.0
        above = value_c - self.lowest_c
        rate = self.a * above * above * -math.expm1(self.b * (value_c - self.highest_c))
        return rate / (_LN10 if self.natural else 1.0)


class HuangSquareRoot(msgspec.Struct, frozen=True, kw_only=True):
    """``sqrt(rate) = a (T - lowest)^0.75 (1 - exp(b (T - highest)))`` (Huang et al. 2011)."""

    a: float
    lowest_c: float
    b: float
    highest_c: float
    natural: bool

    @property
    def optimum_c(self) -> float:
        """Where the slope is zero."""
        return _summit(self.lowest_c, self.highest_c, self.b, 1.5, 2.0)

    def rate(self, value_c: float) -> float:
        """log10 per hour; zero outside lowest..highest."""
        if not self.lowest_c < value_c < self.highest_c:
            return 0.0
        root = self.a * math.pow(value_c - self.lowest_c, 0.75) * -math.expm1(self.b * (value_c - self.highest_c))
        return root * root / (_LN10 if self.natural else 1.0)


class SquareRoot(msgspec.Struct, frozen=True, kw_only=True):
    """``sqrt(rate) = b (T - lowest)`` (Ratkowsky et al. 1982): below the optimum only, it never falls again."""

    b: float
    lowest_c: float
    natural: bool

    @property
    def optimum_c(self) -> float:
        """None is known: the hotter, the faster."""
        return math.inf

    def rate(self, value_c: float) -> float:
        """log10 per hour; zero below lowest."""
        root = self.b * max(0.0, value_c - self.lowest_c)
        return root * root / (_LN10 if self.natural else 1.0)


def _summit(lowest_c: float, highest_c: float, b: float, p: float, q: float) -> float:
    """Where ``(T - lowest)^p (1 - exp(b (T - highest)))^q`` is greatest: its slope has one zero in between."""
    low, high = lowest_c, highest_c
    for _ in range(64):  # halvings: past them a float has no more digits
        middle = (low + high) / 2
        e = math.exp(b * (middle - highest_c))
        if p * (1.0 - e) > q * b * e * (middle - lowest_c):
            low = middle
        else:
            high = middle
    return (low + high) / 2
