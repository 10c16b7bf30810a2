"""Which calls a budget or a limit is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roadbed.core.actor import DEFAULT_TENANT, Principal
from roadbed.inference.call import Call

TEAM = "team"
"""The label that says which team a caller is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Calls of one tenant for which all that is said here is so; empty: any.

    `principal` is written as principals are: `service-account:ci`. `labels` are the
    labels that a call must have, with their values.
    """

    tenant: str = DEFAULT_TENANT
    endpoint: str = ""
    principal: str = ""
    agent: str = ""
    run: bool = False
    labels: tuple[tuple[str, str], ...] = ()

    def includes(self, call: Call) -> bool:
        """Say whether *call* counts."""
        caller = call.principal
        if caller is None or caller.tenant != self.tenant:
            return False
        if self.endpoint and call.endpoint != self.endpoint:
            return False
        if self.principal and str(caller) != self.principal:
            return False
        if self.agent and not _acts(caller, self.agent):
            return False
        if self.run and not call.run:
            return False
        return not self.labels or _has(call, caller, self.labels)


def labels_of(call: Call) -> Mapping[str, str]:
    """Return the labels of *call*: what the stack says of the caller wins."""
    if call.principal is None or not call.principal.labels:
        return call.labels
    return {**call.labels, **dict(call.principal.labels)}


def scope_of(spec: Mapping[str, Any], tenant: str, principal: str = "") -> Scope:
    """Return the scope that a resource of *tenant* declares.

    *principal* is whom its field `principal` names, as principals are written.
    """
    labels = dict(spec.get("label") or {})
    if team := spec.get("team"):
        labels[TEAM] = team
    if account := spec.get("service_account"):
        principal = f"service-account:{account}"
    return Scope(
        tenant=spec.get("tenant") or tenant,
        endpoint=spec.get("endpoint") or "",
        principal=principal,
        agent=spec.get("agent") or "",
        run=bool(spec.get("run")),
        labels=tuple(sorted(labels.items())),
    )


def _acts(caller: Principal, agent: str) -> bool:
    everybody = (caller, *caller.actors)
    return any(who.kind == "agent" and who.name == agent for who in everybody)


def _has(call: Call, caller: Principal, wanted: tuple[tuple[str, str], ...]) -> bool:
    known = labels_of(call)
    return all(known.get(name) == value for name, value in wanted)
