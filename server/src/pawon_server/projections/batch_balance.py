"""What a batch is known to have taken and given, read from the store: the movements that name it, what was told of it,
its retained samples. Reads only; ``mass_balance`` judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from ..rulebook import Item, Rulebook
from ..stock import accounts
from ..stock.mass_acts import MassKind
from ..stock.mass_balance import Balance, Came, Used, balance
from ..stock.waste import Thrown, Waste, waste_of
from ..store.stock_tables import batch_mass, batch_recipe, ledger_line, movement
from ..store.tables import sample
from .stock import RECIPE

# What left a place for one of these and names a batch was an ingredient of it; of all but ``cooked`` it also came out.
OUT_OF: Mapping[str, MassKind] = {
    accounts.TRIMMING: "trimming", accounts.WASTE: "waste", accounts.SAMPLE: "sample",
}  # fmt: skip
INTO = frozenset({accounts.COOKED, *OUT_OF})


class Taken(NamedTuple):
    """One lot's part of one movement into a batch. ``mass_g`` ``None``: nobody knows what its unit weighs; ``assumed``:
    the lot follows from FEFO; ``how``: weighed, by hand, or by recipe."""

    movement: str
    item: str
    lot: str
    amount: int
    unit: str
    mass_g: int | None
    to: str
    at_ms: int
    assumed: bool
    how: str
    waste: str


class MassesOfBatch(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one batch's masses. ``told`` are rows of ``batch_mass`` and ``recipes`` of ``batch_recipe``,
    also withdrawn ones."""

    balance: Balance
    taken: tuple[Taken, ...]
    told: tuple[Any, ...]
    recipes: tuple[Any, ...]


def masses_of(connection: Connection, book: Rulebook, portions: Mapping[str, int]) -> dict[str, MassesOfBatch]:
    """The masses of batches, which are given by name with their portions."""
    kitchen, names = book.settings.kitchen, sorted(portions)
    taken = _by_batch(_lines(connection, kitchen, names))
    told = _by_batch(
        connection.execute(
            select(batch_mass)
            .where(batch_mass.c.kitchen == kitchen, batch_mass.c.batch.in_(names))
            .order_by(batch_mass.c.at_ms, batch_mass.c.id)
        )
    )
    recipes = _by_batch(
        connection.execute(
            select(batch_recipe)
            .where(batch_recipe.c.kitchen == kitchen, batch_recipe.c.batch.in_(names))
            .order_by(batch_recipe.c.at_ms, batch_recipe.c.id)
        )
    )
    samples = _by_batch(
        connection.execute(
            select(sample.c.batch, sample.c.mass_g).where(sample.c.kitchen == kitchen, sample.c.batch.in_(names))
        )
    )
    found: dict[str, MassesOfBatch] = {}
    for name in names:
        parts = [_taken(row, book) for row in taken.get(name, ())]
        rows = told.get(name, [])
        came = [*_came(rows), *(Came(kind=OUT_OF[one.to], mass_g=one.mass_g or 0, item=one.item)
                                for one in parts if one.to in OUT_OF)]  # fmt: skip
        came += [Came(kind="sample", mass_g=round(row.mass_g)) for row in samples.get(name, ())]
        found[name] = MassesOfBatch(
            balance=balance(_used(parts, book), came, portions[name]), taken=tuple(parts), told=tuple(rows),
            recipes=tuple(recipes.get(name, ())),
        )  # fmt: skip
    return found


def waste_between(connection: Connection, book: Rulebook, since_ms: int, until_ms: int) -> Waste:
    """What was thrown away from ``since_ms`` to before ``until_ms``, and what was bought and cooked meanwhile."""
    kitchen = book.settings.kitchen
    rows = connection.execute(
        select(
            ledger_line.c.place, ledger_line.c.item, ledger_line.c.unit, movement.c.waste,
            func.sum(ledger_line.c.amount).label("amount"),
        )
        .join(movement, (ledger_line.c.kitchen == movement.c.kitchen) & (ledger_line.c.movement == movement.c.id))
        .where(
            ledger_line.c.kitchen == kitchen, ledger_line.c.occurred_ms >= since_ms,
            ledger_line.c.occurred_ms < until_ms,
            ledger_line.c.place.in_([accounts.WASTE, accounts.SUPPLIER, accounts.RETURNED]),
        )
        .group_by(ledger_line.c.place, ledger_line.c.item, ledger_line.c.unit, movement.c.waste)
    ).all()  # fmt: skip
    thrown: list[Thrown] = []
    bought: dict[str, int | None] = {}
    for row in rows:
        mass_g = _mass_g(row, book)
        if row.place == accounts.WASTE:
            thrown.append(Thrown(item=row.item, reason=row.waste, mass_g=mass_g))
        else:  # what came back to a supplier was not bought
            sum_g = bought.get(row.item, 0)
            bought[row.item] = None if mass_g is None or sum_g is None else sum_g - mass_g
    told = connection.execute(
        select(batch_mass).where(
            batch_mass.c.kitchen == kitchen, batch_mass.c.at_ms >= since_ms, batch_mass.c.at_ms < until_ms,
            batch_mass.c.withdrawn.is_(False),
        )
    ).all()  # fmt: skip
    thrown += [Thrown(item=row.item, reason=row.waste, mass_g=row.mass_g) for row in told
               if row.kind in ("waste", "leftover")]  # fmt: skip
    cooked = [row.mass_g for row in told if row.kind == "cooked"]
    return waste_of(thrown, bought, sum(cooked) if cooked else None)


def _lines(connection: Connection, kitchen: str, batches: Sequence[str]) -> Sequence[Any]:
    """What the book holds of ingredients of these batches, lot by lot."""
    return connection.execute(
        select(
            movement.c.id, movement.c.batch, movement.c.kind, movement.c.sensor, movement.c.occurred_ms,
            movement.c.waste, ledger_line.c.place, ledger_line.c.item, ledger_line.c.lot, ledger_line.c.amount,
            ledger_line.c.unit, ledger_line.c.assumed,
        )
        .join(ledger_line, (ledger_line.c.kitchen == movement.c.kitchen) & (ledger_line.c.movement == movement.c.id))
        .where(
            movement.c.kitchen == kitchen, movement.c.batch.in_(batches), ledger_line.c.place.in_(sorted(INTO)),
        )
        .order_by(movement.c.occurred_ms, movement.c.id, ledger_line.c.lot)
    ).all()  # fmt: skip


def _by_batch(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.batch, []).append(row)
    return found


def _taken(row: Any, book: Rulebook) -> Taken:
    return Taken(
        movement=row.id, item=row.item, lot=row.lot, amount=row.amount, unit=row.unit, mass_g=_mass_g(row, book),
        to=row.place, at_ms=row.occurred_ms, assumed=row.assumed, waste=row.waste,
        how="recipe" if row.kind == RECIPE else "scale" if row.sensor else "hand",
    )  # fmt: skip


def _mass_g(row: Any, book: Rulebook) -> int | None:
    """Grams of a line; ``None`` where the item's unit is not what it was then, or not known any more."""
    item = book.settings.item(row.item)
    unit_g = 1.0 if row.unit == "g" else item.known_g if item is not None and item.unit == row.unit else None
    return None if unit_g is None else round(int(row.amount) * unit_g)


def _used(parts: Iterable[Taken], book: Rulebook) -> list[Used]:
    sums: dict[str, list[Taken]] = {}
    for one in parts:
        sums.setdefault(one.item, []).append(one)
    return [_use(item, all_of, book.settings.item(item)) for item, all_of in sorted(sums.items())]


def _use(name: str, parts: Sequence[Taken], item: Item | None) -> Used:
    masses = [one.mass_g for one in parts if one.mass_g is not None]
    whole = len(masses) == len(parts)
    return Used(
        item=name, mass_g=max(sum(masses), 0) if whole else None, estimated=any(one.how == "recipe" for one in parts),
        edible_percent=100.0 if item is None else item.edible_percent,
        factor=None if item is None else item.cooked_factor,
    )  # fmt: skip


def _came(rows: Iterable[Any]) -> Iterable[Came]:
    return (Came(kind=row.kind, mass_g=row.mass_g, item=row.item, waste=row.waste) for row in rows if not row.withdrawn)
