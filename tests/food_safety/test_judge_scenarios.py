"""`pawon-judge` on loggers' files of days as they happened: a file and what must be said of it, one pair each.

``NAME.json``: where the day comes from, the arguments, on how many days in a row it happens, and the events.
"""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.food_safety.judge_files import events

FILES = sorted(Path(__file__).with_name("scenarios_csv").glob("*.csv"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_day_is_told_as_it_was(path: Path) -> None:
    """Every event with its times, minutes and worst value, and nothing else: no false alarm."""
    told = json.loads(path.with_suffix(".json").read_text())
    assert events(repeated(path, told["days"]), told["point"], *told["arguments"]) == told["events"]


def test_defrosts_on_every_day_are_no_alarm_and_a_freezer_that_stays_warm_is() -> None:
    """The month's last defrost does not end: it is told, 45 minutes late at most, as what the food felt."""
    path = next(path for path in FILES if path.stem == "defrost-four-a-day")
    rows = [f"2025-10-01T{minute // 60:02}:{minute % 60:02},-4.0" for minute in range(0, 240, 5)]
    said = events(repeated(path, 30) + "\n".join(rows).encode(), "freezer", "--sensor", "air")
    assert {event["rule"] for event in said} == {"freezer-soft", "freezer-hot", "freezer-thawed"}
    assert said[0]["start"] <= "2025-10-01T00:50:00"


def repeated(path: Path, days: int) -> bytes:
    """The file with its rows again on so many days, the first one included."""
    if days == 1:
        return path.read_bytes()
    header, *rows = path.read_text().splitlines()
    found = re.search(r"\d{4}-\d\d-\d\d", rows[0])
    assert found is not None, "a file of one day names it"
    first = found[0]
    dates = [str(date.fromisoformat(first) + timedelta(days=day)) for day in range(days)]
    return "\n".join([header, *(row.replace(first, day) for day in dates for row in rows), ""]).encode()
