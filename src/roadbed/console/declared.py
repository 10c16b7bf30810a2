"""What was declared and applied, as the pages show it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from roadbed.access.visible import Viewer
from roadbed.console.data import (
    Change,
    FieldChange,
    ResourcePage,
    ResourceRevision,
    ResourceRow,
    Revision,
    VersionRow,
)
from roadbed.control import seen, state
from roadbed.control.document import write_document
from roadbed.core.digest import PREFIX, short
from roadbed.core.errors import NotFound
from roadbed.registry.versions import list_versions

_SHOWN = 2
_LONGEST = 60


def rows(viewer: Viewer, connection: sa.Connection) -> tuple[ResourceRow, ...]:
    """Return every live resource that *viewer* may see, by kind and name."""
    return tuple(map(_row, seen.resources(viewer, connection)))


def latest(
    viewer: Viewer, connection: sa.Connection, limit: int
) -> tuple[Revision, ...]:
    """Return the newest *limit* revisions of the stack that *viewer* may see."""
    return tuple(
        Revision(
            number=applied.revision,
            digest=applied.digest,
            applied_by=applied.applied_by,
            applied_us=applied.applied_us,
            changes=tuple(_change(connection, each) for each in applied.changes),
        )
        for applied in seen.changes(viewer, connection, limit)
    )


def page(connection: sa.Connection, kind: str, name: str) -> ResourcePage:
    """Return one resource with its revisions; raise NotFound if it never was."""
    found = history(connection, kind, name)
    if not found:
        raise NotFound(
            f"there was never a {kind} called {name!r}",
            hint="the page Resources lists what is declared",
        )
    newest = state.revisions(connection, kind, name)[0]
    return ResourcePage(
        kind=kind,
        name=name,
        state=newest.state,
        description=str(newest.content["metadata"].get("description", "")),
        revisions=found,
        versions=_versions(connection, name) if kind == "Model" else (),
    )


def history(
    connection: sa.Connection, kind: str, name: str
) -> tuple[ResourceRevision, ...]:
    """Return the revisions of one resource, newest first; empty if it never was."""
    try:
        found = state.revisions(connection, kind, name)
    except NotFound:
        return ()
    befores = [*found[1:], None]
    return tuple(
        ResourceRevision(
            revision=each.revision,
            stack=each.snapshot,
            digest=each.digest,
            action=each.change,
            applied_by=each.applied_by,
            applied_us=each.applied_us,
            fields=tuple(_fields(before, each)) if each.change == "follow" else (),
            content=as_yaml(each.content),
            file=each.file,
            line=each.line,
        )
        for each, before in zip(found, befores, strict=True)
    )


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[FieldChange]:
    """Yield each field that differs, by its dotted path, with its values as text."""
    old, new = dict(_flat(before, "")), dict(_flat(after, ""))
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            yield FieldChange(path=path, before=old.get(path), after=new.get(path))


def as_yaml(content: Mapping[str, Any]) -> str:
    """Return a resource as it would stand in a file."""
    whole = {"apiVersion": "roadbed/v1", **content}
    return write_document(whole)


def _row(revision: state.Revision) -> ResourceRow:
    return ResourceRow(
        kind=revision.kind,
        name=revision.name,
        revision=revision.revision,
        stack=revision.snapshot,
        digest=revision.digest,
        state=revision.state,
        applied_by=revision.applied_by,
        applied_us=revision.applied_us,
        file=revision.file,
        line=revision.line,
        description=str(revision.content["metadata"].get("description", "")),
    )


def _change(connection: sa.Connection, revision: state.Revision) -> Change:
    note = ""
    if revision.change == "follow":
        known = state.revisions(connection, revision.kind, revision.name)
        before = next((r for r in known if r.revision == revision.revision - 1), None)
        note = _note(list(_fields(before, revision)))
    return Change(
        action=revision.change, kind=revision.kind, name=revision.name, note=note
    )


def _fields(
    before: state.Revision | None, after: state.Revision
) -> Iterator[FieldChange]:
    yield from differences(before.content if before else {}, after.content)


def _note(changed: list[FieldChange]) -> str:
    said = [f"{c.path}: {_brief(c.before)} → {_brief(c.after)}" for c in changed]
    more = [f"{len(said) - _SHOWN} more fields"] if len(said) > _SHOWN else []
    return ", ".join(said[:_SHOWN] + more)


def _brief(text: str | None) -> str:
    if text is None:
        return "nothing"
    if text.startswith(PREFIX):
        return short(text)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif value not in (None, "", [], {}):
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        yield path, text


def _versions(connection: sa.Connection, model: str) -> tuple[VersionRow, ...]:
    return tuple(
        VersionRow(
            name=str(version),
            digest=version.digest,
            made_by=version.actor,
            made_us=version.created_us,
            run=version.run_id or "",
        )
        for version in list_versions(connection, model)
    )
