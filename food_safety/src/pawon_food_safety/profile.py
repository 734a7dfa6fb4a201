"""Profiles: every limit with its number, its patience and its source, read from TOML.

A profile may extend another one; ``time_divisor`` then shortens all its times (the demonstration's minute is a second).
Nothing here judges: see ``limit``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from . import rows
from .row_checks import crowded, ladder_problems, name, pair_problems, repeated, row_problems
from .rows import Limit, Row, Silence, Spoken

# The tables of a profile's file: what may stand under each name.
KINDS: dict[str, type[Row]] = {
    "limit": rows.Limit,
    "rate": rows.Rate,
    "door": rows.Door,
    "power": rows.Power,
    "buffer": rows.Buffer,
    "defrost": rows.Defrost,
    "cooking": rows.Cooking,
    "cooling": rows.Cooling,
    "reheating": rows.Reheating,
    "serving": rows.Serving,
    "too_early": rows.TooEarly,
    "exposure": rows.Exposure,
    "ladder": rows.Ladder,
    "retention": rows.Retention,
    "stuck": rows.Stuck,
    "spike": rows.Spike,
    "silence": rows.Silence,
    "calibration": rows.Calibration,
}
# What a file may say once, at its head, for every row that does not say it itself.
OF_EVERY_ROW = ("effective_from", "approved_by")
# A profile extends one that is shipped, perhaps through one of the forum's; more is a circle.
MOST_BASES = 4


class ProfileError(ValueError):
    """A profile that cannot be used. ``problems`` names every mistake with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named, versioned set of limits. An incident keeps the version it was judged by."""

    id: str
    version: str
    title: str
    extends: str | None = None
    demo: bool = False
    time_divisor: Annotated[float, Meta(gt=0)] = 1.0
    limit: list[Limit] = []
    rate: list[rows.Rate] = []
    door: list[rows.Door] = []
    power: list[rows.Power] = []
    buffer: list[rows.Buffer] = []
    defrost: list[rows.Defrost] = []
    cooking: list[rows.Cooking] = []
    cooling: list[rows.Cooling] = []
    reheating: list[rows.Reheating] = []
    serving: list[rows.Serving] = []
    too_early: list[rows.TooEarly] = []
    exposure: list[rows.Exposure] = []
    ladder: list[rows.Ladder] = []
    retention: list[rows.Retention] = []
    stuck: list[rows.Stuck] = []
    spike: list[rows.Spike] = []
    silence: list[Silence] = []
    calibration: list[rows.Calibration] = []

    @property
    def points(self) -> list[str]:
        """The control points that this profile judges or listens to."""
        return sorted({row.point for kind in KINDS for row in self.rows_of(kind)} - {"*"})

    def rows_of(self, kind: str) -> list[Row]:
        """The rows of one of the tables in ``KINDS``."""
        found: list[Row] = getattr(self, kind)
        return found

    def spoken(self, name: str) -> Spoken | None:
        """The row of this id, of whatever kind, with its words."""
        found = (row for kind in KINDS for row in self.rows_of(kind) if isinstance(row, Spoken) and row.id == name)
        return next(found, None)

    def limits_at(self, point: str, quantity: str, food: str = "") -> list[Limit]:
        """The limits that judge this quantity (of food of this class) at this point, the milder first."""
        found = [
            row for row in self.limit if row.point == point and row.quantity == quantity and row.food in ("", food)
        ]
        return sorted(found, key=lambda row: (row.severity == "critical", row.value * row.direction))

    def silence_at(self, point: str) -> Silence:
        """How much silence is borne at this point."""
        known = {row.point: row for row in self.silence}
        return known.get(point) or known.get("*") or Silence(point="*", warning_s=600, critical_s=1800)

    def effective(self, day: date) -> Profile:
        """The profile without the rows that are not yet in force on this day (of the kitchen)."""
        in_force = {
            # Profiles journalled by earlier versions may leave the day open.
            kind: [row for row in self.rows_of(kind) if date.fromisoformat(row.effective_from or "0001-01-01") <= day]
            for kind in KINDS
        }
        return msgspec.structs.replace(self, **in_force)


@cache
def shipped() -> Mapping[str, str]:
    """The text of every profile that comes with Pawon, by its id; a part of the program, so read once."""
    texts = {}
    for entry in resources.files(__package__).joinpath("profiles").iterdir():
        if entry.name.endswith(".toml"):
            text = entry.read_text(encoding="utf-8")
            texts[str(tomllib.loads(text)["id"])] = text
    return MappingProxyType(texts)


def load_profile(name: str) -> Profile:
    """A shipped profile by id, or a file by path. Raises ``ProfileError`` naming every mistake."""
    return _load(name, MOST_BASES)


def parse_profile(text: str) -> Profile:
    """A profile from TOML text. Raises ``ProfileError`` naming every mistake."""
    return _parse(text, MOST_BASES)


def _load(name: str, bases: int) -> Profile:
    if name in shipped():
        return _shipped(name, bases)
    if name.endswith(".toml"):
        try:
            return _parse(Path(name).read_text(encoding="utf-8"), bases)
        except OSError as error:
            raise ProfileError([f"{name}: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise ProfileError([f"{name}: not TOML: {error}"]) from error
    raise ProfileError([f"unknown profile {name!r}; shipped are {', '.join(sorted(shipped()))}, or give a .toml file"])


@cache
def _shipped(name: str, bases: int) -> Profile:
    return _parse(shipped()[name], bases)


def _parse(text: str, bases: int) -> Profile:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([f"not TOML: {error}"]) from error
    problems: list[str] = []
    defaults = {key: table.pop(key) for key in OF_EVERY_ROW if key in table}
    found = {kind: _rows(table, kind, shape, defaults, problems) for kind, shape in KINDS.items()}
    problems += repeated(found)
    problems += [problem for kind, own in found.items() for row in own for problem in row_problems(kind, row)]
    try:
        head = {key: value for key, value in table.items() if key not in KINDS}
        profile = msgspec.convert(head, Profile, strict=True)
    except msgspec.ValidationError as error:
        raise ProfileError([*problems, str(error)]) from error
    if profile.time_divisor != 1 and not profile.demo:
        problems.append("time_divisor: only a demonstration (demo = true) shortens times")
    if profile.extends is not None:
        try:
            base = _base(profile, bases)
        except ProfileError as error:
            raise ProfileError(problems + [f"extends: {problem}" for problem in error.problems]) from error
        found = {kind: _extended(base.rows_of(kind), own) for kind, own in found.items()}
    # Rows beside each other: looked at only when each is sound by itself.
    together = msgspec.structs.replace(profile, **found)
    problems = problems or repeated(found) + crowded(found) + pair_problems(together.limit) + ladder_problems(
        together.ladder
    )
    if problems:
        raise ProfileError(problems)
    by = profile.time_divisor
    return msgspec.structs.replace(
        profile, **{kind: [shortened(row, by) for row in own] for kind, own in found.items()}
    )


def _base(profile: Profile, bases: int) -> Profile:
    if bases == 0:
        raise ProfileError([f"more than {MOST_BASES} profiles one upon the other"])
    base = _load(str(profile.extends), bases - 1)
    if base.demo and not profile.demo:
        raise ProfileError([f"{base.id} is a demonstration, so this one is too: demo = true"])
    return base


def _extended(base: list[Row], own: list[Row]) -> list[Row]:
    """A row of one's own stands in the place of the base's row of the same name, or of the same nameless point."""
    replaced = {name(row) for row in own}
    return [row for row in base if name(row) not in replaced] + own


def shortened(row: Row, by: float) -> Row:
    """The row with its times divided by a profile's ``time_divisor``."""
    times = {
        field: getattr(row, field) / by
        for field in row.__struct_fields__
        if field.endswith(("_s", "_min")) and field != "onset_c_per_min"
    }
    if isinstance(row, rows.Defrost):
        times["onset_c_per_min"] = row.onset_c_per_min * by
    return msgspec.structs.replace(row, **times) if by != 1 else row


def _rows(table: dict[str, Any], key: str, kind: type[Row], defaults: dict[str, Any], problems: list[str]) -> list[Row]:
    given = table.get(key, [])
    if not isinstance(given, list):
        problems.append(f"{key}: must be written [[{key}]]")
        return []
    out = []
    for number, row in enumerate(given):
        try:
            out.append(msgspec.convert(defaults | row if isinstance(row, dict) else row, kind, strict=True))
        except msgspec.ValidationError as error:
            problems.append(f"{key}[{number}]: {error}")
    return out
