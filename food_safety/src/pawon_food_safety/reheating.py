"""Reheating as a pure step: from ``begin_c`` up to ``core_c`` in time, and not once too often.

Time is counted as in ``cooling``: on the straight line between values, measured and unknown apart; late is only what
was measured late, in time only what was in time even with all that is unknown. A probe must first have been seen below
``begin_c``. How often a batch was reheated before is told by the caller, who knows the batch.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from . import rows
from .cooking import TAKEN_OUT_C
from .cooling import crossing_ms, over_ms
from .limit import Observation

# How far above ``begin_c`` a core is surely on its way up: a cold store's door moves a core by less.
BEGUN_C = 1.0
# In less time no core rises to ``accept_c`` and falls back by what shows that it was taken out.
HIDING_MS = 60_000
_TOLERANCE = 1e-6


class ReheatingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one probe remembers: when its core left ``begin_c`` (at the earliest), measured and unknown time since, the
    hottest core, and when it came to ``accept_c`` in time (at the latest)."""

    last_ms: int | None = None
    last_value: float = 0.0
    valid_until_ms: int = 0
    began_ms: int | None = None
    begun: bool = False
    peak_c: float = 0.0
    accepted_ms: int | None = None
    measured_ms: int = 0
    unknown_ms: int = 0
    warned: bool = False


class ReheatingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``begun``; ``warned``: not hot within ``target_s``; and one of three ends. ``passed``: hot enough at ``at_ms``.
    ``failed``: too ``late``, taken out too ``cold``, or reheated ``again``. ``unproven``: late or cold as far as it was
    measured, and it may have been otherwise."""

    kind: Literal["begun", "warned", "passed", "failed", "unproven"]
    at_ms: int
    began_ms: int
    peak_c: float
    measured_ms: int
    unknown_ms: int
    reason: Literal["", "late", "cold", "again"] = ""


def step(
    row: rows.Reheating, state: ReheatingState, seen: Observation, earlier: int = 0
) -> tuple[ReheatingState, list[ReheatingEvent]]:
    """Judge one observation of a core. One that is not newer than the last one changes nothing.

    ``earlier``: how many times this batch was reheated before.
    """
    last_ms, at_ms, value, began_ms = state.last_ms, seen.at_ms, seen.value, state.began_ms
    if last_ms is not None and at_ms <= last_ms:
        return state, []
    rest = ReheatingState(last_ms=at_ms, last_value=value, valid_until_ms=seen.valid_until_ms)
    if last_ms is None or (began_ms is None and (value < row.begin_c or state.last_value >= row.begin_c)):
        return rest, []
    held_until = max(last_ms, min(at_ms, state.valid_until_ms))
    gap, came_ms, begun = at_ms - held_until, last_ms, state.begun
    target_ms, longest_ms = row.target_s * 1000, row.longest_s * 1000
    events: list[ReheatingEvent] = []
    if began_ms is None:
        if gap > longest_ms:
            # After so long nothing ties the value to the food that lay there cold.
            return rest, []
        began_ms = came_ms = held_until if gap else crossing_ms(last_ms, state.last_value, at_ms, value, row.begin_c)
    moment_ms, reached = at_ms, value >= row.core_c - _TOLERANCE
    if reached and not gap:
        moment_ms = crossing_ms(last_ms, state.last_value, at_ms, value, row.core_c)
    before, peak_c = state.measured_ms + state.unknown_ms, max(state.peak_c, value)
    measured, unknown = state.measured_ms + min(held_until, moment_ms) - came_ms, state.unknown_ms + gap
    elapsed = measured + unknown

    def tell(
        kind: Literal["begun", "warned", "passed", "failed", "unproven"],
        when_ms: int,
        reason: Literal["", "late", "cold", "again"] = "",
    ) -> None:
        events.append(
            ReheatingEvent(
                kind=kind, at_ms=when_ms, began_ms=began_ms, peak_c=peak_c, measured_ms=measured, unknown_ms=unknown,
                reason=reason,
            )
        )  # fmt: skip

    if not begun and value >= row.begin_c + BEGUN_C:
        begun = True
        tell("begun", began_ms)
        if earlier >= row.times:
            tell("failed", began_ms, "again")
            return rest, events
    warned = state.warned
    if begun and not warned and (elapsed > target_ms or (elapsed == target_ms and not reached)):
        warned = True
        tell("warned", over_ms(came_ms, target_ms - before, min(held_until, moment_ms), at_ms))
    accepted_ms = state.accepted_ms
    if accepted_ms is None and value >= row.accept_c - _TOLERANCE:
        hot_ms = at_ms if gap else crossing_ms(last_ms, state.last_value, at_ms, value, row.accept_c)
        accepted_ms = hot_ms if before + hot_ms - came_ms <= longest_ms else None

    late = elapsed > longest_ms
    if begun and reached and not late:
        tell("passed", moment_ms)
        return rest, events
    if late or value < row.begin_c or value <= peak_c - TAKEN_OUT_C:
        if begun and accepted_ms is not None:
            tell("passed", accepted_ms)
        elif begun and late and measured > longest_ms:
            when_ms = over_ms(came_ms, longest_ms - state.measured_ms, min(held_until, moment_ms), at_ms)
            tell("failed", when_ms, "late")
        elif begun and (late or unknown >= HIDING_MS):
            tell("unproven", at_ms, "late" if late else "cold")
        elif begun:
            tell("failed", at_ms, "cold")
        return rest, events
    return ReheatingState(
        last_ms=at_ms, last_value=value, valid_until_ms=seen.valid_until_ms, began_ms=began_ms, begun=begun,
        peak_c=peak_c, accepted_ms=accepted_ms, measured_ms=measured, unknown_ms=unknown, warned=warned,
    ), events  # fmt: skip


def rebase(state: ReheatingState, shift_ms: int, before_ms: int) -> ReheatingState:
    """The same state on another timeline (a new boot), ending before ``before_ms``; see ``limit.rebase``."""
    if state.last_ms is None:
        return state
    by = min(shift_ms, before_ms - 1 - state.last_ms)
    return msgspec.structs.replace(
        state,
        last_ms=state.last_ms + by,
        valid_until_ms=state.last_ms + by,
        began_ms=None if state.began_ms is None else state.began_ms + by,
        accepted_ms=None if state.accepted_ms is None else state.accepted_ms + by,
    )
