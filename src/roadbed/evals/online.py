"""Grades calls of production after they were answered: drawn by chance, on a budget.

One replica at a time does it for an evaluation, and it is never on the way of a call.
What was done is known by its rows, so doing it again does nothing twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

import roadbed.evals.graders
from roadbed.core import plugins
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.digest import digest_of
from roadbed.core.errors import Corrupt, Invalid, NotFound, RoadbedError
from roadbed.database.engine import Database
from roadbed.database.upsert import upsert
from roadbed.evals.drawing import probability
from roadbed.evals.feedback import Feedbacks
from roadbed.evals.feedback_tables import feedback
from roadbed.evals.from_call import answered_of, case_of
from roadbed.evals.grading import GRADERS, Grade, Grader, Means, Sample
from roadbed.evals.kinds import Evaluation, Online, Use
from roadbed.evals.marks import Mark, hold, move
from roadbed.evals.online_tables import online_grades
from roadbed.evals.quality import Graded
from roadbed.evals.review import drawn
from roadbed.gateway.calls import CallLog, Found
from roadbed.gateway.history import CallQuery, History, cursor
from roadbed.gateway.money.rule import nano
from roadbed.gateway.segments import segments_sealed
from roadbed.inference.record import CallRecord

PAGE = 500
AT_ONCE = 8
DAY_US = 86_400_000_000
_LAG_US = 5_000_000
"""What was sealed so lately may not be in the catalog yet."""
_AGAIN_US = 60_000_000
"""So far back is looked again: seals of several replicas commit in any order."""
SPENT = "the budget of the day is spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A declared evaluation that grades online: its name, tenant and spec."""

    name: str
    tenant: str
    spec: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """One grader, ready, and the digest that its grades are known by."""

    name: str
    digest: str
    grader: Grader


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A call that was drawn, and how likely that was."""

    record: CallRecord
    probability: float


def _installed(grader: str) -> Any:
    return plugins.find(roadbed.evals.graders, GRADERS, grader)


@dataclass(frozen=True, kw_only=True)
class OnlineGrader:
    """Grades what was sealed since the last time, and again where the truth came.

    *holder* names this process, *means* is what graders may ask, and *find* imports
    the module of a grader.
    """

    database: Database
    calls: CallLog
    history: History
    root: Path
    feedbacks: Feedbacks
    means: Means
    now_us: Callable[[], int]
    holder: str
    find: Callable[[str], Any] = _installed

    def run(self, live: Iterable[Live]) -> int:
        """Grade for each evaluation that no other replica works on; return how many."""
        done, trouble = 0, None
        for each in live:
            try:
                done += self._one_evaluation(each)
            except RoadbedError as error:
                trouble = error  # Told at the end: the others go on.
        if trouble is not None:
            raise trouble
        return done

    def _one_evaluation(self, live: Live) -> int:
        online, now_us = live.spec.online, self.now_us()
        mark = self._hold(live) if online else None
        if online is None or mark is None:
            return 0
        done = self._sealed(live, online, mark, now_us)
        done += self._said(live, online, mark)
        move(self.database, live.name, self.holder, now_us - _LAG_US)
        return done

    def _hold(self, live: Live) -> Mark | None:
        return hold(self.database, live.name, self.holder, self.now_us())

    def _sealed(self, live: Live, online: Online, mark: Mark, now_us: int) -> int:
        """Grade what was drawn of the calls that were sealed since the mark."""
        with self.database.read() as connection:
            since_us = mark.sealed_us - _AGAIN_US
            found = segments_sealed(connection, since_us, now_us - _LAG_US)
        done = 0
        for segment in found:
            file = self.root / segment.calls.path
            for page in self._pages(file, live):
                chosen = list(choose(page, live.name, online))
                done += self._grade(live, online, self._new(live, chosen))
        return done

    def _pages(self, file: Path, live: Live) -> Iterator[list[CallRecord]]:
        before = ""
        while True:
            query = CallQuery(
                tenant=live.tenant,
                endpoint=live.spec.endpoint,
                status="ok",
                before=before,
                limit=PAGE,
            )
            try:
                page = self.history.search([file], query)
            except (Corrupt, NotFound):
                return  # Whoever reads the log is told of such a file.
            yield page
            if len(page) < PAGE:
                return
            before = cursor(page[-1])

    def _said(self, live: Live, online: Online, mark: Mark) -> int:
        """Grade again the calls of which the right answer became known."""
        with self.database.read() as connection:
            late = late_truths(connection, live.name, mark.said_us - _AGAIN_US)
        chosen: list[Chosen] = []
        for call_id, p in late.items():
            try:
                record = self.calls.find(call_id, live.tenant).record
            except RoadbedError:
                continue
            chosen.append(Chosen(record=record, probability=p))
        return self._grade(live, online, chosen)

    def _new(self, live: Live, chosen: Sequence[Chosen]) -> list[Chosen]:
        ids = [each.record.call_id for each in chosen]
        table = online_grades.c
        known = sa.select(table.call_id).where(
            table.evaluation == live.name, table.call_id.in_(ids)
        )
        with self.database.read() as connection:
            had = set(connection.execute(known).scalars()) if ids else set()
        return [each for each in chosen if each.record.call_id not in had]

    def _grade(self, live: Live, online: Online, chosen: Sequence[Chosen]) -> int:
        if not chosen:
            return 0
        judges = list(judges_of(live.spec, online, self.find))
        for at in range(0, len(chosen), AT_ONCE):
            some = chosen[at : at + AT_ONCE]
            paid = self._over(live, online)
            rows = asyncio.run(self._rows(live, some, judges, paid))
            with self.database.write() as connection:
                upsert(connection, online_grades, rows)
            self._hold(live)  # It goes on: nobody else is to begin.
        return len(chosen)

    def _over(self, live: Live, online: Online) -> frozenset[str]:
        """Return the graders that cost money, if that of the day is spent."""
        if online.budget is None:
            return frozenset()
        table, now_us = online_grades.c, self.now_us()
        query = sa.select(table.grader, sa.func.sum(table.cost_nano)).where(
            table.evaluation == live.name, table.at_us >= now_us // DAY_US * DAY_US
        )
        with self.database.read() as connection:
            spent = {
                g: int(n) for g, n in connection.execute(query.group_by(table.grader))
            }
        over = sum(spent.values()) >= nano(online.budget)
        return frozenset(g for g, cost in spent.items() if over and cost)

    async def _rows(
        self,
        live: Live,
        chosen: Sequence[Chosen],
        judges: Sequence[_Judge],
        paid: frozenset[str],
    ) -> list[dict[str, Any]]:
        truths = self.feedbacks.truths([each.record.call_id for each in chosen])
        work: list[tuple[Chosen, _Judge]] = []
        grades: list[Any] = []
        for each in chosen:
            truth = truths.get(each.record.call_id)
            sample = self._sample(live, each.record, truth)
            for judge in judges:
                work.append((each, judge))
                grades.append(self._one(judge, sample, paid))
        found: list[Grade] = await asyncio.gather(*grades)
        return [
            self._row(live, each, judge, grade, each.record.call_id in truths)
            for (each, judge), grade in zip(work, found, strict=True)
        ]

    def _sample(self, live: Live, record: CallRecord, truth: Any) -> Sample | str:
        """Return what is judged, or why nothing can be."""
        try:
            found: Found = self.calls.find(record.call_id, live.tenant)
            return Sample(case=case_of(found, truth), answered=answered_of(found))
        except RoadbedError as error:
            return error.message

    async def _one(
        self, judge: _Judge, sample: Sample | str, paid: frozenset[str]
    ) -> Grade:
        if isinstance(sample, str):
            return Grade(value=None, error=sample)
        if judge.name in paid:
            return Grade(value=None, error=SPENT)
        try:
            return await judge.grader.grade(sample, self.means)
        except RoadbedError as error:
            return Grade(value=None, error=error.message)
        # A plug-in may raise anything; the row says so, and the others go on.
        except Exception as error:  # noqa: BLE001
            return Grade(value=None, error=f"it failed: {type(error).__name__}")

    def _row(
        self, live: Live, chosen: Chosen, judge: _Judge, grade: Grade, known: bool
    ) -> dict[str, Any]:
        record = chosen.record
        return {
            "evaluation": live.name,
            "call_id": record.call_id,
            "grader": judge.name,
            "digest": judge.digest,
            "tenant": record.tenant or DEFAULT_TENANT,
            "endpoint": record.endpoint,
            "model": record.model,
            "called_us": record.ts,
            "probability": chosen.probability,
            "value": grade.value,
            "label": grade.label[:200],
            "error": grade.error[:500],
            "known": known,
            "cost_nano": grade.cost_nano,
            "at_us": self.now_us(),
        }


def choose(
    records: Iterable[CallRecord], evaluation: str, online: Online
) -> Iterator[Chosen]:
    """Yield the calls that chance draws for *evaluation*: always the same ones."""
    for record in records:
        p = probability(record, online)
        if drawn(f"{evaluation} {record.call_id}", p):
            yield Chosen(record=record, probability=p)


def judges_of(
    spec: Evaluation, online: Online, find: Callable[[str], Any]
) -> Iterator[_Judge]:
    """Yield the graders that judge answers one by one, of those that are wanted."""
    for use in spec.graders:
        if not online.graders or use.name in online.graders:
            module = find(use.grader)
            grader = module.grader(_configured(module.Config, use))
            if hasattr(grader, "grade"):
                yield _Judge(name=use.name, digest=_digest(use, module), grader=grader)


def grades(
    connection: sa.Connection, tenant: str, endpoint: str, since_us: int
) -> list[Graded]:
    """Return the grades of an endpoint's calls since then; see `quality`."""
    table = online_grades.c
    query = sa.select(
        table.grader, table.model, table.called_us, table.value, table.probability
    ).where(
        table.tenant == tenant,
        table.endpoint == endpoint,
        table.called_us >= since_us,
    )
    return [Graded(**row) for row in connection.execute(query).mappings()]


def late_truths(
    connection: sa.Connection, evaluation: str, since_us: int
) -> dict[str, float]:
    """Return the calls whose right answer became known after they were graded, and
    how likely each was to be drawn."""
    table, said = online_grades.c, feedback.c
    query = sa.select(table.call_id, table.probability).distinct()
    query = query.join(feedback, said.call_id == table.call_id).where(
        table.evaluation == evaluation,
        said.last,
        said.at_us >= since_us,
        said.at_us > table.at_us,
        said.kind.in_(("correction", "label", "outcome")),
    )
    return {call_id: p for call_id, p in connection.execute(query)}


def _configured(config: type[BaseModel], use: Use) -> BaseModel:
    try:
        return config.model_validate(use.config)
    except ValueError:
        raise Invalid(f"the settings of the grader {use.name!r} are wrong") from None


def _digest(use: Use, module: Any) -> str:
    told: Mapping[str, Any] = {
        "grader": use.grader,
        "version": module.VERSION,
        "config": use.config,
    }
    return digest_of(told)
