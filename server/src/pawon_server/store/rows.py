"""Many rows at once, as each database takes them fastest; and words as each of them can keep them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table

from . import postgresql, sqlite

_ADD = {"sqlite": sqlite.add_rows, "postgresql": postgresql.add_rows}


def add_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert ``rows``, each a tuple in the order of the table's columns."""
    if rows:
        _ADD[connection.dialect.name](connection, table, rows)


def storable(words: str) -> str:
    """Somebody else's words for a text column: PostgreSQL's hold no NUL. Bytes are kept elsewhere, unchanged."""
    return words.replace("\0", "\N{REPLACEMENT CHARACTER}")
