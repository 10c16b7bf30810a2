"""`roadbed model`: model versions, who vouches for them, and their end."""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table


@click.group()
def command() -> None:
    """Look at models and their immutable versions, approve and withdraw them."""


@command.command("list")
@click.argument("model", required=False)
@output_option
@acts("model.read")
def list_(model: str | None, output: str) -> None:
    """List the versions of MODEL, or of all models, newest first."""
    from roadbed.cli._session import listing, session
    from roadbed.control import seen
    from roadbed.core.clock import to_text

    with (
        session(model) if model else listing() as line,
        line.app.database.read() as connection,
    ):
        names = [model] if model else seen.models(line.viewer, connection)
        found = [v for n in names for v in seen.versions(line.viewer, connection, n)]
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
@acts("version.read")
def get(version: str) -> None:
    """Print the definition of VERSION, such as support-bot@7, as JSON."""
    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.registry.versions import get_version

    ref = parse(version)
    with session(str(ref)) as line, line.app.database.read() as connection:
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


@command.command()
@click.argument("version")
@click.option("--reason", default="", help="Why, for the log and whoever reads it.")
@output_option
@acts("version.approve")
def approve(version: str, reason: str, output: str) -> None:
    """Vouch for VERSION, such as support-bot@7, which somebody else made."""
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.registry.approvals import approve as write

    ref = parse(version)
    with (
        session(str(ref)) as line,
        line.recorded("version.approve", f"ModelVersion/{ref}"),
        line.app.database.write() as connection,
    ):
        made = write(connection, ref, line.actor, reason, line.app.now_us())
    if output == "json":
        print_json(asdict(made))
        return
    click.echo(f"{made.approver} approves {ref}, {made.digest}")


@command.command()
@click.argument("version")
@click.option("--reason", default="", help="Why, for the log and whoever reads it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
@acts("version.delete")
def withdraw(version: str, reason: str, yes: bool, output: str) -> None:
    """Withdraw VERSION for good: it can never be pinned or loaded again."""
    from dataclasses import asdict

    from roadbed.cli._session import confirm, session
    from roadbed.control.withdraw import withdraw_version
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(str(ref)) as line:
        confirm(f"Withdraw {ref} for good?", yes=yes)
        with line.app.database.write() as connection:
            made = withdraw_version(
                connection, ref, line.actor, reason, line.app.now_us()
            )
    if output == "json":
        print_json(asdict(made))
        return
    click.echo(f"withdrawn: {ref}; its history stays")


@command.command()
@click.argument("version")
@output_option
@acts("version.read")
def verify(version: str, output: str) -> None:
    """Verify VERSION, such as tumor-triage@3, and all that it was made of.

    Its row, its signed statement, its artifacts, its run, the data and the versions
    that it goes on from are held to the audit log, and every byte is hashed again.
    Exits with 1 and names what is broken, if anything is.
    """
    from roadbed.cli._session import session
    from roadbed.cli._verified import show
    from roadbed.control import seen
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(str(ref)) as line:
        whole = line.app.prover.version(ref)
        with line.app.database.read() as connection:
            found = seen.verified(line.viewer, connection, whole)
    show(found, output)
