"""Local days: of a moment, and of what a person or a label says."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo


def local_date(at_ms: int, zone: str) -> date:
    """The day that a moment (ms UTC) belongs to in the kitchen."""
    return datetime.fromtimestamp(at_ms / 1000, tz=ZoneInfo(zone)).date()


def day_of_text(text: str) -> date | None:
    """A day written ``YYYY-MM-DD``; ``None`` for nothing and for what no calendar has."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def days_of_texts(texts: tuple[str, ...]) -> tuple[date, ...]:
    """Those of several that are days."""
    return tuple(day for text in texts if (day := day_of_text(text)) is not None)
