"""How far scales were believed at moments, asked of the store: for one weight, or for a page of them. Reading only.

A weight's state is ``state_at(connection, book, scale, at_ms)``; for a list give all ``(scale, at_ms)`` to
``states_at``, which asks four questions for each ``MOMENTS`` of them, however many scales and years they are of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, ScalarSelect, String, Table, and_, cast, literal, select, union_all

from ..rulebook import Rulebook
from ..stock.scale import Tera, Trend, trend
from ..stock.scale_state import ScaleState, WeightSeen, ZeroSeen, state_of
from ..store.stock_tables import scale_check, scale_tera, scale_zero

Moment = tuple[str, int]
# SQLite joins at most 500 selects in one.
MOMENTS = 250
HOUR_MS = 3_600_000
# From so many results a trend is worked out: some weeks of a scale that is emptied all day.
TREND_ROWS = 2_000
# What the newest of the moments' rows are found by.
_WEIGHT, _EMPTY = scale_check.c.nominal_g > 0, scale_check.c.nominal_g == 0


def state_at(connection: Connection, book: Rulebook, scale: str, at_ms: int) -> ScaleState:
    """The state of a scale at a moment (UTC ms), known or configured or not."""
    return states_at(connection, book, [(scale, at_ms)])[scale, at_ms]


def states_at(connection: Connection, book: Rulebook, moments: Iterable[Moment]) -> dict[Moment, ScaleState]:
    """The states of scales at moments."""
    wanted = sorted(set(moments))
    found: dict[Moment, ScaleState] = {}
    for first in range(0, len(wanted), MOMENTS):
        found |= _states(connection, book, wanted[first : first + MOMENTS])
    return found


def tera_marks(connection: Connection, kitchen: str, scales: Iterable[str]) -> dict[str, list[Row[Any]]]:
    """Every mark of these scales that was not withdrawn, the newest first."""
    query = (
        select(scale_tera)
        .where(
            scale_tera.c.kitchen == kitchen, scale_tera.c.scale.in_(sorted(set(scales))),
            scale_tera.c.withdrawn.is_(False),
        )
        .order_by(scale_tera.c.valid_until.desc(), scale_tera.c.id)
    )  # fmt: skip
    marks: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(query):
        marks.setdefault(row.scale, []).append(row)
    return marks


def _states(connection: Connection, book: Rulebook, wanted: Sequence[Moment]) -> dict[Moment, ScaleState]:
    kitchen = book.settings.kitchen
    one = union_all(
        *(select(cast(literal(scale), String).label("scale"), cast(literal(at_ms), BigInteger).label("at_ms"))
          for scale, at_ms in wanted)
    ).subquery()  # fmt: skip

    def newest(table: Table, *where: Any) -> ScalarSelect[Any]:
        query = select(table.c.id).where(
            table.c.kitchen == kitchen, table.c.scale == one.c.scale, table.c.at_ms <= one.c.at_ms, *where
        )
        return query.order_by(table.c.at_ms.desc(), table.c.id.desc()).limit(1).scalar_subquery()

    counts = scale_check.c.withdrawn.is_(False)
    named = connection.execute(
        select(
            one.c.scale, one.c.at_ms, newest(scale_zero).label("zero"),
            newest(scale_check, counts, _EMPTY).label("empty"), newest(scale_check, counts, _WEIGHT).label("weight"),
        )
    ).all()  # fmt: skip
    zeros = _rows(connection, scale_zero, kitchen, {row.zero for row in named})
    checks = _rows(connection, scale_check, kitchen, {row.empty for row in named} | {row.weight for row in named})
    marks = tera_marks(connection, kitchen, {scale for scale, _ in wanted})
    found = {}
    for row in named:
        seen = [_zero(zeros[row.zero])] if row.zero is not None else []
        seen += [_empty(checks[row.empty])] if row.empty is not None else []
        found[row.scale, row.at_ms] = state_of(
            row.scale, row.at_ms, seen, [weight_of(checks[row.weight])] if row.weight is not None else [],
            [Tera(verified=mark.verified, until=mark.valid_until) for mark in marks.get(row.scale, ())],
            every_ms=round(book.settings.scale_check_h * HOUR_MS), zone=book.settings.timezone,
        )  # fmt: skip
    return found


def _rows(connection: Connection, table: Table, kitchen: str, names: set[str | None]) -> dict[str, Row[Any]]:
    wanted = sorted(name for name in names if name is not None)
    if not wanted:
        return {}
    found = connection.execute(select(table).where(and_(table.c.kitchen == kitchen, table.c.id.in_(wanted))))
    return {row.id: row for row in found}


def _zero(row: Row[Any]) -> ZeroSeen:
    return ZeroSeen(id=row.id, at_ms=row.at_ms, zero_g=row.zero_g, division_g=row.division_g)


def _empty(row: Row[Any]) -> ZeroSeen:
    return ZeroSeen(id=row.id, at_ms=row.at_ms, zero_g=row.shown_g, division_g=row.division_g)


def weight_of(row: Row[Any]) -> WeightSeen:
    """A check weight of the table."""
    return WeightSeen(
        id=row.id, at_ms=row.at_ms, nominal_g=row.nominal_g, error_g=row.error_g, mpe_g=row.mpe_g, verdict=row.verdict,
        person=row.person,
    )  # fmt: skip


def checks_of(connection: Connection, kitchen: str, scale: str, limit: int) -> list[Row[Any]]:
    """The newest checks of a scale, weights and empty pans, withdrawn ones too; the newest first."""
    query = (
        select(scale_check)
        .where(scale_check.c.kitchen == kitchen, scale_check.c.scale == scale)
        .order_by(scale_check.c.at_ms.desc(), scale_check.c.id.desc())
        .limit(limit)
    )
    return list(connection.execute(query))


def trends_of(connection: Connection, kitchen: str, scale: str) -> tuple[Trend | None, Trend | None]:
    """How a scale's zero and its error at the newest check weight's load move."""
    checks = [row for row in checks_of(connection, kitchen, scale, TREND_ROWS) if not row.withdrawn]
    zeros = connection.execute(
        select(scale_zero.c.at_ms, scale_zero.c.zero_g)
        .where(scale_zero.c.kitchen == kitchen, scale_zero.c.scale == scale)
        .order_by(scale_zero.c.at_ms.desc())
        .limit(TREND_ROWS)
    )
    weights = [row for row in checks if row.nominal_g > 0]
    empty = [(row.at_ms, row.error_g) for row in checks if row.nominal_g == 0]
    same = [(row.at_ms, row.error_g) for row in weights if row.nominal_g == weights[0].nominal_g]
    return trend([*((row.at_ms, row.zero_g) for row in zeros), *empty]), trend(same)
