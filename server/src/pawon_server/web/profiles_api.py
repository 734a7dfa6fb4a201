"""``/api/v1/points`` and ``/api/v1/profiles``: by which limits this kitchen is judged, and which others are shipped.

Read from the profile in force, never from a file that a request names; what it extends is told by name only where that
is a shipped one, for a path says where a server keeps its files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, HTTPException, Path, Query
from sqlalchemy import Connection, Engine, select

from pawon_food_safety.profile import KINDS, Profile, load_profile, shipped
from pawon_food_safety.rows import Limit, Row

from ..rulebook import Rulebook
from ..store.tables import checked
from ..words import point_name
from .api import Page, Word, iso
from .language import load_speeches
from .view import Snapshot, Tile

EVERYWHERE = "*"
ProfileId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]


def profiles_api(reader: Engine, book: Rulebook, snapshot: Callable[[], Snapshot]) -> APIRouter:
    """The routes. What is shipped is read once."""
    router = APIRouter(prefix="/api/v1", tags=["rules"])
    kitchen, english = book.settings.kitchen, load_speeches()["en"].gettext
    others = {name: load_profile(name) for name in sorted(shipped())}

    @router.get("/points")
    def points(point: Word = None) -> Page:
        """Every control point of the profile in force: its rows of all kinds, the sensors that watch it with how they
        are now, and when it was last measured by hand. Rows of ``*`` hold at every point. ``table`` is the kind of a
        row (``limit``, ``rate``, ``ladder``, …); of a limit, ``value`` is the number itself, whichever of ``above`` and
        ``below`` it stands in."""
        tiles = snapshot().tiles
        with reader.connect() as connection:
            items = [
                {
                    "point": name, "name": point_name(str, name), "name_en": point_name(english, name),
                    "rows": _rows(book.profile, name), "sensors": [_sensor(one) for one in tiles if one.point == name],
                    "last_check": _last_check(connection, kitchen, name),
                }
                for name in [*book.profile.points, EVERYWHERE]
                if point is None or name == point
            ]  # fmt: skip
        return Page(items=items, next=None)

    @router.get("/profiles")
    def profiles() -> dict[str, Any]:
        """The profile in force with all its rows, and what else is shipped: id, version, title, number of rows."""
        return {"in_force": _whole(book.profile, others), "shipped": [_head(one, others) for one in others.values()]}

    @router.get("/profiles/{name}")
    def one(
        name: ProfileId,
        as_shipped: Annotated[
            bool, Query(description="Without this kitchen's own changes, where it is the one in force.")
        ] = False,
    ) -> dict[str, Any]:
        """The profile in force, or a shipped one, with all its rows. 404 for any other."""
        found = book.profile if name == book.profile.id and not as_shipped else others.get(name)
        if found is None:
            raise HTTPException(404, "Profil ini tidak dikenal")
        return _whole(found, others)

    return router


def _head(profile: Profile, others: dict[str, Profile]) -> dict[str, Any]:
    return {
        "id": profile.id, "version": profile.version, "title": profile.title, "demo": profile.demo,
        "extends": profile.extends if profile.extends in others else None,
        "rows": sum(len(profile.rows_of(kind)) for kind in KINDS),
    }  # fmt: skip


def _whole(profile: Profile, others: dict[str, Profile]) -> dict[str, Any]:
    return {**_head(profile, others), "rows": _rows(profile), "points": profile.points}


def _rows(profile: Profile, point: str | None = None) -> list[dict[str, Any]]:
    """Rows of all kinds as they stand in the profile, of one point or of all."""
    return [_row(kind, row) for kind in KINDS for row in profile.rows_of(kind) if point is None or row.point == point]


def _row(table: str, row: Row) -> dict[str, Any]:
    value = {"value": row.value} if isinstance(row, Limit) else {}
    return {"table": table, **msgspec.to_builtins(row), **value}


def _sensor(tile: Tile) -> dict[str, Any]:
    return {
        "sensor": tile.sensor, "name": tile.name, "quantity": tile.quantity, "unit": tile.unit, "state": tile.state,
        "value": tile.value, "fault": tile.fault,
        "age_s": None if tile.age_ms is None else round(tile.age_ms / 1000, 3),
    }  # fmt: skip


def _last_check(connection: Connection, kitchen: str, point: str) -> dict[str, Any] | None:
    query = (
        select(checked)
        .where(checked.c.kitchen == kitchen, checked.c.point == point, checked.c.withdrawn.is_(False))
        .order_by(checked.c.at_ms.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return {"checked_at": iso(row.at_ms), "quantity": row.quantity, "value": row.value, "verdict": row.verdict}
