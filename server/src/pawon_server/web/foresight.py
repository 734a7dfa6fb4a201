"""The forecast for pages and API: worked out anew for staff, shared for a while by everybody else.

Working it out takes a tenth of a second for sixty items, and anybody may ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from ..projections.larder import Larder, outlooks, read_larder
from ..rulebook import Rulebook
from ..stock.forecast import Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """The figures of a moment and what they mean for every item."""

    at_ms: int
    larder: Larder
    ahead: dict[str, Outlook]


class Foresight:
    """May be asked from any thread; ``now_ms`` is the server's clock."""

    def __init__(self, reader: Engine, book: Rulebook, now_ms: Callable[[], int]) -> None:
        self.book = book
        self._reader, self._now_ms = reader, now_ms
        self._lock = threading.Lock()
        self._last: Foreseen | None = None

    def fresh(self) -> Foreseen:
        """By the record as it is now."""
        now_ms = self._now_ms()
        with self._reader.connect() as connection:
            larder = read_larder(connection, self.book, now_ms)
        self._last = Foreseen(at_ms=now_ms, larder=larder, ahead=outlooks(self.book, larder))
        return self._last

    def recent(self, age_ms: int) -> Foreseen:
        """At most so old; who asks at the same time waits for one answer."""
        with self._lock:
            last = self._last
            return last if last is not None and 0 <= self._now_ms() - last.at_ms < age_ms else self.fresh()
