"""The triggers that make the journal append-only, and whether a store still has them.

The migrations create them; here stands what they must be, so that a store from which they were taken is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection, text

# Statements by name and the schema version that brought them; a store needs the newest that its version has.
_ANY_DELETE = (
    "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
)
_VERSIONS: tuple[tuple[str, str, str], ...] = (
    (
        "journal_no_update", "0001",
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    ),
    ("journal_no_delete", "0001", _ANY_DELETE),
    (
        "journal_only_next", "0002",
        "CREATE TRIGGER journal_only_next BEFORE INSERT ON journal WHEN NEW.id IS NOT "
        "(SELECT coalesce(max(id), 0) + 1 FROM journal WHERE kitchen = NEW.kitchen) "
        "BEGIN SELECT RAISE(ABORT, 'the journal takes only its next entry'); END",
    ),
    (
        "journal_no_delete", "0004",
        "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal WHEN OLD.kind IS NOT 'batch' OR OLD.id IS NULL OR "
        "coalesce((SELECT last_id FROM segment WHERE kitchen = OLD.kitchen AND first_id <= OLD.id "
        "ORDER BY first_id DESC LIMIT 1), 0) < OLD.id "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    ),
    (
        # A row that an insert replaces by its hidden number is removed without any delete trigger.
        "journal_no_replace", "0004",
        "CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal WHEN EXISTS "
        "(SELECT 1 FROM journal WHERE rowid = NEW.rowid) "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    ),
    (
        "segment_only_next", "0004",
        "CREATE TRIGGER segment_only_next BEFORE INSERT ON segment WHEN NEW.first_id IS NOT "
        "(SELECT coalesce(max(last_id), 0) + 1 FROM segment WHERE kitchen = NEW.kitchen) "
        "OR NEW.last_id IS NULL OR NEW.last_id < NEW.first_id OR NOT EXISTS (SELECT 1 FROM journal WHERE "
        "kitchen = NEW.kitchen AND id = NEW.journal_id AND kind = 'sealed' AND id > NEW.last_id) "
        "BEGIN SELECT RAISE(ABORT, 'a segment follows the one before and is journalled'); END",
    ),
    *(
        (
            f"{table}_no_{verb.lower()}", "0004",
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END",
        )
        for table in ("segment", "segment_spool")
        for verb in ("UPDATE", "DELETE")
    ),
    *(
        (
            f"{table}_no_replace", "0004",
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS "  # noqa: S608 - our own names
            f"(SELECT 1 FROM {table} WHERE rowid = NEW.rowid{same}) "
            "BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END",
        )
        for table, same in (
            ("segment", ""),
            (
                "segment_spool",
                " OR (kitchen = NEW.kitchen AND gateway = NEW.gateway AND spool = NEW.spool AND last = NEW.last)",
            ),
        )
    ),
)  # fmt: skip


def guards_of(schema: str) -> dict[str, tuple[str, str]]:
    """What a store of version ``schema`` must have: name -> (the version that brought it, its statement)."""
    return {name: (since, statement) for name, since, statement in _VERSIONS if since <= schema}


# Those of the newest version.
GUARDS: Mapping[str, tuple[str, str]] = MappingProxyType(guards_of("9999"))


def missing_guards(connection: Connection) -> dict[str, tuple[str, str | None]]:
    """The guards that are not as they must be: name -> (expected statement, found statement or ``None``)."""
    schema = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")
    found = {
        str(row[0]): str(row[1])
        for row in connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    }
    return {
        name: (statement, found.get(name))
        for name, (_, statement) in guards_of(schema).items()
        if found.get(name) != statement
    }
