"""Calls that are units by themselves are counted; tallies tell their weight."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "rollout_lone",
        sa.Column("rollout", sa.Text(), nullable=False),
        sa.Column("side", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bad", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout"], ["rollouts.id"], name=op.f("fk_rollout_lone_rollout_rollouts")
        ),
        sa.PrimaryKeyConstraint("rollout", "side", "bad", name=op.f("pk_rollout_lone")),
    )
    op.drop_column("rollout_replicas", "since_us")
