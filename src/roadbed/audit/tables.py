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

tree = sa.Table(
    "audit_tree",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("nodes", Json, nullable=False),
)
"""One row: the tree's frontier. Who appends holds it until the transaction ends."""

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
