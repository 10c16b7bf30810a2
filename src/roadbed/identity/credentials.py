"""Credentials: which principal each live key proves, loaded for the request path."""

from collections.abc import Collection
from dataclasses import replace

import sqlalchemy as sa

from roadbed.core.actor import Principal
from roadbed.identity import tables
from roadbed.identity.directory import Directory, Subject

OPERATOR = "operator"
"""The account that a bootstrap token makes a key for."""


def load_credentials(
    connection: sa.Connection,
    directory: Directory,
    keyed: Collection[str],
    now_us: int,
) -> dict[str, Principal]:
    """Return the principal that each live key proves, by the digest of the key.

    *keyed* are the names of the accounts that may have keys; a key of any other
    proves nothing. What the request path knows of keys is this and no more.
    """
    table = tables.keys
    live = sa.select(
        table.c.id, table.c.account, table.c.digest, table.c.expires_us
    ).where(table.c.revoked_us.is_(None), table.c.expires_us > now_us)
    found: dict[str, Principal] = {}
    for row in connection.execute(live):
        holder = directory.find(Subject(kind="service-account", name=row.account))
        if holder is None or row.account not in keyed:
            continue
        found[row.digest] = replace(
            holder,
            credential=row.id,
            expires_us=row.expires_us,
            # A key is shown with each request: it proves its holder anew.
            fresh_until_us=row.expires_us,
            digest=row.digest,
        )
    return found
