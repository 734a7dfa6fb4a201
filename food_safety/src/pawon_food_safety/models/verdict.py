"""What a growth prediction may do to a decision about food: nothing, hold it, or discard it.

There is no value for a release: food that broke a limit stays broken whatever a model predicts.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .growth import GrowthState, grown
from .organisms import Organism

Action = Literal["none", "hold", "discard"]
# What may stand when a model speaks: still open, or what people or a limit decided.
Decision = Literal["none", "use", "hold", "discard"]

_SEVERITY: dict[Decision, int] = {"none": 0, "use": 0, "hold": 1, "discard": 2}


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """log10 of predicted growth from which food is held and discarded."""

    hold_log10: float = 1.0
    discard_log10: float = 2.0
    source: str = "1 log: FSIS Appendix B 2021 for C. perfringens, taken for every deciding organism; 2 log: practice"

    def __post_init__(self) -> None:
        if not 0 < self.hold_log10 <= self.discard_log10:
            raise ValueError("food is held before it is discarded, and never for no growth")


DEFAULT_THRESHOLDS = Thresholds()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one model says of one series.

    ``estimate``: always true, and shown (*perkiraan*). ``in_range``: there were temperatures and all lay where the
    model is valid; ``unknown_s``: how much time was a gap, filled with the fastest growth.
    """

    model: str
    action: Action
    growth_log10: float
    toxin_concern: bool
    in_range: bool
    unknown_s: float
    estimate: bool = True

    def __post_init__(self) -> None:
        if not self.estimate:
            raise ValueError("a prediction is an estimate")


def judge(organism: Organism, state: GrowthState, thresholds: Thresholds = DEFAULT_THRESHOLDS) -> Verdict:
    """The verdict on a series that ``growth.step`` followed with this organism's rate. An organism that does not decide
    is told with action ``none``."""
    growth = grown(state.potential, organism.h0, organism.start, organism.ceiling)
    action: Action = "none"
    if organism.decides and growth >= thresholds.discard_log10:
        action = "discard"
    elif organism.decides and growth >= thresholds.hold_log10:
        action = "hold"
    track = state.track
    return Verdict(
        model=organism.id,
        action=action,
        growth_log10=growth,
        toxin_concern=organism.toxin_log10 is not None and growth >= organism.toxin_log10,
        in_range=track.last_ms is not None
        and organism.valid_from_c <= track.lowest_c
        and track.highest_c <= organism.valid_to_c,
        unknown_s=track.unknown_ms / 1000,
    )


def tighten(decision: Decision, verdict: Verdict) -> Decision:
    """The stricter of a decision and a verdict; a decision as strict as the verdict stays as it is."""
    return verdict.action if _SEVERITY[verdict.action] > _SEVERITY[decision] else decision
