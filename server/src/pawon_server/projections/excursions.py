"""Excursions: the rules of every sensor's control point over measured time, and what of it becomes an incident.

Rules run on the sender's monotonic time, so a clock that is corrected in the middle disturbs no delay; only the dates
of what happened use the offset. Sensor trouble is another kind: see ``sensor_trouble``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import msgspec
from sqlalchemy import Connection, select

from pawon_contract.ids import row_id
from pawon_contract.messages import Contact, Reading
from pawon_food_safety import contact as contacts
from pawon_food_safety import point as points
from pawon_food_safety.contact import ContactJudge, ContactState, contact_rules
from pawon_food_safety.finding import EARLY, Finding, words
from pawon_food_safety.limit import LimitEvent
from pawon_food_safety.point import PointJudge, PointRules, PointState, rules_at
from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Door, Limit, Power, Spoken

from ..rulebook import Rulebook, Sensor
from ..store.rows import put_rows
from ..store.tables import judgement
from ..words import number
from .context import Arrival, Changes
from .incident_rows import SUMMARIES, IncidentRows, is_news

# What incidents of these rules are about. A power cut explains others.
KINDS = ("limit", "rate", "defrost", "spike", "cooking", "cooling", "reheating", "door", "power")


class Cooked(Protocol):
    """Who is told that the probe in a pan passed the rule of cooking: ``Batches.cooked``."""

    def __call__(
        self, connection: Connection, book: Rulebook, *, sensor: Sensor, began_ms: int | None, cooked_ms: int,
        peak_c: float, f_min: float, arrival: Arrival, changes: Changes,
    ) -> None:  # fmt: skip
        """Times are UTC by the arrival's clock."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one sensor: its rules' state, and the incidents that they opened, by rule. ``of``: which point
    and what it measures; of another one nothing that was remembered holds."""

    of: str = ""
    point: PointState = PointState()
    contact: dict[str, ContactState] = {}
    incidents: dict[str, str] = {}


class _Judged(msgspec.Struct):
    """One sensor with its rules at work, or, before they are needed, as they were kept."""

    boot: str
    offset_ms: int
    kept: Remembered
    incidents: dict[str, str]
    profile: Profile | None = None
    sensor: Sensor | None = None
    point: PointJudge | None = None
    contact: ContactJudge | None = None

    def remembered(self) -> Remembered:
        """As it is kept now."""
        return Remembered(
            of=self.kept.of, point=self.kept.point if self.point is None else self.point.state(),
            contact=self.kept.contact if self.contact is None else self.contact.state(), incidents=self.incidents,
        )  # fmt: skip


class Excursions:
    """Projection of ``judgement``, and of ``incident`` rows of ``KINDS``."""

    def __init__(
        self, kitchen: str, rows: IncidentRows, cooked: Cooked, power_is_back: Callable[[str, int], None]
    ) -> None:
        self._kitchen, self._rows, self._cooked, self._power_is_back = kitchen, rows, cooked, power_is_back
        self._judged: dict[str, _Judged] = {}
        self._dirty: set[str] = set()
        self._unpaged: set[str] = set()  # incidents that opened late and still last
        self._watched: tuple[object, dict[str, list[Sensor]]] = (None, {})  # sensors behind each door

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        self._dirty.clear()
        self._judged = {}
        for row in connection.execute(select(judgement).where(judgement.c.kitchen == self._kitchen)):
            kept = msgspec.json.decode(row.state, type=Remembered)
            self._judged[row.sensor] = _Judged(
                boot=row.boot, offset_ms=row.offset_ms, kept=kept, incidents=dict(kept.incidents)
            )
        self._unpaged = set().union(*(self._rows.unpaged(connection, kind) for kind in KINDS))

    # --- what is measured -------------------------------------------------------------------------------------------

    def judge(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, sequence: int, item: Reading,
        changes: Changes,
    ) -> None:  # fmt: skip
        """Run every rule of the sensor's point on one reading."""
        self._finish(connection, book, sensor, arrival, sequence, changes)
        one = self._at_work(book, sensor, arrival, item.at_ms)
        if one.point is None:
            return
        self._dirty.add(sensor.id)
        found = one.point.see(item.at_ms, item.value, item.at_ms + item.valid_ms, item.low, item.high)
        if not found and not one.incidents:
            # By far the most readings: nothing was wrong and nothing is.
            return
        for finding in found:
            self._tell(connection, book, sensor, one, finding, arrival, sequence, changes)
        self._page_what_lasts(connection, book, sensor, one, arrival, item.at_ms, changes)

    def take_contact(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, sequence: int, item: Contact,
        changes: Changes,
    ) -> None:  # fmt: skip
        """A door moved, electricity went or came back, or all is as it was: its own rules, and those it explains."""
        valid_until_ms = item.at_ms + item.valid_ms
        if item.contact == "door":
            for behind in self._behind(book, sensor.id):
                self._finish(connection, book, behind, arrival, sequence, changes)
                judged = self._at_work(book, behind, arrival, item.at_ms)
                if judged.point is not None:
                    judged.point.door(item.at_ms, item.active, valid_until_ms)
                    self._dirty.add(behind.id)
        one = self._at_work(book, sensor, arrival, item.at_ms)
        if one.contact is None:
            return
        self._dirty.add(sensor.id)
        bad = item.active if item.contact == "door" else not item.active
        for row, event in one.contact.see(item.at_ms, bad, valid_until_ms):
            self._tell(connection, book, sensor, one, _of_contact(row, event), arrival, sequence, changes)
        self._page_what_lasts(connection, book, sensor, one, arrival, item.at_ms, changes)

    def verdict(self, book: Rulebook, sensor: Sensor) -> tuple[str, Limit | None]:
        """How the rules see a sensor now: ``critical``, ``warning`` (also while a delay still runs) or ``ok``; and the
        worst limit whose delay has run out."""
        worst, broken = "ok", None
        one = self._judged.get(sensor.id)
        if one is not None:
            self._put_to_work(one, book, sensor)
        for row, told in () if one is None or one.point is None else one.point.pending():
            if told is not None:
                worst = "critical" if "critical" in (told, worst) else "warning"
                broken = row if isinstance(row, Limit) else broken
            elif worst == "ok":
                worst = "warning"
        return worst, broken

    # --- incidents --------------------------------------------------------------------------------------------------

    def _tell(
        self, connection: Connection, book: Rulebook, sensor: Sensor, one: _Judged, finding: Finding,
        arrival: Arrival, sequence: int, changes: Changes,
    ) -> None:  # fmt: skip
        changes.incidents = changes.alerts = True
        changes.sensors.add(sensor.id)
        row = finding.row
        if finding.event == "passed":
            if finding.kind == "cooking":
                self._cooked(
                    connection, book, sensor=sensor, began_ms=arrival.utc_ms(finding.began_ms),
                    cooked_ms=arrival.utc_ms(finding.at_ms), peak_c=finding.worst or 0.0, f_min=finding.f_min or 0.0,
                    arrival=arrival, changes=changes,
                )  # fmt: skip
            return
        known = one.incidents.get(finding.rule)
        if finding.event == "opened" and known is not None:
            # What its rule remembered was lost, the incident was not: it is the same one.
            self._rows.change(connection, known, worst=finding.worst, journal_id=arrival.journal_id)
        elif finding.event == "opened":
            name = f"{row_id(arrival.gateway, arrival.spool, sequence)}.{finding.rule}"
            one.incidents[finding.rule] = name
            late = not is_news(arrival, finding.at_ms)
            self._rows.open(
                connection, book, name, kind=finding.kind, severity=finding.severity, sensor=sensor.id,
                point=sensor.point, rule=row.id, began_ms=arrival.utc_ms(finding.began_ms),
                opened_ms=arrival.utc_ms(finding.at_ms), worst=finding.worst,
                limit_value=row.value if isinstance(row, Limit) else None, quantity=sensor.quantity,
                late=late, boot=arrival.boot, offset_ms=arrival.offset_ms, clock=arrival.clock,
                journal_id=arrival.journal_id, created_ms=arrival.received_ms,
                explained_by=self._rows.explained_by(sensor), text=_text(row, sensor, finding.worst, finding.severity),
            )  # fmt: skip
            if late:
                self._unpaged.add(name)
        elif known is not None and finding.event == "worsened":
            self._rows.change(connection, known, worst=finding.worst, journal_id=arrival.journal_id)
        elif known is not None:
            worst = "" if finding.worst is None else f" (terburuk {number(finding.worst)} C)"
            self._rows.close(
                connection, known, arrival, finding.at_ms, f"Kembali aman: {sensor.name}{worst}.", worst=finding.worst,
                tell=known not in self._unpaged or book.settings.edition < SUMMARIES,
            )  # fmt: skip
            self._unpaged.discard(known)
            del one.incidents[finding.rule]
            if finding.kind == "power":
                self._page_what_outlasts(connection, book, known, arrival.received_ms)
                self._power_is_back(known, arrival.received_ms)

    def _page_what_lasts(
        self, connection: Connection, book: Rulebook, sensor: Sensor, one: _Judged, arrival: Arrival, at_ms: int,
        changes: Changes,
    ) -> None:  # fmt: skip
        """What opened late pages once it is of now."""
        if not self._unpaged or not is_news(arrival, at_ms):
            return
        for rule, name in sorted(one.incidents.items()):
            row = book.profile.spoken(rule.removesuffix(EARLY))
            if name in self._unpaged and row is not None:
                self._unpaged.discard(name)
                worst = None if one.point is None else one.point.worst(rule)
                severity = "warning" if rule.endswith(EARLY) else row.severity
                self._rows.page(connection, name, arrival.received_ms, _text(row, sensor, worst, severity))
                changes.alerts = True

    def _page_what_outlasts(self, connection: Connection, book: Rulebook, cut: str, now_ms: int) -> None:
        """The electricity is back, and what it explained is not over: each sensor's gravest danger pages, unless one of
        the sensor has."""
        # What came late pages by itself, once it is of now.
        untold = set(self._rows.untold_of(connection, cut)) - self._unpaged
        for sensor in book.settings.sensors if untold else ():
            one = self._judged.get(sensor.id)
            if one is None:
                continue
            self._put_to_work(one, book, sensor)
            rows = [book.profile.spoken(rule) for rule in one.incidents]
            grave = [row for row in rows if row is not None and row.severity == "critical"]
            if not grave or not all(one.incidents[row.id] in untold for row in grave):
                continue
            row = max(grave, key=lambda row: row.value * row.direction if isinstance(row, Limit) else -math.inf)
            worst = None if one.point is None else one.point.worst(row.id)
            self._rows.page(connection, one.incidents[row.id], now_ms, _text(row, sensor, worst, row.severity))

    def _finish(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, sequence: int,
        changes: Changes,
    ) -> None:  # fmt: skip
        """A new boot begins: what waited in the one before to be confirmed is believed, on its own timeline."""
        one = self._judged.get(sensor.id)
        if one is None or one.boot == arrival.boot:
            return
        self._put_to_work(one, book, sensor)
        before = replace(arrival, boot=one.boot, offset_ms=one.offset_ms, sent_ms=None)
        for finding in () if one.point is None else one.point.finish():
            self._tell(connection, book, sensor, one, finding, before, sequence, changes)

    # --- which rules ------------------------------------------------------------------------------------------------

    def _at_work(self, book: Rulebook, sensor: Sensor, arrival: Arrival, at_ms: int) -> _Judged:
        """A sensor's rules on the timeline of an arrival."""
        one = self._judged.get(sensor.id)
        if one is None:
            one = self._judged[sensor.id] = _Judged(
                boot=arrival.boot, offset_ms=arrival.offset_ms, kept=Remembered(), incidents={}
            )
        if one.boot != arrival.boot:
            shift_ms, kept = one.offset_ms - arrival.offset_ms, one.remembered()
            one.kept = Remembered(
                of=kept.of,
                point=points.rebase(kept.point, shift_ms, at_ms),
                contact={rule: contacts.rebase(state, shift_ms, at_ms) for rule, state in kept.contact.items()},
            )
            one.boot, one.profile = arrival.boot, None
        one.offset_ms = arrival.offset_ms
        if one.profile is not book.profile or one.sensor is not sensor:
            self._put_to_work(one, book, sensor)
        return one

    @staticmethod
    def _put_to_work(one: _Judged, book: Rulebook, sensor: Sensor) -> None:
        """Make the rules in force go on from what is remembered."""
        if one.profile is not book.profile or one.sensor is not sensor:
            if one.profile is not None:
                one.kept = one.remembered()
            one.profile, one.sensor = book.profile, sensor
            of = _of(sensor)
            if one.kept.of not in ("", of):
                one.kept = Remembered()
            one.kept = msgspec.structs.replace(one.kept, of=of)
            if sensor.quantity in ("door", "power"):
                rules = contact_rules(book.profile, sensor.quantity, sensor.point)
                one.point, one.contact = None, ContactJudge(rules, one.kept.contact) if rules else None
            else:
                wanted = _rules_at(book.profile, sensor)
                one.point, one.contact = PointJudge(wanted, one.kept.point) if wanted else None, None

    def _behind(self, book: Rulebook, door: str) -> list[Sensor]:
        if self._watched[0] is not book.settings:
            doors: dict[str, list[Sensor]] = {}
            for sensor in book.settings.sensors:
                if sensor.door:
                    doors.setdefault(sensor.door, []).append(sensor)
            self._watched = (book.settings, doors)
        return self._watched[1].get(door, [])

    def fix_clock(self, boot: str, offset_ms: int, *, sensors: set[str]) -> None:
        """A boot was dated: what began in it and still runs is dated with it. ``sensors`` are its gateway's."""
        for name, one in self._judged.items():
            if name in sensors and one.boot == boot and one.offset_ms != offset_ms:
                one.offset_ms = offset_ms
                self._dirty.add(name)

    # --- configuration ----------------------------------------------------------------------------------------------

    def retire(self, connection: Connection, book: Rulebook, at_ms: int, journal_id: int, changes: Changes) -> None:
        """A new configuration or profile: what nobody watches any more ends, for nothing could ever end it."""
        sensors = {sensor.id: sensor for sensor in book.settings.sensors}
        over_now: list[str] = []
        for name, one in self._judged.items():
            judged = _rules_of(book.profile, sensors.get(name))
            # Of another point, or of air instead of food, nothing goes on that was judged before.
            is_another = name in sensors and one.kept.of not in ("", _of(sensors[name]))
            over = sorted(one.incidents if is_another else set(one.incidents) - judged)
            if over:
                # Their rules begin anew, should they ever be back.
                self._put_aside(one, over)
            for rule in over:
                ended = one.incidents.pop(rule)
                self._rows.retire(connection, ended, name, at_ms, journal_id)
                changes.incidents = changes.alerts = True
                self._unpaged.discard(ended)
                self._dirty.add(name)
                over_now.append(ended)
            one.kept = one.remembered()
            one.profile, one.point, one.contact = None, None, None
        for ended in over_now:
            self._page_what_outlasts(connection, book, ended, at_ms)
            self._power_is_back(ended, at_ms)

    @staticmethod
    def _put_aside(one: _Judged, rules: list[str]) -> None:
        kept = one.remembered()
        point = msgspec.structs.replace(
            kept.point, limits={rule: state for rule, state in kept.point.limits.items() if rule not in rules},
            rates={rule: state for rule, state in kept.point.rates.items() if rule not in rules},
            often=False, process=None,
        )  # fmt: skip
        contact = {rule: state for rule, state in kept.contact.items() if rule not in rules}
        one.kept = msgspec.structs.replace(kept, point=point, contact=contact)
        one.profile, one.point, one.contact = None, None, None

    def flush(self, connection: Connection) -> None:
        """Write what the rules remember, where it moved."""
        rows = [
            {
                "kitchen": self._kitchen, "sensor": name, "boot": one.boot, "offset_ms": one.offset_ms,
                "state": msgspec.json.encode(one.remembered()),
            }
            for name, one in sorted((name, self._judged[name]) for name in self._dirty)
        ]  # fmt: skip
        put_rows(connection, judgement, rows)
        self._dirty.clear()


def _of(sensor: Sensor) -> str:
    """What of a sensor makes its rules' memory its own."""
    return f"{sensor.point}/{sensor.quantity}/{sensor.measures}"


def _rules_of(profile: Profile, sensor: Sensor | None) -> set[str]:
    """The ids of the rows that judge a sensor."""
    if sensor is None or not (sensor.point or sensor.quantity == "power"):
        return set()
    if sensor.quantity in ("door", "power"):
        return {row.id for row in contact_rules(profile, sensor.quantity, sensor.point)}
    return {name for row in _rules_at(profile, sensor).spoken for name in (row.id, f"{row.id}{EARLY}")}


def _rules_at(profile: Profile, sensor: Sensor) -> PointRules:
    return rules_at(
        profile, sensor.point, sensor.quantity, measures=sensor.measures, error_c=sensor.error_c,
        door=bool(sensor.door), spikes=True,  # values that stand still the gateway tells
    )  # fmt: skip


def _of_contact(row: Door | Power, event: LimitEvent) -> Finding:
    return Finding(
        kind="door" if isinstance(row, Door) else "power", row=row, event=event.kind, at_ms=event.at_ms,
        began_ms=event.began_ms, beyond_ms=event.beyond_ms,
    )  # fmt: skip


def _text(row: Spoken, sensor: Sensor, worst: float | None, severity: str) -> str:
    what, _, todo, _ = words(row, severity)
    measured = "" if worst is None else f" {number(worst)} C"
    bound = f" (batas {number(row.value)} C)" if isinstance(row, Limit) else ""
    return f"{what}: {sensor.name}{measured}{bound}. {todo}"
