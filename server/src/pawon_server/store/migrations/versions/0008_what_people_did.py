"""What people did about incidents, and how far they have come"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INCIDENT = (
    ("handling", sa.String()), ("acknowledged_ms", sa.BigInteger()), ("disposition", sa.String()),
    ("settled_ms", sa.BigInteger()),
)  # fmt: skip


def upgrade() -> None:
    for name, kind in INCIDENT:
        op.add_column("incident", sa.Column(name, kind, nullable=True))
    op.create_index("incident_by_handling", "incident", ["kitchen", "handling", "opened_ms"])
    op.create_table(
        "incident_act",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("disposition", sa.String(), nullable=False),
        sa.Column("moved", sa.Text(), nullable=False),
        sa.Column("refers", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
    )
    op.create_index("incident_act_by_incident", "incident_act", ["kitchen", "incident", "journal_id"])


def downgrade() -> None:
    op.drop_index("incident_act_by_incident", table_name="incident_act")
    op.drop_table("incident_act")
    op.drop_index("incident_by_handling", table_name="incident")
    for name, _ in reversed(INCIDENT):
        op.drop_column("incident", name)
