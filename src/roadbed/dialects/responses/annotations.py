"""Annotations: flat in the Responses API, nested in chat completions and inside."""

from collections.abc import Mapping
from typing import Any

_PLACE = {"start_index": 0, "end_index": 0}


def flat(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an inner annotation as the Responses API writes it, with all it needs."""
    kind = annotation.get("type")
    inner = annotation.get("url_citation")
    if kind == "url_citation" and isinstance(inner, Mapping):
        return {"type": kind, "url": "", "title": "", **_PLACE, **inner}
    if kind == "file_citation" and "file_id" not in annotation:
        name = annotation.get("document_digest") or annotation.get("filename") or ""
        return {**annotation, "file_id": name}
    return dict(annotation)


def nested(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an annotation of the Responses API in the inner form."""
    if annotation.get("type") != "url_citation":
        return dict(annotation)
    inner = {name: value for name, value in annotation.items() if name != "type"}
    return {"type": "url_citation", "url_citation": inner}
