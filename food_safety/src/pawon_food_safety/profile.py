"""Profiles: every limit with its number, its patience and its source, read from TOML.

A profile may extend another one; ``time_divisor`` then shortens all its times (the demonstration's minute is a second).
Nothing here judges: see ``limit``.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

Severity = Literal["warning", "critical"]
T = TypeVar("T", bound=msgspec.Struct)
Seconds = Annotated[float, Meta(ge=0, le=7 * 24 * 3600)]


class ProfileError(ValueError):
    """A profile that cannot be used. ``problems`` names every mistake with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One limit at one control point.

    Exactly one of ``above`` and ``below`` is set, in the unit that ends the quantity's name; the value itself is still
    safe. The limit is broken once measured values have lain beyond it for ``delay_s`` without interruption; it is over
    once they have come back by ``hysteresis`` for ``clear_s``.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$")]
    point: str
    quantity: str
    severity: Severity
    above: float | None = None
    below: float | None = None
    delay_s: Seconds
    hysteresis: Annotated[float, Meta(ge=0)]
    clear_s: Seconds
    text_id: str
    text_en: str
    action_id: str
    action_en: str
    source: Annotated[str, Meta(min_length=1)]
    certainty: Literal["law", "source", "practice"]
    effective_from: str
    approved_by: str

    @property
    def value(self) -> float:
        """The limit itself."""
        return self.above if self.above is not None else self.below if self.below is not None else 0.0

    @property
    def direction(self) -> int:
        """+1 when higher is worse, -1 when lower is."""
        return 1 if self.above is not None else -1

    def excess(self, value: float) -> float:
        """How far ``value`` lies beyond the limit; at or below zero it is within."""
        return (value - self.value) * self.direction


class Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a sensor at ``point`` (``*``: anywhere else) may say nothing beyond its value's validity."""

    point: str
    warning_s: Seconds
    critical_s: Seconds


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named, versioned set of limits. An incident keeps the version it was judged by."""

    id: str
    version: str
    title: str
    extends: str | None = None
    demo: bool = False
    time_divisor: Annotated[float, Meta(gt=0)] = 1.0
    limit: list[Limit] = []
    silence: list[Silence] = []

    @property
    def points(self) -> list[str]:
        """The control points that this profile judges or listens to."""
        return sorted({row.point for row in self.limit} | {row.point for row in self.silence} - {"*"})

    def limits_at(self, point: str, quantity: str) -> list[Limit]:
        """The limits that judge this quantity at this point, the milder first."""
        found = [row for row in self.limit if row.point == point and row.quantity == quantity]
        return sorted(found, key=lambda row: (row.severity == "critical", row.value * row.direction))

    def silence_at(self, point: str) -> Silence:
        """How much silence is borne at this point."""
        for row in self.silence:
            if row.point == point:
                return row
        for row in self.silence:
            if row.point == "*":
                return row
        return Silence(point="*", warning_s=600, critical_s=1800)


def shipped() -> dict[str, str]:
    """The text of every profile that comes with Pawon, by its id."""
    texts = {}
    for entry in resources.files(__package__).joinpath("profiles").iterdir():
        if entry.name.endswith(".toml"):
            text = entry.read_text(encoding="utf-8")
            texts[str(tomllib.loads(text)["id"])] = text
    return texts


def load_profile(name: str) -> Profile:
    """A shipped profile by id, or a file by path. Raises ``ProfileError`` naming every mistake."""
    texts = shipped()
    if name in texts:
        return parse_profile(texts[name])
    if name.endswith(".toml"):
        try:
            return parse_profile(Path(name).read_text(encoding="utf-8"))
        except OSError as error:
            raise ProfileError([f"{name}: {error.strerror}"]) from error
    raise ProfileError([f"unknown profile {name!r}; shipped are {', '.join(sorted(texts))}, or give a .toml file"])


def parse_profile(text: str) -> Profile:
    """A profile from TOML text. Raises ``ProfileError`` naming every mistake."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([f"not TOML: {error}"]) from error
    problems: list[str] = []
    limits = [row for row in (_row(table, "limit", n, Limit, problems) for n in range(_count(table, "limit"))) if row]
    silences = [
        row for row in (_row(table, "silence", n, Silence, problems) for n in range(_count(table, "silence"))) if row
    ]
    seen: set[str] = set()
    for limit in limits:
        if (limit.above is None) == (limit.below is None):
            problems.append(f"limit {limit.id}: exactly one of above, below")
        if limit.id in seen:
            problems.append(f"limit {limit.id}: id used twice")
        seen.add(limit.id)
    try:
        head = {key: value for key, value in table.items() if key not in ("limit", "silence")}
        profile = msgspec.convert(head, Profile, strict=True)
    except msgspec.ValidationError as error:
        problems.append(str(error))
        raise ProfileError(problems) from error
    if problems:
        raise ProfileError(problems)
    if profile.extends is not None:
        base = load_profile(profile.extends)
        replaced = {limit.id for limit in limits}
        limits = [limit for limit in base.limit if limit.id not in replaced] + limits
        silenced = {row.point for row in silences}
        silences = [row for row in base.silence if row.point not in silenced] + silences
    by = profile.time_divisor
    return msgspec.structs.replace(
        profile,
        limit=[msgspec.structs.replace(row, delay_s=row.delay_s / by, clear_s=row.clear_s / by) for row in limits],
        silence=[
            msgspec.structs.replace(row, warning_s=row.warning_s / by, critical_s=row.critical_s / by)
            for row in silences
        ],
    )


def _count(table: dict[str, Any], key: str) -> int:
    rows = table.get(key, [])
    return len(rows) if isinstance(rows, list) else 0


def _row(table: dict[str, Any], key: str, number: int, kind: type[T], problems: list[str]) -> T | None:
    try:
        return msgspec.convert(table[key][number], kind, strict=True)
    except msgspec.ValidationError as error:
        problems.append(f"{key}[{number}]: {error}")
        return None
