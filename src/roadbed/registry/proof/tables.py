"""The SQL of proof: the keys that sign statements, and which version has which."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment

statement_keys = sa.Table(
    "statement_keys",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("jwk", Json, nullable=False),
    moment("created_us"),
)
"""One row per key that signs statements: its public half, kept for good."""

statements = sa.Table(
    "statements",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("kid", sa.Text, nullable=False),
    moment("created_us"),
)
"""`digest` is that of the envelope, which is a blob; rows are never edited."""
