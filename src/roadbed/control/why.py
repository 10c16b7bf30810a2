"""Why did it say that? From one answer back to data, code and person."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from roadbed.audit.sequencer import catch_up
from roadbed.control.custody import check
from roadbed.control.state import Revision, find_applied, live_at
from roadbed.control.tables import resources, snapshots
from roadbed.core.clock import to_text
from roadbed.core.digest import digest, digest_of
from roadbed.core.errors import Corrupt, NotFound, RoadbedError
from roadbed.core.reference import VersionRef, parse
from roadbed.data.datasets import DatasetVersion
from roadbed.data.tables import dataset_versions
from roadbed.database.engine import Database
from roadbed.evals.feedback import Feedback, said_of
from roadbed.gateway.calls import Found
from roadbed.inference.provider import Explanation
from roadbed.inference.record import CallRecord
from roadbed.registry.approvals import list_approvals
from roadbed.registry.proof.notary import run_of
from roadbed.registry.runs import Input, Run
from roadbed.registry.tables import model_versions, runs
from roadbed.registry.versions import Registered, get_version

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One link of the chain: what it is, its name, its digest, and plain facts.

    `checked` names the audit entry that says the same, and is empty if none does.
    """

    kind: str
    title: str
    name: str
    digest: str = ""
    facts: tuple[Fact, ...] = ()
    checked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The hops from an answer to its sources, the answer first.

    `explanation` is there for a single-row prediction of a trained model; `notes`
    say in words what could not be followed, and why.
    """

    call_id: str
    hops: tuple[Hop, ...]
    explanation: Explanation | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the chain as plain JSON."""
        plain = asdict(self)
        for hop in plain["hops"]:
            hop["facts"] = dict(hop["facts"])
        return plain


class Calls(Protocol):
    """Finds a call, in the spool or sealed."""

    def find(self, call_id: str) -> Found:
        """Return the call; raise NotFound or Invalid."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the links of the chain are looked up.

    `explain` computes contributions for a call of a trained version, or returns
    None where there is nothing to explain.
    """

    database: Database
    calls: Calls
    run: Callable[[str], Run]
    dataset: Callable[[str], DatasetVersion]
    explain: Callable[[Registered, Found], Explanation | None]


def why(sources: Sources, call_id: str) -> Chain:
    """Return the chain of custody of *call_id*; raise NotFound or Invalid.

    A link that cannot be followed becomes a note, never a silent gap.
    """
    catch_up(sources.database)
    found = sources.calls.find(call_id)
    notes: list[str] = []
    with sources.database.read() as connection:
        said = said_of(connection, call_id)
        hops = [_call(found, said), *_declared(connection, found, notes)]
        version = _version(connection, found, notes)
    explanation = None
    if version is not None:
        hops += _made(sources, version, found, notes)
        explanation = _explain(sources, version, found, notes)
    return Chain(
        call_id=call_id,
        hops=tuple(hops),
        explanation=explanation,
        notes=tuple(notes),
    )


def _call(found: Found, said: Iterable[Feedback]) -> Hop:
    record = found.record
    where = "in the spool"
    if segment := found.segment:
        where = f"sealed in {segment.id}, audit entry {segment.audit_seq}"
    tokens = f"{record.input_tokens} in, {record.output_tokens} out"
    facts = [
        ("when", to_text(record.ts)),
        ("asked by", record.principal),
        ("status", record.status + (f" ({record.error})" if record.error else "")),
        ("took", f"{record.latency_us / 1000:.1f} ms"),
        ("allowed because", record.decision),
        ("under policies", record.policy),
        ("tokens", tokens if record.input_tokens or record.output_tokens else ""),
        ("served as", record.served),
        ("chosen by", _rollout(found.record)),
        ("left unsaid", record.unsaid),
        ("kept", where),
        ("payload", f"committed to as {record.payload_commit[:16]}…"),
    ]
    if record.prediction:
        outputs = sorted(record.prediction.items())
        facts.append(("answered", ", ".join(f"{k} {v:.6g}" for k, v in outputs)))
    if not record.payload_commit:
        facts = [fact for fact in facts if fact[0] != "payload"]
    if told := "; ".join(each.told for each in said):
        facts.append(("feedback", told))
    return Hop(kind="Call", title="Answer", name=record.call_id, facts=_said(facts))


def _rollout(record: CallRecord) -> str:
    """Say which rollout chose the version, and by what."""
    if not record.rollout:
        return ""
    return f"rollout {record.rollout}: {record.arm}, bucket {record.bucket} of 10,000"


def _declared(
    connection: sa.Connection, found: Found, notes: list[str]
) -> Iterator[Hop]:
    """Yield the endpoint as it was declared, and the snapshot that was served."""
    record = found.record
    try:
        applied = find_applied(connection, record.snapshot)
        live = live_at(connection, applied.revision)
    except NotFound:
        notes.append(f"snapshot {record.snapshot or '(none)'} is not in this database")
        return
    except Corrupt as error:
        notes.append(error.message)
        return
    endpoint = live.get(("Endpoint", record.endpoint))
    if endpoint is None:
        notes.append(f"endpoint {record.endpoint!r} was not declared at that time")
    else:
        yield _resource(connection, endpoint, "Endpoint", notes)
    facts = [
        ("revision", str(applied.revision)),
        ("applied by", applied.applied_by),
        ("applied", to_text(applied.applied_us)),
    ]
    checked = check(connection, snapshots, revision=applied.revision)
    notes += checked.findings
    yield Hop(
        kind="Snapshot",
        title="Snapshot that was served",
        name=f"revision {applied.revision}",
        digest=applied.digest,
        facts=_said(facts),
        checked=checked.against,
    )


def _resource(
    connection: sa.Connection, revision: Revision, title: str, notes: list[str]
) -> Hop:
    spec = revision.content["spec"]
    facts = [
        ("pins", str(spec.get("model", ""))),
        ("stage", str(spec.get("stage", ""))),
        ("licence", str(spec.get("licence", ""))),
        ("source", str(spec.get("source", ""))),
        ("declared in", f"{revision.file}:{revision.line}"),
        ("revision", str(revision.revision)),
        ("applied by", revision.applied_by),
        ("applied", to_text(revision.applied_us)),
    ]
    kind, name = revision.key
    checked = check(
        connection, resources, kind=kind, name=name, revision=revision.revision
    )
    notes += checked.findings
    return Hop(
        kind=kind,
        title=title,
        name=name,
        digest=revision.digest,
        facts=_said(facts),
        checked=checked.against,
    )


def _version(
    connection: sa.Connection, found: Found, notes: list[str]
) -> Registered | None:
    record = found.record
    if not record.model:
        notes.append("the call reached no model version")
        return None
    try:
        version = get_version(connection, parse(record.model))
    except RoadbedError as error:
        notes.append(error.message)
        return None
    if version.digest != record.model_digest:
        notes.append(
            f"the call was answered by {record.model_digest}, but {version} is "
            f"{version.digest}"
        )
    return version


def _made(
    sources: Sources, version: Registered, found: Found, notes: list[str]
) -> Iterator[Hop]:
    """Yield the version, and what it was made of."""
    checked = _check(
        sources, notes, model_versions, model=version.model, number=version.number
    )
    with sources.database.read() as connection:
        vouched = list_approvals(connection, VersionRef(version.model, version.number))
    yield _model_version(version, checked, [a.approver for a in vouched])
    if version.kind == "hosted":
        yield from _documents(version, found, checked)
    run_id = _run_of(version, notes)
    if not run_id:
        return
    try:
        run = sources.run(run_id)
    except RoadbedError as error:
        notes.append(error.message)
        return
    yield _run(run, _check(sources, notes, runs, id=run.id))
    for used in run.data:
        yield from _dataset(sources, used, notes)


def _check(sources: Sources, notes: list[str], table: sa.Table, **key: Any) -> str:
    """Hold one row to the audit log; say which entry bears it out, note what not."""
    with sources.database.read() as connection:
        checked = check(connection, table, **key)
    notes += checked.findings
    return checked.against


def _run_of(version: Registered, notes: list[str]) -> str:
    """Return the run that made *version*; note where the table names another."""
    followed = run_of(version)
    if followed and version.run_id != followed:
        said = f"run {version.run_id}" if version.run_id else "no run"
        notes.append(
            f"the table of versions names {said} for {version}, but its definition "
            f"names run {followed}, which is followed here"
        )
    return followed


def _model_version(version: Registered, checked: str, approvers: list[str]) -> Hop:
    body = version.body
    facts = [
        ("made by", version.actor),
        ("made", to_text(version.created_us)),
        ("approved by", ", ".join(approvers)),
        ("provider", str(body.get("provider", ""))),
        ("upstream", str(body.get("upstream", ""))),
        ("prompt", digest(body["prompt"].encode()) if body.get("prompt") else ""),
        ("parameters", _pairs(body.get("parameters", {}))),
        ("artifact", str(body.get("artifact", ""))),
        ("format", str(body.get("format", ""))),
        ("parity", _parity(body.get("parity", {}))),
    ]
    return Hop(
        kind="ModelVersion",
        title=f"Model version ({version.kind})",
        name=str(version),
        digest=version.digest,
        facts=_said(facts),
        checked=checked,
    )


def _documents(version: Registered, found: Found, checked: str) -> Iterator[Hop]:
    """Yield the documents of a hosted version, those it cited first."""
    context = version.body.get("context") or {}
    documents = context.get("documents")
    if not documents:
        return
    cited = found.payload.response if found.payload else ""
    facts = [
        (
            "cited" if file["digest"] in cited else "held",
            f"{file['path']} {file['digest']}",
        )
        for file in documents["files"]
    ]
    yield Hop(
        kind="Documents",
        title="Documents",
        name=str(documents["path"]),
        digest=documents["digest"],
        facts=tuple(sorted(facts)),
        checked=checked,
    )


def _commit(code: Mapping[str, Any]) -> str:
    """Return the commit, and in words whether the tree was that of the commit."""
    commit = str(code.get("commit", ""))
    if not commit:
        return "none: not a Git repository"
    words = {
        True: "the tree was dirty; the patch is kept",
        False: "the tree was clean",
    }
    dirty = code.get("dirty")
    told = words[dirty] if isinstance(dirty, bool) else "the tree was not looked at"
    return f"{commit} ({told})"


def _run(run: Run, checked: str) -> Hop:
    code = run.code
    facts = [
        ("name", run.name),
        ("status", run.status),
        ("commit", _commit(code)),
        ("patch", str(code.get("patch", "") or "")),
        ("parameters", _pairs(run.params)),
        ("metrics", _pairs(run.metrics)),
        ("environment", digest_of(dict(run.environment)) if run.environment else ""),
        ("python", str(run.environment.get("python", ""))),
        ("run by", run.actor),
        ("started", to_text(run.started_us)),
        ("finished", to_text(run.finished_us) if run.finished_us else ""),
    ]
    return Hop(
        kind="Run",
        title="Run",
        name=run.id,
        digest=run.digest,
        facts=_said(facts),
        checked=checked,
    )


def _dataset(sources: Sources, used: Input, notes: list[str]) -> Iterator[Hop]:
    """Yield the dataset version that a run read, and how it was declared."""
    try:
        version = sources.dataset(str(VersionRef(used.dataset, used.number)))
    except RoadbedError as error:
        notes.append(error.message)
        return
    if version.digest != used.digest:
        notes.append(f"the run read {used.digest}, but {version} is {version.digest}")
    facts = [
        ("rows", str(version.rows)),
        ("columns", str(version.columns)),
        ("objects", ", ".join(item.digest for item in version.objects)),
        ("made by", version.actor),
        ("made", to_text(version.created_us)),
    ]
    yield Hop(
        kind="DatasetVersion",
        title="Dataset version",
        name=str(version),
        digest=version.digest,
        facts=_said(facts),
        checked=_check(
            sources, notes, dataset_versions, name=version.name, number=version.number
        ),
    )
    with sources.database.read() as connection:
        live = live_at(connection, 2**31 - 1)
        declared = live.get(("Dataset", version.name))
        if declared is not None:
            yield _resource(connection, declared, "Dataset", notes)


def _explain(
    sources: Sources, version: Registered, found: Found, notes: list[str]
) -> Explanation | None:
    if version.kind != "trained" or found.record.status != "ok":
        return None
    if found.record.rows != 1:
        notes.append(
            f"contributions are per row; this call asked for {found.record.rows} rows"
        )
        return None
    try:
        return sources.explain(version, found)
    except RoadbedError as error:
        notes.append(f"no contributions: {error.message}")
        return None


def _parity(parity: Any) -> str:
    """Say how closely the artifact follows the object it was made from."""
    if not isinstance(parity, dict) or not {"rows", "difference"} <= parity.keys():
        return ""
    return (
        f"differs by {parity['difference']:.2g} at most "
        f"({parity.get('tolerance', 0):g} is allowed), "
        f"{parity.get('flips', 0)} of {parity['rows']} decisions differ"
    )


def _pairs(values: Any) -> str:
    if not isinstance(values, dict):
        return str(values or "")
    return ", ".join(f"{k}={_short(v)}" for k, v in sorted(values.items()))


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _said(facts: list[Fact]) -> tuple[Fact, ...]:
    return tuple((label, value) for label, value in facts if value)
