"""Food on its way through a process at one probe: cooking, cooling, reheating, told as findings.

The processes know what happened; here is only what of it is told and until when. A failure is over, as far as a probe
can see, when the next food comes or the food got there after all; what became of it people say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from . import cooking, cooling, reheating
from .cooking import CookingState
from .cooling import CoolingState
from .finding import Finding, Kind
from .limit import Observation
from .reheating import ReheatingState
from .rows import Cooking, Cooling, Reheating, Severity, Spoken

State = CookingState | CoolingState | ReheatingState
Tale = Literal["begun", "early", "grave", "passed", "over"]
# What an event of a process means to people.
_TALES: dict[str, Tale] = {
    "begun": "begun", "warned": "early", "unproven": "early", "broken": "grave", "failed": "grave",
    "passed": "passed", "abandoned": "over", "ended": "over",
}  # fmt: skip


class ProcessState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``told``: what of each kind was told and is not over: ``early``, ``grave``; and since when."""

    cooking: CookingState | None = None
    cooling: CoolingState | None = None
    reheating: ReheatingState | None = None
    told: dict[str, tuple[str, int]] = {}


class ProcessJudge:
    """The processes of one probe."""

    __slots__ = ("_cooking", "_cooling", "_reheating", "_rows", "_told")

    def __init__(self, rows: Sequence[Cooking | Cooling | Reheating], state: ProcessState | None = None) -> None:
        self._rows = rows
        state = ProcessState() if state is None else state
        self._cooking = state.cooking or CookingState()
        self._cooling = state.cooling or CoolingState()
        self._reheating = state.reheating or ReheatingState()
        self._told = dict(state.told)

    def see(self, seen: Observation) -> list[Finding]:
        """Judge one observation of a core."""
        found: list[Finding] = []
        for row in self._rows:
            if isinstance(row, Cooking):
                self._cooking, cooked = cooking.step(row, self._cooking, seen)
                for event in cooked:
                    found += self._tell(
                        "cooking", row, event.kind, event.at_ms, event.began_ms, event.peak_c, event.measured_ms,
                        event.f_value_min,
                    )  # fmt: skip
            elif isinstance(row, Cooling):
                self._cooling, cooled = cooling.step(row, self._cooling, seen)
                for change in cooled:
                    found += self._tell(
                        "cooling", row, change.kind, change.at_ms, change.began_ms, change.value_c, change.measured_ms
                    )
            else:
                self._reheating, reheated = reheating.step(row, self._reheating, seen)
                for turn in reheated:
                    found += self._tell(
                        "reheating", row, turn.kind, turn.at_ms, turn.began_ms, turn.peak_c, turn.measured_ms
                    )
        return found

    def pending(self) -> Iterator[tuple[Spoken, Severity]]:
        """What is told and not over, and how bad it is."""
        for row in self._rows:
            told = self._told.get(type(row).__name__.lower())
            if told is not None:
                yield row, "warning" if told[0] == "early" else row.severity

    def state(self) -> ProcessState:
        """For ``ProcessJudge(rows, state)``."""
        return ProcessState(
            cooking=self._cooking, cooling=self._cooling, reheating=self._reheating, told=dict(self._told)
        )

    def _tell(
        self, kind: Kind, row: Cooking | Cooling | Reheating, event: str, at_ms: int, began_ms: int, value: float,
        measured_ms: int, f_min: float | None = None,
    ) -> list[Finding]:  # fmt: skip
        tale = _TALES[event]
        told = self._told.get(kind)

        def finding(what: Literal["opened", "closed", "passed"], *, early: bool, since_ms: int) -> Finding:
            return Finding(
                kind=kind, row=row, event=what, at_ms=at_ms, began_ms=since_ms, worst=value, beyond_ms=measured_ms,
                ended_ms=at_ms if what == "closed" else None, early=early, f_min=f_min,
            )  # fmt: skip

        if told is not None and tale == told[0]:
            return []
        found = []
        if told is not None and (tale != "early"):
            found.append(finding("closed", early=told[0] == "early", since_ms=told[1]))
            del self._told[kind]
        if tale in ("early", "grave") and (told is None or tale == "grave"):
            self._told[kind] = (tale, began_ms)
            found.append(finding("opened", early=tale == "early", since_ms=began_ms))
        if tale == "passed":
            found.append(finding("passed", early=False, since_ms=began_ms))
        return found


def rebase(state: ProcessState, shift_ms: int, before_ms: int) -> ProcessState:
    """The same state on another timeline (a new boot), as ``limit.rebase``."""
    return ProcessState(
        cooking=None if state.cooking is None else cooking.rebase(state.cooking, shift_ms, before_ms),
        cooling=None if state.cooling is None else cooling.rebase(state.cooling, shift_ms, before_ms),
        reheating=None if state.reheating is None else reheating.rebase(state.reheating, shift_ms, before_ms),
        told={kind: (tale, since_ms + shift_ms) for kind, (tale, since_ms) in state.told.items()},
    )
