"""The local guard: the server's own rule, run here, that raises its voice when the server has not committed.

It judges the same reports by the same profile as the server, always; it alarms only while the server has been silent
for ``server_silent_ms``, so that people are never called twice by two machines that agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pawon_contract.messages import Reading
from pawon_food_safety.limit import LimitState, Observation, step
from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Limit

# As often as a kitchen can bear it and as seldom as it may be overheard.
REPEAT_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAlarm:
    """Something is wrong and nobody else says so. ``text`` is Indonesian, plain."""

    sensor: str
    limit: Limit
    worst: float
    text: str


@dataclass(slots=True, kw_only=True)
class Guard:
    """``points``: sensor -> control point. ``alarm`` is called in the caller's thread."""

    profile: Profile
    points: dict[str, str]
    names: dict[str, str]
    server_silent_ms: int
    alarm: Callable[[GuardAlarm], None]
    _states: dict[tuple[str, str], LimitState] = field(default_factory=dict)
    _open: dict[tuple[str, str], GuardAlarm] = field(default_factory=dict)
    _said_ms: dict[tuple[str, str], int] = field(default_factory=dict)

    def judge(self, reading: Reading) -> None:
        """Run the rules on one report."""
        point = self.points.get(reading.sensor)
        if point is None:
            return
        seen = Observation(
            at_ms=reading.at_ms, value=reading.value, valid_until_ms=reading.at_ms + reading.valid_ms,
            low=reading.low, high=reading.high,
        )  # fmt: skip
        for limit in self.profile.limits_at(point, reading.quantity):
            key = (reading.sensor, limit.id)
            self._states[key], events = step(limit, self._states.get(key, LimitState()), seen)
            for event in events:
                if event.kind == "closed":
                    self._open.pop(key, None)
                    self._said_ms.pop(key, None)
                else:
                    name = self.names.get(reading.sensor, reading.sensor)
                    worst, bound = (f"{value:.1f}".replace(".", ",") for value in (event.worst, limit.value))
                    text = f"{limit.text_id}: {name} {worst} C (batas {bound} C). {limit.action_id}"
                    self._open[key] = GuardAlarm(sensor=reading.sensor, limit=limit, worst=event.worst, text=text)

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
