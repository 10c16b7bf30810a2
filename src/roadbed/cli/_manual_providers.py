"""The reference page of providers: what the `config` block of each type may hold."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_INTRO = """\
# Providers

What `spec.config` of a Provider resource may hold, for each `spec.type` that is
installed here. A secret is always a reference: `secret://env/NAME` or
`secret://file/NAME`, a file in `.roadbed/secrets/`."""


def providers_page() -> str:
    """Return the page as Markdown: a section for each installed type."""
    import roadbed.adapters.providers
    from roadbed.core import plugins

    package, group = roadbed.adapters.providers, "roadbed.providers"
    parts = [_INTRO]
    for name in plugins.names(package, group):
        parts.append(_section(name, plugins.find(package, group, name)))
    return "\n\n".join(parts) + "\n"


def _section(name: str, module: Any) -> str:
    promise = (module.__doc__ or "").strip().split("\n\n", 1)[0].replace("\n", " ")
    rows = rows_of(module.Config.model_fields)
    if not rows:
        return f"## {name}\n\n{promise}\n\nThere is nothing to set."
    head = "| field | default | what it is |\n|---|---|---|\n"
    return f"## {name}\n\n{promise}\n\n{head}" + "\n".join(rows)


def rows_of(fields: "dict[str, FieldInfo]") -> list[str]:
    """Return the rows of a table of *fields*: name, default, meaning."""
    return list(_rows(fields))


def _rows(fields: "dict[str, FieldInfo]") -> Iterator[str]:
    for inner, field in fields.items():
        name = field.alias or inner
        default = "required" if field.is_required() else _default(field)
        said = (field.description or "").replace("|", "\\|")
        yield f"| `{name}` | {default} | {said} |"


def _default(field: "FieldInfo") -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, list) and value and hasattr(value[0], "model_dump"):
        value = [each.model_dump() for each in value]
    if value is None or value == "":
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value, default=str)}`"
