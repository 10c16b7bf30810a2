"""The console's data from the real rooms: the call log, the stack, the audit log."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import sqlalchemy as sa

from roadbed.access.actions import ACTIONS
from roadbed.access.visible import Viewer, own
from roadbed.audit import tables as audit_tables
from roadbed.audit.entry import Outcome, Recorded
from roadbed.audit.log import AuditLog, AuditQuery
from roadbed.audit.rows import frontier_of
from roadbed.console import declared, spending, traced, traffic
from roadbed.console.assays.live import LiveAssays
from roadbed.console.custody.live import LiveCustody
from roadbed.console.custody.rooms import Rooms
from roadbed.console.data import (
    Alert,
    AuditHead,
    AuditPage,
    AuditRow,
    Bodies,
    CallList,
    CallPage,
    Changes,
    Choices,
    EndpointPage,
    EndpointRow,
    Fact,
    Overview,
    Peek,
    ResourcePage,
    Spending,
    Verdict,
)
from roadbed.console.filters import AuditFilter, CallFilter, SpendFilter
from roadbed.console.learning.live import LiveLearning
from roadbed.console.rollouts.live import LiveRollouts
from roadbed.console.waterfall import money_of, waterfall_of
from roadbed.console.words import duration
from roadbed.control import seen
from roadbed.control.budgets import standings
from roadbed.control.retiring import of_state
from roadbed.control.state import Revision, current, current_resources
from roadbed.control.targets import (
    call_target,
    find_call,
    find_live,
    find_resource,
    locate,
)
from roadbed.control.why import Chain
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound, NotReady, RoadbedError
from roadbed.database.engine import Database
from roadbed.gateway.alerts import list_alerts
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery, Span, cursor
from roadbed.gateway.money.bank import SPENT
from roadbed.gateway.series import Point
from roadbed.inference.snapshot import Deployment, Snapshot

PAGE = 50
_REVISIONS = 20
_RECENT = 8
_OWN_ACTIONS = ("calls.seal", "session.open")
_OUTCOMES: Mapping[str, Outcome] = {"done": "done", "denied": "denied"}


@dataclass(frozen=True, kw_only=True)
class LiveData:
    """A `ConsoleSource` over the call log, the control database and the audit log.

    *why* follows a chain; *snapshot* returns what this process serves now; *rooms*
    hold models, datasets and runs.
    """

    database: Database
    calls: CallLog
    audit: AuditLog
    why: Callable[[str], Chain]
    snapshot: Callable[[], Snapshot]
    rooms: Rooms

    def seen_by(self, viewer: Viewer) -> "Seen":
        """Return the data that *viewer* may see."""
        return Seen(self, viewer)

    @cached_property
    def traffic(self) -> traffic.Recent:
        """Return the counts of the last day, kept for a moment."""

        def make(viewer: Viewer, now_us: int) -> traffic.Traffic:
            def ask(span: Span) -> list[Point]:
                return seen.series(viewer, self.calls, span)

            return traffic.count(ask, now_us)

        return traffic.Recent(make)


class Seen:
    """The `ConsoleData` of one viewer: nothing in it that a get would refuse them."""

    def __init__(self, source: LiveData, viewer: Viewer) -> None:
        self._viewer = viewer
        self._tenant = viewer.principal.tenant
        self._database = source.database
        self._calls = source.calls
        self._audit = source.audit
        self._why = source.why
        self._snapshot = source.snapshot
        self._recent = source.traffic
        self._rooms = source.rooms

    @property
    def custody(self) -> LiveCustody:
        """Return what there is of models, datasets and runs."""
        return LiveCustody(self._rooms, self._viewer)

    def learning(self, now_us: Callable[[], int]) -> LiveLearning:
        """Return what is learned from calls."""
        return LiveLearning(database=self._database, viewer=self._viewer, now_us=now_us)

    @property
    def assays(self) -> LiveAssays:
        """Return what there is of evaluations."""
        return LiveAssays(self._rooms, self._viewer)

    @property
    def rolling(self) -> LiveRollouts:
        """Return what there is of rollouts."""
        return LiveRollouts(self._database, self._viewer)

    def find(self, kind: str, name: str, declared: str = "") -> Target | None:
        """Return what *name* names, None if it is not there for this viewer."""
        if kind == "Call":
            return find_call(self._calls, name, self._tenant)
        with self._database.read() as connection:
            if kind == "Endpoint":
                found = find_live(connection, kind, name)
            elif kind == "Resource":
                found = find_resource(connection, declared, name)
            else:
                found = locate(connection, kind, name)
        return own(self._viewer.principal, found)

    def overview(self, now_us: int) -> Overview:
        """Return the state of the whole at *now_us*."""
        counted, served = self._traffic(now_us), self._snapshot()
        with self._database.read() as connection:
            stack = self._endpoints(connection)
            names = {each.name for each in stack}
            return Overview(
                windows=counted.windows(names),
                traffic=counted.half_hours(),
                endpoints=_endpoints(stack, served, counted),
                alerts=_worst_first(
                    *_broken(served, names),
                    *_retiring(connection, names, now_us),
                    *self._alerts(connection),
                ),
                revisions=declared.latest(self._viewer, connection, 3),
                audit=_head(connection) if self._viewer.may("audit.read") else None,
                revision=served.revision,
                snapshot=served.digest,
            )

    def calls(self, wanted: CallFilter, now_us: int) -> CallList:
        """Return one page of the calls that *wanted* describes."""
        since_us, until_us = wanted.window(now_us)
        query = CallQuery(
            endpoint=wanted.endpoint,
            model=wanted.model,
            status=wanted.status,
            principal=wanted.principal,
            rollout=wanted.rollout,
            arm=wanted.arm,
            since_us=since_us,
            until_us=until_us,
            before=wanted.before,
            limit=PAGE + 1,
        )
        found = seen.calls(self._viewer, self._calls, query)
        with self._database.read() as connection:
            choices = self._choices(connection)
        return CallList(
            rows=tuple(traced.row_of(record) for record in found[:PAGE]),
            older=cursor(found[PAGE - 1]) if len(found) > PAGE else "",
            choices=choices,
        )

    def peek(self, call_id: str) -> Peek:
        """Return what is quickly known of one call."""
        found = self._calls.find(call_id, self._tenant)
        if not self._viewer.may("call.read", call_target(found.record)):
            raise NotFound(f"there is no call {call_id!r} that you may see")
        return Peek(row=traced.row_of(found.record), facts=traced.facts_of(found))

    def call(self, call_id: str) -> CallPage:
        """Return one call with its chain; a prediction also with its explanation."""
        found = self._calls.find(call_id, self._tenant)
        with self._database.read() as connection:
            chain = seen.chain(self._viewer, connection, self._why(call_id))
        return CallPage(
            row=traced.row_of(found.record),
            facts=(*traced.facts_beside(found), *money_of(found.record)),
            hops=traced.hops_of(chain),
            notes=chain.notes,
            explanation=chain.explanation,
            waterfall=waterfall_of(found.record),
            payload_kept=found.payload is not None,
            raw=chain.to_json(),
        )

    def verify(self, call_id: str) -> tuple[Verdict, ...]:
        """Check the call against its segment, the audit log and its commitment."""
        found = self._calls.find(call_id, self._tenant)
        return (*self._proof(call_id), *traced.verdict_of_payload(found))

    def bodies(self, call_id: str) -> Bodies:
        """Return the request and the response; NotFound if they are not kept."""
        payload = self._calls.find(call_id, self._tenant).payload
        if payload is None:
            raise NotFound(
                f"the request and the response of {call_id} are not kept",
                hint="an endpoint keeps them where `keep_payloads` is true",
            )
        return Bodies(request=payload.request, response=payload.response)

    def endpoints(self, now_us: int) -> tuple[EndpointRow, ...]:
        """Return all endpoints, by name."""
        counted = self._traffic(now_us)
        with self._database.read() as connection:
            stack = self._endpoints(connection)
        return _endpoints(stack, self._snapshot(), counted)

    def endpoint(self, name: str, now_us: int) -> EndpointPage:
        """Return one endpoint."""
        counted = self._traffic(now_us)
        query = CallQuery(
            endpoint=name, since_us=now_us - traffic.DAY_US, limit=_RECENT
        )
        with self._database.read() as connection:
            found = current_resources(connection).resources.get(("Endpoint", name))
            revisions = declared.history(connection, "Endpoint", name)
        if found is None:
            raise NotFound(
                f"no endpoint is called {name!r}",
                hint="the page Endpoints lists them all",
            )
        return EndpointPage(
            row=_endpoint(found, self._snapshot(), counted),
            facts=_terms(found),
            traffic=counted.half_hours(name),
            recent=tuple(
                map(traced.row_of, seen.calls(self._viewer, self._calls, query))
            ),
            revisions=revisions,
        )

    def spending(self, wanted: SpendFilter, now_us: int) -> Spending:
        """Return what calls have cost and how the budgets stand."""
        found = spending.spent(self._viewer, self._calls, wanted, now_us)
        with self._database.read() as connection:
            budgets = standings(self._viewer, connection, now_us)
        return spending.added_up(found, tuple(budgets), wanted, now_us)

    def audit(self, wanted: AuditFilter) -> AuditPage:
        """Return one page of the audit log."""
        query = AuditQuery(
            actor=wanted.actor,
            action=wanted.action,
            resource=wanted.resource,
            outcome=_OUTCOMES.get(wanted.outcome),
            before_seq=wanted.before_seq,
            limit=PAGE + 1,
        )
        found = self._audit.search(query)
        with self._database.read() as connection:
            head = _head(connection)
        return AuditPage(
            head=head,
            rows=tuple(map(_entry, found[:PAGE])),
            older=found[PAGE - 1].seq if len(found) > PAGE else None,
            actions=tuple(sorted({*ACTIONS, *_OWN_ACTIONS})),
        )

    def changes(self) -> Changes:
        """Return what is declared and the latest revisions."""
        with self._database.read() as connection:
            return Changes(
                resources=declared.rows(self._viewer, connection),
                revisions=declared.latest(self._viewer, connection, _REVISIONS),
            )

    def resource(self, kind: str, name: str) -> ResourcePage:
        """Return one resource with its revisions."""
        with self._database.read() as connection:
            return declared.page(connection, kind, name)

    def _proof(self, call_id: str) -> Iterator[Verdict]:
        try:
            proof = self._calls.prove(call_id)
        except NotReady as error:
            hint = f"; {error.hint}" if error.hint else ""
            yield Verdict(holds=None, text=f"{error.message}{hint}")
        except RoadbedError as error:
            yield Verdict(holds=False, text=error.message)
        else:
            with self._database.read() as connection:
                signed = _head(connection).checkpoint_size
            yield from traced.verdict_of_proof(proof, signed)

    def _traffic(self, now_us: int) -> traffic.Traffic:
        return self._recent.get(self._viewer, now_us)

    def _endpoints(self, connection: sa.Connection) -> list[Revision]:
        return seen.declared(self._viewer, connection, "Endpoint", "endpoint.read")

    def _alerts(self, connection: sa.Connection) -> Iterator[Alert]:
        """Yield what is wrong with the platform, to those who run it."""
        if self._tenant == DEFAULT_TENANT:
            yield from _open_alerts(connection)
            yield from self._unread()

    def _choices(self, connection: sa.Connection) -> Choices:
        """Return what the filters of the calls page offer to this viewer."""
        viewer = self._viewer
        accounts = [
            f"service-account:{each.name}"
            for each in seen.resources(viewer, connection)
            if each.kind == "ServiceAccount"
        ]
        versions = [
            str(version)
            for model in seen.models(viewer, connection)
            for version in seen.versions(viewer, connection, model)
        ]
        return Choices(
            endpoints=tuple(each.name for each in self._endpoints(connection)),
            models=tuple(sorted(versions)),
            principals=tuple(accounts),
        )

    def _unread(self) -> Iterator[Alert]:
        for name, reason in sorted(self._calls.unreadable.items()):
            yield Alert(level="warning", title=f"{name} is left out", detail=reason)


def _endpoints(
    stack: list[Revision], served: Snapshot, counted: traffic.Traffic
) -> tuple[EndpointRow, ...]:
    return tuple(_endpoint(each, served, counted) for each in stack)


def _endpoint(
    found: Revision, served: Snapshot, counted: traffic.Traffic
) -> EndpointRow:
    """Return what *served* answers with; what is only pinned stands in for nothing."""
    deployed: Deployment | None = served.deployments.get(found.name)
    day, spec = counted.of(found.name), found.content["spec"]
    return EndpointRow(
        name=found.name,
        version=str(deployed.version) if deployed else str(spec["model"]),
        digest=deployed.version.digest if deployed else "",
        provider=deployed.provider if deployed else "",
        stage=str(spec["stage"]),
        description=str(found.content["metadata"].get("description", "")),
        broken=served.broken.get(found.name, ""),
        calls=day.calls if day else 0,
        errors=day.errors if day else 0,
        p50_us=day.p50_us if day else None,
        p95_us=day.p95_us if day else None,
        points=counted.hours(found.name),
    )


def _terms(found: Revision) -> tuple[Fact, ...]:
    spec = found.content["spec"]
    acked = {"durable": "when its record is on disk", "spool": "when it is spooled"}
    facts = (
        Fact(label="Deadline", value=duration(spec["deadline_ms"] * 1000)),
        Fact(label="Acknowledged", value=acked.get(spec["ack"], str(spec["ack"]))),
        Fact(label="Payloads", value="kept" if spec["keep_payloads"] else "not kept"),
        Fact(label="Owner", value=str(spec.get("owner", ""))),
        Fact(label="Purpose", value=str(spec.get("purpose", ""))),
    )
    return tuple(fact for fact in facts if fact.value)


def _worst_first(*alerts: Alert) -> tuple[Alert, ...]:
    return tuple(sorted(alerts, key=lambda alert: alert.level != "critical"))


def _broken(served: Snapshot, names: Collection[str]) -> Iterator[Alert]:
    for name, reason in sorted(served.broken.items()):
        if name not in names:
            continue
        goes_on = name in served.deployments
        yield Alert(
            level="warning" if goes_on else "critical",
            title=f"{name} serves the version before"
            if goes_on
            else f"{name} cannot serve",
            detail=reason,
            href=f"/console/endpoints/{name}",
        )


def _retiring(
    connection: sa.Connection, names: Collection[str], now_us: int
) -> Iterator[Alert]:
    """Yield what is served and that its provider has announced to retire."""
    today = datetime.fromtimestamp(now_us / 1e6, UTC).date()
    for each in of_state(current(connection), today):
        if each.endpoint in names:
            yield Alert(
                level="warning" if each.days > 0 else "critical",
                title=each.title,
                detail=each.detail,
                href=f"/console/endpoints/{each.endpoint}",
            )


def _open_alerts(connection: sa.Connection) -> Iterator[Alert]:
    for alert in list_alerts(connection):
        yield Alert(
            level=alert.severity,
            title=alert.code,
            detail=alert.message,
            href="/console/spend" if alert.code == SPENT else "",
            at_us=alert.at_us,
            rollout=str(alert.detail.get("rollout", "")),
        )


def _head(connection: sa.Connection) -> AuditHead:
    tree, signed = audit_tables.tree, audit_tables.checkpoints
    row = connection.execute(sa.select(tree.c.size, tree.c.nodes)).one_or_none()
    query = sa.select(signed.c.size, signed.c.at_us).order_by(signed.c.size.desc())
    last = connection.execute(query.limit(1)).one_or_none()
    return AuditHead(
        size=row.size if row else 0,
        root=frontier_of(row.size, row.nodes).root().hex() if row else "",
        checkpoint_size=last.size if last else 0,
        checkpoint_us=last.at_us if last else None,
    )


def _entry(recorded: Recorded) -> AuditRow:
    return AuditRow(
        seq=recorded.seq,
        at_us=recorded.at_us,
        actor=recorded.actor,
        action=recorded.action,
        resource=recorded.resource,
        outcome=recorded.outcome,
        leaf=recorded.leaf,
        detail=recorded.detail,
    )
