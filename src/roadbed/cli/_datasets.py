"""How `roadbed dataset` shows versions and what changed between two of them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadbed.cli._session import Session
    from roadbed.data.diff import ColumnDiff, DatasetDiff
    from roadbed.data.version import DatasetVersion
    from roadbed.ports.tables import Profile

_DECLARED = ("owner", "licence", "classification", "region", "purposes", "key")
_SHOWN = 12


def facts(version: "DatasetVersion", spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that is known of *version*, with what the stack says now."""
    from roadbed.core.clock import to_text

    return {
        "version": str(version),
        "digest": version.digest,
        "content": "files" if version.tree else "table",
        "rows": version.rows,
        "columns": [{"name": c.name, "type": c.datatype} for c in version.schema],
        "objects": len(version.objects),
        **({} if version.tree else {"bytes": _bytes(version)}),
        "made": to_text(version.created_us),
        "by": version.actor,
        "made_from": dict(version.source),
        "parents": list(version.parents),
        "run": version.run_id or None,
        "report": version.report or None,
        **{name: spec[name] for name in _DECLARED if spec.get(name)},
        **({"key": list(version.key)} if version.key else {}),
    }


def kept(line: "Session", name: str, source: Any) -> "DatasetVersion":
    """Make a version of the declared dataset *name* of rows that are here."""
    from roadbed.data.kinds import Dataset
    from roadbed.data.making import wish_of

    spec = Dataset.model_validate(declared(line, name))
    wish = wish_of(spec, line.app.clock.now())
    return line.app.datasets.snapshot(name, source, line.actor, wish)


def declared(line: "Session", name: str) -> Mapping[str, Any]:
    """Return what the stack says of the dataset *name*; raise NotFound."""
    from roadbed.control import seen
    from roadbed.core.errors import NotFound

    with line.app.database.read() as connection:
        content = seen.dataset(connection, name)
    if not content:
        raise NotFound(
            f"no Dataset is called {name!r} any more",
            hint="declare it in the stack (kind: Dataset), then `roadbed apply`",
        )
    return content


def _bytes(version: "DatasetVersion") -> int:
    return sum(item.bytes for item in version.objects)


def lines(known: Mapping[str, Any]) -> Iterator[str]:
    """Yield *known*, as `facts` has it, as lines for people."""
    for name, value in known.items():
        if name == "columns":
            told = ", ".join(f"{c['name']} {c['type']}" for c in value[:_SHOWN])
            more = f", and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
            yield f"{name:<15} {told}{more}"
        elif isinstance(value, Mapping):
            yield f"{name:<15} {', '.join(f'{k} {v}' for k, v in value.items())}"
        elif isinstance(value, list):
            yield from [f"{name:<15} {', '.join(value)}"] if value else []
        elif value is not None:
            yield f"{name:<15} {value}"


def diff_lines(found: "DatasetDiff") -> Iterator[str]:
    """Yield what changed, as lines for people, without the distributions."""
    rows, schema = found.rows, found.schema
    what = "files" if found.tree else "rows"
    yield f"{found.left} → {found.right}"
    if found.equal:
        yield "nothing changed"
        return
    by = f"by {', '.join(found.key)}" if found.key else "as whole rows"
    changed = f", {rows.changed} changed" if found.key else ""
    yield (
        f"{what} ({by}): {rows.added} added, {rows.removed} removed{changed}, "
        f"{rows.same} the same"
    )
    yield f"objects: {found.shared} of {found.objects} shared"
    for word, columns in (("added", schema.added), ("removed", schema.removed)):
        yield from (f"column {word}: {c.name} {c.datatype}" for c in columns)
    for c in schema.retyped:
        yield f"column of another type: {c.name}, {c.left} → {c.right}"


def diff_table(found: "DatasetDiff") -> list[tuple[object, ...]]:
    """Return the columns that moved, as rows for people."""
    return [
        (
            column.name,
            column.changed,
            f"{column.distance:.3f}",
            _both(column, _missing),
            _both(column, _typical),
        )
        for column in found.columns
    ]


def _both(column: "ColumnDiff", told: Any) -> str:
    left = told(column.left) if column.left else "-"
    right = told(column.right) if column.right else "-"
    return left if left == right else f"{left} → {right}"


def _missing(profile: "Profile") -> str:
    return f"{profile.nulls / profile.rows:.2%}" if profile.rows else "-"


def _typical(profile: "Profile") -> str:
    if profile.quantiles:
        return f"{profile.quantiles[len(profile.quantiles) // 2]:.6g}"
    return str(profile.top[0][0])[:24] if profile.top else "-"
