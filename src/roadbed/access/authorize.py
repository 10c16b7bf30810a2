"""Ask the authority, and refuse in words that help."""

from roadbed.access.authority import NOT_PERMITTED
from roadbed.access.rules import roles_with
from roadbed.audit.entry import Entry
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision, Target
from roadbed.core.errors import Denied, Unauthenticated
from roadbed.inference.snapshot import Authority

NOBODY = "nobody"
"""The actor in the audit log when no credential was proven."""


def require(
    authority: Authority,
    principal: Principal | None,
    action: str,
    target: Target,
    now_us: int = 0,
) -> Decision:
    """Return the decision if *principal* may do *action* to *target*.

    Raises Unauthenticated if nobody is known, Denied with the reason if the answer
    is no.
    """
    if principal is None:
        raise Unauthenticated(
            f"{action} needs a key", hint="send `Authorization: Bearer rbk_…`"
        )
    decision = authority.decide(principal, action, target, now_us)
    if decision.allowed:
        return decision
    raise denial(principal, action, target, decision)


def denial(
    principal: Principal, action: str, target: Target, decision: Decision
) -> Denied:
    """Return the error for a *decision* that says no: the reason, and whom to ask."""
    reasons = ", ".join(decision.reasons)
    if decision.reasons == (NOT_PERMITTED,):
        roles = ", ".join(roles_with(action)) or "none; a policy must permit it"
        hint = f"roles that may: {roles}"
    else:
        hint = "who owns these policies can change them: they are in the stack"
    return Denied(f"{principal} may not do {action} on {target}: {reasons}", hint=hint)


def denied_entry(
    principal: Principal | None, action: str, target: Target, reason: str
) -> Entry:
    """Return the audit entry for a denial, whoever was denied and why."""
    actor = principal.chain if principal else NOBODY
    return Entry(actor, action, str(target), "denied", {"reason": reason})
