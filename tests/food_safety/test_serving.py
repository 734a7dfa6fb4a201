"""The clocks of cooked food: age, too early, retained samples."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.food_safety.scenarios import HOUR, RETENTION, SECOND, SERVING, TOO_EARLY, WIB, WIT, WITA

from pawon_food_safety.serving import countdown_ms, due, next_due, sample_due, too_early

COOKED = 1_758_650_400_000  # 2025-09-24 01:00 WIB


@pytest.mark.parametrize(
    ("age_ms", "expected"),
    [
        (3 * HOUR - SECOND, []),
        (3 * HOUR, ["age-3h"]),
        (3 * HOUR + SECOND, ["age-3h"]),
        (4 * HOUR - SECOND, ["age-3h"]),
        (4 * HOUR, ["age-3h", "age-4h"]),
        (4 * HOUR + SECOND, ["age-3h", "age-4h"]),
        (6 * HOUR - SECOND, ["age-3h", "age-4h"]),
        (6 * HOUR, ["age-3h", "age-4h", "age-6h"]),
        (6 * HOUR + SECOND, ["age-3h", "age-4h", "age-6h"]),
        (-SECOND, []),
    ],
)
def test_each_row_strikes_at_its_age(age_ms: int, expected: list[str]) -> None:
    """3, 4 and 6 h after cooking: at the second, in whatever order the rows stand, with the moment they struck."""
    for ladder in (SERVING, SERVING[::-1]):
        struck = due(ladder, COOKED, COOKED + age_ms)
        assert [each.row.id for each in struck] == expected
        assert all(each.at_ms == COOKED + each.row.age_s * SECOND for each in struck)
        coming = next_due(ladder, COOKED, COOKED + age_ms)
        rest = [row.id for row in SERVING][len(expected) :]
        assert (None if coming is None else coming.row.id) == (rest[0] if rest else None)
        assert countdown_ms(ladder, COOKED, COOKED + age_ms) == 4 * HOUR - age_ms


def test_without_a_critical_row_nothing_is_counted_down() -> None:
    """No row, no clock."""
    assert countdown_ms(SERVING[:1], COOKED, COOKED) is None
    assert countdown_ms([], COOKED, COOKED) is None
    assert next_due([], COOKED, COOKED) is None


@given(st.integers(0, 10 * HOUR), st.integers(0, 10 * HOUR))
def test_older_is_never_milder(a: int, b: int) -> None:
    """What is due stays due."""
    younger, older = (due(SERVING, COOKED, COOKED + age) for age in sorted((a, b)))
    assert older[: len(younger)] == younger


@pytest.mark.parametrize("zone", [WIB, WITA, WIT, *map(ZoneInfo, ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"))])
@pytest.mark.parametrize(
    ("began", "expected"),
    [
        ("2025-09-23 21:00:00", True),
        ("2025-09-23 23:59:59", True),
        ("2025-09-24 00:00:00", False),
        ("2025-09-24 00:00:01", False),
        ("2025-09-24 02:00:00", False),
        ("2025-09-22 12:00:00", True),
    ],
)
def test_cooking_must_not_begin_before_midnight_of_the_day_it_is_served(
    began: str, expected: bool, zone: tzinfo
) -> None:
    """By the kitchen's own midnight, in all three zones; 21:00 the evening before is too early."""
    began_ms = round(datetime.fromisoformat(began).replace(tzinfo=zone).timestamp() * 1000)
    assert too_early(TOO_EARLY, began_ms, date(2025, 9, 24), zone) == expected


def test_midnight_is_not_everywhere_at_once() -> None:
    """The same moment is 00:30 in Jayapura and 22:30 in Jakarta."""
    began_ms = round(datetime(2025, 9, 24, 0, 30, tzinfo=WIT).timestamp() * 1000)
    judged = [too_early(TOO_EARLY, began_ms, date(2025, 9, 24), zone) for zone in (WIB, WITA, WIT)]
    assert judged == [True, True, False]


@pytest.mark.parametrize(("not_before", "hours"), [("02:00", 2), ("23:59", 23 + 59 / 60), ("29:00", 29)])
def test_another_hour_is_another_limit(not_before: str, hours: float) -> None:
    """A profile may ask for 02:00; an hour that no clock has counts on into the next day instead of failing."""
    row = msgspec.structs.replace(TOO_EARLY, not_before=not_before)
    midnight = datetime(2025, 9, 24, tzinfo=WIB)
    edge_ms = round((midnight + timedelta(hours=hours)).timestamp() * 1000)
    assert too_early(row, edge_ms - 1, date(2025, 9, 24), WIB)
    assert not too_early(row, edge_ms, date(2025, 9, 24), WIB)


@pytest.mark.parametrize(
    ("age_h", "incident_open", "expected"),
    [
        (0, False, "keep"),
        (48, False, "keep"),
        (72 - 1 / 3600, False, "keep"),
        (72, False, "free"),
        (72 + 1 / 3600, False, "free"),
        (1, True, "blocked"),
        (1000, True, "blocked"),
    ],
)
def test_a_sample_is_kept_its_time_and_while_an_incident_is_open(
    age_h: float, incident_open: bool, expected: str
) -> None:
    """72 h; nothing is thrown away while people are asking what made them ill."""
    assert sample_due(RETENTION, COOKED, COOKED + round(age_h * HOUR), incident_open) == expected


def test_no_profile_shortens_a_sample_below_its_least() -> None:
    """A keeping time below the least one is not obeyed."""
    row = msgspec.structs.replace(RETENTION, keep_s=3600)
    assert sample_due(row, COOKED, COOKED + 48 * HOUR - 1, False) == "keep"
    assert sample_due(row, COOKED, COOKED + 48 * HOUR, False) == "free"
