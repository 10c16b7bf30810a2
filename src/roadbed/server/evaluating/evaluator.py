"""Evaluates one version by one evaluation: from what is declared to a report."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from roadbed.control.evaluations import served_in, subject_of
from roadbed.control.readable import configs_of
from roadbed.core.reference import VersionRef, parse
from roadbed.data.version import DatasetVersion
from roadbed.evals import otel
from roadbed.evals.asking import Answered, Ask
from roadbed.evals.case import Case
from roadbed.evals.cases import read_cases
from roadbed.evals.grading import Grade
from roadbed.evals.kinds import Cases, Evaluation
from roadbed.evals.online import MARK
from roadbed.evals.reports import store as reports
from roadbed.evals.reports.report import Made, report_of
from roadbed.evals.reports.store import Report
from roadbed.evals.running import store as runs
from roadbed.evals.running.judges import Judge, judges_of
from roadbed.evals.running.keys import Subject
from roadbed.evals.running.requests import Requests
from roadbed.evals.running.runner import run as run_work
from roadbed.evals.running.shelf import Shelf
from roadbed.evals.running.store import Run
from roadbed.evals.running.work import Found, Progress, Tell, Work
from roadbed.inference.snapshot import ModelVersion
from roadbed.server.evaluating.inside import Inside
from roadbed.server.evaluating.marked import Marked

NOTE_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be evaluated: an evaluation as it is declared, and a version.

    `take` tells the answers of a day from those of another, where the version names
    a model that its owner may change at any time.
    """

    subject: Subject
    spec: Evaluation
    version: ModelVersion
    golden: DatasetVersion
    take: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A report, whole. `reused` says that it was there, and nothing was asked."""

    report: Report
    said: Mapping[str, Any]
    reused: bool = False


class Evaluator:
    """Evaluates as who opened *inside*."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self.app, self.preview = inside.app, inside.preview
        self.actor = inside.principal.chain
        self.tenant = inside.principal.tenant

    def order(self, content: Mapping[str, Any], ref: VersionRef) -> Order:
        """Return the order to evaluate *ref* by the Evaluation with this content.

        Raises NotFound and Invalid for what it refers to. Blocks.
        """
        spec = Evaluation(**content["spec"])
        version = self.preview.version(ref)
        golden = self.app.datasets.get(parse(spec.cases.dataset))
        subject = subject_of(self.preview, content, version, golden.digest)
        return Order(
            subject=subject,
            spec=spec,
            version=version,
            golden=golden,
            take=self._take(version),
        )

    def asked(self, order: Order, ids: Set[str]) -> dict[str, Case]:
        """Return the cases called *ids*; reads on to the last of them."""
        found: dict[str, Case] = {}
        for case in self.cases(order) if ids else ():
            if case.id in ids:
                found[case.id] = case
                if len(found) == len(ids):
                    break
        return found

    async def evaluate(
        self, order: Order, tell: Tell, *, fresh: bool = False
    ) -> Evaluated:
        """Return the report that *order* asks for; what was answered is not asked.

        With *fresh* nothing that was answered before counts.
        """
        if not fresh:
            found = await asyncio.to_thread(self._known, order)
            if found is not None:
                return found
        spec, ref = order.spec, VersionRef(order.version.model, order.version.number)
        line = await self._inside.version(spec.endpoint, ref)
        run = await asyncio.to_thread(self._begin, order, fresh)
        try:
            found_of = await self._run(order, run, line, tell)
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
                await asyncio.to_thread(self._end, replace(run, status="failed"))
            raise
        return await asyncio.to_thread(self._conclude, order, run, found_of)

    async def _run(self, order: Order, run: Run, ask: Ask, tell: Tell) -> Found:
        spec = order.spec
        labels = {MARK: order.subject.evaluation, "run": run.id}
        work = Work(
            subject=order.subject,
            spec=spec,
            cases=self.cases(order),
            total=order.golden.rows,
            judges=judges_of(spec, served_in(self.preview)),
            requests=Requests(order.version, spec.request, labels),
            ask=ask,
            means=Marked(self._inside, labels),
            take=run.take,
            tell=_Telling(tell, lambda told: self._note(run, told)).take,
            graded=self._graded,
        )
        shelf = Shelf(self.app.database, self.app.now_us)
        return await run_work(work, shelf, self.app.now_us)

    def _graded(
        self, answered: Answered, case: Case, judge: Judge, grade: Grade
    ) -> None:
        """Tell of one grade where calls are traced to."""
        self._inside.announce(
            otel.Evaluated(
                name=judge.name,
                grade=grade,
                at_us=self.app.now_us(),
                response_id=answered.call_id,
                case=case.digest,
                grader=judge.digest,
            )
        )

    def means(self, evaluation: str) -> Marked:
        """Return what graders may ask in the name of *evaluation*, outside of runs."""
        return Marked(self._inside, {MARK: evaluation})

    def cases(self, order: Order) -> Iterator[Case]:
        """Yield the cases of the golden set."""
        return read_cases(self.app.datasets, order.golden, _said(order.spec.cases))

    def _known(self, order: Order) -> Evaluated | None:
        """Return the report that answers *order* already: whole, without failures."""
        with self.app.database.read() as connection:
            found = reports.newest(connection, order.subject)
        if found is None or found.summary["failed"] or found.summary["ungraded"]:
            return None
        if order.take and found.summary["take"] != order.take:
            return None
        said = reports.read(self.app.blobs, found.digest)
        return Evaluated(report=found, said=said, reused=True)

    def _begin(self, order: Order, fresh: bool) -> Run:
        draft = Run(
            id="",
            subject=order.subject,
            take=order.take,
            total=order.golden.rows,
            actor=self.actor,
            tenant=self.tenant,
            started_us=self.app.now_us(),
        )
        with self.app.database.write() as connection:
            return runs.begin(connection, draft, fresh=fresh)

    def _note(self, run: Run, progress: Progress) -> None:
        with self.app.database.write() as connection:
            runs.note(connection, run.id, progress)

    def _end(self, run: Run) -> None:
        with self.app.database.write() as connection:
            runs.end(connection, replace(run, finished_us=self.app.now_us()))

    def _conclude(self, order: Order, run: Run, found: Found) -> Evaluated:
        """Keep the rows and the report, and write down that they are."""
        blobs, at_us = self.app.blobs, self.app.now_us()
        made = Made(
            run=run,
            spec=order.spec,
            judges=judges_of(order.spec, served_in(self.preview)),
            dataset=order.golden.digest,
            rows=blobs.put(line for line in found.lines if line),
            at_us=at_us,
        )
        said = report_of(made, found)
        report = reports.keep(blobs, said, self.tenant)
        ended = replace(
            run,
            status="stopped" if found.stopped else "done",
            done=found.progress.done,
            cost_nano=found.progress.cost_nano,
            report=report.digest,
            finished_us=at_us,
        )
        with self.app.database.write() as connection:
            reports.add(connection, report)
            runs.end(connection, ended)
        return Evaluated(report=report, said=said)

    def _take(self, version: ModelVersion) -> str:
        """Return today's date for a version whose upstream may change any day."""
        today = self.app.clock.now().date().isoformat()
        return today if self.floats(version) else ""

    def floats(self, version: ModelVersion) -> bool:
        """Say whether what *version* names upstream may change any day."""
        if "hosted" not in version.definition:
            return False
        provider = self.preview.content("Provider", str(version.body["provider"]))
        type_name, upstream = provider["spec"]["type"], str(version.body["upstream"])
        return any(
            self.app.catalog.unpinned(type_name, config, upstream)
            for config in configs_of(provider)
        )


def _said(cases: Cases) -> Cases:
    """Return *cases* with only what differs from the defaults said.

    What is declared says every field; a column that is named must be there, and one
    that is not need not.
    """
    return Cases.model_validate(cases.model_dump(exclude_defaults=True))


class _Telling:
    """Passes progress on, and writes it down about once a second."""

    def __init__(self, tell: Tell, write: Tell) -> None:
        self._tell, self._write = tell, write
        self._next = time.monotonic() + NOTE_EVERY_S
        self._task: asyncio.Task[None] | None = None

    def take(self, progress: Progress) -> None:
        """Take note of *progress*; on the event loop, and at once."""
        self._tell(progress)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + NOTE_EVERY_S
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._noted(progress))

    async def _noted(self, progress: Progress) -> None:
        await asyncio.to_thread(self._write, progress)
