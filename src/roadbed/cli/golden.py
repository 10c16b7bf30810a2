"""`roadbed golden`: grow golden sets out of production, review them, publish them."""

from pathlib import Path

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, plain, print_json, print_table

_SINCE = click.option(
    "--since", default="30d", show_default=True, help="How far back: 12h, 7d, 4w."
)


@click.group()
def command() -> None:
    """Grow golden sets: collect cases, review them, publish new versions."""


@command.command()
@click.argument("dataset")
@click.option("--call", "calls", multiple=True, help="The id of a call; repeatable.")
@click.option(
    "--feedback", help="Calls of which feedback says so: thumbs-down, correction, …"
)
@click.option(
    "--random", "rate", type=float, help="Draw calls by chance, at this rate."
)
@click.option("--endpoint", default="", help="Only calls of this endpoint.")
@_SINCE
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="How many calls at most.",
)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Cases that you have: JSON Lines with input, expected, tags.",
)
@click.option("--reason", default="", help="Why; the cases keep it.")
@click.option(
    "--double",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="The share that two annotators look at, so that agreement is known.",
)
@output_option
@acts("dataset.annotate")
def add(dataset: str, double: float, output: str, **wanted: object) -> None:
    """Put what may become cases of DATASET into its review queue.

    Of calls only those whose question and answer you may read. What was in the queue
    before is not put there again.
    """
    from roadbed.cli._golden import gathered, golden
    from roadbed.cli._session import session

    with session(dataset) as line:
        found = gathered(line, wanted)
        new = golden(line.app).add(dataset, found.drafts, line.principal.chain, double)
    if output == "json":
        known = len(found.drafts) - new
        print_json({"added": new, "known": known, "left_out": found.left_out})
        return
    known = len(found.drafts) - new
    click.echo(f"added {new} to the queue" + (f"; {known} were known" if known else ""))
    for call_id, reason in found.left_out.items():
        click.echo(plain(f"left out {call_id}: {reason}"), err=True)


@command.command("list")
@click.argument("dataset")
@click.option("--state", default="", help="waiting, disputed, accepted, rejected, …")
@output_option
@acts("dataset.annotate")
def list_(dataset: str, state: str, output: str) -> None:
    """Show how the queue of DATASET stands, and what is in it."""
    from dataclasses import asdict

    from roadbed.cli._golden import agreement, golden
    from roadbed.cli._session import session
    from roadbed.control.reviewing import Reviewer, stands
    from roadbed.evals.alike import text_of

    with session(dataset) as line:
        queue = golden(line.app)
        reviewer = Reviewer(viewer=line.viewer, golden=queue)
        found = reviewer.candidates(dataset, state, 100)
        standing = queue.standing(dataset)
    if output == "json":
        told = [asdict(each) for each in found]
        print_json({"standing": stands(standing), "candidates": told})
        return
    told = ", ".join(f"{n} {name}" for name, n in sorted(standing.states.items()))
    click.echo(told or f"nothing waits; `roadbed golden add {dataset} …` finds some")
    if words := agreement(stands(standing)):
        click.echo(words)
    rows = [
        (c.id, c.state, c.reason, c.model, text_of(c.input)[:60].replace("\n", " "))
        for c in found
    ]
    if rows:
        print_table(("candidate", "state", "reason", "model", "asked"), rows)


@command.command()
@click.argument("dataset")
@acts("dataset.annotate")
def review(dataset: str) -> None:
    """Work through the queue of DATASET, one key for each: a, e, r, s or q."""
    from roadbed.cli._golden import reviewed
    from roadbed.cli._session import session

    with session(dataset) as line:
        done = reviewed(line, dataset)
    click.echo(f"labelled {done}")


@command.command()
@click.argument("dataset")
@click.argument("candidate")
@click.argument("verdict", type=click.Choice(["accept", "reject", "skip"]))
@click.option("--expected", help="What is right, as text or JSON; else as proposed.")
@click.option("--note", default="", help="Words for those who look closer.")
@acts("dataset.annotate")
def label(
    dataset: str, candidate: str, verdict: str, expected: str | None, note: str
) -> None:
    """Say what becomes of one CANDIDATE of DATASET."""
    from roadbed.cli._golden import said
    from roadbed.cli._session import session

    with session(dataset) as line:
        settled = said(line, dataset, candidate, verdict, expected, note)
    click.echo(settled.state)


@command.command()
@click.argument("dataset")
@output_option
@acts("dataset.write")
def publish(dataset: str, output: str) -> None:
    """Make a new version of DATASET: the newest one, and what was accepted since."""
    from roadbed.cli._golden import golden
    from roadbed.cli._session import session
    from roadbed.evals.publish import publish as make

    with session(dataset) as line:
        app = line.app
        made = make(golden(app), app.datasets, dataset, line.principal.chain)
    version = made.version
    if output == "json":
        print_json({"version": str(version), "added": made.added, "rows": version.rows})
        return
    click.echo(f"{version}: {version.rows} cases, {made.added} of them new")
    click.echo("pin it in the Evaluation, under cases: dataset")


@command.command()
@click.argument("dataset")
@click.option("--strict", is_flag=True, help="Exit 3 for any finding.")
@output_option
@acts("dataset.read")
def check(dataset: str, strict: bool, output: str) -> None:
    """Look after DATASET (or DATASET@N): stale, unbalanced, repeated, leaking cases.

    Exits with 3 if scores are wrong because of what was found: cases that contradict
    one another, or that a model was trained on.
    """
    import sys
    from dataclasses import asdict

    from roadbed.cli._golden import checked
    from roadbed.cli._session import session

    with session(dataset.partition("@")[0]) as line:
        found = checked(line, dataset)
    if output == "json":
        print_json({**asdict(found), "trained_on": list(found.trained_on)})
    else:
        click.echo(
            f"{found.version}: {found.cases} cases, compared with "
            f"{len(found.trained_on)} dataset versions that models were trained on"
        )
        rows = [(f.what, f.message, ", ".join(f.cases[:3])) for f in found.findings]
        if rows:
            print_table(("finding", "what", "such as"), rows)
        else:
            click.echo("nothing to look at")
    if any(f.wrong or strict for f in found.findings):
        sys.exit(3)
