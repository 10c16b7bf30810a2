"""`roadbed whoami`: who the command line acts as."""

import click

from roadbed.cli._output import output_option, print_json


@click.command()
@output_option
def command(output: str) -> None:
    """Print the principal behind the key, its roles, and when the key expires."""
    from roadbed.cli._session import key, line
    from roadbed.core.clock import to_text

    with line() as app:
        principal = app.authenticate(key())
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
