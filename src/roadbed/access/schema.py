"""The Cedar schema, made from the list of actions: policies are checked against it."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from roadbed.access.actions import ACTIONS, KINDS

PRINCIPALS: Mapping[str, str] = MappingProxyType(
    {"service-account": "ServiceAccount", "user": "User", "agent": "Agent"}
)
"""The Cedar type of each kind of principal. Roadbed itself asks for nothing."""

ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "account": "String",
        "approve_by": "Set<String>",
        "classification": "String",
        "delete_by": "Set<String>",
        "endpoint": "String",
        "infer_by": "Set<String>",
        "model": "String",
        "owner": "String",
        "promote_by": "Set<String>",
        "provider": "String",
        "purpose": "String",
        "purposes": "Set<String>",
        "read_by": "Set<String>",
        "region": "String",
        "registered_by": "String",
        "residency": "Set<String>",
        "retrain_by": "Set<String>",
        "stage": "String",
    }
)
"""What a policy may read of a target, besides its tenant. All may be absent, so a
policy asks first: `resource has stage && resource.stage == "production"`."""


_OF_PRINCIPALS: Mapping[str, str] = MappingProxyType(
    {
        "tenant": "String",
        "keys": "Set<String>",
        "residency?": "Set<String>",
        "mandate?": "Set<String>",
    }
)
CONTEXT = "{ action: String, fresh: Bool, mfa: Bool }"
"""What a policy may read of the request: the action's name, whether identity was
proven in the last fifteen minutes, and whether with more than one factor."""


@cache
def cedar_schema() -> str:
    """Return the schema as Cedar text.

    Principals and targets have a `tenant`; labels are tags:
    `principal.hasTag("team") && principal.getTag("team") == "risk"`. The `keys` of a
    principal are all that a list of who may do something can call it by: itself
    (`service-account:ci`), its roles (`role:app`), its groups (`group:company/risk`).
    """
    optional = ", ".join(f"{name}?: {kind}" for name, kind in ATTRIBUTES.items())
    has = ", ".join(f"{name}: {kind}" for name, kind in _OF_PRINCIPALS.items())
    lines = ["entity Role;", "entity Group;"]
    lines += [
        f"entity {name} in [Role, Group] {{ {has} }} tags String;"
        for name in PRINCIPALS.values()
    ]
    lines += [
        f"entity {kind} {{ tenant: String, {optional} }} tags String;" for kind in KINDS
    ]
    who = ", ".join(PRINCIPALS.values())
    lines += [
        f'action "{action.name}" appliesTo '
        f"{{ principal: [{who}], resource: [{action.kind}], context: {CONTEXT} }};"
        for action in ACTIONS.values()
    ]
    return "\n".join(lines) + "\n"
