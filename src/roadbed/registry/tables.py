"""The SQL of the registry: runs, and the model versions they made."""

import sqlalchemy as sa

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.database.tables import Json, metadata, moment

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("code", Json, nullable=False),
    sa.Column("environment", Json, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("params", Json, nullable=False),
    sa.Column("seed", Json, nullable=True),
    sa.Column("metrics", Json, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    moment("started_us"),
    moment("finished_us", nullable=True),
    sa.Column("tenant", sa.Text, nullable=False, server_default=DEFAULT_TENANT),
)
"""A row is written when the work starts, and once more when it ends."""

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False, index=True),
    sa.Column("definition", Json, nullable=False),
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), nullable=True, index=True),
    moment("created_us"),
    sa.Column("actor", sa.Text, nullable=False),
)
"""`digest` is the SHA-256 of the definition's canonical JSON; never edited."""

approvals = sa.Table(
    "registry_approvals",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("approver", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    moment("at_us"),
)
"""Who vouched for which version, once each. `digest` is that of the version."""

withdrawals = sa.Table(
    "registry_withdrawals",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    moment("at_us"),
)
"""The versions that can never be pinned or loaded again. Nothing leaves this table."""

run_leases = sa.Table(
    "run_leases",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("holder", sa.Text, primary_key=True),
    moment("beat_us"),
)
"""When each process of a run was last known to be alive."""

retrain_jobs = sa.Table(
    "retrain_jobs",
    metadata,
    sa.Column("because", sa.Text, primary_key=True),
    sa.Column("instead", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("made", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    moment("at_us"),
)
"""Which version was trained again, because of which data and on which instead."""
