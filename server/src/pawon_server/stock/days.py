"""Local days: of a moment, and of what a person or a label says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

# The year 2248, as for every moment that a person may name.
LAST_MS = 2**43


def local_time(at_ms: int, zone: str) -> datetime:
    """The clock on the kitchen's wall at a moment (ms UTC); what a broken clock claims beyond the calendar is held
    within it."""
    return datetime.fromtimestamp(min(max(at_ms, 0), LAST_MS) / 1000, tz=UTC).astimezone(ZoneInfo(zone))


def local_date(at_ms: int, zone: str) -> date:
    """The day that a moment belongs to in the kitchen."""
    return local_time(at_ms, zone).date()


def day_of_text(text: str) -> date | None:
    """A day written ``YYYY-MM-DD``; ``None`` for nothing and for what no calendar has."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def days_of_texts(texts: tuple[str, ...]) -> tuple[date, ...]:
    """Those of several that are days."""
    return tuple(day for text in texts if (day := day_of_text(text)) is not None)


def end_of_day_ms(day: str, zone: str) -> int | None:
    """When a local day is over; ``None`` for none."""
    try:
        following = date.fromisoformat(day) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return round(datetime.combine(following, datetime.min.time(), tzinfo=ZoneInfo(zone)).timestamp() * 1000)
