"""Series and rows that the tests of the process rules share, and kitchens' days as they happened.

The numbers are those of the ID-MBG profile: cooking 75 C for 30 s or F70 of 2 minutes, cooling 60 to 21 C in 2 h and
on to 5 C in 4 h, reheating to 75 C in 1 h and at most 2 h, serving within 3, 4 and 6 h, the danger zone 5 to 60 C.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, timezone

import msgspec

from pawon_food_safety import rows
from pawon_food_safety.limit import Observation

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
WIB = timezone(timedelta(hours=7))
WITA = timezone(timedelta(hours=8))
WIT = timezone(timedelta(hours=9))

_SAID = {"text_id": "-", "text_en": "-", "action_id": "-", "action_en": "-"}

COOKING = rows.Cooking(
    point="cooking", id="cooking-core", severity="critical", core_c=75, hold_s=30, f_min=2, reference_c=70, z_c=7.5,
    floor_c=55, begin_c=40, probes=3, **_SAID,
)  # fmt: skip
COOLING = rows.Cooling(
    point="cooling", id="cooling-core", severity="critical", from_c=60, middle_c=21, end_c=5, first_target_s=90 * 60,
    first_warning_s=105 * 60, first_s=120 * 60, second_s=240 * 60, **_SAID,
)  # fmt: skip
REHEATING = rows.Reheating(
    point="reheating", id="reheating-core", severity="critical", begin_c=10, core_c=75, accept_c=74, target_s=3600,
    longest_s=7200, times=1, **_SAID,
)  # fmt: skip
SERVING = [
    rows.Serving(point="serving", id="age-3h", severity="warning", age_s=3 * 3600, **_SAID),
    rows.Serving(point="serving", id="age-4h", severity="critical", age_s=4 * 3600, **_SAID),
    rows.Serving(point="serving", id="age-6h", severity="critical", age_s=6 * 3600, absolute=True, **_SAID),
]
TOO_EARLY = rows.TooEarly(point="cooking", id="too-early", severity="critical", not_before="00:00", **_SAID)
RETENTION = rows.Retention(
    point="sample", id="sample", severity="warning", mass_g=150, keep_s=72 * 3600, least_s=48 * 3600, **_SAID
)
# Use within 2 h, then only at once, from 4 h on throw it away (the 2 h/4 h rule, FSANZ 3.2.2).
LADDER = [
    rows.Ladder(point="food", from_s=0, disposition="use", action_id="-", action_en="-"),
    rows.Ladder(point="food", from_s=2 * 3600, disposition="hold", action_id="-", action_en="-"),
    rows.Ladder(point="food", from_s=4 * 3600, disposition="discard", action_id="-", action_en="-"),
]
# Raw food not longer than 4 h in all above 5 C while it thaws (FDA Food Code 3-501.13).
THAWING = [rows.Ladder(point="thawing", from_s=4 * 3600, disposition="discard", action_id="-", action_en="-")]


def series(
    values: Iterable[float], every_ms: int, start_ms: int = 0, valid_ms: int | None = None
) -> list[Observation]:
    """One value every ``every_ms``, each believed for half as long again."""
    valid_ms = every_ms * 3 // 2 if valid_ms is None else valid_ms
    return [
        Observation(at_ms=start_ms + n * every_ms, value=value, valid_until_ms=start_ms + n * every_ms + valid_ms)
        for n, value in enumerate(values)
    ]


def line(from_c: float, to_c: float, last_ms: int, every_ms: int) -> list[float]:
    """Values of a straight line that comes to ``to_c`` exactly at its last value, at ``last_ms``."""
    steps = last_ms // every_ms
    return [from_c + (to_c - from_c) * n / steps for n in range(steps)] + [to_c]


def newton(from_c: float, ambient_c: float, tau_s: float) -> Callable[[float], float]:
    """The core of food that stands in a room, by seconds since it was put there."""
    return lambda elapsed_s: ambient_c + (from_c - ambient_c) * math.exp(-elapsed_s / tau_s)


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it happened, and what the rules must say of it when it was eaten."""

    name: str
    source: str
    began_ms: int
    cooked_ms: int
    eaten_ms: int
    day: date
    core: list[Observation]
    too_early: bool
    due: list[str]
    disposition: rows.Disposition


def _ms(day: int, hour: int, minute: int = 0) -> int:
    return round(datetime(2025, 9, day, hour, minute, tzinfo=WIB).astimezone(UTC).timestamp() * 1000)


def _standing(cooked_ms: int, eaten_ms: int) -> list[Observation]:
    """Packed rice of 75 C in a room of 30 C, tau 1.5 h, measured every minute until it was eaten."""
    core = newton(75, 30, 1.5 * 3600)
    minutes = (eaten_ms - cooked_ms) // MINUTE
    return series([core(n * 60) for n in range(minutes + 1)], MINUTE, cooked_ms)


def _rice(name: str, hours: int, due: list[str], disposition: rows.Disposition) -> Day:
    return Day(
        name=name, source="Bandung Barat, September 2025: B. cereus in the carbohydrate part, over 6 h at room warmth",
        began_ms=_ms(24, 3), cooked_ms=_ms(24, 4), eaten_ms=_ms(24, 4 + hours), day=date(2025, 9, 24),
        core=_standing(_ms(24, 4), _ms(24, 4 + hours)), too_early=False, due=due, disposition=disposition,
    )  # fmt: skip


DAYS = [
    Day(
        name="cooked at 21:00, eaten at 12:00", source="BGN on kitchens of West Java, September 2025",
        began_ms=_ms(23, 20), cooked_ms=_ms(23, 21), eaten_ms=_ms(24, 12), day=date(2025, 9, 24),
        core=_standing(_ms(23, 21), _ms(24, 12)), too_early=True, due=["age-3h", "age-4h", "age-6h"],
        disposition="discard",
    ),
    _rice("rice after 2 h: hot too short to matter", 2, [], "use"),
    _rice("rice after 4 h: serve now or not at all", 4, ["age-3h", "age-4h"], "hold"),
    _rice("rice after 6 h at room warmth", 6, ["age-3h", "age-4h", "age-6h"], "discard"),
    Day(
        name="kept above 60 C and eaten in time", source="what a kitchen should do",
        began_ms=_ms(24, 2), cooked_ms=_ms(24, 3), eaten_ms=_ms(24, 6) - 1, day=date(2025, 9, 24),
        core=series([65.0] * 180, MINUTE, _ms(24, 3)), too_early=False, due=[], disposition="use",
    ),
]  # fmt: skip
