"""Recipes and the menu"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recipe",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("dish", sa.String(), nullable=False),
        sa.Column("dish_key", sa.String(), nullable=False),
        sa.Column("ingredients", sa.Text(), nullable=False),
        sa.Column("cooked_g", sa.Float(), nullable=True),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("recipe_by_dish", "recipe", ["kitchen", "dish_key"])
    op.create_table(
        "menu",
        sa.Column("kitchen", sa.String(), nullable=False, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("wave", sa.String(), nullable=False),
        sa.Column("dish", sa.String(), nullable=False),
        sa.Column("dish_key", sa.String(), nullable=False),
        sa.Column("portions", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.Boolean(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
    )
    op.create_index("menu_by_day", "menu", ["kitchen", "day"])


def downgrade() -> None:
    op.drop_index("menu_by_day", table_name="menu")
    op.drop_table("menu")
    op.drop_index("recipe_by_dish", table_name="recipe")
    op.drop_table("recipe")
