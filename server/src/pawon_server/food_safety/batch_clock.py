"""The clock of a batch against the rows of the profile: what applies when, what was broken, and what to tell of it.

Pure. Numbers are the profile's alone. Eating later is never judged milder than eating earlier.
"""

from __future__ import annotations

from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from pawon_food_safety import serving
from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Serving, Spoken

from .batch import Batch

# The rule of a plan beyond the kitchen's licence: a setting of the kitchen, no row of a profile.
PORTIONS_OVER = "portions-over"
_FOREVER = 2**60


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was broken at ``since_ms``; ``lasts``: it still is."""

    rule: str
    severity: Literal["warning", "critical"]
    since_ms: int
    lasts: bool


def steps(batch: Batch, profile: Profile) -> list[serving.Due]:
    """When which serving row applies, the earliest first; without those that a supervisor lifted. Empty until it is
    cooked, and where the profile has no such row."""
    if batch.cooked_ms is None:
        return []
    return [step for step in serving.due(profile.serving, batch.cooked_ms, _FOREVER)
            if not _lifted(batch, step.row)]  # fmt: skip


def _lifted(batch: Batch, row: Serving) -> bool:
    return batch.allowed_ms is not None and row.severity == "critical" and not row.absolute


def verdicts(batch: Batch, profile: Profile, zone: str, now_ms: int) -> list[Verdict]:
    """Every rule that the batch has broken by ``now_ms``. What was eaten later than it may be stays broken, though it
    lasts no more."""
    left = not batch.over
    begun, cooked_ms = batch.cooking_began_ms, batch.cooked_ms
    day, place = date.fromisoformat(batch.day), ZoneInfo(zone)
    out = [
        Verdict(rule=row.id, severity=row.severity, since_ms=begun, lasts=left)
        for row in profile.too_early
        if begun is not None and serving.too_early(row, begun, day, place)
    ]
    if batch.over_limit:
        out.append(Verdict(rule=PORTIONS_OVER, severity="warning", since_ms=batch.opened_ms, lasts=left))
    if cooked_ms is None:
        return out
    clock = serving.due(profile.serving, cooked_ms, _FOREVER)
    for step in clock:
        lifted = _lifted(batch, step.row)
        waits = left and not lifted and now_ms >= step.at_ms
        eaten = [one.eaten_ms for one in batch.shares if one.eaten_ms is not None and one.eaten_ms >= step.at_ms]
        allowed_ms = batch.allowed_ms if lifted else None
        if waits or any(allowed_ms is None or ms < allowed_ms for ms in eaten):
            out.append(Verdict(rule=step.row.id, severity=step.row.severity, since_ms=step.at_ms, lasts=waits))
    gone = [one.left_ms for one in batch.shares if one.left_ms is not None]
    gone += [one.eaten_ms for one in batch.shares if one.eaten_ms is not None]
    gone += [step.at_ms for step in clock[:1] if left and step.at_ms <= now_ms]
    if batch.sampled_ms is None and gone:
        out += [Verdict(rule=keep.id, severity=keep.severity, since_ms=min(gone), lasts=left)
                for keep in profile.retention]  # fmt: skip
    return out


def news(batch: Batch, found: list[Verdict]) -> list[tuple[str, Literal["warning", "critical", "ended"], int]]:
    """What is to be decided of a batch: rule, state, since when. What is broken is told once, and so is its end."""
    out: list[tuple[str, Literal["warning", "critical", "ended"], int]] = []
    for one in found:
        told = batch.told.get(one.rule)
        if told is None or (told == "ended" and one.lasts):
            out.append((one.rule, one.severity, one.since_ms))
    lasting = {one.rule for one in found if one.lasts}
    ended_ms = max(batch.newest_ms, batch.opened_ms)
    out += [(rule, "ended", ended_ms) for rule, told in batch.told.items()
            if told != "ended" and rule not in lasting]  # fmt: skip
    return out


def words_of(profile: Profile, rule: str) -> tuple[str, tuple[str, str, str, str]]:
    """Of a rule of batches its point, and what is wrong and what to do: Indonesian and English each."""
    rows: list[Spoken] = [*profile.serving, *profile.too_early, *profile.retention]
    for row in rows:
        if row.id == rule:
            return row.point, (row.text_id, row.text_en, row.action_id, row.action_en)
    if rule == PORTIONS_OVER:
        return "licence", (
            "Porsi lebih dari izin dapur", "More portions than the kitchen's licence allows",
            "Kurangi porsi, atau minta izin. Hubungi kepala dapur.",
            "Cook fewer portions, or ask for leave. Call the kitchen's head.",
        )  # fmt: skip
    return "serving", (
        "Aturan batch dilanggar", "A rule of batches was broken", "Tahan makanan. Hubungi kepala dapur.",
        "Hold the food. Call the kitchen's head.",
    )  # fmt: skip
