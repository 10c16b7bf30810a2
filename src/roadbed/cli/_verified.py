"""How a verified chain is printed, and which exit code it has."""

from typing import TYPE_CHECKING

import click

from roadbed.cli._output import print_json, print_table

if TYPE_CHECKING:
    from roadbed.control.proof.link import Verified


def show(found: "Verified", output: str) -> None:
    """Print every hop; exit with 1 if one is broken."""
    if output == "json":
        print_json(found.to_json())
    else:
        rows = [(x.state, x.kind, x.name, x.digest[:19], x.reason) for x in found.links]
        print_table(("state", "hop", "name", "digest", "reason"), rows)
        click.echo(found)
    if found.broken:
        raise SystemExit(1)
