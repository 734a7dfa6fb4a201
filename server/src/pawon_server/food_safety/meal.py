"""Which cooked batches a school ate at a time, as far as the record can know. Pure; times are ms UTC.

People remember times badly and tell the record late, so a batch that was eaten a little earlier or later counts, and
one of which nobody told what became of it counts with its doubts: the question is asked when somebody is ill.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..stock.recall import EatingDoubt
from .batch import Batch, Share

# A break, a slow wave, a memory: the meal before and the meal after lie further away.
TOLERANCE_MS = 2 * 3_600_000
# Food that nobody told the end of is no longer what they ate a day after it was cooked. The cases of 2025 were eaten up
# to 17 h after cooking.
LONGEST_MS = 24 * 3_600_000


class Meal(NamedTuple):
    """A batch that the school ate then, or may have eaten (``doubts``)."""

    batch: Batch
    doubts: tuple[EatingDoubt, ...]


def meals(batches: Iterable[Batch], school: str, eaten_ms: int) -> tuple[list[Meal], list[Batch]]:
    """What ``school`` ate at ``eaten_ms``, and what it had about then that was eaten at another time or never came."""
    found: list[Meal] = []
    near: list[Batch] = []
    for batch in batches:
        share = next((one for one in batch.shares if one.school == school), None)
        begun_ms = batch.opened_ms if batch.cooked_ms is None else batch.cooked_ms
        if share is None or not eaten_ms - LONGEST_MS <= begun_ms <= eaten_ms + TOLERANCE_MS:
            continue
        doubts = _doubts(share, eaten_ms)
        if doubts is None:
            near.append(batch)
            continue
        undated: tuple[EatingDoubt, ...] = () if all(pan.dated for pan in batch.pans) else ("undated",)
        found.append(Meal(batch, doubts + undated))
    return found, near


def _doubts(share: Share, eaten_ms: int) -> tuple[EatingDoubt, ...] | None:
    """Why it may not be what they ate; ``None``: it is not."""
    if share.eaten_ms is not None and abs(share.eaten_ms - eaten_ms) <= TOLERANCE_MS:
        return ()
    if share.remaining == 0 or (share.arrived_ms is not None and share.arrived_ms > eaten_ms + TOLERANCE_MS):
        return None
    return ("not-told-eaten",) if share.arrived_ms is not None else ("not-told-eaten", "not-told-arrived")
