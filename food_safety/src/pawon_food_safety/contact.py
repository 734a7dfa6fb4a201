"""A switch that stays in its bad state: a door that is open, electricity that is off. A pure step like ``limit``'s.

What the switch said holds until its validity ends; nobody knows what it was after that, so a timer stands still.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .limit import LimitEvent
from .profile import Profile
from .rows import Door, Power


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


class ContactJudge:
    """Every rule of one contact: doors that stay open, electricity that is off."""

    __slots__ = ("_states", "rules")

    def __init__(self, rules: tuple[Door | Power, ...], states: dict[str, ContactState] | None = None) -> None:
        self.rules = rules
        self._states = {row.id: (states or {}).get(row.id, ContactState()) for row in rules}

    def see(self, at_ms: int, bad: bool, valid_until_ms: int) -> list[tuple[Door | Power, LimitEvent]]:
        """What the contact said at ``at_ms``; what that brings."""
        found = []
        for row in self.rules:
            after_ms = round((row.open_s if isinstance(row, Door) else row.off_s) * 1000)
            self._states[row.id], events = step(after_ms, self._states[row.id], at_ms, bad, valid_until_ms)
            found += [(row, event) for event in events]
        return found

    def state(self) -> dict[str, ContactState]:
        """For ``ContactJudge(rules, states)``, by the rows' ids."""
        return dict(self._states)


def contact_rules(profile: Profile, contact: str, point: str) -> tuple[Door | Power, ...]:
    """The rows for a ``door`` or ``power`` contact at a point, the sooner first; electricity's may be for all."""
    if contact == "door":
        return tuple(sorted((row for row in profile.door if row.point == point), key=lambda row: row.open_s))
    here = [row for row in profile.power if row.point == point] or [row for row in profile.power if row.point == "*"]
    return tuple(sorted(here, key=lambda row: row.off_s))
