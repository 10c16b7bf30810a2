"""How `roadbed eval` works and shows what it does: progress, power, results."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from roadbed.cli._session import Session
    from roadbed.control.preview import Preview
    from roadbed.evals.running.work import Progress, Tell
    from roadbed.server.evaluating.evaluator import Evaluator, Order

T = TypeVar("T")
EXITS = {"passed": 0, "failed": 3, "inconclusive": 6}
SAY_EVERY_S = 1.0
TELLING = 10


def preview_of(line: "Session", folder: Path | None) -> "Preview":
    """Return what is live, and what *folder* declares laid over it."""
    from roadbed.control.load import read_stack, refuse
    from roadbed.control.preview import Preview
    from roadbed.control.state import current

    with line.app.database.read() as connection:
        live = current(connection)
    if folder is None:
        return Preview(live=live)
    stack, problems = read_stack(folder)
    refuse(problems)
    return Preview(live=live, stack=stack)


def work(
    line: "Session",
    preview: "Preview",
    job: "Callable[[Evaluator], Awaitable[T]]",
) -> T:
    """Return what *job* does with an evaluator, as whoever runs this command."""
    from roadbed.server.evaluating.evaluator import Evaluator
    from roadbed.server.evaluating.inside import Inside

    async def all_of_it() -> T:
        async with Inside(line.app, line.principal, preview) as inside:
            return await job(Evaluator(inside))

    with asyncio.Runner(loop_factory=_loop()) as runner:
        return runner.run(all_of_it())


def allowed(line: "Session", contents: Sequence[Any]) -> None:
    """Require that each golden set may be read."""
    for content in contents:
        dataset = content["spec"]["cases"]["dataset"]
        line.also("dataset.read", "Dataset", dataset.partition("@")[0])


class Reporter:
    """Says on standard error how runs come along: a bar on a terminal, else lines.

    With *as_json* each line is a JSON object. Closing it ends the bar.
    """

    def __init__(self, evaluator: "Evaluator", *, as_json: bool) -> None:
        self._evaluator, self._as_json = evaluator, as_json
        self._bar: Any = None
        self._told = set[str]()

    def __call__(self, order: "Order") -> "Tell":
        """Say what *order* can show, and return what is told of its progress."""
        what = f"{order.subject.evaluation} of {order.subject.version}"
        judging = order.subject.evaluation_digest
        for text in () if judging in self._told else self._power(order):
            self._say({"power": text, "of": what}, f"{what}: {text}")
        self._told.add(judging)
        self.close()
        if not self._as_json and sys.stderr.isatty():
            self._bar = _Bar(what, order.golden.rows)
            return self._bar.tell
        return _Lines(what, self._say).tell

    def close(self) -> None:
        """End the bar, if there is one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _power(self, order: "Order") -> list[str]:
        from roadbed.core.errors import RoadbedError
        from roadbed.evals.reports.power import Planned, power_of, told

        app = self._evaluator.app
        planned = Planned(
            spec=order.spec,
            golden=order.golden,
            digest=order.subject.evaluation_digest,
        )
        try:
            with app.database.read() as connection:
                power = power_of(connection, app.datasets, app.blobs, planned)
        except RoadbedError as error:
            return [f"what these cases can show is not known: {error.message}"]
        return told(order.spec, power)

    def _say(self, said: dict[str, Any], text: str) -> None:
        click.echo(json.dumps(said) if self._as_json else text, err=True)


@contextmanager
def counting(what: str, *, as_json: bool) -> "Iterator[Tell]":
    """Say on standard error how far *what* has come; yield what is told of it."""

    def say(said: dict[str, Any], text: str) -> None:
        click.echo(json.dumps(said) if as_json else text, err=True)

    if as_json or not sys.stderr.isatty():
        yield _Lines(what, say).tell
        return
    bar = _Bar(what, 0)
    try:
        yield bar.tell
    finally:
        bar.close()


class _Lines:
    """A line about once a second."""

    def __init__(self, what: str, say: Callable[[dict[str, Any], str], None]) -> None:
        self._what, self._say = what, say
        self._begun = time.monotonic()
        self._next = self._begun + SAY_EVERY_S

    def tell(self, progress: "Progress") -> None:
        now = time.monotonic()
        if now < self._next and progress.done < progress.total:
            return
        self._next = now + SAY_EVERY_S
        left = left_s(progress, now - self._begun)
        said = {
            "of": self._what,
            "done": progress.done,
            "total": progress.total,
            "cost_usd": progress.cost_nano / 1e9,
            "hits": progress.hits,
            "failed": progress.failed,
            "left_s": left,
        }
        text = (
            f"{self._what}: {progress.done:,} of {progress.total:,} cases, "
            f"{_money(progress)}{_failed(progress)}{_about(progress, left)}"
        )
        self._say(said, text)


class _Bar:
    """A bar with what is done, what it has cost, and how long it will take."""

    def __init__(self, what: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[cost]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=False,
        )
        self._task = self._bar.add_task(what, total=total, cost="$0.00")
        self._bar.start()

    def tell(self, progress: "Progress") -> None:
        told = {"completed": progress.done, "cost": _money(progress)}
        self._bar.update(self._task, total=progress.total, **told)

    def close(self) -> None:
        self._bar.stop()


def left_s(progress: "Progress", passed_s: float) -> float:
    """Return about how many seconds are left, 0 if nothing is done yet."""
    if not progress.done:
        return 0.0
    return passed_s / progress.done * (progress.total - progress.done)


def _failed(progress: "Progress") -> str:
    return f", {progress.failed:,} did not come" if progress.failed else ""


def _about(progress: "Progress", left: float) -> str:
    """Return the time left, once enough is done to tell."""
    return f", about {left:.0f} s left" if progress.done >= TELLING else ""


def _money(progress: "Progress") -> str:
    return f"${progress.cost_nano / 1e9:.4f}"


def _loop() -> Any:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
