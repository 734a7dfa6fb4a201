"""The triggers that make the journal append-only, and whether a store still has them.

The migrations create them; ``sqlite`` and ``postgresql`` say what they must be, so that a store from which they were
taken is named.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from . import postgresql, sqlite

_GUARDS = {
    "sqlite": (sqlite.guards_of, sqlite.found_guards, "in sqlite3: ", "DROP TRIGGER {}; "),
    "postgresql": (postgresql.guards_of, postgresql.found_guards, "in psql: ", "DROP TRIGGER {} ON journal; "),
}


def missing_guards(connection: Connection) -> dict[str, tuple[str, str | None, str]]:
    """The guards that are not as they must be: name -> (expected statement, found statement or ``None``, how to mend
    it)."""
    schema = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")
    guards, look, where, drop = _GUARDS[connection.dialect.name]
    found = look(connection)
    return {
        name: (statement, found.get(name), f"{where}{drop.format(name) if name in found else ''}{statement};")
        for name, statement in guards(schema).items()
        if found.get(name) != statement
    }
