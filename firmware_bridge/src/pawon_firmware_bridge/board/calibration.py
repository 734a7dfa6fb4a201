"""Counts of an empty and of a loaded cell -> the two numbers of its calibration. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

READINGS = 16
"""Of each load: three seconds at five a second, as many conversions as the board's own tare takes."""

MAX_SPREAD_COUNTS = 400
"""As in the firmware's tare: five times the HX711's own noise from peak to peak."""

LEAST_SHARE = 20
"""The known mass must move the counts so many times further than they spread, or the result is worth under 5 %."""


class CalibrationError(Exception):
    """These counts give no calibration; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """mass in g = (counts - `zero_counts`) / `counts_per_g`, as gateway.toml has them."""

    counts_per_g: float
    zero_counts: int


def steady_mean(counts: Sequence[float]) -> float:
    """The mean of counts that lie still. CalibrationError if they do not."""
    spread = max(counts) - min(counts)
    if spread > MAX_SPREAD_COUNTS:
        raise CalibrationError(
            f"the load moves: the counts spread over {spread:.0f}, at most {MAX_SPREAD_COUNTS} are a load at rest. "
            "Keep hands and wind off, wait until it is still, and begin again"
        )
    return fmean(counts)


def calibrate(empty: Sequence[float], loaded: Sequence[float], mass_g: float) -> Calibration:
    """From readings without and with `mass_g` (over 0). CalibrationError if they do not lie still or do not differ."""
    zero, full = steady_mean(empty), steady_mean(loaded)
    spread = max(max(empty) - min(empty), max(loaded) - min(loaded), 1.0)
    if abs(full - zero) < LEAST_SHARE * spread:
        raise CalibrationError(
            f"the known mass moved the counts by {full - zero:+.0f} only, while they spread over {spread:.0f}: is it "
            "on this load cell, and are all four wires of the cell connected? Take a heavier mass otherwise"
        )
    return Calibration(counts_per_g=(full - zero) / mass_g, zero_counts=round(zero))
