"""The SQL of tracking: what a run writes while it is under way."""

import sqlalchemy as sa

from roadbed.database.tables import metadata, moment


def _run() -> sa.Column[str]:
    return sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), primary_key=True)


run_points = sa.Table(
    "run_points",
    metadata,
    sa.Column(
        "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
    ),
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    moment("at_us"),
    sa.Column("value", sa.Double, nullable=True),
    sa.Index("ix_run_points_run_id_key_step", "run_id", "key", "step"),
)
"""Every value of every metric, as it came. NULL is NaN, which SQLite cannot hold."""

run_latest = sa.Table(
    "run_latest",
    metadata,
    _run(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("step", sa.BigInteger, nullable=False),
    moment("at_us"),
    sa.Column("value", sa.Double, nullable=True),
    sa.Index("ix_run_latest_key_value", "key", "value"),
)
"""The newest point of each metric: the highest step, then time, then value."""

run_params = sa.Table(
    "run_params",
    metadata,
    _run(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Index("ix_run_params_key_value", "key", "value"),
)
"""The parameters once more, one a row, to search them; the record has them typed."""

run_tags = sa.Table(
    "run_tags",
    metadata,
    _run(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Index("ix_run_tags_key_value", "key", "value"),
)
"""What the caller says of a run: claims, of which nothing was observed."""

run_artifacts = sa.Table(
    "run_artifacts",
    metadata,
    _run(),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("sealed", sa.Boolean, nullable=False),
    moment("created_us"),
)
"""The files that a run wrote. `sealed`: a model version rests on it; it stays."""
