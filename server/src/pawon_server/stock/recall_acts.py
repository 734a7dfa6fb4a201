"""Setting aside what a recall found: the acts that hold every lot and batch of an answer that is not held yet. Pure."""

from __future__ import annotations

import hashlib
import re

from ..food_safety.batch_acts import DisposeBatch
from .movement_acts import HoldLot
from .recall import Recall, to_hold

DEFAULT_REASON = "Penarikan"
# What a reason may be (``lot_acts.Named``).
LONGEST_REASON = 60
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def holds(
    answer: Recall, *, token: str, by: str, now_ms: int, reason: str, possible: bool
) -> list[HoldLot | DisposeBatch]:
    """What is to be written, batches first: food on the table is nearer to a mouth than food in the store.

    ``token`` makes the acts' ids, so that the same form sent twice is the same acts. Asked again later nothing is left
    to write, for what is held is not held again.
    """
    kept = to_hold(answer, possible=possible)
    why = _CONTROL.sub(" ", reason).strip()[:LONGEST_REASON] or DEFAULT_REASON

    def name(what: str) -> str:
        return hashlib.sha256(f"recall\0{token}\0{what}".encode()).hexdigest()[:32]

    return [
        *(
            DisposeBatch(id=name(one), by=by, batch=one, at_ms=now_ms, decision="hold", reason=why)
            for one in kept.batches
        ),
        *(HoldLot(id=name(one), by=by, lot=one, reason=why, at_ms=now_ms) for one in kept.lots),
    ]
