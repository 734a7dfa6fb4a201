"""Rows: what is said of a change, and the chain in which each row begins where the one before ended."""

from __future__ import annotations

import math

from pawon_contract.messages import Weighing, WeighingKind

from .keys import Keys
from .measure import Measure
from .stand import Stand
from .trace import Trace

# An addition of at least three times what was left, to a stock that was being emptied, is a refill.
REFILL_TIMES = 3.0


class Teller:
    """Writes the rows of one scale. ``book_g``: the end of the chain, ``after_g`` of the newest row; ``load``,
    ``tare_g``: what the scale says it shows."""

    __slots__ = (
        "_emptying",
        "_keys",
        "_measure",
        "_plateau_s",
        "_sensor",
        "_trace",
        "_zero_at_ms",
        "_zero_g",
        "book_g",
        "load",
        "tare_g",
    )

    def __init__(self, sensor: str, measure: Measure, trace: Trace, keys: Keys, plateau_s: float) -> None:
        self._sensor, self._measure, self._trace, self._plateau_s = sensor, measure, trace, plateau_s
        self.book_g = 0
        self.load: str | None = None
        self.tare_g: float | None = None
        self._keys = keys
        self._zero_g: float | None = None
        self._zero_at_ms: int | None = None
        self._emptying = False  # the last movement was an ``out``

    def movement(self, before: Stand, after: Stand, heard_ms: int) -> Weighing:
        before_g, after_g = self._measure.shown(before.level), self._measure.shown(after.told_g)
        kind: WeighingKind = "in" if after_g > before_g else "out"
        left_g = before.level - (self._zero_g or 0.0)
        if (
            kind == "in"
            and self._emptying
            and left_g >= self._measure.needed(0.0)
            and after_g - before_g >= REFILL_TIMES * left_g
        ):
            kind = "refill"
        self._emptying = kind == "out"
        self.see_empty(before)
        start_ms = before.left_ms if before.left_ms is not None else after.start_ms
        end_ms = max(start_ms, min(after.start_ms + round(self._plateau_s * 1000), after.seen_ms))
        row = self.row(kind, before_g, after_g, start_ms, end_ms, after, self._confidence(before, after, heard_ms))
        self.see_empty(after)
        return row

    def _confidence(self, before: Stand, after: Stand, heard_ms: int) -> float:
        """A product: how far the step is above the least one (0.5 at it, 0.93 at twice that), how long the shorter of
        both plateaus rested (0.63 at 3 s, 0.95 at 9 s), how exactly their levels are known against the least step, and
        whether the load was calm (0.5 if it still swayed when it was told)."""
        least = self._measure.least(after.level)
        size = 1 - 0.5 * math.exp(-2 * max(0.0, abs(after.level - before.level) / least - 1))
        rested_s = min(before.rested_ms(heard_ms), after.rested_ms(heard_ms)) / 1000
        rest = 1 - math.exp(-max(0.0, rested_s) / 3)
        error = self._measure.noise.blocks * (1 / before.count + 1 / after.count)
        exact = 1 / math.sqrt(1 + error / (3 * least) ** 2)
        return round(0.99 * size * rest * exact * (1.0 if after.calm else 0.5), 2)

    def row(
        self, kind: WeighingKind, before_g: int, after_g: int, start_ms: int, end_ms: int, stand: Stand,
        confidence: float,
    ) -> Weighing:  # fmt: skip
        drift_g = 0 if kind in ("touch", "person") else before_g - self.book_g
        if kind not in ("touch", "person"):
            self.book_g = after_g
        start_ms = max(0, min(start_ms, end_ms))
        return Weighing(
            at_ms=end_ms, sensor=self._sensor, kind=kind, before_g=before_g, after_g=after_g,
            start_ms=start_ms, end_ms=end_ms, stable_s=self._plateau_s, noise_g=round(self._measure.noise.sample_g, 1),
            confidence=confidence, division_g=self._measure.division_g,
            zero_g=self._zero_g, zero_at_ms=self._zero_at_ms,
            load="gross" if self.load == "gross" else "net" if self.load == "net" else "", tare_g=self.tare_g,
            drift_g=float(drift_g), trace=self._trace.between(start_ms, end_ms),
        )  # fmt: skip

    def see_empty(self, stand: Stand) -> None:
        """Remember where the scale stands when nothing lies on it; a net value says nothing of that."""
        if abs(stand.level) < self._measure.least(0.0) and self.load != "net" and not self._keys.taken:
            self._zero_g, self._zero_at_ms = round(stand.level, 1), max(0, stand.seen_ms)
