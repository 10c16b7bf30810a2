"""`roadbed version`: what is installed."""

import platform
import sqlite3

import click

from roadbed import __version__
from roadbed.cli._acts import PUBLIC, acts
from roadbed.cli._output import output_option, print_json


@click.command()
@output_option
@acts(PUBLIC)
def command(output: str) -> None:
    """Print the versions of Roadbed, Python and SQLite."""
    facts = {
        "roadbed": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(),
    }
    if output == "json":
        print_json(facts)
        return
    for name, value in facts.items():
        click.echo(f"{name:<9} {value}")
