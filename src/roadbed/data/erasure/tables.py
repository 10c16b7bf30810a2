"""The SQL of erasures: one tombstone for each blob that is gone on purpose."""

import sqlalchemy as sa

from roadbed.database.tables import metadata, moment

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    moment("at_us"),
)
"""Nothing leaves this table: what is erased stays erased."""
