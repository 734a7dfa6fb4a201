"""Cooling in two stages as a pure step: from ``from_c`` to ``middle_c``, and on to ``end_c``, each in its time.

Between two values without a gap the core crossed a temperature on the straight line between them. A crossing inside a
gap happened some time in it: the whole gap is then *unknown* time of both stages that it may belong to. A stage is
broken when its measured time alone is too long, and kept only when measured and unknown time together are not; what
lies between is ``unproven``: neither safe nor an excursion.

A probe must first have been seen at ``from_c`` or above: where food was before is not known here, nor whose it is.
The forecast is Newton's law of cooling, fitted to the last quarter of the first stage's time (30 minutes of 2 h); it
warns and never clears.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from . import rows
from .limit import Observation

# How far below ``from_c`` a core is surely on its way down: twice a probe's error, so that hot food at the edge does
# not begin again and again. The time counts from ``from_c`` all the same.
BEGUN_C = 1.0
# The warmest place that food may be cooled in, when nobody measures the place: the forecast's ambient temperature.
AMBIENT_C = 4.0
# The forecast looks at this share of ``first_s`` (30 minutes of 2 h), at one value in each fifteenth of it (2 minutes),
# and speaks when they span half of it: 15 minutes, below which a core's noise outweighs its fall.
_WINDOW = 1 / 4
_POINTS = 15
# A forecast beyond a week is "never": an infinity cannot be written as JSON.
LONGEST_FORECAST_MS = 7 * 24 * 3_600_000
_TOLERANCE = 1e-6


class CoolingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one probe remembers: ``stage`` 0 (not cooling), 1 or 2; when the core left ``from_c`` (at the earliest) and
    came to ``middle_c`` (at the latest); measured and unknown time of the running stage; ``points``: the values, with
    their times, that a forecast needs."""

    last_ms: int | None = None
    last_value: float = 0.0
    valid_until_ms: int = 0
    stage: Literal[0, 1, 2] = 0
    began_ms: int = 0
    middle_ms: int | None = None
    begun: bool = False
    measured_ms: int = 0
    unknown_ms: int = 0
    warned: bool = False
    unproven: bool = False
    points: tuple[tuple[int, float], ...] = ()


class CoolingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``begun``: the core left ``from_c`` at ``at_ms``. ``warned``: the stage takes long, or ``forecast_ms`` (when it
    will be over) is too late. ``unproven``: it may have taken too long, unmeasured; ``broken`` may still follow.
    Ends: ``broken``, ``passed`` (not after ``unproven``), ``abandoned``: the core came back to ``from_c``.
    Times are those of the ``stage`` up to ``at_ms``, or to the observation that showed it."""

    kind: Literal["begun", "warned", "unproven", "broken", "passed", "abandoned"]
    at_ms: int
    began_ms: int
    middle_ms: int | None
    stage: Literal[1, 2]
    measured_ms: int
    unknown_ms: int
    value_c: float
    forecast_ms: int | None = None


def step(
    row: rows.Cooling, state: CoolingState, seen: Observation, ambient_c: float = AMBIENT_C
) -> tuple[CoolingState, list[CoolingEvent]]:
    """Judge one observation of a core. One that is not newer than the last one changes nothing.

    ``ambient_c``: where the food cools, for the forecast only: too warm a guess warns early, too cold a one late.
    """
    last_ms, at_ms, value, stage = state.last_ms, seen.at_ms, seen.value, state.stage
    if last_ms is not None and at_ms <= last_ms:
        return state, []
    rest = CoolingState(last_ms=at_ms, last_value=value, valid_until_ms=seen.valid_until_ms)
    if last_ms is None or (not stage and (value >= row.from_c or state.last_value < row.from_c)):
        return rest, []
    held_until = max(last_ms, min(at_ms, state.valid_until_ms))
    gap = at_ms - held_until
    came_ms, began_ms, middle_ms, begun = last_ms, state.began_ms, state.middle_ms, state.begun
    measured, unknown, warned, unproven = state.measured_ms, state.unknown_ms, state.warned, state.unproven
    events: list[CoolingEvent] = []

    def tell(kind: Literal["begun", "warned", "unproven", "broken", "passed", "abandoned"], when_ms: int) -> None:
        events.append(
            CoolingEvent(
                kind=kind, at_ms=when_ms, began_ms=began_ms, middle_ms=middle_ms, stage=2 if stage == 2 else 1,
                measured_ms=measured, unknown_ms=unknown, value_c=value,
            )
        )  # fmt: skip

    if gap > (row.first_s + row.second_s) * 1000:
        # After so long nothing ties the value to the same food.
        if begun and not unproven:
            unknown += gap
            tell("unproven", at_ms)
        return rest, events
    if value >= row.from_c:
        if begun:
            tell("abandoned", at_ms)
        return rest, events
    if not stage:
        stage = 1
        began_ms = came_ms = held_until if gap else crossing_ms(last_ms, state.last_value, at_ms, value, row.from_c)
    if not begun and value < row.from_c - BEGUN_C:
        begun = True
        tell("begun", began_ms)
    while True:
        target_c, limit_ms = (row.middle_c, row.first_s * 1000) if stage == 1 else (row.end_c, row.second_s * 1000)
        reached = value <= target_c + _TOLERANCE
        until_ms = held_until
        if reached and not gap:
            until_ms = crossing_ms(last_ms, state.last_value, at_ms, value, target_c)
        measured_before, before = measured, measured + unknown
        measured += max(0, until_ms - came_ms)
        unknown += gap
        elapsed = measured + unknown

        if begun and stage == 1 and not warned:
            warning_ms = row.first_warning_s * 1000
            if elapsed > warning_ms or (elapsed == warning_ms and not reached):
                warned = True
                tell("warned", over_ms(came_ms, warning_ms - before, until_ms, at_ms))
        if begun and measured > limit_ms:
            tell("broken", over_ms(came_ms, limit_ms - measured_before, until_ms, at_ms))
            return rest, events
        if begun and elapsed > limit_ms and not unproven:
            unproven = True
            tell("unproven", over_ms(came_ms, limit_ms - before, until_ms, at_ms))
        if not reached:
            break
        if stage == 2:
            if not unproven:
                tell("passed", at_ms if gap else until_ms)
            return rest, events
        stage, came_ms, measured, unknown, warned = 2, until_ms, 0, 0, False
        middle_ms = at_ms if gap else until_ms

    points = () if gap else state.points
    window_ms = row.first_s * 1000 * _WINDOW
    is_point = not points or at_ms - points[-1][0] >= window_ms / _POINTS
    if is_point:
        points = (*(point for point in points if point[0] >= at_ms - window_ms), (at_ms, value))
    state = CoolingState(
        last_ms=at_ms, last_value=value, valid_until_ms=seen.valid_until_ms, stage=stage, began_ms=began_ms,
        middle_ms=middle_ms, begun=begun, measured_ms=measured, unknown_ms=unknown, warned=warned, unproven=unproven,
        points=points,
    )  # fmt: skip
    if begun and is_point and not warned and not unproven:
        due_ms = forecast(row, state, ambient_c)
        if due_ms is not None and elapsed + due_ms - at_ms > limit_ms:
            tell("warned", at_ms)
            events[-1] = msgspec.structs.replace(events[-1], forecast_ms=due_ms)
            state = msgspec.structs.replace(state, warned=True)
    return state, events


def forecast(row: rows.Cooling, state: CoolingState, ambient_c: float = AMBIENT_C) -> int | None:
    """When the core will come to the end of its stage (ms), by Newton's law ``T = Ta + (T0 - Ta) exp(-t / tau)`` and
    least squares of ``ln(T - Ta)``; None when the values do not say: too few, not falling, or at the ambient's own.
    An ambient at or above the stage's end, or a time beyond it, gives ``LONGEST_FORECAST_MS`` from the last value."""
    points = state.points
    if not state.stage or len(points) < 3 or points[-1][0] - points[0][0] < row.first_s * 1000 * _WINDOW / 2:
        return None
    if min(value for _, value in points) <= ambient_c:
        return None
    now_ms = points[-1][0]
    times = [at_ms - now_ms for at_ms, _ in points]
    heights = [math.log(value - ambient_c) for _, value in points]
    time, height = sum(times) / len(times), sum(heights) / len(heights)
    slope = sum((x - time) * (y - height) for x, y in zip(times, heights, strict=True)) / sum(
        (x - time) ** 2 for x in times
    )
    if slope >= -1e-12:
        return None
    above_c = (row.middle_c if state.stage == 1 else row.end_c) - ambient_c
    wait_ms = (math.log(above_c) - (height - slope * time)) / slope if above_c > 0 else math.inf
    return now_ms + round(min(max(0.0, wait_ms), LONGEST_FORECAST_MS))


def rebase(state: CoolingState, shift_ms: int, before_ms: int) -> CoolingState:
    """The same state on another timeline (a new boot), ending before ``before_ms``; see ``limit.rebase``."""
    if state.last_ms is None:
        return state
    by = min(shift_ms, before_ms - 1 - state.last_ms)
    return msgspec.structs.replace(
        state,
        last_ms=state.last_ms + by,
        valid_until_ms=state.last_ms + by,
        began_ms=state.began_ms + by if state.stage else 0,
        middle_ms=None if state.middle_ms is None else state.middle_ms + by,
        points=tuple((at_ms + by, value) for at_ms, value in state.points),
    )


def crossing_ms(from_ms: int, from_c: float, to_ms: int, to_c: float, at_c: float) -> int:
    """When the straight line between two values comes to ``at_c``, never outside of their times."""
    if from_c == to_c:
        return to_ms
    return from_ms + round((to_ms - from_ms) * min(1.0, max(0.0, (at_c - from_c) / (to_c - from_c))))


def over_ms(came_ms: int, left_ms: float, until_ms: int, at_ms: int) -> int:
    """When a clock with ``left_ms`` to go, running from ``came_ms`` to ``until_ms``, was over; else ``at_ms``."""
    when_ms = max(came_ms, came_ms + math.ceil(left_ms))
    return when_ms if when_ms <= until_ms else at_ms
