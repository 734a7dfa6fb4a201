"""Is the thermometer itself to be believed? A value that never moves, and one that jumps away and back.

Sensor trouble, never food trouble: it says nothing about what lies in the chiller, only that nobody knows.
"""

from __future__ import annotations

import msgspec

from .rows import Spike, Stuck

DAY_MS = 24 * 3_600_000
# What lasts longer than this is no disturbance of a wire.
SPIKE_MS = 120_000


class StuckState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``value`` within which everything has lain since ``since_ms``; for ``same_ms`` of that it was measured."""

    value: float
    since_ms: int
    last_ms: int
    open: bool = False
    valid_until_ms: int = 0
    same_ms: int = 0


def step_stuck(
    row: Stuck, state: StuckState | None, at_ms: int, low: float, high: float, valid_until_ms: int
) -> tuple[StuckState, str]:
    """``low`` and ``high``: between what the samples lay. The event: ``opened``, ``closed``, or nothing.

    Time in which nothing was measured counts for neither: a probe that was silent was not stuck.
    """
    if (
        state is None
        or high - state.value > row.within_c
        or state.value - low > row.within_c
        or high - low > row.within_c
    ):
        was_open = state is not None and state.open
        made = StuckState(value=high, since_ms=at_ms, last_ms=at_ms, valid_until_ms=valid_until_ms)
        return made, "closed" if was_open else ""
    same_ms = state.same_ms + max(0, min(at_ms, state.valid_until_ms) - state.last_ms)
    opens = not state.open and same_ms >= row.for_s * 1000
    made = StuckState(
        value=state.value, since_ms=state.since_ms, last_ms=at_ms, open=state.open or opens,
        valid_until_ms=valid_until_ms, same_ms=same_ms,
    )  # fmt: skip
    return made, "opened" if opens else ""


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value that waits for the next one."""

    at_ms: int
    value: float
    valid_until_ms: int
    low: float | None = None
    high: float | None = None


class SpikeState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``last``: the newest value that is believed; ``waiting``: one that jumped away from it."""

    last_ms: int | None = None
    last: float = 0.0
    valid_until_ms: int = 0
    waiting: Value | None = None
    dropped: tuple[int, ...] = ()


def step_spike(row: Spike, state: SpikeState, seen: Value) -> tuple[SpikeState, tuple[Value, ...]]:
    """What may be judged now: nothing while a jump waits to be confirmed, both when it was, the newer one when the
    older was a spike. A jump after a gap is none, and one that lasts is none: nobody saw the way there, or back."""
    if state.waiting is not None:
        assert state.last_ms is not None, "a value waits for one that came before it"
        at_once = seen.at_ms <= min(state.waiting.valid_until_ms, state.waiting.at_ms + SPIKE_MS)
        came_back = at_once and abs(seen.value - state.last) <= row.jump_c / 2
        dropped = state.dropped
        if came_back:
            recent = [at for at in dropped if at > seen.at_ms - DAY_MS]
            dropped = (*recent[-row.most_a_day :], state.waiting.at_ms)
        believed = (seen,) if came_back else (state.waiting, seen)
        return _after(seen, dropped), believed
    known = state.last_ms is not None and seen.at_ms <= state.valid_until_ms
    if known and abs(seen.value - state.last) > row.jump_c:
        return msgspec.structs.replace(state, waiting=seen), ()
    return _after(seen, state.dropped), (seen,)


def _after(seen: Value, dropped: tuple[int, ...]) -> SpikeState:
    return SpikeState(last_ms=seen.at_ms, last=seen.value, valid_until_ms=seen.valid_until_ms, dropped=dropped)


def too_many(row: Spike, state: SpikeState, at_ms: int) -> bool:
    """Whether more values were dropped within a day than a sound probe would give."""
    return len(state.dropped) > row.most_a_day and state.dropped[0] > at_ms - DAY_MS
