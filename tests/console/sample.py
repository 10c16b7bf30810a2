"""A console's data made from a formula: the same on every run, and plausible."""

import math
from dataclasses import replace

from roadbed.console.data import (
    Alert,
    AuditHead,
    AuditPage,
    AuditRow,
    Bodies,
    CallList,
    CallPage,
    CallRow,
    Change,
    Changes,
    Choices,
    CostPoint,
    EndpointPage,
    EndpointRow,
    Fact,
    FieldChange,
    Hop,
    Overview,
    Peek,
    Point,
    ResourcePage,
    ResourceRevision,
    ResourceRow,
    Revision,
    Spending,
    Verdict,
    VersionRow,
    Window,
)
from roadbed.control.budgets import Standing
from roadbed.core.decision import Target
from roadbed.core.digest import digest_of
from roadbed.core.errors import NotFound
from roadbed.gateway.money.spend import Cost
from roadbed.inference.provider import Contribution, Explanation
from tests.console.empty import EmptyAssays, EmptyRolling
from tests.console.learned import EmptyLearning, SampleLearning

NOW = 1_795_168_800_000_000
"""2026-11-20T10:00:00Z."""
SECOND, HOUR = 1_000_000, 3_600_000_000

_FEATURES = (
    ("worst concave points", 0.1834, 0.1146, 0.2711),
    ("worst perimeter", 152.3, 107.3, 0.1983),
    ("worst radius", 23.24, 16.27, 0.1204),
    ("mean concave points", 0.0981, 0.0489, 0.0917),
    ("worst area", 1656.0, 880.6, 0.0671),
    ("worst texture", 21.03, 25.68, -0.0524),
    ("mean texture", 14.36, 19.29, -0.0381),
    ("area error", 93.54, 40.34, 0.0302),
    ("worst smoothness", 0.1178, 0.1324, -0.0219),
    ("mean concavity", 0.1684, 0.0888, 0.0187),
    ("worst symmetry", 0.2675, 0.2901, -0.0093),
    ("radius error", 0.7392, 0.4052, 0.0071),
    ("mean symmetry", 0.1769, 0.1812, -0.0031),
    ("smoothness error", 0.0051, 0.007, 0.0012),
)


def points(seed: int, steps: int, scale: float, trouble: int = -1):
    """A day of traffic: quiet at night, with errors around the step *trouble*."""
    step_us = 24 * HOUR // steps
    made = []
    for index in range(steps):
        wave = 1.15 + math.sin((index / steps) * 2 * math.pi - 1.9 + seed)
        calls = int(scale * wave * (1 + 0.18 * math.sin(index * 2.3 + seed)))
        near = abs(index - trouble)
        errors = max(0, int(calls * (0.34 - 0.12 * near))) if trouble >= 0 else 0
        at = NOW - 24 * HOUR + index * step_us
        p95 = 22_000 + 900 * index if calls else None
        made.append(Point(at_us=at, calls=calls, errors=errors, p95_us=p95))
    return tuple(made)


def endpoint_row(name, version, provider, stage, day, **more):
    return EndpointRow(
        name=name,
        version=version,
        digest=digest_of(version),
        provider=provider,
        stage=stage,
        calls=sum(p.calls for p in day),
        errors=sum(p.errors for p in day),
        points=day,
        **more,
    )


ENDPOINTS = (
    endpoint_row(
        "handbook",
        "handbook@1",
        "extractive",
        "production",
        points(0.4, 24, 22),
        p50_us=3_420,
        p95_us=9_870,
        description="Answers questions from the handbook and cites the passage.",
    ),
    endpoint_row(
        "reply-draft",
        "reply-draft@4",
        "openai",
        "production",
        points(1.1, 24, 61, 19),
        p50_us=812_000,
        p95_us=2_940_000,
        description="Drafts the first reply to a support ticket.",
    ),
    endpoint_row(
        "reply-draft-next",
        "reply-draft@5",
        "openai",
        "development",
        points(2.9, 24, 2.2),
        p50_us=790_000,
        p95_us=1_730_000,
    ),
    endpoint_row(
        "tumor-triage",
        "tumor-triage@2",
        "onnx",
        "production",
        points(0.0, 24, 140),
        p50_us=610,
        p95_us=1_240,
        description="Scores biopsies by how likely they are malignant.",
    ),
    replace(
        endpoint_row("wine-quality", "", "onnx", "development", points(0, 24, 0)),
        broken="wine-quality@1 could not be loaded: the artifact's digest differs",
    ),
)

_STATUS = {3: "error", 7: "denied", 11: "truncated", 17: "error", 23: "cancelled"}
_ERROR = {
    "error": "provider_timeout: the provider did not answer within 30 s",
    "denied": "permission_denied",
    "truncated": "provider_truncated: the stream ended without a finish",
}


def call_id(index: int) -> str:
    ms = (NOW - index * 47 * SECOND) // 1000
    text = f"{ms:012x}"
    tail = f"7{index % 4096:03x}-8{index % 4096:03x}-{index * 7919:012x}"
    return f"eu-{text[:8]}-{text[8:]}-{tail}"


def call_row(index: int) -> CallRow:
    which = ("tumor-triage", "reply-draft", "tumor-triage", "handbook")[index % 4]
    row = next(e for e in ENDPOINTS if e.name == which)
    status = _STATUS.get(index % 29, "ok")
    trained = which == "tumor-triage"
    text = "Reset the token under Settings, then sign in again; the old one ends."
    return CallRow(
        call_id=call_id(index),
        at_us=NOW - index * 47 * SECOND - 213_000 * (index % 5),
        endpoint=which,
        model="" if status == "denied" else row.version,
        status=status,
        kind="trained" if trained else "hosted",
        error=_ERROR.get(status, ""),
        principal=("service-account:clinic-app", "service-account:support-app")[
            not trained
        ],
        latency_us=(row.p50_us or 0) + (index * 7919) % ((row.p50_us or 1) // 2),
        first_us=0 if trained else (row.p50_us or 0) // 4,
        input_tokens=0 if trained else 320 + index % 90,
        output_tokens=0 if trained else 84 + index % 40,
        rows=1 + index % 3 if trained else 0,
        summary=""
        if status != "ok"
        else f"malignant 0.{940 - index % 60}"
        if trained
        else text,
    )


CALLS = tuple(call_row(index) for index in range(180))
PAGE = 50

EXPLANATION = Explanation(
    method="interventional Shapley values, one reference",
    output_name="malignant",
    output=0.9561,
    reference_output=0.3726,
    contributions=tuple(
        Contribution(feature=f, value=v, reference=r, amount=a)
        for f, v, r, a in _FEATURES
    ),
)

_COSTS = {
    "endpoint": ("reply-draft", "handbook", "reply-draft-next", "tumor-triage"),
    "model": ("reply-draft@4", "handbook@1", "reply-draft@5", "tumor-triage@2"),
    "provider": ("openai", "extractive", "azure", "onnx"),
    "principal": ("service-account:support-app", "user:company/ada@example.com"),
    "team": ("support", "", "search"),
    "day": tuple(f"2026-11-{day}" for day in range(14, 21)),
}
_AMOUNTS = (41_283_500_000, 6_120_000_000, 871_200, 12_000)
COSTS = {
    by: tuple(
        Cost(
            name=name,
            calls=1_820 - 190 * index,
            unpriced=3 if index == 2 else 0,
            cost_nano=_AMOUNTS[index % 4],
            input_tokens=612_000 // (index + 1),
            output_tokens=171_300 // (index + 1),
        )
        for index, name in enumerate(names)
    )
    for by, names in _COSTS.items()
}
BUDGETS = tuple(
    Standing(
        budget=name,
        tenant="default",
        amount=250_000_000_000,
        period="month",
        run=run,
        spent=spent * 10**9,
        held=held * 10**9,
        refuses=name != "search",
        since_us=NOW - 20 * 24 * HOUR,
        renews="never" if run else "2026-12-01 00:00 UTC",
        marks=(50, 80, 100),
    )
    for name, run, spent, held in (
        ("clinic", "", 31, 4),
        ("search", "", 271, 0),
        ("support", "", 207, 12),
        ("triage-runs", "run-7", 250, 0),
    )
)

_COMMIT = "9c41f2ab7d03e65518f0c6a47be2d9903f6a1e57"
HOPS = (
    Hop(
        title="Answer",
        kind="Call",
        name="malignant 0.9561",
        digest=digest_of("record"),
        facts=(
            Fact(label="Asked by", value="service-account:clinic-app"),
            Fact(label="Allowed by", value="role app permits endpoint.infer"),
        ),
    ),
    Hop(
        title="Endpoint",
        kind="Endpoint",
        name="tumor-triage",
        digest=digest_of("snapshot"),
        facts=(
            Fact(label="Stage", value="production"),
            Fact(label="Revision", value="r7"),
        ),
        href="/console/endpoints/tumor-triage",
    ),
    Hop(
        title="Model version",
        kind="ModelVersion",
        name="tumor-triage@2",
        digest=digest_of("tumor-triage@2"),
        facts=(
            Fact(label="Artifact", value=digest_of("artifact"), digest=True),
            Fact(label="Parity", value="largest difference 2.4e-07 over 64 rows"),
        ),
        href="/console/resources/Model/tumor-triage",
    ),
    Hop(
        title="Run",
        kind="Run",
        name="train-tumor-triage",
        digest=digest_of("run"),
        facts=(
            Fact(label="Commit", value=_COMMIT[:12]),
            Fact(label="Working tree", value="clean"),
            Fact(label="Parameters", value="C=0.8, max_iter=400, seed=7"),
            Fact(label="Metrics", value="accuracy 0.979, auc 0.996"),
            Fact(
                label="Environment", value="Python 3.11, Linux x86_64, 41 distributions"
            ),
        ),
    ),
    Hop(
        title="Dataset version",
        kind="DatasetVersion",
        name="tumors@1",
        digest=digest_of("tumors@1"),
        facts=(
            Fact(label="Rows", value="569"),
            Fact(label="Columns", value="31"),
            Fact(label="Licence", value="CC BY 4.0"),
        ),
        href="/console/resources/Dataset/tumors",
    ),
    Hop(
        title="Applied",
        kind="Revision",
        name="r7 by service-account:ci",
        digest=digest_of("r7"),
        facts=(Fact(label="When", value="", at_us=NOW - 18 * HOUR),),
        href="/console/resources",
    ),
)

HEAD = AuditHead(
    size=1_204,
    root=digest_of("root"),
    checkpoint_size=1_198,
    checkpoint_us=NOW - 240 * SECOND,
    origin="roadbed/eu",
)

REVISIONS = tuple(
    Revision(
        number=7 - index,
        digest=digest_of(f"r{7 - index}"),
        applied_by=("service-account:ci", "service-account:operator")[index % 2],
        applied_us=NOW - (index * 9 + 1) * 2 * HOUR,
        changes=(
            Change(
                action="follow",
                kind="Endpoint",
                name="tumor-triage",
                note="spec.model: tumor-triage@1 → tumor-triage@2",
            ),
            Change(action="create", kind="Endpoint", name="reply-draft-next"),
            Change(action="retire", kind="Policy", name="trial-week"),
        )[: 3 - index % 3],
    )
    for index in range(4)
)

_DECLARED = (
    ("Dataset", "tumors", 2),
    *(("Endpoint", e.name, 7) for e in ENDPOINTS),
    ("Model", "handbook", 3),
    ("Model", "reply-draft", 5),
    ("Model", "tumor-triage", 1),
    ("Policy", "clinic-only", 4),
    ("Provider", "extractive", 1),
    ("Provider", "openai", 1),
    ("ServiceAccount", "ci", 1),
    ("ServiceAccount", "clinic-app", 2),
)
RESOURCES = tuple(
    ResourceRow(
        kind=kind,
        name=name,
        revision=1 + revision // 3,
        stack=revision,
        digest=digest_of([kind, name]),
        state="live",
        applied_by="service-account:ci",
        applied_us=NOW - revision * 5 * HOUR,
        file=f"{kind.lower()}s.yaml",
        line=4 + 11 * index,
    )
    for index, (kind, name, revision) in enumerate(_DECLARED)
)

_YAML = """\
apiVersion: roadbed/v1
kind: Endpoint
metadata:
  name: tumor-triage
  description: Scores biopsies by how likely they are malignant.
spec:
  model: tumor-triage@2
  stage: production
  deadline_ms: 2000
  owner: clinic
"""

HISTORY = (
    ResourceRevision(
        revision=2,
        stack=7,
        digest=digest_of("e7"),
        action="follow",
        applied_by="service-account:ci",
        applied_us=NOW - 2 * HOUR,
        fields=(
            FieldChange(
                path="spec.model", before="tumor-triage@1", after="tumor-triage@2"
            ),
            FieldChange(path="spec.deadline_ms", before=None, after="2000"),
        ),
        content=_YAML,
        file="endpoints.yaml",
        line=14,
    ),
    ResourceRevision(
        revision=1,
        stack=3,
        digest=digest_of("e3"),
        action="create",
        applied_by="service-account:operator",
        applied_us=NOW - 90 * HOUR,
        content=_YAML.replace("@2", "@1").replace("  deadline_ms: 2000\n", ""),
        file="endpoints.yaml",
        line=14,
    ),
)

_ACTIONS = (
    ("service-account:ci", "stack.apply", "Stack/default", "done"),
    ("roadbed", "calls.seal", "Segment/019a9f2c", "done"),
    ("service-account:clinic-app", "endpoint.infer", "Endpoint/reply-draft", "denied"),
    ("service-account:operator", "key.create", "ServiceAccount/clinic-app", "done"),
    (
        "service-account:trainer",
        "model.register",
        "ModelVersion/tumor-triage@2",
        "done",
    ),
)


def audit_row(seq: int) -> AuditRow:
    actor, action, resource, outcome = _ACTIONS[seq % 5]
    detail = {"root": digest_of(seq), "rows": seq * 3} if seq % 5 == 1 else {}
    return AuditRow(
        seq=seq,
        at_us=NOW - (HEAD.size - seq) * 311 * SECOND,
        actor=actor,
        action=action,
        resource=resource,
        outcome=outcome,
        leaf=digest_of(["leaf", seq]),
        detail=detail
        or ({"reason": "no policy allows it"} if outcome == "denied" else {}),
    )


class SampleData:
    """A `ConsoleData` over the constants above. `asked` remembers the questions.

    *custody* answers for models, datasets and runs.
    """

    def __init__(self, custody=None):
        self.custody = custody
        self.assays, self.rolling = EmptyAssays(), EmptyRolling()
        self.asked = []
        self.learned = SampleLearning()
        self.calls_seen = list(CALLS)

    def seen_by(self, viewer):
        return self

    def find(self, kind, name, declared=""):
        return Target(kind=kind, name=name)

    def learning(self, now_us):
        return self.learned

    def overview(self, now_us):
        self.asked.append(("overview",))
        return Overview(
            windows=(
                Window(
                    label="Last hour",
                    calls=412,
                    errors=9,
                    p95_us=1_840_000,
                    slowest="reply-draft",
                ),
                Window(
                    label="Last 24 hours",
                    calls=5_904,
                    errors=61,
                    p95_us=2_120_000,
                    slowest="reply-draft",
                ),
            ),
            traffic=points(0.2, 48, 118, 39),
            endpoints=ENDPOINTS,
            alerts=(
                Alert(
                    level="critical",
                    title="wine-quality cannot serve",
                    detail="wine-quality@1 could not be loaded: its digest differs.",
                    href="/console/endpoints/wine-quality",
                    at_us=NOW - 720 * SECOND,
                ),
                Alert(
                    level="warning",
                    title="A corrupt spool was set aside",
                    detail="spool-3.db is in quarantine; no call is missing",
                    at_us=NOW - 5 * HOUR,
                ),
            ),
            revisions=REVISIONS[:3],
            audit=HEAD,
            revision=7,
            snapshot=digest_of("snapshot"),
        )

    def calls(self, wanted, now_us):
        self.asked.append(("calls", wanted))
        since, until = wanted.window(NOW)
        rows = [
            row
            for row in self.calls_seen
            if (not wanted.endpoint or row.endpoint == wanted.endpoint)
            and (not wanted.model or row.model == wanted.model)
            and (not wanted.status or row.status == wanted.status)
            and (not wanted.principal or row.principal == wanted.principal)
            and (since is None or row.at_us >= since)
            and (until is None or row.at_us <= until)
        ]
        if wanted.before:
            rows = [row for row in rows if row.call_id < wanted.before]
        older = rows[PAGE - 1].call_id if len(rows) > PAGE else ""
        return CallList(
            rows=tuple(rows[:PAGE]),
            older=older,
            choices=Choices(
                endpoints=tuple(e.name for e in ENDPOINTS),
                models=tuple(e.version for e in ENDPOINTS if e.version),
                principals=(
                    "service-account:clinic-app",
                    "service-account:support-app",
                ),
            ),
        )

    def _row(self, call_id):
        for row in self.calls_seen:
            if row.call_id == call_id:
                return row
        raise NotFound(f"no call is called {call_id!r}", hint="check the id")

    def peek(self, call_id):
        row = self._row(call_id)
        return Peek(
            row=row,
            facts=(
                Fact(label="Definition", value=digest_of(row.model), digest=True),
                Fact(label="Snapshot", value=digest_of("snapshot"), digest=True),
                Fact(label="Dialect", value="open-inference v2"),
                Fact(label="Region", value="eu"),
            ),
        )

    def call(self, call_id):
        row = self._row(call_id)
        trained = row.kind == "trained"
        return CallPage(
            row=row,
            facts=(
                Fact(label="Dialect", value="open-inference v2"),
                Fact(label="Region", value="eu"),
                Fact(label="Snapshot", value=digest_of("snapshot"), digest=True),
                Fact(label="Kept in", value="segment 019a9f2c, sealed"),
            ),
            hops=HOPS if trained else HOPS[:3],
            notes=() if trained else ("the call was not sampled for evaluation",),
            explanation=EXPLANATION if trained and row.status == "ok" else None,
            payload_kept=True,
            raw={"call_id": call_id, "hops": len(HOPS)},
        )

    def verify(self, call_id):
        self._row(call_id)
        return (
            Verdict(holds=True, text="The record is in segment 019a9f2c, entry 1,201"),
            Verdict(holds=True, text="The bodies are those the record commits to"),
            Verdict(holds=None, text="Entry 1,201 is not yet under a checkpoint"),
        )

    def bodies(self, call_id):
        self._row(call_id)
        return Bodies(
            request='{"inputs":[{"name":"X","datatype":"FP64","shape":[1,4],'
            '"data":[17.99,10.38,122.8,1001.0]}]}',
            response='{"outputs":[{"name":"malignant","data":[0.9561]}]}',
        )

    def endpoints(self, now_us):
        return ENDPOINTS

    def endpoint(self, name, now_us):
        for index, row in enumerate(ENDPOINTS):
            if row.name == name:
                return EndpointPage(
                    row=row,
                    facts=(
                        Fact(label="Deadline", value="2 s"),
                        Fact(label="Acknowledges", value="when durable"),
                        Fact(label="Payloads", value="kept"),
                        Fact(label="Owner", value="clinic"),
                    ),
                    traffic=points(float(index), 48, row.calls / 60),
                    recent=tuple(c for c in CALLS if c.endpoint == name)[:8],
                    revisions=HISTORY,
                )
        raise NotFound(f"no endpoint is called {name!r}", hint="see the endpoints page")

    def spending(self, wanted, now_us):
        self.asked.append(("spending", wanted))
        steps = wanted.since_us(NOW) // wanted.step_us, NOW // wanted.step_us
        series = tuple(
            CostPoint(
                at_us=n * wanted.step_us,
                cost_nano=int(3e8 * (1.2 + math.sin(n / 3)) * (n % 5 > 0)),
                calls=40 + n % 9,
            )
            for n in range(steps[0], steps[1] + 1)
        )
        costs = COSTS.get(wanted.by, COSTS["team"])
        return Spending(costs=costs, points=series, budgets=BUDGETS)

    def audit(self, wanted):
        self.asked.append(("audit", wanted))
        top = min(HEAD.size, (wanted.before_seq or HEAD.size + 1) - 1)
        rows = [
            row
            for row in map(audit_row, range(top, 0, -1))
            if (not wanted.outcome or row.outcome == wanted.outcome)
            and (not wanted.actor or row.actor == wanted.actor)
            and (not wanted.action or row.action == wanted.action)
            and (not wanted.resource or row.resource == wanted.resource)
        ]
        return AuditPage(
            head=HEAD,
            rows=tuple(rows[:40]),
            older=rows[39].seq if len(rows) > 40 else None,
            actions=tuple(sorted(a[1] for a in _ACTIONS)),
        )

    def changes(self):
        return Changes(resources=RESOURCES, revisions=REVISIONS)

    def resource(self, kind, name):
        if not any((r.kind, r.name) == (kind, name) for r in RESOURCES):
            raise NotFound(f"no {kind} is called {name!r}", hint="see the list")
        versions = (
            VersionRow(
                name="tumor-triage@2",
                digest=digest_of("tumor-triage@2"),
                made_by="service-account:trainer",
                made_us=NOW - 30 * HOUR,
                run="019a9f2c-7d1e-7a02-9c11-5be0a1f00d42",
            ),
        )
        return ResourcePage(
            kind=kind,
            name=name,
            state="live",
            revisions=HISTORY,
            versions=versions if kind == "Model" else (),
        )


class EmptyData(SampleData):
    """A fresh installation: nothing declared, nothing called, nothing changed."""

    def learning(self, now_us):
        return EmptyLearning()

    def overview(self, now_us):
        windows = tuple(
            Window(label=label, calls=0, errors=0)
            for label in ("Last hour", "Last 24 hours")
        )
        return Overview(
            windows=windows, traffic=points(0, 48, 0), audit=AuditHead(size=0)
        )

    def calls(self, wanted, now_us):
        return CallList()

    def endpoints(self, now_us):
        return ()

    def spending(self, wanted, now_us):
        return Spending()

    def audit(self, wanted):
        return AuditPage(head=AuditHead(size=0))

    def changes(self):
        return Changes()
