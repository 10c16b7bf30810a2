"""Principals and targets for tests, at one moment."""

from roadbed.core.actor import Principal
from roadbed.core.decision import Target

NOW = 1_763_632_800_000_000


def account(name="claims", *roles, tenant="default", **labels):
    """Return a service account that has been authenticated."""
    return Principal(
        kind="service-account",
        name=name,
        roles=frozenset(roles),
        labels=tuple(sorted(labels.items())),
        tenant=tenant,
        expires_us=NOW + 10**12,
        fresh_until_us=NOW + 10**12,
        digest="sha256:" + "0" * 64,
    )


def endpoint(name="support-bot", **attributes):
    """Return an endpoint as a target."""
    return Target(kind="Endpoint", name=name, attributes=attributes)
