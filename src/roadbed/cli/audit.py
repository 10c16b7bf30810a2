"""`roadbed audit`: the log of changes and refusals, and its proof."""

from pathlib import Path

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table


@click.group()
def command() -> None:
    """Read, export and verify the audit log."""


@command.command("list")
@click.option("--actor", default="", help="Only what this actor did.")
@click.option("--action", default="", help="Only this action, such as stack.apply.")
@click.option("--outcome", type=click.Choice(["done", "denied"]), help="Only these.")
@click.option("--before", type=int, help="Only entries before this number.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many at most.",
)
@output_option
@acts("audit.read")
def list_(
    actor: str,
    action: str,
    outcome: str | None,
    before: int | None,
    limit: int,
    output: str,
) -> None:
    """List entries, newest first."""
    from roadbed.audit.log import AuditQuery
    from roadbed.cli._session import session
    from roadbed.core.clock import to_text

    query = AuditQuery(
        actor=actor,
        action=action,
        outcome=outcome,  # pyright: ignore[reportArgumentType]
        before_seq=before,
        limit=limit,
    )
    with session("audit") as line:
        entries = line.app.audit.search(query)
    rows = [
        {
            "seq": e.seq,
            "at": to_text(e.at_us),
            "actor": e.actor,
            "action": e.action,
            "resource": e.resource,
            "outcome": e.outcome,
            "detail": dict(e.detail),
        }
        for e in entries
    ]
    if output == "json":
        print_json({"entries": rows})
        return
    columns = ("seq", "at", "actor", "action", "resource", "outcome")
    print_table(columns, [[row[c] for c in columns] for row in rows])


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@acts("audit.verify")
def export(file: Path) -> None:
    """Write everything a verification needs to FILE, for somebody else to check."""
    from roadbed.audit.bundle import export as export_log
    from roadbed.cli._session import session

    with session("audit") as line:
        line.app.audit.checkpoint()
        bundle = export_log(line.app.database, line.app.checkpoints)
    bundle.write(file)
    click.echo(f"wrote {file}; check it with `roadbed audit verify --bundle {file}`")


@command.command()
@click.option(
    "--bundle",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Verify this exported log, without any database.",
)
@click.option(
    "--public-key",
    help="The verifier key the log must be signed with. Default: this line's own.",
)
@click.option(
    "--call",
    "calls",
    multiple=True,
    help="Also prove that this call is in the log, byte for byte. May be repeated.",
)
@output_option
@acts("audit.verify")
def verify(
    bundle: Path | None, public_key: str | None, calls: tuple[str, ...], output: str
) -> None:
    """Verify the log: every entry, every checkpoint, every copy of one.

    Exits with 1 and names what is wrong if anything was edited, cut off or forged.
    """
    from roadbed.cli._session import session
    from roadbed.cli._verify import own_public_key, verify_bundle, verify_line

    if bundle is not None:
        verdict = verify_bundle(bundle, public_key or own_public_key())
    else:
        with session("audit", sign=False) as opened:
            verdict = verify_line(opened.app, calls)
    if output == "json":
        print_json(verdict.to_json())
    else:
        click.echo("\n".join(verdict.lines))
    if not verdict.verified:
        raise SystemExit(1)
