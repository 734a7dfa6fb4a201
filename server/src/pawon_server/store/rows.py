"""Many rows at once, as each database takes them fastest; and words as each of them can keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from . import postgresql, sqlite

_ADD = {"sqlite": sqlite.add_rows, "postgresql": postgresql.add_rows}
_PUT = {"sqlite": sqlite.put_rows, "postgresql": postgresql.put_rows}


def add_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert ``rows``, each a tuple in the order of the table's columns. All of them may leave out the same last
    columns, which are then empty."""
    if rows:
        _ADD[connection.dialect.name](connection, table, rows)


def put_rows(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert ``rows``, each in the place of one of the same primary key. Not for tables that keep a record."""
    ordered = [tuple(row[column.name] for column in table.columns) for row in rows]
    if ordered:
        _PUT[connection.dialect.name](connection, table, ordered)


def storable(words: str) -> str:
    """Somebody else's words for a text column: PostgreSQL's hold no NUL. Bytes are kept elsewhere, unchanged."""
    return words.replace("\0", "\N{REPLACEMENT CHARACTER}")
