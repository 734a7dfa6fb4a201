"""Recall drills: what was practised stands in the audit of acts and nowhere else."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from ..acts import decode_act
from ..rulebook import Rulebook
from ..stock.recall_acts import RecordDrill
from ..store.journal import Entry
from ..store.tables import act as act_table
from .context import Changes

DRILL = "recall.drill"


class Drill(NamedTuple):
    """A drill and when it was written."""

    at_ms: int
    told: RecordDrill


def refuse(connection: Connection, book: Rulebook, act: RecordDrill, now_ms: int) -> None:
    """Practising is never refused."""


def take(connection: Connection, book: Rulebook, act: RecordDrill, entry: Entry, changes: Changes) -> None:
    """Nothing follows from it."""


def drills_of(connection: Connection, kitchen: str, limit: int) -> list[Drill]:
    """The newest drills, the newest first."""
    found = connection.execute(
        select(act_table.c.at_ms, act_table.c.content)
        .where(act_table.c.kitchen == kitchen, act_table.c.what == DRILL)
        .order_by(act_table.c.journal_id.desc())
        .limit(limit)
    )
    told = [(row.at_ms, decode_act(row.content)) for row in found]
    return [Drill(at_ms, act) for at_ms, act in told if isinstance(act, RecordDrill)]
