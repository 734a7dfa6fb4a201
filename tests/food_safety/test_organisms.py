"""The organisms' table, and verdicts that can only tighten."""

from __future__ import annotations

import math
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.models.growth import GrowthState, step
from pawon_food_safety.models.organisms import ORGANISMS, Organism
from pawon_food_safety.models.series import Track
from pawon_food_safety.models.verdict import Action, Decision, Thresholds, Verdict, judge, tighten

MINUTE = 60_000
RICE = ORGANISMS["b-cereus-rice-1"]
COLI = ORGANISMS["e-coli-1"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
# From mild to strict, as kitchen people mean it; written out here so that the code's own order is checked.
ORDER = [{"none", "use"}, {"hold"}, {"discard"}]

SERIES = st.lists(
    st.tuples(st.integers(1, 90 * MINUTE), st.one_of(st.floats(-20, 100), st.just(math.nan)), st.booleans()), max_size=8
)


def strictness(decision: str) -> int:
    """Its place in ``ORDER``."""
    return next(n for n, alike in enumerate(ORDER) if decision in alike)


def kept_at(organism: Organism, value_c: float, hours: float) -> GrowthState:
    """A series at one temperature, read every half hour."""
    state = GrowthState()
    for half in range(round(hours * 2) + 1):
        state = step(organism.rate, state, half * 30 * MINUTE, value_c, held=True)
    return state


def test_the_table_is_complete() -> None:
    """Ids are keys, every row has its source, standing and validity; those of cooked and raw food decide."""
    assert {organism.id for organism in ORGANISMS.values() if organism.decides} == {
        "b-cereus-rice-1",
        "c-perfringens-chicken-1",
        "c-perfringens-beef-1",
        "salmonella-chicken-1",
    }
    for key, organism in ORGANISMS.items():
        assert key == organism.id
        assert organism.source
        assert organism.validity
        assert organism.valid_from_c < organism.valid_to_c
        assert organism.rate.lowest_c <= organism.valid_from_c
        assert organism.valid_to_c <= organism.rate.highest_c
        assert organism.decides == (organism.status != "informative")


# (organism, C, hours, action, toxin concern, why): the growth is that of the table of courses in test_growth.
VERDICTS = [
    ("b-cereus-rice-1", 30.0, 4, "none", False, "+0.91: the 4 h rule"),
    ("b-cereus-rice-1", 30.0, 5, "hold", False, "between 1 and 2 log"),
    ("b-cereus-rice-1", 30.0, 6, "discard", False, "+2.18: why 6 h fails"),
    ("b-cereus-rice-1", 30.0, 8, "discard", True, "+3.50: toxin that reheating does not end"),
    ("b-cereus-rice-1", 60.0, 8, "none", False, "hot held"),
    ("c-perfringens-chicken-1", 40.0, 4, "discard", False, "no toxin is foretold for it"),
    ("salmonella-chicken-1", 37.0, 1, "none", False, "0.90 log without a lag"),
    ("salmonella-chicken-1", 37.0, 1.5, "hold", False, "1.34 log"),
    ("salmonella-chicken-1", 37.0, 3, "discard", False, "2.69 log"),
    ("e-coli-1", 37.0, 8, "none", False, "informs only, whatever it grows"),
    ("l-monocytogenes-1", 37.0, 24, "none", False, "informs only, whatever it grows"),
]


@pytest.mark.parametrize(("name", "value_c", "hours", "action", "toxin", "why"), VERDICTS)
def test_the_verdicts(name: str, value_c: float, hours: float, action: str, toxin: bool, why: str) -> None:
    """One log holds, two discard, three of B. cereus speak of toxin; each names its model and is an estimate."""
    verdict = judge(ORGANISMS[name], kept_at(ORGANISMS[name], value_c, hours))
    assert (verdict.action, verdict.toxin_concern, verdict.model, verdict.estimate) == (action, toxin, name, True), why


@pytest.mark.parametrize(
    ("growth", "action"), [(0.999, "none"), (1.0, "hold"), (1.999, "hold"), (2.0, "discard"), (60.0, "discard")]
)
def test_the_thresholds_are_reached_at_their_value(growth: float, action: str) -> None:
    """At 1 log held, at 2 discarded. Salmonella has neither lag nor ceiling: what could grow, grew."""
    salmonella = ORGANISMS["salmonella-chicken-1"]
    assert judge(salmonella, GrowthState(potential=growth)).action == action
    assert judge(COLI, GrowthState(potential=growth)).action == "none"
    strict = Thresholds(hold_log10=0.5, discard_log10=0.9, source="a kitchen's own")
    assert judge(salmonella, GrowthState(potential=growth), strict).action == "discard"


@pytest.mark.parametrize(("hold", "discard"), [(0.0, 2.0), (-1.0, 2.0), (2.0, 1.0), (math.nan, 2.0)])
def test_thresholds_that_make_no_sense_are_refused(hold: float, discard: float) -> None:
    """Food is held before it is discarded, and never for no growth."""
    with pytest.raises(ValueError, match="held before"):
        Thresholds(hold_log10=hold, discard_log10=discard)


def test_the_verdict_tells_where_the_model_is_not_valid_and_what_was_not_measured() -> None:
    """In range only if every temperature was, and there was one; gaps in seconds."""
    assert not judge(RICE, GrowthState()).in_range
    state = kept_at(RICE, 30.0, 1)
    assert (judge(RICE, state).in_range, judge(RICE, state).unknown_s) == (True, 0.0)
    gap = step(RICE.rate, state, 120 * MINUTE, 49.0, held=False)
    assert (judge(RICE, gap).in_range, judge(RICE, gap).unknown_s) == (True, 3600.0)
    for outside in (9.9, 49.1, -18.0, 75.0):
        later = step(RICE.rate, step(RICE.rate, state, 61 * MINUTE, outside, True), 62 * MINUTE, 30.0, True)
        assert not judge(RICE, later).in_range


def test_a_verdict_has_no_word_for_release() -> None:
    """None, hold, discard: neither made nor read from anywhere can it be another, nor be more than an estimate."""
    assert set(get_args(Action)) == {"none", "hold", "discard"}
    told = msgspec.json.decode(msgspec.json.encode(judge(RICE, kept_at(RICE, 30.0, 6))))
    assert msgspec.convert(told, Verdict).action == "discard"
    for change in ({"action": "use"}, {"action": "release"}, {"estimate": False}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(told | change, Verdict)


@pytest.mark.parametrize(
    ("decision", "action", "becomes"),
    [
        ("none", "none", "none"), ("none", "hold", "hold"), ("none", "discard", "discard"),
        ("use", "none", "use"), ("use", "hold", "hold"), ("use", "discard", "discard"),
        ("hold", "none", "hold"), ("hold", "hold", "hold"), ("hold", "discard", "discard"),
        ("discard", "none", "discard"), ("discard", "hold", "discard"), ("discard", "discard", "discard"),
    ],
)  # fmt: skip
def test_tightening(decision: Decision, action: Action, becomes: Decision) -> None:
    """Every decision under every verdict."""
    verdict = Verdict(model="any", action=action, growth_log10=0, toxin_concern=False, in_range=True, unknown_s=0)
    assert tighten(decision, verdict) == becomes


@given(
    series=SERIES,
    organism=st.sampled_from(list(ORGANISMS.values())),
    decision=st.sampled_from(DECISIONS),
    potential=st.floats(0, 100),
)
def test_a_model_never_releases_food(
    series: list[tuple[int, float, bool]], organism: Organism, decision: Decision, potential: float
) -> None:
    """Whatever was measured, whatever the model made of it: what a broken limit decided is never made milder, and an
    undecided food is not called usable."""
    state, at_ms = GrowthState(potential=potential), 0
    for wait_ms, value_c, held in series:
        at_ms += wait_ms
        state = step(organism.rate, state, at_ms, value_c, held)
    tightened = tighten(decision, judge(organism, state))
    assert strictness(tightened) >= strictness(decision)
    assert tightened != "use" or decision == "use"


@given(organism=st.sampled_from(list(ORGANISMS.values())), less=st.floats(0, 100), more=st.floats(0, 100))
def test_more_growth_is_never_judged_milder(organism: Organism, less: float, more: float) -> None:
    """Verdicts rise with the potential."""
    less, more = sorted((less, more))
    mild, strict = (judge(organism, GrowthState(track=Track(), potential=each)) for each in (less, more))
    assert strictness(mild.action) <= strictness(strict.action)
    assert mild.growth_log10 <= strict.growth_log10 + 1e-9
    assert strict.toxin_concern or not mild.toxin_concern
