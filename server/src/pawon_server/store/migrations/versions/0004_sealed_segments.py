"""Sealed segments: old batches as columns; old readings as minutes; no row replaced by its hidden number"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TRIGGERS = {
    "journal_no_delete": "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal "
    "WHEN OLD.kind IS NOT 'batch' OR OLD.id IS NULL OR "
    "coalesce((SELECT last_id FROM segment WHERE kitchen = OLD.kitchen AND first_id <= OLD.id "
    "ORDER BY first_id DESC LIMIT 1), 0) < OLD.id "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    "journal_no_replace": "CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal WHEN EXISTS "
    "(SELECT 1 FROM journal WHERE rowid = NEW.rowid) "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    "segment_only_next": "CREATE TRIGGER segment_only_next BEFORE INSERT ON segment WHEN NEW.first_id IS NOT "
    "(SELECT coalesce(max(last_id), 0) + 1 FROM segment WHERE kitchen = NEW.kitchen) "
    "OR NEW.last_id IS NULL OR NEW.last_id < NEW.first_id OR NOT EXISTS (SELECT 1 FROM journal WHERE "
    "kitchen = NEW.kitchen AND id = NEW.journal_id AND kind = 'sealed' AND id > NEW.last_id) "
    "BEGIN SELECT RAISE(ABORT, 'a segment follows the one before and is journalled'); END",
    "segment_no_replace": "CREATE TRIGGER segment_no_replace BEFORE INSERT ON segment WHEN EXISTS "
    "(SELECT 1 FROM segment WHERE rowid = NEW.rowid) "
    "BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END",
    "segment_spool_no_replace": "CREATE TRIGGER segment_spool_no_replace BEFORE INSERT ON segment_spool WHEN EXISTS "
    "(SELECT 1 FROM segment_spool WHERE rowid = NEW.rowid "
    "OR (kitchen = NEW.kitchen AND gateway = NEW.gateway AND spool = NEW.spool AND last = NEW.last)) "
    "BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END",
    **{
        f"{table}_no_{verb.lower()}": f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END"
        for table in ("segment", "segment_spool")
        for verb in ("UPDATE", "DELETE")
    },
}  # fmt: skip
ANY_DELETE = (
    "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
)


def upgrade() -> None:
    op.create_table(
        "segment",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("first_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("batches", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "first_id"),
    )
    op.create_table(
        "segment_spool",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("gateway", sa.String(), autoincrement=False, nullable=False),
        sa.Column("spool", sa.String(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "gateway", "spool", "last"),
    )
    op.create_table(
        "reading_minute",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("sensor", sa.String(), autoincrement=False, nullable=False),
        sa.Column("minute_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.String(), autoincrement=False, nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("mean", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("fixed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "sensor", "minute_ms", "quantity"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "compaction",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("sensor", sa.String(), autoincrement=False, nullable=False),
        sa.Column("journal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("measured", sa.LargeBinary(), nullable=False),
        sa.Column("late", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "sensor", "journal_id"),
    )
    op.create_index("compaction_by_time", "compaction", ["kitchen", "sensor", "end_ms"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        return  # batches are sealed in files only: there the journal keeps refusing every deletion
    op.execute("DROP TRIGGER journal_no_delete")
    for statement in TRIGGERS.values():
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT 1 FROM segment LIMIT 1")).first() is not None:
        raise RuntimeError("batches are sealed in segments, which an older Pawon cannot read")
    if op.get_bind().dialect.name == "sqlite":
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        op.execute(ANY_DELETE)
    op.drop_index("compaction_by_time", table_name="compaction")
    for table in ("compaction", "reading_minute", "segment_spool", "segment"):
        op.drop_table(table)
