"""Rollouts: where each is, how it came there, and what replicas saw."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _rollouts()
    _changes()
    _seen()
    _who()
    _judged()


def _rollouts() -> None:
    names = (
        *("id", "endpoint", "tenant", "declared", "old", "new", "old_digest"),
        *("new_digest", "spec", "plan", "state"),
    )
    op.create_table(
        "rollouts",
        *(sa.Column(name, sa.Text(), nullable=False) for name in names),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("active", sa.Text(), nullable=True),
        sa.Column("snapshot", sa.BigInteger(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
        sa.UniqueConstraint("active", name=op.f("uq_rollouts_active")),
    )
    op.create_index(
        "ix_rollouts_endpoint_started", "rollouts", ["endpoint", "started_us"]
    )


def _changes() -> None:
    op.create_table(
        "rollout_changes",
        sa.Column("rollout", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("evidence_digest", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.id"]),
        sa.PrimaryKeyConstraint("rollout", "revision", name=op.f("pk_rollout_changes")),
    )


def _seen() -> None:
    op.create_table(
        "rollout_tallies",
        sa.Column("rollout", sa.Text(), nullable=False),
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.id"]),
        sa.PrimaryKeyConstraint(
            "rollout", "replica", "at_us", name=op.f("pk_rollout_tallies")
        ),
    )
    op.create_table(
        "rollout_units",
        sa.Column("rollout", sa.Text(), nullable=False),
        sa.Column("unit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("sides", sa.Integer(), nullable=False),
        sa.Column("bad_old", sa.Integer(), nullable=False),
        sa.Column("bad_new", sa.Integer(), nullable=False),
        sa.Column("bad_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.id"]),
        sa.PrimaryKeyConstraint("rollout", "unit", name=op.f("pk_rollout_units")),
    )


def _who() -> None:
    op.create_table(
        "rollout_replicas",
        sa.Column("rollout", sa.Text(), nullable=False),
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("serving", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.id"]),
        sa.PrimaryKeyConstraint("rollout", "replica", name=op.f("pk_rollout_replicas")),
    )
    op.create_table(
        "rollout_looks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rollout_looks")),
    )


def _judged() -> None:
    """Let grades and feedback say which version was judged, and for whom."""
    for table in ("online_grades", "feedback"):
        op.add_column(table, sa.Column("rollout", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("arm", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("bucket", sa.Integer(), nullable=True))
    op.add_column("online_grades", sa.Column("mirrors", sa.Text(), nullable=True))
    op.add_column("online_grades", sa.Column("higher", sa.Boolean(), nullable=True))
    op.add_column("online_grades", sa.Column("binary", sa.Boolean(), nullable=True))
    op.add_column("online_grades", sa.Column("told_us", sa.BigInteger(), nullable=True))
    op.add_column("feedback", sa.Column("error", sa.Float(), nullable=True))
    op.create_index("ix_online_grades_told", "online_grades", ["rollout", "told_us"])
    op.create_index("ix_feedback_rollout", "feedback", ["rollout", "at_us"])
