"""The SQL of datasets: one row for each immutable version, and lineage."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment

dataset_versions = sa.Table(
    "dataset_versions",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("manifest", Json, nullable=False),
    moment("created_us"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("key", Json),
    sa.Column("source", Json),
    sa.Column("parents", Json),
    sa.Column("run_id", sa.Text),
    sa.Column("report", sa.Text),
    sa.Column("stored", Json),
    sa.UniqueConstraint("name", "digest", name="uq_dataset_versions_name_digest"),
)
"""`digest` is the SHA-256 of the manifest's canonical JSON; rows are never edited.

`key` and what follows are not part of what the version is, but of where it came
from. `report` is the digest of what its checks found, `stored` says of a tree which
objects hold its files. All are NULL in versions from before they were recorded.
"""

edges = sa.Table(
    "edges",
    metadata,
    sa.Column("src", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("dst", sa.Text, primary_key=True, index=True),
    sa.Column("role", sa.Text, primary_key=True),
)
"""Lineage: what came out of what; see `roadbed.data.lineage`."""

dataset_files = sa.Table(
    "dataset_files",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("bytes", sa.BigInteger, nullable=False, index=True),
)
"""The files that versions were made of, by their bytes: so a read of one is known."""

dataset_marks = sa.Table(
    "dataset_marks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at_us", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("bad", sa.Boolean, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
)
"""What people said of versions: bad, or good after all. The last word counts."""
