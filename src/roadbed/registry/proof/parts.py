"""The files that a version is made of, whatever its kind, by name and digest. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_FILES = ("files", "artifacts")


class Part(NamedTuple):
    """A file: its name in the version, and its digest (`sha256:…`)."""

    name: str
    digest: str


def artifacts(definition: Mapping[str, Any]) -> list[Part]:
    """Return the artifacts of a version: one, or a tree of them; none if hosted."""
    return [part for body in _bodies(definition) for part in _artifacts(body)]


def documents(definition: Mapping[str, Any]) -> list[Part]:
    """Return the documents that a hosted version draws from."""
    found = []
    for body in _bodies(definition):
        held = _at(_at(_at(body, "context"), "documents"), "files")
        found += [Part(str(f["path"]), str(f["digest"])) for f in _named(held)]
    return found


def body_of(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a definition without the word that names its kind; empty if damaged."""
    return next(iter(_bodies(definition)), {})


def _artifacts(body: Mapping[str, Any]) -> Iterator[Part]:
    single = body.get("artifact")
    if isinstance(single, str) and single:
        yield Part(f"model.{body.get('format') or 'bin'}", single)
    for name in _FILES:
        for file in _named(body.get(name)):
            yield Part(str(file["path"]), str(file["digest"]))


def _bodies(definition: Any) -> list[Mapping[str, Any]]:
    if not isinstance(definition, Mapping):
        return []
    return [body for body in definition.values() if isinstance(body, Mapping)]


def _named(files: Any) -> list[Mapping[str, Any]]:
    """Return those of *files* that have a path and a digest."""
    found = files if isinstance(files, list) else []
    return [f for f in found if isinstance(f, Mapping) and {"path", "digest"} <= {*f}]


def _at(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None
