"""Credentials: which principal each live key proves, loaded for the request path."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa

from roadbed.core.actor import DEFAULT_TENANT, Principal
from roadbed.identity import tables


class AccountLike(Protocol):
    """What a key's principal takes from its account."""

    @property
    def roles(self) -> Iterable[str]:
        """The names of its roles."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels, which policies may read."""
        ...

    @property
    def tenant(self) -> str:
        """The tenant it belongs to."""
        ...

    @property
    def residency(self) -> frozenset[str]:
        """The regions in which its data may be processed; empty: any."""
        ...

    @property
    def keys(self) -> bool:
        """Whether keys are accepted from it."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """A service account as far as keys care."""

    roles: Iterable[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    tenant: str = DEFAULT_TENANT
    residency: frozenset[str] = frozenset()
    keys: bool = True


OPERATOR = "operator"
"""The account that a bootstrap token makes a key for."""


def load_credentials(
    connection: sa.Connection, accounts: Mapping[str, AccountLike], now_us: int
) -> dict[str, Principal]:
    """Return the principal that each live key proves, by the digest of the key.

    *accounts* are the live service accounts by name; a key of any other account
    proves nothing. What the request path knows of keys is this and no more.
    """
    table = tables.keys
    live = sa.select(
        table.c.id, table.c.account, table.c.digest, table.c.expires_us
    ).where(table.c.revoked_us.is_(None), table.c.expires_us > now_us)
    return {
        row.digest: Principal(
            kind="service-account",
            name=row.account,
            roles=frozenset(accounts[row.account].roles),
            labels=tuple(sorted(accounts[row.account].labels.items())),
            tenant=accounts[row.account].tenant,
            residency=accounts[row.account].residency,
            credential=row.id,
            expires_us=row.expires_us,
            # A key is shown with each request: it proves its holder anew.
            fresh_until_us=row.expires_us,
            digest=row.digest,
        )
        for row in connection.execute(live)
        if row.account in accounts and accounts[row.account].keys
    }
