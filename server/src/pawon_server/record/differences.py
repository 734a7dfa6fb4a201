"""Compares one table of two stores row by row, in the order of its key, holding one row of each at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, String, Table, text

# The first so many rows that differ are told; all are counted.
MAX_NAMED = 5
# Bytes of a value that are shown.
MAX_SHOWN = 200

Row = tuple[Any, ...]


class RowDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``store`` and ``journal`` hold what the store has and what the journal says: the columns that differ, or
    the whole row where the other side has none (``None``)."""

    key: dict[str, Any]
    store: dict[str, Any] | None
    journal: dict[str, Any] | None


class TableDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One table. ``missing``: the journal has the row and the store lacks it; ``extra``: the other way round."""

    table: str
    rows: int
    missing: int
    extra: int
    changed: int
    first: list[RowDifference]

    @property
    def count(self) -> int:
        """How many rows differ."""
        return self.missing + self.extra + self.changed

    @property
    def same(self) -> bool:
        """Whether none does."""
        return self.count == 0


def compare_tables(table: Table, store: Connection, derived: Connection, kitchen: str) -> TableDifference:
    """Walk both in the order of the primary key. Bounded memory, whatever the tables hold."""
    names = [f"{column.name}" for column in table.columns]  # plain text, which JSON knows
    keys = [names.index(column.name) for column in table.primary_key.columns]
    left, right = _rows(table, store, kitchen), _rows(table, derived, kitchen)
    one, other = next(left, None), next(right, None)
    rows = missing = extra = changed = 0
    first: list[RowDifference] = []
    while one is not None or other is not None:
        here = None if one is None else _order(one, keys)
        there = None if other is None else _order(other, keys)
        rows += here is not None
        found: Row | None = one if there is None or (here is not None and here <= there) else None
        wanted: Row | None = other if here is None or (there is not None and there <= here) else None
        if found != wanted or not _same_types(found, wanted):
            missing += found is None
            extra += wanted is None
            changed += found is not None and wanted is not None
            if len(first) < MAX_NAMED:
                first.append(_difference(names, keys, found, wanted))
        if found is not None:
            one = next(left, None)
        if wanted is not None:
            other = next(right, None)
    return TableDifference(table=f"{table.name}", rows=rows, missing=missing, extra=extra, changed=changed, first=first)


def _rows(table: Table, connection: Connection, kitchen: str) -> Iterator[Row]:
    """As the file holds them: a hand may have put anything into any column."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    # As bytes, whatever the language of a database: the other side is ordered so.
    bytewise = ' COLLATE "C"' if connection.dialect.name == "postgresql" else ""
    order = ", ".join(
        f'"{column.name}"{bytewise if isinstance(column.type, String) else ""}' for column in table.primary_key.columns
    )
    query = f"SELECT {columns} FROM {table.name} WHERE kitchen = :kitchen ORDER BY {order}"  # noqa: S608 - our own names
    found = connection.execution_options(yield_per=500).execute(text(query), {"kitchen": kitchen})
    return (tuple([int(value) if isinstance(value, bool) else value for value in row]) for row in found)


def _order(row: Row, keys: list[int]) -> tuple[tuple[int, Any], ...]:
    """A key as SQLite orders it: nothing, numbers, text, bytes."""
    return tuple([_rank(row[place]) for place in keys])


def _rank(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    if isinstance(value, int | float):
        return 1, value
    return (2, value.encode()) if isinstance(value, str) else (3, value)


def _same_types(found: Row | None, wanted: Row | None) -> bool:
    """1 and 1.0 are equal in Python and two values in a file."""
    if found is None or wanted is None:
        return False
    return all(type(one) is type(other) for one, other in zip(found, wanted, strict=True))


def _difference(names: list[str], keys: list[int], found: Row | None, wanted: Row | None) -> RowDifference:
    row = found if found is not None else wanted
    assert row is not None, "one of the two is there"
    key = {names[place]: _shown(row[place]) for place in keys if names[place] != "kitchen"}
    if found is None or wanted is None:
        whole = {name: _shown(value) for name, value in zip(names, row, strict=True) if name not in key}
        return RowDifference(key=key, store=None if found is None else whole,
                             journal=None if wanted is None else whole)  # fmt: skip
    places = [place for place, (one, other) in enumerate(zip(found, wanted, strict=True))
              if one != other or type(one) is not type(other)]  # fmt: skip
    return RowDifference(
        key=key,
        store={names[place]: _shown(found[place]) for place in places},
        journal={names[place]: _shown(wanted[place]) for place in places},
    )


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            value = value.hex()
    return value[:MAX_SHOWN] if isinstance(value, str) else value
