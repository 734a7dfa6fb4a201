"""What the rules remember: one row a sensor; an incident's cause"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD = sa.table(
    "rule_state", *(sa.column(name) for name in ("kitchen", "sensor", "rule", "boot", "offset_ms", "state", "incident"))
)
NEW = sa.table("judgement", *(sa.column(name) for name in ("kitchen", "sensor", "boot", "offset_ms", "state")))


def upgrade() -> None:
    made = op.create_table(
        "judgement",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("sensor", sa.String(), nullable=False, primary_key=True),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
    )
    sensors: dict[tuple[str, str], dict[str, Any]] = {}
    rules = list(op.get_bind().execute(sa.select(OLD).order_by(OLD.c.kitchen, OLD.c.sensor, OLD.c.rule)))
    # A rule that left the profile keeps the boot in which it was judged last: what is told of now leads.
    rules.sort(key=lambda row: (row.incident is None, -(json.loads(row.state).get("last_ms") or 0)))
    for row in rules:
        state = json.loads(row.state)
        one = sensors.setdefault(
            (row.kitchen, row.sensor),
            {"boot": row.boot, "offset_ms": row.offset_ms, "last_ms": None, "limits": {}, "incidents": {}},
        )
        if one["boot"] == row.boot:
            one["limits"][row.rule] = state
            one["last_ms"] = max(one["last_ms"] or 0, state.get("last_ms") or 0)
        if row.incident is not None:
            one["incidents"][row.rule] = row.incident
    rows = [
        {
            "kitchen": kitchen, "sensor": sensor, "boot": one["boot"], "offset_ms": one["offset_ms"],
            "state": json.dumps(
                {"point": {"last_ms": one["last_ms"], "limits": one["limits"]}, "incidents": one["incidents"]}
            ).encode(),
        }
        for (kitchen, sensor), one in sensors.items()
    ]  # fmt: skip
    if rows:
        op.bulk_insert(made, rows)
    op.drop_table("rule_state")
    op.add_column("incident", sa.Column("explained_by", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("incident", "explained_by")
    op.create_table(
        "rule_state",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("sensor", sa.String(), nullable=False, primary_key=True),
        sa.Column("rule", sa.String(), nullable=False, primary_key=True),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("incident", sa.String(), nullable=True),
    )
    rows = []
    for row in op.get_bind().execute(sa.select(NEW)):
        held = json.loads(row.state)
        limits, incidents = held.get("point", {}).get("limits", {}), held.get("incidents", {})
        for rule in [*limits, *(rule for rule in incidents if rule not in limits)]:
            state = limits.get(rule, {})
            state.pop("back_ms", None)
            rows.append(
                {
                    "kitchen": row.kitchen, "sensor": row.sensor, "rule": rule, "boot": row.boot,
                    "offset_ms": row.offset_ms, "state": json.dumps(state).encode(),
                    "incident": incidents.get(rule),
                }
            )  # fmt: skip
    if rows:
        op.get_bind().execute(sa.insert(OLD), rows)
    op.drop_table("judgement")
