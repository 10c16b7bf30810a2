"""Grades calls of production after they were answered: drawn by chance, on a budget.

One replica at a time does it for an evaluation, and it is never on the way of a call.
What was done is known by its rows, so doing it again does nothing twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import Corrupt, NotFound, RoadbedError
from roadbed.database.engine import Database
from roadbed.database.upsert import upsert
from roadbed.evals.drawing import probability
from roadbed.evals.feedback import Feedbacks
from roadbed.evals.feedback_tables import feedback
from roadbed.evals.from_call import answered_of, case_of
from roadbed.evals.grading import Grade, Means, Sample
from roadbed.evals.kinds import Evaluation, Online
from roadbed.evals.marks import Mark, hold, move
from roadbed.evals.online_tables import online_grades
from roadbed.evals.quality import Graded
from roadbed.evals.review import drawn
from roadbed.evals.running.closing import close
from roadbed.evals.running.judges import Judge
from roadbed.gateway.calls import CallLog, Found
from roadbed.gateway.history import CallQuery, History, cursor
from roadbed.gateway.money.rule import nano
from roadbed.gateway.segments import newest_place, segments_placed
from roadbed.inference.record import MIRRORED, MIRRORS, CallRecord

PAGE = 500
AT_ONCE = 8
DAY_US = 86_400_000_000
_AGAIN_US = 60_000_000
"""So far back feedback is looked for again: several replicas commit in any order."""
SPENT = "the budget of the day is spent"
MARK = "evaluation"
"""The label of calls that evaluations make; such are not of production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A declared evaluation that grades online: its name, tenant and spec."""

    name: str
    tenant: str
    spec: Evaluation


class Panel(Protocol):
    """Who judges for an evaluation, and what they may use; methods block."""

    def judges(self, live: Live) -> Sequence[Judge]:
        """Return the graders that judge answers one by one, of those that are wanted.

        Raises what loading them raises.
        """
        ...

    def means(self, live: Live) -> AbstractAsyncContextManager[Means]:
        """Return what they may use while it is open, on one event loop."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """The graders of an evaluation, ready, and what they may use."""

    judges: Sequence[Judge]
    means: Means


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A call that was drawn, and how likely that was."""

    record: CallRecord
    probability: float


@dataclass(frozen=True, kw_only=True)
class OnlineGrader:
    """Grades what was sealed since the last time, and again where the truth came.

    *holder* names this process, and *panel* says who judges.
    """

    database: Database
    calls: CallLog
    history: History
    root: Path
    feedbacks: Feedbacks
    panel: Panel
    now_us: Callable[[], int]
    holder: str

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
        with self.database.read() as connection:
            place = newest_place(connection)
        found = chain(self._sealed(live, online, mark, place), self._said(live, mark))
        done = asyncio.run(self._all(live, online, found))
        until = Mark(place=place, said_us=now_us)
        move(self.database, live.name, self.holder, until)
        return done

    def _hold(self, live: Live) -> Mark | None:
        return hold(self.database, live.name, self.holder, self.now_us())

    async def _all(
        self, live: Live, online: Online, found: Iterator[list[Chosen]]
    ) -> int:
        """Grade all that is *found*; whoever judges is called in for the first one."""
        done, bench = 0, None
        async with AsyncExitStack() as stack:
            while (some := await asyncio.to_thread(next, found, None)) is not None:
                if some:
                    bench = bench or await self._called(live, stack)
                    await self._grade(live, online, some, bench)
                    done += len(some)
        return done

    async def _called(self, live: Live, stack: AsyncExitStack) -> _Bench:
        judges = await asyncio.to_thread(self.panel.judges, live)
        stack.push_async_callback(close, judges)
        means = await stack.enter_async_context(self.panel.means(live))
        return _Bench(judges=judges, means=means)

    def _sealed(
        self, live: Live, online: Online, mark: Mark, place: int
    ) -> Iterator[list[Chosen]]:
        """Yield what is drawn of the calls that were sealed since the mark."""
        with self.database.read() as connection:
            found = list(segments_placed(connection, mark.place, place))
        for segment in found:
            for page in self._pages(self.root / segment.calls.path, live):
                yield self._new(live, list(choose(page, live.name, online)))

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

    def _said(self, live: Live, mark: Mark) -> Iterator[list[Chosen]]:
        """Yield the calls of which the right answer became known since the mark."""
        with self.database.read() as connection:
            late = late_truths(connection, live.name, mark.said_us - _AGAIN_US)
        chosen: list[Chosen] = []
        for call_id, p in late.items():
            try:
                record = self.calls.find(call_id, live.tenant).record
            except RoadbedError:
                continue
            chosen.append(Chosen(record=record, probability=p))
        yield chosen

    def _new(self, live: Live, chosen: Sequence[Chosen]) -> list[Chosen]:
        ids = [each.record.call_id for each in chosen]
        table = online_grades.c
        known = sa.select(table.call_id).where(
            table.evaluation == live.name, table.call_id.in_(ids)
        )
        with self.database.read() as connection:
            had = set(connection.execute(known).scalars()) if ids else set()
        return [each for each in chosen if each.record.call_id not in had]

    async def _grade(
        self, live: Live, online: Online, chosen: Sequence[Chosen], bench: _Bench
    ) -> None:
        for at in range(0, len(chosen), AT_ONCE):
            some = chosen[at : at + AT_ONCE]
            paid = await asyncio.to_thread(self._over, live, online)
            rows = await self._rows(live, some, bench, paid)
            await asyncio.to_thread(self._keep, live, rows)

    def _keep(self, live: Live, rows: Sequence[dict[str, Any]]) -> None:
        """Write *rows* down, with what was spent on the same today before."""
        table, at_us = online_grades.c, self.now_us() // DAY_US * DAY_US
        before = sa.select(
            table.call_id, table.grader, table.cost_nano, table.at_us, table.told_us
        ).where(
            table.evaluation == live.name,
            table.call_id.in_({row["call_id"] for row in rows}),
        )
        with self.database.write() as connection:
            known = {(r[0], r[1]): r for r in connection.execute(before)}
            kept = []
            for row in rows:
                had = known.get((row["call_id"], row["grader"]))
                if had and row["error"] == SPENT:
                    continue  # What it was graded before is better than nothing.
                if had and had.at_us >= at_us:
                    row["cost_nano"] += had.cost_nano
                if had and had.told_us:
                    row["told_us"] = had.told_us
                kept.append(row)
            upsert(connection, online_grades, kept)
        self._hold(live)  # It goes on: nobody else is to begin.

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
        bench: _Bench,
        paid: frozenset[str],
    ) -> list[dict[str, Any]]:
        ids = [original(each.record) for each in chosen]
        truths = await asyncio.to_thread(self.feedbacks.truths, ids)
        work: list[tuple[Chosen, Judge]] = []
        grades: list[Any] = []
        for each in chosen:
            truth = truths.get(original(each.record))
            sample = await asyncio.to_thread(self._sample, live, each.record, truth)
            for judge in bench.judges:
                work.append((each, judge))
                grades.append(_one(judge, sample, bench.means, paid))
        found: list[Grade] = await asyncio.gather(*grades)
        return [
            self._row(live, each, judge, grade, original(each.record) in truths)
            for (each, judge), grade in zip(work, found, strict=True)
        ]

    def _sample(self, live: Live, record: CallRecord, truth: Any) -> Sample | str:
        """Return what is judged, or why nothing can be."""
        try:
            found: Found = self.calls.find(record.call_id, live.tenant)
            return Sample(case=case_of(found, truth), answered=answered_of(found))
        except RoadbedError as error:
            return error.message

    def _row(
        self, live: Live, chosen: Chosen, judge: Judge, grade: Grade, known: bool
    ) -> dict[str, Any]:
        record, of = chosen.record, original(chosen.record)
        copy = of != record.call_id
        return {
            "evaluation": live.name,
            "call_id": record.call_id,
            "grader": judge.name,
            "digest": judge.digest,
            "tenant": record.tenant or DEFAULT_TENANT,
            "endpoint": mirrored(record.endpoint) if copy else record.endpoint,
            "model": record.model,
            "called_us": record.ts,
            "probability": chosen.probability,
            "value": grade.value,
            "label": grade.label[:200],
            "error": grade.error[:500],
            "known": known,
            "cost_nano": grade.cost_nano,
            "at_us": (now_us := self.now_us()),
            "rollout": record.rollout or None,
            "arm": record.arm or None,
            "bucket": record.bucket or None,
            "mirrors": of if copy else None,
            "higher": judge.direction == "higher",
            "binary": judge.binary,
            "told_us": None if grade.value is None else now_us,
        }


async def _one(
    judge: Judge, sample: Sample | str, means: Means, paid: frozenset[str]
) -> Grade:
    if isinstance(sample, str):
        return Grade(value=None, error=sample)
    if judge.name in paid:
        return Grade(value=None, error=SPENT)
    assert judge.each is not None
    try:
        return await judge.each.grade(sample, means)
    except RoadbedError as error:
        return Grade(value=None, error=error.message)
    # A plug-in may raise anything; the row says so, and the others go on.
    except Exception as error:  # noqa: BLE001
        return Grade(value=None, error=f"it failed: {type(error).__name__}")


def original(record: CallRecord) -> str:
    """Return the call that *record* is of: of a copy, that which it is a copy of."""
    copy = record.arm == MIRRORED
    return record.labels.get(MIRRORS, record.call_id) if copy else record.call_id


def mirrored(endpoint: str) -> str:
    """Return under which name the grades of copies are kept: not the endpoint's."""
    return f"{endpoint} (mirrored)"


def choose(
    records: Iterable[CallRecord], evaluation: str, online: Online
) -> Iterator[Chosen]:
    """Yield the calls that chance draws for *evaluation*: always the same ones.

    Calls that an evaluation made are none of production. A copy of a call is drawn
    with it, so that both can be compared.
    """
    for record in records:
        p = 0.0 if MARK in record.labels else probability(record, online)
        if drawn(f"{evaluation} {original(record)}", p):
            yield Chosen(record=record, probability=p)


def grades(
    connection: sa.Connection, tenant: str, endpoint: str, since_us: int
) -> list[Graded]:
    """Return the grades of an endpoint's calls since then; see `quality`."""
    table = online_grades.c
    names = [field.name for field in fields(Graded)]
    query = sa.select(*(table[name] for name in names)).where(
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
