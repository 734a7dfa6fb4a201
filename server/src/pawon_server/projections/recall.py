"""A recall: from a school and a time, a lot or a batch to all that is joined to it, in one answer.

Some twenty statements of bounded size (``recall_rows``), whatever the kitchen's size; the graph is walked by
``stock.trace`` and what food felt is worked out by ``lot_heat``. Writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row

from ..acts import decode_act
from ..food_safety.batch import Batch
from ..food_safety.batch_acts import LeaveBatch
from ..food_safety.meal import TOLERANCE_MS
from ..rulebook import Rulebook
from ..stock import accounts
from ..stock.recall import (
    Asked,
    BatchTold,
    IncidentTold,
    LotTold,
    Recall,
    SampleTold,
    SchoolTold,
    ShareTold,
    Sureness,
    ThermometerTold,
    TripTold,
)
from ..stock.trace import RANK, Lay, Why
from .calibrations import instruments, record_of, state_of
from .recall_rows import Rows
from .recall_trace import Known, Possible, Start, find_possible, find_start, follow
from .recall_warmth import Reach, batch_warmth, lot_warmth

# What portions felt is worked out for so many batches, those that are asked about first.
MAX_WARM_BATCHES = 4
# Food kept as a sample or sent back is not in the kitchen's hands any more, and somebody said so.
THROWN = (accounts.WASTE, accounts.TRIMMING, accounts.RETURNED, accounts.SAMPLE, accounts.SCHOOL)
ORDER: dict[Sureness, int] = {"told": 0, "assumed": 1, "possible": 2}
# The year 2248: what people may name as a moment (``people.act.Moment``).
CALENDAR_MS = 2**43


class Stages:
    """How long each part of a drill took, in order: ``seconds`` by name. ``clock_s`` is monotonic."""

    def __init__(self, clock_s: Callable[[], float] = time.perf_counter) -> None:
        self._clock_s, self._since_s = clock_s, clock_s()
        self.seconds: dict[str, float] = {}

    def done(self, name: str) -> None:
        """A part is done."""
        now_s = self._clock_s()
        self.seconds[name] = now_s - self._since_s
        self._since_s = now_s


def ask(zone: str, *, school: str = "", eaten: str = "", lot: str = "", batch: str = "") -> Asked:
    """The question as people write it; ``eaten`` is ISO 8601, without a zone in the kitchen's own time. Raises
    ``ValueError``, in Indonesian, unless it is exactly one question."""
    if sum(map(bool, (school, lot, batch))) != 1:
        raise ValueError("Sebut satu saja: sekolah dan waktu makan, lot, atau batch")
    if not school:
        return Asked(lot=lot, batch=batch)
    try:
        at = datetime.fromisoformat(eaten)
        at = at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(zone))
        eaten_ms = round(at.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ValueError("Waktu makan tidak terbaca, contoh: 2026-11-20T10:30") from error
    if not 0 <= eaten_ms < CALENDAR_MS:
        raise ValueError("Waktu makan tidak mungkin")
    return Asked(school=school, eaten_ms=eaten_ms, tolerance_ms=TOLERANCE_MS)


def recall(connection: Connection, book: Rulebook, asked: Asked, now_ms: int, stages: Stages | None = None) -> Recall:
    """The answer. Raises ``UnknownError`` for a school, lot or batch that the record does not know."""
    stages = stages or Stages()
    rows = Rows(connection, book.settings.kitchen)
    start = find_start(rows, asked)
    stages.done("start")
    known = follow(rows, start)
    stages.done("trace")
    may = find_possible(rows, start, known, now_ms)
    stages.done("possible")
    found = _Answer(connection, book, rows, now_ms, start, known, may)
    lots, batches = found.lots(), found.batches()
    stages.done("food")
    warm_lots = found.warm_lots(lots)
    warm_batches = found.warm_batches(batches)
    stages.done("heat")
    answer = Recall(
        asked=msgspec.structs.replace(asked, school=start.school), at_ms=now_ms, batches=warm_batches, lots=warm_lots,
        schools=_schools(batches), trips=found.trips(), samples=found.samples(), thermometers=found.thermometers(),
        incidents=found.incidents(), near=[one.id for one in start.near],
        strays=[] if "batches" in rows.cut else sorted(set(known.batches) - set(known.all_batches)), cut=rows.cut,
    )  # fmt: skip
    stages.done("rest")
    return answer


class _Answer:
    """The rows of everything that was found, put into the answer's words."""

    def __init__(
        self, connection: Connection, book: Rulebook, rows: Rows, now_ms: int, start: Start, known: Known,
        may: Possible,
    ) -> None:  # fmt: skip
        self._connection, self._book, self._rows, self._now_ms = connection, book, rows, now_ms
        self._start, self._known, self._may = start, known, may
        self._meals = {one.batch.id: one for one in start.meals}
        unnamed = {one.id: one for one in start.unnamed if one.id not in known.all_batches}
        self._batches = {**unnamed, **may.batches, **known.all_batches}
        self._lot_rows: dict[str, Row[Any]] = {}
        self._reach = Reach(connection, book)

    def lots(self) -> list[LotTold]:
        """Every lot, the surest first."""
        why: dict[str, Why] = {}
        within: dict[str, set[str]] = {}
        for use in self._known.uses:
            within.setdefault(use.lot, set()).add(use.batch)
        for batch, lots in self._may.of.items():
            for lot, reason in lots.items():
                why.setdefault(lot, reason)
                within.setdefault(lot, set()).add(batch)
        names = set(self._known.lots) | set(why)
        sums, held = self._rows.sums(names), self._rows.held(names)
        self._lot_rows = {row.id: row for row in self._rows.lots(names)}
        found = [
            _lot(row, self._known.lots.get(row.id), why.get(row.id), within.get(row.id, set()) & set(self._batches),
                 sums.get(row.id, {}), held.get(row.id))
            for row in self._lot_rows.values()
        ]  # fmt: skip
        return sorted(found, key=lambda one: (ORDER[one.sure], RANK[one.why] if one.why else -1, one.lot))

    def batches(self) -> list[BatchTold]:
        """Every batch, what is asked about first."""
        lots: dict[str, set[str]] = {}
        for use in self._known.uses:
            if use.lot in self._known.lots:
                lots.setdefault(use.batch, set()).add(use.lot)
        found = []
        for name, one in self._batches.items():
            meal = self._meals.get(name)
            doubts = list(meal.doubts) if meal is not None else [] if one.named else ["unnamed"]
            sure = self._known.batches.get(name, "possible")
            mine = lots.get(name, set()) | set(self._may.of.get(name, {}))
            found.append(_batch(one, sure, meal is not None, doubts, name in self._may.untold, sorted(mine)))
        return sorted(found, key=lambda one: (not one.asked, ORDER[one.sure], one.cooked_ms or 0, one.batch))

    def warm_lots(self, lots: list[LotTold]) -> list[LotTold]:
        """With what they felt, as far as one answer can tell: what had to be cold first, then what came last."""
        stays: dict[str, list[Lay]] = {}
        for lay in self._may.where:
            stays.setdefault(lay.lot, []).append(lay)
        known = [one for one in lots if one.accepted and one.sure != "possible"]
        known.sort(key=lambda one: (one.temperature_c is None, -one.received_ms, one.lot))
        taken = [one.lot for one in known if self._reach.add(stays.get(one.lot, []), self._now_ms)]
        if len(taken) < len(known):
            self._rows.cut.append("heat of lots")
        self._reach.read()
        felt = {
            name: lot_warmth(self._connection, self._book, self._lot_rows[name], self._now_ms, self._reach.places)
            for name in taken
        }
        return [msgspec.structs.replace(one, warmth=felt.get(one.lot)) for one in lots]

    def warm_batches(self, batches: list[BatchTold]) -> list[BatchTold]:
        """With what the portions felt of those that are asked about, or of the first that a lot went into."""
        cooked = [one for one in batches if one.cooked_ms is not None and one.sure != "possible"]
        cooked = [one for one in cooked if one.asked] or cooked
        if len(cooked) > MAX_WARM_BATCHES:
            self._rows.cut.append("heat of batches")
        felt = {
            one.batch: batch_warmth(self._connection, self._book, one.batch, self._now_ms, self._reach.places)
            for one in cooked[:MAX_WARM_BATCHES]
        }
        return [
            msgspec.structs.replace(one, shares=[
                msgspec.structs.replace(share, warmth=felt.get(one.batch, {}).get(share.school)) for share in one.shares
            ])
            for one in batches
        ]  # fmt: skip

    def trips(self) -> list[TripTold]:
        """Every leaving that still counts: of a school that left twice by the record only the last."""
        found = []
        for row in self._rows.events(self._batches, ["batch.leave"]):
            act = decode_act(row.content)
            assert isinstance(act, LeaveBatch), "the event is named after its act"
            schools = [share for share in self._batches[row.batch].shares
                       if share.left_ms == act.at_ms and (not act.schools or share.school in act.schools)]  # fmt: skip
            if schools:
                found.append(
                    TripTold(
                        batch=row.batch, vehicle=act.vehicle, left_ms=act.at_ms, first_c=act.first_c,
                        last_c=act.last_c, schools=[share.school for share in schools],
                        arrived_ms={share.school: share.arrived_ms for share in schools},
                    )
                )  # fmt: skip
        return sorted(found, key=lambda one: (one.left_ms, one.batch))

    def samples(self) -> list[SampleTold]:
        """Retained samples of all of them."""
        return [
            SampleTold(sample=row.id, batch=row.batch, mass_g=row.mass_g, container=row.container, place=row.place,
                       taken_ms=row.taken_ms, discarded_ms=row.discarded_ms)
            for row in self._rows.samples(self._batches)
        ]  # fmt: skip

    def thermometers(self) -> list[ThermometerTold]:
        """Whatever measured there: sensors of the places and pans, and all that are carried by hand."""
        places = self._places()
        sensors = {one.id: one.place for one in self._book.settings.sensors
                   if one.quantity == "temperature_c" and one.place in places}  # fmt: skip
        pans = {pan.sensor for one in self._known.all_batches.values() for pan in one.pans if pan.sensor}
        carried = {one.id for one in self._book.settings.thermometers if one.kind == "hand"}
        known = instruments(self._book)
        checked: dict[str, list[Row[Any]]] = {}
        for row in self._rows.checks((set(sensors) | pans | carried) & set(known)):
            checked.setdefault(row.sensor, []).append(row)
        _, until_ms = self._span()
        found = []
        for name in sorted((set(sensors) | pans | carried) & set(known)):
            one, rows = known[name], checked.get(name, [])
            records = [record_of(row) for row in rows]
            then, _ = state_of(records, self._book.profile, one.kind, until_ms)
            now, due_ms = state_of(records, self._book.profile, one.kind, self._now_ms)
            last = rows[0] if rows else None
            found.append(
                ThermometerTold(
                    sensor=name, name=one.name, kind=one.kind, place=sensors.get(name, ""), then=then, now=now,
                    due_ms=due_ms, checked_ms=None if last is None else last.performed_ms,
                    error_c=None if last is None else last.error_c,
                )
            )  # fmt: skip
        return found

    def incidents(self) -> list[IncidentTold]:
        """What was wrong with these lots and batches, and at the places where they lay."""
        places = self._places()
        sensors = {one.id for one in self._book.settings.sensors if one.place in places}
        since_ms, until_ms = self._span()
        subjects = sensors | set(self._known.lots) | set(self._known.batches)
        return [
            IncidentTold(
                incident=row.id, kind=row.kind, severity=row.severity, sensor=row.sensor, rule=row.rule,
                began_ms=row.began_ms, closed_ms=row.closed_ms, disposition=row.disposition or "",
            )
            for row in self._rows.incidents(subjects, since_ms, until_ms)
        ]  # fmt: skip

    def _places(self) -> set[str]:
        return ({lay.place for lay in self._may.where} | {one.place for one in self._known.all_batches.values()}) - {""}

    def _span(self) -> tuple[int, int]:
        """From the first receipt to the last meal; until now while anything known is left."""
        received = [row.received_ms for row in self._lot_rows.values() if row.id in self._known.lots]
        batches = self._known.all_batches.values()
        begun = [one.opened_ms if one.cooked_ms is None else one.cooked_ms for one in batches]
        eaten = [share.eaten_ms for one in batches for share in one.shares if share.eaten_ms is not None]
        left = not batches or any(one.remaining for one in batches)
        until_ms = self._now_ms if left else max([*eaten, *begun], default=self._now_ms)
        return min([*received, *begun], default=self._now_ms), until_ms


def _lot(
    row: Row[Any], sure: Sureness | None, why: Why | None, batches: set[str], sums: dict[tuple[str, bool], int],
    held_ms: int | None,
) -> LotTold:  # fmt: skip
    left: dict[str, int] = {}
    used = thrown = untold = 0
    for (place, named), amount in sums.items():
        if place == accounts.COOKED:
            used, untold = (used + amount, untold) if named else (used, untold + amount)
        elif place in THROWN:
            thrown += amount
        elif place == accounts.DIFFERENCE:
            untold += amount
        elif place not in accounts.OUTSIDE:
            left[place] = left.get(place, 0) + amount
    return LotTold(
        lot=row.id, sure=sure or "possible", why="" if sure is not None or why is None else why,
        batches=sorted(batches), item=row.item, unit=row.unit, supplier=row.supplier, note=row.note, code=row.code,
        expires=row.expires, received_ms=row.received_ms, received_place=row.place, temperature_c=row.temperature_c,
        verdict=row.suggestion, accepted=row.accepted and not row.withdrawn, amount=row.amount, used=used,
        thrown=thrown, untold=untold, left={place: amount for place, amount in sorted(left.items()) if amount},
        held_since_ms=held_ms, warmth=None,
    )  # fmt: skip


def _batch(one: Batch, sure: Sureness, asked: bool, doubts: list[Any], untold: bool, lots: list[str]) -> BatchTold:
    peaks = [pan.peak_c for pan in one.pans if pan.peak_c is not None]
    return BatchTold(
        batch=one.id, sure=sure, asked=asked, doubts=doubts, untold=untold, name=one.label, day=one.day, food=one.food,
        place=one.place, began_ms=one.cooking_began_ms, cooked_ms=one.cooked_ms, portions=one.portions,
        free=sum(share.free for share in one.shares), lots=lots, core_c=min(peaks, default=None),
        shares=[
            ShareTold(
                school=share.school, portions=share.portions, eaten=share.eaten, discarded=share.discarded,
                held=share.held, remaining=share.remaining, left_ms=share.left_ms, arrived_ms=share.arrived_ms,
                eaten_ms=share.eaten_ms, warmth=None,
            )
            for share in one.shares
        ],
    )  # fmt: skip


def _schools(batches: list[BatchTold]) -> list[SchoolTold]:
    """Whom to call: the schools of the surest batches first, and of these where most may still be eaten."""
    of: dict[str, list[tuple[BatchTold, ShareTold]]] = {}
    for batch in batches:
        for share in batch.shares:
            if share.school:
                of.setdefault(share.school, []).append((batch, share))
    found = [
        SchoolTold(
            school=school, sure=min((batch.sure for batch, _ in all_), key=lambda sure: ORDER[sure]),
            batches=[batch.batch for batch, _ in all_], portions=sum(share.portions for _, share in all_),
            eaten=sum(share.eaten for _, share in all_), remaining=sum(share.remaining for _, share in all_),
            arrived_ms=max((share.arrived_ms for _, share in all_ if share.arrived_ms is not None), default=None),
            eaten_ms=max((share.eaten_ms for _, share in all_ if share.eaten_ms is not None), default=None),
        )
        for school, all_ in of.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (ORDER[one.sure], -one.remaining, one.school))
