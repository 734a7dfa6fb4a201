"""The first plateau after a start or a silence: the load that is known, or another one that nobody saw come."""

from __future__ import annotations

from pawon_contract.messages import Weighing, WeighingKind

from .measure import Measure
from .plateau import LONGEST_BLOCKS, Blocks, Stretch
from .stand import Stand
from .telling import Teller


class Opening:
    """Of one scale. ``last_g``: what lay on it when it was last seen; None: nobody knows, or it is seen."""

    __slots__ = ("_judged_ms", "_measure", "_why", "last_g")

    def __init__(self, measure: Measure, last_g: int | None) -> None:
        self._measure, self.last_g = measure, last_g
        self._why: WeighingKind = "restart"  # why it may be another than the last known
        self._judged_ms: int | None = None

    def expect(self, last_g: int, judged_ms: int | None = None) -> None:
        """So much lay there when it was last seen, and it drifted since ``judged_ms``."""
        self.last_g, self._why, self._judged_ms = last_g, "restart", judged_ms

    def counts_elsewhere(self) -> None:
        """The scale says that it shows the same load from another zero."""
        if self.last_g is not None:
            self._why = "tare"

    def find(self, blocks: Blocks) -> Stretch | None:
        """A plateau, if there is one by now; sets the noise that everything is judged by."""
        found, noise = blocks.newest(), self._measure.noise
        if found is None or not self._calm_at_first(found):
            found = blocks.rough(self._measure.division_g)
            if found is None or found.blocks < LONGEST_BLOCKS:
                return None
            noise.known = False
        if not noise.known:
            noise.set(found.between, found.within)
        return found

    def _calm_at_first(self, found: Stretch) -> bool:
        if self._measure.noise.known:
            return found.calm(self._measure.noise, self._measure.division_g)
        return not found.moving and found.even(self._measure.division_g)

    def open(self, found: Stretch, teller: Teller) -> tuple[Stand, list[Weighing]]:
        """The first stand, and a row if it is not what was known."""
        before, self.last_g = self.last_g, None
        kind, self._why = self._why, "restart"
        known = 0 if before is None else before
        stand = Stand(found)
        if abs(found.mean - known) < self._measure.needed(known):
            if kind != "tare":
                # The known level stays: a slow withdrawal must not be eaten by restarts either.
                stand.anchor = float(known)
                stand.judged_ms = stand.judged_ms if self._judged_ms is None else min(self._judged_ms, stand.judged_ms)
            return stand, []
        # Nobody watched while the load changed: recorded, but never taken for granted.
        row = teller.row(
            "first" if before is None else kind, known, self._measure.shown(found.mean), found.start_ms, found.end_ms,
            stand, 0.3,
        )  # fmt: skip
        return stand, [row]
