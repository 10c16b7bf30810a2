"""`roadbed loadtest`: does an endpoint keep its latency, and where does it break?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table

if TYPE_CHECKING:
    from roadbed.cli._session import Session
    from roadbed.loadtest.drive import Place
    from roadbed.loadtest.report import Report
    from roadbed.loadtest.search import Limits
    from roadbed.loadtest.subject import Subject

_EXITS = {"kept": 0, "unpromised": 0, "broken": 3, "inconclusive": 6}


@click.command()
@click.argument("endpoint")
@click.option("--url", help="The server to ask. Default: the one of these settings.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Calls per second. Default: the load that the endpoint promises for, or 2.",
)
@click.option(
    "--calls",
    type=click.IntRange(1, 1_000_000),
    default=300,
    show_default=True,
    help="Calls per load, at the least.",
)
@click.option(
    "--search/--no-search",
    default=False,
    show_default=True,
    help="Also look for the load at which it breaks.",
)
@click.option(
    "--max-rate",
    type=click.FloatRange(0, min_open=True),
    default=256.0,
    show_default=True,
    help="The highest load to try when searching.",
)
@click.option(
    "--stream/--whole", default=True, show_default=True, help="How to be answered."
)
@click.option(
    "--prompt-tokens",
    type=click.IntRange(1, 100_000),
    default=300,
    show_default=True,
    help="The median length of a question; some are much longer.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(1, 100_000),
    default=64,
    show_default=True,
    help="The longest answer to ask for.",
)
@click.option(
    "--body",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the request to send, instead of made-up ones.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a report with plots to this HTML file.",
)
@click.option("--yes", is_flag=True, help="Do not ask before calls are paid for.")
@output_option
@acts("endpoint.read")
def command(endpoint: str, output: str, **asked: Any) -> None:
    """Put ENDPOINT under load and say whether it keeps the latency it promises.

    Calls arrive as they would in life, at random times and whether or not those
    before them were answered. Exit codes: 3 if a promise is broken, 6 if the calls
    were too few to tell.
    """
    from roadbed.cli._session import session
    from roadbed.core.secret import Secret
    from roadbed.loadtest.drive import Place

    with session(endpoint) as line:
        subject = _subject(line, endpoint, asked)
        settings = line.app.settings
        url = (asked["url"] or settings.public_address).rstrip("/") + subject.path
        seconds = subject.deadline_ms / 1000 + 5
        place = Place(url=url, key=Secret(settings.own_key()), timeout_s=seconds)
    limits = _limits(subject, asked)
    _confirm(subject, limits, asked)
    report = _run(subject, place, limits)
    if asked["report"]:
        asked["report"].write_text(report.html(), "utf-8")
    _tell(report, output, asked["report"])
    sys.exit(_EXITS[report.to_json()["outcome"]])


def _subject(line: "Session", endpoint: str, asked: dict[str, Any]) -> "Subject":
    from dataclasses import replace

    from roadbed.control.state import current_resources
    from roadbed.core.reference import parse
    from roadbed.loadtest.profile import Profile
    from roadbed.loadtest.subject import subject_of
    from roadbed.registry.versions import get_version

    with line.app.database.read() as connection:
        found = current_resources(connection).resources[("Endpoint", endpoint)]
        spec = found.content["spec"]
        version = get_version(connection, parse(spec["model"]))
    profile = Profile(
        prompt_tokens=asked["prompt_tokens"],
        max_tokens=asked["max_tokens"],
        stream=asked["stream"],
    )
    if asked["body"] is None:
        return subject_of(endpoint, spec, version, profile)
    body = asked["body"].read_bytes()
    given = replace(profile, stream=False)
    subject = subject_of(endpoint, spec, version, given)
    return replace(subject, bodies=lambda count: [body] * count)


def _limits(subject: "Subject", asked: dict[str, Any]) -> "Limits":
    from roadbed.loadtest.search import Limits

    promised = subject.latency.calls_per_second if subject.latency else 2.0
    first = asked["rate"] or promised
    highest = max(first, asked["max_rate"]) if asked["search"] else first
    least_s = 5.0 if asked["search"] else 0.0
    return Limits(first=first, highest=highest, calls=asked["calls"], least_s=least_s)


def _confirm(subject: "Subject", limits: "Limits", asked: dict[str, Any]) -> None:
    from roadbed.cli._session import confirm

    step = limits.step(limits.first)
    more = ", and more to find where it breaks" if asked["search"] else ""
    click.echo(
        f"{step.calls} calls to {subject.endpoint} ({subject.model}) at "
        f"{step.rate:g} per second, about {step.seconds:.0f} s{more}",
        err=True,
    )
    confirm("Its providers bill for them as for any others. Go on?", yes=asked["yes"])


def _run(subject: "Subject", place: "Place", limits: "Limits") -> "Report":
    import asyncio
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from roadbed.loadtest.drive import drive
    from roadbed.loadtest.judge import Sample
    from roadbed.loadtest.profile import Step, arrivals
    from roadbed.loadtest.report import Report
    from roadbed.loadtest.search import search

    words = TextColumn("{task.description}")
    columns = (words, BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def run(step: Step) -> list[Sample]:
            shown = progress.add_task(f"{step.rate:g} calls/s", total=step.calls)
            due, bodies = arrivals(step, seed=1), subject.bodies(step.calls)
            told = drive(place, due, bodies, lambda _: progress.advance(shown))
            return asyncio.run(told)

        steps = search(run, limits, subject.latency)
    return Report(
        endpoint=subject.endpoint,
        model=subject.model,
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        latency=subject.latency,
        stream=subject.stream,
        steps=steps,
    )


def _tell(report: "Report", output: str, file: Path | None) -> None:
    from roadbed.loadtest.report import step_json

    said = report.to_json()
    if output == "json":
        print_json(said)
        return
    rows = []
    for step in map(step_json, report.steps):
        times = [_ms(step[name]) for name in ("p50", "p95", "p99", "first_token_p95")]
        failed = sum(step["errors"].values())
        rows.append(
            (f"{step['calls_per_second']:g}", step["calls"], *times, failed,
             step["verdict"])
        )  # fmt: skip
    heads = ("calls/s", "calls", "p50", "p95", "p99", "first p95", "errors", "verdict")
    print_table(heads, rows)
    for promise in said["steps"][0]["promises"]:
        click.echo(
            f"{promise['name']} within {_ms(promise['limit_ms'])}: "
            f"{promise['verdict']}, {promise['over']} of {promise['calls']} were slower"
        )
    click.echo(_conclusion(report))
    if file is not None:
        click.echo(f"report: {file}")


def _conclusion(report: "Report") -> str:
    said = report.to_json()
    words = {
        "kept": f"{report.endpoint} keeps what it promises",
        "broken": f"{report.endpoint} breaks what it promises",
        "unpromised": f"{report.endpoint} promises nothing; set `latency` on it",
        "inconclusive": "the calls were too few to tell; " + _needed(report),
    }
    text = words[said["outcome"]]
    if said["breaks_at"]:
        text += f"; it broke at {said['breaks_at']:g} calls/s"
    elif len(said["steps"]) > 1:
        text += f"; no load up to {said['holds_at']:g} calls/s broke it"
    return text


def _needed(report: "Report") -> str:
    needed = max((j.needed for j in report.steps[0].judged), default=0)
    return f"a promise that is well kept shows with --calls {max(needed, 1)} or more"


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:,.0f} ms"
