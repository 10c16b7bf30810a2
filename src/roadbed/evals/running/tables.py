"""The SQL of evaluations: runs, answers and grades that are kept, and conclusions."""

import sqlalchemy as sa

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.database.tables import Json, metadata, moment


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.Text, nullable=False, server_default=DEFAULT_TENANT)


def _used() -> sa.Column[int]:
    return sa.Column(
        "used_us", sa.BigInteger, nullable=False, server_default="0", index=True
    )


def _of(name: str) -> sa.Column[str]:
    """Return a column with the name of what a row comes from, empty if from nothing."""
    return sa.Column(name, sa.Text, nullable=False, server_default="", index=True)


def _subject() -> list[sa.Column[str]]:
    """Return the columns that say what was evaluated, by what."""
    names = (
        "endpoint",
        "evaluation",
        "evaluation_digest",
        "version",
        "version_digest",
        "terms",
    )
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


runs = sa.Table(
    "evaluation_runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    *_subject(),
    sa.Column("take", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("cost_nano", sa.BigInteger, nullable=False),
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    moment("started_us"),
    moment("finished_us", nullable=True),
    _tenant(),
    sa.Index("ix_evaluation_runs_subject", "version_digest", "evaluation_digest"),
)
"""`status` is running, done, stopped (its budget was spent) or failed."""

answers = sa.Table(
    "evaluation_answers",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("answer", sa.Text, nullable=False),
    moment("at_us"),
    _used(),
    _of("call_id"),
    _of("origin"),
)
"""Answers that came, by what they depend on; see `keys.answer_key`. `call_id` is the
call that got the answer, `origin` the one that the case was made of, if it was.
`used_us` is when it was last used, to the day."""

grades = sa.Table(
    "evaluation_grades",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("grade", sa.Text, nullable=False),
    moment("at_us"),
    _used(),
    _of("answer"),
)
"""Grades, by answer, case and grader; see `keys.grade_key`. `answer` is the key of the
answer, `used_us` when the grade was last used, to the day."""

reports = sa.Table(
    "evaluation_reports",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    *_subject(),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("summary", Json, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    moment("at_us"),
    _tenant(),
    sa.Index("ix_evaluation_reports_subject", "version_digest", "evaluation_digest"),
    sa.Index("ix_evaluation_reports_endpoint", "endpoint", "at_us"),
)
"""`digest` names the blob with the whole report; `summary` is what lists show."""

verdicts = sa.Table(
    "evaluation_verdicts",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    *_subject(),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("baseline", sa.Text, nullable=False),
    sa.Column("baseline_digest", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    moment("at_us"),
    _tenant(),
    sa.Index("ix_evaluation_verdicts_subject", "version_digest", "evaluation_digest"),
)
"""What the gate of an evaluation said of a version: pass, fail or inconclusive.
`baseline` is the version it was compared with, empty where there was none."""

waivers = sa.Table(
    "evaluation_waivers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    *[c for c in _subject() if c.name not in ("evaluation_digest", "terms")],
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    moment("at_us"),
    moment("until_us"),
    _tenant(),
    sa.Index("ix_evaluation_waivers_version", "version_digest"),
)
"""Who lets a version into production without an evaluation, why, and until when."""
