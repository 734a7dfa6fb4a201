"""What a growth model says of food that felt a series of temperatures: an estimate. It may tighten, never release.

Pure. Models exist for few foods; of others nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from pawon_food_safety.models.growth import GrowthState, step
from pawon_food_safety.models.organisms import ORGANISMS, Organism
from pawon_food_safety.models.verdict import Verdict, judge, tighten

from .heat import Advice, Slice

# Food classes of raw material of which a model was made, and of cooked food.
MODELS: Mapping[str, tuple[str, ...]] = MappingProxyType({"poultry": ("salmonella-chicken-1",)})
COOKED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"rice": ("b-cereus-rice-1",), "poultry": ("c-perfringens-chicken-1",)}
)


def predict(food: str, series: Sequence[Slice], *, cooked: bool = False) -> list[Verdict]:
    """The verdicts of the models of a food class; the warmest value of each slice counts. Nothing for food without a
    model, or of which no temperature is known."""
    return [_verdict(ORGANISMS[name], series) for name in (COOKED if cooked else MODELS).get(food, ()) if series]


def _verdict(organism: Organism, series: Sequence[Slice]) -> Verdict:
    state = GrowthState()
    for number, one in enumerate(series):
        held = number > 0 and series[number - 1].end_ms >= one.start_ms
        state = step(organism.rate, state, one.start_ms, one.high_c, held)
        if number + 1 == len(series) or series[number + 1].start_ms > one.end_ms:
            state = step(organism.rate, state, one.end_ms, one.high_c, True)
    return judge(organism, state)


def tightened(advice: Advice, verdicts: Iterable[Verdict]) -> Advice:
    """The advice, made stricter where a prediction says so; never milder, and never green beside one that does."""
    disposition, told = advice.disposition, False
    for verdict in verdicts:
        stricter = tighten(disposition, verdict)
        disposition = disposition if stricter == "none" else stricter
        told = told or verdict.action != "none"
    return msgspec.structs.replace(advice, disposition=disposition, green=advice.green and not told)
