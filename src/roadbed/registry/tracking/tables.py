"""The SQL of tracking: what a run writes while it is under way."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment


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

run_seals = sa.Table(
    "run_seals",
    metadata,
    _run(),
    sa.Column("below", sa.Text, primary_key=True),
)
"""The folders of runs that are closed: nothing is added to what a version rests on."""

experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    moment("created_us"),
    moment("updated_us"),
    sa.UniqueConstraint("tenant", "name", name="uq_experiments_tenant_name"),
)
"""Folders of runs. `stage` is `active` or `deleted`; a name is never given twice."""

experiment_tags = sa.Table(
    "experiment_tags",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("experiment_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

tracked_runs = sa.Table(
    "tracked_runs",
    metadata,
    _run(),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("experiment_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("start_ms", sa.BigInteger, nullable=False),
    sa.Column("end_ms", sa.BigInteger, nullable=True),
    sa.Index(
        "ix_tracked_runs_tenant_experiment_id_start_ms",
        "tenant",
        "experiment_id",
        "start_ms",
    ),
)
"""What a client says of a run beside the record: all of it claims, in milliseconds."""

run_inputs = sa.Table(
    "run_inputs",
    metadata,
    _run(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("context", sa.Text, primary_key=True),
    sa.Column("source_type", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("schema", sa.Text, nullable=False),
    sa.Column("profile", sa.Text, nullable=False),
    sa.Column("tags", Json, nullable=False),
)
"""Data that a client says it read, as it names it: no dataset of ours, a claim."""

run_models = sa.Table(
    "run_models",
    metadata,
    _run(),
    sa.Column("model_id", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("step", sa.BigInteger, nullable=False),
)
"""Logged models that a run read (`input`) or wrote (`output`)."""

logged_models = sa.Table(
    "logged_models",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("experiment_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("source_run_id", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Index(
        "ix_logged_models_tenant_experiment_id_created_ms",
        "tenant",
        "experiment_id",
        "created_ms",
    ),
)
"""Models as clients log them; `run_id` is the run that keeps their files."""


def _pairs(name: str) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


logged_params = _pairs("logged_params")
logged_tags = _pairs("logged_tags")

logged_metrics = sa.Table(
    "logged_metrics",
    metadata,
    sa.Column("model_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("dataset_name", sa.Text, primary_key=True),
    sa.Column("dataset_digest", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    moment("at_us"),
    sa.Column("value", sa.Double, nullable=True),
)
"""The newest point of each metric of a logged model, on each dataset."""

tracked_models = sa.Table(
    "tracked_models",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, nullable=False, unique=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    moment("created_us"),
    moment("updated_us"),
)
"""Models by the name that clients give them; `model` is their name in the registry."""

tracked_versions = sa.Table(
    "tracked_versions",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False, index=True),
    sa.Column("model_id", sa.Text, nullable=False),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("gone", sa.Boolean, nullable=False),
    moment("created_us"),
    moment("updated_us"),
)
"""What a client says of a version beside its definition. `gone`: it was deleted."""

model_aliases = sa.Table(
    "model_aliases",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("alias", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)
"""Names that point to a version. Where they pointed before is in the audit log."""

model_tags = sa.Table(
    "model_tags",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""Tags of models, where the number is 0, and of versions."""
