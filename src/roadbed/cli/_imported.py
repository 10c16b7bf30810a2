"""How `roadbed eval import` makes a golden set out of a file."""

from pathlib import Path

import click

from roadbed.cli._output import plain, print_json


def import_file(file: Path, dataset: str, form: str, output: str) -> None:
    """Make a version of *dataset* of the cases in *file*, and show what it says."""
    from roadbed.cli._datasets import kept
    from roadbed.cli._session import session
    from roadbed.evals.imported import imported, stream_of, told
    from roadbed.evals.importing import form_of, read

    with session(dataset) as line:
        name = form or form_of(file)
        found = imported(read(file, name))
        made = kept(line, dataset, stream_of(found.cases))
    said = {"version": str(made), "format": name, **told(found)}
    if output == "json":
        print_json(said)
        return
    answers = f", {found.answers:,} recorded answers" if found.answers else ""
    click.echo(f"{made}: {len(found.cases):,} cases of {name}{answers}, {made.digest}")
    for grader, scores in sorted(found.scores.items()):
        mean = scores.mean or 0.0
        click.echo(plain(f"recorded: {grader} {mean:.3g} of {scores.graded:,} grades"))
