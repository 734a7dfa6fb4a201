"""The triggers that make the journal append-only, and whether a store still has them.

The migrations create them; here stands what they must be, so that a store from which they were taken is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection, text

# Name -> (the schema version that brought it, its statement).
GUARDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **{
            f"journal_no_{verb.lower()}": (
                "0001",
                f"CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal "
                "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
            )
            for verb in ("UPDATE", "DELETE")
        },
        "journal_only_next": (
            "0002",
            "CREATE TRIGGER journal_only_next BEFORE INSERT ON journal WHEN NEW.id IS NOT "
            "(SELECT coalesce(max(id), 0) + 1 FROM journal WHERE kitchen = NEW.kitchen) "
            "BEGIN SELECT RAISE(ABORT, 'the journal takes only its next entry'); END",
        ),
    }
)


def missing_guards(connection: Connection) -> dict[str, tuple[str, str | None]]:
    """The guards that are not as they must be: name -> (expected statement, found statement or ``None``)."""
    schema = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")
    found = {
        str(row[0]): str(row[1])
        for row in connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    }
    return {
        name: (statement, found.get(name))
        for name, (since, statement) in GUARDS.items()
        if since <= schema and found.get(name) != statement
    }
