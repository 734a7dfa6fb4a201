"""How far a scale is believed: check weights, marks, zeros"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scale_check",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("scale", sa.String(), nullable=False),
        sa.Column("nominal_g", sa.Float(), nullable=False),
        sa.Column("shown_g", sa.Float(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("division_g", sa.Float(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("error_g", sa.Float(), nullable=False),
        sa.Column("mpe_g", sa.Float(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("scale_check_by_time", "scale_check", ["kitchen", "scale", "at_ms", "id"])
    op.create_table(
        "scale_tera",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("scale", sa.String(), nullable=False),
        sa.Column("verified", sa.String(), nullable=False),
        sa.Column("valid_until", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("office", sa.String(), nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("scale_tera_by_scale", "scale_tera", ["kitchen", "scale"])
    op.create_table(
        "scale_zero",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("scale", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("zero_g", sa.Float(), nullable=False),
        sa.Column("division_g", sa.Float(), nullable=True),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("scale_zero_by_time", "scale_zero", ["kitchen", "scale", "at_ms", "id"])
    to_date = sa.text("clock IN ('guess', 'rtc') AND first_at_ms IS NULL")
    op.create_index(
        "scale_zero_to_date", "scale_zero", ["kitchen", "gateway", "boot"],
        sqlite_where=to_date, postgresql_where=to_date,
    )  # fmt: skip


def downgrade() -> None:
    for table, names in (
        ("scale_zero", ("scale_zero_to_date", "scale_zero_by_time")),
        ("scale_tera", ("scale_tera_by_scale",)),
        ("scale_check", ("scale_check_by_time",)),
    ):
        for name in names:
            op.drop_index(name, table_name=table)
        op.drop_table(table)
