"""Suppliers and orders; what a delivery was beside them"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SAID = ("expires_from", "seller", "purchase", "gtin", "for_day", "produced", "halal", "barcode", "despite")


def upgrade() -> None:
    for name in SAID:
        op.add_column("lot", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.add_column("lot", sa.Column("noted", sa.BigInteger(), nullable=True))
    op.add_column("lot", sa.Column("findings", sa.Text(), nullable=False, server_default="[]"))
    # Until now every date was a label's.
    op.execute("UPDATE lot SET expires_from = 'label' WHERE expires <> ''")
    op.create_index("lot_by_purchase", "lot", ["kitchen", "purchase"])
    op.create_table(
        "supplier",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("halal_number", sa.String(), nullable=False),
        sa.Column("halal_until", sa.String(), nullable=False),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column("blocked", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "purchase",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.String(), nullable=False),
        sa.Column("for_days", sa.Text(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("placed_ms", sa.BigInteger(), nullable=False),
        sa.Column("cancelled_ms", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("purchase_by_due", "purchase", ["kitchen", "due"])
    op.create_index("purchase_by_time", "purchase", ["kitchen", "placed_ms", "id"])


def downgrade() -> None:
    for name in ("purchase_by_time", "purchase_by_due"):
        op.drop_index(name, table_name="purchase")
    op.drop_table("purchase")
    op.drop_table("supplier")
    op.drop_index("lot_by_purchase", table_name="lot")
    for name in ("findings", "noted", *reversed(SAID)):
        op.drop_column("lot", name)
