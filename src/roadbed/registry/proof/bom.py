"""A bill of materials of a model version: CycloneDX 1.6, with its model card. Pure.

See https://cyclonedx.org/docs/1.6/json/.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from roadbed.core.clock import to_text
from roadbed.core.reference import VersionRef
from roadbed.registry.kinds import Card
from roadbed.registry.proof import parts
from roadbed.registry.runs import Run
from roadbed.registry.versions import Registered

Component = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a team declares of a model: whose it is, what for, what to know."""

    owner: str
    purposes: tuple[str, ...] = ()
    prohibited_purposes: tuple[str, ...] = ()
    card: Card = field(default_factory=Card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a bill of materials is written from; what is not known stays out.

    `lock` lists the distributions of the run, `name==version` on each line;
    `datasets` holds the declared facts of each dataset that was read, by its name.
    """

    version: Registered
    run: Run | None = None
    model: Declared | None = None
    lock: str = ""
    parent: VersionRef | None = None
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def bom_of(facts: Facts) -> dict[str, Any]:
    """Return the bill of materials; the same facts give the same bytes."""
    version = facts.version
    components = [*_data(facts), *_parents(facts), *_software(facts)]
    used = [component["bom-ref"] for component in components]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{_uuid(version.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": to_text(version.created_us),
            "component": _model(facts),
        },
        "components": components,
        "dependencies": [{"ref": f"model:{version}", "dependsOn": used}],
    }


def _model(facts: Facts) -> Component:
    version = facts.version
    made: Component = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{version}",
        "name": version.model,
        "version": str(version.number),
        "hashes": [_sha256(version.digest)],
        "modelCard": _card(facts),
        "components": [
            {
                "type": "file",
                "bom-ref": f"file:{version}/{name}",
                "name": name,
                "hashes": [_sha256(digest)],
            }
            for name, digest in _files(version)
        ],
    }
    if facts.model is not None:
        made["supplier"] = {"name": facts.model.owner}
    if facts.model is not None and facts.model.card.summary:
        made["description"] = facts.model.card.summary
    return made


def _card(facts: Facts) -> dict[str, Any]:
    signature = parts.body_of(facts.version.definition).get("signature") or {}
    parameters: dict[str, Any] = {
        "datasets": [{"ref": f"dataset:{used}"} for used in _used(facts)],
        "inputs": [{"format": _tensor(x)} for x in signature.get("inputs", ())],
        "outputs": [{"format": _tensor(x)} for x in signature.get("outputs", ())],
    }
    metrics = facts.run.metrics if facts.run else {}
    card: dict[str, Any] = {
        "modelParameters": parameters,
        "quantitativeAnalysis": {
            "performanceMetrics": [
                {"type": name, "value": repr(value)} for name, value in metrics.items()
            ]
        },
        "properties": [*_properties(facts)],
    }
    if facts.model is not None:
        card["considerations"] = _considerations(facts.model)
    return card


def _considerations(model: Declared) -> dict[str, Any]:
    card = model.card
    said = {
        "users": card.intended_users,
        "useCases": list(model.purposes),
        "technicalLimitations": card.limitations,
        "ethicalConsiderations": [{"name": text} for text in card.ethics],
    }
    return {name: value for name, value in said.items() if value}


def _properties(facts: Facts) -> Iterator[dict[str, str]]:
    yield _property("kind", next(iter(facts.version.definition), ""))
    body = parts.body_of(facts.version.definition)
    for name in ("provider", "upstream", "format"):
        if value := body.get(name):
            yield _property(name, str(value))
    if facts.run is not None:
        yield _property("run", facts.run.id)
        if commit := facts.run.code.get("commit"):
            yield _property("commit", str(commit))
    if facts.model is not None:
        yield from _declared(facts.model)


def _declared(model: Declared) -> Iterator[dict[str, str]]:
    for purpose in model.prohibited_purposes:
        yield _property("prohibited-purpose", purpose)
    for name in ("metrics", "contact"):
        if text := getattr(model.card, name):
            yield _property(name, text)


def _data(facts: Facts) -> Iterator[Component]:
    for used in _used(facts).values():
        said = facts.datasets.get(used.dataset, {})
        held: dict[str, Any] = {"type": "dataset", "name": str(used)}
        if classification := said.get("classification"):
            held["classification"] = str(classification)
        if owner := said.get("owner"):
            held["governance"] = {"owners": [{"organization": {"name": str(owner)}}]}
        made: Component = {
            "type": "data",
            "bom-ref": f"dataset:{used}",
            "name": used.dataset,
            "version": str(used.number),
            "hashes": [_sha256(used.digest)],
            "data": [held],
        }
        if licence := said.get("licence"):
            made["licenses"] = [{"license": {"name": str(licence)}}]
        yield made


def _parents(facts: Facts) -> Iterator[Component]:
    if facts.parent is not None:
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"model:{facts.parent}",
            "name": facts.parent.name,
            "version": str(facts.parent.number),
        }


def _software(facts: Facts) -> Iterator[Component]:
    for line in dict.fromkeys(facts.lock.splitlines()):
        name, _, version = line.strip().partition("==")
        if name and version:
            yield {
                "type": "library",
                "bom-ref": f"pkg:pypi/{name}@{version}",
                "name": name,
                "version": version,
                "purl": f"pkg:pypi/{name}@{version}",
            }


def _used(facts: Facts) -> dict[str, Any]:
    """Return the dataset versions that were read, each once whatever its roles."""
    return {str(used): used for used in facts.run.data} if facts.run else {}


def _files(version: Registered) -> list[parts.Part]:
    return [*parts.artifacts(version.definition), *parts.documents(version.definition)]


def _tensor(spec: Any) -> str:
    shape = ", ".join(str(size) for size in spec.get("shape", ()))
    return f"{spec.get('name', '')} {spec.get('datatype', '')} [{shape}]"


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest.partition(":")[2]}


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"roadbed:{name}", "value": value}


def _uuid(digest: str) -> UUID:
    """Return a UUID that is made from *digest* alone (version 8, RFC 9562)."""
    number = int(digest.partition(":")[2][:32], 16)
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 8 << 76 | 2 << 62
    return UUID(int=number)
