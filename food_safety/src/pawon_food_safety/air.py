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

# Air that rose by so much as quickly as the row says is no swing of a compressor.
ONSET_RISE_C = 3.0
DAY_MS = 24 * 3_600_000


class AirState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``felt``: what food would feel; ``missed``: what it would feel if the defrost that is believed to run were none;
    ``since_ms``: since when that is; ``base``: where the air came from; ``spent``: it was none, and the air has not
    come back; ``defrosts``: when those of the last day ended; ``recent``: where the air lay lately."""

    at_ms: int
    felt: float
    missed: float = 0.0
    since_ms: int | None = None
    base: float = 0.0
    spent: bool = False
    defrosts: tuple[int, ...] = ()
    recent: tuple[tuple[int, float], ...] = ()
    often: bool = False


class Air:
    """One air probe. ``defrost`` is ``None`` where there are none."""

    __slots__ = ("_at_ms", "_base", "_defrost", "_defrosts", "_gain", "_gain_ms", "_longest_ms", "_missed", "_recent",
                 "_since_ms", "_spent", "_tau_ms", "felt", "often")  # fmt: skip

    def __init__(self, buffer: Buffer, defrost: Defrost | None, state: AirState | None = None) -> None:
        self._tau_ms, self._defrost = buffer.tau_s * 1000, defrost
        self._longest_ms = 0 if defrost is None else round(defrost.longest_s * 1000)
        within_ms = 0 if defrost is None else round(ONSET_RISE_C / defrost.onset_c_per_min * 60_000)
        self._recent = Extremes(within_ms, -1, () if state is None else state.recent)
        self._gain_ms, self._gain = 0, 0.0
        self._at_ms = None if state is None else state.at_ms
        self.felt = math.nan if state is None else state.felt
        self._missed = 0.0 if state is None else state.missed
        self._since_ms = None if state is None else state.since_ms
        self._base = 0.0 if state is None else state.base
        self._spent = state is not None and state.spent
        self._defrosts = () if state is None else state.defrosts
        self.often = state is not None and state.often

    def feel(self, at_ms: int, air_c: float) -> float:
        """What food feels at ``at_ms``, when the air lay at ``air_c`` since the reading before. Times must rise."""
        before_ms = self._at_ms
        self._at_ms = at_ms
        if before_ms is None:
            self.felt = air_c
        else:
            held_ms = at_ms - before_ms
            if held_ms != self._gain_ms:
                self._gain_ms, self._gain = held_ms, 1.0 - math.exp(-held_ms / self._tau_ms)
            if self._since_ms is None:
                self.felt += (air_c - self.felt) * self._gain
            else:
                self._missed += (air_c - self._missed) * self._gain
        if self._defrost is not None:
            self._look_for_defrost(self._defrost, at_ms, air_c)
        return self.felt

    def door_opened(self) -> None:
        """Warm air came in by the door: no defrost, and none can be told from it until the air has come back."""
        if self._defrost is not None:
            self._end_as_none()
            self._recent.clear()

    def state(self) -> AirState | None:
        """For ``Air(..., state)``; ``None`` before the first reading."""
        if self._at_ms is None:
            return None
        return AirState(
            at_ms=self._at_ms, felt=self.felt, missed=self._missed, since_ms=self._since_ms, base=self._base,
            spent=self._spent, defrosts=self._defrosts, recent=self._recent.state(), often=self.often,
        )  # fmt: skip

    # --- defrosts ---------------------------------------------------------------------------------------------------

    def _look_for_defrost(self, row: Defrost, at_ms: int, air_c: float) -> None:
        rise_c = self._recent.change(at_ms, air_c)
        if self._since_ms is not None:
            if air_c <= self._base + ONSET_RISE_C and at_ms - self._since_ms <= self._longest_ms:
                self._since_ms = None  # it came back: the food felt nothing
                self._defrosts = (*self._defrosts, at_ms)[-row.most_a_day - 1 :]
            elif at_ms - self._since_ms > self._longest_ms or air_c > row.ceiling_c:
                self._end_as_none()
        elif self._spent:
            self._spent = air_c > self._base + ONSET_RISE_C
        elif rise_c >= ONSET_RISE_C and air_c <= row.ceiling_c:
            self._since_ms, self._base, self._missed = at_ms, air_c - rise_c, self.felt
        recent = [at for at in self._defrosts if at > at_ms - DAY_MS] if self._defrosts else ()
        self.often = len(recent) > row.most_a_day

    def _end_as_none(self) -> None:
        if self._since_ms is not None:
            self.felt, self._since_ms, self._spent = max(self.felt, self._missed), None, True


def rebase(state: AirState, shift_ms: int, before_ms: int) -> AirState:
    """The same state on another timeline (a new boot), as ``limit.rebase``."""
    shift_ms -= max(0, state.at_ms + shift_ms - (before_ms - 1))
    return msgspec.structs.replace(
        state,
        at_ms=state.at_ms + shift_ms,
        since_ms=None if state.since_ms is None else state.since_ms + shift_ms,
        defrosts=tuple(at + shift_ms for at in state.defrosts),
        recent=tuple((at + shift_ms, value) for at, value in state.recent),
    )
