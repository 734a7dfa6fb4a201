"""The clocks of cooked food: how old it is, whether it was cooked too early, and how long its sample is kept.

Pure functions of stamps (ms since 1970, UTC) that the caller holds; the present is an argument. The clock of a batch
starts when the first of its pans has ended cooking. Nothing here measures temperature: see ``exposure``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

import msgspec

from .rows import Retention, Serving, TooEarly

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A row and the moment from which it applies: whatever is eaten after ``at_ms`` is older than the row allows."""

    row: Serving
    at_ms: int


def due(rows: Iterable[Serving], cooked_ms: int, now_ms: int) -> list[Due]:
    """The rows that apply at ``now_ms`` to food cooked at ``cooked_ms``, the earliest first."""
    return [each for each in _clock(rows, cooked_ms) if each.at_ms <= now_ms]


def next_due(rows: Iterable[Serving], cooked_ms: int, now_ms: int) -> Due | None:
    """The row that will apply next; None when all do."""
    return next((each for each in _clock(rows, cooked_ms) if each.at_ms > now_ms), None)


def countdown_ms(rows: Iterable[Serving], cooked_ms: int, now_ms: int) -> int | None:
    """How long until the first critical row applies (below zero: since when it does); None without such a row."""
    critical = [each.at_ms for each in _clock(rows, cooked_ms) if each.row.severity == "critical"]
    return critical[0] - now_ms if critical else None


def too_early(row: TooEarly, began_ms: int, serving_day: date, zone: tzinfo) -> bool:
    """Whether cooking began before ``not_before`` of the day it is served, by the clock on the kitchen's wall."""
    hours, minutes = row.not_before.split(":")
    wall = datetime.combine(serving_day, time(), zone) + timedelta(hours=int(hours), minutes=int(minutes))
    return began_ms < (wall - _EPOCH) // timedelta(milliseconds=1)


def sample_due(row: Retention, taken_ms: int, now_ms: int, incident_open: bool) -> Literal["keep", "blocked", "free"]:
    """Whether a retained sample must be kept; ``free``: it may be thrown away. While an incident is open it is
    ``blocked``, however old it is: it may be the only witness."""
    if incident_open:
        return "blocked"
    return "keep" if now_ms < taken_ms + round(max(row.keep_s, row.least_s) * 1000) else "free"


def _clock(rows: Iterable[Serving], cooked_ms: int) -> list[Due]:
    struck = [Due(row=row, at_ms=cooked_ms + round(row.age_s * 1000)) for row in rows]
    return sorted(struck, key=lambda each: (each.at_ms, each.row.severity == "critical", each.row.absolute))
