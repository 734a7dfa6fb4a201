"""Ports that vanish at one moment share a cause: their USB hub, or its power. Pure but for the clock it is given."""

from __future__ import annotations

import threading
from collections.abc import Callable

# A hub that browns out drops its ports within the kernel's own second or two.
TOGETHER_MS = 3_000


class HubWatch:
    """Remembers when each port was lost; ports tell it from their own threads."""

    def __init__(self, *, monotonic_ms: Callable[[], int]) -> None:
        self._monotonic_ms = monotonic_ms
        self._lock = threading.Lock()
        self._lost_ms: dict[str, int] = {}

    def port_lost(self, name: str) -> list[str]:
        """The port ``name``, which had been open, is gone; the names of others that went at the same moment."""
        now_ms = self._monotonic_ms()
        with self._lock:
            self._lost_ms[name] = now_ms
            return [other for other, at in self._lost_ms.items() if other != name and now_ms - at <= TOGETHER_MS]
