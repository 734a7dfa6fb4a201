"""What food of a recall felt, in the minutes that people read: ``lot_heat``'s history, shortened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from ..food_safety.heat import Advice, Heat
from ..rulebook import Rulebook
from ..stock.recall import StayTold, Warmth
from .batch_stays import portions_of
from .lot_heat import StayHeat, heat_of_batch, heat_of_lot

MINUTE_MS = 60_000


def lot_warmth(connection: Connection, book: Rulebook, row: Row[Any], now_ms: int) -> Warmth | None:
    """Of a lot, up to now; ``None`` when the profile names no danger zone."""
    found = heat_of_lot(connection, book, row, now_ms)
    if found is None:
        return None
    return _warmth(*found.history, found.advice, found.stays, complete=found.complete)


def batch_warmth(connection: Connection, book: Rulebook, batch: str, now_ms: int) -> dict[str, Warmth]:
    """Of a batch's portions by school, since they left the fire; the advice is also about what its lots had felt."""
    stays = portions_of(connection, book.settings.kitchen, batch, now_ms)
    found = None if stays is None else heat_of_batch(connection, book, batch, *stays)
    if found is None:
        return {}
    return {
        one.school: _warmth(one.own, one.own, one.advice, one.stays, complete=found.complete) for one in found.portions
    }


def _warmth(measured: Heat, possible: Heat, advice: Advice, stays: Sequence[StayHeat], *, complete: bool) -> Warmth:
    lows = [stay.heat.exposure.min_c for stay in stays if stay.heat.exposure.min_c is not None]
    highs = [stay.heat.exposure.max_c for stay in stays if stay.heat.exposure.max_c is not None]
    return Warmth(
        least_min=_minutes(measured.least_ms), most_min=_minutes(possible.most_ms),
        beyond_min=_minutes(possible.beyond_ms), unknown_min=_minutes(possible.exposure.unknown_ms),
        lowest_c=min(lows, default=None), highest_c=max(highs, default=None), advice=advice.disposition,
        green=advice.green, complete=complete,
        places=[
            StayTold(
                place=stay.place, since_ms=stay.start_ms, until_ms=None if stay.open else stay.end_ms,
                least_min=_minutes(stay.heat.least_ms), unknown_min=_minutes(stay.heat.exposure.unknown_ms),
                lowest_c=stay.heat.exposure.min_c, highest_c=stay.heat.exposure.max_c, sensed=stay.sensed,
            )
            for stay in stays
        ],
    )  # fmt: skip


def _minutes(ms: int) -> float:
    return round(ms / MINUTE_MS, 1)
