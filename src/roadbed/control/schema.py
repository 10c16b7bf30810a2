"""JSON Schema of the kinds, so that editors complete and check while you write."""

import json
from pathlib import Path
from typing import Any

from roadbed.control.kinds import API_VERSION, all_kinds
from roadbed.core.resource import Metadata

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE = "roadbed.schema.json"
"""The combined schema; a stack's files name it in their first line."""


def kind_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of one whole resource of *kind*, complete in itself."""
    spec = all_kinds()[kind]
    schema = _resource(kind)
    schema["$defs"] = {
        "spec": _lifted(spec.model_json_schema(ref_template="#/$defs/{model}"), kind),
        "metadata": Metadata.model_json_schema(),
    }
    schema["$defs"].update(schema["$defs"]["spec"].pop("$defs", {}))
    return {"$schema": DIALECT, "title": kind, **schema}


def combined_schema() -> dict[str, Any]:
    """Return one JSON Schema for resources of any kind, told apart by `kind`.

    The names of shared parts carry their kind, so that no two kinds meet.
    """
    definitions: dict[str, Any] = {"metadata": Metadata.model_json_schema()}
    choices = []
    for kind, spec in all_kinds().items():
        template = f"#/$defs/{kind}.{{model}}"
        body = _lifted(spec.model_json_schema(ref_template=template), kind)
        inner = body.pop("$defs", {})
        definitions |= {f"{kind}.{name}": part for name, part in inner.items()}
        definitions[f"{kind}.spec"] = body
        then = {"properties": {"spec": {"$ref": f"#/$defs/{kind}.spec"}}}
        when = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
        choices.append({"if": when, "then": then})
    head = _resource("")
    head["properties"]["kind"] = {
        "enum": list(all_kinds()),
        "description": "What is declared.",
    }
    head["properties"]["spec"] = {"type": "object"}
    return {
        "$schema": DIALECT,
        "title": "A Roadbed resource",
        **head,
        "allOf": choices,
        "$defs": definitions,
    }


def schema_text() -> str:
    """Return the combined schema as the text of its file."""
    return json.dumps(combined_schema(), indent=2, ensure_ascii=False) + "\n"


def write_schema(folder: Path) -> Path:
    """Write the combined schema into *folder* and return its file."""
    file = folder / FILE
    file.write_text(schema_text(), encoding="utf-8")
    return file


def _resource(kind: str) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {
                "const": API_VERSION,
                "description": "The version of this format.",
            },
            "kind": {"const": kind, "description": "What is declared."},
            "metadata": {"$ref": "#/$defs/metadata"},
            "spec": {"$ref": "#/$defs/spec"},
        },
    }


def _lifted(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return *schema* without the Python class behind its title."""
    return schema | {"title": f"{kind} spec"}
