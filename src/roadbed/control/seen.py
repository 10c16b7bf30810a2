"""Lists as one viewer may see them: of calls, runs, resources, keys and changes.

Each shows what a get would show, by the same target: see `control/targets.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from roadbed.access.visible import BATCH, Viewer, nothing, own
from roadbed.control.proof.link import Link, Verified
from roadbed.control.questions.lineage import Lineage, Use
from roadbed.control.questions.standing import Status
from roadbed.control.rollouts import Drift
from roadbed.control.rollouts import drifts as all_drifts
from roadbed.control.stack import Key
from roadbed.control.state import (
    Revision,
    StackRevision,
    current_resources,
    history,
    newest_revisions,
)
from roadbed.control.targets import (
    call_target,
    find_dataset,
    find_endpoint,
    find_model,
    keys_of,
    locate,
    report_target,
    resource_target,
    run_target,
    target_of,
)
from roadbed.control.versions import Versions
from roadbed.control.why import Chain, Hop
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid, NotFound
from roadbed.core.reference import parse
from roadbed.data.datasets import newest_versions
from roadbed.evals.reports.store import Report
from roadbed.evals.reports.store import listed as listed_reports
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery, Span, Spend, cursor
from roadbed.gateway.series import Point
from roadbed.identity.keys import KeyInfo, list_keys
from roadbed.inference.record import CallRecord
from roadbed.registry.runs import Run, Runs
from roadbed.registry.tracking.records import Wanted
from roadbed.registry.versions import Registered, list_versions, model_names
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.store import listed as listed_rollouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A dataset: the number of its newest version, 0 without one, and its spec."""

    name: str
    newest: int
    spec: Mapping[str, Any]


def calls(viewer: Viewer, log: CallLog, query: CallQuery) -> list[CallRecord]:
    """Return the calls that match *query* and that the viewer may read."""
    mine = replace(query, tenant=viewer.principal.tenant)

    def fetch(last: CallRecord | None, size: int) -> list[CallRecord]:
        before = cursor(last) if last else mine.before
        return log.search(replace(mine, before=before, limit=size))

    return viewer.page("call.read", fetch, call_target, query.limit)


def series(viewer: Viewer, log: CallLog, span: Span) -> list[Point]:
    """Count the calls of *span* that the viewer may read."""
    mine = replace(span, tenant=viewer.principal.tenant)
    return log.series(mine, lambda t: viewer.may("call.read", call_target(t)))


def spend(viewer: Viewer, log: CallLog, span: Span, label: str = "") -> list[Spend]:
    """Add up the cost of the calls of *span* that the viewer may read.

    A call that reached no model cost nothing, and is not among them.
    """
    mine = replace(span, tenant=viewer.principal.tenant)
    found = log.spend(mine, label, lambda s: viewer.may("call.read", call_target(s)))
    return [spend for spend in found if spend.model]


def runs(viewer: Viewer, found: Runs, name: str | None, limit: int) -> list[Run]:
    """Return the newest runs that the viewer may read, all or those called *name*."""
    return runs_before(viewer, found, Wanted(name=name or ""), None, limit)


def runs_before(
    viewer: Viewer, found: Runs, wanted: Wanted, before: str | None, limit: int
) -> list[Run]:
    """Return the newest of the *wanted* runs that the viewer may read.

    *before* is the id of the last run that was seen, None at the start.
    """
    tenant = viewer.principal.tenant

    def fetch(last: Run | None, size: int) -> list[Run]:
        start = last.id if last else before
        return found.list(None, size, tenant=tenant, before=start, wanted=wanted)

    return viewer.page("run.read", fetch, run_target, limit)


def keys(viewer: Viewer, connection: sa.Connection) -> list[KeyInfo]:
    """Return the keys that the viewer may see, newest first."""
    return viewer.only("key.list", list_keys(connection), keys_of(connection))


def resources(viewer: Viewer, connection: sa.Connection) -> list[Revision]:
    """Return what is declared now and the viewer may see, by kind and name."""
    live = current_resources(connection).resources
    ordered = [found for _, found in sorted(live.items())]
    return viewer.only("resource.read", ordered, resource_target)


def declared(
    viewer: Viewer, connection: sa.Connection, kind: str, action: str
) -> list[Revision]:
    """Return the live resources of *kind* to which the viewer may do *action*."""
    return viewer.only(action, current_resources(connection).of(kind), target_of)


def versions(
    viewer: Viewer,
    connection: sa.Connection,
    model: str,
    known: Versions | None = None,
) -> list[Registered]:
    """Return the versions of *model* that the viewer may read, newest first.

    *known* is the stack of this moment, for whoever asks of many models.
    """
    found = list_versions(connection, model)
    target = (known or Versions(connection)).of(model)
    return viewer.only("version.read", found, target)


def models(viewer: Viewer, connection: sa.Connection) -> list[str]:
    """Return the names of the models that have versions and the viewer may read."""
    return list(models_of(viewer, connection, model_names(connection)))


def models_of(
    viewer: Viewer, connection: sa.Connection, names: Iterable[str]
) -> Iterator[str]:
    """Yield those of *names* that are models the viewer may read, as it is asked."""
    for name in names:
        target = find_model(connection, name)
        if target is not None and viewer.may("model.read", target):
            yield name


def datasets(viewer: Viewer, connection: sa.Connection) -> list[Known]:
    """Return the datasets that the viewer may read: as declared, and their newest.

    Those that have versions and are declared no more are there too.
    """
    live = {r.name: r for r in current_resources(connection).of("Dataset")}
    newest = newest_versions(connection)
    found = (find_dataset(connection, name) for name in sorted({*live, *newest}))
    seen = viewer.only("dataset.read", filter(None, found), lambda target: target)
    return [
        Known(
            name=target.name,
            newest=newest.get(target.name, 0),
            spec=live[target.name].content["spec"] if target.name in live else {},
        )
        for target in seen
    ]


def dataset(connection: sa.Connection, name: str) -> Mapping[str, Any]:
    """Return what is declared of a dataset now, nothing if it is declared no more."""
    live = {r.name: r for r in current_resources(connection).of("Dataset")}
    return live[name].content["spec"] if name in live else {}


def chain(viewer: Viewer, connection: sa.Connection, whole: Chain) -> Chain:
    """Return *whole* without the links that a get would refuse to the viewer.

    What is left out is noted by its title.
    """
    hops: list[Hop] = []
    notes = list(whole.notes)
    for hop in whole.hops:
        if _may_follow(viewer, connection, hop):
            hops.append(hop)
        else:
            notes.append(f"{hop.title}: you may not see it")
    return replace(whole, hops=tuple(hops), notes=tuple(notes))


def verified(viewer: Viewer, connection: sa.Connection, whole: Verified) -> Verified:
    """Return *whole* with only the state of the hops that the viewer may not see."""
    owners = {link.owner for link in whole.links if link.owner}
    seen = {owner for owner in owners if _may_read(viewer, connection, owner)}
    links = (
        link
        if not link.owner or link.owner in seen
        else Link(kind=link.kind, name="(you may not see it)", state=link.state)
        for link in whole.links
    )
    return replace(whole, links=tuple(links))


def _may_read(viewer: Viewer, connection: sa.Connection, owner: str) -> bool:
    kind, _, name = owner.partition("/")
    found = locate(connection, kind, name)
    return viewer.may(_READ[kind], found or nothing(viewer.principal, kind, name))


def _may_follow(viewer: Viewer, connection: sa.Connection, hop: Hop) -> bool:
    """Say whether the viewer may see what a link of a chain speaks of."""
    kind, action = _READ_BY.get(hop.kind, ("", ""))
    if not kind:
        return True
    name = hop.name.partition("@")[0]
    found = locate(connection, kind, name)
    absent = nothing(viewer.principal, kind, name)
    return viewer.may(action, found or absent)


_READ: Mapping[str, str] = {
    "Dataset": "dataset.read",
    "Endpoint": "endpoint.read",
    "Model": "model.read",
    "Run": "run.read",
}
"""The action by which each kind of owner of a verified hop is seen."""

_READ_BY: Mapping[str, tuple[str, str]] = {
    "Dataset": ("Dataset", "dataset.read"),
    "DatasetVersion": ("Dataset", "dataset.read"),
    "Endpoint": ("Endpoint", "endpoint.read"),
    "ModelVersion": ("Model", "model.read"),
    "Run": ("Run", "run.read"),
}
"""What is asked for each kind of link: the kind it is read as, and the action."""


def lineage(viewer: Viewer, connection: sa.Connection, whole: Lineage) -> Lineage:
    """Return *whole* without what the viewer may not see, and edges that lead there."""
    sight = Sight(viewer, connection)
    hidden = {
        f"{source.kind}:{source.name}"
        for source in whole.sources
        if not sight.may_see(source.kind, source.name)
    }
    kept = [s for s in whole.sources if f"{s.kind}:{s.name}" not in hidden]
    edges = [e for e in whole.edges if not {e.src, e.dst} & hidden]
    return replace(whole, sources=tuple(kept), edges=tuple(edges))


def uses(viewer: Viewer, connection: sa.Connection, found: Iterable[Use]) -> list[Use]:
    """Return those of *found* that the viewer may see, at endpoints they may see."""
    return uses_in(Sight(viewer, connection), found)


def uses_in(sight: "Sight", found: Iterable[Use]) -> list[Use]:
    """Return those of *found* that *sight* shows, at endpoints that it shows."""
    return [
        replace(
            use,
            served=tuple(n for n in use.served if sight.may_see("endpoint", n)),
            through=use.through if sight.may_see("run", use.through) else "",
        )
        for use in found
        if sight.may_see("model", use.version)
    ]


def status(viewer: Viewer, connection: sa.Connection, whole: Status) -> Status:
    """Return *whole* without the endpoints and the data that the viewer may not see."""
    return status_in(Sight(viewer, connection), whole)


def status_in(sight: "Sight", whole: Status) -> Status:
    """Return *whole* without the endpoints and the data that *sight* does not show."""
    terms = [term for term in whole.terms if sight.may_see("endpoint", term.endpoint)]
    bad = [
        told
        for told in whole.rests_on_bad
        if sight.may_see("dataset", told.partition(":")[0])
    ]
    return replace(whole, terms=tuple(terms), rests_on_bad=tuple(bad))


class Sight:
    """What one viewer may see of things that lineage names, each decided once."""

    def __init__(self, viewer: Viewer, connection: sa.Connection) -> None:
        self._viewer = viewer
        self._connection = connection
        self._decided: dict[tuple[str, str], bool] = {}
        self._versions: Versions | None = None

    def may_see(self, kind: str, name: str) -> bool:
        """Say whether the viewer may see what lineage calls *name* of *kind*.

        *kind* is dataset, endpoint, model (then it is a version of it) or run.
        """
        real, action, whole = _SEEN_BY[kind]
        asked = name if whole else name.partition("@")[0]
        if (kind, asked) not in self._decided:
            found = own(self._viewer.principal, self._find(real, asked))
            seen = found is not None and self._viewer.may(action, found)
            self._decided[kind, asked] = seen
        return self._decided[kind, asked]

    def _find(self, kind: str, name: str) -> Target | None:
        if kind != "ModelVersion":
            return locate(self._connection, kind, name)
        self._versions = self._versions or Versions(self._connection)
        with suppress(Invalid, NotFound):
            return self._versions.find(parse(name))
        return None


_SEEN_BY: Mapping[str, tuple[str, str, bool]] = {
    "dataset": ("Dataset", "dataset.read", False),
    "endpoint": ("Endpoint", "endpoint.read", False),
    "model": ("ModelVersion", "version.read", True),
    "run": ("Run", "run.read", True),
}
"""How each kind of node is read, by which action, and whether by its version."""


def reports(
    viewer: Viewer, connection: sa.Connection, endpoint: str = "", limit: int = 50
) -> list[Report]:
    """Return the newest reports of evaluations that the viewer may see."""
    tenant = viewer.principal.tenant
    found = listed_reports(connection, tenant, endpoint, BATCH)
    return viewer.only("evaluation.read", found, report_target)[:limit]


def may_see_report(viewer: Viewer, report: Report) -> bool:
    """Say whether the viewer may see a report: of their tenant, by evaluation.read."""
    target = own(viewer.principal, report_target(report))
    return target is not None and viewer.may("evaluation.read", target)


def rollouts(
    viewer: Viewer,
    connection: sa.Connection,
    *,
    endpoint: str = "",
    phases: Collection[str] = (),
    after: Rollout | None = None,
    limit: int = 50,
) -> list[Rollout]:
    """Return the newest rollouts of endpoints that the viewer may read.

    Those that follow *after*, and are in one of *phases*, if any are given.
    """
    tenant, known = viewer.principal.tenant, dict[str, Target]()

    def fetch(last: Rollout | None, size: int) -> list[Rollout]:
        return listed_rollouts(
            connection,
            tenant=tenant,
            endpoint=endpoint,
            phases=phases,
            after=last or after,
            limit=size,
        )

    def target(rollout: Rollout) -> Target:
        name = rollout.endpoint
        if name not in known:
            found = own(viewer.principal, find_endpoint(connection, name))
            known[name] = found or nothing(viewer.principal, "Endpoint", name)
        return known[name]

    return viewer.page("endpoint.read", fetch, target, limit)


def drifts(viewer: Viewer, connection: sa.Connection) -> list[Drift]:
    """Return the endpoints that drifted from the stack and that the viewer may read."""

    def target(drift: Drift) -> Target:
        found = own(viewer.principal, find_endpoint(connection, drift.endpoint))
        return found or nothing(viewer.principal, "Endpoint", drift.endpoint)

    mine = [d for d in all_drifts(connection) if d.tenant == viewer.principal.tenant]
    return viewer.only("endpoint.read", mine, target)


def changes(
    viewer: Viewer, connection: sa.Connection, limit: int, before: int | None = None
) -> list[StackRevision]:
    """Return the changes of the stack, newest first, as far as the viewer sees them.

    A change of nothing that the viewer may see is left out, and in what each made
    live only what they may see is named.
    """
    known = newest_revisions(connection)
    mine = viewer.only("resource.read", known, resource_target)
    keys = {each.key for each in mine}
    seen: list[StackRevision] = []
    size = limit
    while True:
        batch = history(connection, size, before)
        seen += [c for c in (_cut(change, keys) for change in batch) if c.changes]
        if len(seen) >= limit or len(batch) < size:
            return seen[:limit]
        before, size = batch[-1].revision, min(2 * size, BATCH)


def _cut(change: StackRevision, keys: Collection[Key]) -> StackRevision:
    """Return *change* with nothing in it but what *keys* name."""
    names = {f"{kind}/{name}" for kind, name in keys}
    live = change.content.get("resources", {})
    kept = {name: digest for name, digest in live.items() if name in names}
    return replace(
        change,
        content={**change.content, "resources": kept},
        changes=tuple(each for each in change.changes if each.key in keys),
    )
