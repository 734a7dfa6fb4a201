"""The stock book in the store: movements as they were told, and the ledger's lines that follow from them.

Everyone who writes a movement does it here (``put``, ``change``); at the end of each journal entry ``settle`` derives
the lines of every item that changed, from the earliest moment that changed (``stock.book``). Which entry came first
decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from ..rulebook import Settings
from ..stock.book import NO_LOT, Balances, Event, Line, LotFacts, Outcome, settle
from ..stock.days import end_of_day_ms
from ..store.stock_tables import ledger_line, lot, lot_hold, movement

BOOKED = ("confirmed", "corrected")
# What a row of a weighing has and one that a person wrote has not, and the other way round.
UNSAID: dict[str, Any] = {
    "amount": 0, "whole": False, "counted": None, "book_amount": None, "lot": "", "batch": "", "waste": "",
    "reason": "", "automatic": False, "person": "", "doubt": "", "sensor": "", "before_g": None, "after_g": None,
    "confidence": None, "division_g": None, "zero_g": None, "drift_g": None, "load": "", "trace": None,
    "gateway": "", "spool": "", "sequence": None, "boot": "", "at_ms": None, "clock": "server",
    "first_occurred_ms": None,
}  # fmt: skip
# A question with a list of lots asks for so many at a time.
LOTS_AT_ONCE = 500


class StockBook:
    """Projection of ``movement`` and ``ledger_line``. Keeps in memory only what the entry at hand has changed."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen
        self._since_ms: dict[str, int] = {}  # item -> from when on its lines are to be derived again
        self._batches: set[str] = set()  # of whose ingredients something is otherwise

    def get(self, connection: Connection, name: str) -> Row[Any] | None:
        """A movement by id."""
        return connection.execute(select(movement).where(*self._is(name))).first()

    def put(self, connection: Connection, entry: int, values: dict[str, Any]) -> None:
        """A new movement; what is unsaid is ``UNSAID``."""
        row = {**UNSAID, **values, "kitchen": self._kitchen, "written": entry, "journal_id": entry}
        connection.execute(insert(movement), row)
        self.touch(row["item"], row["occurred_ms"])
        self.touch_batch(row["batch"])

    def change(self, connection: Connection, entry: int, name: str, values: dict[str, Any]) -> None:
        """What was told of a movement is otherwise."""
        before = self.get(connection, name)
        if before is None:
            return
        if values.get("occurred_ms", before.occurred_ms) != before.occurred_ms and before.first_occurred_ms is None:
            values = {**values, "first_occurred_ms": before.occurred_ms}
        if values.get("state") == "refused":  # what does not count is not doubted
            values = {**values, "doubt": ""}
        connection.execute(update(movement).where(*self._is(name)).values(**values, journal_id=entry))
        self.touch(before.item, before.occurred_ms)
        self.touch(values.get("item", before.item), values.get("occurred_ms", before.occurred_ms))
        self.touch_batch(before.batch)
        self.touch_batch(values.get("batch", before.batch))

    def touch(self, item: str, at_ms: int) -> None:
        """Something of an item is otherwise from a moment on."""
        if item:
            self._since_ms[item] = min(at_ms, self._since_ms.get(item, at_ms))

    def touch_batch(self, name: str) -> None:
        """Something of what went into a batch is otherwise."""
        if name:
            self._batches.add(name)

    def take_batches(self) -> list[str]:
        """The batches that were touched since they were last asked for."""
        names = sorted(self._batches)
        self._batches.clear()
        return names

    @property
    def touched(self) -> bool:
        """Whether there is anything to settle."""
        return bool(self._since_ms)

    def forget(self) -> None:
        """The transaction was rolled back, and what it had touched with it."""
        self._since_ms.clear()
        self._batches.clear()

    def settle(self, connection: Connection, settings: Settings, entry: int) -> None:
        """Derive the lines of everything that was touched."""
        touched = sorted(self._since_ms.items())
        self._since_ms.clear()
        for item, since_ms in touched:  # first all of them: a movement may have gone from one item to another
            connection.execute(
                delete(ledger_line).where(
                    ledger_line.c.kitchen == self._kitchen, ledger_line.c.item == item,
                    ledger_line.c.occurred_ms >= since_ms,
                )
            )  # fmt: skip
        for item, since_ms in touched:
            self._settle(connection, settings, item, since_ms, entry)

    def _settle(self, connection: Connection, settings: Settings, item: str, since_ms: int, entry: int) -> None:
        rows = connection.execute(
            select(movement).where(
                movement.c.kitchen == self._kitchen, movement.c.item == item, movement.c.occurred_ms >= since_ms,
                or_(movement.c.state.in_(BOOKED), movement.c.counted.is_not(None)), movement.c.state != "refused",
            )
        ).all()  # fmt: skip
        before = balances_before(connection, self._kitchen, item, since_ms)
        events = [_event(row) for row in rows]
        settled = settle(before, events, self._lots(connection, settings, before, events))
        self._write(connection, rows, settled.lines)
        by_id = {outcome.movement: outcome for outcome in settled.outcomes}
        for row in rows:
            self._tell(connection, row, by_id[row.id], entry)

    def _write(self, connection: Connection, rows: Iterable[Row[Any]], lines: list[Line]) -> None:
        of = {row.id: row for row in rows}
        found = [
            {
                "kitchen": self._kitchen, "movement": line.movement, "place": line.place, "lot": line.lot,
                "item": of[line.movement].item, "amount": line.amount, "unit": of[line.movement].unit,
                "assumed": line.assumed, "occurred_ms": line.at_ms,
            }
            for line in lines
        ]  # fmt: skip
        if found:
            connection.execute(insert(ledger_line), found)

    def _tell(self, connection: Connection, row: Row[Any], outcome: Outcome, entry: int) -> None:
        """Write back what the book found of a movement: the amount of "all of it", a count's difference, a doubt."""
        into = row.place == row.to_place
        found: dict[str, Any] = {"doubt": outcome.doubt, "amount": outcome.amount if into else -outcome.amount}
        if row.counted is not None:
            found["book_amount"] = outcome.book
            if row.automatic and not row.person:
                found["state"] = "confirmed" if outcome.booked else "proposed"
        if any(getattr(row, name) != value for name, value in found.items()):
            connection.execute(update(movement).where(*self._is(row.id)).values(**found, journal_id=entry))

    def _lots(
        self, connection: Connection, settings: Settings, before: Balances, events: list[Event]
    ) -> dict[str, LotFacts]:
        names = {name for (_, name), amount in before.items() if amount} | {one.lot or NO_LOT for one in events}
        return lot_facts(connection, settings, sorted(names - {NO_LOT}))

    def _is(self, name: str) -> tuple[Any, ...]:
        return (movement.c.kitchen == self._kitchen, movement.c.id == name)


def balances_before(connection: Connection, kitchen: str, item: str, at_ms: int) -> Balances:
    """What lay where just before a moment, by place and lot."""
    found = connection.execute(
        select(ledger_line.c.place, ledger_line.c.lot, func.sum(ledger_line.c.amount).label("amount"))
        .where(ledger_line.c.kitchen == kitchen, ledger_line.c.item == item, ledger_line.c.occurred_ms < at_ms)
        .group_by(ledger_line.c.place, ledger_line.c.lot)
    )
    return {(row.place, row.lot): int(row.amount) for row in found}


def lot_facts(connection: Connection, settings: Settings, names: list[str]) -> dict[str, LotFacts]:
    """What decides when each of these lots is used."""
    held: dict[str, list[tuple[int, int | None]]] = {}
    found: dict[str, LotFacts] = {}
    for chunk in _chunks(names):
        for row in connection.execute(
            select(lot_hold)
            .where(lot_hold.c.kitchen == settings.kitchen, lot_hold.c.lot.in_(chunk))
            .order_by(lot_hold.c.from_ms, lot_hold.c.id)
        ):
            held.setdefault(row.lot, []).append((row.from_ms, row.until_ms))
        for row in connection.execute(
            select(lot.c.id, lot.c.received_ms, lot.c.expires).where(
                lot.c.kitchen == settings.kitchen, lot.c.id.in_(chunk)
            )
        ):
            found[row.id] = LotFacts(
                id=row.id, received_ms=row.received_ms, expires_ms=end_of_day_ms(row.expires, settings.timezone),
                held=tuple(held.get(row.id, ())),
            )  # fmt: skip
    return found


def _event(row: Row[Any]) -> Event:
    into = row.place == row.to_place
    opens = row.counted is not None and row.automatic and not row.person
    return Event(
        id=row.id, at_ms=row.occurred_ms, from_place=row.from_place, to_place=row.to_place, lot=row.lot or None,
        amount=None if row.whole else row.amount if into else -row.amount, counted=row.counted,
        booked=opens or row.state in BOOKED, opens=opens, within=round(row.division_g or 0),
    )  # fmt: skip


def _chunks(names: list[str]) -> Iterable[list[str]]:
    return (names[at : at + LOTS_AT_ONCE] for at in range(0, len(names), LOTS_AT_ONCE))
