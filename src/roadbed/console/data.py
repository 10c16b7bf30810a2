"""What the pages show, as plain values, and where they ask for it.

Pages never touch a database: they ask a `ConsoleData` and render what it
returns. Times are UTC microseconds since 1970; durations are microseconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from roadbed.access.visible import Viewer
from roadbed.console.assays.asked import Assays
from roadbed.console.custody.asked import Custody
from roadbed.console.filters import AuditFilter, CallFilter, SpendFilter
from roadbed.console.learning.asked import Learning
from roadbed.console.rollouts.asked import Rolling
from roadbed.control.budgets import Standing
from roadbed.core.decision import Target
from roadbed.gateway.money.spend import Cost
from roadbed.inference.provider import Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What happened in one step of a series, from `at_us` on."""

    at_us: int
    calls: int
    errors: int
    p95_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Calls and errors over one stretch of time, and the p95 of the slowest endpoint.

    Endpoints are not mixed into one percentile: a model that takes microseconds
    would hide one that takes seconds.
    """

    label: str
    calls: int
    errors: int
    p95_us: int | None = None
    slowest: str = ""

    @property
    def error_share(self) -> float:
        """Return the share of calls that failed, 0 where there were none."""
        return self.errors / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """One endpoint over the last day; `broken` says why it cannot serve, if so."""

    name: str
    version: str
    digest: str
    provider: str
    stage: str
    description: str = ""
    broken: str = ""
    calls: int = 0
    errors: int = 0
    p50_us: int | None = None
    p95_us: int | None = None
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that wants a person's attention, and where to look.

    `rollout` is the id of the rollout that it is about, if any.
    """

    level: Literal["critical", "warning"]
    title: str
    detail: str = ""
    href: str = ""
    at_us: int | None = None
    rollout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a plan that was applied: what happened to one resource."""

    action: str
    kind: str
    name: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One apply: the picture it made, who made it, and what it changed."""

    number: int
    digest: str
    applied_by: str
    applied_us: int
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """Where the audit log stands, and how much of it the last checkpoint covers."""

    size: int
    root: str = ""
    checkpoint_size: int = 0
    checkpoint_us: int | None = None
    origin: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The first page: is it running, what needs attention, what changed last."""

    windows: tuple[Window, ...] = ()
    traffic: tuple[Point, ...] = ()
    endpoints: tuple[EndpointRow, ...] = ()
    alerts: tuple[Alert, ...] = ()
    revisions: tuple[Revision, ...] = ()
    audit: AuditHead | None = None
    revision: int = 0
    snapshot: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One call, in one line."""

    call_id: str
    at_us: int
    endpoint: str
    model: str
    status: str
    kind: str = ""
    error: str = ""
    principal: str = ""
    latency_us: int = 0
    first_us: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    rows: int = 0
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the filters of the calls page offer."""

    endpoints: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallList:
    """One page of calls, newest first; `older` is the cursor of the next one."""

    rows: tuple[CallRow, ...] = ()
    older: str = ""
    choices: Choices = Choices()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing known: a label and its value; digests can be copied whole.

    `at_us` is there if the value is a moment: people see it in their own zone. `href`
    is the page of what it names, empty if it has none.
    """

    label: str
    value: str
    digest: bool = False
    at_us: int | None = None
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One station of the chain from an answer back to where it came from."""

    title: str
    kind: str
    name: str
    digest: str = ""
    facts: tuple[Fact, ...] = ()
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One thing that was checked and whether it holds; None: a note, not a check."""

    holds: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """What the side panel shows of a call: cheap to fetch, no bodies."""

    row: CallRow
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage, or one attempt: where it begins and how wide it is, in per cent."""

    name: str
    us: int
    x: float
    width: float
    note: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """The stages of a call one after another, and the attempts in it."""

    stages: tuple[Stage, ...] = ()
    attempts: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage:
    """One call with its chain of custody.

    `raw` is the chain as plain JSON, the same that `roadbed why -o json` prints.
    """

    row: CallRow
    facts: tuple[Fact, ...] = ()
    hops: tuple[Hop, ...] = ()
    notes: tuple[str, ...] = ()
    explanation: Explanation | None = None
    waterfall: Waterfall = Waterfall()
    payload_kept: bool = False
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """What was asked and what was answered, as texts (JSON where they are JSON)."""

    request: str
    response: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPage:
    """One endpoint: what it serves, how it fares, and how it came to this."""

    row: EndpointRow
    facts: tuple[Fact, ...] = ()
    traffic: tuple[Point, ...] = ()
    recent: tuple[CallRow, ...] = ()
    revisions: tuple["ResourceRevision", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry of the audit log; `detail` is plain JSON."""

    seq: int
    at_us: int
    actor: str
    action: str
    resource: str
    outcome: str
    leaf: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """One page of the audit log, newest first; `older` is the next cursor."""

    head: AuditHead
    rows: tuple[AuditRow, ...] = ()
    older: int | None = None
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRow:
    """One declared resource as it stands now.

    `revision` counts for the resource, `stack` is the applied revision of it all.
    """

    kind: str
    name: str
    revision: int
    stack: int
    digest: str
    state: str
    applied_by: str
    applied_us: int
    file: str = ""
    line: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is declared, and the revisions that led there, newest first."""

    resources: tuple[ResourceRow, ...] = ()
    revisions: tuple[Revision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that an apply changed; None where it was or became absent."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRevision:
    """One revision of one resource: who, when, which fields, and the whole text.

    `revision` counts for the resource, `stack` is the applied revision of it all.
    """

    revision: int
    stack: int
    digest: str
    action: str
    applied_by: str
    applied_us: int
    fields: tuple[FieldChange, ...] = ()
    content: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One immutable version of a model, and how it came to be."""

    name: str
    digest: str
    made_by: str
    made_us: int
    run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePage:
    """One resource and its revisions, newest first."""

    kind: str
    name: str
    state: str
    description: str = ""
    revisions: tuple[ResourceRevision, ...] = ()
    versions: tuple[VersionRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPoint:
    """What the calls of one step cost, in billionths of a US dollar."""

    at_us: int
    cost_nano: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What calls have cost, and how the budgets stand that count them."""

    costs: tuple[Cost, ...] = ()
    points: tuple[CostPoint, ...] = ()
    budgets: tuple[Standing, ...] = ()

    @property
    def total(self) -> Cost:
        """Return all costs as one."""
        return Cost(
            name="",
            calls=sum(each.calls for each in self.costs),
            unpriced=sum(each.unpriced for each in self.costs),
            cost_nano=sum(each.cost_nano for each in self.costs),
            input_tokens=sum(each.input_tokens for each in self.costs),
            output_tokens=sum(each.output_tokens for each in self.costs),
        )


class ConsoleSource(Protocol):
    """Where the console gets its data from, as each visitor may see it."""

    def seen_by(self, viewer: Viewer) -> "ConsoleData":
        """Return the data that *viewer* may see: lists show what a get would."""
        ...


class ConsoleData(Protocol):
    """Answers what one visitor's pages ask. Methods block, and run in threads.

    A method that is given a name raises NotFound if nothing has it.
    """

    @property
    def custody(self) -> Custody:
        """Return what there is of models, datasets and runs."""
        ...

    @property
    def assays(self) -> Assays:
        """Return what there is of evaluations."""
        ...

    @property
    def rolling(self) -> Rolling:
        """Return what there is of rollouts."""
        ...

    def find(self, kind: str, name: str, declared: str = "") -> Target | None:
        """Return what *name* names as policies read it, None if it is not there.

        *declared* is the kind that a resource is declared as.
        """
        ...

    def learning(self, now_us: Callable[[], int]) -> Learning:
        """Return what is learned from calls: cases to review, and quality."""
        ...

    def overview(self, now_us: int) -> Overview:
        """Return the state of the whole at *now_us*."""
        ...

    def calls(self, wanted: CallFilter, now_us: int) -> CallList:
        """Return one page of the calls that *wanted* describes."""
        ...

    def peek(self, call_id: str) -> Peek:
        """Return what is quickly known of one call."""
        ...

    def call(self, call_id: str) -> CallPage:
        """Return one call with its chain and, for a prediction, its explanation."""
        ...

    def verify(self, call_id: str) -> tuple[Verdict, ...]:
        """Check the call against the audit log and its own commitment, now."""
        ...

    def bodies(self, call_id: str) -> Bodies:
        """Return the request and the response; NotFound if they were not kept."""
        ...

    def endpoints(self, now_us: int) -> tuple[EndpointRow, ...]:
        """Return all endpoints, by name."""
        ...

    def endpoint(self, name: str, now_us: int) -> EndpointPage:
        """Return one endpoint."""
        ...

    def spending(self, wanted: SpendFilter, now_us: int) -> Spending:
        """Return what calls have cost and how the budgets stand."""
        ...

    def audit(self, wanted: AuditFilter) -> AuditPage:
        """Return one page of the audit log."""
        ...

    def changes(self) -> Changes:
        """Return what is declared and the latest revisions."""
        ...

    def resource(self, kind: str, name: str) -> ResourcePage:
        """Return one resource with its revisions."""
        ...
