"""What policies read of each thing: the one way from content to a target.

The API, the console and the command line all come here, for a list as for a get.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from roadbed.control.state import Revision, newest_revision
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound
from roadbed.core.resource import tenant_of
from roadbed.data.datasets import has_versions
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import Tally
from roadbed.identity.keys import KeyInfo, find_key
from roadbed.inference.record import CallRecord
from roadbed.registry.runs import Run, get_run
from roadbed.registry.versions import newest_version

_READABLE = (
    "classification",
    "owner",
    "purpose",
    "purposes",
    "region",
    "residency",
    "stage",
)
"""The fields of a spec that a policy may read, where a kind has them."""


def attributes_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what policies may read of the resource with this *content*."""
    spec = content["spec"]
    known = {name: spec[name] for name in _READABLE if spec.get(name)}
    if content["kind"] == "Endpoint":
        known["model"] = spec["model"].partition("@")[0]
    if labels := content["metadata"].get("labels"):
        known["labels"] = labels
    return {"tenant": tenant_of(content), **known}


def target_of(revision: Revision, kind: str = "") -> Target:
    """Return a resource as a target: of its own kind, or as the *kind* given."""
    attributes = attributes_of(revision.content)
    return Target(kind=kind or revision.kind, name=revision.name, attributes=attributes)


def resource_target(revision: Revision) -> Target:
    """Return a resource as what is declared, whatever its kind."""
    return target_of(revision, "Resource")


def call_target(record: CallRecord | Tally) -> Target:
    """Return calls as a target: what policies read of them are the facts on record.

    The name is the endpoint's: calls with the same facts are decided upon alike,
    one by one as well as counted. Whoever was not known called in nobody's name:
    that is on the platform's record.
    """
    facts = {
        "endpoint": record.endpoint,
        "model": record.model.partition("@")[0],
        "provider": record.provider,
        "region": record.region,
    }
    known = {name: value for name, value in facts.items() if value}
    tenant = record.tenant or DEFAULT_TENANT
    return Target(
        kind="Call", name=record.endpoint, attributes={"tenant": tenant, **known}
    )


def run_target(run: Run) -> Target:
    """Return a run as a target; it belongs to the tenant of who ran it."""
    return Target(kind="Run", name=run.id, attributes={"tenant": run.tenant})


def find(connection: sa.Connection, kind: str, name: str) -> Target | None:
    """Return the resource called *name* as a target, live or retired, or None."""
    found = newest_revision(connection, kind, name)
    return None if found is None else target_of(found)


def find_endpoint(connection: sa.Connection, name: str) -> Target | None:
    """Return an endpoint as a target, live or retired, or None."""
    return find(connection, "Endpoint", name)


def find_live(connection: sa.Connection, kind: str, name: str) -> Target | None:
    """Return the resource called *name* as a target, None if it is not live."""
    found = newest_revision(connection, kind, name)
    if found is None or found.state != "live":
        return None
    return target_of(found)


def find_model(connection: sa.Connection, name: str) -> Target | None:
    """Return a model as a target; it may have versions and be declared no more."""
    found = find(connection, "Model", name)
    if found is None and newest_version(connection, name) is not None:
        return Target(kind="Model", name=name)
    return found


def find_dataset(connection: sa.Connection, name: str) -> Target | None:
    """Return a dataset as a target; it may have versions and be declared no more."""
    found = find(connection, "Dataset", name)
    if found is None and has_versions(connection, name):
        return Target(kind="Dataset", name=name)
    return found


def find_resource(connection: sa.Connection, kind: str, name: str) -> Target | None:
    """Return what is or was declared as *kind* and *name* as a target, or None."""
    found = newest_revision(connection, kind, name)
    return None if found is None else resource_target(found)


def find_run(connection: sa.Connection, run_id: str) -> Target | None:
    """Return a run as a target, or None."""
    with suppress(NotFound):
        return run_target(get_run(connection, run_id))
    return None


def find_call(log: CallLog, call_id: str, tenant: str) -> Target | None:
    """Return a call of *tenant* as a target, or None; Invalid for what is no id."""
    with suppress(NotFound):
        return call_target(log.find(call_id, tenant).record)
    return None


def find_account(connection: sa.Connection, account: str) -> Target | None:
    """Return the keys of *account* as a target, None if it was never declared."""
    found = newest_revision(connection, "ServiceAccount", account)
    return None if found is None else _key_target(account, found)


def find_of_key(connection: sa.Connection, key_id: str) -> Target | None:
    """Return one key as a target, or None."""
    found = find_key(connection, key_id)
    return None if found is None else keys_of(connection)(found)


_FINDERS: Mapping[str, Callable[[sa.Connection, str], Target | None]] = {
    "Dataset": find_dataset,
    "Endpoint": find_endpoint,
    "Key": find_of_key,
    "Model": find_model,
    "Run": find_run,
}


def locate(connection: sa.Connection, kind: str, name: str) -> Target | None:
    """Return what a command or a notebook means by *kind* and *name*, or None."""
    find = _FINDERS.get(kind)
    return find(connection, name) if find else None


def keys_of(connection: sa.Connection) -> Callable[[KeyInfo], Target]:
    """Return what makes a target of a key: it is as its account is."""
    known: dict[str, Revision | None] = {}

    def target(key: KeyInfo) -> Target:
        if key.account not in known:
            account = newest_revision(connection, "ServiceAccount", key.account)
            known[key.account] = account
        return _key_target(key.id, known[key.account], key.account)

    return target


def _key_target(name: str, account: Revision | None, called: str = "") -> Target:
    attributes = attributes_of(account.content) if account else {}
    readable = {n: attributes[n] for n in ("tenant", "labels") if n in attributes}
    account_name = account.name if account else called
    return Target(
        kind="Key", name=name, attributes={**readable, "account": account_name}
    )
