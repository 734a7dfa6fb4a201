"""A guarded record: the journal takes only its next entry; alerts sent before a restore are known"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # INSERT OR REPLACE removes a row without any delete trigger; and nothing belongs between two entries.
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


def downgrade() -> None:
    op.drop_table("sent_before")
    op.execute("DROP TRIGGER journal_only_next")
