"""What food of a recall felt, in the minutes that people read: ``lot_heat``'s history, shortened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from ..food_safety.heat import Advice, Heat, band_of
from ..rulebook import Rulebook
from ..stock.recall import StayTold, Warmth
from ..stock.trace import Lay
from .batch_stays import portions_of
from .lot_heat import StayHeat, heat_of_lot, heat_of_stay
from .place_heat import TEMPERATURE, PlaceHeat

MINUTE_MS = 60_000
# Six chillers for five days, a report every minute: half a second to read and to judge.
MAX_SENSOR_MINUTES = 45_000


class Reach:
    """Which lots' heat one answer works out, so that it comes in time: those for which no more than
    ``MAX_SENSOR_MINUTES`` are to be read. What several lots felt in one place is read once."""

    def __init__(self, connection: Connection, book: Rulebook) -> None:
        self.places = PlaceHeat(connection, book)
        self._sensors: dict[str, list[str]] = {}
        for one in book.settings.sensors:
            if one.place and one.quantity == TEMPERATURE:
                self._sensors.setdefault(one.place, []).append(one.id)
        self._spans: dict[str, tuple[int, int]] = {}

    def add(self, stays: Sequence[Lay], now_ms: int) -> bool:
        """Whether what lay there can be worked out too."""
        spans = dict(self._spans)
        for stay in stays:
            end_ms = now_ms if stay.until_ms is None else stay.until_ms
            start_ms, known_ms = spans.get(stay.place, (stay.from_ms, end_ms))
            spans[stay.place] = (min(start_ms, stay.from_ms), max(known_ms, end_ms))
        minutes = sum((end - start) * len(self._sensors.get(place, ())) for place, (start, end) in spans.items())
        if minutes > MAX_SENSOR_MINUTES * MINUTE_MS:
            return False
        self._spans = spans
        return True

    def read(self) -> None:
        """Read every place once, for all of them."""
        for place, (start_ms, end_ms) in sorted(self._spans.items()):
            self.places.felt(place, start_ms, end_ms, "")


def lot_warmth(connection: Connection, book: Rulebook, row: Row[Any], now_ms: int, places: PlaceHeat) -> Warmth | None:
    """Of a lot, up to now; ``None`` when the profile names no danger zone."""
    found = heat_of_lot(connection, book, row, now_ms, places)
    if found is None:
        return None
    return _warmth(*found.history, found.advice, found.stays, complete=found.complete)


def batch_warmth(
    connection: Connection, book: Rulebook, batch: str, now_ms: int, places: PlaceHeat
) -> dict[str, Warmth]:
    """Of a batch's portions by school, since they left the fire. Without advice, which their lots' past decides too."""
    known, band = portions_of(connection, book.settings.kitchen, batch, now_ms), band_of(book.profile)
    if known is None or band is None:
        return {}
    portions, food = known
    found = {}
    for school, own in portions.items():
        stays = [heat_of_stay(places, stay, band, food) for stay in own]
        felt = sum((stay.heat for stay in stays), Heat())
        found[school] = _warmth(felt, felt, None, stays, complete=places.complete)
    return found


def _warmth(
    measured: Heat, possible: Heat, advice: Advice | None, stays: Sequence[StayHeat], *, complete: bool
) -> Warmth:
    lows = [stay.heat.exposure.min_c for stay in stays if stay.heat.exposure.min_c is not None]
    highs = [stay.heat.exposure.max_c for stay in stays if stay.heat.exposure.max_c is not None]
    return Warmth(
        least_min=_minutes(measured.least_ms), most_min=_minutes(possible.most_ms),
        beyond_min=_minutes(possible.beyond_ms), unknown_min=_minutes(possible.exposure.unknown_ms),
        lowest_c=min(lows, default=None), highest_c=max(highs, default=None),
        advice="" if advice is None else advice.disposition,
        green=advice is not None and advice.green, complete=complete,
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
