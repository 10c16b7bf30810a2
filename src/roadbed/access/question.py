"""What Cedar is asked: the request, and the entities that it is about.

Ids travel as JSON values, never as Cedar text, so no name can be read as code.
"""

import json
from functools import cache
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
        "context": _context(action, fresh, "mfa" in principal.methods),
    }


@cache
def _context(action: str, fresh: bool, mfa: bool) -> str:
    """Return the context as JSON; *action* is one of the closed list."""
    return json.dumps({"action": action, "fresh": fresh, "mfa": mfa})


def principal_entity(principal: Principal) -> dict[str, Any]:
    """Return *principal* as an entity, of the types that the schema wants.

    Raises KeyError if nobody can be of its kind, TypeError if it is made of
    anything but texts.
    """
    _must_be_texts(principal)
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


def _must_be_texts(principal: Principal) -> None:
    texts = [principal.name, principal.tenant, *principal.roles, *principal.groups]
    texts += [*principal.residency, *(principal.mandate or ())]
    for pair in principal.labels:
        texts += pair
    for text in texts:
        if type(text) is not str:
            raise TypeError(f"a principal is made of texts, not of {text!r}")


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
