"""How full the spool is, what is said of it, and what goes first when nothing more may be kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pawon_contract import codec
from pawon_contract.messages import Gap, Item, Reading

# Said when reached from below; again only after it has fallen this far below.
STEPS_PERCENT = (50, 80, 100)
FALLEN_PERCENT = 5


@dataclass(slots=True)
class FillWatch:
    """Which step has been told."""

    _told: int = 0

    def step(self, percent: float) -> int | None:
        """The step that is newly reached; ``None`` when there is nothing new to say."""
        reached = max((step for step in STEPS_PERCENT if percent >= step), default=0)
        if reached > self._told:
            self._told = reached
            return reached
        if percent < self._told - FALLEN_PERCENT:
            self._told = reached
        return None


def shed(waiting: Sequence[Item], most: int) -> list[Item]:
    """Rows that wait for a disk that refuses them, cut to ``most``: the oldest readings go first, and anything else
    (weighings, contacts, faults, time) only when no reading is left."""
    excess = len(waiting) - most
    out: list[Item] = []
    for row in waiting:
        if excess > 0 and isinstance(row, Reading):
            excess -= 1
        else:
            out.append(row)
    return out[max(0, excess) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Neighbouring rows that one gap may replace; ``chain`` is the value after the last of them."""

    first: int
    last: int
    rows: int
    chain: bytes


def thinnable(rows: Sequence[tuple[int, int, bytes, bytes]]) -> list[Run]:
    """The runs of raw readings (and of gaps that thinning left) among rows ``(sequence, last, item, chain)``; a run
    that is one gap already is none."""
    runs: list[Run] = []
    readings = 0
    begun: list[tuple[int, int, bytes, bytes]] = []
    for row in [*rows, None]:
        item = None if row is None else codec.decode_item(row[2])
        if row is not None and (isinstance(item, Reading) or (isinstance(item, Gap) and item.reason == "thinned")):
            begun.append(row)
            readings += isinstance(item, Reading)
            continue
        if readings:
            runs.append(Run(first=begun[0][0], last=begun[-1][1], rows=len(begun), chain=begun[-1][3]))
        begun, readings = [], 0
    return runs
