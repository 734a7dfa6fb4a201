"""Incidents: food limits judged on measured time, broken sensors, and silence.

Limit rules run on the sender's monotonic time, so a clock that is corrected in the middle disturbs no delay; only the
dates of what happened use the offset. Sensor trouble (``fault``, ``silence``) and food trouble (``limit``) are kinds
of their own: different people do different things about them.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from pawon_contract.ids import row_id
from pawon_contract.messages import Reading, SensorFault
from pawon_food_safety.limit import LimitEvent, LimitState, Observation, rebase, step
from pawon_food_safety.profile import Limit, Profile

from ..rulebook import Rulebook, Sensor
from ..store.tables import alert, incident, rule_state
from .context import Arrival, Changes

# Older than this on arrival is news of the past: a heartbeat, a commit and a slow link lie well below it.
LATE_AFTER_MS = 120_000


class SilenceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of a ``silence`` journal entry: the server's clock decided. ``subject`` is a sensor or gateway id."""

    subject: str
    scope: str  # sensor, gateway
    state: str  # warning, critical, ended
    since_ms: int
    at_ms: int


class _Rule(msgspec.Struct):
    boot: str
    offset_ms: int
    state: LimitState
    incident: str | None


class Incidents:
    """Projection of ``incident``, ``rule_state`` and the alerts they raise."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen
        self._rules: dict[tuple[str, str], _Rule] = {}
        self._dirty: set[tuple[str, str]] = set()
        self._limits_of: Profile | None = None
        self._limits: dict[tuple[str, str], list[Limit]] = {}
        self._faults: dict[str, str] = {}  # sensor -> open fault incident
        self._silences: dict[str, tuple[str, str]] = {}  # subject -> (incident, severity)
        self._unpaged: set[str] = set()  # incidents that opened late and still last

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        self._dirty.clear()
        self._rules = {
            (row.sensor, row.rule): _Rule(
                boot=row.boot, offset_ms=row.offset_ms, state=msgspec.json.decode(row.state, type=LimitState),
                incident=row.incident,
            )
            for row in connection.execute(select(rule_state).where(rule_state.c.kitchen == self._kitchen))
        }  # fmt: skip
        still_open = connection.execute(
            select(incident).where(incident.c.kitchen == self._kitchen, incident.c.closed_ms.is_(None))
        ).all()
        self._faults = {row.sensor: row.id for row in still_open if row.kind == "fault"}
        self._silences = {row.sensor: (row.id, row.severity) for row in still_open if row.kind == "silence"}
        late = {row.id for row in still_open if row.kind == "limit" and row.late}
        self._unpaged = late - set(
            connection.execute(
                select(alert.c.incident).where(
                    alert.c.kitchen == self._kitchen, alert.c.incident.in_(late), alert.c.event == "opened"
                )
            ).scalars()
        )

    # --- food limits ------------------------------------------------------------------------------------------------

    def judge(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, sequence: int, item: Reading,
        changes: Changes,
    ) -> None:  # fmt: skip
        """Run every limit of the sensor's point on one reading."""
        seen = Observation(
            at_ms=item.at_ms, value=item.value, valid_until_ms=item.at_ms + item.valid_ms, low=item.low, high=item.high
        )
        for limit in self._limits_at(book.profile, sensor.point, item.quantity):
            key = (sensor.id, limit.id)
            rule = self._rules.get(key)
            if rule is None:
                rule = self._rules[key] = _Rule(
                    boot=arrival.boot, offset_ms=arrival.offset_ms, state=LimitState(), incident=None
                )
            elif rule.boot != arrival.boot:
                rule.state = rebase(rule.state, rule.offset_ms - arrival.offset_ms, item.at_ms)
                rule.boot = arrival.boot
            rule.offset_ms = arrival.offset_ms
            was_pending = rule.state.began_ms is not None
            rule.state, events = step(limit, rule.state, seen)
            self._dirty.add(key)
            if was_pending != (rule.state.began_ms is not None):
                changes.sensors.add(sensor.id)
            for event in events:
                self._limit_event(connection, book, sensor, limit, rule, event, arrival, sequence)
                changes.incidents = changes.alerts = True
                changes.sensors.add(sensor.id)
            if rule.incident in self._unpaged and _is_news(arrival, item.at_ms):
                # Late means over: what is still wrong when the backlog is drained pages once, as now.
                self._unpaged.discard(rule.incident)
                self._alert(
                    connection, rule.incident, "opened", arrival.received_ms,
                    _limit_text(limit, sensor, rule.state.worst),
                )  # fmt: skip
                changes.alerts = True

    def _limits_at(self, profile: Profile, point: str, quantity: str) -> list[Limit]:
        """``Profile.limits_at``, remembered: it is asked for every reading."""
        if self._limits_of is not profile:
            self._limits_of, self._limits = profile, {}
        key = (point, quantity)
        if key not in self._limits:
            self._limits[key] = profile.limits_at(point, quantity)
        return self._limits[key]

    def verdict(self, book: Rulebook, sensor: Sensor) -> tuple[str, Limit | None]:
        """How the rules see a sensor now: ``critical``, ``warning`` (also while a delay still runs) or ``ok``; and the
        worst limit whose delay has run out."""
        worst, broken = "ok", None
        for limit in book.profile.limits_at(sensor.point, sensor.quantity):
            rule = self._rules.get((sensor.id, limit.id))
            if rule is None or rule.state.began_ms is None:
                continue
            if rule.state.open:
                worst = "critical" if limit.severity == "critical" else "warning"
                broken = limit
            elif worst == "ok":
                worst = "warning"
        return worst, broken

    def _limit_event(
        self, connection: Connection, book: Rulebook, sensor: Sensor, limit: Limit, rule: _Rule, event: LimitEvent,
        arrival: Arrival, sequence: int,
    ) -> None:  # fmt: skip
        if event.kind == "opened":
            late = not _is_news(arrival, event.at_ms)
            rule.incident = f"{row_id(arrival.gateway, arrival.spool, sequence)}.{limit.id}"
            self._open(
                connection, book, rule.incident, kind="limit", severity=limit.severity, sensor=sensor.id,
                point=sensor.point, rule=limit.id, began_ms=arrival.utc_ms(event.began_ms),
                opened_ms=arrival.utc_ms(event.at_ms), worst=event.worst, limit_value=limit.value,
                quantity=limit.quantity, late=late, boot=arrival.boot, offset_ms=arrival.offset_ms,
                journal_id=arrival.journal_id, created_ms=arrival.received_ms,
                text=_limit_text(limit, sensor, event.worst),
            )  # fmt: skip
            if late:
                self._unpaged.add(rule.incident)
        elif rule.incident is not None and event.kind == "worsened":
            self._change(connection, rule.incident, worst=event.worst, journal_id=arrival.journal_id)
        elif rule.incident is not None:
            closed_ms = arrival.utc_ms(event.at_ms)
            self._change(
                connection, rule.incident, closed_ms=closed_ms, worst=event.worst, journal_id=arrival.journal_id
            )
            self._alert(
                connection, rule.incident, "closed", arrival.received_ms,
                f"Kembali aman: {sensor.name} (terburuk {_number(event.worst)} C).",
            )  # fmt: skip
            self._unpaged.discard(rule.incident)
            rule.incident = None

    # --- sensors ----------------------------------------------------------------------------------------------------

    def take_fault(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, sequence: int,
        item: SensorFault, changes: Changes,
    ) -> None:  # fmt: skip
        """A sensor broke or works again; a repeated report of the same fault changes nothing."""
        at_ms = arrival.utc_ms(item.at_ms)
        if item.cleared:
            self.end_fault(connection, sensor, arrival, item.at_ms, changes)
        elif sensor.id not in self._faults:
            name = f"{row_id(arrival.gateway, arrival.spool, sequence)}.fault"
            self._faults[sensor.id] = name
            self._open(
                connection, book, name, kind="fault", severity="warning", sensor=sensor.id, point=sensor.point,
                rule=item.fault, began_ms=at_ms, opened_ms=at_ms, worst=None, limit_value=None,
                quantity=sensor.quantity, late=not _is_news(arrival, item.at_ms), boot=arrival.boot,
                offset_ms=arrival.offset_ms, journal_id=arrival.journal_id, created_ms=arrival.received_ms,
                detail=item.detail, text=f"Sensor rusak: {sensor.name} ({item.fault}). Ukur manual tiap 30 menit.",
            )  # fmt: skip
            changes.incidents = changes.alerts = True

    def end_fault(self, connection: Connection, sensor: Sensor, arrival: Arrival, at_ms: int, changes: Changes) -> None:
        """The sensor works: it said so, or gave a good value (a gateway that restarted has forgotten the fault)."""
        known = self._faults.pop(sensor.id, None)
        if known is None:
            return
        self._change(connection, known, closed_ms=arrival.utc_ms(at_ms), journal_id=arrival.journal_id)
        self._alert(connection, known, "closed", arrival.received_ms, f"Sensor bekerja lagi: {sensor.name}.")
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
                self._change(connection, known[0], closed_ms=entry.at_ms, journal_id=journal_id)
                self._alert(connection, known[0], "closed", entry.at_ms, f"Data kembali: {name}.")
                del self._silences[entry.subject]
        elif known is None:
            incident_id = f"silence.{journal_id}.{entry.subject}"
            self._silences[entry.subject] = (incident_id, entry.state)
            self._open(
                connection, book, incident_id, kind="silence", severity=entry.state, sensor=entry.subject,
                point=sensor.point if sensor is not None else "gateway", rule=f"{entry.scope}-silence",
                began_ms=entry.since_ms, opened_ms=entry.at_ms, worst=None, limit_value=None, quantity=None,
                late=False, boot=None, offset_ms=None, journal_id=journal_id, created_ms=entry.at_ms,
                text=f"Tidak ada data: {name}. Periksa sensor, listrik dan jaringan.",
            )  # fmt: skip
        else:
            self._silences[entry.subject] = (known[0], entry.state)
            self._change(connection, known[0], severity=entry.state, journal_id=journal_id)
        changes.incidents = changes.alerts = True
        if sensor is not None:
            changes.sensors.add(sensor.id)

    # --- configuration ----------------------------------------------------------------------------------------------

    def retire(self, connection: Connection, book: Rulebook, at_ms: int, journal_id: int, changes: Changes) -> None:
        """A new configuration or profile: what nobody watches any more ends, for nothing could ever end it."""
        sensors = {sensor.id: sensor for sensor in book.settings.sensors}
        watched = set(sensors) | {sensor.gateway for sensor in book.settings.sensors}
        ended: list[tuple[str, str]] = []
        for key, rule in self._rules.items():
            sensor = sensors.get(key[0])
            judged = () if sensor is None else self._limits_at(book.profile, sensor.point, sensor.quantity)
            if rule.incident is not None and key[1] not in {limit.id for limit in judged}:
                ended.append((rule.incident, key[0]))
                self._unpaged.discard(rule.incident)
                rule.state, rule.incident = LimitState(), None
                self._dirty.add(key)
        ended += [(self._faults.pop(name), name) for name in sorted(set(self._faults) - set(sensors))]
        ended += [(self._silences.pop(name)[0], name) for name in sorted(set(self._silences) - watched)]
        for incident_id, name in ended:
            self._change(connection, incident_id, closed_ms=at_ms, journal_id=journal_id)
            self._alert(connection, incident_id, "closed", at_ms, f"Tidak dipantau lagi: {name}.")
            changes.incidents = changes.alerts = True

    # --- clock ------------------------------------------------------------------------------------------------------

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

    def flush(self, connection: Connection) -> None:
        """Write the rule states that moved."""
        if not self._dirty:
            return
        rows = [
            {
                "kitchen": self._kitchen, "sensor": sensor, "rule": name, "boot": rule.boot,
                "offset_ms": rule.offset_ms, "state": msgspec.json.encode(rule.state), "incident": rule.incident,
            }
            for (sensor, name), rule in sorted((key, self._rules[key]) for key in self._dirty)
        ]  # fmt: skip
        connection.execute(
            delete(rule_state).where(
                rule_state.c.kitchen == self._kitchen,
                rule_state.c.sensor == bindparam("b_sensor"),
                rule_state.c.rule == bindparam("b_rule"),
            ),
            [{"b_sensor": row["sensor"], "b_rule": row["rule"]} for row in rows],
        )
        connection.execute(insert(rule_state), rows)
        self._dirty = set()

    def _open(
        self, connection: Connection, book: Rulebook, incident_id: str, *, created_ms: int, text: str,
        detail: str = "", **columns: Any,
    ) -> None:  # fmt: skip
        connection.execute(
            insert(incident),
            {
                "kitchen": self._kitchen, "id": incident_id, "closed_ms": None, "first_opened_ms": None,
                "profile": book.profile.id, "profile_version": book.profile.version, "detail": detail, **columns,
            },
        )  # fmt: skip
        self._alert(connection, incident_id, "late" if columns["late"] else "opened", created_ms, text)

    def _change(self, connection: Connection, incident_id: str, **columns: object) -> None:
        connection.execute(
            update(incident).where(incident.c.kitchen == self._kitchen, incident.c.id == incident_id).values(**columns)
        )

    def _alert(self, connection: Connection, incident_id: str, what: str, created_ms: int, text: str) -> None:
        connection.execute(
            insert(alert),
            {
                "kitchen": self._kitchen, "id": f"{incident_id}.{what}", "incident": incident_id, "event": what,
                "created_ms": created_ms, "text": text, "sent_ms": None, "channel": None,
            },
        )  # fmt: skip


def _is_news(arrival: Arrival, at_ms: int) -> bool:
    """Whether something is of now, by the sender's own ageing, and not of the past."""
    age_ms = arrival.age_ms(at_ms)
    return age_ms is not None and age_ms <= LATE_AFTER_MS


def _limit_text(limit: Limit, sensor: Sensor, worst: float | None) -> str:
    measured = "" if worst is None else f" {_number(worst)} C"
    return f"{limit.text_id}: {sensor.name}{measured} (batas {_number(limit.value)} C). {limit.action_id}"


def _number(value: float) -> str:
    """A temperature as Indonesians write it: one decimal, comma."""
    return f"{value:.1f}".replace(".", ",").removesuffix(",0")
