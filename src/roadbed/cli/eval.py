"""`roadbed eval`: evaluate versions, compare them, and gate their promotion."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, plain, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
_stack = click.option(
    "--stack",
    type=_FOLDER,
    help="Read models, endpoints and evaluations of this folder, applied or not.",
)
_named = click.option(
    "--evaluation",
    "names",
    multiple=True,
    help="Only this evaluation; may be given again. Default: all that block.",
)
_markdown = click.option(
    "--markdown", type=_FILE, help="Write a report for a pull request to this file."
)


@click.group()
def command() -> None:
    """Evaluate versions, compare two, and judge whether one may be promoted."""


@command.command()
@click.argument("endpoint")
@click.argument("version", required=False)
@_named
@_stack
@click.option(
    "--fresh", is_flag=True, help="Ask everything again; nothing kept counts."
)
@output_option
@acts("evaluation.run")
def run(endpoint: str, version: str | None, output: str, **asked: Any) -> None:
    """Evaluate VERSION, such as support@7, by the evaluations of ENDPOINT.

    By default that is the version that the endpoint pins. What was answered before is
    not asked again, so a run that was interrupted goes on where it was. Exits with 6
    if a run stopped before its end, as when its budget is spent, and if no answer came.
    """
    from roadbed.cli._evaluations import Reporter, allowed, preview_of, work
    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.server.evaluating.evaluator import Evaluated, Evaluator
    from roadbed.server.evaluating.gates import Gates
    from roadbed.server.evaluating.judged import Judged

    with session() as line:
        preview = preview_of(line, asked["stack"])

        async def job(evaluator: Evaluator) -> list[tuple[Evaluated, Judged]]:
            reporter = Reporter(evaluator, as_json=output == "json")
            gates = Gates(evaluator)
            contents = gates.evaluations(endpoint, asked["names"])
            allowed(line, contents)
            ref = parse(version) if version else gates.pinned(endpoint)
            found = []
            try:
                for content in contents:
                    order = evaluator.order(content, ref)
                    tell = reporter(order)
                    fresh = asked["fresh"]
                    made = await evaluator.evaluate(order, tell, fresh=fresh)
                    found.append((made, gates.judges(content, made)))
            finally:
                reporter.close()
            return found

        found = work(line, preview, job)
    judges = {made.report.digest: judged for made, judged in found if judged}
    _print_reports([(e.report, e.said, e.reused) for e, _ in found], output, judges)
    if not all([_came(evaluated.said) for evaluated, _ in found]):
        raise SystemExit(6)


@command.command()
@click.argument("endpoint")
@click.argument("before")
@click.argument("after")
@_named
@_stack
@_markdown
@output_option
@acts("evaluation.run")
def compare(endpoint: str, before: str, after: str, output: str, **asked: Any) -> None:
    """Say how the version AFTER differs from BEFORE, case by case.

    Runs the evaluations of ENDPOINT where a report is missing.
    """
    from roadbed.cli._evaluations import Reporter, allowed, preview_of, work
    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.server.evaluating.evaluator import Evaluator
    from roadbed.server.evaluating.gates import Gates

    old = parse(before)
    new = parse(old.name + after if after.startswith("@") else after)
    with session() as line:
        preview = preview_of(line, asked["stack"])

        async def job(evaluator: Evaluator) -> list[dict[str, Any]]:
            reporter = Reporter(evaluator, as_json=output == "json")
            gates = Gates(evaluator, reporter)
            contents = gates.evaluations(endpoint, asked["names"])
            allowed(line, contents)
            try:
                return [await gates.compared(c, old, new) for c in contents]
            finally:
                reporter.close()

        documents = work(line, preview, job)
    _show(documents, output, asked)


@command.command()
@click.argument("endpoint")
@click.argument("version", required=False)
@_named
@_stack
@click.option("--junit", type=_FILE, help="Write the gates as JUnit XML to this file.")
@_markdown
@output_option
@acts("evaluation.run")
def gate(endpoint: str, version: str | None, output: str, **asked: Any) -> None:
    """Judge whether VERSION may be promoted on ENDPOINT, against what it serves now.

    By default that is the version that the endpoint pins in --stack. Runs what was
    not run. Exits with 0 if all gates passed, with 3 if one failed, and with 6 if the
    cases cannot tell.
    """
    from roadbed.cli._evaluations import EXITS, Reporter, allowed, preview_of, work
    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.evals.reports.shown import junit, outcome_of
    from roadbed.server.evaluating.evaluator import Evaluator
    from roadbed.server.evaluating.gates import Gated, Gates

    with session() as line:
        preview = preview_of(line, asked["stack"])

        async def job(evaluator: Evaluator) -> list[Gated]:
            reporter = Reporter(evaluator, as_json=output == "json")
            gates = Gates(evaluator, reporter)
            allowed(line, gates.evaluations(endpoint, asked["names"]))
            ref = parse(version) if version else None
            try:
                return await gates.gate(endpoint, ref, asked["names"])
            finally:
                reporter.close()

        documents = [gated.document() for gated in work(line, preview, job)]
    if asked["junit"]:
        asked["junit"].write_text(junit(documents), "utf-8")
    _show(documents, output, asked)
    raise SystemExit(EXITS[outcome_of(documents)])


@command.command()
@click.argument("evaluation")
@click.option("--grader", required=True, help="The grader that asks the judge.")
@click.option(
    "--labels", required=True, help="Answers that people judged, such as labels@2."
)
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=90,
    show_default=True,
    help="How long the certificate holds.",
)
@_stack
@output_option
@acts("evaluation.certify")
def certify(evaluation: str, output: str, **asked: Any) -> None:
    """Hold the judge of a grader of EVALUATION against what people said.

    Labels are a dataset with the columns input, answer and label, perhaps second (of
    another annotator), expected, documents, tags, and id, the id of the case. The judge
    is asked of them all, and of answers that should fool nobody. What is found is a
    certificate, on the audit log; exits with 3 if the judge may not gate by it.
    """
    from roadbed.cli._certify import certified
    from roadbed.cli._session import session

    with session(evaluation) as line:
        allowed = certified(line, evaluation, output, asked)
    raise SystemExit(0 if allowed else 3)


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dataset", required=True, help="The golden set to make a version of.")
@click.option(
    "--format",
    "form",
    default="",
    help="inspect, promptfoo, openai-evals, lm-eval or jsonl; else it is found out.",
)
@output_option
@acts("dataset.write")
def import_(file: Path, dataset: str, form: str, output: str) -> None:
    """Make a golden set of the cases in FILE, which another tool wrote.

    FILE is a log of Inspect, a configuration or results of promptfoo, samples of
    OpenAI evals or of lm-eval, or JSON Lines. Grades that it holds are shown.
    """
    from roadbed.cli._imported import import_file

    import_file(file, dataset, form, output)


@command.command("list")
@click.argument("endpoint", required=False)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, help="How many at most."
)
@output_option
@acts("evaluation.read")
def list_(endpoint: str | None, limit: int, output: str) -> None:
    """List the reports of ENDPOINT, or of all, newest first."""
    from roadbed.cli._session import listing
    from roadbed.control import seen

    with listing() as line, line.app.database.read() as connection:
        found = seen.reports(line.viewer, connection, endpoint or "", limit)
    _print_reports([(report, None, False) for report in found], output)


@command.command()
@click.argument("report")
@acts("evaluation.read")
def get(report: str) -> None:
    """Print REPORT, which the beginning of its digest names, as JSON."""
    from roadbed.cli._session import listing
    from roadbed.control.targets import find_report
    from roadbed.core.errors import NotFound
    from roadbed.evals.reports import store

    with listing() as line:
        with line.app.database.read() as connection:
            found = store.find(connection, report)
            target = find_report(connection, found.digest)
        if target is None or target.tenant != line.principal.tenant:
            raise NotFound(f"no report is called {report[:80]!r}")
        line.require_on("evaluation.read", target)
        said = store.read(line.app.blobs, found.digest)
    print_json({"digest": found.digest, **said})


@command.command()
@click.argument("endpoint")
@click.argument("version")
@click.option("--evaluation", required=True, help="The evaluation that is waived.")
@click.option("--reason", required=True, help="Why, for the log.")
@click.option(
    "--until",
    required=True,
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="When the waiver ends, at most 90 days ahead (UTC).",
)
@_stack
@output_option
@acts("evaluation.waive")
def waive(endpoint: str, version: str, output: str, **asked: Any) -> None:
    """Let VERSION go into production on ENDPOINT without one of its evaluations.

    It takes another person than who made the version and who applies, and ends.
    """
    from datetime import UTC

    from roadbed.cli._evaluations import preview_of
    from roadbed.cli._session import session
    from roadbed.control.evaluations import Wish, waive_evaluation
    from roadbed.core.clock import to_text, to_us
    from roadbed.core.reference import parse

    with session() as line:
        wish = Wish(
            endpoint=endpoint,
            ref=parse(version),
            evaluation=asked["evaluation"],
            reason=asked["reason"],
            until_us=to_us(asked["until"].replace(tzinfo=UTC)),
        )
        preview = preview_of(line, asked["stack"])
        with (
            line.recorded("evaluation.waive", f"Evaluation/{wish.evaluation}"),
            line.app.database.write() as connection,
        ):
            made = waive_evaluation(
                connection, preview, wish, line.principal, line.app.now_us()
            )
    if output == "json":
        print_json({name: getattr(made, name) for name in made.__slots__})
        return
    click.echo(f"waived until {to_text(made.until_us)[:19]}: {wish.evaluation}")


def _show(documents: "Sequence[Any]", output: str, asked: dict[str, Any]) -> None:
    from roadbed.evals.reports.shown import markdown, outcome_of

    if asked["markdown"]:
        asked["markdown"].write_text(markdown(documents), "utf-8")
    if output == "json":
        judged = any(d["gate"]["bars"] for d in documents)
        outcome = {"outcome": outcome_of(documents)} if judged else {}
        print_json({**outcome, "evaluations": list(documents)})
    else:
        click.echo(markdown(documents, whole=False))


def _print_reports(
    found: "Sequence[tuple[Any, Any, bool]]",
    output: str,
    judges: "Mapping[str, Any] | None" = None,
) -> None:
    from roadbed.core.clock import to_text
    from roadbed.evals.reports.shown import judge_lines

    known = judges or {}
    rows = [
        {
            "report": report.digest,
            **report.subject.row(),
            **report.summary,
            "complete": report.complete,
            "reused": reused,
            "by": report.actor,
            "at": to_text(report.at_us),
            **({"judges": known[report.digest]} if report.digest in known else {}),
        }
        for report, _, reused in found
    ]
    if output == "json":
        print_json({"reports": rows})
        return
    if not rows:
        click.echo("no reports yet; `roadbed eval run ENDPOINT` makes one")
        return
    columns = (
        *("report", "evaluation", "version", "cases"),
        *("grader", "score", "cost", "at"),
    )
    print_table(columns, [line for row in rows for line in _lines(row)])
    for judged in known.values():
        click.echo("\n".join(judge_lines(judged)))


def _came(said: "Mapping[str, Any]") -> bool:
    """Say what went wrong in a run; return whether it ended, with any answer."""
    failures = said["failures"]
    what = f"{said['subject']['evaluation']} of {said['subject']['version']}"
    if failed := failures["answers"]:
        click.echo(f"{what}: {failed:,} answers did not come, such as", err=True)
        for each in failures["examples"][:3]:
            click.echo(f"  {plain(each['case'])}: {plain(each['error'])}", err=True)
    if ungraded := failures["ungraded"]:
        text = plain(ungraded[0])
        click.echo(f"{what}: some answers have no grade: {text}", err=True)
    return said["complete"] and not said["done"] == failures["cases"] > 0


def _lines(row: dict[str, Any]) -> list[list[str]]:
    """Return a line for each grader of one report; what they share stands once."""
    from roadbed.core.digest import short

    kept = ", all there already" if row["reused"] else ""
    cases = f"{row['done']:,} of {row['cases']:,}{kept}"
    head = [short(row["report"]), row["evaluation"], row["version"], cases]
    tail = [f"${row['cost_nano'] / 1e9:.4f}", row["at"][:19]]
    scores = sorted(row["scores"].items()) or [("", {})]
    return [
        [
            *(head if n == 0 else [""] * 4),
            name,
            _score(score),
            *(tail if n == 0 else [""] * 2),
        ]
        for n, (name, score) in enumerate(scores)
    ]


def _score(score: Any) -> str:
    found = (score[0] if score else {}) if isinstance(score, list) else score
    value, low, high = (found.get(name) for name in ("value", "low", "high"))
    if value is None:
        return "—"
    ends = "" if low is None or high is None else f" ({low:.3g} to {high:.3g})"
    return f"{value:.3g}{ends}"
