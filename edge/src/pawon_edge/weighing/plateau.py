"""Blocks of half a second, and whether a stretch of them stands. Knows nothing of stock.

A stretch stands when its block means stray no more than the scale does by itself, its samples shake no more, and it
has no slope. Shaking asks for a longer stretch, never for a larger tolerance.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import islice

from .noise import SHAKES_MORE, STRAYS_MORE, Noise

# Long enough to average a few samples of a 10 Hz scale, short enough to date a step.
BLOCK_MS = 500
# A stretch with fewer blocks has no spread worth the name.
MIN_BLOCKS = 4
# Four sigma of the slope's own error: 1 in 16,000 by chance.
SLOPE_SIGMAS = 4.0
# Eight seconds hold four swings of the slowest sway (0.5 Hz); twenty hold wind of a ceiling fan.
ROUGH_MS = 8_000
ROUGH_BLOCKS = 16
LONGEST_BLOCKS = 40
# A step leaves three of four quarters quiet; the second quietest of four that shake alike has more than an eighth of
# the whole in 99 of 100.
QUARTERS_STRAY = 8.0


class Block:
    """Some samples: from when to when, how many, their mean, their squares about it; ``moving``: the device says so."""

    __slots__ = ("count", "end_ms", "mean", "moving", "squares", "start_ms")

    def __init__(self, start_ms: int, end_ms: int, count: int, mean: float, squares: float, moving: bool) -> None:
        self.start_ms, self.end_ms, self.count, self.mean, self.squares = start_ms, end_ms, count, mean, squares
        self.moving = moving


class Stretch:
    """What some blocks in a row say: mean, variance between and within them, and the rise from first to last."""

    __slots__ = ("between", "blocks", "end_ms", "mean", "moving", "rise", "start_ms", "within")

    def __init__(self, blocks: Sequence[Block]) -> None:
        count = len(blocks)
        first = blocks[0].mean
        total = squares = slope = 0.0
        inner, freedom, moving = 0.0, 0, False
        middle = (count - 1) / 2
        for number, block in enumerate(blocks):
            off = block.mean - first
            total += off
            squares += off * off
            slope += off * (number - middle)
            inner += block.squares
            freedom += block.count - 1
            moving = moving or block.moving
        self.blocks, self.start_ms, self.end_ms = count, blocks[0].start_ms, blocks[-1].end_ms
        self.mean = first + total / count
        self.between = max(0.0, squares - total * total / count) / (count - 1)
        self.within = inner / freedom if freedom else 0.0
        # Least squares over equal spaces: sum of (n - middle)^2 is count (count^2 - 1) / 12.
        self.rise = slope * 12 / (count * (count + 1))
        self.moving = moving

    @property
    def error_g(self) -> float:
        """Standard error of the mean, from its own blocks."""
        return math.sqrt(self.between / self.blocks)

    def level(self, strays: float, division_g: float) -> bool:
        """No slope that its noise (variance of a block mean) does not explain, nor one hidden by rounding."""
        error = math.sqrt(12 * strays * (self.blocks - 1) / (self.blocks * (self.blocks + 1)))
        return abs(self.rise) <= max(division_g, SLOPE_SIGMAS * error)

    def calm(self, noise: Noise, division_g: float) -> bool:
        """As quiet as the scale is by itself."""
        return (
            not self.moving
            and self.between <= STRAYS_MORE * noise.blocks
            and self.within <= SHAKES_MORE * noise.samples
            and self.level(noise.blocks, division_g)
        )

    def even(self, division_g: float) -> bool:
        """Going nowhere, judged by its own noise about its own slope."""
        count = self.blocks
        sloped = self.rise * self.rise * count * (count + 1) / (12 * (count - 1))
        return self.level(max(0.0, self.between * (count - 1) - sloped) / (count - 2), division_g)


def shaken(blocks: Sequence[Block]) -> bool:
    """It strays in (nearly) every quarter as much as in all: a floor that shakes or a body that sways, and no step."""
    quarter = len(blocks) // 4
    spreads = sorted(Stretch(blocks[n * quarter : (n + 1) * quarter]).between for n in range(4))
    return Stretch(blocks).between <= QUARTERS_STRAY * spreads[1]


class Blocks:
    """The newest blocks without a hole between them, and the stretches that end now."""

    __slots__ = ("_blocks", "_least", "_plateau_ms")

    def __init__(self, plateau_ms: int) -> None:
        self._blocks: deque[Block] = deque(maxlen=LONGEST_BLOCKS)
        self._plateau_ms = plateau_ms
        self._least = MIN_BLOCKS if plateau_ms >= MIN_BLOCKS * BLOCK_MS else 3

    def add(self, block: Block) -> None:
        self._blocks.append(block)

    def clear(self) -> None:
        self._blocks.clear()

    def since(self, count: int) -> float:
        """The mean of the newest block less that of ``count`` blocks before; 0 if there is none."""
        blocks = self._blocks
        return blocks[-1].mean - blocks[-1 - count].mean if len(blocks) > count else 0.0

    def newest(self) -> Stretch | None:
        """The shortest stretch that may be a plateau."""
        blocks = self._last(self._plateau_ms, self._least)
        return Stretch(blocks) if blocks else None

    def rough(self, division_g: float) -> Stretch | None:
        """A longer one that shakes all the time and goes nowhere."""
        for span_ms, least in ((max(ROUGH_MS, self._plateau_ms), ROUGH_BLOCKS), (0, LONGEST_BLOCKS)):
            blocks = self._last(span_ms, least)
            if blocks and shaken(blocks) and (found := Stretch(blocks)).even(division_g):
                return found
        return None

    def _last(self, span_ms: int, least: int) -> list[Block]:
        blocks = self._blocks
        if len(blocks) < least:
            return []
        begin_ms = blocks[-1].end_ms - span_ms
        for count, block in enumerate(reversed(blocks), 1):
            if block.start_ms <= begin_ms and count >= least:
                return list(islice(blocks, len(blocks) - count, None))
        return []
