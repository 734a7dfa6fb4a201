"""Whether a person may name a moment: not the future, and not the long past."""

from __future__ import annotations

# A phone's clock may be ahead by this much; what is written later than a month after it happened is a slip.
AHEAD_MS = 60_000
LATE_MS = 31 * 24 * 3_600_000


def untimely(at_ms: int, now_ms: int) -> str | None:
    """Why a moment that a person named cannot be, in Indonesian."""
    if at_ms > now_ms + AHEAD_MS:
        return "Waktunya belum tiba"
    return "Sudah lebih dari sebulan lalu" if at_ms < now_ms - LATE_MS else None
