"""`roadbed dataset`: dataset versions."""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table


@click.group()
def command() -> None:
    """Look at datasets and their immutable versions."""


@command.command("list")
@click.argument("dataset")
@output_option
@acts("dataset.read")
def list_(dataset: str, output: str) -> None:
    """List the versions of DATASET, newest first."""
    from roadbed.cli._session import session
    from roadbed.core.clock import to_text

    with session(dataset) as line:
        found = line.app.datasets.list(dataset)
    if not found and output == "table":
        click.echo(f"{dataset} has no versions; `bed.dataset({dataset!r}).snapshot(…)`")
        return
    rows = [
        {
            "version": str(v),
            "rows": v.rows,
            "columns": v.columns,
            "digest": v.digest,
            "made": to_text(v.created_us),
            "by": v.actor,
        }
        for v in found
    ]
    if output == "json":
        print_json({"versions": rows})
        return
    columns = ("version", "rows", "columns", "digest", "made", "by")
    print_table(columns, [[row[c] for c in columns] for row in rows])


@command.command()
@click.argument("version")
@acts("dataset.read")
def verify(version: str) -> None:
    """Re-hash every object of VERSION, such as tumors@1, and its manifest."""
    from roadbed.cli._session import session
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(ref.name) as line:
        found = line.app.datasets.verify(ref)
    click.echo(f"{found} verified: {found.rows} rows, {found.digest}")
