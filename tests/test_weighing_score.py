"""How `scripts/bench weighings` counts: a figure is worth what its counting is worth."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pawon_firmware_bridge.scenarios.signals import make
from pawon_firmware_bridge.scenarios.truth import Movement

PATH = Path(__file__).parents[1] / "scripts/benchmarks/weighings.py"


@pytest.fixture(scope="module")
def weighings() -> ModuleType:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("weighings", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["weighings"] = module
    sys.path.insert(0, str(PATH.parent))
    spec.loader.exec_module(module)
    return module


def _right(weighings: ModuleType, movements: list[Movement]) -> list[object]:
    return [
        weighings.Told(
            kind="in" if one.net_g > 0 else "out", told_s=one.end_s + 20, start_s=one.start_s, end_s=one.end_s + 5,
            net_g=one.net_g,
        )
        for one in movements
    ]  # fmt: skip


def test_who_tells_the_truth_has_all_of_it(weighings: ModuleType) -> None:
    """Every movement found, nothing false, no error, and the delay is from the truth's end."""
    signal = make("cross", 1)
    score = weighings.Score()
    score.add(signal, _right(weighings, list(signal.movements())), 1.0, 100_000)
    assert score.found == score.asked > 10
    assert (score.false, score.recall, score.error_g, score.us_a_sample) == (0, 1.0, 0.0, 10.0)
    assert score.delay_s == pytest.approx(20.0)


def test_what_is_invented_late_or_wrong_counts_against(weighings: ModuleType) -> None:
    """One telling beside every movement is false; one with half the mass, or of another sign, finds nothing."""
    signal = make("clean", 1)
    truth = list(signal.movements())
    right = _right(weighings, truth)
    told = weighings.Told

    def score(rows: list[object]) -> tuple[int, int]:
        counted = weighings.Score()
        counted.add(signal, rows, 1.0, 1)
        return counted.asked - counted.found, counted.false

    assert score([]) == (len(truth), 0)
    assert score([*right, told(kind="in", told_s=9, start_s=2, end_s=5, net_g=100)]) == (0, 1)
    assert score([*right, told(kind="touch", told_s=9, start_s=2, end_s=5, net_g=100)]) == (0, 0)
    first = truth[0]
    half = told(kind="in", told_s=9, start_s=first.start_s, end_s=first.end_s, net_g=first.net_g / 2)
    assert score([half, *right[1:]]) == (1, 0)
    assert score([half, half, *right[1:]]) == (0, 0)
    other = told(kind="in", told_s=9, start_s=first.start_s, end_s=first.end_s, net_g=-first.net_g)
    assert score([other, *right[1:]]) == (1, 1)


def test_a_proposal_is_right_where_nobody_saw(weighings: ModuleType) -> None:
    """A restart row with the mass of an unseen change is counted as such, and never as a movement."""
    signal = make("restart-changed", 1)
    unseen = [one for one in signal.movements() if not one.seen]
    assert unseen
    rows = [
        weighings.Told(
            kind="restart", told_s=one.end_s + 60, start_s=one.end_s + 50, end_s=one.end_s + 55, net_g=one.net_g
        )
        for one in unseen
    ]
    score = weighings.Score()
    score.add(signal, rows, 1.0, 1)
    assert (score.unseen, score.proposed, score.false_proposals, score.false, score.found) == (
        len(unseen), len(unseen), 0, 0, 0,
    )  # fmt: skip
    still = weighings.Score()
    still.add(make("restart-same", 1), rows, 1.0, 1)
    assert (still.proposed, still.false_proposals) == (0, len(rows))


def test_seeds_for_the_score_are_none_for_tuning(weighings: ModuleType) -> None:
    """What was tuned on must not be what is scored on."""
    assert min(weighings.SCORE_SEEDS) >= 10_000
    assert min(weighings.QUICK_SEEDS) >= 10_000
    assert max(weighings.TUNING_SEEDS) < 1_000
