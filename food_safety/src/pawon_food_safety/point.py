"""All rules of one sensor at one control point, on one timeline: readings and its door go in, findings come out.

This is what the server, the gateway's guard and ``pawon-judge`` run. Each rule is a module of its own; here is only
which of them see what, in which order: a spike is dropped first, air becomes what food feels, limits judge that. By far
the most readings are calm: nothing was wrong and nothing is, and then hardly more happens than a few comparisons.

``state`` and ``resume`` may stand anywhere in a series without changing a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from . import air, limit, process, rate
from .air import Air, AirState
from .finding import Finding as Finding
from .health import SpikeState, StuckState, Value, step_spike, step_stuck, too_many
from .limit import LimitEvent, LimitState, Observation
from .process import ProcessJudge, ProcessState
from .profile import Profile
from .rate import RateState, RateWatch
from .rows import Buffer, Cooking, Cooling, Defrost, Limit, Rate, Reheating, Row, Severity, Spike, Spoken, Stuck

R = TypeVar("R", bound=Row)
# Of the food (or what keeps it), or of the thermometer: different people do different things about them.
SENSOR_KINDS = frozenset({"stuck", "spike"})
NEVER_MS = 2**62


class PointState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a ``PointJudge`` remembers, JSON-able; limits and rates by their rows' ids."""

    last_ms: int | None = None
    limits: dict[str, LimitState] = {}
    rates: dict[str, RateState] = {}
    air: AirState | None = None
    often: bool = False
    process: ProcessState | None = None
    stuck: StuckState | None = None
    spike: SpikeState | None = None
    spiky: bool = False
    door_open: bool = False
    explained_until_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRules:
    """The rows that judge one sensor."""

    limits: tuple[Limit, ...]
    rates: tuple[Rate, ...] = ()
    buffer: Buffer | None = None
    defrost: Defrost | None = None
    processes: tuple[Cooking | Cooling | Reheating, ...] = ()
    stuck: Stuck | None = None
    spike: Spike | None = None

    def __bool__(self) -> bool:
        return bool(self.limits or self.rates or self.processes)

    @property
    def spoken(self) -> tuple[Spoken, ...]:
        """Every row that may say something."""
        single = (row for row in (self.defrost, self.stuck, self.spike) if row is not None)
        return (*self.limits, *self.rates, *self.processes, *single)


def rules_at(
    profile: Profile, point: str, quantity: str, *, measures: Literal["product", "air"] = "product",
    error_c: float | None = None, door: bool = False, health: bool = False, spikes: bool = False,
) -> PointRules:  # fmt: skip
    """The rules for a sensor at a point. ``error_c``: its own error instead of the limits' guard bands (temperatures
    only); ``door``: the state of the door is known, without which fast air says nothing; ``health``: also the rules
    about the sensor itself, where nobody before has looked at that; ``spikes``: of these only that about jumps."""
    limits = profile.limits_at(point, quantity)
    if quantity != "temperature_c":
        return PointRules(limits=tuple(limits))
    if error_c is not None:
        limits = [msgspec.structs.replace(row, guard_band=error_c) for row in limits]
    buffer = _at(profile.buffer, point) if measures == "air" else None
    return PointRules(
        limits=tuple(limits), buffer=buffer,
        rates=tuple(row for row in profile.rate if row.point == point and (door or measures == "product")),
        defrost=_at(profile.defrost, point) if buffer is not None else None,
        processes=() if measures == "air" else _processes(profile, point),
        stuck=_at(profile.stuck, point) if health else None,
        spike=_at(profile.spike, point) if health or spikes else None,
    )  # fmt: skip


def _processes(profile: Profile, point: str) -> tuple[Cooking | Cooling | Reheating, ...]:
    rows: tuple[Cooking | Cooling | Reheating, ...] = (*profile.cooking, *profile.cooling, *profile.reheating)
    return tuple(row for row in rows if row.point == point)


def _at(rows: Sequence[R], point: str) -> R | None:
    """The row of a point, or the one for everywhere."""
    found = {row.point: row for row in rows}
    return found.get(point) or found.get("*")


class PointJudge:
    """The rules of one sensor with all they remember."""

    __slots__ = ("_air", "_at_rest", "_believed", "_door_open", "_dropped", "_explained_until_ms", "_highest",
                 "_lowest", "_often", "_process", "_rates", "_spiky", "_states", "_stuck", "_unseen", "_waiting",
                 "last_ms", "rules")  # fmt: skip

    def __init__(self, rules: PointRules, state: PointState | None = None) -> None:
        state = PointState() if state is None else state
        self.rules = rules
        self._lowest, self._highest = limit.calm_band(rules.limits)
        self.last_ms = state.last_ms
        self._states = [state.limits.get(row.id, LimitState()) for row in rules.limits]
        self._at_rest = all(limit.at_rest(one) for one in self._states)
        self._unseen: tuple[int, float, int] | None = None  # the newest reading, which resting limits were not shown
        self._rates = [RateWatch(row, state.rates.get(row.id)) for row in rules.rates]
        self._air = None if rules.buffer is None else Air(rules.buffer, rules.defrost, state.air)
        self._often = state.often
        self._process = ProcessJudge(rules.processes, state.process) if rules.processes else None
        self._stuck, self._spiky = state.stuck, state.spiky
        jumps = SpikeState() if state.spike is None else state.spike
        # The newest value that is believed, one that jumped away from it, and what was dropped: ``SpikeState``.
        self._believed = None if jumps.last_ms is None else (jumps.last_ms, jumps.last, jumps.valid_until_ms)
        self._waiting, self._dropped = jumps.waiting, jumps.dropped
        self._door_open, self._explained_until_ms = state.door_open, state.explained_until_ms

    # --- what comes in ----------------------------------------------------------------------------------------------

    def see(
        self, at_ms: int, value: float, valid_until_ms: int, low: float | None = None, high: float | None = None
    ) -> Sequence[Finding]:
        """Judge a reading: ``limit.Observation``'s fields. One that is not newer than the last one changes nothing."""
        if self.last_ms is not None and at_ms <= self.last_ms:
            return ()
        spike = self.rules.spike
        if spike is not None:
            known = self._believed
            jumps = known is not None and at_ms <= known[2] and abs(value - known[1]) > spike.jump_c
            if jumps or self._waiting is not None or self._spiky:
                return self._see_through(spike, at_ms, value, valid_until_ms, low, high)
            self._believed = (at_ms, value, valid_until_ms)
        return self._take(at_ms, value, valid_until_ms, low, high)

    def finish(self) -> Sequence[Finding]:
        """No more readings: a value that waited to be confirmed is believed."""
        one = self._waiting
        if one is None:
            return ()
        self._waiting, self._believed = None, (one.at_ms, one.value, one.valid_until_ms)
        return self._take(one.at_ms, one.value, one.valid_until_ms, one.low, one.high)

    def door(self, at_ms: int, is_open: bool, valid_until_ms: int = NEVER_MS) -> None:
        """The door of the place is open, or shut; nobody knows what it is after ``valid_until_ms``."""
        if self._air is not None and (is_open or self._door_open):
            self._air.door(valid_until_ms if is_open else 0)
        if is_open or self._door_open:
            rest_ms = round(1000 * max((row.door_rest_s for row in self.rules.rates), default=0.0))
            self._explained_until_ms = min(NEVER_MS, (valid_until_ms if is_open else at_ms) + rest_ms)
        self._door_open = is_open

    # --- what is known ----------------------------------------------------------------------------------------------

    def pending(self) -> Iterator[tuple[Spoken, Severity | None]]:
        """Every rule by which something is wrong with the food or what keeps it, with how bad it is, or has begun to be
        (``None``). Milder first. The sensor's own trouble is not among them."""
        for watch in self._rates:
            if watch.began_ms is not None:
                yield watch.row, watch.row.severity
        if self._often and self.rules.defrost is not None:
            yield self.rules.defrost, self.rules.defrost.severity
        if self._process is not None:
            yield from self._process.pending()
        for row, state in zip(self.rules.limits, self._states, strict=True):
            if state.began_ms is not None:
                yield row, row.severity if state.open else None

    def worst(self, rule: str) -> float | None:
        """The worst value of an excursion that lasts."""
        for watch in self._rates:
            if watch.row.id == rule:
                return watch.worst
        self._show()
        states = (state for row, state in zip(self.rules.limits, self._states, strict=True) if row.id == rule)
        return next((state.worst for state in states), None)

    def beyond_ms(self, rule: str) -> int:
        """Measured time beyond a limit so far."""
        self._show()
        return next(
            (state.beyond_ms for row, state in zip(self.rules.limits, self._states, strict=True) if row.id == rule), 0
        )

    def state(self) -> PointState:
        """For ``PointJudge(rules, state)``."""
        self._show()
        return PointState(
            last_ms=self.last_ms,
            limits={row.id: state for row, state in zip(self.rules.limits, self._states, strict=True)},
            rates={watch.row.id: watch.state() for watch in self._rates},
            air=None if self._air is None else self._air.state(), often=self._often,
            process=None if self._process is None else self._process.state(), stuck=self._stuck,
            spike=self._jumps() if self.rules.spike is not None else None, spiky=self._spiky, door_open=self._door_open,
            explained_until_ms=self._explained_until_ms,
        )  # fmt: skip

    # --- inside -----------------------------------------------------------------------------------------------------

    def _take(
        self, at_ms: int, value: float, valid_until_ms: int, low: float | None, high: float | None
    ) -> Sequence[Finding]:
        found: list[Finding] | None = None
        if self.rules.stuck is not None:
            found = self._look_if_stuck(self.rules.stuck, at_ms, value, low, high, valid_until_ms, found)
        if self._air is not None:
            value, low, high = self._air.feel(at_ms, value, valid_until_ms), None, None
            if self._air.often is not self._often:
                found = self._tell_often(at_ms, found)
        if self._rates:
            # Of air, what food feels of it: raw air rises by as much in every defrost.
            explained = at_ms < self._explained_until_ms
            for watch in self._rates:
                if said := watch.see(at_ms, value, explained=explained):
                    found = [] if found is None else found
                    found.append(_rate_finding(watch, said, at_ms))
        if self._process is not None:
            seen = Observation(at_ms=at_ms, value=value, valid_until_ms=valid_until_ms, low=low, high=high)
            found = [*(found or ()), *self._process.see(seen)]
        self.last_ms = at_ms
        if (
            self._at_rest
            and self._lowest <= value <= self._highest
            and (low is None or self._lowest <= low)
            and (high is None or high <= self._highest)
        ):
            self._unseen = (at_ms, value, valid_until_ms)
            return () if found is None else found
        self._show()
        seen = Observation(at_ms=at_ms, value=value, valid_until_ms=valid_until_ms, low=low, high=high)
        found = [] if found is None else found
        self._at_rest = True
        for place, row in enumerate(self.rules.limits):
            state, events = limit.step(row, self._states[place], seen)
            self._states[place] = state
            self._at_rest = self._at_rest and limit.at_rest(state)
            found += [_limit_finding(row, event) for event in events]
        return found

    def _show(self) -> None:
        """Show the resting limits the newest reading."""
        if self._unseen is not None:
            self._states = [limit.resting(*self._unseen)] * len(self._states)
            self._unseen = None

    def _see_through(
        self, row: Spike, at_ms: int, value: float, valid_until_ms: int, low: float | None, high: float | None
    ) -> Sequence[Finding]:
        seen = Value(at_ms=at_ms, value=value, valid_until_ms=valid_until_ms, low=low, high=high)
        if self._waiting is not None and at_ms <= self._waiting.at_ms:
            return ()
        jumps, believed = step_spike(row, self._jumps(), seen)
        self._believed = None if jumps.last_ms is None else (jumps.last_ms, jumps.last, jumps.valid_until_ms)
        self._waiting, self._dropped = jumps.waiting, jumps.dropped
        found: list[Finding] = []
        for one in believed:
            found += self._take(one.at_ms, one.value, one.valid_until_ms, one.low, one.high)
        if (spiky := too_many(row, jumps, at_ms)) is not self._spiky:
            self._spiky = spiky
            event: Literal["opened", "closed"] = "opened" if spiky else "closed"
            began_ms = jumps.dropped[0]
            found.append(Finding(kind="spike", row=row, event=event, at_ms=at_ms, began_ms=began_ms))
        return found

    def _jumps(self) -> SpikeState:
        last_ms, last, valid_until_ms = (None, 0.0, 0) if self._believed is None else self._believed
        return SpikeState(
            last_ms=last_ms, last=last, valid_until_ms=valid_until_ms, waiting=self._waiting, dropped=self._dropped
        )

    def _look_if_stuck(
        self,
        row: Stuck,
        at_ms: int,
        value: float,
        low: float | None,
        high: float | None,
        valid_until_ms: int,
        found: list[Finding] | None,
    ) -> list[Finding] | None:
        before = self._stuck
        self._stuck, said = step_stuck(
            row, before, at_ms, value if low is None else low, value if high is None else high, valid_until_ms
        )
        if not said:
            return found
        event: Literal["opened", "closed"] = "opened" if said == "opened" else "closed"
        began_ms = self._stuck.since_ms if before is None or said == "opened" else before.since_ms
        one = Finding(kind="stuck", row=row, event=event, at_ms=at_ms, began_ms=began_ms, worst=value)
        return [*(found or ()), one]

    def _tell_often(self, at_ms: int, found: list[Finding] | None) -> list[Finding]:
        assert self._air is not None, "only air has defrosts"
        assert self.rules.defrost is not None, "only where a row says so"
        self._often = self._air.often
        event: Literal["opened", "closed"] = "opened" if self._often else "closed"
        one = Finding(kind="defrost", row=self.rules.defrost, event=event, at_ms=at_ms, began_ms=at_ms)
        return [*(found or ()), one]


def _limit_finding(row: Limit, event: LimitEvent) -> Finding:
    return Finding(
        kind="limit", row=row, event=event.kind, at_ms=event.at_ms, began_ms=event.began_ms, worst=event.worst,
        beyond_ms=event.beyond_ms, ended_ms=event.ended_ms,
    )  # fmt: skip


def _rate_finding(watch: RateWatch, said: str, at_ms: int) -> Finding:
    assert watch.began_ms is not None, "it has begun, or is over only now"
    event: Literal["opened", "closed"] = "opened" if said == "opened" else "closed"
    made = Finding(kind="rate", row=watch.row, event=event, at_ms=at_ms, began_ms=watch.began_ms, worst=watch.worst)
    if event == "closed":
        watch.over()
    return made


def rebase(state: PointState, shift_ms: int, before_ms: int) -> PointState:
    """The same state on another timeline (a new boot), as ``limit.rebase``: all of it is moved by the same."""
    if state.last_ms is None:
        return state
    shift_ms -= max(0, state.last_ms + shift_ms - (before_ms - 1))
    spike = state.spike
    if spike is not None:
        # Nobody saw what came after it: whoever ends a timeline asks ``finish`` first.
        spike = SpikeState(dropped=tuple(at + shift_ms for at in spike.dropped))
    explained = state.explained_until_ms
    return msgspec.structs.replace(
        state,
        last_ms=state.last_ms + shift_ms,
        limits={name: limit.rebase(one, shift_ms, before_ms) for name, one in state.limits.items()},
        rates={name: rate.rebase(one, shift_ms) for name, one in state.rates.items()},
        air=None if state.air is None else air.rebase(state.air, shift_ms, before_ms),
        process=None if state.process is None else process.rebase(state.process, shift_ms, before_ms),
        stuck=None if state.stuck is None else msgspec.structs.replace(
            state.stuck, since_ms=state.stuck.since_ms + shift_ms, last_ms=state.stuck.last_ms + shift_ms,
            valid_until_ms=state.stuck.last_ms + shift_ms,
        ),
        spike=spike,
        explained_until_ms=explained if explained in (0, NEVER_MS) else explained + shift_ms,
    )  # fmt: skip
