"""Evaluations, as one viewer may see them: the list, one, and those of a thing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import sqlalchemy as sa

from roadbed.access.visible import own
from roadbed.console.assays import asked
from roadbed.console.assays.asked import (
    EvaluationList,
    EvaluationPage,
    EvaluationRow,
    Line,
    RunLine,
)
from roadbed.console.assays.reading import (
    line_of,
    newest_by_version,
    report_line,
    slices_of,
)
from roadbed.console.custody.rooms import Eyes
from roadbed.control import seen
from roadbed.control.preview import Preview
from roadbed.control.questions.evaluations import Stands, stands
from roadbed.control.state import current, newest_revision
from roadbed.control.targets import find_evaluation
from roadbed.core.errors import NotFound, RoadbedError
from roadbed.core.reference import VersionRef, parse
from roadbed.evals.kinds import Evaluation
from roadbed.evals.reports import store
from roadbed.evals.reports.power import Planned, power_of, told
from roadbed.evals.reports.store import Report
from roadbed.evals.reports.verdicts import Waiver, list_waivers
from roadbed.evals.running.store import Run, newest_runs

PAGE = 50
RUNS = 20
VERSIONS = 12
"""As many versions as one page shows the reports of."""
_WAIVERS = 1000

Content = Mapping[str, Any]


def evaluations(eyes: Eyes, after: str, now_us: int) -> EvaluationList:
    """Return one page of the declared evaluations, by name."""
    with eyes.rooms.database.read() as connection:
        preview = Preview(live=current(connection))
        later = (
            content
            for content in preview.of("Evaluation")
            if content["metadata"]["name"] > after
        )
        mine = list(islice(_visible(eyes, connection, later), PAGE + 1))
        rows = tuple(_row(connection, preview, c, now_us) for c in mine[:PAGE])
    more = rows[-1].line.name if len(mine) > PAGE else ""
    return EvaluationList(rows=rows, after=more)


def of_endpoint(eyes: Eyes, endpoint: str, now_us: int) -> tuple[EvaluationRow, ...]:
    """Return the evaluations of *endpoint*."""
    with eyes.rooms.database.read() as connection:
        preview = Preview(live=current(connection))
        found = _of_endpoints(eyes, connection, preview, {endpoint})
        return tuple(_row(connection, preview, each, now_us) for each in found)


def of_version(eyes: Eyes, version: str, now_us: int) -> tuple[EvaluationRow, ...]:
    """Return how *version* stands by the evaluations of where its model is pinned."""
    ref = parse(version)
    with eyes.rooms.database.read() as connection:
        preview = Preview(live=current(connection))
        pinned = {
            content["metadata"]["name"]
            for content in preview.of("Endpoint")
            if parse(str(content["spec"]["model"])).name == ref.name
        }
        found = _of_endpoints(eyes, connection, preview, pinned)
        return tuple(
            EvaluationRow(
                line=line_of(content),
                serving=stands(connection, preview, content, ref, now_us),
            )
            for content in found
        )


def evaluation(eyes: Eyes, name: str, now_us: int) -> EvaluationPage:
    """Return one evaluation: as it is declared, and what it showed."""
    tenant = eyes.viewer.principal.tenant
    with eyes.rooms.database.read() as connection:
        declared = newest_revision(connection, "Evaluation", name)
        live = declared is not None and declared.state == "live"
        content = declared.content if declared else None
        preview = Preview(live=current(connection))
        known = store.of_evaluation(connection, name, tenant)
        reports = [r for r in known if seen.may_see_report(eyes.viewer, r)]
        row = _whole_row(connection, preview, content, (reports, now_us, live))
        runs = newest_runs(connection, name, tenant, RUNS)
        waivers = [
            waiver
            for waiver in list_waivers(connection, tenant, _WAIVERS)
            if waiver.evaluation == name and waiver.until_us > now_us
        ]
    return _page(eyes, (row, content), (reports, runs, waivers), live=live)


def _page(
    eyes: Eyes,
    what: tuple[EvaluationRow, Content | None],
    found: tuple[Sequence[Report], Sequence[Run], Sequence[Waiver]],
    *,
    live: bool,
) -> EvaluationPage:
    (row, content), (reports, runs, waivers) = what, found
    digest = _digest_of(row)
    whole = [report for report in reports if report.complete]
    shown = newest_by_version(whole, VERSIONS)
    by_digest = {report.digest: report for report in reports}
    graders = store.read(eyes.rooms.blobs, shown[0].digest)["graders"] if shown else {}
    return EvaluationPage(
        row=row,
        power=_power(eyes, content, digest, shown)
        if content is not None and live
        else asked.Power(problem="it is declared no more"),
        runs=tuple(_run(run, by_digest.get(run.report)) for run in runs),
        reports=tuple(report_line(report, digest) for report in shown),
        slices=slices_of(graders),
        waivers=tuple(waivers),
    )


def _whole_row(
    connection: sa.Connection,
    preview: Preview,
    content: Content | None,
    known: tuple[Sequence[Report], int, bool],
) -> EvaluationRow:
    """Return the row of an evaluation that may be declared no more."""
    reports, now_us, live = known
    if content is not None and live:
        return _row(connection, preview, content, now_us)
    if content is not None:
        return EvaluationRow(line=replace(line_of(content), retired=True))
    if not reports:
        raise NotFound("there is no such evaluation that you may see")
    subject = reports[0].subject
    golden = str(reports[0].summary["dataset"]["name"])
    line = Line(
        name=subject.evaluation, endpoint=subject.endpoint, golden=golden, retired=True
    )
    return EvaluationRow(line=line)


def _power(
    eyes: Eyes, content: Content, digest: str, reports: Sequence[Report]
) -> asked.Power:
    """Return what the cases can show; made once for what it is made from."""
    rooms, spec = eyes.rooms, Evaluation(**content["spec"])
    key = ("power", digest, *(report.digest for report in reports[:2]))

    def make() -> tuple[str, ...]:
        golden = rooms.datasets.get(parse(spec.cases.dataset))
        planned = Planned(spec=spec, golden=golden, digest=digest)
        with rooms.database.read() as connection:
            power = power_of(connection, rooms.datasets, rooms.blobs, planned)
        return tuple(told(spec, power))

    try:
        return asked.Power(sentences=rooms.gate.once(key, make))
    except RoadbedError as error:
        return asked.Power(problem=error.message)


def _digest_of(row: EvaluationRow) -> str:
    """Return the digest of the evaluation as it is now, empty if it is not known."""
    subjects = [each.subject for each in (row.serving, row.newest) if each]
    return next((s.evaluation_digest for s in subjects if s), "")


def _of_endpoints(
    eyes: Eyes, connection: sa.Connection, preview: Preview, names: set[str]
) -> list[Content]:
    found = [c for c in preview.of("Evaluation") if c["spec"]["endpoint"] in names]
    return list(islice(_visible(eyes, connection, found), PAGE))


def _visible(
    eyes: Eyes, connection: sa.Connection, contents: Iterable[Content]
) -> Iterator[Content]:
    """Yield what the viewer may see, decided as for a get."""
    for content in contents:
        target = find_evaluation(connection, content["metadata"]["name"])
        mine = own(eyes.viewer.principal, target)
        if mine is not None and eyes.viewer.may("evaluation.read", mine):
            yield content


def _row(
    connection: sa.Connection, preview: Preview, content: Content, now_us: int
) -> EvaluationRow:
    endpoint = preview.resources.get(("Endpoint", content["spec"]["endpoint"]))
    line = line_of(content)
    if endpoint is None:
        return EvaluationRow(line=line)
    pinned = parse(str(endpoint["spec"]["model"]))
    newest = preview.live.newest(pinned.name)

    def of(ref: VersionRef) -> Stands:
        return stands(connection, preview, content, ref, now_us)

    other = newest is not None and str(newest) != str(pinned)
    return EvaluationRow(
        line=line,
        serving=of(pinned),
        newest=of(parse(str(newest))) if other else None,
    )


def _run(run: Run, report: Report | None) -> RunLine:
    summary = report.summary if report else {}
    return RunLine(
        id=run.id,
        version=run.subject.version,
        status=run.status,
        done=run.done,
        total=run.total,
        cost_nano=run.cost_nano,
        actor=run.actor,
        started_us=run.started_us,
        finished_us=run.finished_us,
        hits=summary.get("hits"),
        failed=summary.get("failed"),
        report=report.digest if report else "",
    )
