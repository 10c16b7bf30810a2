"""What evaluations answered, graded and concluded."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_SUBJECT = (
    "endpoint",
    "evaluation",
    "evaluation_digest",
    "version",
    "version_digest",
    "terms",
)


def upgrade() -> None:
    """Apply."""
    _kept("evaluation_answers", "answer")
    _kept("evaluation_grades", "grade")
    _runs()
    _reports()
    _verdicts()
    _waivers()


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moment(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.Text(), nullable=False, server_default="default")


def _kept(table: str, what: str) -> None:
    op.create_table(
        table,
        *_texts("key", what),
        _moment("at_us"),
        sa.PrimaryKeyConstraint("key", name=op.f(f"pk_{table}")),
    )


def _runs() -> None:
    table = "evaluation_runs"
    op.create_table(
        table,
        *_texts("id", *_SUBJECT, "take", "status"),
        *[
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("done", "total", "cost_nano")
        ],
        *_texts("report", "actor"),
        _moment("started_us"),
        _moment("finished_us", nullable=True),
        _tenant(),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    _by_subject(table)


def _reports() -> None:
    table = "evaluation_reports"
    op.create_table(
        table,
        *_texts("digest", *_SUBJECT, "run"),
        sa.Column("complete", sa.Boolean(), nullable=False),
        *_texts("summary", "actor"),
        _moment("at_us"),
        _tenant(),
        sa.PrimaryKeyConstraint("digest", name=op.f(f"pk_{table}")),
    )
    _by_subject(table)
    op.create_index(op.f(f"ix_{table}_endpoint"), table, ["endpoint", "at_us"])


def _verdicts() -> None:
    table = "evaluation_verdicts"
    op.create_table(
        table,
        *_texts("digest", *_SUBJECT, "verdict", "report", "baseline"),
        *_texts("baseline_digest", "actor"),
        _moment("at_us"),
        _tenant(),
        sa.PrimaryKeyConstraint("digest", name=op.f(f"pk_{table}")),
    )
    _by_subject(table)


def _waivers() -> None:
    table = "evaluation_waivers"
    op.create_table(
        table,
        *_texts("id", "endpoint", "evaluation", "version", "version_digest"),
        *_texts("actor", "reason"),
        _moment("at_us"),
        _moment("until_us"),
        _tenant(),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_version"), table, ["version_digest"])


def _by_subject(table: str) -> None:
    columns = ["version_digest", "evaluation_digest"]
    op.create_index(op.f(f"ix_{table}_subject"), table, columns)
