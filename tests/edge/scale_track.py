"""What a scale shows over time, put together by hand for the tests of the detector; seconds and grams in."""

from __future__ import annotations

import math
import random

from pawon_contract import codec
from pawon_contract.messages import Weighing
from pawon_edge.weighing import WeighingDetector

Samples = list[tuple[int, float | None]]
MOVES = ("in", "out", "refill")


class Track:
    """Samples of one scale. A real load takes time and shakes the platform; a key does not."""

    def __init__(
        self, load_g: float, *, division_g: float = 10.0, noise_g: float = 3.0, seed: int = 1, spacing_ms: int = 100
    ) -> None:
        self.samples: Samples = []
        self.load_g, self.division_g, self.noise_g = load_g, division_g, noise_g
        self.chance, self.spacing_ms, self.at_ms = random.Random(seed), spacing_ms, 0

    def show(self, felt_g: float | None) -> None:
        """One sample."""
        self.at_ms += self.spacing_ms
        shown = None
        if felt_g is not None:
            felt_g += self.chance.gauss(0, self.noise_g)
            shown = round(felt_g / self.division_g) * self.division_g
        self.samples.append((self.at_ms, shown))

    def rest(self, seconds: float, *, sway_g: float = 0.0, sway_hz: float = 1.3, slope_g_a_s: float = 0.0) -> Track:
        """The load lies there; it may sway, or flow."""
        for n in range(round(seconds * 1000 / self.spacing_ms)):
            self.load_g += slope_g_a_s * self.spacing_ms / 1000
            turn = math.sin(math.tau * sway_hz * n * self.spacing_ms / 1000) + 0.5 * math.sin(0.9 * n)
            self.show(self.load_g + sway_g * turn)
        return self

    def move(self, by_g: float, seconds: float = 0.8) -> Track:
        """Put on or taken off by hand."""
        before, count = self.load_g, max(1, round(seconds * 1000 / self.spacing_ms))
        for n in range(count):
            part = (n + 1) / (count + 1)
            self.show(before + by_g * part + self.chance.gauss(0, abs(by_g) * 0.03 + 2 * self.division_g))
        self.load_g = before + by_g
        for n in range(1, 6):
            self.show(self.load_g + abs(by_g) * 0.05 * math.exp(-n) * math.sin(2 * n))
        return self

    def key(self, shown_g: float) -> Track:
        """A key: another value at once, and no hand on the platform."""
        self.load_g = shown_g
        return self

    def silent(self, seconds: float) -> Track:
        """No samples."""
        self.at_ms += round(seconds * 1000)
        return self

    def overloaded(self, seconds: float) -> Track:
        """Samples without a number."""
        for _ in range(round(seconds * 1000 / self.spacing_ms)):
            self.show(None)
        return self


def weigh(samples: Samples, scale: WeighingDetector | None = None, *, division_g: float = 10.0) -> list[Weighing]:
    """All weighings, up to the end of the recording; each fits the wire and its times are in order."""
    scale = scale or WeighingDetector(sensor="timbangan-1", division_g=division_g)
    rows = [row for at_ms, mass in samples for row in scale.take(at_ms, mass)]
    rows += scale.finish()
    for row in rows:
        assert codec.decode_item(codec.encode_item(row)) == row
        assert row.start_ms <= row.end_ms == row.at_ms
        assert 0 <= row.confidence <= 1
    return rows


def changes(rows: list[Weighing]) -> list[tuple[str, int]]:
    """Kinds and differences, without the opening row."""
    return [(row.kind, row.after_g - row.before_g) for row in rows if row.kind != "first"]


def movements(rows: list[Weighing]) -> list[int]:
    """What the stock book hears, in grams."""
    return [row.after_g - row.before_g for row in rows if row.kind in MOVES]
