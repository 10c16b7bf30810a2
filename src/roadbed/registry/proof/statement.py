"""What is stated of a model version: an in-toto v1 statement with SLSA provenance v1.

Pure: rows in, plain JSON out. Subjects are the artifacts and the definition, by
digest; `resolvedDependencies` are all that they were made of. See
https://in-toto.io/Statement/v1 and https://slsa.dev/provenance/v1.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roadbed.core.clock import to_text
from roadbed.core.digest import PREFIX
from roadbed.registry.proof import parts
from roadbed.registry.runs import Run
from roadbed.registry.versions import Registered

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
DEFINITION = "definition.json"
"""The subject that every version has: the canonical JSON of its definition."""

Resource = dict[str, Any]


def statement_of(
    version: Registered, run: Run | None = None, parents: Sequence[Registered] = ()
) -> dict[str, Any]:
    """Return the statement about *version*, made by *run* out of *parents*."""
    return {
        "_type": STATEMENT,
        "subject": subjects(version),
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": f"roadbed:build/{_kind(version)}/v1",
                "externalParameters": {
                    "model": version.model,
                    "version": version.number,
                    **({"params": dict(run.params), "seed": run.seed} if run else {}),
                },
                "internalParameters": {"run": run.id, "name": run.name} if run else {},
                "resolvedDependencies": materials(version, run, parents),
            },
            "runDetails": {
                "builder": {"id": f"roadbed:{run.actor if run else version.actor}"},
                "metadata": {
                    "invocationId": f"roadbed:run/{run.id}" if run else "",
                    "startedOn": to_text(run.started_us if run else version.created_us),
                    "finishedOn": to_text(version.created_us),
                },
            },
        },
    }


def subjects(version: Registered) -> list[Resource]:
    """Return what the statement is about: every artifact, and the definition."""
    named = [*parts.artifacts(version.definition), (DEFINITION, version.digest)]
    return [{"name": name, "digest": _hex(digest)} for name, digest in named]


def materials(
    version: Registered, run: Run | None = None, parents: Sequence[Registered] = ()
) -> list[Resource]:
    """Return what the version was made of, each with a name that is its own."""
    found = [
        _resource(f"parent {parent}", f"roadbed:model/{parent}", parent.digest)
        for parent in parents
    ]
    found += [
        _resource(f"document {name}", "", digest)
        for name, digest in parts.documents(version.definition)
    ]
    found += _upstream(version)
    if run is not None:
        found += [*_data(run), *_code(run), *_environment(run)]
    return found


def digests_in(resource: Mapping[str, Any]) -> set[str]:
    """Return the digests that a subject or a material has, as `algorithm:hex`."""
    digest = resource.get("digest")
    if not isinstance(digest, Mapping):
        return set()
    return {f"{name}:{value}" for name, value in digest.items()}


def differences(stated: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """Return where *stated* says other than *expected*, which rows and log say now.

    What a run read after it registered the version may be missing in *stated*.
    """
    found = []
    if stated.get("subject") != expected["subject"]:
        found.append("its subjects are not the artifacts of the version")
    if stated.get("_type") != STATEMENT or stated.get("predicateType") != PROVENANCE:
        found.append("it is no provenance of the kind that is written here")
    known = _materials_in(expected)
    found += [
        f"it names {item.get('name', 'something')}, which the record does not"
        for item in _materials_in(stated)
        if item not in known
    ]
    if _built(stated) != _built(expected):
        found.append("it speaks of another version, or of another builder")
    return found


def _materials_in(statement: Mapping[str, Any]) -> list[Any]:
    try:
        return statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    except (KeyError, TypeError):
        return [{"name": "nothing that can be read"}]


def _built(statement: Mapping[str, Any]) -> Any:
    try:
        build = statement["predicate"]["buildDefinition"]
        wanted = build["externalParameters"]
        return (
            wanted["model"],
            wanted["version"],
            build["internalParameters"],
            statement["predicate"]["runDetails"]["builder"],
        )
    except (KeyError, TypeError):
        return None


def _data(run: Run) -> Iterator[Resource]:
    for used in run.data:
        yield _resource(
            f"dataset {used}", f"roadbed:dataset/{used}", used.digest, role=used.role
        )


def _code(run: Run) -> Iterator[Resource]:
    if commit := str(run.code.get("commit") or ""):
        remote = str(run.code.get("remote") or "")
        dirty = bool(run.code.get("dirty"))
        uri = f"git+{remote}@{commit}" if remote else f"git:{commit}"
        algorithm = {"gitCommit": commit}
        yield {
            "name": "commit",
            "uri": uri,
            "digest": algorithm,
            "annotations": {"dirty": dirty},
        }
    if patch := str(run.code.get("patch") or ""):
        yield _resource("patch", "", patch)


def _environment(run: Run) -> Iterator[Resource]:
    if lock := str(run.environment.get("lock") or ""):
        facts = {n: str(run.environment.get(n, "")) for n in ("python", "platform")}
        yield _resource("environment lock", "", lock, **facts)


def _upstream(version: Registered) -> Iterator[Resource]:
    """Yield what only the provider holds: named, and nothing that could be hashed."""
    body = version.definition.get("hosted")
    if isinstance(body, Mapping):
        provider, upstream = (str(body.get(n, "")) for n in ("provider", "upstream"))
        yield {
            "name": f"upstream {provider}/{upstream}",
            "uri": f"roadbed:provider/{provider}/{upstream}",
        }


def _resource(name: str, uri: str, digest: str, **facts: Any) -> Resource:
    made: Resource = {"name": name, "digest": _hex(digest)}
    if uri:
        made["uri"] = uri
    if facts:
        made["annotations"] = facts
    return made


def _hex(digest: str) -> dict[str, str]:
    algorithm, _, value = digest.partition(":")
    return {algorithm: value} if value else {PREFIX.rstrip(":"): digest}


def _kind(version: Registered) -> str:
    return next(iter(version.definition), "empty")
