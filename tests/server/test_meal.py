"""Which batches a school ate at a time: told, doubted, at another time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pawon_server.food_safety.batch import Batch, Pan, Share
from pawon_server.food_safety.meal import meals

HOUR = 3_600_000
COOKED, NOON = 100 * HOUR, 107 * HOUR


def batch(*, pans: tuple[Pan, ...] = (Pan(name="1", cooked_ms=COOKED),), **share: Any) -> Batch:
    """100 portions for SD 1, cooked at 5."""
    there = Share(**{"school": "SD 1", "portions": 100, "left_ms": COOKED, "arrived_ms": COOKED + HOUR, **share})
    return Batch(
        id="B", day="2025-10-09", opened_ms=COOKED - HOUR, named=True, portions=100, shares=(there,), pans=pans
    )


@pytest.mark.parametrize(
    ("share", "doubts"),
    [
        ({"eaten": 100, "eaten_ms": NOON}, ()),
        ({"eaten": 100, "eaten_ms": NOON - 2 * HOUR}, ()),
        ({"eaten": 100, "eaten_ms": NOON + 2 * HOUR}, ()),
        ({"eaten": 100, "eaten_ms": NOON - 2 * HOUR - 1}, None),
        ({"eaten": 40, "eaten_ms": NOON - 4 * HOUR}, ("not-told-eaten",)),
        ({}, ("not-told-eaten",)),
        ({"arrived_ms": None}, ("not-told-eaten", "not-told-arrived")),
        ({"arrived_ms": NOON + 3 * HOUR}, None),
        ({"discarded": 100}, None),
    ],
)  # fmt: skip
def test_what_the_record_can_know(share: dict[str, Any], doubts: tuple[str, ...] | None) -> None:
    """Eaten within two hours is certain; a rest nobody told the end of is doubted; gone, later or earlier is near."""
    found, near = meals([batch(**share)], "SD 1", NOON)
    assert [one.doubts for one in found] == ([] if doubts is None else [doubts])
    assert [one.id for one in near] == (["B"] if doubts is None else [])


def test_what_cannot_be() -> None:
    """Another school's batch, one cooked after the meal and one of the day before are not named at all; a pan whose
    clock only guessed is a doubt; what nobody told cooked counts from its opening."""
    assert meals([batch()], "SD 2", NOON) == ([], [])
    for cooked_ms in (NOON + 2 * HOUR + 1, NOON - 24 * HOUR - 1):
        assert meals([batch(pans=(Pan(name="1", cooked_ms=cooked_ms),))], "SD 1", NOON) == ([], [])
    guessed = Pan(name="1", cooked_ms=COOKED, sensor="probe", dated=False)
    (one,), _ = meals([batch(pans=(guessed,), eaten=100, eaten_ms=NOON)], "SD 1", NOON)
    assert one.doubts == ("undated",)
    (one,), _ = meals([msgspec.structs.replace(batch(), pans=())], "SD 1", NOON)
    assert one.doubts == ("not-told-eaten",)
