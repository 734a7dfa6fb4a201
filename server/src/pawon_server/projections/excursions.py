"""Excursions: food limits judged on measured time.

Limit rules run on the sender's monotonic time, so a clock that is corrected in the middle disturbs no delay; only the
dates of what happened use the offset. Sensor trouble is another kind: see ``sensor_trouble``.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from pawon_contract.ids import row_id
from pawon_contract.messages import Reading
from pawon_food_safety.limit import (
    LimitEvent,
    LimitState,
    Observation,
    at_rest,
    calm_band,
    rebase,
    resting,
    step,
)
from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Limit

from ..rulebook import Rulebook, Sensor
from ..store.rows import put_rows
from ..store.tables import rule_state
from ..words import number
from .context import Arrival, Changes
from .incident_rows import SUMMARIES, IncidentRows, is_news


class _Rule(msgspec.Struct):
    boot: str
    offset_ms: int
    state: LimitState
    incident: str | None


class _Calm(msgspec.Struct):
    """A sensor whose rules are all at rest, and its newest reading, which they have not been shown yet."""

    profile: Profile
    sensor: Sensor
    rules: dict[tuple[str, str], _Rule]
    low: float
    high: float
    boot: str
    offset_ms: int
    at_ms: int
    value: float
    valid_until_ms: int
    unseen: bool = False


class Excursions:
    """Projection of ``rule_state`` and of ``incident`` rows of the kind ``limit``."""

    def __init__(self, kitchen: str, rows: IncidentRows) -> None:
        self._kitchen, self._rows = kitchen, rows
        self._rules: dict[tuple[str, str], _Rule] = {}
        self._calm: dict[str, _Calm] = {}
        self._dirty: set[tuple[str, str]] = set()
        self._limits_of: Profile | None = None
        self._limits: dict[tuple[str, str], list[Limit]] = {}
        self._unpaged: set[str] = set()  # incidents that opened late and still last

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        self._dirty.clear()
        self._calm.clear()
        self._rules = {
            (row.sensor, row.rule): _Rule(
                boot=row.boot, offset_ms=row.offset_ms, state=msgspec.json.decode(row.state, type=LimitState),
                incident=row.incident,
            )
            for row in connection.execute(select(rule_state).where(rule_state.c.kitchen == self._kitchen))
        }  # fmt: skip
        self._unpaged = self._rows.unpaged(connection, "limit")

    # --- food limits ------------------------------------------------------------------------------------------------

    def judge(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, sequence: int, item: Reading,
        changes: Changes,
    ) -> None:  # fmt: skip
        """Run every limit of the sensor's point on one reading."""
        calm = self._calm.get(sensor.id)
        if calm is not None:
            low, high = item.low, item.high
            if (
                calm.low <= item.value <= calm.high
                and (low is None or calm.low <= low)
                and (high is None or high <= calm.high)
                and item.at_ms > calm.at_ms
                and calm.boot == arrival.boot
                and calm.sensor is sensor
                and calm.profile is book.profile
            ):
                # By far the most readings: nothing was wrong and nothing is.
                calm.offset_ms, calm.at_ms, calm.value = arrival.offset_ms, item.at_ms, item.value
                calm.valid_until_ms, calm.unseen = item.at_ms + item.valid_ms, True
                return
            self._show(self._calm.pop(sensor.id))
        seen = Observation(
            at_ms=item.at_ms, value=item.value, valid_until_ms=item.at_ms + item.valid_ms, low=item.low, high=item.high
        )
        rules: dict[tuple[str, str], _Rule] = {}
        limits = self._limits_at(book.profile, sensor.point, item.quantity)
        for limit in limits:
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
            rules[key] = rule
            was_pending = rule.state.began_ms is not None
            rule.state, events = step(limit, rule.state, seen)
            self._dirty.add(key)
            if was_pending != (rule.state.began_ms is not None):
                changes.sensors.add(sensor.id)
            for event in events:
                self._limit_event(connection, book, sensor, limit, rule, event, arrival, sequence)
                changes.incidents = changes.alerts = True
                changes.sensors.add(sensor.id)
            if rule.incident in self._unpaged and is_news(arrival, item.at_ms):
                self._unpaged.discard(rule.incident)
                text = _limit_text(limit, sensor, rule.state.worst)
                self._rows.page(connection, rule.incident, arrival.received_ms, text)
                changes.alerts = True
        if all(at_rest(rule.state) and rule.state.last_ms == item.at_ms for rule in rules.values()):
            low, high = calm_band(limits)
            self._calm[sensor.id] = _Calm(
                profile=book.profile, sensor=sensor, rules=rules, low=low, high=high, boot=arrival.boot,
                offset_ms=arrival.offset_ms, at_ms=item.at_ms, value=item.value, valid_until_ms=seen.valid_until_ms,
            )  # fmt: skip

    def _show(self, calm: _Calm) -> None:
        """Show a sensor's rules the newest reading."""
        if calm.unseen:
            calm.unseen = False
            for key, rule in calm.rules.items():
                rule.state = resting(calm.at_ms, calm.value, calm.valid_until_ms)
                rule.offset_ms = calm.offset_ms
                self._dirty.add(key)

    def _show_all(self) -> None:
        for calm in self._calm.values():
            self._show(calm)

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
            late = not is_news(arrival, event.at_ms)
            rule.incident = f"{row_id(arrival.gateway, arrival.spool, sequence)}.{limit.id}"
            self._rows.open(
                connection, book, rule.incident, kind="limit", severity=limit.severity, sensor=sensor.id,
                point=sensor.point, rule=limit.id, began_ms=arrival.utc_ms(event.began_ms),
                opened_ms=arrival.utc_ms(event.at_ms), worst=event.worst, limit_value=limit.value,
                quantity=limit.quantity, late=late, boot=arrival.boot, offset_ms=arrival.offset_ms,
                clock=arrival.clock, journal_id=arrival.journal_id, created_ms=arrival.received_ms,
                text=_limit_text(limit, sensor, event.worst),
            )  # fmt: skip
            if late:
                self._unpaged.add(rule.incident)
        elif rule.incident is not None and event.kind == "worsened":
            self._rows.change(connection, rule.incident, worst=event.worst, journal_id=arrival.journal_id)
        elif rule.incident is not None:
            self._rows.close(
                connection, rule.incident, arrival, event.at_ms,
                f"Kembali aman: {sensor.name} (terburuk {number(event.worst)} C).", worst=event.worst,
                tell=rule.incident not in self._unpaged or book.settings.edition < SUMMARIES,
            )  # fmt: skip
            self._unpaged.discard(rule.incident)
            rule.incident = None

    def fix_clock(self, boot: str, offset_ms: int, *, sensors: set[str]) -> None:
        """A boot was dated: what began in it and still runs is dated with it. ``sensors`` are its gateway's."""
        self._show_all()
        self._calm.clear()
        for key, rule in self._rules.items():
            if key[0] in sensors and rule.boot == boot and rule.offset_ms != offset_ms:
                rule.offset_ms = offset_ms
                self._dirty.add(key)

    # --- configuration ----------------------------------------------------------------------------------------------

    def retire(self, connection: Connection, book: Rulebook, at_ms: int, journal_id: int, changes: Changes) -> None:
        """A new configuration or profile: what nobody watches any more ends, for nothing could ever end it."""
        self._show_all()
        self._calm.clear()
        sensors = {sensor.id: sensor for sensor in book.settings.sensors}
        for key, rule in self._rules.items():
            sensor = sensors.get(key[0])
            judged = () if sensor is None else self._limits_at(book.profile, sensor.point, sensor.quantity)
            if rule.incident is not None and key[1] not in {limit.id for limit in judged}:
                self._rows.retire(connection, rule.incident, key[0], at_ms, journal_id)
                changes.incidents = changes.alerts = True
                self._unpaged.discard(rule.incident)
                rule.state, rule.incident = LimitState(), None
                self._dirty.add(key)

    def flush(self, connection: Connection) -> None:
        """Write the rule states that moved."""
        self._show_all()
        rows = [
            {
                "kitchen": self._kitchen, "sensor": sensor, "rule": name, "boot": rule.boot,
                "offset_ms": rule.offset_ms, "state": msgspec.json.encode(rule.state), "incident": rule.incident,
            }
            for (sensor, name), rule in sorted((key, self._rules[key]) for key in self._dirty)
        ]  # fmt: skip
        put_rows(connection, rule_state, rows)
        self._dirty.clear()


def _limit_text(limit: Limit, sensor: Sensor, worst: float | None) -> str:
    measured = "" if worst is None else f" {number(worst)} C"
    return f"{limit.text_id}: {sensor.name}{measured} (batas {number(limit.value)} C). {limit.action_id}"
