"""The incident of a delivery that should not have been accepted: it lasts until the receipt is corrected, or until
nothing of the lot is left by what people said.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select

from ..food_safety.heat import Judged, judge_delivery
from ..rulebook import Rulebook
from ..stock import accounts
from ..store.journal import Entry
from ..store.stock_tables import ledger_line, lot, movement
from ..store.tables import incident as incident_table
from ..words import number
from .context import Changes
from .incident_rows import IncidentRows
from .lot_way import SAID, steps_of, way_of


class LotIncidents:
    """Opens and ends them. Keeps nothing in memory."""

    def __init__(self, kitchen: str, rows: IncidentRows) -> None:
        self._kitchen, self._rows = kitchen, rows

    def judge(
        self, connection: Connection, book: Rulebook, row: Row[Any], entry: Entry, changes: Changes
    ) -> dict[str, Any]:
        """What the profile in force says of the receipt of ``row``, as columns of its lot; the incident of one that was
        accepted all the same begins, stays or ends with it."""
        judged = judge_delivery(book.profile, row.point, row.food, row.temperature_c)
        wrong = judged.suggestion == "reject" and row.accepted and not row.withdrawn
        incident = row.incident if wrong else None
        if wrong and incident is None:
            incident = self._open(connection, book, row, judged, entry)
            changes.incidents = changes.alerts = True
        elif not wrong and row.incident is not None and self._lasts(connection, row.incident):
            self._end(connection, row.incident, entry, f"Penerimaan dikoreksi: {_named(book, row)}.", changes)
        rule = "" if judged.limit is None else judged.limit.id
        return {"suggestion": judged.suggestion, "rule": rule, "incident": incident}

    def end_gone(self, connection: Connection, book: Rulebook, entry: Entry, changes: Changes) -> None:
        """Nothing is left of a delivery that should not have been accepted: what becomes of it is decided. What the
        book assumes decides nothing."""
        query = (
            select(lot)
            .join(incident_table, (incident_table.c.kitchen == lot.c.kitchen) & (incident_table.c.id == lot.c.incident))
            .where(lot.c.kitchen == self._kitchen, incident_table.c.closed_ms.is_(None))
            .order_by(lot.c.id)
        )
        for row in connection.execute(query).all():
            if self._said_gone(connection, row, entry.received_ms):
                self._end(connection, row.incident, entry, f"Bahan sudah habis: {_named(book, row)}.", changes)

    def _open(self, connection: Connection, book: Rulebook, row: Row[Any], judged: Judged, entry: Entry) -> str:
        limit, name = judged.limit, f"lot.{entry.id}.{row.id}"
        assert limit is not None, "only a limit rejects"
        self._rows.open(
            connection, book, name, kind="lot", severity="critical", sensor=row.id, point=row.point, rule=limit.id,
            began_ms=row.received_ms, opened_ms=entry.received_ms, worst=row.temperature_c, limit_value=limit.value,
            quantity="temperature_c", detail=_item(book, row), late=False, boot=None, offset_ms=None, clock=None,
            journal_id=entry.id, created_ms=entry.received_ms,
            text=f"{limit.text_id}: {_named(book, row)} {number(row.temperature_c)} C "
            f"(batas {number(limit.value)} C), tetapi diterima. {limit.action_id}",
        )  # fmt: skip
        return name

    def _end(self, connection: Connection, incident: str, entry: Entry, text: str, changes: Changes) -> None:
        self._rows.change(connection, incident, closed_ms=entry.received_ms, journal_id=entry.id)
        self._rows.alert(connection, incident, "closed", entry.received_ms, text)
        changes.incidents = changes.alerts = True

    def _said_gone(self, connection: Connection, row: Row[Any], now_ms: int) -> bool:
        """Whether all of a lot is gone by what people said: by its way, or by the sum, where it was carried without
        its name."""
        if not way_of(row, steps_of(connection, self._kitchen, row.id, said=True), now_ms).left:
            return True
        ended = (
            select(func.sum(ledger_line.c.amount))
            .join(movement, (ledger_line.c.kitchen == movement.c.kitchen) & (ledger_line.c.movement == movement.c.id))
            .where(
                ledger_line.c.kitchen == self._kitchen, ledger_line.c.lot == row.id,
                ledger_line.c.place.in_(accounts.OUTSIDE), SAID,
            )
        )  # fmt: skip
        return int(connection.execute(ended).scalar() or 0) >= 0

    def _lasts(self, connection: Connection, name: str) -> bool:
        """Whether nobody has ended an incident."""
        query = select(incident_table.c.id).where(
            incident_table.c.kitchen == self._kitchen, incident_table.c.id == name, incident_table.c.closed_ms.is_(None)
        )
        return connection.execute(query).first() is not None


def _named(book: Rulebook, row: Row[Any]) -> str:
    return f"{_item(book, row)} {row.id}"


def _item(book: Rulebook, row: Row[Any]) -> str:
    item = book.settings.item(row.item)
    return item.name if item is not None else str(row.item)
