"""Measurements by hand at control points"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "checked",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("point", sa.String(), nullable=False),
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("food", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("sensor", sa.String(), nullable=False),
        sa.Column("thermometer", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("limit_value", sa.Float(), nullable=True),
        sa.Column("incident", sa.String(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("checked_by_time", "checked", ["kitchen", "at_ms", "id"])
    op.create_index("checked_by_point", "checked", ["kitchen", "point", "at_ms"])
    op.create_index("checked_by_incident", "checked", ["kitchen", "incident"])


def downgrade() -> None:
    for name in ("checked_by_incident", "checked_by_point", "checked_by_time"):
        op.drop_index(name, table_name="checked")
    op.drop_table("checked")
