"""What policies read of each thing: the one way from content to a target.

The API, the console and the command line all come here, for a list as for a get.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

import sqlalchemy as sa

from roadbed.control.readable import attributes_of
from roadbed.control.state import Revision, newest_revision
from roadbed.control.versions import target_of as version_target_of
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid, NotFound
from roadbed.core.reference import parse
from roadbed.data.datasets import has_versions
from roadbed.evals.reports.store import Report
from roadbed.evals.reports.store import find as report_called
from roadbed.evals.reports.store import newest_of as newest_report
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import Spend, Tally
from roadbed.identity.directory import read_subject
from roadbed.identity.keys import KeyInfo, find_key
from roadbed.inference.record import CallRecord
from roadbed.inference.snapshot import Directory
from roadbed.registry.runs import Run, get_run
from roadbed.registry.tracking.models import of_registry
from roadbed.registry.versions import newest_version
from roadbed.rollouts.store import get as get_rollout


def target_of(revision: Revision, kind: str = "") -> Target:
    """Return a resource as a target: of its own kind, or as the *kind* given."""
    attributes = attributes_of(revision.content)
    return Target(kind=kind or revision.kind, name=revision.name, attributes=attributes)


def resource_target(revision: Revision) -> Target:
    """Return a resource as what is declared, whatever its kind."""
    return target_of(revision, "Resource")


def call_target(record: CallRecord | Tally | Spend) -> Target:
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
    """Return a model as a target; it may have versions and not be declared.

    A model that only tracking clients know is of their tenant.
    """
    found = find(connection, "Model", name)
    if found is None and newest_version(connection, name) is not None:
        tracked = of_registry(connection, name)
        whose = {"tenant": tracked.tenant} if tracked else {}
        return Target(kind="Model", name=name, attributes=whose)
    return found


def find_version(connection: sa.Connection, ref: str) -> Target | None:
    """Return the model version called *ref* as a target, with its lists, or None."""
    with suppress(Invalid, NotFound):
        return version_target_of(connection, parse(ref))
    return None


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


def find_evaluation(connection: sa.Connection, name: str) -> Target | None:
    """Return an evaluation as a target; of one that is gone, what was reported."""
    found = newest_revision(connection, "Evaluation", name)
    if found is not None:
        more = {"endpoint": found.content["spec"]["endpoint"]}
        target = target_of(found)
        return Target(
            kind="Evaluation", name=name, attributes={**target.attributes, **more}
        )
    report = newest_report(connection, name)
    return None if report is None else report_target(report)


def report_target(report: Report) -> Target:
    """Return a report as a target: the evaluation that it is of."""
    subject = report.subject
    attributes = {"tenant": report.tenant, "endpoint": subject.endpoint}
    return Target(kind="Evaluation", name=subject.evaluation, attributes=attributes)


def find_report(connection: sa.Connection, digest: str) -> Target | None:
    """Return the report called *digest* as a target, or None."""
    with suppress(NotFound):
        return report_target(report_called(connection, digest))
    return None


def find_rollout(connection: sa.Connection, rollout_id: str) -> Target | None:
    """Return the endpoint that a rollout is of as a target, or None."""
    with suppress(NotFound):
        return find_endpoint(connection, get_rollout(connection, rollout_id).endpoint)
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
    "Evaluation": find_evaluation,
    "Key": find_of_key,
    "Model": find_model,
    "ModelVersion": find_version,
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


def tokens_of(directory: Directory, name: str) -> Target:
    """Return the tokens of the subject called *name* as a target.

    They belong to the subject's tenant. One token, of which only the id is known, and
    a subject that the stack no longer knows are the platform's.
    """
    subject = read_subject(name)
    found = directory.find(subject) if subject else None
    tenant = found.tenant if found else DEFAULT_TENANT
    return Target(kind="Token", name=name, attributes={"tenant": tenant})
