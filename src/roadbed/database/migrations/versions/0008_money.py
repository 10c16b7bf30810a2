"""Budgets are counted, and leased to processes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "budget_counters",
        *_key(),
        sa.Column("leased", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("recalls", sa.BigInteger(), nullable=False),
        sa.Column("recalled_us", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "budget", "since_us", "run", name=op.f("pk_budget_counters")
        ),
    )
    op.create_table(
        "budget_leases",
        *_key(),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("answered", sa.BigInteger(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "budget", "since_us", "run", "holder", name=op.f("pk_budget_leases")
        ),
    )
    with op.batch_alter_table("budget_leases", schema=None) as batch_op:
        batch_op.create_index("ix_budget_leases_holder", ["holder"], unique=False)
    op.create_table(
        "replicas",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_replicas")),
    )


def _key() -> list[sa.Column[object]]:
    return [
        sa.Column("budget", sa.Text(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
    ]
