"""Calibrations: which thermometer was checked, what came of it, and the corrections that this puts on readings.

Projection of ``calibration``. A record counts for what is measured from its time on, until the next one's, and only for
rows that come after its journal entry: what was judged already keeps the value it was judged by. A rejected check
corrects nothing and replaces no correction; it is told as sensor trouble, and so is a check that is overdue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from pawon_contract.messages import Reading
from pawon_contract.units import implausible
from pawon_food_safety.calibration import (
    DAY_MS,
    ICE_C,
    NONE,
    REFERENCE_ERROR_C,
    Correction,
    Kind,
    Point,
    Verdict,
    boiling_c,
    due_ms,
    judge,
    row_of,
    tolerance_c,
    unfit,
)
from pawon_food_safety.profile import Profile

from ..calibration import RecordCalibration, WithdrawCalibration
from ..rulebook import Rulebook, Settings
from ..store.journal import Entry
from ..store.rows import storable
from ..store.tables import calibration, incident, journal
from .context import Arrival, Changes
from .due import Due
from .incident_rows import IncidentRows

SCOPE = "calibration"
OVERDUE, REJECTED = "calibration-overdue", "calibration-rejected"
# A fixed probe is checked twice a year, a hand probe every week: fifty years of both, and somebody's script is stopped.
MAX_RECORDS = 5_000
# Whoever performed a check looked at a clock that may be ahead of the server's.
CLOCK_AHEAD_MS = 300_000

State = Literal["none", "never", "ok", "overdue", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Something that can be calibrated. ``counts``: food is decided by it, so that it must not be forgotten."""

    id: str
    name: str
    kind: Kind
    point: str
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of one check, as far as it decides anything. ``id`` is its journal entry."""

    id: int
    sensor: str
    performed_ms: int
    next_ms: int | None
    verdict: Verdict
    correction: Correction
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a reading was before it was corrected, and by which calibration."""

    raw: float | None
    calibration: int | None


AS_IT_CAME = Origin(raw=None, calibration=None)


def instruments(book: Rulebook) -> dict[str, Instrument]:
    """Every thermometer of the kitchen, connected or not, by name."""
    found = {}
    for row in book.settings.thermometers:
        found[row.id] = Instrument(id=row.id, name=row.name, kind=row.kind, point="", counts=True)
    for sensor in book.settings.sensors:
        if sensor.quantity == "temperature_c":
            limits = book.profile.limits_at(sensor.point, sensor.quantity)
            counts = any(limit.severity == "critical" for limit in limits)
            found[sensor.id] = Instrument(
                id=sensor.id, name=sensor.name, kind="fixed", point=sensor.point, counts=counts
            )
    return found


def record_of(row: Row[Any]) -> Record:
    """A row of the table."""
    return Record(
        id=row.id, sensor=row.sensor, performed_ms=row.performed_ms, next_ms=row.next_ms, verdict=row.verdict,
        correction=Correction(slope=row.slope, offset_c=row.offset_c), withdrawn=row.withdrawn_ms is not None,
    )  # fmt: skip


def state_of(records: Sequence[Record], profile: Profile, kind: Kind, at_ms: int) -> tuple[State, int | None]:
    """How a thermometer's calibration stood at a time, and when its next check was due.

    ``none``: the profile asks nothing of its kind and nothing was ever written.
    """
    done = sorted((one for one in records if not one.withdrawn and one.performed_ms <= at_ms), key=_order)
    good = [one for one in done if one.verdict != "reject"]
    due = due_ms(profile, kind, good[-1].performed_ms, good[-1].next_ms) if good else None
    if done and done[-1].verdict == "reject":
        return "rejected", due
    if not good:
        return ("never" if row_of(profile, kind) is not None else "none"), None
    return ("overdue" if due is not None and due <= at_ms else "ok"), due


class Calibrations:
    """Projection of ``calibration``, and the watch over what is overdue."""

    def __init__(self, kitchen: str, rows: IncidentRows) -> None:
        self._kitchen, self._rows = kitchen, rows
        self._records: dict[str, list[Record]] = {}  # in the order of their times
        # Of these, by sensor, what counts for readings; sensors that nothing corrects are not in it. Empty in most
        # kitchens: whoever has a reading looks here first.
        self.correcting: dict[str, list[Record]] = {}
        self._since_ms: dict[str, int] = {}  # when an instrument was first configured
        self._open: dict[str, tuple[str, str]] = {}  # sensor -> incident, rule
        self._instruments: tuple[Settings | None, Profile | None, dict[str, Instrument]] = (None, None, {})

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        found = connection.execute(select(calibration).where(calibration.c.kitchen == self._kitchen))
        self._records = {}
        for row in found:
            self._records.setdefault(row.sensor, []).append(record_of(row))
        self.correcting = {}
        for sensor in self._records:
            self._settle(sensor)
        self._since_ms = {}
        configured = connection.execute(
            select(journal.c.received_ms, journal.c.payload)
            .where(journal.c.kitchen == self._kitchen, journal.c.kind == "config")
            .order_by(journal.c.id)
        )
        for received_ms, payload in configured:
            self.configure(msgspec.json.decode(payload, type=Settings), received_ms)
        still_open = connection.execute(
            select(incident.c.sensor, incident.c.id, incident.c.rule).where(
                incident.c.kitchen == self._kitchen, incident.c.kind == "calibration", incident.c.closed_ms.is_(None)
            )
        )
        self._open = {row.sensor: (row.id, row.rule) for row in still_open}

    def configure(self, settings: Settings, at_ms: int) -> None:
        """A configuration is in force: what is new in it begins to count its days."""
        for name in [row.id for row in settings.sensors] + [row.id for row in settings.thermometers]:
            self._since_ms.setdefault(name, at_ms)

    # --- readings ---------------------------------------------------------------------------------------------------

    def correct(self, arrival: Arrival, item: Reading) -> tuple[Reading, Origin]:
        """A reading as it counts, and what it was."""
        if (records := self.correcting.get(item.sensor)) is None or item.quantity != "temperature_c":
            return item, AS_IT_CAME
        at_ms, age_ms = arrival.utc_ms(item.at_ms), arrival.age_ms(item.at_ms)
        if not arrival.trusted and age_ms is not None:
            at_ms = arrival.received_ms - age_ms  # its clock only guesses; its age it knows
        record = _in_force(records, at_ms)
        if record is None or record.correction == NONE:
            return item, AS_IT_CAME
        apply = record.correction.apply
        corrected = msgspec.structs.replace(
            item, value=apply(item.value), low=None if item.low is None else apply(item.low),
            high=None if item.high is None else apply(item.high),
        )  # fmt: skip
        return corrected, Origin(raw=item.value, calibration=record.id)

    def now(self, sensor: str) -> Correction:
        """What corrects the values that a sensor measures now."""
        records = self.correcting.get(sensor)
        return NONE if records is None else records[-1].correction

    # --- acts -------------------------------------------------------------------------------------------------------

    def refuse(
        self, connection: Connection, book: Rulebook, act: RecordCalibration | WithdrawCalibration, now_ms: int
    ) -> str | None:
        """Why it cannot be written, in Indonesian."""
        if isinstance(act, WithdrawCalibration):
            known = next((one for own in self._records.values() for one in own if one.id == act.calibration), None)
            if known is None:
                return "Kalibrasi ini tidak ada"
            return "Kalibrasi ini sudah dibatalkan" if known.withdrawn else None
        if act.sensor not in instruments(book):
            return "Termometer ini tidak terdaftar"
        if act.performed_ms > now_ms + CLOCK_AHEAD_MS:
            return "Waktu pemeriksaan belum tiba"
        if len(self._records.get(act.sensor, ())) >= MAX_RECORDS:
            return f"Sudah ada {MAX_RECORDS} catatan untuk termometer ini"
        if "boiling" in act.method and book.settings.altitude_m is None:
            return "Isi dulu altitude_m (ketinggian dapur) di server.toml: titik didih bergantung padanya"
        needed = {"ice": (1,), "boiling": (1,), "ice-boiling": (2,)}.get(act.method, (1, 2))
        if len(act.readings_c) not in needed:
            return f"Perlu {' atau '.join(map(str, needed))} angka terbaca"
        given = len(act.readings_c) if act.method in ("comparison", "certificate") else 0
        if len(act.references_c) != given:
            return f"Perlu {given} angka acuan" if given else "Angka acuan dihitung sendiri untuk cara ini"
        if act.method == "comparison" and not act.reference.strip():
            return "Tulis termometer acuannya"
        if act.method == "certificate" and not act.certificate.strip():
            return "Tulis nomor sertifikatnya"
        if any(implausible("temperature_c", value) is not None for value in (*act.readings_c, *act.references_c)):
            return "Angka tidak masuk akal"
        return unfit(_points(book, act))

    def take(
        self, connection: Connection, book: Rulebook, act: RecordCalibration | WithdrawCalibration, entry: Entry,
        changes: Changes,
    ) -> None:  # fmt: skip
        """A thermometer was checked, or was not. Incidents follow at the clock's next look (``due``)."""
        if isinstance(act, WithdrawCalibration):
            sensor = self._withdraw(connection, act, entry)
        else:
            sensor = act.sensor
            self._add(connection, book, act, entry)
        self._settle(sensor)
        changes.sensors.add(sensor)

    def _add(self, connection: Connection, book: Rulebook, act: RecordCalibration, entry: Entry) -> None:
        kind, points = instruments(book)[act.sensor].kind, _points(book, act)
        may_be_off_c = tolerance_c(book.profile, kind)
        known_to_c = REFERENCE_ERROR_C[act.method] if act.reference_error_c is None else act.reference_error_c
        found = judge(points, may_be_off_c, known_to_c)
        row = {
            "kitchen": self._kitchen, "id": entry.id, "sensor": act.sensor, "kind": kind, "method": act.method,
            "performed_ms": act.performed_ms, "entered_ms": entry.received_ms, "person": act.by,
            "points": msgspec.json.encode(points).decode(), "measured": act.measured, "verdict": found.verdict,
            "error_c": found.error_c, "tolerance_c": may_be_off_c, "slope": found.correction.slope,
            "offset_c": found.correction.offset_c, "uncertainty_c": found.uncertainty_c,
            "altitude_m": book.settings.altitude_m if "boiling" in act.method else None,
            "reference": storable(act.reference), "certificate": storable(act.certificate), "lab": storable(act.lab),
            "note": storable(act.note), "next_ms": act.next_ms, "withdrawn_ms": None, "withdrawn_by": None,
            "withdrawn_reason": None, "journal_id": entry.id,
        }  # fmt: skip
        connection.execute(insert(calibration), row)
        self._records.setdefault(act.sensor, []).append(
            Record(
                id=entry.id, sensor=act.sensor, performed_ms=act.performed_ms, next_ms=act.next_ms,
                verdict=found.verdict, correction=found.correction,
            )
        )  # fmt: skip

    def _withdraw(self, connection: Connection, act: WithdrawCalibration, entry: Entry) -> str:
        sensor, place = next(
            (sensor, place) for sensor, own in self._records.items() for place, one in enumerate(own)
            if one.id == act.calibration
        )  # fmt: skip
        self._records[sensor][place] = replace(self._records[sensor][place], withdrawn=True)
        connection.execute(
            update(calibration)
            .where(calibration.c.kitchen == self._kitchen, calibration.c.id == act.calibration)
            .values(
                withdrawn_ms=entry.received_ms, withdrawn_by=act.by, withdrawn_reason=storable(act.reason),
                journal_id=entry.id,
            )
        )  # fmt: skip
        return sensor

    def _settle(self, sensor: str) -> None:
        """What counts for readings of a sensor from now on."""
        own = self._records[sensor]
        own.sort(key=_order)
        counting = [one for one in own if not one.withdrawn and one.verdict != "reject"]
        self.correcting.pop(sensor, None)
        if any(one.correction != NONE for one in counting):
            self.correcting[sensor] = counting

    # --- the watch --------------------------------------------------------------------------------------------------

    def due(self, book: Rulebook, now_ms: int) -> list[Due]:
        """What is overdue or rejected and is not told yet; what is told and is not so any more."""
        settings, profile, known = self._instruments
        if settings is not book.settings or profile is not book.profile:
            known = instruments(book)
            self._instruments = (book.settings, book.profile, known)
        out = []
        for sensor in sorted(known.keys() | self._open.keys()):
            wanted = self._wanted(book, known.get(sensor), now_ms)
            told = self._open.get(sensor)
            if told is not None and (wanted is None or wanted[0] != told[1]):
                out.append(Due(scope=SCOPE, subject=sensor, rule=told[1], state="ended", since_ms=now_ms, at_ms=now_ms))
            if wanted is not None and (told is None or wanted[0] != told[1]):
                rule, since_ms = wanted
                out.append(
                    Due(scope=SCOPE, subject=sensor, rule=rule, state="warning", since_ms=since_ms, at_ms=now_ms)
                )
        return out

    def _wanted(self, book: Rulebook, one: Instrument | None, now_ms: int) -> tuple[str, int] | None:
        """What is to be told of an instrument, and since when it is so."""
        if one is None:
            return None
        records = self._records.get(one.id, ())
        state, due = state_of(records, book.profile, one.kind, now_ms)
        if state == "rejected":
            return REJECTED, max(record.performed_ms for record in records if not record.withdrawn)
        if state == "overdue" and due is not None:
            return OVERDUE, due
        if state == "never" and one.counts:
            row = row_of(book.profile, one.kind)
            assert row is not None, "never is said only where the profile asks"
            first_ms = self._since_ms.get(one.id, now_ms) + row.every_days * DAY_MS
            return (OVERDUE, first_ms) if first_ms <= now_ms else None
        return None

    def take_due(self, connection: Connection, book: Rulebook, due: Due, entry: Entry, changes: Changes) -> None:
        """A sensor alarm begins or ends."""
        one = instruments(book).get(due.subject)
        name = due.subject if one is None else one.name
        known = self._open.get(due.subject)
        if due.state == "ended":
            if known is not None:
                del self._open[due.subject]
                self._rows.change(connection, known[0], closed_ms=due.at_ms, journal_id=entry.id)
                self._rows.alert(connection, known[0], "closed", due.at_ms, f"Kalibrasi beres: {name}.")
        elif known is None:
            incident_id = f"calibration.{entry.id}.{due.subject}"
            self._open[due.subject] = (incident_id, due.rule)
            self._rows.open(
                connection, book, incident_id, kind="calibration", severity="warning", sensor=due.subject,
                point="" if one is None else one.point, rule=due.rule, began_ms=due.since_ms, opened_ms=due.at_ms,
                worst=None, limit_value=None, quantity=None, late=False, boot=None, offset_ms=None, clock=None,
                journal_id=entry.id, created_ms=due.at_ms, text=self._text(due, name),
            )  # fmt: skip
        changes.incidents = changes.alerts = True

    def _text(self, due: Due, name: str) -> str:
        if due.rule == REJECTED:
            return f"Termometer ditolak saat diperiksa: {name}. Jangan dipakai, ganti. Ukur dengan termometer lain."
        checked = any(not one.withdrawn for one in self._records.get(due.subject, ()))
        return f"{'Kalibrasi terlambat' if checked else 'Belum pernah dikalibrasi'}: {name}. Lakukan uji titik es."


def records_of(connection: Connection, kitchen: str, sensors: Iterable[str]) -> dict[str, list[Record]]:
    """Everything that was written about some thermometers."""
    found: dict[str, list[Record]] = {}
    where = (calibration.c.kitchen == kitchen, calibration.c.sensor.in_(sorted(sensors)))
    for row in connection.execute(select(calibration).where(*where)):
        found.setdefault(row.sensor, []).append(record_of(row))
    return found


def _order(record: Record) -> tuple[int, int]:
    return record.performed_ms, record.id


def _in_force(records: list[Record], at_ms: int) -> Record | None:
    """The newest that was performed by then. The newest of all is nearly always the one."""
    return next((one for one in reversed(records) if one.performed_ms <= at_ms), None)


def _points(book: Rulebook, act: RecordCalibration) -> list[Point]:
    """What was read beside what was true."""
    true: Sequence[float] = act.references_c
    if act.method not in ("comparison", "certificate"):
        altitude_m = book.settings.altitude_m or 0.0
        known = {"ice": ICE_C, "boiling": round(boiling_c(altitude_m), 1)}
        true = [known[part] for part in act.method.split("-")]
    return [Point(reading_c=read, reference_c=known) for read, known in zip(act.readings_c, true, strict=True)]
