"""The SQL of the gateway: what was sealed and where it lies, alerts, and keys."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("spool", sa.Text, nullable=False, index=True),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("hour", sa.Integer, nullable=False),
    moment("min_ts"),
    moment("max_ts"),
    sa.Column("min_ms", sa.BigInteger, nullable=False),
    sa.Column("max_ms", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("root", sa.Text, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    moment("sealed_us"),
    sa.Index("ix_segments_ids", "region", "min_ms", "max_ms"),
    sa.Index("ix_segments_times", "state", "max_ts"),
)
"""One row for the calls of one spool and one hour. `min_ms` and `max_ms` span the
times that the call ids name; `root` is the Merkle root that the audit log holds."""

segment_files = sa.Table(
    "segment_files",
    metadata,
    sa.Column("segment_id", sa.Text, sa.ForeignKey("segments.id"), primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
)
"""The Parquet files of a segment: `calls`, and `payloads` if any were kept.
`path` is relative to the root of the history."""

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    moment("at"),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("detail", Json, nullable=False),
    moment("cleared", nullable=True),
    sa.Index("ix_alerts_open", "cleared", "code"),
)
"""What an operator should look at. `cleared` is when it was over, or NULL."""

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("asked", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    moment("lease_us"),
    moment("expires_us", index=True),
    sa.Column("answer", sa.LargeBinary, nullable=True),
)
"""One row for each idempotency key of a caller: `key` and `asked` are digests of whose
key it is and of the request that came with it. `owner` is the call that is answering,
until `lease_us` at the latest; `answer` is what it ended with, or NULL before."""

budget_counters = sa.Table(
    "budget_counters",
    metadata,
    sa.Column("budget", sa.Text, primary_key=True),
    sa.Column("since_us", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("leased", sa.BigInteger, nullable=False),
    sa.Column("settled", sa.BigInteger, nullable=False),
    sa.Column("recalls", sa.BigInteger, nullable=False),
    moment("recalled_us"),
    sa.Column("told", sa.Integer, nullable=False),
)
"""One row for each budget and window, and for each run of an agent where it counts by
runs. Money is in billionths of a US dollar; see `gateway.money.lease.Counter`."""

budget_leases = sa.Table(
    "budget_leases",
    metadata,
    sa.Column("budget", sa.Text, primary_key=True),
    sa.Column("since_us", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, primary_key=True),
    sa.Column("granted", sa.BigInteger, nullable=False),
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("answered", sa.BigInteger, nullable=False),
    moment("seen_us"),
    sa.Index("ix_budget_leases_holder", "holder"),
)
"""What one process may spend of a budget, and has: a `gateway.money.lease.Lease`."""

replicas = sa.Table(
    "replicas",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    moment("seen_us"),
)
"""The processes that serve now, by when they last said so."""

served = sa.Table(
    "served",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("served", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("call_id", sa.Text, nullable=False),
    moment("since_us"),
)
"""What a provider last said that it serves for a model version, since which call, and
what it said before that; empty if it never said anything else."""
