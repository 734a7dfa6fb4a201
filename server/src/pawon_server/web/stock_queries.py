"""What lies where, by lot and in the order in which it should be used; what waits for a person; what is doubted.

Reading only, and every list is bounded. Words are not made here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, select

from ..projections.book import BOOKED, balances_before, lot_facts
from ..rulebook import Rulebook, Settings
from ..stock import accounts
from ..stock.book import NEVER_MS, NO_LOT, LotFacts, in_turn
from ..store.stock_tables import ledger_line, movement

# A stocktake is due every month; what was odd before is settled by it or shows as less than nothing.
LOOKED_BACK_MS = 35 * 24 * 3_600_000
# A few hundred movements a day; more than this waits only where nobody looks.
MAX_RECENT = 20_000
MAX_WAITING = 500
# A shared scale's last items: what fits a phone, found among so many of its last movements.
ITEMS_OFFERED = 6
MOVEMENTS_SEARCHED = 200
# A question with a list of ids asks for so many at a time.
AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LotThere:
    """So much of a lot (empty: of none that is known) in a place. ``expires``: its last local day."""

    lot: str
    amount: int
    expires: str | None = None
    expired: bool = False
    held: bool = False

    @property
    def blocked(self) -> bool:
        """Whether it must not be used."""
        return self.expired or self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemThere:
    """An item in a place, its lots in the order in which they should be used; ``amount`` ``None``: never booked."""

    item: str
    amount: int | None
    lots: list[LotThere] = field(default_factory=list)

    @property
    def short(self) -> bool:
        """Whether more was taken than the book knew of."""
        return any(one.amount < 0 for one in self.lots)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceThere:
    """A place and all that is known of its stock. ``newest``: the last weighing of ``LOOKED_BACK_MS``; ``doubted``:
    the booked movements out of it that the book finds odd, since it was counted last, newest first."""

    place: str
    items: list[ItemThere]
    newest: Row[Any] | None
    waiting: list[Row[Any]]
    doubted: list[Row[Any]]

    @property
    def doubt(self) -> str:
        """``short``, ``blocked`` or nothing: the gravest there is."""
        if any(one.short for one in self.items) or any(row.doubt == "short" for row in self.doubted):
            return "short"
        return "blocked" if self.doubted else ""


def places_there(connection: Connection, book: Rulebook, now_ms: int) -> list[PlaceThere]:
    """Every configured place, then every other one of the kitchen that the book knows."""
    settings = book.settings
    sums = _sums(connection, settings.kitchen)
    facts = lot_facts(connection, settings, sorted({key[2] for key, amount in sums.items() if amount} - {NO_LOT}))
    by_place: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for (place, item, lot), amount in sums.items():
        by_place[place][item][lot] = amount
    recent, waits = _recent(connection, settings.kitchen, now_ms), waiting(connection, settings.kitchen, MAX_WAITING)
    counted = _last_counts(recent)
    found = []
    for name in kitchen_places(settings, by_place):
        known = settings.place(name)
        home = known.item if known is not None else ""
        items = [
            ItemThere(item=item, amount=sum(held.values()), lots=in_order(held, facts, settings, now_ms))
            for item, held in sorted(by_place[name].items(), key=lambda one: (one[0] != home, one[0]))
            if item == home or any(held.values())
        ]
        if home and home not in by_place[name]:
            items.insert(0, ItemThere(item=home, amount=None))
        found.append(
            PlaceThere(
                place=name, items=items,
                newest=next((row for row in recent if row.place == name and row.sensor), None),
                waiting=[row for row in waits if row.place == name],
                doubted=[row for row in recent if row.doubt and row.from_place == name and row.state in BOOKED
                         and row.occurred_ms > counted.get((name, row.item), 0)],
            )
        )  # fmt: skip
    return found


def kitchen_places(settings: Settings, held: Iterable[str]) -> list[str]:
    """The configured places, then the others of ``held`` that are no account outside the kitchen."""
    known = [place.id for place in settings.places]
    return known + sorted(name for name in held if name not in accounts.OUTSIDE and name not in known)


def in_order(held: dict[str, int], facts: dict[str, LotFacts], settings: Settings, at_ms: int) -> list[LotThere]:
    """The lots of an item in a place: those to be used first at the front, then what carries no lot, then what must
    not be used; nothing where the sum is nothing."""
    usable = in_turn(held, facts, at_ms)
    unknown = [NO_LOT] if held.get(NO_LOT) else []
    rest = [lot for lot, amount in held.items() if amount and lot not in usable and lot != NO_LOT]
    rest.sort(key=lambda lot: facts[lot].turn if lot in facts else (NEVER_MS, NEVER_MS, lot))
    order = [*usable, *unknown, *rest]
    return [_lot_there(lot, held[lot], facts.get(lot), settings, at_ms) for lot in order]


def lots_there(connection: Connection, settings: Settings, item: str, place: str, at_ms: int = NEVER_MS,
               judged_ms: int | None = None) -> list[LotThere]:  # fmt: skip
    """The lots of an item in a place just before a moment, in ``in_order``, by what may be used at ``judged_ms``."""
    before = balances_before(connection, settings.kitchen, item, at_ms)
    held = {lot: amount for (where, lot), amount in before.items() if where == place}
    facts = lot_facts(connection, settings, sorted(set(held) - {NO_LOT}))
    return in_order(held, facts, settings, at_ms if judged_ms is None else judged_ms)


def last_items(connection: Connection, settings: Settings, place: str) -> list[str]:
    """What a place's movements were of, the newest first; for a scale that many items share."""
    found = connection.execute(
        select(movement.c.item)
        .where(movement.c.kitchen == settings.kitchen, movement.c.place == place, movement.c.item != "")
        .order_by(movement.c.occurred_ms.desc())
        .limit(MOVEMENTS_SEARCHED)
    ).scalars()
    return [item for item in dict.fromkeys(found) if settings.item(item) is not None][:ITEMS_OFFERED]


def waiting(connection: Connection, kitchen: str, limit: int, *, counts: bool = False) -> list[Row[Any]]:
    """What a person has to decide, newest first: weighings, or stocktakes."""
    kind = movement.c.kind == "count" if counts else movement.c.kind != "count"
    return list(
        connection.execute(
            select(movement)
            .where(movement.c.kitchen == kitchen, movement.c.state == "proposed", kind)
            .order_by(movement.c.occurred_ms.desc(), movement.c.id.desc())
            .limit(limit)
        )
    )


def counts_of(connection: Connection, kitchen: str, place: str, since_ms: int) -> list[Row[Any]]:
    """The stocktakes of a place since a moment, newest first."""
    return list(
        connection.execute(
            select(movement)
            .where(movement.c.kitchen == kitchen, movement.c.kind == "count", movement.c.place == place,
                   movement.c.occurred_ms >= since_ms)
            .order_by(movement.c.occurred_ms.desc(), movement.c.id.desc())
            .limit(MAX_WAITING)
        )
    )  # fmt: skip


def movement_row(connection: Connection, kitchen: str, name: str) -> Row[Any] | None:
    """A movement by id; nothing for what cannot be one."""
    if "\0" in name:
        return None
    return connection.execute(select(movement).where(movement.c.kitchen == kitchen, movement.c.id == name)).first()


def lines_of(connection: Connection, kitchen: str, names: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The ledger's lines of these movements."""
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for at in range(0, len(names), AT_ONCE):
        for row in connection.execute(
            select(ledger_line)
            .where(ledger_line.c.kitchen == kitchen, ledger_line.c.movement.in_(names[at : at + AT_ONCE]))
            .order_by(ledger_line.c.movement, ledger_line.c.amount, ledger_line.c.place, ledger_line.c.lot)
        ):
            found[row.movement].append(row)
    return found


def book_amount(connection: Connection, settings: Settings, item: str, place: str, lot: str, at_ms: int) -> int:
    """What the book holds of an item, or of one of its lots, in a place up to a moment."""
    before = balances_before(connection, settings.kitchen, item, at_ms + 1)
    return sum(amount for (where, name), amount in before.items() if where == place and lot in (NO_LOT, name))


def _sums(connection: Connection, kitchen: str) -> dict[tuple[str, str, str], int]:
    line = ledger_line.c
    found = connection.execute(
        select(line.place, line.item, line.lot, func.sum(line.amount).label("amount"))
        .where(line.kitchen == kitchen, line.place.not_in(accounts.OUTSIDE))
        .group_by(line.place, line.item, line.lot)
    )
    return {(row.place, row.item, row.lot): int(row.amount) for row in found}


def _recent(connection: Connection, kitchen: str, now_ms: int) -> list[Row[Any]]:
    """The movements of ``LOOKED_BACK_MS`` without their traces, newest first."""
    columns = [column for column in movement.c if column.name != "trace"]
    return list(
        connection.execute(
            select(*columns)
            .where(movement.c.kitchen == kitchen, movement.c.occurred_ms >= now_ms - LOOKED_BACK_MS)
            .order_by(movement.c.occurred_ms.desc(), movement.c.id.desc())
            .limit(MAX_RECENT)
        )
    )


def _last_counts(recent: list[Row[Any]]) -> dict[tuple[str, str], int]:
    """When each item of each place was counted last and the count was booked; a count of one lot settles only that."""
    found: dict[tuple[str, str], int] = {}
    for row in recent:
        if row.counted is not None and row.state in BOOKED and not row.lot:
            found.setdefault((row.to_place, row.item), row.occurred_ms)
    return found


def _lot_there(lot: str, amount: int, facts: LotFacts | None, settings: Settings, at_ms: int) -> LotThere:
    if facts is None:
        return LotThere(lot=lot, amount=amount)
    expires = None
    if facts.expires_ms is not None:
        zone = ZoneInfo(settings.timezone)
        expires = datetime.fromtimestamp((facts.expires_ms - 1) / 1000, tz=zone).date().isoformat()
    expired = facts.expires_ms is not None and at_ms >= facts.expires_ms
    held = any(begun <= at_ms and (ended is None or at_ms < ended) for begun, ended in facts.held)
    return LotThere(lot=lot, amount=amount, expires=expires, expired=expired, held=held)
