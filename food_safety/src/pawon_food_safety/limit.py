"""The limit rule: a limit with delay and hysteresis as a pure step ``(state, observation) -> (state, events)``.

Time comes in with the data. A value holds from its stamp until the next observation or until its validity ends,
whichever is first; what lies between validity's end and the next observation is a *gap*. A gap counts neither as safe
(it clears nothing) nor as an excursion (it adds nothing): the clocks stand still.

A state is small, JSON-able and complete: a series split anywhere and resumed from the saved state judges the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import msgspec

from .rows import Limit

# Binary fractions of a millisecond would make "exactly the limit" a matter of luck: values compare in micro-units.
_TOLERANCE = 1e-6


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A reported value: ``value`` at ``at_ms``, believed until ``valid_until_ms``; between the report before it and
    this one the samples lay between ``low`` and ``high``. All in the limit's unit; times in ms of one timeline."""

    at_ms: int
    value: float
    valid_until_ms: int
    low: float | None = None
    high: float | None = None


class LimitState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a limit remembers between observations.

    ``beyond_ms``: measured time beyond the limit so far; ``began_ms``: when this excursion began; ``worst``: its worst
    value; ``back_ms``: when values last came back within it; ``clear_ms``: measured time safely back since the limit
    was broken, or, of one that counts in all, within it since values last lay beyond.
    """

    last_ms: int | None = None
    last_value: float = 0.0
    valid_until_ms: int = 0
    began_ms: int | None = None
    beyond_ms: int = 0
    worst: float | None = None
    open: bool = False
    clear_ms: int = 0
    back_ms: int | None = None


class LimitEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``opened``: the delay ran out at ``at_ms``; ``worsened``: a new worst value of an open excursion; ``closed``.

    ``beyond_ms``: measured time beyond so far; ``ended_ms`` of a closing: when values last came back within the limit.
    """

    kind: Literal["opened", "worsened", "closed"]
    at_ms: int
    began_ms: int
    worst: float
    beyond_ms: int = 0
    ended_ms: int | None = None


def step(limit: Limit, state: LimitState, seen: Observation) -> tuple[LimitState, list[LimitEvent]]:
    """Judge one observation. One that is not newer than the last one changes nothing."""
    if state.last_ms is not None and seen.at_ms <= state.last_ms:
        return state, []
    # How far values lie beyond the limit; at or below zero they are within.
    sign, edge = limit.direction, limit.edge
    excess = (seen.value - edge) * sign
    extreme, other = (seen.high, seen.low) if sign > 0 else (seen.low, seen.high)
    peak, peak_excess = seen.value, excess
    if extreme is not None and (extreme - edge) * sign > excess:
        peak, peak_excess = extreme, (extreme - edge) * sign
    if at_rest(state) and peak_excess <= _TOLERANCE:
        # By far the most observations: nothing was wrong and nothing is.
        return resting(seen.at_ms, seen.value, seen.valid_until_ms), []
    trough_excess = excess if other is None else min(excess, (other - edge) * sign)
    cleared_excess = -limit.hysteresis + _TOLERANCE
    in_all = limit.count == "cumulative"
    events: list[LimitEvent] = []
    began, beyond, worst, back = state.began_ms, state.beyond_ms, state.worst, state.back_ms
    is_open, clear = state.open, state.clear_ms
    delay_ms, clear_after_ms = round(limit.delay_s * 1000), round(limit.clear_s * 1000)

    # 1. The time since the last observation, as far as its value was still to be believed.
    if state.last_ms is not None:
        held_until = min(seen.at_ms, state.valid_until_ms)
        held = max(0, held_until - state.last_ms)
        last_excess = (state.last_value - edge) * sign
        if last_excess > _TOLERANCE:
            beyond += held
            if not is_open and beyond >= delay_ms and began is not None and worst is not None:
                is_open, clear, opened_ms = True, 0, held_until - (beyond - delay_ms)
                events.append(LimitEvent(kind="opened", at_ms=opened_ms, began_ms=began, worst=worst, beyond_ms=beyond))
        elif (last_excess <= cleared_excess) if is_open else in_all:
            clear += held
    if peak_excess > _TOLERANCE and not is_open:
        clear = 0  # some sample lay beyond meanwhile

    # 2. What the observation itself says, with the extremes of the samples it stands for.
    if peak_excess > _TOLERANCE:
        back = None
    if excess <= _TOLERANCE and back is None:
        back = seen.at_ms
    if is_open:
        if peak_excess > cleared_excess:
            clear = 0
        if peak_excess > _TOLERANCE and worst is not None and peak_excess > (worst - edge) * sign:
            worst = peak
            events.append(
                LimitEvent(
                    kind="worsened", at_ms=seen.at_ms, began_ms=began or seen.at_ms, worst=worst, beyond_ms=beyond
                )
            )
        is_over = max(excess, peak_excess) <= cleared_excess and clear >= clear_after_ms
        if is_over and began is not None and worst is not None:
            # Dated by the observation that shows it: until then nobody knew.
            events.append(
                LimitEvent(
                    kind="closed", at_ms=seen.at_ms, began_ms=began, worst=worst, beyond_ms=beyond, ended_ms=back
                )
            )
            is_open, began, worst, beyond = False, None, None, beyond if in_all else 0
            clear = clear if in_all else 0
    if not is_open:
        if in_all:
            if limit.reset_s and clear >= limit.reset_s * 1000:
                began, beyond, worst, clear = None, 0, None, 0
        elif trough_excess <= _TOLERANCE:
            # Some sample since the last report lay within: without interruption means a new beginning.
            began, beyond, worst = None, 0, None
        if excess > _TOLERANCE or (peak_excess > _TOLERANCE and not delay_ms):
            began, clear = seen.at_ms if began is None else began, 0
            worst = peak if worst is None or peak_excess > (worst - edge) * sign else worst
            if beyond >= delay_ms:
                is_open, clear = True, 0
                events.append(
                    LimitEvent(kind="opened", at_ms=seen.at_ms, began_ms=began, worst=worst, beyond_ms=beyond)
                )
        elif not in_all:
            began, beyond, worst = None, 0, None
    if not is_open and began is None and not beyond:
        return resting(seen.at_ms, seen.value, seen.valid_until_ms), events
    return (
        LimitState(
            last_ms=seen.at_ms, last_value=seen.value, valid_until_ms=seen.valid_until_ms, began_ms=began,
            beyond_ms=beyond, worst=worst, open=is_open, clear_ms=clear, back_ms=back,
        ),
        events,
    )  # fmt: skip


def at_rest(state: LimitState) -> bool:
    """Whether nothing is wrong, nothing has begun to be, and nothing of before counts on."""
    return not state.open and state.began_ms is None and not state.beyond_ms


def resting(at_ms: int, value: float, valid_until_ms: int) -> LimitState:
    """What ``step`` makes of a state at rest by an observation that lies within ``calm_band``."""
    return LimitState(last_ms=at_ms, last_value=value, valid_until_ms=valid_until_ms)


def calm_band(limits: Iterable[Limit]) -> tuple[float, float]:
    """Lowest and highest value that break none of these limits: while all of them are at rest, a newer observation
    whose value, low and high lie within changes nothing but the last observation."""
    band = list(limits)
    lowest = max((limit.edge for limit in band if limit.direction < 0), default=-math.inf)
    return lowest, min((limit.edge for limit in band if limit.direction > 0), default=math.inf)


def rebase(state: LimitState, shift_ms: int, before_ms: int) -> LimitState:
    """The same state on another timeline (a new boot): times move by ``shift_ms``, and end before ``before_ms``.

    When clocks were guesses the shifted past may reach into the present; it is then pushed back as a whole, because
    what was measured earlier happened earlier, whatever the clocks said.
    """
    if state.last_ms is None:
        return state
    back = max(0, state.last_ms + shift_ms - (before_ms - 1))
    last_ms = state.last_ms + shift_ms - back
    return msgspec.structs.replace(
        state,
        last_ms=last_ms,
        # Nobody measured while the machine was off: what the last value was worth ends with its boot.
        valid_until_ms=last_ms,
        began_ms=None if state.began_ms is None else state.began_ms + shift_ms - back,
        back_ms=None if state.back_ms is None else state.back_ms + shift_ms - back,
    )
