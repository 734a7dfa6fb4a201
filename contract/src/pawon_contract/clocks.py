"""How far a clock may be from the truth: what gateway and server both reckon with."""

from __future__ import annotations

# A Pi's crystal is off by some 20 to 50 ppm over a kitchen's temperatures; a time service that slews adds its own.
DRIFT_PPM = 100
# No clock that says less or more is right: before 2025 there was no Pawon, and 1970 and 2106 are what broken ones say.
FIRST_UTC_MS = 1_735_689_600_000  # 2025-01-01
LAST_UTC_MS = 4_102_444_800_000  # 2100-01-01


def drift_ms(distance_ms: int) -> int:
    """By how much two clocks may part over ``distance_ms`` of one of them, rounded up."""
    return -(-abs(distance_ms) * DRIFT_PPM // 1_000_000)


def no_time(utc_ms: int) -> str | None:
    """Why ``utc_ms`` cannot be the present time, or ``None``."""
    if utc_ms < FIRST_UTC_MS:
        return "it lies before 2025"
    return "it lies after 2099" if utc_ms >= LAST_UTC_MS else None
