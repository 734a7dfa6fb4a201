"""The questions that a recall asks of the store: each is one statement over a bounded set, whatever the kitchen's size.

Reads the stock book, batches, samples, holds, calibrations and incidents; writes nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from ..food_safety.batch import Batch
from ..stock import accounts
from ..stock.trace import Line, Use
from ..store.stock_tables import ledger_line, lot, lot_hold, movement
from ..store.tables import batch, batch_event, batch_school, calibration, incident, sample

# A lot of rice is used three times a day for a month; a recall that is wider than this is told as cut.
MAX_BATCHES = 400
MAX_LOTS = 400
MAX_USES = 20_000
MAX_LINES = 100_000
MAX_INCIDENTS = 200
# Leavings of some hundred batches.
MAX_EVENTS = 4_000
MAX_SCHOOLS = 2_000


class Rows:
    """One kitchen's rows over one connection: all answers are of one moment. ``cut`` names what was too much."""

    def __init__(self, connection: Connection, kitchen: str) -> None:
        self._connection, self._kitchen = connection, kitchen
        self.cut: list[str] = []

    def schools(self) -> list[str]:
        """Every school that ever had a batch, by name."""
        query = select(batch_school.c.school).where(batch_school.c.kitchen == self._kitchen).distinct()
        return sorted(self._connection.execute(query.limit(MAX_SCHOOLS)).scalars())

    def batches(self, names: Collection[str]) -> list[Batch]:
        """Batches by id, the oldest first."""
        return self._batches(batch.c.id.in_(sorted(names))) if names else []

    def batches_between(self, since_ms: int, until_ms: int) -> list[Batch]:
        """Batches that were cooked, or opened and not told cooked, in a stretch."""
        cooked = and_(batch.c.cooked_ms >= since_ms, batch.c.cooked_ms <= until_ms)
        opened = and_(batch.c.cooked_ms.is_(None), batch.c.opened_ms >= since_ms, batch.c.opened_ms <= until_ms)
        return self._batches(or_(cooked, opened))

    def _batches(self, which: ColumnElement[bool]) -> list[Batch]:
        found = self._bounded(
            select(batch.c.content).where(batch.c.kitchen == self._kitchen, which).order_by(batch.c.opened_ms.desc()),
            MAX_BATCHES, "batches",
        )  # fmt: skip
        known = [msgspec.json.decode(row.content, type=Batch) for row in found]
        return sorted(known, key=lambda one: (one.opened_ms, one.id))

    def uses_of_batches(self, names: Collection[str]) -> list[Use]:
        """What the book says went into these batches."""
        return self._uses(movement.c.batch.in_(sorted(names))) if names else []

    def uses_of_lots(self, names: Collection[str]) -> list[Use]:
        """Which batches these lots went into."""
        return self._uses(ledger_line.c.lot.in_(sorted(names)), movement.c.batch != "") if names else []

    def uses_of_no_batch(self, since_ms: int, until_ms: int) -> list[Use]:
        """What went to the pans and nobody said into which batch."""
        between = (ledger_line.c.occurred_ms >= since_ms, ledger_line.c.occurred_ms <= until_ms)
        return self._uses(movement.c.batch == "", ledger_line.c.lot != "", *between)

    def _uses(self, *which: ColumnElement[bool]) -> list[Use]:
        query = (
            select(
                ledger_line.c.lot, movement.c.batch, ledger_line.c.item, movement.c.from_place.label("place"),
                ledger_line.c.amount, ledger_line.c.occurred_ms.label("at_ms"), ledger_line.c.assumed,
            )
            .join(movement, and_(movement.c.kitchen == ledger_line.c.kitchen, movement.c.id == ledger_line.c.movement))
            .where(
                ledger_line.c.kitchen == self._kitchen, ledger_line.c.place == accounts.COOKED,
                movement.c.to_place == accounts.COOKED, ledger_line.c.amount > 0, *which,
            )
            .order_by(ledger_line.c.occurred_ms, ledger_line.c.movement, ledger_line.c.lot)
        )  # fmt: skip
        return [Use._make(row) for row in self._bounded(query, MAX_USES, "uses")]

    def lines_of(self, names: Collection[str]) -> list[Line]:
        """Where these lots came and went within the kitchen, all of it."""
        return self._lines(ledger_line.c.lot.in_(sorted(names))) if names else []

    def lines_between(self, since_ms: int, until_ms: int) -> list[Line]:
        """What lay in the kitchen in a stretch: as lines of its beginning what was there already, then what came and
        went."""
        summed = func.sum(ledger_line.c.amount)
        before = self._bounded(
            select(ledger_line.c.lot, ledger_line.c.item, ledger_line.c.place, summed.label("amount"))
            .where(
                ledger_line.c.kitchen == self._kitchen, ledger_line.c.lot != "", ledger_line.c.occurred_ms < since_ms,
                ledger_line.c.place.not_in(accounts.OUTSIDE),
            )
            .group_by(ledger_line.c.lot, ledger_line.c.item, ledger_line.c.place)
            .having(summed > 0),
            MAX_LINES, "lines",
        )  # fmt: skip
        there = [Line(row.lot, row.item, row.place, int(row.amount), since_ms) for row in before]
        within = (ledger_line.c.occurred_ms >= since_ms, ledger_line.c.occurred_ms <= until_ms, ledger_line.c.lot != "")
        return there + self._lines(*within)

    def _lines(self, *which: ColumnElement[bool]) -> list[Line]:
        columns = (ledger_line.c.lot, ledger_line.c.item, ledger_line.c.place, ledger_line.c.amount)
        query = (
            select(*columns, ledger_line.c.occurred_ms.label("at_ms"))
            .where(ledger_line.c.kitchen == self._kitchen, ledger_line.c.place.not_in(accounts.OUTSIDE), *which)
            .order_by(ledger_line.c.occurred_ms)
        )
        return [Line._make(row) for row in self._bounded(query, MAX_LINES, "lines")]

    def lots(self, names: Collection[str]) -> list[Row[Any]]:
        """Receipts, the newest first."""
        if not names:
            return []
        query = select(lot).where(lot.c.kitchen == self._kitchen, lot.c.id.in_(sorted(names)))
        return self._bounded(query.order_by(lot.c.received_ms.desc(), lot.c.id), MAX_LOTS, "lots")

    def sums(self, names: Collection[str]) -> dict[str, dict[tuple[str, bool], int]]:
        """By lot: what every account and place holds of it, apart what a batch was named for."""
        named = (movement.c.batch != "").label("named")
        found: dict[str, dict[tuple[str, bool], int]] = {}
        query = (
            select(ledger_line.c.lot, ledger_line.c.place, named, func.sum(ledger_line.c.amount).label("amount"))
            .join(movement, and_(movement.c.kitchen == ledger_line.c.kitchen, movement.c.id == ledger_line.c.movement))
            .where(ledger_line.c.kitchen == self._kitchen, ledger_line.c.lot.in_(sorted(names)))
            .group_by(ledger_line.c.lot, ledger_line.c.place, "named")
        )
        for row in self._bounded(query, MAX_LINES, "lines") if names else []:
            found.setdefault(row.lot, {})[row.place, bool(row.named)] = int(row.amount)
        return found

    def held(self, names: Collection[str]) -> dict[str, int]:
        """Since when these lots are set aside, those that are."""
        query = (
            select(lot_hold.c.lot, func.min(lot_hold.c.from_ms).label("from_ms"))
            .where(
                lot_hold.c.kitchen == self._kitchen, lot_hold.c.lot.in_(sorted(names)), lot_hold.c.until_ms.is_(None)
            )
            .group_by(lot_hold.c.lot)
        )
        return {row.lot: int(row.from_ms) for row in self._connection.execute(query)} if names else {}

    def events(self, names: Collection[str], kinds: Collection[str]) -> list[Row[Any]]:
        """What was told of batches, in the order in which it became known."""
        if not names:
            return []
        query = select(batch_event).where(
            batch_event.c.kitchen == self._kitchen, batch_event.c.batch.in_(sorted(names)),
            batch_event.c.what.in_(sorted(kinds)),
        )  # fmt: skip
        return self._bounded(query.order_by(batch_event.c.batch, batch_event.c.number), MAX_EVENTS, "events")

    def samples(self, names: Collection[str]) -> list[Row[Any]]:
        """Retained samples of batches."""
        query = select(sample).where(sample.c.kitchen == self._kitchen, sample.c.batch.in_(sorted(names)))
        ordered = query.order_by(sample.c.taken_ms, sample.c.id)
        return self._bounded(ordered, MAX_EVENTS, "samples") if names else []

    def checks(self, sensors: Collection[str]) -> list[Row[Any]]:
        """Calibrations of thermometers that were not withdrawn, the newest first."""
        query = select(calibration).where(
            calibration.c.kitchen == self._kitchen, calibration.c.sensor.in_(sorted(sensors)),
            calibration.c.withdrawn_ms.is_(None),
        )  # fmt: skip
        return list(self._connection.execute(query.order_by(calibration.c.performed_ms.desc(), calibration.c.id)))

    def incidents(self, subjects: Collection[str], since_ms: int, until_ms: int) -> list[Row[Any]]:
        """Incidents of sensors, lots and batches that lasted at some time of a stretch, the newest first."""
        query = select(incident).where(
            incident.c.kitchen == self._kitchen, incident.c.sensor.in_(sorted(subjects)),
            incident.c.began_ms <= until_ms, or_(incident.c.closed_ms.is_(None), incident.c.closed_ms >= since_ms),
        )  # fmt: skip
        return self._bounded(query.order_by(incident.c.began_ms.desc(), incident.c.id), MAX_INCIDENTS, "incidents")

    def _bounded(self, query: Any, limit: int, what: str) -> list[Row[Any]]:
        rows = list(self._connection.execute(query.limit(limit + 1)))
        if len(rows) > limit and what not in self.cut:
            self.cut.append(what)
        return rows[:limit]
