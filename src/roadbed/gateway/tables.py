"""The SQL of the call log: what was sealed, where it lies, and what went wrong."""

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
