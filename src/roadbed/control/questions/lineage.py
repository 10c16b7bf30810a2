"""Where a model version comes from, and what was trained on a dataset version."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from roadbed.control.tables import resources
from roadbed.core.clock import to_text
from roadbed.core.errors import Corrupt
from roadbed.core.reference import VersionRef, parse
from roadbed.data import lineage, marks
from roadbed.data.tables import dataset_versions
from roadbed.registry.runs import get_run
from roadbed.registry.tables import model_versions
from roadbed.registry.versions import get_version
from roadbed.rollouts import store
from roadbed.rollouts.rollout import served

MEASURED = ("test", "evaluation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A thing that a model version came out of, by way of *via*.

    `kind` is `dataset`, `run` or `model`; `bad` is why it is bad, if anybody said so.
    """

    kind: str
    name: str
    via: str
    role: str = ""
    digest: str = ""
    told: str = ""
    bad: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a model version came out of, in the end; all of its edges."""

    version: str
    sources: tuple[Source, ...]
    edges: tuple[lineage.Edge, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A model version that rests on a dataset version.

    `served` are the endpoints that it may answer at; `through` is the run that read
    the data, in the role `role`.
    """

    version: str
    model: str
    number: int
    role: str
    through: str
    served: tuple[str, ...] = ()
    newest: bool = False

    @property
    def trains(self) -> bool:
        """Say whether it was trained on the data, not only measured with it."""
        return self.role not in MEASURED


def lineage_of(connection: sa.Connection, ref: VersionRef) -> Lineage:
    """Return where *ref* comes from; raise NotFound."""
    version = get_version(connection, ref)
    edges = lineage.ancestors(connection, lineage.model(version))
    condemned = marks.bad(connection)
    sources = [_source(connection, edge, condemned) for edge in edges]
    order = {"dataset": 0, "run": 1, "model": 2}
    sources.sort(key=lambda s: (order.get(s.kind, 3), s.name))
    return Lineage(version=str(version), sources=tuple(sources), edges=tuple(edges))


def uses_of(connection: sa.Connection, ref: VersionRef) -> tuple[Use, ...]:
    """Return the model versions that rest on the dataset version *ref*.

    Those that are served come first, then the newest of their models.
    """
    edges = lineage.descendants(connection, lineage.dataset(ref))
    roles = {e.src: e.role for e in edges if e.kind == lineage.READ and e.role}
    found = [
        (parse(edge.src.removeprefix("model:")), edge.dst)
        for edge in edges
        if edge.src.startswith("model:")
    ]
    served = pinned(connection)
    newest = _newest(connection, {made.name for made, _ in found})
    uses = {
        str(made): Use(
            version=str(made),
            model=made.name,
            number=made.number,
            role=roles.get(through, "training"),
            through=through.partition(":")[2],
            served=tuple(served.get(made, ())),
            newest=newest.get(made.name) == made.number,
        )
        for made, through in found
    }
    return tuple(
        sorted(
            uses.values(),
            key=lambda u: (not u.served, not u.newest, u.model, -u.number),
        )
    )


def affected(uses: tuple[Use, ...]) -> list[Use]:
    """Return of each model the one version to train again, those served first.

    That is the newest that is served, else the newest of all, if it rests on the data.
    """
    chosen: dict[str, Use] = {}
    for use in uses:
        if use.trains and (use.served or use.newest):
            chosen.setdefault(use.model, use)
    return list(chosen.values())


def pinned(connection: sa.Connection) -> dict[VersionRef, list[str]]:
    """Return at which endpoints each version may answer now, by pin or by rollout."""
    newest = (
        sa.select(resources.c.name, sa.func.max(resources.c.revision).label("last"))
        .where(resources.c.kind == "Endpoint")
        .group_by(resources.c.name)
        .subquery()
    )
    text = sa.type_coerce(resources.c.content, sa.Text)
    query = (
        sa.select(resources.c.name, text)
        .join(
            newest,
            (resources.c.name == newest.c.name)
            & (resources.c.revision == newest.c.last),
        )
        .where(resources.c.kind == "Endpoint", resources.c.state == "live")
        .order_by(resources.c.name)
    )
    found: dict[VersionRef, list[str]] = {}
    newest_rollouts = store.newest_of_each(connection)
    for name, content in connection.execute(query).all():
        pins = _pins(name, content)
        now = served(pins[0], newest_rollouts.get(name), math.inf)
        for pin in dict.fromkeys((*pins, now.base, now.candidate)):
            if pin:
                found.setdefault(parse(pin), []).append(name)
    return found


class _Smaller(msgspec.Struct):
    model: str | None = None


class _Spec(msgspec.Struct):
    model: str
    fallback: list[str] | None = None
    degrade: list[_Smaller] | None = None


class _Endpoint(msgspec.Struct):
    """What of an endpoint says which versions it pins; there may be thousands."""

    spec: _Spec


_read = msgspec.json.Decoder(_Endpoint).decode


def _pins(name: str, content: str) -> list[str]:
    """Return the versions that an endpoint may be answered by, each once."""
    try:
        spec = _read(content).spec
    except msgspec.DecodeError:
        raise Corrupt(
            f"the stored content of Endpoint/{name} was edited",
            hint="restore the database from a backup",
        ) from None
    smaller = [each.model for each in spec.degrade or ()]
    names = [spec.model, *(spec.fallback or ()), *smaller]
    return list(dict.fromkeys(filter(None, names)))


def _source(
    connection: sa.Connection,
    edge: lineage.Edge,
    condemned: dict[VersionRef, marks.Mark],
) -> Source:
    kind, _, name = edge.dst.partition(":")
    digest, told, bad = "", "", ""
    if kind == "dataset":
        ref = parse(name)
        digest, told = _data(connection, ref)
        bad = condemned[ref].reason if ref in condemned else ""
    elif kind == "run":
        run = get_run(connection, name)
        commit = str(run.code.get("commit", ""))[:12]
        told = f"{run.name} by {run.actor}" + (f", commit {commit}" if commit else "")
    return Source(
        kind=kind,
        name=name,
        via=edge.src.partition(":")[2],
        role=edge.role,
        digest=digest,
        told=told,
        bad=bad,
    )


def _data(connection: sa.Connection, ref: VersionRef) -> tuple[str, str]:
    query = sa.select(dataset_versions).where(
        dataset_versions.c.name == ref.name, dataset_versions.c.number == ref.number
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return "", "not in this database"
    told = f"{row['manifest']['rows']:,} rows, made {to_text(row['created_us'])[:19]}"
    return row["digest"], f"{told} by {row['actor']}"


def _newest(connection: sa.Connection, names: set[str]) -> dict[str, int]:
    query = (
        sa.select(model_versions.c.model, sa.func.max(model_versions.c.number))
        .where(model_versions.c.model.in_(names))
        .group_by(model_versions.c.model)
    )
    return {model: number for model, number in connection.execute(query)}


def told(lineage_: Lineage) -> Iterator[str]:
    """Yield the lineage as lines of text."""
    yield lineage_.version
    for source in lineage_.sources:
        role = f" ({source.role})" if source.role else ""
        yield f"  ← {source.kind} {source.name}{role}, by way of {source.via}"
        if source.told:
            yield f"      {source.told}"
        if source.digest:
            yield f"      {source.digest}"
        if source.bad:
            yield f"      bad: {source.bad}"
