"""A guarded record: the journal takes only its next entry; alerts sent before a restore are known; completeness"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # INSERT OR REPLACE removes a row without any delete trigger; and nothing belongs between two entries.
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION journal_takes_its_next() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
            "IF NEW.id IS DISTINCT FROM "
            "(SELECT coalesce(max(id), 0) + 1 FROM journal WHERE kitchen = NEW.kitchen) THEN "
            "RAISE EXCEPTION 'the journal takes only its next entry' "
            "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END$$"
        )
        op.execute(
            "CREATE TRIGGER journal_only_next BEFORE INSERT ON journal "
            "FOR EACH ROW EXECUTE FUNCTION journal_takes_its_next()"
        )
    else:
        op.execute(
            "CREATE TRIGGER journal_only_next BEFORE INSERT ON journal WHEN NEW.id IS NOT "
            "(SELECT coalesce(max(id), 0) + 1 FROM journal WHERE kitchen = NEW.kitchen) "
            "BEGIN SELECT RAISE(ABORT, 'the journal takes only its next entry'); END"
        )
    op.create_table(
        "sent_before",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("alert", sa.String(), autoincrement=False, nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "alert"),
    )
    op.add_column("reading", sa.Column("late", sa.Boolean(), nullable=True))
    op.create_table(
        "completeness",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("sensor", sa.String(), autoincrement=False, nullable=False),
        sa.Column("day", sa.String(), autoincrement=False, nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("measured", sa.LargeBinary(), nullable=False),
        sa.Column("late", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "sensor", "day"),
    )
    op.create_index("completeness_by_day", "completeness", ["kitchen", "day"], unique=False)


def downgrade() -> None:
    op.drop_index("completeness_by_day", table_name="completeness")
    op.drop_table("completeness")
    op.drop_column("reading", "late")
    op.drop_table("sent_before")
    on_table = " ON journal" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER journal_only_next{on_table}")
