"""What went into batches by recipe, and what came out of them"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batch_mass",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("mass_g", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("waste", sa.String(), nullable=False),
        sa.Column("school", sa.String(), nullable=False),
        sa.Column("movement", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("batch_mass_by_batch", "batch_mass", ["kitchen", "batch"])
    op.create_index("batch_mass_by_time", "batch_mass", ["kitchen", "at_ms"])
    op.create_table(
        "batch_recipe",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("portions", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("batch_recipe_by_batch", "batch_recipe", ["kitchen", "batch"])


def downgrade() -> None:
    op.drop_index("batch_recipe_by_batch", table_name="batch_recipe")
    op.drop_table("batch_recipe")
    for name in ("batch_mass_by_time", "batch_mass_by_batch"):
        op.drop_index(name, table_name="batch_mass")
    op.drop_table("batch_mass")
