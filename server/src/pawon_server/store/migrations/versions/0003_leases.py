"""Leases: which of several workers writes for which gateway; empty where one server holds a file"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "kind", "name"),
    )


def downgrade() -> None:
    op.drop_table("lease")
