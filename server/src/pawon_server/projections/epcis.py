"""The record's events of goods, a page at a time, as ``stock.epcis`` writes them. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from ..acts import decode_act
from ..food_safety.batch import Batch
from ..food_safety.batch_acts import ArriveBatch, DisposeBatch, EatBatch, LeaveBatch, PackBatch, TakeSample
from ..rulebook import Rulebook
from ..stock import accounts
from ..stock.epcis import (
    Event,
    Held,
    LotOf,
    Made,
    Moved,
    Names,
    Served,
    held_event,
    made_event,
    moved_events,
    served_event,
)
from ..store.stock_tables import ledger_line, lot, lot_hold, movement
from ..store.tables import batch, batch_event, journal
from .book import BOOKED

# A page holds so many events at most; a source is asked for one row more than a page needs.
MAX_EVENTS = 1_000
# Acts of one millisecond: what somebody's script writes in one go.
MAX_AT_ONCE = 10_000
SERVING = ("batch.pack", "batch.leave", "batch.arrive", "batch.eaten", "batch.dispose", "batch.sample")
# Movements that a person wrote and that somebody withdrew had been told as events before.
TOLD = ("receive", "move", "use", "discard", "hand")
_KINDS = (PackBatch, LeaveBatch, ArriveBatch, EatBatch, DisposeBatch, TakeSample)


class Cursor(NamedTuple):
    """After which event the next page begins."""

    at_ms: int
    event: str


class EventPage(NamedTuple):
    """Events in order of time, and where the next page begins; ``None``: these were all."""

    events: list[Event]
    next: Cursor | None


def events_between(
    connection: Connection, book: Rulebook, since_ms: int, until_ms: int, *, lots: Collection[str] | None = None,
    after: Cursor | None = None, limit: int = MAX_EVENTS,
) -> EventPage:  # fmt: skip
    """What happened from ``since_ms`` to before ``until_ms``; with ``lots`` only to these and the batches of them."""
    begin_ms = max(since_ms, after.at_ms) if after is not None else since_ms
    asked = _Asked(connection, book, begin_ms, until_ms, lots, limit + 1)
    found = asked.read()
    horizon = asked.horizon_ms
    keyed = sorted(((at_ms, event["eventID"], event) for at_ms, event in found), key=lambda one: (one[0], one[1]))
    keyed = [one for one in keyed if (after is None or one[:2] > after) and (horizon is None or one[0] <= horizon)]
    page = keyed[:limit]
    if len(keyed) > limit:
        return EventPage([one[2] for one in page], Cursor(page[-1][0], page[-1][1]))
    # A source had more rows, later than the horizon, up to which everything is known.
    return EventPage([one[2] for one in page], None if horizon is None else Cursor(horizon + 1, ""))


class _Asked:
    """One page's rows. ``horizon_ms``: up to when all is known, where a source had more than was asked for."""

    def __init__(
        self, connection: Connection, book: Rulebook, since_ms: int, until_ms: int, lots: Collection[str] | None,
        limit: int,
    ) -> None:  # fmt: skip
        self._connection, self._book, self._kitchen = connection, book, book.settings.kitchen
        self._since_ms, self._until_ms, self._limit = since_ms, until_ms, limit
        self._lots = None if lots is None else sorted(lots)
        self.horizon_ms: int | None = None

    def read(self) -> list[tuple[int, Event]]:
        """Every event of the span, each with its time."""
        movements, batches = self._movements(), self._batches()
        told, holds = self._told(), self._holds()
        inputs = self._inputs([one.id for one in batches])
        goods = {lot for one in [*movements, *(one for own in inputs.values() for one in own)] for lot in one.amounts}
        named = self._named(goods | {one.lot for one in holds})
        names = Names(self._kitchen, self._book.settings.timezone, named)
        found = [(one.at_ms, event) for one in movements for event in moved_events(names, one)]
        for one in batches:
            made = _made(one, inputs.get(one.id, []))
            found.append((made.at_ms, made_event(names, made)))
        found += [(one.at_ms, event) for one in told if (event := served_event(names, one)) is not None]
        found += [(one.at_ms, held_event(names, one)) for one in holds]
        return found

    def _movements(self) -> list[Moved]:
        withdrawn = and_(movement.c.state == "refused", movement.c.sensor == "", movement.c.kind.in_(TOLD),
                         or_(movement.c.kind != "receive", lot.c.withdrawn))  # fmt: skip
        which: list[ColumnElement[bool]] = [
            or_(movement.c.state.in_(BOOKED), withdrawn),
            or_(movement.c.to_place != accounts.COOKED, movement.c.batch == "", movement.c.state == "refused"),
        ]
        if self._lots is not None:
            mine = select(ledger_line.c.movement).where(
                ledger_line.c.kitchen == self._kitchen, ledger_line.c.lot.in_(self._lots)
            )
            which.append(or_(movement.c.lot.in_(self._lots), movement.c.id.in_(mine)))
        query = (
            select(movement, journal.c.received_ms.label("declared_ms"))
            .outerjoin(lot, and_(lot.c.kitchen == movement.c.kitchen, lot.c.id == movement.c.lot))
            .outerjoin(journal, and_(journal.c.kitchen == movement.c.kitchen, journal.c.id == movement.c.journal_id))
            .where(movement.c.kitchen == self._kitchen, *which)
        )
        rows = self._bounded(query, movement.c.occurred_ms, movement.c.id)
        return self._with_lots(rows)

    def _inputs(self, batches: list[str]) -> dict[str, list[Moved]]:
        """By batch what went in."""
        query = select(movement).where(
            movement.c.kitchen == self._kitchen, movement.c.batch.in_(batches), movement.c.state.in_(BOOKED),
            movement.c.to_place == accounts.COOKED,
        )  # fmt: skip
        rows = list(self._connection.execute(query.order_by(movement.c.occurred_ms, movement.c.id))) if batches else []
        found: dict[str, list[Moved]] = {}
        for row, one in zip(rows, self._with_lots(rows), strict=True):
            found.setdefault(row.batch, []).append(one)
        return found

    def _with_lots(self, rows: list[Row[Any]]) -> list[Moved]:
        amounts: dict[str, dict[str, int]] = {}
        if rows:
            lines = self._connection.execute(
                select(ledger_line.c.movement, ledger_line.c.lot, ledger_line.c.amount)
                .where(
                    ledger_line.c.kitchen == self._kitchen, ledger_line.c.movement.in_([row.id for row in rows]),
                    ledger_line.c.amount > 0,
                )
                .order_by(ledger_line.c.movement, ledger_line.c.lot)
            )  # fmt: skip
            for line in lines:
                amounts.setdefault(line.movement, {})[line.lot] = line.amount
        return [_moved(row, amounts.get(row.id) or {row.lot: abs(row.amount)}) for row in rows]

    def _batches(self) -> list[Batch]:
        at_ms = func.coalesce(batch.c.cooked_ms, batch.c.opened_ms)
        query = select(batch.c.content, batch.c.id, at_ms.label("occurred_ms")).where(
            batch.c.kitchen == self._kitchen, *self._of_batches(batch.c.id)
        )
        rows = self._bounded(query, at_ms, batch.c.id)
        return [msgspec.json.decode(row.content, type=Batch) for row in rows]

    def _told(self) -> list[Served]:
        """What happened to batches; the amounts are the batch's own as it stands."""
        query = (
            select(batch_event, batch_event.c.at_ms.label("occurred_ms"), batch.c.content.label("batch_content"))
            .join(batch, and_(batch.c.kitchen == batch_event.c.kitchen, batch.c.id == batch_event.c.batch))
            .where(
                batch_event.c.kitchen == self._kitchen, batch_event.c.what.in_(SERVING),
                *self._of_batches(batch_event.c.batch),
            )
        )  # fmt: skip
        found: list[Served] = []
        for row in self._bounded(query, batch_event.c.at_ms, batch_event.c.batch, batch_event.c.number):
            found += _served(row, msgspec.json.decode(row.batch_content, type=Batch))
        return found

    def _holds(self) -> list[Held]:
        mine = [] if self._lots is None else [lot_hold.c.lot.in_(self._lots)]
        found = []
        for over, column in ((False, lot_hold.c.from_ms), (True, lot_hold.c.until_ms)):
            query = select(lot_hold, column.label("occurred_ms")).where(lot_hold.c.kitchen == self._kitchen, *mine)
            rows = self._bounded(query, column, lot_hold.c.id)
            found += [Held(id=row.id, lot=row.lot, at_ms=row.occurred_ms, over=over) for row in rows]
        return found

    def _of_batches(self, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
        if self._lots is None:
            return []
        mine = (
            select(movement.c.batch)
            .join(
                ledger_line, and_(ledger_line.c.kitchen == movement.c.kitchen, ledger_line.c.movement == movement.c.id)
            )
            .where(movement.c.kitchen == self._kitchen, ledger_line.c.lot.in_(self._lots), movement.c.batch != "")
        )
        return [column.in_(mine)]

    def _named(self, names: Iterable[str]) -> dict[str, LotOf]:
        wanted = sorted(set(names) - {""})
        query = select(lot).where(lot.c.kitchen == self._kitchen, lot.c.id.in_(wanted))
        found = {}
        for row in self._connection.execute(query) if wanted else ():
            item = self._book.settings.item(row.item)
            gtins = () if item is None else item.gtin
            found[row.id] = LotOf(
                id=row.id, unit=row.unit, supplier=row.supplier, gtin=gtins[0] if len(gtins) == 1 else "",
                code=row.code, note=row.note, expires=row.expires, temperature_c=row.temperature_c,
                received_ms=row.received_ms,
            )  # fmt: skip
        return found

    def _bounded(self, query: Any, at_ms: Any, *keys: Any) -> list[Row[Any]]:
        """The first rows of the span in order of time, and all of the last one's moment."""
        within = query.where(at_ms >= self._since_ms, at_ms < self._until_ms).order_by(at_ms, *keys)
        rows = list(self._connection.execute(within.limit(self._limit)))
        if len(rows) < self._limit:
            return rows
        last_ms = int(rows[-1].occurred_ms)
        self.horizon_ms = last_ms if self.horizon_ms is None else min(self.horizon_ms, last_ms)
        same = self._connection.execute(query.where(at_ms == last_ms).order_by(*keys).limit(MAX_AT_ONCE))
        return [row for row in rows if row.occurred_ms < last_ms] + list(same)


def _moved(row: Row[Any], amounts: dict[str, int]) -> Moved:
    corrected = row.state == "corrected" and "declared_ms" in row._mapping
    withdrawn = row.state == "refused"
    declared_ms = (row.declared_ms or row.occurred_ms) if corrected or withdrawn else None
    return Moved(
        id=row.id, at_ms=row.occurred_ms, from_place=row.from_place, to_place=row.to_place, item=row.item,
        unit=row.unit, amounts=amounts, declared_ms=declared_ms, withdrawn=withdrawn,
    )  # fmt: skip


def _made(one: Batch, inputs: list[Moved]) -> Made:
    at_ms = one.opened_ms if one.cooked_ms is None else one.cooked_ms
    return Made(
        batch=one.id, at_ms=at_ms, place=one.place, dish=one.dish, portions=one.portions,
        cooked=one.cooked_ms is not None, inputs=inputs,
    )  # fmt: skip


def _served(row: Row[Any], known: Batch) -> list[Served]:
    """An act about a batch as events of goods: leaving is one for each school."""
    act = decode_act(row.content)
    if not isinstance(act, _KINDS):
        return []
    shares = {share.school: share for share in known.shares}
    one = Served(batch=row.batch, number=row.number, what=row.what, at_ms=row.occurred_ms, quantity=known.portions)
    match act:
        case PackBatch():
            return [msgspec.structs.replace(one, celsius=_measured(act.core_c))]
        case LeaveBatch():
            schools = act.schools or tuple(name for name in shares if name) or tuple(shares)
            return [
                msgspec.structs.replace(one, school=name, quantity=shares[name].portions, vehicle=act.vehicle,
                                        celsius=_measured(act.first_c, act.last_c))
                for name in schools if name in shares
            ]  # fmt: skip
        case ArriveBatch() if act.school in shares:
            return [msgspec.structs.replace(one, school=act.school, quantity=shares[act.school].portions,
                                            celsius=_measured(act.core_c))]  # fmt: skip
        case EatBatch() if act.school in shares:
            eaten = shares[act.school].eaten if act.portions is None else act.portions
            return [msgspec.structs.replace(one, school=act.school, quantity=eaten)]
        case DisposeBatch() if act.decision != "use":
            of = [share for name, share in shares.items() if act.school in (None, name)]
            amount = sum(share.discarded if act.decision == "discard" else share.held for share in of)
            count = amount if act.portions is None else act.portions
            return [msgspec.structs.replace(one, what=act.decision, school=act.school or "", quantity=count)]
        case TakeSample():
            return [msgspec.structs.replace(one, quantity=act.mass_g, uom="GRM")]
    return []


def _measured(*values: float | None) -> tuple[float, ...]:
    return tuple(value for value in values if value is not None)
