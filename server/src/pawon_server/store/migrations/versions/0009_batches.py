"""Cooked batches, what happened to them, and retained samples"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("wave", sa.String(), nullable=False),
        sa.Column("dish", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("portions", sa.BigInteger(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("cooked_ms", sa.BigInteger(), nullable=True),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("batch_by_time", "batch", ["kitchen", "opened_ms"])
    op.create_index("batch_by_day", "batch", ["kitchen", "day"])
    op.create_index("batch_by_done", "batch", ["kitchen", "done"])
    op.create_table(
        "batch_school",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("school", sa.String(), nullable=False, primary_key=True),
        sa.Column("batch", sa.String(), nullable=False, primary_key=True),
    )
    op.create_table(
        "batch_event",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("batch", sa.String(), nullable=False, primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "sample",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("dish", sa.String(), nullable=False),
        sa.Column("mass_g", sa.Float(), nullable=False),
        sa.Column("container", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("taken_ms", sa.BigInteger(), nullable=False),
        sa.Column("discarded_ms", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("sample_by_batch", "sample", ["kitchen", "batch"])


def downgrade() -> None:
    op.drop_index("sample_by_batch", table_name="sample")
    op.drop_table("sample")
    op.drop_table("batch_event")
    op.drop_table("batch_school")
    op.drop_index("batch_by_done", table_name="batch")
    op.drop_index("batch_by_day", table_name="batch")
    op.drop_index("batch_by_time", table_name="batch")
    op.drop_table("batch")
