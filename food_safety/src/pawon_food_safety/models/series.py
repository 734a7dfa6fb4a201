"""A temperature series as the models take it: reading after reading, with what lies between two of them.

Between two readings the temperature is taken as the straight line, or as unknown: a *gap*. This module says which and
keeps the account; what a gap means is each model's own affair. It reads no clock.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

# Nothing in a kitchen is colder or hotter: beyond them a reading is a broken sensor's, and would silence a model.
COLDEST_C = -100.0
HOTTEST_C = 350.0
# Readings further apart say nothing of what lay between, whoever vouches for it; it also bounds the work of one step.
LONGEST_HELD_MS = 3_600_000


class Track(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of a series.

    ``last_ms`` and ``last_c``: the last usable reading; ``broken``: an unusable one came after it; ``unknown_ms``: all
    gaps together; ``lowest_c`` and ``highest_c``: of all usable readings (of no meaning while ``last_ms`` is None).
    """

    last_ms: int | None = None
    last_c: float = 0.0
    broken: bool = False
    unknown_ms: int = 0
    lowest_c: float = 0.0
    highest_c: float = 0.0


class Segment(NamedTuple):
    """From one usable reading to the next: ``known`` is the straight line between them, else a gap."""

    duration_ms: int
    from_c: float
    to_c: float
    known: bool


def follow(track: Track, at_ms: int, value_c: float, held: bool) -> tuple[Track, Segment | None]:
    """Take one reading; give the segment that it ends, if it ends one.

    ``held``: the reading before it was still valid at ``at_ms``. A reading that is not newer than the last one changes
    nothing; one that is no temperature breaks the line, so that the next usable one ends a gap.
    """
    if track.last_ms is not None and at_ms <= track.last_ms:
        return track, None
    if not COLDEST_C <= value_c <= HOTTEST_C:  # NaN is not between anything either
        return msgspec.structs.replace(track, broken=True), None
    if track.last_ms is None:
        return Track(last_ms=at_ms, last_c=value_c, lowest_c=value_c, highest_c=value_c), None
    duration_ms = at_ms - track.last_ms
    known = held and not track.broken and duration_ms <= LONGEST_HELD_MS
    return (
        Track(
            last_ms=at_ms,
            last_c=value_c,
            unknown_ms=track.unknown_ms + (0 if known else duration_ms),
            lowest_c=min(track.lowest_c, value_c),
            highest_c=max(track.highest_c, value_c),
        ),
        Segment(duration_ms, track.last_c, value_c, known),
    )
