"""`roadbed whoami`: who the command line acts as."""

from typing import TYPE_CHECKING, Any

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, plain, print_json

if TYPE_CHECKING:
    from roadbed.core.actor import Principal


@click.command()
@output_option
@acts("session.read")
def command(output: str) -> None:
    """Print the principal that acts here, its roles, and how long it is proven."""
    from roadbed.cli._session import session

    with session() as line:
        principal, now_us = line.principal, line.app.now_us()
    facts = _facts(principal, now_us)
    if output == "json":
        print_json(facts)
        return
    title = f" ({plain(principal.title)})" if principal.title else ""
    roles = ", ".join(facts["roles"]) or "none"
    click.echo(f"{plain(principal)}{title}   roles: {roles}")
    if principal.kind == "user":
        click.echo(f"groups: {plain(', '.join(facts['groups'])) or 'none'}")
        click.echo(f"privileged acts: {facts['fresh_until'] or 'after another login'}")
    what = "the key" if principal.credential else "the proof"
    click.echo(f"{what} works until {facts['expires']}")


def _facts(principal: "Principal", now_us: int) -> dict[str, Any]:
    from roadbed.core.clock import to_text

    fresh_us = principal.fresh_until_us
    return {
        "principal": str(principal),
        "title": principal.title,
        "roles": sorted(principal.roles),
        "groups": sorted(principal.groups),
        "methods": sorted(principal.methods),
        "expires": to_text(principal.expires_us),
        "fresh_until": to_text(fresh_us) if fresh_us > now_us else "",
    }
