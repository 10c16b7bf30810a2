"""The SQL of the control room: every revision of every resource, and the snapshots."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment

resources = sa.Table(
    "resources",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("snapshot", sa.Integer, nullable=False, index=True),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("content", Json, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("applied_by", sa.Text, nullable=False),
    moment("applied_us"),
)
"""One row per revision of a resource, counted from 1; rows are never edited.

`snapshot` is the revision of the stack that made the row; `change` is `create`,
`follow` or `retire`; `digest` is the SHA-256 of the content's canonical JSON.
"""

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("content", Json, nullable=False),
    sa.Column("applied_by", sa.Text, nullable=False),
    moment("applied_us"),
)
"""One row per applied change of the stack, counted from 1.

`content` is the revision, the digest before it, the plan that made it, and the
digest of each live resource; `digest` is the SHA-256 of its canonical JSON.
"""
