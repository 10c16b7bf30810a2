"""What Cedar is asked: the request, and the entities that it is about.

Ids travel as JSON values, never as Cedar text, so no name can be read as code.
"""

from typing import Any

from roadbed.access.schema import ATTRIBUTES, PRINCIPALS
from roadbed.core.actor import Principal
from roadbed.core.decision import Target


def request_of(
    principal: Principal, action: str, target: Target, *, fresh: bool
) -> dict[str, Any]:
    """Return the request: who does what to which target, and under what proof."""
    return {
        "principal": {"type": PRINCIPALS[principal.kind], "id": principal.name},
        "action": {"type": "Action", "id": action},
        "resource": {"type": target.kind, "id": target.name},
        "context": {
            "action": action,
            "fresh": fresh,
            "mfa": "mfa" in principal.methods,
        },
    }


def principal_entity(principal: Principal) -> dict[str, Any]:
    """Return *principal* as an entity; KeyError if nobody can be of its kind."""
    return {
        "uid": {"type": PRINCIPALS[principal.kind], "id": principal.name},
        "attrs": _attributes_of(principal),
        "parents": [
            *({"type": "Role", "id": r} for r in sorted(principal.roles)),
            *({"type": "Group", "id": g} for g in sorted(principal.groups)),
        ],
        "tags": dict(principal.labels),
    }


def target_entity(target: Target) -> dict[str, Any]:
    """Return *target* as an entity, with the attributes that a policy can name."""
    given = target.attributes
    attributes = {name: given[name] for name in ATTRIBUTES if name in given}
    return {
        "uid": {"type": target.kind, "id": target.name},
        "attrs": {"tenant": target.tenant, **attributes},
        "parents": [],
        "tags": dict(given.get("labels", {})),
    }


def keys_of(principal: Principal) -> set[str]:
    """Return all that a list of who may do something can call *principal* by."""
    return {
        str(principal),
        *(f"role:{role}" for role in principal.roles),
        *(f"group:{group}" for group in principal.groups),
    }


def _attributes_of(principal: Principal) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "tenant": principal.tenant,
        "keys": sorted(keys_of(principal)),
    }
    if principal.residency:
        attributes["residency"] = sorted(principal.residency)
    if principal.mandate is not None:
        attributes["mandate"] = sorted(principal.mandate)
    return attributes
