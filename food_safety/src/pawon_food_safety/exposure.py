"""Exposure: how long food lay below, inside and above a band of temperatures, and what that makes of it.

Sums are added, so that a lot's history is the sum over the places where it lay. A value holds as in ``limit``; time
that nobody measured is counted as *unknown* and never as outside the band. Exactly ``low_c`` and exactly ``high_c``
are outside. Every millisecond of a stretch is counted once.

Thawing (never more than 4 h in all above 5 C) needs no rule of its own: it is the exposure of a band from 5 C up, and
a ladder that discards from 4 h on; a cumulative ``Limit`` row raises the alarm.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .limit import Observation
from .rows import Disposition, Ladder

_GRAVITY: dict[Disposition, int] = {"use": 0, "hold": 1, "discard": 2}


class Exposure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Time in ms below, inside and above a band and unknown; the coldest and hottest samples seen, in C."""

    below_ms: int = 0
    inside_ms: int = 0
    above_ms: int = 0
    unknown_ms: int = 0
    min_c: float | None = None
    max_c: float | None = None

    def __add__(self, other: Exposure) -> Exposure:
        """Both, one after the other: of the same band, of different time."""
        return Exposure(
            below_ms=self.below_ms + other.below_ms,
            inside_ms=self.inside_ms + other.inside_ms,
            above_ms=self.above_ms + other.above_ms,
            unknown_ms=self.unknown_ms + other.unknown_ms,
            min_c=min((c for c in (self.min_c, other.min_c) if c is not None), default=None),
            max_c=max((c for c in (self.max_c, other.max_c) if c is not None), default=None),
        )


class ExposureState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last observation, and the exposure up to it."""

    last_ms: int | None = None
    last_value: float = 0.0
    valid_until_ms: int = 0
    total: Exposure = Exposure()


def step(low_c: float, high_c: float, state: ExposureState, seen: Observation) -> ExposureState:
    """Count the time up to one observation. One that is not newer than the last one changes nothing."""
    last_ms, total = state.last_ms, state.total
    if last_ms is not None and seen.at_ms <= last_ms:
        return state
    if last_ms is not None:
        total += _stretch(low_c, high_c, state.last_value, state.valid_until_ms, last_ms, seen.at_ms)
    return ExposureState(
        last_ms=seen.at_ms, last_value=seen.value, valid_until_ms=seen.valid_until_ms, total=total + _samples(seen)
    )


def expose(low_c: float, high_c: float, series: Iterable[Observation], begin_ms: int, end_ms: int) -> Exposure:
    """The exposure from ``begin_ms`` up to ``end_ms`` by a series in order of time. The observation before the
    beginning belongs to it, for its value reaches in; what the series lacks is unknown. Extremes are those of the
    values that held in the stretch, and those that were reported in it."""
    total, last, now_ms = Exposure(), None, begin_ms
    for seen in series:
        if seen.at_ms >= end_ms:
            break
        if last is not None and seen.at_ms <= last.at_ms:
            continue
        if seen.at_ms >= begin_ms:
            total += _since(low_c, high_c, last, now_ms, seen.at_ms) + _samples(seen)
            now_ms = seen.at_ms
        last = seen
    return total + _since(low_c, high_c, last, now_ms, end_ms)


def ladder_step(ladder: Iterable[Ladder], ms: float) -> Ladder | None:
    """The row that applies after ``ms`` in the band: the gravest of those that have come; None: none has, ``use``."""
    come = [row for row in ladder if row.from_s * 1000 <= ms]
    return max(come, key=lambda row: (_GRAVITY[row.disposition], row.from_s), default=None)


def disposition(ladder: Iterable[Ladder], exposure: Exposure) -> Disposition:
    """What becomes of the food, by its time inside the band. Where the unknown time could make it graver, it is held:
    what nobody measured frees no food and condemns none."""
    rows = list(ladder)
    measured = ladder_step(rows, exposure.inside_ms)
    possible = ladder_step(rows, exposure.inside_ms + exposure.unknown_ms)
    known: Disposition = "use" if measured is None else measured.disposition
    return "hold" if known == "use" and possible is not None and possible.disposition != "use" else known


def rebase(state: ExposureState, shift_ms: int, before_ms: int) -> ExposureState:
    """The same state on another timeline (a new boot), ending before ``before_ms``; see ``limit.rebase``."""
    if state.last_ms is None:
        return state
    last_ms = state.last_ms + min(shift_ms, before_ms - 1 - state.last_ms)
    return msgspec.structs.replace(state, last_ms=last_ms, valid_until_ms=last_ms)


def _since(low_c: float, high_c: float, last: Observation | None, from_ms: int, to_ms: int) -> Exposure:
    if last is None:
        return Exposure(unknown_ms=max(0, to_ms - from_ms))
    return _stretch(low_c, high_c, last.value, last.valid_until_ms, from_ms, to_ms)


def _stretch(low_c: float, high_c: float, value_c: float, valid_until_ms: int, from_ms: int, to_ms: int) -> Exposure:
    held = max(0, min(to_ms, valid_until_ms) - from_ms)
    if not held:
        return Exposure(unknown_ms=max(0, to_ms - from_ms))
    below, above = value_c <= low_c, value_c >= high_c
    return Exposure(
        below_ms=held if below else 0, inside_ms=0 if below or above else held, above_ms=held if above else 0,
        unknown_ms=to_ms - from_ms - held, min_c=value_c, max_c=value_c,
    )  # fmt: skip


def _samples(seen: Observation) -> Exposure:
    return Exposure(
        min_c=seen.value if seen.low is None else min(seen.low, seen.value),
        max_c=seen.value if seen.high is None else max(seen.high, seen.value),
    )
