"""What the judge says of a series, and how much of the time nobody measured."""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

Kind = Literal[
    "limit", "rate", "door", "power", "defrost", "stuck", "spike", "cooking", "cooling", "reheating", "gap"
]  # fmt: skip


class JudgedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``rule``: the id of the profile's row, or ``no-data`` and ``power-off``. ``end_ms`` None: it still lasted at the
    end of the file. ``measured_ms``: of it, what was measured (of a gap: its length). ``worst_c``: the worst value;
    of cooking and reheating the hottest core, of cooling the core at the end."""

    kind: Kind
    rule: str
    severity: Literal["ok", "warning", "critical"]
    start_ms: int
    end_ms: int | None
    measured_ms: int
    worst_c: float | None = None


class Unmeasured:
    """Adds up gaps, which must come in order of time; ``before`` looks back ``look_back_ms`` from the row
    before the newest gap."""

    __slots__ = ("_gaps", "_look_back_ms", "total_ms")

    def __init__(self, look_back_ms: int) -> None:
        self.total_ms = 0
        self._look_back_ms = look_back_ms
        self._gaps: deque[tuple[int, int]] = deque()

    def add(self, start_ms: int, end_ms: int) -> None:
        """Nobody measured between these."""
        self.total_ms += end_ms - start_ms
        self._gaps.append((start_ms, end_ms))
        while self._gaps[0][1] < start_ms - self._look_back_ms:
            self._gaps.popleft()

    def before(self, at_ms: int) -> int:
        """Unmeasured ms before ``at_ms``."""
        after_ms = 0
        for start_ms, end_ms in reversed(self._gaps):
            if end_ms <= at_ms:
                break
            after_ms += end_ms - max(start_ms, at_ms)
        return self.total_ms - after_ms
