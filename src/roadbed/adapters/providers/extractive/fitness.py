"""Which definitions are a search: asked when one is planned, and when it is opened."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from roadbed.core.errors import Invalid

ALGORITHM = "extractive-1"


class Config(BaseModel):
    """The `config` block of a Provider resource of type `extractive`: nothing yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def unpinned(config: Config, upstream: str) -> str | None:
    """Return why *upstream* is no pin: only a version of the algorithm is one."""
    if upstream == ALGORITHM:
        return None
    return f"{upstream!r} is no version of the search; write `upstream: {ALGORITHM}`"


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* is no search over documents, or None if it is one."""
    body = definition.get("hosted")
    if body is None:
        return "a search is not trained; write `hosted`, or choose another provider"
    if reason := unpinned(config, str(body.get("upstream"))):
        return reason
    for name in ("prompt", "parameters"):
        if body.get(name):
            return (
                f"a search has no {name}; remove `{name}`, or choose a provider with "
                "a language model"
            )
    files = files_of(body)
    if not files:
        return (
            "there are no documents to search; set `context.documents` to a folder "
            "of Markdown or text files"
        )
    return next((r for file in files if (r := _unread(file))), None)


def files_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the documents that a definition's body pins, in the order of paths."""
    files = ((body.get("context") or {}).get("documents") or {}).get("files") or ()
    return sorted(files, key=lambda file: file["path"])


def document_text(path: str, data: bytes) -> str:
    """Return the text of a document; raise Invalid if it is none."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid(
            f"the document {path!r} is not UTF-8 text",
            hint="keep only Markdown and plain text in the folder of documents",
        ) from None


def _unread(file: Mapping[str, Any]) -> str | None:
    """Return why *file* cannot be read; its bytes are there when it is planned."""
    try:
        document_text(file["path"], file.get("data", b""))
    except Invalid as error:
        return f"{error.message}; {error.hint}"
    return None
