"""Writes docs/profiles.md from the shipped profiles: run after changing a row (a test says when).

.envs/dev/bin/python scripts/profiles.py
"""

from __future__ import annotations

from pathlib import Path

from pawon_food_safety.profile import KINDS, Profile, load_profile, shipped
from pawon_food_safety.rows import Limit, Row, Spoken

TARGET = Path(__file__).resolve().parents[1] / "docs/profiles.md"
HEAD = """# Profiles

This page is written by `scripts/profiles.py` from the profiles in `food_safety/src/pawon_food_safety/profiles`; no
number is typed by hand. A kitchen chooses one with `profile`, changes single rows with `[[override]]`
([configuration.md](configuration.md)), or writes a file of its own that `extends` one of these.

A limit's own value is still safe. *Guard band*: how far inside the limit a reading already counts as beyond, because a
probe may be off by so much. *After*: how long it must last. *Back by*: how far, and for how long, values must come back
until it is over. *Certainty*: `law`, its text was seen; `source`, a secondary source was seen; `practice`, good
practice, or a rule whose text was not seen. No number here claims to be law.
"""
# What has its own column, or is the same for every row of a profile and stands above its tables.
APART = {
    "id", "point", "food", "severity", "text_id", "text_en", "action_id", "action_en", "source", "certainty",
    "effective_from", "approved_by", "quantity", "above", "below", "unit", "guard_band", "delay_s", "count", "reset_s",
    "hysteresis", "clear_s",
}  # fmt: skip


def text() -> str:
    """The page."""
    profiles = sorted((load_profile(name) for name in shipped()), key=lambda profile: (profile.demo, profile.id))
    return "\n".join([HEAD, *(line for profile in profiles for line in section(profile))]).rstrip("\n") + "\n"


def section(profile: Profile) -> list[str]:
    """One profile; a demonstration only says what it shortens."""
    lines = [f"## {profile.id}", "", f"{profile.title}, version {profile.version}.", ""]
    if profile.demo:
        return [*lines, f"The rows of {profile.extends}, their times divided by {profile.time_divisor:g}.", ""]
    rows = [row for kind in KINDS for row in profile.rows_of(kind)]
    for key, told in (("In force from", "effective_from"), ("Approved by", "approved_by")):
        lines.append(f"{key}: {'; '.join(sorted({getattr(row, told) for row in rows}))}.")
    for kind in KINDS:
        if profile.rows_of(kind):
            lines += ["", f"### {profile.id}: {kind}", "", *table(profile.rows_of(kind))]
    return [*lines, ""]


def table(rows: list[Row]) -> list[str]:
    """The rows of one kind."""
    lines = ["| row | where | judges by | says, and what to do | source | certainty |", "|---|---|---|---|---|---|"]
    for row in rows:
        title = f"`{row.id}`, {row.severity}" if isinstance(row, Spoken) else ""
        food = f", food `{row.food}`" if isinstance(row, Limit) and row.food else ""
        says = [getattr(row, field, "") for field in ("text_id", "action_id", "text_en", "action_en")]
        judges = limit(row) if isinstance(row, Limit) else fields(row)
        cells = [title, f"`{row.point}`{food}", judges, " / ".join(filter(None, says)), row.source, row.certainty]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def limit(row: Limit) -> str:
    """A limit in words."""
    side = "above" if row.above is not None else "below"
    parts = [f"{side} {row.value:g} {row.unit}"]
    parts += [f"guard band {row.guard_band:g}"] if row.guard_band else []
    parts.append(f"after {duration(row.delay_s)}" if row.delay_s else "at once")
    if row.count == "cumulative":
        parts.append("in all" + (f", anew after {duration(row.reset_s)} within" if row.reset_s else ""))
    return ", ".join([*parts, f"back by {row.hysteresis:g}" + (f" for {duration(row.clear_s)}" if row.clear_s else "")])


def fields(row: Row) -> str:
    """What any other row judges by."""
    told = []
    for field in row.__struct_fields__:
        if field not in APART:
            value = getattr(row, field)
            time = isinstance(value, int | float) and field.endswith("_s")
            told.append(f"{field.removesuffix('_s') if time else field} {duration(value) if time else show(value)}")
    return ", ".join(told)


def show(value: object) -> str:
    """A plain value."""
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def duration(seconds: float) -> str:
    """A time in the largest unit that divides it."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    print(f"{TARGET.name}: {len(shipped())} profiles")
