"""A kitchen's own changes to single rows of a profile: ``adjust`` takes them in, or names everything wrong with them.

A change to the safe side is always welcome; one to the unsafe side of what decides about food or equipment must say
by which source and by whose approval. The adjusted profile has a version of its own, so that an incident names exactly
what it was judged by. What is laxer stands as a table below; nothing here judges a measured value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from . import rows
from .profile import KINDS, Profile, ProfileError, shortened
from .row_checks import DISPOSITIONS, ladder_problems, name, row_problems
from .rows import Limit, Row, Spoken

# What picks a nameless row of its table, beside its point.
_PICKED_BY: dict[type[Row], str] = {rows.Ladder: "from_s", rows.Calibration: "kind"}
# A row stays what it is: another place, quantity or food is another row, and belongs into a profile of one's own.
_IDENTITY = frozenset({"id", "point", "quantity", "unit", "food", "table"})
# What a row says, and by whose word; everything else is what it judges by.
_WORDS = frozenset(
    {"text_id", "text_en", "action_id", "action_en", "source", "certainty", "approved_by", "effective_from"}
)
# Where laxer lies: +1 a higher number is laxer, -1 a lower one, 0 any other one may be.
_LAXER: dict[type[Row], dict[str, int]] = {
    Limit: {"delay_s": 1},
    rows.Rate: {"change_c": 0, "within_s": -1, "door_rest_s": 1},
    rows.Door: {"open_s": 1},
    rows.Buffer: {"tau_s": 1},
    rows.Defrost: {"onset_c_per_min": -1, "longest_s": 1, "ceiling_c": 1, "most_a_day": 1},
    rows.Cooking: {
        "core_c": -1, "hold_s": -1, "f_min": -1, "reference_c": -1, "z_c": 0, "floor_c": -1, "begin_c": 0, "probes": -1,
    },
    rows.Cooling: {"from_c": -1, "middle_c": 0, "end_c": 1, "first_s": 1, "second_s": 1},
    rows.Reheating: {"begin_c": 0, "core_c": -1, "accept_c": -1, "longest_s": 1, "times": 1},
    rows.Serving: {"age_s": 1, "absolute": -1},
    rows.TooEarly: {"not_before": -1},
    rows.Exposure: {"low_c": 1, "high_c": -1},
    rows.Retention: {"mass_g": -1, "keep_s": -1, "least_s": -1},
    rows.Stuck: {"within_c": -1, "for_s": 1},
    rows.Spike: {"jump_c": -1, "most_a_day": 1},
    rows.Silence: {"critical_s": 1},
    rows.Calibration: {"every_days": 1, "tolerance_c": 1},
}  # fmt: skip


def adjust(profile: Profile, overrides: Sequence[Mapping[str, Any]]) -> Profile:
    """The profile with single rows changed; without overrides the profile itself.

    An override picks its row by ``id``; a nameless one by ``table`` and ``point`` (a ladder's rung also by ``from_s``,
    a calibration by ``kind``). What else it holds replaces that of the row; times are in real seconds, also where the
    profile shortens them. Raises ``ProfileError`` naming every mistake by its place.
    """
    if not overrides:
        return profile
    found = {kind: list(profile.rows_of(kind)) for kind in KINDS}
    problems: list[str] = []
    taken: dict[tuple[str, int], int] = {}
    for number, override in enumerate(overrides):
        where = f"override[{number}]"
        picked = _pick(found, override, profile.time_divisor)
        if isinstance(picked, str):
            problems.append(f"{where}: {picked}")
            continue
        if picked in taken:
            problems.append(f"{where}: changes the same row as override[{taken[picked]}]")
            continue
        taken[picked] = number
        kind, place = picked
        new = _changed(kind, found[kind][place], override, profile.time_divisor)
        if isinstance(new, list):
            problems += [f"{where}.{problem}" for problem in new]
        else:
            found[kind][place] = new
    problems = problems or ladder_problems(row for row in found["ladder"] if isinstance(row, rows.Ladder))
    if problems:
        raise ProfileError(problems)
    told = sorted(msgspec.json.encode(dict(override), order="deterministic") for override in overrides)
    digest = hashlib.sha256(b"\n".join(told)).hexdigest()[:8]
    return msgspec.structs.replace(profile, version=f"{profile.version}+{digest}", **found)


def overrides_of(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ``[[override]]`` tables of a configuration file as it was read; none where they are no such tables, which
    the file's own reader tells."""
    found = table.get("override", [])
    sound = isinstance(found, list) and all(isinstance(row, dict) for row in found)
    return found if sound else []


def laxer(old: Row, new: Row) -> list[str]:
    """The fields by which ``new`` judges less strictly than ``old``. A warning decides nothing, so it may."""
    if isinstance(old, Spoken) and old.severity == "warning" and not isinstance(old, rows.Defrost):
        return []
    found = []
    for field, sign in _LAXER.get(type(old), {}).items():
        before, after = getattr(old, field), getattr(new, field)
        if (after != before) if sign == 0 else (after > before) if sign > 0 else (after < before):
            found.append(field)
    if isinstance(old, Spoken) and isinstance(new, Spoken) and new.severity != old.severity == "critical":
        found.append("severity")
    if isinstance(old, Limit) and isinstance(new, Limit):
        if old.excess(new.value) > 0:
            found.append("above" if new.above is not None else "below")
        elif (new.edge - old.edge) * old.direction > 0:
            found.append("guard_band")
        if old.count == "cumulative" and new.count != "cumulative":
            found.append("count")
        # 0: the count never begins anew, which is the strictest.
        endless, both = old.reset_s == 0, old.count == new.count == "cumulative"
        if both and new.reset_s > 0 and (endless or new.reset_s < old.reset_s):
            found.append("reset_s")
    if isinstance(old, rows.Ladder) and isinstance(new, rows.Ladder):
        milder = DISPOSITIONS.index(new.disposition) < DISPOSITIONS.index(old.disposition)
        found += ["disposition"] if milder else []
    if new.effective_from > old.effective_from:
        found.append("effective_from")
    return found


def _pick(found: Mapping[str, Sequence[Row]], override: Mapping[str, Any], divisor: float) -> tuple[str, int] | str:
    """Table and place of the row that is meant, or what is wrong."""
    if "id" in override:
        for kind, own in found.items():
            for place, row in enumerate(own):
                if isinstance(row, Spoken) and row.id == override["id"]:
                    return kind, place
        return f"no row {override['id']!r} in this profile"
    table, point = override.get("table"), override.get("point")
    if not isinstance(table, str) or table not in KINDS or issubclass(KINDS[table], Spoken):
        nameless = [kind for kind, shape in KINDS.items() if not issubclass(shape, Spoken)]
        return f"needs the id of a row, or point and table (one of {', '.join(nameless)})"
    key = _PICKED_BY.get(KINDS[table])
    told = None if key is None else override.get(key)
    sought = told / divisor if key == "from_s" and isinstance(told, int | float) else told
    for place, row in enumerate(found[table]):
        if row.point == point and (key is None or getattr(row, key) == sought):
            return table, place
    also = "" if key is None else f" and {key} {told!r}"
    return f"no {table} row with point {point!r}{also} in this profile"


def _changed(kind: str, row: Row, override: Mapping[str, Any], divisor: float) -> Row | list[str]:
    """The row as the override wants it, or every mistake."""
    shape = type(row)
    picked_by = {"id"} if isinstance(row, Spoken) else {"table", "point", _PICKED_BY.get(shape)}
    wanted = {key: value for key, value in override.items() if key not in picked_by}
    fixed = sorted(_IDENTITY & set(wanted))
    if fixed:
        return [f"{field}: cannot be changed; write a profile of your own that extends this one" for field in fixed]
    problems = []
    given: dict[str, Any] = {}
    for field, value in wanted.items():
        try:
            msgspec.convert({**_plain(row), field: value}, shape, strict=True)
            given[field] = value
        except msgspec.ValidationError as error:
            problems.append(f"{field}: {error}".replace(f" - at `$.{field}`", ""))
    if problems:
        return problems
    if not given:
        return [f"{name(row)}: changes nothing"]
    asked = msgspec.convert({**_plain(row), **given}, shape, strict=True)
    brief = shortened(asked, divisor)
    new = msgspec.structs.replace(row, **{field: getattr(brief, field) for field in given})
    if set(given) - _WORDS:
        # The old source no longer stands behind the number.
        own = {
            "source": f"the kitchen's own, instead of: {row.source}"[:200], "certainty": "practice",
            "approved_by": "the kitchen's configuration",
        }  # fmt: skip
        new = msgspec.structs.replace(new, **{field: text for field, text in own.items() if field not in given})
    problems = [problem.removeprefix(f"{kind} ") for problem in row_problems(kind, new)]
    if not problems and not {"source", "approved_by"} <= set(given):
        problems = [
            f"{field}: {name(row)} would be laxer; say source and approved_by beside it" for field in laxer(row, new)
        ]
    return problems or new


def _plain(row: Row) -> dict[str, Any]:
    """The row's fields, as a file would give them."""
    return {field: value for field in row.__struct_fields__ if (value := getattr(row, field)) is not None}
