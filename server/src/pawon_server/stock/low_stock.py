"""Whether a stock is low, so that people are told in time to buy. Pure.

Begins on the day on which it must be ordered, or below the minimum. Ends only when it is clearly covered again: the
last day to order is not even tomorrow, and a twentieth more than the minimum is there. So it neither flaps around
midnight nor with the gram that a scale weighs differently.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from .forecast import Outlook

# ``lasts``: until its end that is foreseen, or at least for the menu; ``enough``: no end is in sight.
Standing = Literal["unknown", "low", "lasts", "enough"]
RUNS_OUT, MINIMUM = "stock-runs-out", "stock-below-minimum"
# Nobody buys rice at three in the night.
DAY_FROM_HOUR, DAY_TO_HOUR = 6, 18
CLEAR_DAYS = 1
CLEAR_PERCENT = 105


def low(one: Outlook, today: date) -> str | None:
    """Why it is low on a calendar day: a rule's name, or ``None``: it is not, or nothing can be said of it."""
    if one.stock is None:
        return None
    if one.below_minimum:
        return MINIMUM
    return RUNS_OUT if one.order_by is not None and one.order_by <= today else None


def covered(one: Outlook, today: date) -> bool:
    """Whether what was low is over. What is not known any more is not covered."""
    if one.stock is None:
        return False
    minimum = one.supply.minimum
    if minimum is not None and one.stock * 100 < minimum * CLEAR_PERCENT:
        return False
    return one.order_by is None or one.order_by > today + timedelta(days=CLEAR_DAYS)


def is_day(local: datetime) -> bool:
    """Whether people are told of stock at this hour."""
    return DAY_FROM_HOUR <= local.hour < DAY_TO_HOUR


def standing(one: Outlook, today: date) -> Standing:
    """How a stock stands on a calendar day. Nothing that is not known is ever ``enough``."""
    if low(one, today) is not None:
        return "low"
    if not one.known:
        return "unknown"
    in_sight = one.foreseen_to is not None and one.foreseen_to < one.wants[-1].day
    return "enough" if one.runs_out is None and not in_sight else "lasts"
