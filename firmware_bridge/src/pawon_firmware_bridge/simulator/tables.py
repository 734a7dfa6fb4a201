"""Reads TOML tables against a list of fields and collects every mistake with its key path, instead of the first one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REQUIRED = object()
KINDS: dict[str, tuple[type, ...]] = {"text": (str,), "number": (int, float), "count": (int,), "tables": (list,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key: its kind (`text`, `number`, `count`, `tables`), default, and limits that are themselves allowed."""

    kind: str
    default: object = REQUIRED
    low: float | None = None
    high: float | None = None


Fields = Mapping[str, Field]


def read_table(table: object, fields: Fields, path: str, problems: list[str]) -> dict[str, Any]:
    """The values of all `fields`; what is missing or wrong is told in `problems` and stands as its default or None."""
    if not isinstance(table, dict):
        problems.append(f"{path}: must be a table")
        return {key: None if field.default is REQUIRED else field.default for key, field in fields.items()}
    known = ", ".join(fields)
    problems += [f"{join(path, key)}: unknown key; known here: {known}" for key in table if key not in fields]
    return {key: _read(table, key, field, join(path, key), problems) for key, field in fields.items()}


def join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _read(table: Mapping[str, object], key: str, field: Field, path: str, problems: list[str]) -> object:
    fallback = None if field.default is REQUIRED else field.default
    if key not in table:
        if field.default is REQUIRED:
            problems.append(f"{path}: missing")
        return fallback
    value = table[key]
    # A TOML boolean is a Python int, and `true` is nobody's mass.
    if not isinstance(value, KINDS[field.kind]) or isinstance(value, bool):
        problems.append(f"{path}: must be a {field.kind.removesuffix('s')}{' list' * (field.kind == 'tables')}")
        return fallback
    if isinstance(value, int | float) and not _within(value, field):
        problems.append(f"{path}: {value} is outside {_limits(field)}")
        return fallback
    return value


def _within(value: float, field: Field) -> bool:
    # Written so that nan is outside.
    return (field.low is None or value >= field.low) and (field.high is None or value <= field.high) and value == value


def _limits(field: Field) -> str:
    return f"{'' if field.low is None else field.low}..{'' if field.high is None else field.high}"
