"""Checks of thermometers; readings say what they were before they were corrected"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CORRECTED = (
    ("reading", "raw", sa.Float()), ("reading", "calibration", sa.BigInteger()), ("latest", "raw", sa.Float()),
)  # fmt: skip


def upgrade() -> None:
    for table, name, kind in CORRECTED:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_table(
        "calibration",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("sensor", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("performed_ms", sa.BigInteger(), nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("measured", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("error_c", sa.Float(), nullable=False),
        sa.Column("tolerance_c", sa.Float(), nullable=False),
        sa.Column("slope", sa.Float(), nullable=False),
        sa.Column("offset_c", sa.Float(), nullable=False),
        sa.Column("uncertainty_c", sa.Float(), nullable=False),
        sa.Column("altitude_m", sa.Float(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("lab", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_ms", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by", sa.String(), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("calibration_by_time", "calibration", ["kitchen", "performed_ms"])


def downgrade() -> None:
    op.drop_index("calibration_by_time", table_name="calibration")
    op.drop_table("calibration")
    for table, name, _ in reversed(CORRECTED):
        op.drop_column(table, name)
