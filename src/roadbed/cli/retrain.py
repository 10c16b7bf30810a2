"""`roadbed retrain`: train again what rests on bad data."""

from pathlib import Path

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json


@click.command()
@click.option(
    "--because", required=True, metavar="dataset:NAME@N", help="The data that is bad."
)
@click.option(
    "--with",
    "instead",
    default="",
    metavar="NAME@N",
    help="The version to train on; default: the newest that nobody called bad.",
)
@click.option(
    "--jobs",
    default=2,
    show_default=True,
    type=click.IntRange(1, 64),
    help="How many to train at a time.",
)
@output_option
@acts("run.write")
def command(because: str, instead: str, jobs: int, output: str) -> None:
    """Train every model again that was trained on a dataset version.

    Models that are served come first. Each is run again by its recorded recipe; what
    comes out is registered as the next version of its model and served by nothing.
    Called again, it goes on where it was. Exits with 3 if a model has no candidate.
    """
    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.workbench.connect import bed_of
    from roadbed.workbench.retrain import Retrained, retrain

    bad = parse(because.removeprefix("dataset:"))
    good = parse(instead.removeprefix("dataset:")) if instead else None
    with session() as line:
        line.also("dataset.read", "Dataset", bad.name)
        bed = bed_of(line.app, line.principal, Path.cwd())
        for step in retrain(bed, line.app.code, bad, good, jobs):
            if isinstance(step, Retrained):
                break
            click.echo(f"{step.version}: {step.made or step.error}", err=True)
        else:
            return
    print_json(step.to_json()) if output == "json" else click.echo(
        "\n".join(step.lines())
    )
    raise SystemExit(step.exit_code)
