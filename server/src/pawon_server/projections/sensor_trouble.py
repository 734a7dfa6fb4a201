"""Sensor trouble: broken sensors, as their gateway reports them, and silence, as the server's clock declares it.

Never food trouble: a dead probe says nothing about the chicken, and different people do different things about it.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from pawon_contract.ids import row_id
from pawon_contract.messages import SensorFault

from ..rulebook import Rulebook, Sensor
from ..store.tables import incident
from ..words import fault_words
from .context import Arrival, Changes
from .incident_rows import SUMMARIES, IncidentRows, is_news


class SilenceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of a ``silence`` journal entry: the server's clock decided. ``subject`` is a sensor or gateway id."""

    subject: str
    scope: str  # sensor, gateway
    state: str  # warning, critical, ended
    since_ms: int
    at_ms: int


class SensorTrouble:
    """Projection of ``incident`` rows of the kinds ``fault`` and ``silence``."""

    def __init__(self, kitchen: str, rows: IncidentRows) -> None:
        self._kitchen, self._rows = kitchen, rows
        self._faults: dict[str, str] = {}  # sensor -> open fault incident
        self._unpaged: set[str] = set()  # of these, what opened late and paged nobody
        self._silences: dict[str, tuple[str, str]] = {}  # subject -> (incident, severity)
        self._muted: dict[str, str] = {}  # of these, what a power cut explained -> the cut
        self._cuts_over: dict[str, int] = {}

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        still_open = connection.execute(
            select(incident).where(
                incident.c.kitchen == self._kitchen,
                incident.c.kind.in_(("fault", "silence")),
                incident.c.closed_ms.is_(None),
            )
        ).all()
        self._faults = {row.sensor: row.id for row in still_open if row.kind == "fault"}
        self._unpaged = self._rows.unpaged(connection, "fault")
        self._silences = {row.sensor: (row.id, row.severity) for row in still_open if row.kind == "silence"}
        self._muted = {
            row.sensor: row.explained_by
            for row in still_open
            if row.kind == "silence" and row.explained_by and not self._rows.was_told(connection, row.id)
        }
        self._cuts_over = self._rows.cuts_over(connection) if self._muted else {}

    def ended_cut(self, cut: str, closed_ms: int) -> None:
        """The electricity is back: what it explained has to come back, too."""
        self._cuts_over[cut] = closed_ms

    def is_overdue(self, subject: str, now_ms: int, patience_ms: float) -> bool:
        """Whether a silence that nobody was told of outlasts the power cut that explained it."""
        over_ms = self._cuts_over.get(self._muted.get(subject, ""))
        return over_ms is not None and now_ms - over_ms >= patience_ms

    def take_fault(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, sequence: int,
        item: SensorFault, changes: Changes,
    ) -> None:  # fmt: skip
        """A sensor broke or works again; a repeated report of the same fault changes nothing."""
        at_ms = arrival.utc_ms(item.at_ms)
        if item.cleared:
            self.end_fault(connection, book, sensor, arrival, item.at_ms, changes)
        elif (known := self._faults.get(sensor.id)) is not None:
            if known in self._unpaged and is_news(arrival, item.at_ms) and book.settings.edition >= SUMMARIES:
                self._unpaged.discard(known)
                self._rows.page(connection, known, arrival.received_ms, _fault_text(book, sensor, item.fault))
                changes.alerts = True
        else:
            name = f"{row_id(arrival.gateway, arrival.spool, sequence)}.fault"
            self._faults[sensor.id] = name
            self._rows.open(
                connection, book, name, kind="fault", severity="warning", sensor=sensor.id, point=sensor.point,
                rule=item.fault, began_ms=at_ms, opened_ms=at_ms, worst=None, limit_value=None,
                quantity=sensor.quantity, late=not is_news(arrival, item.at_ms), boot=arrival.boot,
                offset_ms=arrival.offset_ms, clock=arrival.clock, journal_id=arrival.journal_id,
                created_ms=arrival.received_ms, detail=item.detail,
                text=_fault_text(book, sensor, item.fault),
            )  # fmt: skip
            if not is_news(arrival, item.at_ms):
                self._unpaged.add(name)
            changes.incidents = changes.alerts = True

    def end_fault(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, at_ms: int, changes: Changes
    ) -> None:
        """The sensor works: it said so, or gave a good value (a gateway that restarted has forgotten the fault)."""
        known = self._faults.pop(sensor.id, None)
        if known is None:
            return
        tell = known not in self._unpaged or book.settings.edition < SUMMARIES
        self._unpaged.discard(known)
        self._rows.close(connection, known, arrival, at_ms, f"Sensor bekerja lagi: {sensor.name}.", tell=tell)
        changes.incidents = changes.alerts = True

    def silence(self, subject: str) -> str | None:
        """The severity of a declared silence."""
        known = self._silences.get(subject)
        return known[1] if known else None

    def take_silence(
        self, connection: Connection, book: Rulebook, entry: SilenceEntry, journal_id: int, changes: Changes
    ) -> None:
        """The server's clock declared a silence, made it worse, or ended it."""
        known = self._silences.get(entry.subject)
        sensor = book.settings.sensor(entry.subject)
        name = sensor.name if sensor is not None else entry.subject
        if entry.state == "ended":
            if known is not None:
                self._rows.change(connection, known[0], closed_ms=entry.at_ms, journal_id=journal_id)
                if self._rows.was_told(connection, known[0]):
                    self._rows.alert(connection, known[0], "closed", entry.at_ms, f"Data kembali: {name}.")
                del self._silences[entry.subject]
                self._muted.pop(entry.subject, None)
        elif known is None:
            incident_id = f"silence.{journal_id}.{entry.subject}"
            cut = None if sensor is None else self._rows.explained_by(sensor)
            if cut is not None:
                self._muted[entry.subject] = cut
            self._silences[entry.subject] = (incident_id, entry.state)
            self._rows.open(
                connection, book, incident_id, kind="silence", severity=entry.state, sensor=entry.subject,
                point=sensor.point if sensor is not None else "gateway", rule=f"{entry.scope}-silence",
                began_ms=entry.since_ms, opened_ms=entry.at_ms, worst=None, limit_value=None, quantity=None,
                late=False, boot=None, offset_ms=None, clock=None, journal_id=journal_id, created_ms=entry.at_ms,
                explained_by=cut,
                text=_silence_text(name),
            )  # fmt: skip
        else:
            self._silences[entry.subject] = (known[0], entry.state)
            self._rows.change(connection, known[0], severity=entry.state, journal_id=journal_id)
            if not self._rows.was_told(connection, known[0]) and not self._rows.is_explained(connection, known[0]):
                # A power cut explained it; that is over, and it is still silent.
                self._rows.alert(connection, known[0], "opened", entry.at_ms, _silence_text(name))
                self._muted.pop(entry.subject, None)
        changes.incidents = changes.alerts = True
        if sensor is not None:
            changes.sensors.add(sensor.id)

    def retire(self, connection: Connection, book: Rulebook, at_ms: int, journal_id: int, changes: Changes) -> None:
        """A new configuration: trouble of what is not watched any more ends, for nothing could ever end it."""
        sensors = {sensor.id for sensor in book.settings.sensors}
        watched = sensors | {sensor.gateway for sensor in book.settings.sensors}
        ended = [(self._faults.pop(name), name) for name in sorted(set(self._faults) - sensors)]
        ended += [(self._silences.pop(name)[0], name) for name in sorted(set(self._silences) - watched)]
        for incident_id, name in ended:
            self._rows.retire(connection, incident_id, name, at_ms, journal_id)
            changes.incidents = changes.alerts = True


def _silence_text(name: str) -> str:
    return f"Tidak ada data: {name}. Periksa sensor, listrik dan jaringan."


def _fault_text(book: Rulebook, sensor: Sensor, fault: str) -> str:
    if book.settings.edition >= SUMMARIES:
        fault = fault_words(str).get(fault, fault.replace("_", " "))
    return f"Sensor rusak: {sensor.name} ({fault}). Ukur manual tiap 30 menit."
