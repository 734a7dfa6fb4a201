"""People, and what they wrote"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("pin", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "act",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("act_by_journal", "act", ["kitchen", "journal_id"])


def downgrade() -> None:
    op.drop_index("act_by_journal", table_name="act")
    op.drop_table("act")
    op.drop_table("person")
