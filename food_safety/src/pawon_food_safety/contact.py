"""A switch that stays in its bad state: a door that is open, electricity that is off. A pure step like ``limit``'s.

What the switch said holds until its validity ends; nobody knows what it was after that, so a timer stands still.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .limit import LimitEvent


class ContactState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``began_ms``: since when it is bad; ``bad_ms``: how long of that it was known to be."""

    last_ms: int | None = None
    valid_until_ms: int = 0
    began_ms: int | None = None
    bad_ms: int = 0
    open: bool = False


def step(
    after_ms: int, state: ContactState, at_ms: int, bad: bool, valid_until_ms: int
) -> tuple[ContactState, list[LimitEvent]]:
    """``bad`` at ``at_ms``, believed until ``valid_until_ms``. One that is not newer than the last changes nothing."""
    if state.last_ms is not None and at_ms <= state.last_ms:
        return state, []
    events: list[LimitEvent] = []
    began, bad_ms, is_open = state.began_ms, state.bad_ms, state.open
    if began is not None and state.last_ms is not None:
        held_until = min(at_ms, state.valid_until_ms)
        bad_ms += max(0, held_until - state.last_ms)
        if not is_open and bad_ms >= after_ms:
            is_open = True
            events.append(_event("opened", held_until - (bad_ms - after_ms), began, bad_ms))
    if bad:
        began = at_ms if began is None else began
        if not is_open and bad_ms >= after_ms:
            is_open = True
            events.append(_event("opened", at_ms, began, bad_ms))
    elif began is not None:
        if is_open:
            events.append(_event("closed", at_ms, began, bad_ms))
        began, bad_ms, is_open = None, 0, False
    made = ContactState(last_ms=at_ms, valid_until_ms=valid_until_ms, began_ms=began, bad_ms=bad_ms, open=is_open)
    return made, events


def _event(kind: Literal["opened", "closed"], at_ms: int, began_ms: int, bad_ms: int) -> LimitEvent:
    return LimitEvent(kind=kind, at_ms=at_ms, began_ms=began_ms, worst=0.0, beyond_ms=bad_ms)


def rebase(state: ContactState, shift_ms: int, before_ms: int) -> ContactState:
    """The same state on another timeline (a new boot), as ``limit.rebase``."""
    if state.last_ms is None:
        return state
    shift_ms -= max(0, state.last_ms + shift_ms - (before_ms - 1))
    return msgspec.structs.replace(
        state,
        last_ms=state.last_ms + shift_ms,
        valid_until_ms=state.last_ms + shift_ms,  # nobody looked while the machine was off
        began_ms=None if state.began_ms is None else state.began_ms + shift_ms,
    )
