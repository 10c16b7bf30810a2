"""The SQL of online grading: grades of calls that were drawn, and how far it is."""

import sqlalchemy as sa

from roadbed.database.tables import metadata, moment

online_grades = sa.Table(
    "online_grades",
    metadata,
    sa.Column("evaluation", sa.Text, primary_key=True),
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("grader", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    moment("called_us"),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("known", sa.Boolean, nullable=False),
    sa.Column("cost_nano", sa.BigInteger, nullable=False),
    moment("at_us"),
    sa.Column("rollout", sa.Text),
    sa.Column("arm", sa.Text),
    sa.Column("bucket", sa.Integer),
    sa.Column("mirrors", sa.Text),
    sa.Column("higher", sa.Boolean),
    sa.Column("binary", sa.Boolean),
    sa.Column("told_us", sa.BigInteger),
    sa.Index("ix_online_grades_told", "rollout", "told_us"),
    sa.Index("ix_online_grades_called", "endpoint", "called_us"),
    sa.Index("ix_online_grades_spent", "evaluation", "at_us"),
)
"""One row for each call that was drawn and each grader. `probability` is how likely
the call was to be drawn; `known` says whether the right answer was known. `rollout`,
`arm` and `bucket` are those of the call, and `mirrors` is the call that it is a copy
of: such are kept under `mirrored(endpoint)`. `higher` says whether higher values are
better, `binary` whether all are 0 or 1, `told_us` when there was a value first."""

online_marks = sa.Table(
    "online_marks",
    metadata,
    sa.Column("evaluation", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    moment("until_us"),
    sa.Column("place", sa.BigInteger, nullable=False),
    moment("said_us"),
)
"""How far each evaluation is: calls whose seal has at most that `place` in the audit
log, and feedback given up to then, are done.
`holder` does it until `until_us`, and no other replica."""
