"""The local guard: the server's own rules, run here, that raise their voice when the server has not committed.

It judges the same reports by the same profile as the server, always; it alarms only while the server has been silent
for ``server_silent_ms``, so that people are never called twice by two machines that agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from pawon_contract.messages import Contact, Reading
from pawon_food_safety.contact import ContactJudge, contact_rules
from pawon_food_safety.finding import words
from pawon_food_safety.point import PointJudge, rules_at
from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Limit, Severity, Spoken

# As often as a kitchen can bear it and as seldom as it may be overheard.
REPEAT_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A sensor that the guard judges. ``door``: the contact of its place."""

    id: str
    name: str
    point: str
    quantity: str
    measures: Literal["product", "air"] = "product"
    door: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAlarm:
    """Something is wrong and nobody else says so. ``text`` is Indonesian, plain."""

    sensor: str
    row: Spoken
    severity: Severity
    text: str


@dataclass(slots=True, kw_only=True)
class Guard:
    """``alarm`` is called in the caller's thread."""

    profile: Profile
    watched: Iterable[Watched]
    server_silent_ms: int
    alarm: Callable[[GuardAlarm], None]
    _sensors: dict[str, Watched] = field(init=False)
    _points: dict[str, PointJudge] = field(init=False)
    _contacts: dict[str, ContactJudge] = field(init=False)
    _open: dict[tuple[str, str], GuardAlarm] = field(default_factory=dict)
    _said_ms: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sensors = {one.id: one for one in self.watched}
        self._points, self._contacts = {}, {}
        for one in self._sensors.values():
            if one.quantity in ("door", "power"):
                self._contacts[one.id] = ContactJudge(contact_rules(self.profile, one.quantity, one.point))
            elif one.point:
                rules = rules_at(
                    self.profile, one.point, one.quantity, measures=one.measures, door=bool(one.door)
                )  # fmt: skip
                self._points[one.id] = PointJudge(rules)

    def judge(self, seen: Reading | Contact) -> None:
        """Run the rules on one report."""
        if isinstance(seen, Contact):
            self._contact(seen)
            return
        judge = self._points.get(seen.sensor)
        if judge is None:
            return
        for one in judge.see(seen.at_ms, seen.value, seen.at_ms + seen.valid_ms, seen.low, seen.high):
            if one.event != "passed":
                self._told(seen.sensor, one.row, one.rule, one.severity, one.worst, over=one.event == "closed")

    def _contact(self, seen: Contact) -> None:
        valid_until_ms = seen.at_ms + seen.valid_ms
        if seen.contact == "door":
            for one in self._sensors.values():
                if one.door == seen.sensor and one.id in self._points:
                    self._points[one.id].door(seen.at_ms, seen.active, valid_until_ms)
        judge = self._contacts.get(seen.sensor)
        if judge is None:
            return
        bad = seen.active if seen.contact == "door" else not seen.active
        for row, event in judge.see(seen.at_ms, bad, valid_until_ms):
            self._told(seen.sensor, row, row.id, row.severity, None, over=event.kind == "closed")

    def _told(
        self, sensor: str, row: Spoken, rule: str, severity: Severity, worst: float | None, *, over: bool
    ) -> None:
        key = (sensor, rule)
        if over:
            self._open.pop(key, None)
            self._said_ms.pop(key, None)
            return
        what, _, todo, _ = words(row, severity)
        name = self._sensors[sensor].name
        measured = "" if worst is None else f" {_number(worst)} C"
        bound = f" (batas {_number(row.value)} C)" if isinstance(row, Limit) else ""
        text = f"{what}: {name}{measured}{bound}. {todo}"
        self._open[key] = GuardAlarm(sensor=sensor, row=row, severity=severity, text=text)

    def tick(self, now_ms: int, last_commit_ms: int) -> None:
        """Alarm what is open, now and every minute, while the server is silent."""
        if not self.alone(now_ms, last_commit_ms):
            self._said_ms.clear()
            return
        for key, alarm in self._open.items():
            said = self._said_ms.get(key)
            if said is None or now_ms - said >= REPEAT_MS:
                self._said_ms[key] = now_ms
                self.alarm(alarm)

    def alone(self, now_ms: int, last_commit_ms: int) -> bool:
        """Whether the server has been silent for too long."""
        return now_ms - last_commit_ms >= self.server_silent_ms

    def state(self, now_ms: int, last_commit_ms: int) -> str:
        """For the status message: watching, alone, alarming."""
        if not self.alone(now_ms, last_commit_ms):
            return "watching"
        return "alarming" if self._open else "alone"


def _number(value: float) -> str:
    return f"{value:.1f}".replace(".", ",")
