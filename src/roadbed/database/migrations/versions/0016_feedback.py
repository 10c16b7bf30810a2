"""Feedback, cases to be, and what people said of them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_WHOSE = ("call_id", "source", "name", "turn")


def upgrade() -> None:
    """Apply."""
    _feedback()
    _batches()
    _candidates()
    _labels()
    _online()


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moments(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _feedback() -> None:
    op.create_table(
        "feedback",
        *_texts("call_id", "source", "name"),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("last", sa.Boolean(), nullable=False),
        *_texts("kind"),
        sa.Column("number", sa.Float(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        *_texts("commit", "tenant", "endpoint", "model"),
        *_moments("called_us", "at_us"),
        *_texts("actor"),
        sa.Column("batch", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(*_WHOSE, name=op.f("pk_feedback")),
    )
    op.create_index(op.f("ix_feedback_batch"), "feedback", ["batch"])
    op.create_index("ix_feedback_said", "feedback", ["tenant", "endpoint", "at_us"])
    op.create_index("ix_feedback_called", "feedback", ["endpoint", "called_us"])
    op.create_table(
        "feedback_texts",
        *_texts("call_id", "source", "name"),
        sa.Column("turn", sa.Integer(), nullable=False),
        *_texts("salt", "said"),
        sa.PrimaryKeyConstraint(*_WHOSE, name=op.f("pk_feedback_texts")),
    )


def _batches() -> None:
    op.create_table(
        "feedback_batches",
        *_texts("id", "root"),
        sa.Column("rows", sa.Integer(), nullable=False),
        *_moments("sealed_us"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_batches")),
    )


def _candidates() -> None:
    op.create_table(
        "golden_candidates",
        *_texts("id", "dataset", "digest", "state"),
        sa.Column("wanted", sa.Integer(), nullable=False),
        *_texts("reason"),
        sa.Column("probability", sa.Float(), nullable=True),
        *_texts("call_id", "endpoint", "model", "tags", "cluster"),
        *_moments("at_us"),
        *_texts("actor"),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_us", sa.BigInteger(), nullable=True),
        sa.Column("published", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_golden_candidates")),
        sa.UniqueConstraint(
            "dataset", "digest", name=op.f("uq_golden_candidates_case")
        ),
    )
    op.create_index(
        "ix_golden_candidates_state", "golden_candidates", ["dataset", "state"]
    )


def _labels() -> None:
    op.create_table(
        "golden_texts",
        _candidate(),
        *_texts("input"),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("expected", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("candidate", name=op.f("pk_golden_texts")),
    )
    op.create_table(
        "golden_labels",
        _candidate(),
        *_texts("annotator", "verdict"),
        sa.Column("expected", sa.Text(), nullable=True),
        *_texts("note"),
        *_moments("at_us"),
        sa.PrimaryKeyConstraint(
            "candidate", "annotator", name=op.f("pk_golden_labels")
        ),
    )


def _candidate() -> sa.Column[str]:
    whose = sa.ForeignKey("golden_candidates.id")
    return sa.Column("candidate", sa.Text(), whose, nullable=False)


def _online() -> None:
    op.create_table(
        "online_grades",
        *_texts("evaluation", "call_id", "grader", "digest"),
        *_texts("tenant", "endpoint", "model"),
        *_moments("called_us"),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        *_texts("label", "error"),
        sa.Column("known", sa.Boolean(), nullable=False),
        *_moments("cost_nano", "at_us"),
        sa.PrimaryKeyConstraint(
            "evaluation", "call_id", "grader", name=op.f("pk_online_grades")
        ),
    )
    op.create_index(
        "ix_online_grades_called", "online_grades", ["endpoint", "called_us"]
    )
    op.create_index("ix_online_grades_spent", "online_grades", ["evaluation", "at_us"])
    op.create_table(
        "online_marks",
        *_texts("evaluation", "holder"),
        *_moments("until_us", "place", "said_us"),
        sa.PrimaryKeyConstraint("evaluation", name=op.f("pk_online_marks")),
    )
