"""One book of stock: movements of scales and of people, lines by lot, lots set aside

The steps of lots become movements. These tables are projections: they begin empty here, and the server derives them
from the journal when it starts next (``record.derive``).
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TO_DATE = sa.text("clock IN ('guess', 'rtc') AND first_occurred_ms IS NULL")


def upgrade() -> None:
    for name in ("movement", "ledger_line", "lot_step"):
        op.drop_table(name)
    op.create_table(
        "movement",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("occurred_ms", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=True),
        sa.Column("book_amount", sa.BigInteger(), nullable=True),
        sa.Column("from_place", sa.String(), nullable=False),
        sa.Column("to_place", sa.String(), nullable=False),
        sa.Column("lot", sa.String(), nullable=False),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("waste", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("doubt", sa.String(), nullable=False),
        sa.Column("sensor", sa.String(), nullable=False),
        sa.Column("before_g", sa.BigInteger(), nullable=True),
        sa.Column("after_g", sa.BigInteger(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("division_g", sa.Float(), nullable=True),
        sa.Column("zero_g", sa.Float(), nullable=True),
        sa.Column("drift_g", sa.Float(), nullable=True),
        sa.Column("load", sa.String(), nullable=False),
        sa.Column("trace", sa.LargeBinary(), nullable=True),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("spool", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=True),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("first_occurred_ms", sa.BigInteger(), nullable=True),
        sa.Column("written", sa.BigInteger(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("movement_by_item", "movement", ["kitchen", "item", "occurred_ms"])
    op.create_index("movement_by_batch", "movement", ["kitchen", "batch"])
    op.create_index("movement_by_journal", "movement", ["kitchen", "journal_id"])
    op.create_index("movement_by_time", "movement", ["kitchen", "occurred_ms"])
    op.create_index(
        "movement_to_date", "movement", ["kitchen", "gateway", "boot"], sqlite_where=TO_DATE, postgresql_where=TO_DATE
    )
    op.create_table(
        "ledger_line",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("movement", sa.String(), nullable=False, primary_key=True),
        sa.Column("place", sa.String(), nullable=False, primary_key=True),
        sa.Column("lot", sa.String(), nullable=False, primary_key=True),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("assumed", sa.Boolean(), nullable=False),
        sa.Column("occurred_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("ledger_by_item", "ledger_line", ["kitchen", "item", "occurred_ms"])
    op.create_index("ledger_by_lot", "ledger_line", ["kitchen", "lot"])
    op.create_index("ledger_by_place", "ledger_line", ["kitchen", "place", "item"])
    op.create_table(
        "lot_hold",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("lot", sa.String(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("lot_hold_by_lot", "lot_hold", ["kitchen", "lot"])
    op.add_column("lot", sa.Column("movement", sa.String(), nullable=False, server_default=""))
    op.execute("UPDATE lot SET movement = act")
    with op.batch_alter_table("lot") as table:
        table.alter_column("movement", existing_type=sa.String(), server_default=None)
    op.execute("DELETE FROM store_fact WHERE name LIKE 'derive:%'")
    op.execute(
        "INSERT INTO store_fact (name, value) "
        "SELECT 'derive:' || kitchen, '0013' FROM (SELECT DISTINCT kitchen FROM journal) AS known"
    )


def downgrade() -> None:
    """The tables of before, empty: ``rebuild --repair`` of that program fills them."""
    op.execute("DELETE FROM store_fact WHERE name LIKE 'derive:%'")
    for name in ("lot_hold", "ledger_line", "movement"):
        op.drop_table(name)
    with op.batch_alter_table("lot") as table:
        table.drop_column("movement")
    op.create_table(
        "movement",
        *_key("kitchen", "id"),
        *_text(
            "place", "item", "unit", "from_place", "to_place", "state", "kind", "sensor", "gateway", "spool", "boot"
        ),
        *_text("clock"),
        *_whole("occurred_ms", "amount", "before_g", "after_g", "sequence", "at_ms", "journal_id"),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("trace", sa.LargeBinary(), nullable=False),
        sa.Column("first_occurred_ms", sa.BigInteger(), nullable=True),
    )
    op.create_index("movement_by_journal", "movement", ["kitchen", "journal_id"])
    op.create_index("movement_by_time", "movement", ["kitchen", "occurred_ms"])
    op.create_index(
        "movement_to_date", "movement", ["kitchen", "gateway", "boot"], sqlite_where=TO_DATE, postgresql_where=TO_DATE
    )
    op.create_table(
        "ledger_line",
        *_key("kitchen", "movement", "place"),
        *_text("item", "unit"),
        *_whole("amount", "occurred_ms"),
    )
    op.create_index("ledger_by_place", "ledger_line", ["kitchen", "place", "item"])
    op.create_table(
        "lot_step",
        *_key("kitchen", "id"),
        *_text("lot", "what", "place", "to_place", "batch", "reason", "person"),
        *_whole("at_ms", "written", "journal_id"),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
    )
    op.create_index("lot_step_by_lot", "lot_step", ["kitchen", "lot"])
    op.create_index("lot_step_by_batch", "lot_step", ["kitchen", "batch"])


def _key(*names: str) -> Iterator[sa.Column[str]]:
    return (sa.Column(name, sa.String(), nullable=False, primary_key=True) for name in names)


def _text(*names: str) -> Iterator[sa.Column[str]]:
    return (sa.Column(name, sa.String(), nullable=False) for name in names)


def _whole(*names: str) -> Iterator[sa.Column[int]]:
    return (sa.Column(name, sa.BigInteger(), nullable=False) for name in names)
