"""`roadbed model`: model versions."""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table


@click.group()
def command() -> None:
    """Look at models and their immutable versions."""


@command.command("list")
@click.argument("model", required=False)
@output_option
@acts("model.read")
def list_(model: str | None, output: str) -> None:
    """List the versions of MODEL, or of all models, newest first."""
    from roadbed.cli._session import listing, session
    from roadbed.control import seen
    from roadbed.core.clock import to_text
    from roadbed.registry.versions import list_versions

    with (
        session(model) if model else listing() as line,
        line.app.database.read() as connection,
    ):
        names = [model] if model else seen.models(line.viewer, connection)
        found = [v for name in names for v in list_versions(connection, name)]
    rows = [
        {
            "version": str(v),
            "kind": v.kind,
            "digest": v.digest,
            "made": to_text(v.created_us),
            "by": v.actor,
            "run": v.run_id or "",
        }
        for v in found
    ]
    if output == "json":
        print_json({"versions": rows})
        return
    if not rows:
        whose = f"{model} has no versions" if model else "no versions yet"
        click.echo(f"{whose}; apply a stack, or register one from a run")
        return
    columns = ("version", "kind", "digest", "made", "by")
    print_table(columns, [[row[c] for c in columns] for row in rows])


@command.command()
@click.argument("version")
@acts("model.read")
def get(version: str) -> None:
    """Print the definition of VERSION, such as support-bot@7, as JSON."""
    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.registry.versions import get_version

    ref = parse(version)
    with (
        session(ref.name) as line,
        line.app.database.read() as connection,
    ):
        found = get_version(connection, ref)
    print_json(
        {
            "version": str(found),
            "digest": found.digest,
            "definition": dict(found.definition),
            "made_by": found.actor,
            "run": found.run_id,
        }
    )
