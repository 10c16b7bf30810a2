"""Models and their versions, as one viewer may see them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import sqlalchemy as sa

from roadbed.access.visible import own
from roadbed.console.custody import chain
from roadbed.console.custody.asked import (
    ChainView,
    ChangesPage,
    ModelList,
    ModelPage,
    ModelRow,
    Serving,
    VersionLine,
    VersionPage,
)
from roadbed.console.custody.filters import DiffFilter, ModelFilter
from roadbed.console.custody.picture import Node
from roadbed.console.custody.rooms import Eyes
from roadbed.console.words import plural
from roadbed.control import seen
from roadbed.control.answering import ways
from roadbed.control.cards import card_of
from roadbed.control.proof.link import Verified
from roadbed.control.questions.compare import Comparer
from roadbed.control.questions.lineage import lineage_of
from roadbed.control.questions.runs import whole
from roadbed.control.questions.standing import Status, status_of
from roadbed.control.readable import served_of
from roadbed.control.state import State, newest_revision
from roadbed.control.targets import find_dataset
from roadbed.control.versions import Versions
from roadbed.core.digest import short
from roadbed.core.errors import Corrupt, NotFound
from roadbed.core.reference import VersionRef, parse
from roadbed.data.tables import dataset_versions
from roadbed.evals.reports.store import Report
from roadbed.gateway.history import CallQuery
from roadbed.registry.approvals import list_approvals
from roadbed.registry.proof import parts
from roadbed.registry.proof.notary import find_sealed, parent_of, run_of
from roadbed.registry.runs import Run, get_run
from roadbed.registry.versions import (
    Registered,
    get_version,
    model_names,
    newest_version,
)
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.store import newest_of_each

PAGE = 50
SHOWN = 50
"""As many versions of a model as its page lists."""
_DAY_US = 86_400_000_000
_COUNTED = 101


def models(eyes: Eyes, wanted: ModelFilter) -> ModelList:
    """Return a page of the models of which the viewer may see a version, by name."""
    with eyes.rooms.database.read() as connection:
        names = (
            name
            for name in model_names(connection)
            if wanted.name in name and name > wanted.after
        )
        rows = list(islice(_rows(eyes, connection, names), PAGE + 1))
    after = rows[PAGE - 1].name if len(rows) > PAGE else ""
    return ModelList(rows=tuple(rows[:PAGE]), after=after)


def model(eyes: Eyes, name: str) -> ModelPage:
    """Return one model."""
    with eyes.rooms.database.read() as connection:
        declared = newest_revision(connection, "Model", name)
        content: Mapping[str, Any] = declared.content if declared else {}
        found = seen.versions(eyes.viewer, connection, name)
        sight = seen.Sight(eyes.viewer, connection)
        lines = tuple(_line(sight, connection, v) for v in found[:SHOWN])
    return ModelPage(
        name=name,
        kind=found[0].kind if found else "",
        declared=content.get("spec", {}),
        description=str(content.get("metadata", {}).get("description", "")),
        versions=lines,
        more=max(0, len(found) - SHOWN),
    )


def version(eyes: Eyes, ref: VersionRef, now_us: int) -> VersionPage:
    """Return one version with its whole chain."""
    calls = _calls(eyes, ref, now_us)
    with eyes.rooms.database.read() as connection:
        found = get_version(connection, ref)
        sight = seen.Sight(eyes.viewer, connection)
        status = seen.status_in(sight, status_of(connection, ref))
        run_id = run_of(found)
        run_seen = bool(run_id) and sight.may_see("run", run_id)
        parent = parent_of(found)
        named = parent and sight.may_see("model", str(parent))
        page = VersionPage(
            ref=ref,
            kind=found.kind,
            digest=found.digest,
            definition=found.definition,
            status=status,
            chain=_chain(eyes, connection, found, status, calls),
            said=card_of(connection, ref),
            approvals=tuple(list_approvals(connection, ref)),
            sealed=find_sealed(connection, ref.name, ref.number),
            parent=str(parent) if named else "",
            others=_numbers(eyes, connection, ref.name),
            artifacts=tuple((p.name, p.digest) for p in _parts(found)),
        )
    if not run_seen:
        return page
    return replace(page, run=whole(eyes.rooms.database, run_id, now_us))


def verify(eyes: Eyes, ref: VersionRef) -> Verified:
    """Hash all again that the version was made of, if there is room for it now."""
    whole_proof = eyes.rooms.gate.run(lambda: eyes.rooms.prover.version(ref))
    with eyes.rooms.database.read() as connection:
        return seen.verified(eyes.viewer, connection, whole_proof)


def model_changes(eyes: Eyes, name: str, wanted: DiffFilter) -> ChangesPage:
    """Return what changed between two versions of a model."""
    with eyes.rooms.database.read() as connection:
        numbers = _numbers(eyes, connection, name)
    chosen = _chosen(wanted, numbers)
    changes = None
    if chosen.left and chosen.right:
        refs = VersionRef(name, chosen.left), VersionRef(name, chosen.right)
        changes = eyes.rooms.gate.run(lambda: comparer(eyes).of_versions(*refs))
    return ChangesPage(name=name, numbers=numbers, wanted=chosen, changes=changes)


def comparer(eyes: Eyes) -> Comparer:
    """Return what compares, and names only what the viewer may see."""

    def may(dataset: str) -> bool:
        with eyes.rooms.database.read() as connection:
            found = own(eyes.viewer.principal, find_dataset(connection, dataset))
        return found is not None and eyes.viewer.may("dataset.read", found)

    def may_report(report: Report) -> bool:
        return seen.may_see_report(eyes.viewer, report)

    return replace(eyes.rooms.comparer(may), may_report=may_report)


def _chosen(wanted: DiffFilter, numbers: Sequence[int]) -> DiffFilter:
    """Return what is compared: what was asked for, else the newest with its elder."""
    right = wanted.right or next(iter(numbers), 0)
    elder = (n for n in numbers if n < right)
    return DiffFilter(left=wanted.left or next(elder, 0), right=right, key=wanted.key)


def _numbers(eyes: Eyes, connection: sa.Connection, name: str) -> tuple[int, ...]:
    return tuple(v.number for v in seen.versions(eyes.viewer, connection, name))


def _rows(
    eyes: Eyes, connection: sa.Connection, names: Iterable[str]
) -> Iterator[ModelRow]:
    """Yield the rows of *names*, as they are asked for: each costs some decisions."""
    known, sight = Versions(connection), seen.Sight(eyes.viewer, connection)
    pinned = _pinned(known.stack, newest_of_each(connection))
    for name in seen.models_of(eyes.viewer, connection, names):
        try:
            newest = newest_version(connection, name)
            if newest is None or not sight.may_see("model", str(newest)):
                found = seen.versions(eyes.viewer, connection, name, known)
                newest = next(iter(found), None)
            served = tuple(s for s in pinned.get(name, ()) if _shown(sight, s))
        except Corrupt as error:
            yield ModelRow(name=name, problem=error.message)
            continue
        if newest is not None:
            yield _row(newest, known.stack, served)


def _pinned(stack: State, rolling: Mapping[str, Rollout]) -> dict[str, list[Serving]]:
    """Return where each model may answer now: by what is declared, and by rollouts."""
    found: dict[str, list[Serving]] = {}
    for each in stack.of("Endpoint"):
        stage = str(each.content["spec"]["stage"])
        now = served_of(each.content, rolling.get(each.name), 0)
        for ref, how in ways(each.content, now).items():
            serving = Serving(
                endpoint=each.name, version=str(ref), stage=stage, how=how
            )
            found.setdefault(ref.name, []).append(serving)
    return found


def _shown(sight: seen.Sight, serving: Serving) -> bool:
    return sight.may_see("endpoint", serving.endpoint) and sight.may_see(
        "model", serving.version
    )


def _row(newest: Registered, stack: State, served: tuple[Serving, ...]) -> ModelRow:
    declared = stack.resources.get(("Model", newest.model))
    spec = declared.content["spec"] if declared else {}
    return ModelRow(
        name=newest.model,
        kind=newest.kind,
        newest=str(newest),
        made_us=newest.created_us,
        made_by=newest.actor,
        owner=str(spec.get("owner", "")),
        purposes=tuple(spec.get("purposes") or ()),
        served=served,
    )


def _line(
    sight: seen.Sight, connection: sa.Connection, found: Registered
) -> VersionLine:
    ref, run_id = VersionRef(found.model, found.number), run_of(found)
    return VersionLine(
        number=found.number,
        kind=found.kind,
        digest=found.digest,
        run=run_id if run_id and sight.may_see("run", run_id) else "",
        status=seen.status_in(sight, status_of(connection, ref)),
    )


def _parts(found: Registered) -> list[parts.Part]:
    return [*parts.artifacts(found.definition), *parts.documents(found.definition)]


def _calls(eyes: Eyes, ref: VersionRef, now_us: int) -> dict[str, int]:
    """Count what the version answered in the last day, by endpoint, up to 100."""
    if not eyes.viewer.might("call.read"):
        return {}
    since_us = now_us - _DAY_US
    query = CallQuery(model=str(ref), since_us=since_us, limit=_COUNTED, copies=False)
    found = seen.calls(eyes.viewer, eyes.rooms.calls, query)
    return Counter(record.endpoint for record in found)


def _chain(
    eyes: Eyes,
    connection: sa.Connection,
    found: Registered,
    status: Status,
    calls: Mapping[str, int],
) -> ChainView:
    ref = VersionRef(found.model, found.number)
    all_of_it = lineage_of(connection, ref)
    mine = seen.lineage(eyes.viewer, connection, all_of_it)
    live = {t.endpoint: 0 for t in status.terms if t.until_us is None}
    counted = {**live, **calls} if eyes.viewer.might("call.read") else {}

    def told(kind: str, name: str) -> tuple[str, ...]:
        return _told(connection, kind, name)

    return chain.view(
        mine,
        status.terms,
        counted,
        told,
        beside=tuple(_beside(found)),
        hidden=len(mine.sources) < len(all_of_it.sources),
    )


def _beside(found: Registered) -> Iterator[Node]:
    """Yield what went into a hosted version: its upstream, and its documents."""
    body = found.definition.get("hosted")
    if isinstance(body, Mapping):
        upstream, provider = str(body.get("upstream")), str(body.get("provider"))
        facts = (f"at {provider}", "pinned by name")
        yield Node(key="upstream:", kind="Upstream", name=upstream, facts=facts)
    if held := parts.documents(found.definition):
        told = plural(len(held), "document")
        yield Node(key="documents:", kind="Context", name=told, facts=("by digest",))


def _told(connection: sa.Connection, kind: str, name: str) -> tuple[str, ...]:
    """Return in few words what is known of a thing of the chain."""
    try:
        if kind == "run":
            return _of_run(get_run(connection, name))
        if kind == "model":
            made = get_version(connection, parse(name))
            return (made.kind, short(made.digest))
        return _of_data(connection, parse(name))
    except NotFound:
        return ("not in this database",)
    except Corrupt:
        return ("was edited since",)


def _of_data(connection: sa.Connection, ref: VersionRef) -> tuple[str, ...]:
    table = dataset_versions.c
    query = sa.select(table.manifest, table.digest).where(
        table.name == ref.name, table.number == ref.number
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return ("not in this database",)
    return (f"{int(row.manifest['rows']):,} rows", short(row.digest))


def _of_run(run: Run) -> tuple[str, ...]:
    code, environment = run.code, run.environment
    commit = str(code.get("commit") or "")[:8]
    dirty = ", dirty" if code.get("dirty") else ""
    seed = "" if run.seed is None else f", seed {run.seed}"
    facts = (
        run.id[-8:],
        f"commit {commit}{dirty}" if commit else "no commit",
        plural(len(run.params), "parameter") + seed,
        f"Python {environment['python']}" if environment.get("python") else "",
    )
    return (run.name, *filter(None, facts))
