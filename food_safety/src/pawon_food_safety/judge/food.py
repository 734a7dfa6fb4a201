"""Cooking, cooling and reheating in a series: each run of food becomes one result, good or bad, and perhaps a warning.

``ok`` is said of a run that was seen to pass, and of nothing else. One that ends without a proof (too much was not
measured), or that had not passed when the file ended, is a ``warning``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from .. import cooking, cooling, reheating, rows
from ..cooking import CookingState
from ..cooling import CoolingState
from ..limit import Observation
from ..reheating import ReheatingState
from .event import JudgedEvent, Unmeasured

Severity = Literal["ok", "warning", "critical"]


class FoodRun:
    """One row's rule at one probe. Single values that jump count: pans change places as fast."""

    def __init__(self, row: rows.Cooking | rows.Cooling | rows.Reheating, unmeasured: Unmeasured) -> None:
        self._row, self._unmeasured = row, unmeasured
        self._cooking, self._cooling, self._reheating = CookingState(), CoolingState(), ReheatingState()
        self._began_ms: int | None = None
        self._unmeasured_before = 0
        self._core_c = math.nan
        self._warned = False

    def see(self, at_ms: int, value: float, valid_until_ms: int) -> Iterator[JudgedEvent]:
        """Judge a core's temperature, as ``limit.Observation``; the results that it brings."""
        seen = Observation(at_ms=at_ms, value=value, valid_until_ms=valid_until_ms)
        if isinstance(self._row, rows.Cooking):
            yield from self._cook(self._row, seen)
        elif isinstance(self._row, rows.Cooling):
            yield from self._cool(self._row, seen)
        else:
            yield from self._reheat(self._row, seen)

    def end(self, last_ms: int) -> Iterator[JudgedEvent]:
        """The run that was not over when the file ended."""
        if self._began_ms is None:
            return
        accepted_ms = self._reheating.accepted_ms
        if accepted_ms is not None:
            yield from self._told("ok", accepted_ms, self._measured_ms(accepted_ms))
        else:
            yield self._event("warning", None, self._measured_ms(last_ms))

    # --- the three rules --------------------------------------------------------------------------------------------

    def _cook(self, row: rows.Cooking, seen: Observation) -> Iterator[JudgedEvent]:
        self._cooking, said = cooking.step(row, self._cooking, seen)
        for event in said:
            self._core_c = event.peak_c
            if event.kind == "begun":
                self._begin(event.began_ms)
            elif event.kind == "ended":
                self._began_ms = None
            elif event.kind == "passed":
                yield self._over("ok", event.at_ms, event.measured_ms)
            else:
                yield self._over(_grave(row, event.kind), event.at_ms, event.measured_ms)
        self._core_c = self._cooking.peak_c

    def _cool(self, row: rows.Cooling, seen: Observation) -> Iterator[JudgedEvent]:
        # No forecast (nothing lies above this ambient): the file says how it went on.
        self._cooling, said = cooling.step(row, self._cooling, seen, ambient_c=math.inf)
        for event in said:
            self._core_c = event.value_c
            if event.kind == "begun":
                self._begin(event.began_ms)
            elif event.kind in ("passed", "broken"):
                severity: Severity = "ok" if event.kind == "passed" else row.severity
                yield from self._told(severity, event.at_ms, self._measured_ms(event.at_ms))
            elif event.kind in ("warned", "unproven"):
                self._warned = True  # "unproven" may still be broken, and never passes any more
        self._core_c = seen.value
        if self._began_ms is not None and not self._cooling.stage:
            if self._warned:
                yield self._event("warning", seen.at_ms, self._measured_ms(seen.at_ms))
            self._began_ms = None

    def _reheat(self, row: rows.Reheating, seen: Observation) -> Iterator[JudgedEvent]:
        self._reheating, said = reheating.step(row, self._reheating, seen)
        for event in said:
            self._core_c = event.peak_c
            if event.kind == "begun":
                self._begin(event.began_ms)
            elif event.kind == "warned":
                self._warned = True
            else:
                severity: Severity = "ok" if event.kind == "passed" else _grave(row, event.kind)
                yield from self._told(severity, event.at_ms, event.measured_ms)
        self._core_c = max(self._core_c, seen.value) if self._began_ms is not None else seen.value

    # --- results ----------------------------------------------------------------------------------------------------

    def _begin(self, began_ms: int) -> None:
        self._began_ms, self._warned = began_ms, False
        self._unmeasured_before = self._unmeasured.before(began_ms)

    def _measured_ms(self, until_ms: int) -> int:
        assert self._began_ms is not None, "only of a run"
        unmeasured_ms = self._unmeasured.before(until_ms) - self._unmeasured_before
        return until_ms - self._began_ms - unmeasured_ms

    def _told(self, severity: Severity, at_ms: int, measured_ms: int) -> Iterator[JudgedEvent]:
        """The result, and the warning that came before it, if it had not become worse since."""
        if self._warned and severity == "ok":
            yield self._event("warning", at_ms, measured_ms)
        yield self._over(severity, at_ms, measured_ms)

    def _over(self, severity: Severity, at_ms: int, measured_ms: int) -> JudgedEvent:
        event = self._event(severity, at_ms, measured_ms)
        self._began_ms = None
        return event

    def _event(self, severity: Severity, end_ms: int | None, measured_ms: int) -> JudgedEvent:
        assert self._began_ms is not None, "only of a run"
        kind: Literal["cooking", "cooling", "reheating"] = (
            "cooking" if isinstance(self._row, rows.Cooking)
            else "cooling" if isinstance(self._row, rows.Cooling) else "reheating"
        )  # fmt: skip
        return JudgedEvent(
            kind=kind, rule=self._row.id, severity=severity, start_ms=self._began_ms, end_ms=end_ms,
            measured_ms=measured_ms, worst_c=self._core_c,
        )  # fmt: skip


def _grave(row: rows.Spoken, said: str) -> Severity:
    return "warning" if said == "unproven" else row.severity
