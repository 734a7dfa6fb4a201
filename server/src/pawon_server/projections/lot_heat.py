"""The heat history of a lot or a batch, worked out from the record each time it is asked for.

Nothing is stored, so that a late reading, a step dated back and a correction all count at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from pawon_food_safety.exposure import Exposure
from pawon_food_safety.models.verdict import Verdict
from pawon_food_safety.rows import Exposure as Band

from ..food_safety.growth import predict, tightened
from ..food_safety.heat import BY_HAND_MS, Advice, Heat, Slice, advise, band_of, by_hand, clipped, expose
from ..food_safety.lot import History, Way, carried, in_all, mixed, stays_of, worst_path
from ..rulebook import Rulebook
from ..stock import accounts
from ..store.stock_tables import ledger_line, lot, movement
from .lot_way import steps_of, way_of
from .place_heat import Felt, PlaceHeat

# Where portions are that left the kitchen; no sensor is configured under such a name.
TRIP, SCHOOL = "(jalan)", "(sekolah)"
# A batch is made of some ten lots.
MAX_LOTS = 60


class StayHeat(msgspec.Struct, frozen=True, kw_only=True):
    """What was felt in one place. ``air``: by the air around it; ``sensed``: something measures there at all."""

    place: str
    start_ms: int
    end_ms: int
    open: bool
    heat: Heat
    series: list[Slice]
    points: tuple[str, ...] = ()
    air: bool = False
    sensed: bool = True


class LotHeat(msgspec.Struct, frozen=True, kw_only=True):
    """All of a lot. ``complete`` is false when the record was too long to be read at once: the rest is unknown."""

    way: Way
    stays: list[StayHeat]
    history: History
    advice: Advice
    estimates: list[Verdict]
    complete: bool


class OwnStay(msgspec.Struct, frozen=True, kw_only=True):
    """Where a batch was since it was cooked: a place with sensors, or (``by_hand``) what people measured on the way."""

    place: str
    start_ms: int
    end_ms: int
    by_hand: tuple[tuple[int, float], ...] = ()
    point: str = ""


class PortionHeat(msgspec.Struct, frozen=True, kw_only=True):
    """Portions of a batch that went one way: their own stays, and those after the worst of the lots."""

    school: str
    stays: list[StayHeat]
    own: Heat
    history: History
    advice: Advice
    estimates: list[Verdict]


class BatchHeat(msgspec.Struct, frozen=True, kw_only=True):
    """A batch: what each of its lots had felt until it was cooked, and what its portions felt. A batch of which no lot
    is told has an unknown past and is never green; ``complete`` as in ``LotHeat``."""

    lots: list[tuple[str, History]]
    portions: list[PortionHeat]
    complete: bool


def stays_of_portions(
    *, place: str, cooked_ms: int, left_ms: int | None, arrived_ms: int | None, over_ms: int,
    by_hand: Iterable[tuple[int, float]] = (),
) -> list[OwnStay]:  # fmt: skip
    """The stays of one school's portions of a batch: in the ``place`` where it is held hot until it leaves, on the
    way, and at the school until ``over_ms`` (eaten, or now). ``by_hand``: when people measured it, and what."""
    moments = [cooked_ms, left_ms, arrived_ms, over_ms]
    measured = tuple(sorted(by_hand))
    stays, now_ms = [], cooked_ms
    for name, until_ms in zip((place, TRIP, SCHOOL), moments[1:], strict=True):
        end_ms = min(over_ms, over_ms if until_ms is None else max(until_ms, now_ms))
        # What was measured just before the food left says how it began its way.
        told = () if name == place else tuple(one for one in measured if now_ms - BY_HAND_MS < one[0] < end_ms)
        if end_ms > now_ms:
            stays.append(OwnStay(place=name, start_ms=now_ms, end_ms=end_ms, by_hand=told))
        now_ms = end_ms
    return stays


def heat_of_lot(
    connection: Connection, book: Rulebook, row: Row[Any], now_ms: int, places: PlaceHeat | None = None
) -> LotHeat | None:
    """The history of a lot up to now; ``None`` when the profile names no danger zone, so that nothing can be said.
    ``places``: what was read for other food of the same answer."""
    places = places or PlaceHeat(connection, book)
    found = _lot(connection, book, places, row, now_ms)
    if found is None:
        return None
    way, stays, per_leg = found
    history = in_all(way, per_leg)
    by_point = [(point, stay.heat) for stay in stays for point in stay.points]
    series = [
        piece
        for number in worst_path(way, per_leg)
        for stay in stays
        if stay.place == way.legs[number].place
        for piece in clipped(stay.series, way.legs[number].start_ms, way.legs[number].end_ms)
    ]
    estimates = predict(row.food, series)
    advice = tightened(advise(book.profile, *history, by_point), estimates)
    return LotHeat(way=way, stays=stays, history=history, advice=advice, estimates=estimates, complete=places.complete)


def heat_of_batch(
    connection: Connection, book: Rulebook, batch: str, portions: Mapping[str, Sequence[OwnStay]], food: str
) -> BatchHeat | None:
    """The history of a cooked batch of a food class; ``portions``: by school, their stays since it was cooked, in order
    of time (``stays_of_portions``). ``None`` as above."""
    band = band_of(book.profile)
    if band is None:
        return None
    places = PlaceHeat(connection, book)
    cooked_ms = min((stays[0].start_ms for stays in portions.values() if stays), default=0)
    lots, all_read = _lots_of(connection, book, places, batch, cooked_ms)
    found = []
    for school, own_stays in portions.items():
        stays = [heat_of_stay(places, stay, band, food) for stay in own_stays]
        own = sum((stay.heat for stay in stays), Heat())
        history = mixed([past for _, past in lots], own)
        by_point = [(point, stay.heat) for stay in stays for point in stay.points]
        advice = advise(book.profile, *history, by_point)
        if not lots:
            advice = msgspec.structs.replace(advice, green=False)
        estimates = predict(food, [piece for stay in stays for piece in stay.series], cooked=True)
        advice = tightened(advice, estimates)
        portion = PortionHeat(
            school=school, stays=stays, own=own, history=history, advice=advice, estimates=estimates
        )  # fmt: skip
        found.append(portion)
    return BatchHeat(lots=lots, portions=found, complete=places.complete and all_read)


def _lots_of(
    connection: Connection, book: Rulebook, places: PlaceHeat, batch: str, cooked_ms: int
) -> tuple[list[tuple[str, History]], bool]:
    """The lots of a batch until it was cooked, and whether these are all. From its use on nobody measured it."""
    used = connection.execute(
        select(movement.c.id, movement.c.occurred_ms.label("at_ms"), ledger_line.c.lot)
        .join(ledger_line, (ledger_line.c.kitchen == movement.c.kitchen) & (ledger_line.c.movement == movement.c.id))
        .where(
            movement.c.kitchen == book.settings.kitchen, movement.c.batch == batch, ledger_line.c.lot != "",
            movement.c.to_place == accounts.COOKED, ledger_line.c.place == accounts.COOKED,
        )
        .order_by(movement.c.occurred_ms, movement.c.id, ledger_line.c.lot)
        .limit(MAX_LOTS + 1)
    ).all()  # fmt: skip
    lots: list[tuple[str, History]] = []
    for step in used[:MAX_LOTS]:
        row = lot_row(connection, book.settings.kitchen, step.lot)
        found = None if row is None else _lot(connection, book, places, row, step.at_ms)
        if found is None:
            continue
        way, _, per_leg = found
        end = next((one for one in way.ends if one.step.id == step.id), None)
        if end is not None:
            until_cooked = Heat(exposure=Exposure(unknown_ms=max(0, cooked_ms - step.at_ms)))
            lots.append((step.lot, mixed((per_leg[number] for number in end.before), until_cooked)))
    return lots, len(used) <= MAX_LOTS


def heat_of_stay(places: PlaceHeat, stay: OwnStay, band: Band, food: str) -> StayHeat:
    """What portions of a food class felt in one of their stays."""
    if not stay.by_hand:
        felt = places.felt(stay.place, stay.start_ms, stay.end_ms, food)
        return _stay(stay.place, felt, expose(felt.series, felt.start_ms, felt.end_ms, band, felt.edges))
    series = clipped(by_hand(stay.by_hand), stay.start_ms, stay.end_ms)
    return StayHeat(
        place=stay.place, start_ms=stay.start_ms, end_ms=stay.end_ms, open=False, series=series,
        heat=expose(series, stay.start_ms, stay.end_ms, band), points=(stay.point,) if stay.point else (),
    )  # fmt: skip


def lot_row(connection: Connection, kitchen: str, name: str) -> Row[Any] | None:
    """A lot by id."""
    return connection.execute(select(lot).where(lot.c.kitchen == kitchen, lot.c.id == name)).first()


def _lot(
    connection: Connection, book: Rulebook, places: PlaceHeat, row: Row[Any], until_ms: int
) -> tuple[Way, list[StayHeat], list[History]] | None:
    """The way of a lot, what it felt in each place, and the worst history up to the end of each leg."""
    band = band_of(book.profile)
    if band is None:
        return None
    way = way_of(row, steps_of(connection, book.settings.kitchen, row.id), until_ms)
    stays, felt = [], []
    for stay in stays_of(way.legs):
        one = places.felt(stay.place, stay.start_ms, stay.end_ms, row.food)
        felt.append((stay, one))
        heat = expose(one.series, stay.start_ms, stay.end_ms, band, one.edges)
        stays.append(_stay(stay.place, one, heat, is_open=stay.open))
    heats = []
    for leg in way.legs:
        series, edges = next(
            (one.series, one.edges) for stay, one in felt
            if stay.place == leg.place and stay.start_ms <= leg.start_ms and leg.end_ms <= stay.end_ms
        )  # fmt: skip
        heats.append(expose(series, leg.start_ms, leg.end_ms, band, edges))
    return way, stays, carried(way, heats)


def _stay(place: str, felt: Felt, heat: Heat, *, is_open: bool = False) -> StayHeat:
    return StayHeat(
        place=place, start_ms=felt.start_ms, end_ms=felt.end_ms, open=is_open, heat=heat, series=felt.series,
        points=felt.points, air=felt.air, sensed=felt.sensed,
    )  # fmt: skip
