"""Cooking: is the core hot enough for long enough, as a pure step over one probe's observations, and over a batch.

A session begins when the core comes to ``begin_c`` and ends when the probe was taken out or heard of no more. It passes
by ``core_c`` held for ``hold_s`` without interruption, or by a lethality F of ``f_min`` minutes (UK 70 C for 2 minutes
and its equals, z 7.5). A value holds as in ``limit``; where samples went lower between two reports, the lowest counts.
A gap adds nothing to F and breaks the hold; it never proves that food stayed raw either.

Says what was measured; whose pan it was, and what becomes of the food, is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from . import rows
from .limit import Observation

# So far below its peak a core that was hot has left the fire: stirring and turning move a core by less.
TAKEN_OUT_C = 10.0
# Food that was taken out and rises by so much again is cooked on: a new session, which starts from nothing.
COOKED_ON_C = 5.0
# After so long without a value nothing ties the probe to the same pan; lids and steam silence a radio for less.
LONGEST_GAP_MS = 10 * 60_000
# Sums of products of floats; a millionth of a millisecond or of a degree decides nothing.
_TOLERANCE = 1e-6
# Past twelve decades nothing is left to count, and a power of ten would leave the floats.
_MOST_DECADES = 12.0


class CookingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one probe remembers: its running session, or its last one until the next begins.

    ``peak_c``: hottest core; ``lethal_ms``: F in ms at the reference temperature; ``held_ms``: at ``core_c`` without
    interruption, ``hot_ms``: in all; ``trough_c``: the coldest since the food was taken out, while it is still hot.
    """

    last_ms: int | None = None
    last_value: float = 0.0
    valid_until_ms: int = 0
    began_ms: int | None = None
    ended_ms: int | None = None
    passed_ms: int | None = None
    peak_c: float = 0.0
    trough_c: float | None = None
    lethal_ms: float = 0.0
    held_ms: int = 0
    hot_ms: int = 0
    measured_ms: int = 0
    unknown_ms: int = 0


class CookingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``begun``; ``passed``: at ``at_ms`` it became true; and one of three ends. ``failed``: undercooked, and measured
    so. ``unproven``: not seen to pass, but it may have while nobody measured. ``ended``: after it had passed, or
    without ever having come to ``floor_c``. Figures are those of the session up to ``at_ms``."""

    kind: Literal["begun", "passed", "failed", "unproven", "ended"]
    at_ms: int
    began_ms: int
    peak_c: float
    f_value_min: float
    measured_ms: int
    unknown_ms: int


class Coldest(msgspec.Struct, frozen=True, kw_only=True):
    """The probes of one pan or batch as one: ``passed_ms`` when the last of them had passed, None while any has not;
    ``measured`` of ``wanted`` probes; the lowest peak and the lowest F of those that measured."""

    passed_ms: int | None
    measured: int
    wanted: int
    peak_c: float | None
    f_value_min: float


def step(row: rows.Cooking, state: CookingState, seen: Observation) -> tuple[CookingState, list[CookingEvent]]:
    """Judge one observation of a core. One that is not newer than the last one changes nothing."""
    last_ms, began_ms = state.last_ms, state.began_ms
    if last_ms is not None and seen.at_ms <= last_ms:
        return state, []
    if last_ms is None or began_ms is None or state.ended_ms is not None:
        return _wait(row, state, seen)
    held_until = max(last_ms, min(seen.at_ms, state.valid_until_ms))
    held, gap = held_until - last_ms, seen.at_ms - held_until
    # Between two reports no more is credited than the coldest sample allows.
    core_c = state.last_value if seen.low is None else min(state.last_value, seen.low)
    per_ms = _lethality(row, core_c)
    lethal_ms = state.lethal_ms + per_ms * held
    is_hot = core_c >= row.core_c - _TOLERANCE
    held_ms = state.held_ms + held if is_hot else 0
    measured_ms, passed_ms = state.measured_ms + held, state.passed_ms
    events = []
    if passed_ms is None:
        wait = (row.f_min * 60_000 - state.lethal_ms) / per_ms if per_ms else math.inf
        if is_hot:
            wait = min(wait, row.hold_s * 1000 - state.held_ms)
        if wait <= held + _TOLERANCE:
            after = max(0, math.ceil(wait - _TOLERANCE))
            passed_ms = last_ms + after
            events.append(
                CookingEvent(
                    kind="passed", at_ms=passed_ms, began_ms=began_ms, peak_c=state.peak_c,
                    f_value_min=(state.lethal_ms + per_ms * after) / 60_000, measured_ms=state.measured_ms + after,
                    unknown_ms=state.unknown_ms,
                )
            )  # fmt: skip
    lost = gap > LONGEST_GAP_MS
    peak_c = state.peak_c if lost else max(state.peak_c, seen.value)
    taken_out = seen.value < row.begin_c or (peak_c >= row.floor_c and seen.value <= peak_c - TAKEN_OUT_C)
    state = CookingState(
        last_ms=seen.at_ms, last_value=seen.value, valid_until_ms=seen.valid_until_ms, began_ms=began_ms,
        ended_ms=held_until if lost else seen.at_ms if taken_out else None, passed_ms=passed_ms, peak_c=peak_c,
        trough_c=seen.value if taken_out and seen.value >= row.begin_c else None, lethal_ms=lethal_ms,
        held_ms=0 if gap else held_ms, hot_ms=state.hot_ms + held if is_hot else state.hot_ms,
        measured_ms=measured_ms, unknown_ms=state.unknown_ms + gap,
    )  # fmt: skip
    if state.ended_ms is not None:
        events.append(_event(_verdict(row, state), state.ended_ms, began_ms, state))
    if lost and seen.value >= row.begin_c:
        state, begun = _begin(seen)
        events += begun
    return state, events


def coldest(row: rows.Cooking, states: Sequence[CookingState]) -> Coldest:
    """Fold the probes of one pan or batch: it has passed when every probe has."""
    measured = [state for state in states if state.began_ms is not None]
    passed = [state.passed_ms for state in states if state.passed_ms is not None]
    return Coldest(
        passed_ms=max(passed) if passed and len(passed) == len(states) else None,
        measured=len(measured),
        wanted=row.probes,
        peak_c=min((state.peak_c for state in measured), default=None),
        f_value_min=min((state.lethal_ms / 60_000 for state in measured), default=0.0),
    )


def rebase(state: CookingState, shift_ms: int, before_ms: int) -> CookingState:
    """The same state on another timeline (a new boot), ending before ``before_ms``; see ``limit.rebase``."""
    if state.last_ms is None:
        return state
    by = min(shift_ms, before_ms - 1 - state.last_ms)
    return msgspec.structs.replace(
        state,
        last_ms=state.last_ms + by,
        valid_until_ms=state.last_ms + by,
        began_ms=None if state.began_ms is None else state.began_ms + by,
        ended_ms=None if state.ended_ms is None else state.ended_ms + by,
        passed_ms=None if state.passed_ms is None else state.passed_ms + by,
    )


def _wait(row: rows.Cooking, state: CookingState, seen: Observation) -> tuple[CookingState, list[CookingEvent]]:
    trough_c = state.trough_c
    lost = state.last_ms is not None and seen.at_ms - max(state.last_ms, state.valid_until_ms) > LONGEST_GAP_MS
    if seen.value >= row.begin_c and (trough_c is None or lost or seen.value >= trough_c + COOKED_ON_C):
        return _begin(seen)
    # Still hot where it stands, or too cold to be anywhere near a fire.
    trough_c = None if trough_c is None or seen.value < row.begin_c else min(trough_c, seen.value)
    return msgspec.structs.replace(
        state, last_ms=seen.at_ms, last_value=seen.value, valid_until_ms=seen.valid_until_ms, trough_c=trough_c
    ), []


def _begin(seen: Observation) -> tuple[CookingState, list[CookingEvent]]:
    state = CookingState(
        last_ms=seen.at_ms, last_value=seen.value, valid_until_ms=seen.valid_until_ms, began_ms=seen.at_ms,
        peak_c=seen.value,
    )  # fmt: skip
    return state, [_event("begun", seen.at_ms, seen.at_ms, state)]


def _verdict(row: rows.Cooking, state: CookingState) -> Literal["failed", "unproven", "ended"]:
    if state.passed_ms is not None:
        return "ended"
    # What the unknown time may have added: a core no hotter than it was measured, or than it was meant to be.
    possible_ms = state.lethal_ms + state.unknown_ms * _lethality(row, max(state.peak_c, row.core_c))
    may_have_held = state.hot_ms + state.unknown_ms >= row.hold_s * 1000
    if state.unknown_ms and (may_have_held or possible_ms >= row.f_min * 60_000):
        return "unproven"
    return "failed" if state.peak_c >= row.floor_c else "ended"


def _event(
    kind: Literal["begun", "failed", "unproven", "ended"], at_ms: int, began_ms: int, state: CookingState
) -> CookingEvent:
    return CookingEvent(
        kind=kind, at_ms=at_ms, began_ms=began_ms, peak_c=state.peak_c, f_value_min=state.lethal_ms / 60_000,
        measured_ms=state.measured_ms, unknown_ms=state.unknown_ms,
    )  # fmt: skip


def _lethality(row: rows.Cooking, core_c: float) -> float:
    """How much faster than at the reference temperature germs die; nothing below ``floor_c``."""
    if not core_c >= row.floor_c:
        return 0.0
    return float(10.0 ** min((core_c - row.reference_c) / row.z_c, _MOST_DECADES))
