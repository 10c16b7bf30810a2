"""Asks a few cases again every so often: did the model behind its name change?

The first answers are kept for as long as the version is pinned. What comes later is
held against them; a finding counts once a second draw shows it too.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from roadbed.app import App
from roadbed.control.evaluations import served_in
from roadbed.control.preview import Preview
from roadbed.control.state import State, current, current_resources
from roadbed.core.errors import RoadbedError
from roadbed.core.reference import VersionRef, parse
from roadbed.core.resource import tenant_of
from roadbed.evals.asking import Answered
from roadbed.evals.changed import FEWEST, Change, find_change
from roadbed.evals.kinds import Watch
from roadbed.evals.running import store as runs
from roadbed.evals.running.judges import Judge, endpoints_of, judge_of
from roadbed.evals.running.requests import Requests
from roadbed.evals.running.rows import Row, mean_of, read_rows
from roadbed.evals.running.runner import run as run_work
from roadbed.evals.running.shelf import Shelf
from roadbed.evals.running.store import Run
from roadbed.evals.running.work import Work
from roadbed.evals.statistics.paired import Pair
from roadbed.gateway.alerts import Alert, clear_others, list_alerts, raise_alert
from roadbed.server.evaluating.evaluator import Evaluator, Order
from roadbed.server.evaluating.inside import Inside
from roadbed.server.evaluating.marked import Marked
from roadbed.server.evaluating.panel import account_of

CHANGED = "evaluation.changed"
FIRST = "watch"
"""The take of the answers that all later ones are held against."""
HOUR_US = 3_600_000_000
AGAIN_US = HOUR_US // 4
"""How long after one that failed the next is begun."""
_MACHINERY = ("cost", "latency")
"""Graders of how it was answered: that changes with the load."""
_log = logging.getLogger("roadbed.server")


@dataclass(frozen=True, slots=True)
class _Due:
    """An evaluation whose cases are to be asked again; `bucket` counts the times."""

    content: Mapping[str, Any]
    watch: Watch
    version: VersionRef
    bucket: int

    @property
    def name(self) -> str:
        return str(self.content["metadata"]["name"])

    @property
    def key(self) -> tuple[str, VersionRef, int]:
        return self.name, self.version, self.bucket


@dataclass(frozen=True, slots=True)
class _Given:
    """What was answered to one case, as text, and the row with its grades."""

    text: str
    row: Row


class Replays:
    """Replays what is due, in a thread of its own. One replica does each replay."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._thread: threading.Thread | None = None
        self._done: dict[str, tuple[str, VersionRef, int]] = {}
        self._later_us: dict[tuple[str, VersionRef, int], int] = {}

    def look(self) -> None:
        """Begin what is due, unless something is under way. Blocks only to look."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._app.database.read() as connection:
            if not self._due(current_resources(connection)):
                return
            state = current(connection)
        if due := self._due(state):
            self._thread = threading.Thread(
                target=self._work,
                args=(state, due),
                name="roadbed-replays",
                daemon=True,
            )
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for what is under way, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _due(self, state: State) -> list[_Due]:
        found = []
        for evaluation in state.of("Evaluation"):
            spec = evaluation.content["spec"]
            served = state.resources.get(("Endpoint", spec["endpoint"]))
            if spec.get("watch") and served is not None:
                watch = Watch(**spec["watch"])
                bucket = self._app.now_us() // (watch.every_hours * HOUR_US)
                pin = parse(served.content["spec"]["model"])
                found.append(_Due(evaluation.content, watch, pin, bucket))
        now_us = self._app.now_us()
        return [
            each
            for each in found
            if self._done.get(each.name) != each.key
            and self._later_us.get(each.key, 0) <= now_us
        ]

    def _work(self, state: State, due: list[_Due]) -> None:
        for each in due:
            try:
                self.replay(state, each)
                self._done[each.name] = each.key  # Here or on another replica.
            # One evaluation must not end the others.
            except Exception as error:  # noqa: BLE001
                self._failed(each, error)

    def _failed(self, due: _Due, error: Exception) -> None:
        self._later_us[due.key] = self._app.now_us() + AGAIN_US
        if isinstance(error, RoadbedError):
            _log.warning("the replay of %s failed: %s", due.name, error.message)
        else:
            _log.error("the replay of %s failed", due.name, exc_info=error)

    def replay(self, state: State, due: _Due) -> Change | None:
        """Ask again and return what changed; None if another replica does it."""
        tenant = tenant_of(due.content)
        principal = account_of(state, due.watch.account, tenant)

        async def work() -> Change | None:
            async with Inside(self._app, principal, Preview(live=state)) as inside:
                return await self._replayed(Evaluator(inside), inside, due)

        return asyncio.run(work())

    async def _replayed(
        self, evaluator: Evaluator, inside: Inside, due: _Due
    ) -> Change | None:
        order = evaluator.order(due.content, due.version)
        run = self._claimed(order, due, inside)
        if run is None:
            return None
        try:
            change = await self._compared(evaluator, inside, order, due, run)
        except BaseException:
            with self._app.database.write() as connection:
                runs.release(connection, run)
            raise
        self._tell(order, change)
        with self._app.database.write() as connection:
            ended = replace(run, status="replayed", finished_us=self._app.now_us())
            runs.end(connection, ended)
        return change

    async def _compared(
        self, evaluator: Evaluator, inside: Inside, order: Order, due: _Due, run: Run
    ) -> Change:
        """Return what changed since the first answers, and did so twice."""
        before = await self._answers(evaluator, inside, order, (due, FIRST))
        change = await self._held(evaluator, inside, order, (due, before, run.id))
        if change.changed:  # Once more: an odd draw is no change.
            again = (due, before, f"{run.id}:again")
            change = await self._held(evaluator, inside, order, again)
        return change

    async def _held(
        self,
        evaluator: Evaluator,
        inside: Inside,
        order: Order,
        what: tuple[_Due, Mapping[str, _Given], str],
    ) -> Change:
        """Return how a new draw differs from the answers *before*."""
        due, before, take = what
        now = await self._answers(evaluator, inside, order, (due, take))
        both = [case for case in before if case in now]
        texts = [
            [before[case].text for case in both],
            [now[case].text for case in both],
        ]
        judges = _judges(evaluator, order)
        binary = frozenset(judge.name for judge in judges if judge.binary)
        grades = {judge.name: _pairs(judge.name, before, now) for judge in judges}
        return find_change(*texts, grades=grades, binary=binary)

    async def _answers(
        self, evaluator: Evaluator, inside: Inside, order: Order, what: tuple[_Due, str]
    ) -> dict[str, _Given]:
        """Return the answers to the first cases, by case, of one take."""
        (due, take), spec = what, order.spec.model_copy(update={"repeats": 1})
        ref = due.version
        labels = {"evaluation": due.name, "run": take.partition(":")[0]}
        cases = list(islice(evaluator.cases(order), due.watch.cases))
        shelf = Shelf(self._app.database, self._app.now_us)
        work = Work(
            subject=order.subject,
            spec=spec,
            cases=cases,
            total=len(cases),
            judges=_judges(evaluator, order),
            requests=Requests(order.version, spec.request, labels),
            ask=await inside.version(spec.endpoint, ref),
            means=Marked(inside, labels),
            take=take,
        )
        found = await run_work(work, shelf, self._app.now_us)
        rows = list(read_rows(line for line in found.lines if line))
        came = [row for row in rows if row.answers[0]]
        kept = shelf.answers([row.answers[0] for row in came])
        return {
            row.id: _Given(_text(kept[row.answers[0]]), row)
            for row in came
            if row.answers[0] in kept
        }

    def _claimed(self, order: Order, due: _Due, inside: Inside) -> Run | None:
        """Return the run of this replay, None if some replica does it or did."""
        version = order.subject.version_digest.removeprefix("sha256:")[:16]
        run = Run(
            id=f"replay-{due.name}-{version}-{due.bucket}",
            subject=order.subject,
            take=FIRST,
            total=due.watch.cases,
            actor=inside.principal.chain,
            tenant=inside.principal.tenant,
            status="replaying",
            started_us=self._app.now_us(),
        )
        with self._app.database.write() as connection:
            mine = runs.claim(connection, run, run.started_us - HOUR_US)
        return run if mine else None

    def _tell(self, order: Order, change: Change) -> None:
        """Raise the alert of this version at this endpoint, or end it."""
        subject = order.subject
        what = f"{subject.version} on {subject.endpoint} answers otherwise than it did"
        detail = {
            "evaluation": subject.evaluation,
            "finding": change.sentence,
            "same": change.same,
            "prompts": change.n,
        }
        now_us = self._app.now_us()
        with self._app.database.write() as connection:
            if change.changed:
                alert = Alert(code=CHANGED, message=what, detail=detail)
                raise_alert(connection, alert, now_us)
            elif change.n >= FEWEST:
                known = list_alerts(connection, limit=1000)
                kept = {a.message for a in known if a.code == CHANGED} - {what}
                clear_others(connection, CHANGED, kept, now_us)


def _judges(evaluator: Evaluator, order: Order) -> list[Judge]:
    """Return the graders of what was answered, one by one, that ask nobody."""
    served = served_in(evaluator.preview)
    uses = [use for use in order.spec.graders if use.grader not in _MACHINERY]
    found = [judge_of(use, served) for use in uses if not endpoints_of(use)]
    return [judge for judge in found if judge.each]


def _pairs(
    name: str, before: Mapping[str, _Given], now: Mapping[str, _Given]
) -> list[Pair]:
    """Return the grades of the cases that were graded both times."""
    found = []
    for case, later in now.items():
        if case in before:
            was, is_ = (
                mean_of(e.row.grades.get(name, ())) for e in (before[case], later)
            )
            if was is not None and is_ is not None:
                found.append(Pair(was, is_, cluster=later.row.cluster))
    return found


def _text(answered: Answered) -> str:
    return answered.text or repr(sorted(answered.outputs.items()))
