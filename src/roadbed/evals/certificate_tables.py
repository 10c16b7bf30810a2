"""The SQL of judge certificates."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment

certificates = sa.Table(
    "judge_certificates",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("judge", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("findings", Json, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    moment("made_us"),
    moment("expires_us"),
)
"""`id` is the digest of the rest, `judge` that of what judges; never edited."""
