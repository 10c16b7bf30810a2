"""`roadbed doctor`: is this line well, and if not, what to do."""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json


@click.command()
@output_option
@acts("resource.read")
def command(output: str) -> None:
    """Check versions, the database, the spool, open alerts and every endpoint.

    Exits with 1 if something needs a person.
    """
    from roadbed.cli._health import examine
    from roadbed.cli._session import listing

    with listing() as line:
        checks = examine(line.app, line.viewer)
    if output == "json":
        print_json({"checks": [c.to_json() for c in checks]})
    else:
        for check in checks:
            mark = {"ok": "✓", "note": "·", "bad": "✗"}[check.state]
            click.echo(f"{mark} {check.name:<10} {check.message}")
            if check.hint:
                click.echo(f"  hint: {check.hint}")
    if any(check.state == "bad" for check in checks):
        raise SystemExit(1)
