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


@command.command()
@click.argument("version")
@output_option
@acts("dataset.read")
def uses(version: str, output: str) -> None:
    """List the model versions that rest on VERSION, those that are served first."""
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.control import seen
    from roadbed.control.questions.lineage import uses_of
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(ref.name) as line, line.app.database.read() as connection:
        found = seen.uses(line.viewer, connection, uses_of(connection, ref))
    if output == "json":
        print_json({"uses": [asdict(use) for use in found]})
        return
    if not found:
        click.echo(f"no model version that you may see rests on {ref}")
        return
    columns = ("version", "role", "served at", "newest", "run")
    rows = [
        [u.version, u.role, ", ".join(u.served), "yes" if u.newest else "", u.through]
        for u in found
    ]
    print_table(columns, rows)


@command.command()
@click.argument("version")
@click.option("--bad/--good", default=True, help="What it is; default: bad.")
@click.option("--reason", required=True, help="Why, for the log and whoever reads it.")
@output_option
@acts("dataset.write")
def mark(version: str, bad: bool, reason: str, output: str) -> None:
    """Say that VERSION is bad, or good after all. Nothing is deleted.

    `roadbed plan` and `roadbed doctor` warn of what is served and was trained on it.
    """
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.data.marks import Said
    from roadbed.data.marks import mark as write

    ref = parse(version)
    with session(ref.name) as line, line.app.database.write() as connection:
        said = Said(bad=bad, reason=reason, actor=line.actor)
        made = write(connection, ref, said, line.app.now_us())
    if output == "json":
        print_json(asdict(made))
        return
    click.echo(f"{made} is {'bad' if made.bad else 'good'}: {made.reason}")
