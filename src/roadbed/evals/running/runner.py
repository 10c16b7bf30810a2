"""Runs an evaluation: many questions at once, kept as they come.

Whatever was answered before is not asked again, so a run that was killed goes on
where it was; an answer that did not come is no wrong answer.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from roadbed.core.errors import RoadbedError
from roadbed.evals.asking import Answered, BudgetSpent
from roadbed.evals.grading import Grade, Measure, Sample
from roadbed.evals.running.closing import close
from roadbed.evals.running.feed import BATCH, Feed, grade_name
from roadbed.evals.running.gather import Gathering
from roadbed.evals.running.judges import Judge
from roadbed.evals.running.purse import Allowance
from roadbed.evals.running.shelf import Shelf
from roadbed.evals.running.work import Found, Item, Progress, Work

FLUSH_EVERY_S = 0.25
SPENT = "its budget is spent"
_log = logging.getLogger(__name__)


async def run(work: Work, shelf: Shelf, now_us: Callable[[], int]) -> Found:
    """Do *work* and return what was found; what is kept is written meanwhile.

    The graders are closed at the end, whatever it was.

    Raises only what reading the cases raises, and cancellation: then, too, all that
    came until then is kept.
    """
    try:
        return await _Run(work, shelf, now_us).whole()
    finally:
        await close(work.judges)


class _Run:
    """One run under way."""

    def __init__(self, work: Work, shelf: Shelf, now_us: Callable[[], int]) -> None:
        self._work, self._shelf, self._now_us = work, shelf, now_us
        self._feed = Feed(work, shelf)
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue(2 * BATCH)
        self._money = Allowance.of(work.spec.budget)
        self._judges = [judge for judge in work.judges if judge.each]
        self._sets = [judge for judge in work.judges if judge.whole]
        self._gathering = Gathering(work.spec.repeats, keep=bool(self._sets))
        self._progress = Progress(total=work.total)
        self._stopped = ""

    async def whole(self) -> Found:
        """Ask, grade and keep everything."""
        writer = asyncio.create_task(self._write())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._bring())
                for _ in range(self._work.spec.concurrency):
                    group.create_task(self._serve())
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
            await asyncio.to_thread(self._shelf.flush, self._now_us())
        return Found(
            lines=self._gathering.lines,
            progress=self._progress,
            stopped=self._stopped,
            measures=await asyncio.to_thread(self._measures),
        )

    async def _bring(self) -> None:
        """Bring the questions; what is known in full need not be asked."""
        while not self._stopped and (items := await asyncio.to_thread(self._feed.next)):
            for item in items:
                if self._is_known(item):
                    self._settle(item)
                else:
                    await self._queue.put(item)
        for _ in range(self._work.spec.concurrency):
            await self._queue.put(None)

    async def _serve(self) -> None:
        while (item := await self._queue.get()) is not None:
            if not self._stopped:
                await self._handle(item)

    async def _handle(self, item: Item) -> None:
        if item.answered is None and not await self._ask(item):
            return
        assert item.answered is not None
        if item.answered.status != "failed":
            for judge in self._judges:
                if judge.name not in item.grades:
                    item.grades[judge.name] = await self._grade(item, judge)
        self._settle(item)

    async def _ask(self, item: Item) -> bool:
        """Get the answer to *item*; say whether there was money for it."""
        if item.question is None:
            item.answered = Answered(status="failed", error=item.unaskable)
            return True
        if not self._money.take():
            self._stopped = self._stopped or SPENT
            return False
        cost = 0
        try:
            item.answered = await self._work.ask(item.question)
            cost = item.answered.cost_nano
        except BudgetSpent as spent:
            self._stopped = self._stopped or spent.message
            return False
        finally:
            self._money.settle(cost)
        if not item.answered.error:
            self._shelf.put_answer(item.key, item.answered, item.case.origin)
        return True

    async def _grade(self, item: Item, judge: Judge) -> Grade:
        """Return a grade; one that could not be given is not kept."""
        assert judge.each is not None
        try:
            grade = await judge.each.grade(item.sample(), self._work.means)
        except BudgetSpent as spent:
            self._stopped = self._stopped or spent.message
            return Grade(value=None, error=f"{spent.code}: {spent.message}")
        except RoadbedError as error:
            return Grade(value=None, error=f"{error.code}: {error.message}")
        except Exception as error:  # noqa: BLE001 a plug-in's fault ends no run
            _log.exception("grader %s failed on case %s", judge.name, item.case.id)
            return Grade(value=None, error=f"{type(error).__name__} in the grader")
        self._money.add(grade.cost_nano)
        if item.answered is not None:
            self._work.graded(item.answered, item.case, judge, grade)
        if not grade.error:
            self._shelf.put_grade(grade_name(item, judge), grade, item.key)
        return grade

    def _is_known(self, item: Item) -> bool:
        return item.hit and len(item.grades) == len(self._judges)

    def _settle(self, item: Item) -> None:
        assert item.answered is not None
        whole = self._gathering.take(item)
        before = self._progress
        self._progress = replace(
            before,
            done=before.done + whole,
            cost_nano=self._money.spent_nano,
            hits=before.hits + item.hit,
            failed=before.failed + (item.answered.status == "failed"),
        )
        self._work.tell(self._progress)

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            if self._shelf.waiting:
                await asyncio.to_thread(self._shelf.flush, self._now_us())

    def _measures(self) -> dict[str, list[Measure]]:
        samples = self._gathering.samples()
        return {judge.name: _measured(judge, samples) for judge in self._sets}


def _first(error: BaseException) -> BaseException:
    """Return the first of the errors that a group is made of."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _measured(judge: Judge, samples: list[Sample]) -> list[Measure]:
    assert judge.whole is not None
    try:
        return list(judge.whole.measure(samples))
    except RoadbedError as error:
        return [Measure(name=judge.name, value=None, error=error.message)]
    except Exception as error:  # noqa: BLE001 a plug-in's fault ends no run
        _log.exception("grader %s failed", judge.name)
        return [Measure(name=judge.name, value=None, error=type(error).__name__)]
