"""The Cedar schema, made from the list of actions: policies are checked against it."""

from collections.abc import Mapping
from types import MappingProxyType

from roadbed.access.actions import ACTIONS, KINDS

PRINCIPALS: Mapping[str, str] = MappingProxyType(
    {"service-account": "ServiceAccount", "user": "User"}
)
"""The Cedar type of each kind of principal. Roadbed itself asks for nothing."""

ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "account": "String",
        "classification": "String",
        "endpoint": "String",
        "model": "String",
        "owner": "String",
        "provider": "String",
        "purpose": "String",
        "purposes": "Set<String>",
        "region": "String",
        "stage": "String",
    }
)
"""What a policy may read of a target, besides its tenant. All may be absent, so a
policy asks first: `resource has stage && resource.stage == "production"`."""


def cedar_schema() -> str:
    """Return the schema as Cedar text.

    Principals and targets have a `tenant`; labels are tags:
    `principal.hasTag("team") && principal.getTag("team") == "risk"`.
    """
    optional = ", ".join(f"{name}?: {kind}" for name, kind in ATTRIBUTES.items())
    lines = ["entity Role;"]
    lines += [
        f"entity {name} in [Role] {{ tenant: String }} tags String;"
        for name in PRINCIPALS.values()
    ]
    lines += [
        f"entity {kind} {{ tenant: String, {optional} }} tags String;" for kind in KINDS
    ]
    who = ", ".join(PRINCIPALS.values())
    lines += [
        f'action "{action.name}" appliesTo '
        f"{{ principal: [{who}], resource: [{action.kind}], context: {{}} }};"
        for action in ACTIONS.values()
    ]
    return "\n".join(lines) + "\n"
