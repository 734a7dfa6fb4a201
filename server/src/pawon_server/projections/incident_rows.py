"""Rows of ``incident`` and ``alert``, written the same way whatever kind of incident they are about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from ..rulebook import Rulebook
from ..store.rows import storable
from ..store.tables import alert, incident, sent_before
from .context import Arrival

# Older than this on arrival is news of the past: a heartbeat, a commit and a slow link lie well below it.
LATE_AFTER_MS = 120_000


class IncidentRows:
    """Opens and changes incidents of one kitchen; an alert is a row in the same transaction."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen

    def open(
        self, connection: Connection, book: Rulebook, incident_id: str, *, created_ms: int, text: str,
        detail: str = "", **columns: Any,
    ) -> None:  # fmt: skip
        """A new incident, judged by the profile in force, and its alert."""
        connection.execute(
            insert(incident),
            {
                "kitchen": self._kitchen, "id": incident_id, "closed_ms": None, "first_opened_ms": None,
                "profile": book.profile.id, "profile_version": book.profile.version,
                "detail": storable(detail), **columns,
            },
        )  # fmt: skip
        self.alert(connection, incident_id, "late" if columns["late"] else "opened", created_ms, text)

    def change(self, connection: Connection, incident_id: str, **columns: object) -> None:
        """Something about it is different now."""
        connection.execute(
            update(incident).where(incident.c.kitchen == self._kitchen, incident.c.id == incident_id).values(**columns)
        )

    def alert(self, connection: Connection, incident_id: str, what: str, created_ms: int, text: str) -> None:
        """Something to tell people: ``opened``, ``late`` or ``closed``; what went out before a restore is told."""
        sent = self._sent_before(connection, incident_id, what)
        connection.execute(
            insert(alert),
            {
                "kitchen": self._kitchen, "id": f"{incident_id}.{what}", "incident": incident_id, "event": what,
                "created_ms": created_ms, "text": text, "sent_ms": None if sent is None else sent.sent_ms,
                "channel": None if sent is None else sent.channel,
            },
        )  # fmt: skip

    def _sent_before(self, connection: Connection, incident_id: str, what: str) -> Row[Any] | None:
        """When it went out already. Who was paged needs no summary of it."""
        names = [f"{incident_id}.{what}"] + ([f"{incident_id}.opened"] if what == "late" else [])
        return connection.execute(
            select(sent_before).where(sent_before.c.kitchen == self._kitchen, sent_before.c.alert.in_(names)).limit(1)
        ).first()

    def mark_sent(self, connection: Connection, name: str, channel: str, sent_ms: int) -> None:
        """An alert went out."""
        connection.execute(
            update(alert)
            .where(alert.c.kitchen == self._kitchen, alert.c.id == name)
            .values(sent_ms=sent_ms, channel=channel)
        )

    def mark_sent_before(self, connection: Connection, name: str, channel: str, sent_ms: int) -> None:
        """An alert had gone out from the store in whose place a backup was put; its row is here, or may come again."""
        self.mark_sent(connection, name, channel, sent_ms)
        row = {"kitchen": self._kitchen, "alert": name, "sent_ms": sent_ms, "channel": channel}
        connection.execute(
            delete(sent_before).where(sent_before.c.kitchen == self._kitchen, sent_before.c.alert == name)
        )
        connection.execute(insert(sent_before), row)

    def retire(self, connection: Connection, incident_id: str, name: str, at_ms: int, journal_id: int) -> None:
        """Nobody watches any more what it was about."""
        self.change(connection, incident_id, closed_ms=at_ms, journal_id=journal_id)
        self.alert(connection, incident_id, "closed", at_ms, f"Tidak dipantau lagi: {name}.")

    def fix_clock(self, connection: Connection, gateway: str, boot: str, offset_ms: int, journal_id: int) -> None:
        """Date a boot's incidents by its now known offset, once; the old date is kept."""
        connection.execute(
            update(incident)
            .where(
                incident.c.kitchen == self._kitchen,
                incident.c.boot == boot,
                incident.c.id.startswith(f"{gateway}."),  # two gateways of one machine share its boot
                incident.c.first_opened_ms.is_(None),
                incident.c.offset_ms != offset_ms,
            )
            .values(
                first_opened_ms=incident.c.opened_ms,
                began_ms=incident.c.began_ms - incident.c.offset_ms + offset_ms,
                opened_ms=incident.c.opened_ms - incident.c.offset_ms + offset_ms,
                closed_ms=incident.c.closed_ms - incident.c.offset_ms + offset_ms,
                offset_ms=offset_ms,
                journal_id=journal_id,
            )
        )


def is_news(arrival: Arrival, at_ms: int) -> bool:
    """Whether something is of now, by the sender's own ageing, and not of the past."""
    age_ms = arrival.age_ms(at_ms)
    return age_ms is not None and age_ms <= LATE_AFTER_MS
