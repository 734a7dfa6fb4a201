"""A heat history as a strip: time from left to right, what each moment was by colour, pattern and word.

Drawn here as numbers only; the patterns and the words stand in the template.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Literal, NamedTuple

from pawon_food_safety.rows import Exposure as Band

from ..food_safety.heat import Slice

Sign = Literal["below", "inside", "above", "unknown"]
# What fits on a phone, a column being a pixel or two.
COLUMNS = 240


class Stripe(NamedTuple):
    """A stretch of one sign, in columns."""

    x: int
    width: int
    sign: Sign


def strip(series: Iterable[Slice], stay: tuple[int, int], whole: tuple[int, int], band: Band) -> list[Stripe]:
    """The stripes of a stay within the ``whole`` time of the picture (both from, to before, ms). A column bears the
    worst of what lies in it: the danger zone first, then what nobody knows."""
    start_ms, length_ms = whole[0], max(1, whole[1] - whole[0])

    def column(at_ms: int) -> int:
        return min(COLUMNS, max(0, (at_ms - start_ms) * COLUMNS // length_ms))

    first = min(column(stay[0]), COLUMNS - 1)
    end = max(first + 1, column(stay[1]))
    known_ms, inside, above = [0] * COLUMNS, [False] * COLUMNS, [False] * COLUMNS
    for one in series:
        for x in range(column(one.start_ms), min(COLUMNS - 1, column(one.end_ms)) + 1):
            from_ms = start_ms + -(-x * length_ms // COLUMNS)
            until_ms = start_ms + -(-(x + 1) * length_ms // COLUMNS)
            shared = min(one.end_ms, until_ms, stay[1]) - max(one.start_ms, from_ms, stay[0])
            if shared > 0:
                known_ms[x] += shared
                inside[x] |= one.high_c > band.low_c and one.low_c < band.high_c
                above[x] |= one.low_c >= band.high_c
    signs: list[Sign] = []
    for x in range(first, end):
        from_ms = max(stay[0], start_ms + -(-x * length_ms // COLUMNS))
        until_ms = min(stay[1], start_ms + -(-(x + 1) * length_ms // COLUMNS))
        gap = known_ms[x] < until_ms - from_ms or not known_ms[x]
        signs.append("inside" if inside[x] else "unknown" if gap else "above" if above[x] else "below")
    stripes, x = [], first
    for sign, group in itertools.groupby(signs):
        width = len(list(group))
        stripes.append(Stripe(x, width, sign))
        x += width
    return stripes
