"""The first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("kitchen", "id"),
    )
    op.create_table(
        "boot",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("gateway", sa.String(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.String(), autoincrement=False, nullable=False),
        sa.Column("offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("error_ms", sa.BigInteger(), nullable=False),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("fixed", sa.Boolean(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "gateway", "boot"),
    )
    op.create_table(
        "export_cursor",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("exporter", sa.String(), autoincrement=False, nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "exporter"),
    )
    op.create_table(
        "gateway",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("gateway", sa.String(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("spool", sa.String(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("error_ms", sa.BigInteger(), nullable=False),
        sa.Column("delay_ms", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "gateway"),
    )
    op.create_table(
        "incident",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("sensor", sa.String(), nullable=False),
        sa.Column("point", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("worst", sa.Float(), nullable=True),
        sa.Column("limit_value", sa.Float(), nullable=True),
        sa.Column("quantity", sa.String(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("boot", sa.String(), nullable=True),
        sa.Column("offset_ms", sa.BigInteger(), nullable=True),
        sa.Column("first_opened_ms", sa.BigInteger(), nullable=True),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("profile_version", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "id"),
    )
    op.create_index("incident_by_journal", "incident", ["kitchen", "journal_id"], unique=False)
    op.create_index("incident_by_time", "incident", ["kitchen", "opened_ms"], unique=False)
    op.create_table(
        "journal",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("spool", sa.String(), nullable=True),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.Column("chain_before", sa.LargeBinary(), nullable=True),
        sa.Column("chain", sa.LargeBinary(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "id"),
    )
    op.create_index("journal_by_spool", "journal", ["kitchen", "gateway", "spool", "last"], unique=False)
    op.create_index("journal_by_kind", "journal", ["kitchen", "kind", "id"], unique=False)
    op.create_table(
        "latest",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("sensor", sa.String(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.String(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("measured_ms", sa.BigInteger(), nullable=True),
        sa.Column("fresh_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("valid_ms", sa.Integer(), nullable=True),
        sa.Column("boot", sa.String(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=True),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("fault_ms", sa.BigInteger(), nullable=True),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "sensor"),
    )
    op.create_table(
        "ledger_line",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("movement", sa.String(), autoincrement=False, nullable=False),
        sa.Column("place", sa.String(), autoincrement=False, nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("occurred_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "movement", "place"),
    )
    op.create_index("ledger_by_place", "ledger_line", ["kitchen", "place", "item"], unique=False)
    op.create_table(
        "movement",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("occurred_ms", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("from_place", sa.String(), nullable=False),
        sa.Column("to_place", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sensor", sa.String(), nullable=False),
        sa.Column("before_g", sa.BigInteger(), nullable=False),
        sa.Column("after_g", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("trace", sa.LargeBinary(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("spool", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("first_occurred_ms", sa.BigInteger(), nullable=True),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "id"),
    )
    op.create_index("movement_by_journal", "movement", ["kitchen", "journal_id"], unique=False)
    op.create_index("movement_by_time", "movement", ["kitchen", "occurred_ms"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("journal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("spool", sa.String(), nullable=True),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "journal_id", "sequence"),
    )
    op.create_table(
        "reading",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("gateway", sa.String(), autoincrement=False, nullable=False),
        sa.Column("spool", sa.String(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sensor", sa.String(), nullable=False),
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("measured_ms", sa.BigInteger(), nullable=False),
        sa.Column("valid_ms", sa.Integer(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("first_measured_ms", sa.BigInteger(), nullable=True),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "gateway", "spool", "sequence"),
    )
    op.create_index("reading_by_journal", "reading", ["kitchen", "journal_id"], unique=False)
    op.create_index("reading_by_sensor", "reading", ["kitchen", "sensor", "measured_ms"], unique=False)
    op.create_table(
        "rule_state",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("sensor", sa.String(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.String(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("incident", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("kitchen", "sensor", "rule"),
    )
    op.create_table(
        "spool",
        sa.Column("kitchen", sa.String(), autoincrement=False, nullable=False),
        sa.Column("gateway", sa.String(), autoincrement=False, nullable=False),
        sa.Column("spool", sa.String(), autoincrement=False, nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kitchen", "gateway", "spool"),
    )
    op.create_table(
        "store_fact",
        sa.Column("name", sa.String(), autoincrement=False, nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    # The journal is the record: rows can be added and nothing else.
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
            "RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation'; END$$"
        )
        for verb, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
            op.execute(
                f"CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal "
                f"FOR EACH {each} EXECUTE FUNCTION journal_is_append_only()"
            )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )


def downgrade() -> None:
    op.drop_table("store_fact")
    op.drop_table("spool")
    op.drop_table("rule_state")
    op.drop_index("reading_by_sensor", table_name="reading")
    op.drop_index("reading_by_journal", table_name="reading")
    op.drop_table("reading")
    op.drop_table("quarantine")
    op.drop_index("movement_by_time", table_name="movement")
    op.drop_index("movement_by_journal", table_name="movement")
    op.drop_table("movement")
    op.drop_index("ledger_by_place", table_name="ledger_line")
    op.drop_table("ledger_line")
    op.drop_table("latest")
    op.drop_index("journal_by_spool", table_name="journal")
    op.drop_index("journal_by_kind", table_name="journal")
    op.drop_table("journal")
    op.drop_index("incident_by_time", table_name="incident")
    op.drop_index("incident_by_journal", table_name="incident")
    op.drop_table("incident")
    op.drop_table("gateway")
    op.drop_table("export_cursor")
    op.drop_table("boot")
    op.drop_table("alert")
