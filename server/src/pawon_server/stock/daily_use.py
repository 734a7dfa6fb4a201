"""What a kitchen uses of an item on a usual day, from what it used on the days before. Pure.

Days are *kitchen days*: the preparation for a serving day begins in the afternoon before it, so what leaves the store
from then on is of that serving day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median, quantiles

from .days import local_time

# When the first shift begins to prepare the next day's food (three shifts, preparation from 16:00).
PREPARATION_HOUR = 16
# Eight weeks are two of a fortnightly menu and some holidays; what was eaten before is another season's.
LOOK_BACK_DAYS = 56
# So many days of one weekday tell more of that weekday than all days together.
OWN_WEEKDAY_DAYS = 3
# Else the last four weeks of five days speak for any weekday.
POOLED_DAYS = 20
# A weekday that was seen so often, and mostly without a meal, is one on which the kitchen rests.
REST_SEEN_DAYS = 2
# More than three usual days at once is a feast or a slip of the scale, and does not come every week.
CAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one day takes, in base units: a quarter of such days took less than ``low``, a quarter more than ``high``;
    ``likely`` is their mean."""

    low: int
    likely: int
    high: int


NOTHING = Rate(low=0, likely=0, high=0)


def kitchen_day(at_ms: int, zone: str) -> date:
    """For which serving day people work at a moment."""
    local = local_time(at_ms, zone)
    return local.date() + timedelta(days=local.hour >= PREPARATION_HOUR)


def usual(used: Mapping[date, int], served: Set[date], today: date) -> tuple[Rate, ...] | None:
    """What each weekday (Monday first) takes of an item; ``None`` when nothing was used of it within
    ``LOOK_BACK_DAYS``.

    ``served``: the days on which the kitchen used anything at all. ``today`` is not over and does not count.
    """
    first = min((day for day in _recent(used, today) if used[day] > 0), default=None)
    if first is None:
        return None
    # What it did before this item was first used tells nothing of the item.
    days = sorted(day for day in _recent(served, today) if day >= first)
    weeks = {_week(day) for day in days}
    seen = [day for n in range((today - first).days) if _week(day := first + timedelta(days=n)) in weeks]
    rates = []
    for weekday in range(7):
        of_all = [day for day in seen if day.weekday() == weekday]
        own = [day for day in days if day.weekday() == weekday]
        rests = len(of_all) >= REST_SEEN_DAYS and 2 * len(own) < len(of_all)
        counting = own if len(own) >= OWN_WEEKDAY_DAYS else days[-POOLED_DAYS:]
        rates.append(NOTHING if rests else _rate([max(0, used.get(day, 0)) for day in counting]))
    return tuple(rates)


def _rate(values: list[int]) -> Rate:
    """Of some days' use. Many items are used on one day of five, so that a median would call them unused."""
    some = [value for value in values if value > 0]
    if not some:
        return NOTHING
    cap = CAP * median(some)
    values = sorted(min(value, round(cap)) for value in values)
    likely = round(fmean(values))
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (likely,) * 3
    return Rate(low=min(round(low), likely), likely=likely, high=max(round(high), likely))


def _recent(days: Iterable[date], today: date) -> Iterable[date]:
    return (day for day in days if today - timedelta(days=LOOK_BACK_DAYS) <= day < today)


def _week(day: date) -> date:
    return day - timedelta(days=day.weekday())
