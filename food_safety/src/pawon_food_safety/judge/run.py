"""A series of rows through every rule of one point: events come out as they end, with the time nobody measured apart.

A value holds until the next row that has one; where that is further away than ``max_gap_ms`` lies a gap from the one to
the other, which counts neither as safe nor as an excursion. Judging is the engine's; nothing here decides about food.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from .. import contact, rows
from ..air import ONSET_RISE_C
from ..contact import ContactState, contact_rules
from ..health import DAY_MS
from ..point import Finding, PointJudge, PointRules, rules_at
from ..profile import Profile
from .csv_log import LogRow
from .event import JudgedEvent, Kind, Unmeasured
from .food import FoodRun

# A missed row is no gap, nor is what a slow logger always leaves.
GAP_OF_USUAL = 3
SHORTEST_GAP_MS = 60_000
# So many rows say how far a logger's rows usually lie apart.
USUAL_ROWS = 1000
# Off, where a profile has no row for it: it is told whenever it is seen, because it is the cause of much else.
POWER_OFF = "power-off"
NO_DATA = "no-data"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile says of one point."""

    point: PointRules
    food: Sequence[rows.Cooking | rows.Cooling | rows.Reheating]
    doors: Sequence[rows.Door]
    powers: Sequence[rows.Power]
    silence: rows.Silence

    def __bool__(self) -> bool:
        return bool(self.point or self.food)

    @property
    def look_back_ms(self) -> int:
        """How long ago something may have begun when a rule first tells of it: a day (spikes), or its own time."""
        stuck_s = 0.0 if self.point.stuck is None else self.point.stuck.for_s
        cooling_s = [row.first_s + row.second_s for row in self.food if isinstance(row, rows.Cooling)]
        return DAY_MS + round(1000 * max(stuck_s, *cooling_s, 0.0))


def rules_of(profile: Profile, point: str, *, is_air: bool = False, guard_band_c: float = 0.0) -> Rules:
    """The rules for a logger's temperatures at a point; false when the profile has none."""
    every: tuple[rows.Cooking | rows.Cooling | rows.Reheating, ...] = (
        *profile.cooking, *profile.cooling, *profile.reheating,
    )  # fmt: skip
    found = rules_at(
        profile, point, "temperature_c", measures="air" if is_air else "product", error_c=guard_band_c, health=True
    )
    return Rules(
        # Processes are told by ``food``: a file also wants to know what went well.
        point=dataclasses.replace(found, processes=()),
        food=[] if is_air else [row for row in every if row.point == point],  # air says nothing of a core
        silence=profile.silence_at(point),
        doors=[row for row in contact_rules(profile, "door", point) if isinstance(row, rows.Door)],
        powers=[row for row in contact_rules(profile, "power", point) if isinstance(row, rows.Power)],
    )  # fmt: skip


def usual_distance_ms(first: Iterable[LogRow]) -> float:
    """How far the rows of a file lie apart, by its first ones; 0 when there are not two."""
    times = [row.at_ms for row in first]
    return statistics.median([later - earlier for earlier, later in itertools.pairwise(times)] or [0])


def usual_gap_ms(distance_ms: float) -> int:
    """From what distance on rows have a gap between them."""
    return max(SHORTEST_GAP_MS, round(GAP_OF_USUAL * distance_ms))


def defrosts_show(rules: Rules, distance_ms: float) -> bool:
    """Whether rows are close enough to tell a defrost from a failure."""
    row = rules.point.defrost
    return row is None or distance_ms <= ONSET_RISE_C / row.onset_c_per_min * 60_000


class _Open(msgspec.Struct, kw_only=True):
    """Something that lasts. ``unmeasured_ms``: before it began."""

    row: rows.Spoken
    start_ms: int
    unmeasured_ms: int
    worst_c: float | None
    measured_ms: int | None = None


class Run:
    """One file's rows through the rules. ``first_ms``, ``last_ms``: of the rows; ``unmeasured``: the gaps so far;
    ``judged_rows``: those with a temperature. Events come as they end, not by their beginning."""

    def __init__(self, rules: Rules, max_gap_ms: int) -> None:
        self.rules, self.max_gap_ms = rules, max_gap_ms
        self.first_ms: int | None = None
        self.last_ms = 0
        self.judged_rows = 0
        self.unmeasured = Unmeasured(rules.look_back_ms)
        self._judge = PointJudge(rules.point)
        self._food = [FoodRun(row, self.unmeasured) for row in rules.food]
        self._doors = [_Contact("door", row, row.open_s) for row in rules.doors]
        self._powers = [_Contact("power", row, row.off_s) for row in rules.powers] or [_Contact("power", None, 0)]
        self._open: dict[tuple[Kind, str], _Open] = {}
        self._first_known_ms: int | None = None
        self._unmeasured_ahead_ms = 0
        self._known_ms = 0  # until when it was measured, or the file's beginning
        self._waiting: tuple[int, float] | None = None  # the newest value; how long it holds, the next row says
        self._doors_since: list[tuple[int, bool]] = []  # what the door did after it
        self._door: bool | None = None
        self._previous: LogRow | None = None

    def take(self, row: LogRow) -> Iterator[JudgedEvent]:
        """The next row, which must be newer; what ended by it."""
        at_ms = row.at_ms
        if self.first_ms is None:
            self.first_ms = self._known_ms = at_ms
        if self._previous is not None and (self._previous.door is not None or self._previous.power is not None):
            yield from self._hold_contacts(self._previous, at_ms if at_ms - self.last_ms <= self.max_gap_ms else None)
        self._previous, self.last_ms = row, at_ms
        is_gap = at_ms - self._known_ms > self.max_gap_ms
        if self._waiting is not None and (is_gap or row.value is not None):
            yield from self._see(self._waiting[0] if is_gap else at_ms)
        if row.door is not self._door:
            # A door nobody knows of excuses nothing.
            self._door = row.door
            if self._waiting is None:
                self._judge.door(at_ms, row.door is True)
            else:
                self._doors_since.append((at_ms, row.door is True))
        if row.value is not None:
            if is_gap:
                yield self._gap(at_ms, lasts=False)
            if self._first_known_ms is None:
                self._first_known_ms, self._unmeasured_ahead_ms = at_ms, self.unmeasured.total_ms
            self._waiting, self._known_ms = (at_ms, row.value), at_ms
            self.judged_rows += 1

    def end(self) -> Iterator[JudgedEvent]:
        """No more rows: what still lasts."""
        if self._previous is not None:
            yield from self._hold_contacts(self._previous, None)
        if self._waiting is not None:
            yield from self._see(self._waiting[0])
        for finding in self._judge.finish():
            yield from self._told(finding)
        for food in self._food:
            yield from food.end(self._known_ms)
        for (kind, rule), one in self._open.items():
            if kind == "limit":
                one.measured_ms = self._judge.beyond_ms(rule)
            elif kind == "rate":
                one.worst_c = self._judge.worst(rule)
            yield from self._ended(kind, one, None)
        for switch in (*self._doors, *self._powers):
            yield from switch.end()
        if self.last_ms - self._known_ms > self.max_gap_ms:
            yield self._gap(self.last_ms, lasts=True)

    @property
    def measured_ms(self) -> int:
        """Time in which a temperature was known."""
        if self._first_known_ms is None:
            return 0
        unmeasured_ms = self.unmeasured.before(self._known_ms) - self._unmeasured_ahead_ms
        return self._known_ms - self._first_known_ms - unmeasured_ms

    # --- temperatures -----------------------------------------------------------------------------------------------

    def _see(self, valid_until_ms: int) -> Iterator[JudgedEvent]:
        assert self._waiting is not None, "there is a value to judge"
        at_ms, value = self._waiting
        self._waiting = None
        for finding in self._judge.see(at_ms, value, valid_until_ms):
            yield from self._told(finding)
        for food in self._food:
            yield from food.see(at_ms, value, valid_until_ms)
        for moved_ms, is_open in self._doors_since:
            self._judge.door(moved_ms, is_open)
        self._doors_since.clear()

    def _told(self, said: Finding) -> Iterator[JudgedEvent]:
        key: tuple[Kind, str] = (said.kind, said.row.id)
        if said.event == "opened":
            self._open[key] = _Open(
                row=said.row, start_ms=said.began_ms, unmeasured_ms=self.unmeasured.before(said.began_ms),
                worst_c=said.worst,
            )  # fmt: skip
        elif said.event == "worsened":
            self._open[key].worst_c = said.worst
        else:
            one = self._open.pop(key)
            if said.kind == "limit":
                one.measured_ms = said.beyond_ms
            if said.kind in ("limit", "rate"):
                one.worst_c = said.worst
            yield from self._ended(said.kind, one, said.at_ms if said.ended_ms is None else said.ended_ms)

    def _ended(self, kind: Kind, one: _Open, end_ms: int | None) -> Iterator[JudgedEvent]:
        until_ms = self._known_ms if end_ms is None else end_ms
        measured_ms = one.measured_ms
        if measured_ms is None:
            measured_ms = until_ms - one.start_ms - (self.unmeasured.before(until_ms) - one.unmeasured_ms)
        yield JudgedEvent(
            kind=kind, rule=one.row.id, severity=one.row.severity, start_ms=one.start_ms, end_ms=end_ms,
            measured_ms=measured_ms, worst_c=one.worst_c,
        )  # fmt: skip

    def _gap(self, end_ms: int, *, lasts: bool) -> JudgedEvent:
        start_ms = self._known_ms
        self.unmeasured.add(start_ms, end_ms)
        long = end_ms - start_ms > self.rules.silence.critical_s * 1000
        return JudgedEvent(
            kind="gap", rule=NO_DATA, severity="critical" if long else "warning", start_ms=start_ms,
            end_ms=None if lasts else end_ms, measured_ms=end_ms - start_ms,
        )  # fmt: skip

    # --- door and power ---------------------------------------------------------------------------------------------

    def _hold_contacts(self, row: LogRow, until_ms: int | None) -> Iterator[JudgedEvent]:
        valid_until_ms = row.at_ms if until_ms is None else until_ms
        if row.door is not None:
            for switch in self._doors:
                if row.door or switch.lasts:
                    yield from switch.see(row.at_ms, row.door, valid_until_ms)
        if row.power is not None:
            for switch in self._powers:
                if not row.power or switch.lasts:
                    yield from switch.see(row.at_ms, not row.power, valid_until_ms)


class _Contact:
    """One rule about a door or the power, and what it remembers. Without a row: that it is off at all."""

    def __init__(self, kind: Kind, row: rows.Door | rows.Power | None, after_s: float) -> None:
        self._kind, self._after_ms, self._state = kind, round(after_s * 1000), ContactState()
        self._rule = POWER_OFF if row is None else row.id
        self._severity: rows.Severity = "warning" if row is None else row.severity

    @property
    def lasts(self) -> bool:
        """Whether it is in its bad state; one that is not need not hear that it still is not."""
        return self._state.began_ms is not None

    def see(self, at_ms: int, is_bad: bool, valid_until_ms: int) -> Iterator[JudgedEvent]:
        self._state, said = contact.step(self._after_ms, self._state, at_ms, is_bad, valid_until_ms)
        for event in said:
            if event.kind == "closed":
                yield self._event(event.began_ms, event.at_ms, event.beyond_ms)

    def end(self) -> Iterator[JudgedEvent]:
        state = self._state
        if state.began_ms is not None and state.last_ms is not None and state.valid_until_ms > state.last_ms:
            # Nobody knew any more how it stood after that; so far it counts.
            yield from self.see(state.valid_until_ms, True, state.valid_until_ms)
        if self._state.open and self._state.began_ms is not None:
            yield self._event(self._state.began_ms, None, self._state.bad_ms)

    def _event(self, start_ms: int, end_ms: int | None, bad_ms: int) -> JudgedEvent:
        return JudgedEvent(
            kind=self._kind, rule=self._rule, severity=self._severity, start_ms=start_ms, end_ms=end_ms,
            measured_ms=bad_ms,
        )  # fmt: skip
