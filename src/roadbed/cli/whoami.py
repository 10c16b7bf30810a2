"""`roadbed whoami`: who the command line acts as."""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json


@click.command()
@output_option
@acts("session.read")
def command(output: str) -> None:
    """Print the principal behind the key, its roles, and when the key expires."""
    from roadbed.cli._session import session
    from roadbed.core.clock import to_text

    with session() as line:
        principal = line.principal
    facts = {
        "principal": str(principal),
        "roles": sorted(principal.roles),
        "expires": to_text(principal.expires_us),
    }
    if output == "json":
        print_json(facts)
        return
    click.echo(f"{facts['principal']}   roles: {', '.join(sorted(principal.roles))}")
    click.echo(f"the key works until {facts['expires']}")
