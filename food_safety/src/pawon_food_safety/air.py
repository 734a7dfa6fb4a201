"""What food would feel where only the air is measured: a buffer in software, and defrosts that say nothing about it.

Air swings with door, fan and defrost; food follows slowly. The buffer follows the air by one time constant. A defrost
warms the air of a freezer quickly and for less than an hour: while one is believed to run, the buffer waits. If the air
comes back in time nothing had happened to the food; if not, everything the buffer missed counts at once, so a freezer
that fails is told ``longest_s`` late at most, and never later.

The estimate is one: who can, puts the probe into a bottle of glycol instead.
"""

from __future__ import annotations

import math

import msgspec

from .rows import Buffer, Defrost
from .window import Extremes

# Air that rose by so much as quickly as the row says may be a defrost: no other swing begins so.
ONSET_RISE_C = 3.0
# One that never rose further was a compressor's swing, and the food felt it.
DEFROST_RISE_C = 6.0
RECOVERY_MS = 15 * 60_000
CAUGHT_UP_C = 1.0
DAY_MS = 24 * 3_600_000
SAME_HOUR_MS = 3_600_000


class AirState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``felt``: what food would feel; ``missed``: what it would feel if the defrost that is believed to run were none;
    ``since_ms``: since when that is; ``base``: where the air came from, ``peak`` how far it went; ``spent``: the air is
    not to be believed again before it has come back; ``defrosts``: when those of the last day ended, ``refused_ms``:
    when one too many began; ``recent``: where the air lay lately; ``open_until_ms``: the door is."""

    at_ms: int
    felt: float
    valid_until_ms: int = 0
    missed: float = 0.0
    since_ms: int | None = None
    base: float = 0.0
    peak: float = 0.0
    spent: bool = False
    defrosts: tuple[int, ...] = ()
    refused_ms: int | None = None
    recent: tuple[tuple[int, float], ...] = ()
    often: bool = False
    open_until_ms: int = 0


class Air:
    """One air probe. ``defrost`` is ``None`` where there are none."""

    __slots__ = ("_at_ms", "_base", "_defrost", "_defrosts", "_gain", "_gain_ms", "_longest_ms", "_missed",
                 "_open_until_ms", "_peak", "_recent", "_refused_ms", "_since_ms", "_spent", "_tau_ms",
                 "_valid_until_ms", "felt", "often")  # fmt: skip

    def __init__(self, buffer: Buffer, defrost: Defrost | None, state: AirState | None = None) -> None:
        self._tau_ms, self._defrost = buffer.tau_s * 1000, defrost
        self._longest_ms = 0 if defrost is None else round(defrost.longest_s * 1000)
        within_ms = 0 if defrost is None else round(ONSET_RISE_C / defrost.onset_c_per_min * 60_000)
        known = AirState(at_ms=0, felt=math.nan) if state is None else state
        self._recent = Extremes(within_ms, -1, known.recent)
        self._gain_ms, self._gain = 0, 0.0
        self._at_ms = None if state is None else state.at_ms
        self.felt, self._valid_until_ms = known.felt, known.valid_until_ms
        self._missed, self._since_ms = known.missed, known.since_ms
        self._base, self._peak, self._spent = known.base, known.peak, known.spent
        self._defrosts, self._refused_ms, self.often = known.defrosts, known.refused_ms, known.often
        self._open_until_ms = known.open_until_ms
        if defrost is None and self._since_ms is not None:
            self._end_as_none()  # the row is gone that believed it
            self._spent = False

    def feel(self, at_ms: int, air_c: float, valid_until_ms: int) -> float:
        """What food feels at ``at_ms``, when the air lay at ``air_c`` since the reading before; nobody knows where it
        lay after that one's validity had ended, and the buffer stands still. Times must rise."""
        before_ms, known_until_ms = self._at_ms, self._valid_until_ms
        self._at_ms, self._valid_until_ms = at_ms, valid_until_ms
        if before_ms is None:
            self.felt = air_c
        else:
            held_ms = min(at_ms, known_until_ms) - before_ms
            if held_ms < at_ms - before_ms:
                self._end_as_none()  # what happened meanwhile is not known
                held_ms = max(0, held_ms)
            if held_ms != self._gain_ms:
                self._gain_ms, self._gain = held_ms, 1.0 - math.exp(-held_ms / self._tau_ms)
            if self._since_ms is None:
                self.felt += (air_c - self.felt) * self._gain
            else:
                self._missed += (air_c - self._missed) * self._gain
        if self._defrost is not None:
            self._look_for_defrost(self._defrost, at_ms, air_c)
        return self.felt

    def door(self, open_until_ms: int) -> None:
        """The door is open, as far as is known until then; at 0 it is shut. What comes in by it is no defrost, and
        none can be told from it until the air has come back."""
        if self._defrost is not None and open_until_ms:
            if self._since_ms is not None:
                self._end_as_none()
            elif not self._spent and self._recent.state():
                self._base, self._spent = min(value for _, value in self._recent.state()), True
        self._open_until_ms = open_until_ms

    def state(self) -> AirState | None:
        """For ``Air(..., state)``; ``None`` before the first reading."""
        if self._at_ms is None:
            return None
        return AirState(
            at_ms=self._at_ms, felt=self.felt, valid_until_ms=self._valid_until_ms, missed=self._missed,
            since_ms=self._since_ms, base=self._base, peak=self._peak, spent=self._spent, defrosts=self._defrosts,
            refused_ms=self._refused_ms, recent=self._recent.state(), often=self.often,
            open_until_ms=self._open_until_ms,
        )  # fmt: skip

    # --- defrosts ---------------------------------------------------------------------------------------------------

    def _look_for_defrost(self, row: Defrost, at_ms: int, air_c: float) -> None:
        rise_c = self._recent.change(at_ms, air_c)
        came_back = air_c <= self._base + ONSET_RISE_C
        if self._since_ms is not None:
            self._peak = max(self._peak, air_c)
            # Air that falls again has its heater off; it may take its time to come back.
            is_falling = air_c <= self._peak - ONSET_RISE_C
            longest_ms = self._longest_ms + (RECOVERY_MS if is_falling else 0)
            if came_back and at_ms - self._since_ms <= longest_ms:
                if self._peak - self._base >= DEFROST_RISE_C:
                    self._defrosts = (*self._defrosts, at_ms)[-row.most_a_day :]
                else:
                    self.felt = self._missed
                self._since_ms = None
            elif at_ms - self._since_ms > longest_ms or air_c > row.ceiling_c:
                self._end_as_none()
        elif self._spent:
            # Back where it came from, or no warmer than the food has become: there is nothing left to believe or not.
            self._spent = not (came_back or air_c <= self.felt + CAUGHT_UP_C) or at_ms < self._open_until_ms
        elif rise_c >= ONSET_RISE_C and air_c <= row.ceiling_c and at_ms >= self._open_until_ms:
            self._begin(row, at_ms, air_c, air_c - rise_c)
        if self._defrosts or self._refused_ms is not None:
            self.often = self._refused_ms is not None and self._refused_ms > at_ms - DAY_MS

    def _begin(self, row: Defrost, at_ms: int, air_c: float, base: float) -> None:
        """It may be one; but no more a day than freezers have, and not one upon the other."""
        # One of yesterday's at the same hour ended a little later than this one begins.
        of_the_day = [ended for ended in self._defrosts if ended > at_ms - DAY_MS + SAME_HOUR_MS]
        self._base, self._peak = base, air_c
        if len(of_the_day) >= row.most_a_day:
            self._refused_ms = at_ms
        elif not of_the_day or at_ms - of_the_day[-1] >= DAY_MS // row.most_a_day // 2:
            self._since_ms, self._missed = at_ms, self.felt
            return
        self._spent = True

    def _end_as_none(self) -> None:
        if self._since_ms is not None:
            self.felt, self._since_ms, self._spent = max(self.felt, self._missed), None, True


def rebase(state: AirState, shift_ms: int, before_ms: int) -> AirState:
    """The same state on another timeline (a new boot), as ``limit.rebase``."""
    shift_ms -= max(0, state.at_ms + shift_ms - (before_ms - 1))
    refused_ms = state.refused_ms
    return msgspec.structs.replace(
        state,
        at_ms=state.at_ms + shift_ms,
        valid_until_ms=state.at_ms + shift_ms,  # nobody measured while the machine was off
        since_ms=None if state.since_ms is None else state.since_ms + shift_ms,
        defrosts=tuple(at + shift_ms for at in state.defrosts),
        refused_ms=None if refused_ms is None else refused_ms + shift_ms,
        recent=tuple((at + shift_ms, value) for at, value in state.recent),
        open_until_ms=0,
    )
