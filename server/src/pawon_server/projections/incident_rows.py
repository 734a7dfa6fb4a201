"""Rows of ``incident`` and ``alert``, written the same way whatever kind of incident they are about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from pawon_contract.messages import TRUSTED_CLOCKS

from ..food_safety.incident import FOOD_KINDS
from ..rulebook import Rulebook, Sensor
from ..store.rows import storable
from ..store.tables import alert, incident, sent_before
from .context import Arrival

# The "channel" of an alert that a witness leaves to the primary server.
WITNESS = "witness"
# A kitchen has a few power cuts a day; a silence outlasts no more of them than these.
MAX_CUTS = 100
# Older than this on arrival is news of the past: a heartbeat, a commit and a slow link lie well below it.
LATE_AFTER_MS = 120_000
# The edition from which late incidents are told together, and what paged nobody ends in silence.
SUMMARIES = 2


class IncidentRows:
    """Opens and changes incidents of one kitchen; an alert is a row in the same transaction."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen
        self.witness = False
        self.untold: set[str] = set()  # gateways with late incidents of which nobody was told
        self._power_cuts: dict[str, str] = {}  # contact -> incident that lasts

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        untold = connection.execute(
            select(incident.c.id).where(incident.c.kitchen == self._kitchen, incident.c.told.is_(False))
        ).scalars()
        self.untold = {_gateway_of(name) for name in untold}
        cuts = connection.execute(
            select(incident.c.sensor, incident.c.id).where(
                incident.c.kitchen == self._kitchen, incident.c.kind == "power", incident.c.closed_ms.is_(None)
            )
        )
        self._power_cuts = {row.sensor: row.id for row in cuts}

    def explained_by(self, sensor: Sensor) -> str | None:
        """The incident that explains what is wrong at a sensor now: its electricity is off."""
        return self._power_cuts.get(sensor.power)

    def open(
        self, connection: Connection, book: Rulebook, incident_id: str, *, created_ms: int, text: str,
        detail: str = "", **columns: Any,
    ) -> None:  # fmt: skip
        """A new incident, judged by the profile in force, and its alert; a late one waits for its backlog's summary.

        What a power cut explains (``explained_by``) is told with it: only the first danger to food has its own alert.
        """
        waits = columns["late"] and book.settings.edition >= SUMMARIES
        explained = columns.get("explained_by") is not None and not self._first_danger(connection, columns)
        if columns["kind"] == "power":
            self._power_cuts[columns["sensor"]] = incident_id
        connection.execute(
            insert(incident),
            {
                "kitchen": self._kitchen, "id": incident_id, "closed_ms": None, "first_opened_ms": None,
                "closed_boot": None, "closed_offset_ms": None, "closed_clock": None, "first_closed_ms": None,
                "profile": book.profile.id, "profile_version": book.profile.version, "detail": storable(detail),
                "explained_by": None, "told": False if waits else None, **columns,
            },
        )  # fmt: skip
        if waits:
            self.untold.add(_gateway_of(incident_id))
        elif not explained:
            self.alert(connection, incident_id, "late" if columns["late"] else "opened", created_ms, text)

    def _first_danger(self, connection: Connection, columns: dict[str, Any]) -> bool:
        """Whether it is the first critical limit that a cause broke."""
        if columns["severity"] != "critical" or columns["kind"] not in FOOD_KINDS:
            return False
        known = select(incident.c.id).where(
            incident.c.kitchen == self._kitchen, incident.c.explained_by == columns["explained_by"],
            incident.c.kind.in_(sorted(FOOD_KINDS)), incident.c.severity == "critical",
        )  # fmt: skip
        return connection.execute(known.limit(1)).first() is None

    def untold_of(self, connection: Connection, cut: str) -> list[str]:
        """What a power cut explained, lasts, is critical, and of which nobody heard: the cut is over, it is not."""
        told = select(alert.c.incident).where(alert.c.kitchen == self._kitchen)
        found = connection.execute(
            select(incident.c.id)
            .where(
                incident.c.kitchen == self._kitchen, incident.c.explained_by == cut, incident.c.closed_ms.is_(None),
                incident.c.severity == "critical", incident.c.id.not_in(told),
            )
            .order_by(incident.c.opened_ms, incident.c.id)
        )  # fmt: skip
        return list(found.scalars())

    def cuts_over(self, connection: Connection) -> dict[str, int]:
        """When the power cuts of the last days ended, by their incidents."""
        found = connection.execute(
            select(incident.c.id, incident.c.closed_ms)
            .where(
                incident.c.kitchen == self._kitchen, incident.c.kind == "power", incident.c.closed_ms.is_not(None)
            )
            .order_by(incident.c.opened_ms.desc())
            .limit(MAX_CUTS)
        )  # fmt: skip
        return {row.id: row.closed_ms for row in found}

    def is_explained(self, connection: Connection, incident_id: str) -> bool:
        """Whether the power cut that explains an incident still lasts."""
        cause = select(incident.c.explained_by).where(incident.c.kitchen == self._kitchen, incident.c.id == incident_id)
        return connection.execute(cause).scalar() in self._power_cuts.values()

    def unpaged(self, connection: Connection, kind: str) -> set[str]:
        """The late incidents of a kind that still last and paged nobody."""
        paged = select(alert.c.incident).where(alert.c.kitchen == self._kitchen, alert.c.event == "opened")
        found = connection.execute(
            select(incident.c.id).where(
                incident.c.kitchen == self._kitchen, incident.c.kind == kind, incident.c.closed_ms.is_(None),
                incident.c.late, incident.c.id.not_in(paged),
            )
        )  # fmt: skip
        return set(found.scalars())

    def page(self, connection: Connection, incident_id: str, created_ms: int, text: str) -> None:
        """Late means over: what is still wrong when the backlog is drained pages once, as now."""
        name = f"{incident_id}.opened"
        known = select(alert.c.id).where(alert.c.kitchen == self._kitchen, alert.c.id == name)
        if connection.execute(known).first() is not None:
            return
        self.alert(connection, incident_id, "opened", created_ms, text)
        connection.execute(
            update(incident)
            .where(incident.c.kitchen == self._kitchen, incident.c.id == incident_id, incident.c.told.is_(False))
            .values(told=True)
        )

    def change(self, connection: Connection, incident_id: str, **columns: object) -> None:
        """Something about it is different now."""
        connection.execute(
            update(incident).where(incident.c.kitchen == self._kitchen, incident.c.id == incident_id).values(**columns)
        )

    def close(
        self, connection: Connection, incident_id: str, arrival: Arrival, at_ms: int, text: str, *,
        tell: bool, **columns: object,
    ) -> None:  # fmt: skip
        """It ended at ``at_ms`` of the arrival's boot. People are told, unless it paged nobody (``tell`` is false)."""
        self.change(
            connection, incident_id, closed_ms=arrival.utc_ms(at_ms), closed_boot=arrival.boot,
            closed_offset_ms=arrival.offset_ms, closed_clock=arrival.clock, journal_id=arrival.journal_id, **columns,
        )  # fmt: skip
        for contact in [contact for contact, cut in self._power_cuts.items() if cut == incident_id]:
            del self._power_cuts[contact]
        if (tell and self.was_told(connection, incident_id)) or self.was_sent_before(connection, incident_id, "opened"):
            self.alert(connection, incident_id, "closed", arrival.received_ms, text)

    def was_told(self, connection: Connection, incident_id: str) -> bool:
        """Whether people heard of it by itself; what a power cut explained is over with it."""
        cause = select(incident.c.explained_by).where(incident.c.kitchen == self._kitchen, incident.c.id == incident_id)
        if connection.execute(cause).scalar() is None:
            return True
        told = select(alert.c.id).where(alert.c.kitchen == self._kitchen, alert.c.incident == incident_id)
        return connection.execute(told.limit(1)).first() is not None

    def alert(self, connection: Connection, incident_id: str, what: str, created_ms: int, text: str) -> None:
        """Something to tell people: ``opened``, ``late`` or ``closed``; what went out before a restore is told."""
        before = self._sent_before(connection, incident_id, what)
        sent_ms, channel = (None, None) if before is None else (before.sent_ms, before.channel)
        if before is None and self.witness:
            sent_ms, channel = created_ms, WITNESS
        connection.execute(
            insert(alert),
            {
                "kitchen": self._kitchen, "id": f"{incident_id}.{what}", "incident": incident_id, "event": what,
                "created_ms": created_ms, "text": text, "sent_ms": sent_ms, "channel": channel,
            },
        )  # fmt: skip

    def become(self, connection: Connection, *, witness: bool) -> bool:
        """A configuration says what this server is. A witness that becomes the primary pages what is open now; whether
        there may be something to page."""
        promoted, self.witness = self.witness and not witness, witness
        if promoted:
            still_open = select(incident.c.id).where(
                incident.c.kitchen == self._kitchen, incident.c.closed_ms.is_(None)
            )
            connection.execute(
                update(alert)
                .where(
                    alert.c.kitchen == self._kitchen, alert.c.channel == WITNESS, alert.c.incident.in_(still_open)
                )
                .values(sent_ms=None, channel=None)
            )  # fmt: skip
        return promoted

    def _sent_before(self, connection: Connection, incident_id: str, what: str) -> Row[Any] | None:
        """When it went out already. Who was paged needs no summary of it."""
        names = [f"{incident_id}.{what}"] + ([f"{incident_id}.opened"] if what == "late" else [])
        return connection.execute(
            select(sent_before).where(sent_before.c.kitchen == self._kitchen, sent_before.c.alert.in_(names)).limit(1)
        ).first()

    def was_sent_before(self, connection: Connection, incident_id: str, what: str) -> bool:
        """Whether it went out from the store in whose place a backup was put."""
        name = f"{incident_id}.{what}"
        query = select(sent_before.c.alert).where(sent_before.c.kitchen == self._kitchen, sent_before.c.alert == name)
        return connection.execute(query).first() is not None

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
        self._power_cuts.pop(name, None)
        self.change(connection, incident_id, closed_ms=at_ms, journal_id=journal_id)
        self.alert(connection, incident_id, "closed", at_ms, f"Tidak dipantau lagi: {name}.")

    def fix_clock(self, connection: Connection, gateway: str, boot: str, offset_ms: int, journal_id: int) -> None:
        """Date what a boot's guessed clock dated, opening or closing, by its now known offset, once; the old date is
        kept."""
        here = incident.c.kitchen == self._kitchen
        ours = incident.c.id.startswith(f"{gateway}.")  # two gateways of one machine share its boot
        opened, closed = incident.c.offset_ms, incident.c.closed_offset_ms
        connection.execute(
            update(incident)
            .where(
                here, ours, incident.c.boot == boot, incident.c.first_opened_ms.is_(None), opened != offset_ms,
                or_(incident.c.clock.is_(None), incident.c.clock.not_in(TRUSTED_CLOCKS)),
            )
            .values(
                first_opened_ms=incident.c.opened_ms, began_ms=incident.c.began_ms - opened + offset_ms,
                opened_ms=incident.c.opened_ms - opened + offset_ms, offset_ms=offset_ms, journal_id=journal_id,
            )
        )  # fmt: skip
        connection.execute(
            update(incident)
            .where(
                here, ours, incident.c.closed_boot == boot, incident.c.first_closed_ms.is_(None),
                closed != offset_ms, incident.c.closed_clock.not_in(TRUSTED_CLOCKS),
            )
            .values(
                first_closed_ms=incident.c.closed_ms, closed_ms=incident.c.closed_ms - closed + offset_ms,
                closed_offset_ms=offset_ms, journal_id=journal_id,
            )
        )  # fmt: skip


def _gateway_of(incident_id: str) -> str:
    return incident_id.partition(".")[0]


def is_news(arrival: Arrival, at_ms: int) -> bool:
    """Whether something is of now, by the sender's own ageing, and not of the past."""
    age_ms = arrival.age_ms(at_ms)
    return age_ms is not None and age_ms <= LATE_AFTER_MS
