"""The audit log's tables."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment

entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    moment("at_us"),
    sa.Column("actor", sa.Text, nullable=False, index=True),
    sa.Column("action", sa.Text, nullable=False, index=True),
    sa.Column("resource", sa.Text, nullable=False, index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("detail", Json, nullable=False),
    sa.Column("leaf", sa.Text, nullable=False),
)
"""One row per entry; `leaf` is its leaf hash in hex."""

outbox = sa.Table(
    "audit_outbox",
    metadata,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    moment("at_us"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("resource", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
"""Entries that are durable but have no place in the log yet, in canonical spelling.
Writers only insert; whoever holds the row of `tree` moves them into the log."""

tree = sa.Table(
    "audit_tree",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("nodes", Json, nullable=False),
)
"""One row: the tree's frontier. Who moves entries into the log holds it meanwhile."""

tiles = sa.Table(
    "audit_tiles",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)
"""Full tiles of the tree, as C2SP cuts them, each with the root over it: made from
the entries, and made again whenever one is missing."""

checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    moment("at_us"),
    sa.Column("root", sa.Text, nullable=False),
    sa.Column("nodes", Json, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)
"""Signed checkpoints, each with the frontier from which the next one is reached."""
