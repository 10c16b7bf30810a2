"""The closed list of what can be done: one action per route, tool and command."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PUBLIC = "public"
"""Stands in place of an action where nobody needs to be known: health, sign-in."""

ANY = "*"
"""The name of a target when an action concerns all of a kind, as a listing does."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done to one kind of target."""

    name: str
    kind: str
    sentence: str


_LIST = (
    Action("endpoint.infer", "Endpoint", "Ask an endpoint for a prediction."),
    Action("endpoint.read", "Endpoint", "See an endpoint and what it serves."),
    Action("rollout.steer", "Endpoint", "Approve, pause, go on with or end a rollout."),
    Action("rollout.rollback", "Endpoint", "Go back to the version from before."),
    Action("rollout.immediate", "Endpoint", "Release a version without any steps."),
    Action("rollout.place", "Endpoint", "Choose the version that answers a call."),
    Action("model.read", "Model", "See a model and its versions."),
    Action("model.register", "Model", "Add a version to a model."),
    Action("version.infer", "ModelVersion", "Be answered by a model version."),
    Action("version.read", "ModelVersion", "See a model version."),
    Action("version.retrain", "ModelVersion", "Train a new version out of this one."),
    Action("version.approve", "ModelVersion", "Vouch for a version."),
    Action("version.promote", "ModelVersion", "Pin a version in production."),
    Action("version.delete", "ModelVersion", "Withdraw a version for good."),
    Action("dataset.read", "Dataset", "See a dataset, and read its versions."),
    Action("dataset.train", "Dataset", "Train a model on a dataset."),
    Action("dataset.write", "Dataset", "Add a version to a dataset."),
    Action("dataset.annotate", "Dataset", "Review what may become a case of it."),
    Action("run.read", "Run", "See a run: its code, data, parameters and metrics."),
    Action("run.write", "Run", "Start a run and record what it did."),
    Action("evaluation.read", "Evaluation", "See what evaluations showed."),
    Action("evaluation.run", "Evaluation", "Evaluate a version, and compare two."),
    Action("evaluation.certify", "Evaluation", "Hold a judge against people's labels."),
    Action("evaluation.waive", "Evaluation", "Let a version pass without one."),
    Action("resource.read", "Resource", "See what was declared, and its history."),
    Action("stack.plan", "Stack", "See what a change of the stack would do."),
    Action("stack.apply", "Stack", "Change the stack."),
    Action("call.read", "Call", "See a call and where its answer came from."),
    Action("call.read-payload", "Call", "Read what was asked and answered."),
    Action("call.feedback", "Call", "Say how an answer was, or what turned out true."),
    Action("call.erase", "Call", "Erase what was said in a call, and about it."),
    Action("audit.read", "AuditLog", "Read the audit log."),
    Action("audit.verify", "AuditLog", "Verify and export the audit log."),
    Action("audit.rotate", "AuditLog", "Make a new key that signs statements."),
    Action("key.create", "Key", "Make a key for a service account."),
    Action("key.list", "Key", "See which keys exist, without their secrets."),
    Action("key.revoke", "Key", "Make a key stop working."),
    Action("token.exchange", "Token", "Exchange a proof of identity for a token."),
    Action("token.revoke", "Token", "Make tokens stop working."),
    Action("access.explain", "Access", "Ask who may do what, and why."),
    Action("access.replay", "Access", "Decide recorded requests again."),
    Action("metrics.read", "Metrics", "Scrape the metrics."),
    Action("console.view", "Console", "Open the console."),
    Action("session.read", "Session", "See who you are and what you may do."),
    Action("session.end", "Session", "Sign out."),
)

ACTIONS: Mapping[str, Action] = MappingProxyType({a.name: a for a in _LIST})
"""Every action by its name. The Cedar schema and the matrix are made from it."""

PRIVILEGED = frozenset(
    {
        *("audit.rotate", "evaluation.waive", "key.create"),
        *("version.approve", "version.promote", "version.delete"),
    }
)
"""What takes a proof of identity that is fresh; see `policies/freshness.cedar`."""

KINDS: tuple[str, ...] = tuple(sorted({a.kind for a in _LIST}))
"""The kinds of target that actions are done to."""
