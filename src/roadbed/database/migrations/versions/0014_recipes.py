"""How to run a run again: leases, source files, judgements of data, retraining."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "run_leases",
        sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("beat_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "holder", name=op.f("pk_run_leases")),
    )
    _files()
    _marks()
    _retrains()


def _files() -> None:
    names = ("digest", "name", "number")
    op.create_table(
        "dataset_files",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*names, name=op.f("pk_dataset_files")),
    )
    op.create_index(op.f("ix_dataset_files_bytes"), "dataset_files", ["bytes"])


def _marks() -> None:
    names = ("name", "number", "at_us")
    op.create_table(
        "dataset_marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("bad", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(*names, name=op.f("pk_dataset_marks")),
    )


def _retrains() -> None:
    op.create_table(
        "retrain_jobs",
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("instead", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("made", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "because", "instead", "version", name=op.f("pk_retrain_jobs")
        ),
    )
