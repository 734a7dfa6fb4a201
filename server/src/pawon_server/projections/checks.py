"""Measurements by hand, as acts made them: projection of ``checked``, and the incidents of kind ``check``.

A value beyond a limit opens an incident at once. A named thing (a place, a sensor) has one incident until it is over:
the same trouble measured again is not told again, unless it is graver or people have settled it. What has no name may
be another delivery each time, so each bad value there is told. It ends with a later good value of the same thing.
Nothing is kept in memory: people measure some dozens of times a day.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from pawon_food_safety.rows import UNITS, Limit

from ..food_safety.check import CheckAct, CorrectCheck, RecordCheck, covers, foolish, judge_check
from ..rulebook import Rulebook
from ..store.journal import Entry
from ..store.tables import checked
from ..store.tables import incident as incident_table
from ..words import number, point_name
from .calibrations import instruments
from .context import Changes
from .incident_rows import IncidentRows
from .untimely import untimely

KIND = "check"
# What is looked through at once for the end of trouble: far more than people measure while it lasts.
MAX_LOOKS = 500


class Checks:
    """What people measured at control points."""

    def __init__(self, kitchen: str, rows: IncidentRows) -> None:
        self._kitchen, self._rows = kitchen, rows

    def refuse(self, connection: Connection, book: Rulebook, act: CheckAct, now_ms: int) -> str | None:
        """Why it cannot be, in Indonesian."""
        if isinstance(act, CorrectCheck):
            row = self._row(connection, act.check)
            if row is None:
                return "Pengukuran ini tidak dikenal"
            if act.value is None and not act.withdraw:
                return "Tulis angka yang benar, atau batalkan pengukurannya"
            wrong = act.value is not None and foolish(row.quantity, act.value)
            return "Angka tidak masuk akal" if wrong else None
        if foolish(act.quantity, act.value):
            return "Angka tidak masuk akal"
        if not book.profile.limits_at(act.point, act.quantity, act.food):
            return "Profil tidak punya batas untuk ukuran ini di titik ini"
        if act.food and act.food not in {limit.food for limit in book.profile.limit}:
            return "Jenis makanan ini tidak ada di profil"
        if act.sensor:
            sensor = book.settings.sensor(act.sensor)
            if sensor is None or sensor.quantity != act.quantity:
                return "Sensor ini tidak terdaftar untuk ukuran ini"
        if act.thermometer and act.thermometer not in instruments(book):
            return "Termometer ini tidak terdaftar"
        return untimely(act.at_ms, now_ms)

    def take(self, connection: Connection, book: Rulebook, act: CheckAct, entry: Entry, changes: Changes) -> None:
        """It was measured, or was otherwise than what was written."""
        if isinstance(act, RecordCheck):
            connection.execute(
                insert(checked),
                {
                    "kitchen": self._kitchen, "id": act.id, "point": act.point, "quantity": act.quantity,
                    "value": act.value, "food": act.food, "place": act.place, "sensor": act.sensor,
                    "thermometer": act.thermometer, "note": act.note, "at_ms": act.at_ms, "verdict": "unjudged",
                    "rule": "", "limit_value": None, "incident": None, "withdrawn": False, "person": act.by,
                    "journal_id": entry.id,
                },
            )  # fmt: skip
            self._judge(connection, book, act.id, entry, changes)
            return
        before = self._row(connection, act.check)
        assert before is not None, "it was asked for when the act was written"
        value = before.value if act.value is None else act.value
        self._change(connection, act.check, value=value, withdrawn=act.withdraw, journal_id=entry.id)
        after = self._judge(connection, book, act.check, entry, changes)
        if before.verdict == "good" and not before.withdrawn and (after.withdrawn or after.verdict != "good"):
            self._begin_again(connection, book, after, entry, changes)

    def _judge(self, connection: Connection, book: Rulebook, name: str, entry: Entry, changes: Changes) -> Row[Any]:
        """Judge a measurement by the profile in force; what it opens, belongs to or ends. Answers its row."""
        row = self._row(connection, name)
        assert row is not None, "it was written just now"
        looked = judge_check(book.profile, row.point, row.quantity, row.value, row.food)
        limit = None if row.withdrawn else looked.limit
        told = None if row.incident is None else self._incident(connection, row.incident)
        left = told is not None and (limit is None or limit.id != told.rule)
        incident = None if told is None or left else told.id
        if limit is not None and incident is None:
            incident = self._one_for(connection, book, row, limit) or self._open(
                connection, book, row, limit, entry, changes
            )
        self._change(
            connection, name, verdict=looked.verdict, rule="" if looked.limit is None else looked.limit.id,
            limit_value=None if looked.limit is None else looked.limit.value, incident=incident,
        )  # fmt: skip
        if incident is not None and limit is not None:
            self._measure(connection, incident, limit, entry)
        if told is not None and left:
            self._leave(connection, book, told, entry, changes)
        self._end(connection, book, row, entry, changes)
        found = self._row(connection, name)
        assert found is not None, "nothing is ever taken out"
        return found

    def _one_for(self, connection: Connection, book: Rulebook, row: Row[Any], limit: Limit) -> str | None:
        """The incident of a named thing that lasts, is not settled and tells all that this limit would."""
        if not row.place and not row.sensor:
            return None
        for told in self._lasting(connection, row):
            opened = book.profile.spoken(told.rule)
            if told.handling != "settled" and isinstance(opened, Limit) and covers(opened, limit):
                return str(told.id)
        return None

    def _open(
        self, connection: Connection, book: Rulebook, row: Row[Any], limit: Limit, entry: Entry, changes: Changes
    ) -> str:
        name, thing, unit = f"{KIND}.{entry.id}.{row.id}", _thing(book, row), UNITS.get(row.quantity, "")
        self._rows.open(
            connection, book, name, kind=KIND, severity=limit.severity, sensor=row.sensor or row.place or row.point,
            point=row.point, rule=limit.id, began_ms=row.at_ms, opened_ms=entry.received_ms, worst=row.value,
            limit_value=limit.value, quantity=row.quantity, late=False, boot=None, offset_ms=None, clock=None,
            journal_id=entry.id, created_ms=entry.received_ms, detail=thing,
            text=f"{limit.text_id}: {thing} {number(row.value)} {unit} (batas {number(limit.value)} {unit}), "
            f"diukur manual. {limit.action_id}",
        )  # fmt: skip
        changes.incidents = changes.alerts = True
        return name

    def _leave(self, connection: Connection, book: Rulebook, told: Row[Any], entry: Entry, changes: Changes) -> None:
        """One of the measurements that an incident told of was otherwise: without any it is over."""
        limit = book.profile.spoken(told.rule)
        if not self._looks_of(connection, told.id):
            self._close(connection, told, entry.received_ms, f"Pengukuran dikoreksi: {told.detail}.", entry, changes)
        elif isinstance(limit, Limit):
            self._measure(connection, told.id, limit, entry)

    def _measure(self, connection: Connection, name: str, limit: Limit, entry: Entry) -> None:
        """The worst of all that an incident tells of, and since when."""
        looks = self._looks_of(connection, name)
        worst = max((look.value for look in looks), key=lambda value: value * limit.direction)
        began_ms = min(look.at_ms for look in looks)
        self._rows.change(connection, name, worst=worst, began_ms=began_ms, journal_id=entry.id)

    def _end(self, connection: Connection, book: Rulebook, row: Row[Any], entry: Entry, changes: Changes) -> None:
        """End what lasts of this thing and was measured good since."""
        for told in self._lasting(connection, row):
            good = self._good_since(connection, book, row, self._looks_of(connection, told.id))
            if good is not None:
                text = f"Diukur lagi, sekarang baik: {told.detail} {number(good.value)} {UNITS.get(good.quantity, '')}."
                self._close(connection, told, max(good.at_ms, told.opened_ms), text, entry, changes)

    def _good_since(
        self, connection: Connection, book: Rulebook, row: Row[Any], looks: list[Row[Any]]
    ) -> Row[Any] | None:
        """The first measurement of a thing after these that is good, also for the food that these were of."""
        if not looks:
            return None
        query = (
            select(checked)
            .where(
                *self._same(row), checked.c.verdict == "good", checked.c.withdrawn.is_(False),
                checked.c.at_ms > max(look.at_ms for look in looks),
            )
            .order_by(checked.c.at_ms, checked.c.id)
            .limit(MAX_LOOKS)
        )  # fmt: skip
        foods = {look.food for look in looks}
        for good in connection.execute(query):
            said = (judge_check(book.profile, good.point, good.quantity, good.value, food).verdict for food in foods)
            if all(verdict == "good" for verdict in said):
                return good
        return None

    def _begin_again(
        self, connection: Connection, book: Rulebook, row: Row[Any], entry: Entry, changes: Changes
    ) -> None:
        """What was called good was not: the trouble before it, if nothing else ended it, is told anew."""
        query = (
            select(checked)
            .where(*self._same(row), checked.c.incident.is_not(None), checked.c.at_ms < row.at_ms)
            .order_by(checked.c.at_ms.desc(), checked.c.id)
            .limit(1)
        )
        last = connection.execute(query).first()
        if last is None or self._good_since(connection, book, row, [last]) is not None:
            return
        told, limit = self._incident(connection, last.incident), book.profile.spoken(last.rule)
        if told is None or told.closed_ms is None or not isinstance(limit, Limit):
            return
        name = self._one_for(connection, book, last, limit) or self._open(connection, book, last, limit, entry, changes)
        self._change(connection, last.id, incident=name, journal_id=entry.id)
        self._measure(connection, name, limit, entry)

    def _close(
        self, connection: Connection, told: Row[Any], at_ms: int, text: str, entry: Entry, changes: Changes
    ) -> None:
        if told.closed_ms is None:
            self._rows.change(connection, told.id, closed_ms=at_ms, journal_id=entry.id)
            self._rows.alert(connection, told.id, "closed", entry.received_ms, text)
            changes.incidents = changes.alerts = True

    def _lasting(self, connection: Connection, row: Row[Any]) -> list[Row[Any]]:
        """The incidents of the thing that was measured which nothing has ended, the oldest first."""
        names = select(checked.c.incident).where(*self._same(row), checked.c.incident.is_not(None))
        query = (
            select(incident_table)
            .where(
                incident_table.c.kitchen == self._kitchen, incident_table.c.kind == KIND,
                incident_table.c.closed_ms.is_(None), incident_table.c.id.in_(names),
            )
            .order_by(incident_table.c.opened_ms, incident_table.c.id)
            .limit(MAX_LOOKS)
        )  # fmt: skip
        return list(connection.execute(query))

    def _looks_of(self, connection: Connection, incident: str) -> list[Row[Any]]:
        """The measurements that an incident tells of, the newest first."""
        query = (
            select(checked)
            .where(checked.c.kitchen == self._kitchen, checked.c.incident == incident)
            .order_by(checked.c.at_ms.desc(), checked.c.id)
            .limit(MAX_LOOKS)
        )
        return list(connection.execute(query))

    def _same(self, row: Row[Any]) -> tuple[Any, ...]:
        """The measurements of the same thing."""
        return (
            checked.c.kitchen == self._kitchen, checked.c.point == row.point, checked.c.quantity == row.quantity,
            checked.c.place == row.place, checked.c.sensor == row.sensor,
        )  # fmt: skip

    def _incident(self, connection: Connection, name: str) -> Row[Any] | None:
        query = select(incident_table).where(incident_table.c.kitchen == self._kitchen, incident_table.c.id == name)
        return connection.execute(query).first()

    def _row(self, connection: Connection, name: str) -> Row[Any] | None:
        return connection.execute(
            select(checked).where(checked.c.kitchen == self._kitchen, checked.c.id == name)
        ).first()

    def _change(self, connection: Connection, name: str, **columns: object) -> None:
        connection.execute(
            update(checked).where(checked.c.kitchen == self._kitchen, checked.c.id == name).values(**columns)
        )


def _thing(book: Rulebook, row: Row[Any]) -> str:
    """What was measured, as people call it: "Chiller: Chiller 2"."""
    sensor = book.settings.sensor(row.sensor)
    place = next((place.name for place in book.settings.places if place.id == row.place), row.place)
    thing = sensor.name if sensor is not None else row.sensor or place
    point = point_name(str, row.point)
    return f"{point}: {thing}" if thing else point
