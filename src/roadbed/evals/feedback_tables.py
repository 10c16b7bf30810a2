"""The SQL of feedback: what people and the world said of calls, and its batches."""

import sqlalchemy as sa

from roadbed.database.tables import metadata, moment

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("turn", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last", sa.Boolean, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("number", sa.Float),
    sa.Column("label", sa.Text),
    sa.Column("commit", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    moment("called_us"),
    moment("at_us"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("batch", sa.Text, index=True),
    sa.Column("rollout", sa.Text),
    sa.Column("arm", sa.Text),
    sa.Column("bucket", sa.Integer),
    sa.Column("error", sa.Float),
    sa.Index("ix_feedback_rollout", "rollout", "at_us"),
    sa.Index("ix_feedback_said", "tenant", "endpoint", "at_us"),
    sa.Index("ix_feedback_called", "endpoint", "called_us"),
)
"""Rows are never edited, but for `last` and `batch`: who says something else adds a
`turn`, and the last one counts. `commit` binds what was kept apart. `rollout`, `arm`
and `bucket` are those of the call, and `error` is how far a prediction was from an
outcome, as long as that is kept."""

feedback_texts = sa.Table(
    "feedback_texts",
    metadata,
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("turn", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
)
"""What may tell of a person: corrections, outcomes and comments. It can be erased;
the feedback then still says that there was something, and of which bytes."""

feedback_batches = sa.Table(
    "feedback_batches",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("root", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    moment("sealed_us"),
)
"""Feedback that is on the audit log together, by the Merkle root over its rows."""
