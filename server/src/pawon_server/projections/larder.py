"""What the forecast is made of, read from the record: the stock by the book, what was used, lots that expire, what is
ordered, the menu.

Of stock it reads the ledger's lines alone, so that whatever books them may change. Stores nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, func, literal_column, select

from ..rulebook import Item, Rulebook
from ..stock import accounts
from ..stock.daily_use import LOOK_BACK_DAYS, kitchen_day, usual
from ..stock.days import local_date
from ..stock.forecast import DatedLot, Order, Outlook, Supply, look_ahead
from ..stock.plan import HORIZON_DAYS, Meal, Plan, plan_of
from ..store.stock_tables import ledger_line, lot
from .menu import meals_of, recipes_of
from .purchases import coming_of

DAY_MS = 86_400_000
# Zones differ from UTC by whole quarters of an hour, so that quarters make up any local day.
QUARTER_MS = 900_000
# Accounts that receive goods nobody ate: sent back, or put right in the book.
NO_USE = frozenset({accounts.SUPPLIER, accounts.RETURNED, accounts.OPENING, accounts.DIFFERENCE})
# A lot that expired longer ago has left the shelf, whatever was written of it.
FORGOTTEN_DAYS = 14
# Two months of twenty deliveries a day.
MAX_LOTS = 1_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Larder:
    """The figures of one moment. ``used``: of each item by kitchen day; ``served``: days on which anything was;
    ``orders``: of each item what is on its way."""

    today: date
    stock: Mapping[str, int | None]
    used: Mapping[str, Mapping[date, int]]
    served: frozenset[date]
    lots: Mapping[str, Sequence[DatedLot]]
    orders: Mapping[str, Sequence[Order]]
    meals: Sequence[Meal]
    plan: Plan


def read_larder(connection: Connection, book: Rulebook, now_ms: int) -> Larder:
    """All figures as the record has them at ``now_ms``."""
    kitchen, today = book.settings.kitchen, kitchen_day(now_ms, book.settings.timezone)
    used = use_by_day(connection, book, now_ms)
    meals = meals_of(connection, kitchen, today, today + timedelta(days=HORIZON_DAYS))
    return Larder(
        today=today, stock=stock_by_item(connection, book), used=used,
        served=frozenset(day for days in used.values() for day, amount in days.items() if amount > 0),
        lots=lots_by_item(connection, book, now_ms), orders=coming_of(connection, book, now_ms, HORIZON_DAYS),
        meals=meals, plan=plan_of(meals, recipes_of(connection, kitchen)),
    )  # fmt: skip


def outlooks(book: Rulebook, larder: Larder) -> dict[str, Outlook]:
    """The estimate of every configured item."""
    return {
        item.id: look_ahead(
            item.id, larder.stock[item.id], larder.today, larder.plan,
            usual(larder.used.get(item.id, {}), larder.served, larder.today), supply_of(item),
            lots=larder.lots.get(item.id, ()), orders=larder.orders.get(item.id, ()),
            used_today=max(0, larder.used.get(item.id, {}).get(larder.today, 0)),
        )
        for item in book.settings.items
    }  # fmt: skip


def supply_of(item: Item) -> Supply:
    """How an item is bought."""
    return Supply(lead_days=item.lead_days, shelf_life_days=item.shelf_life_days, minimum=item.minimum)


def stock_by_item(connection: Connection, book: Rulebook) -> dict[str, int | None]:
    """What lies in all configured places together, in base units; ``None`` for what was never booked there."""
    places = [place.id for place in book.settings.places]
    found = connection.execute(
        select(ledger_line.c.item, func.sum(ledger_line.c.amount).label("amount"))
        .where(ledger_line.c.kitchen == book.settings.kitchen, ledger_line.c.place.in_(places))
        .group_by(ledger_line.c.item)
    )
    sums = {row.item: int(row.amount) for row in found}
    return {item.id: sums.get(item.id) for item in book.settings.items}


def use_by_day(connection: Connection, book: Rulebook, now_ms: int) -> dict[str, dict[date, int]]:
    """What left the kitchen's places for good, by item and kitchen day, as far back as the forecast looks. What was
    carried back counts below zero."""
    kept = {place.id for place in book.settings.places} | NO_USE
    quarter = (ledger_line.c.occurred_ms // literal_column(str(QUARTER_MS))).label("quarter")
    found = connection.execute(
        select(ledger_line.c.item, quarter, func.sum(ledger_line.c.amount).label("amount"))
        .where(
            ledger_line.c.kitchen == book.settings.kitchen, ledger_line.c.place.not_in(sorted(kept)),
            ledger_line.c.occurred_ms >= now_ms - (LOOK_BACK_DAYS + 1) * DAY_MS, ledger_line.c.occurred_ms <= now_ms,
        )
        .group_by(ledger_line.c.item, quarter)
    )  # fmt: skip
    used: dict[str, dict[date, int]] = {}
    for row in found:
        day, of_item = kitchen_day(row.quarter * QUARTER_MS, book.settings.timezone), used.setdefault(row.item, {})
        of_item[day] = of_item.get(day, 0) + int(row.amount)
    return used


def lots_by_item(connection: Connection, book: Rulebook, now_ms: int) -> dict[str, list[DatedLot]]:
    """Of each item the lots that lie in configured places and stop counting within the forecast, by the date that
    counts for them (``projections.receipts``)."""
    places = [place.id for place in book.settings.places]
    now = local_date(now_ms, book.settings.timezone)
    first, last = now - timedelta(days=FORGOTTEN_DAYS), now + timedelta(days=HORIZON_DAYS)
    left = func.sum(ledger_line.c.amount)
    rows = connection.execute(
        select(lot.c.id, lot.c.item, lot.c.expires, left.label("left"))
        .join(ledger_line, (ledger_line.c.kitchen == lot.c.kitchen) & (ledger_line.c.lot == lot.c.id))
        .where(
            lot.c.kitchen == book.settings.kitchen, ledger_line.c.place.in_(places),
            lot.c.expires.between(first.isoformat(), last.isoformat()),
        )
        .group_by(lot.c.id, lot.c.item, lot.c.expires)
        .having(left > 0)
        .order_by(lot.c.expires, lot.c.id)
        .limit(MAX_LOTS)
    )  # fmt: skip
    found: dict[str, list[DatedLot]] = {}
    for row in rows:
        until = date.fromisoformat(row.expires) + timedelta(days=1)  # the book still takes it on its last day
        found.setdefault(row.item, []).append(DatedLot(until=until, left=int(row.left)))
    return found
