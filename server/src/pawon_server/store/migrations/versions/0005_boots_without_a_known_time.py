"""Boots without a known time: their order and bounds; which clock dated an incident; what is to be dated anew"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BOOT = (
    ("settled", sa.Boolean()), ("spool", sa.String()), ("number", sa.Integer()), ("newest_at", sa.BigInteger()),
    ("known_at", sa.BigInteger()), ("ended_ms", sa.BigInteger()), ("stamped_ms", sa.BigInteger()),
    ("earliest_ms", sa.BigInteger()), ("latest_ms", sa.BigInteger()),
)  # fmt: skip
INCIDENT = (
    ("clock", sa.String()), ("closed_boot", sa.String()), ("closed_offset_ms", sa.BigInteger()),
    ("closed_clock", sa.String()), ("first_closed_ms", sa.BigInteger()),
    ("told", sa.Boolean()),
)  # fmt: skip
INDEXES = (
    ("incident_by_boot", "incident", ("kitchen", "boot"), None),
    ("incident_by_closing_boot", "incident", ("kitchen", "closed_boot"), None),
    ("movement_to_date", "movement", ("kitchen", "gateway", "boot"),
     "clock IN ('guess', 'rtc') AND first_occurred_ms IS NULL"),
    ("reading_to_date", "reading", ("kitchen", "gateway", "boot"),
     "clock IN ('guess', 'rtc') AND first_measured_ms IS NULL"),
)  # fmt: skip


def upgrade() -> None:
    for table, columns in (("boot", BOOT), ("incident", INCIDENT)):
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    for name, table, names, only in INDEXES:
        where = None if only is None else sa.text(only)
        op.create_index(name, table, list(names), unique=False, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table_name=table)
    for table, columns in (("incident", INCIDENT), ("boot", BOOT)):
        for name, _ in reversed(columns):
            op.drop_column(table, name)
