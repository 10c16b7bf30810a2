"""`roadbed secret`: are the secrets where the stack says?"""

from dataclasses import asdict

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, plain, print_json


@click.group()
def command() -> None:
    """Look after the secrets that the stack refers to."""


@command.command()
@output_option
@acts("resource.read")
def check(output: str) -> None:
    """Resolve every reference of the stack as applied, and say how that went.

    No value is ever shown. Exits with 1 if one cannot be resolved from this machine,
    with the settings of this shell.
    """
    from roadbed.cli._session import session
    from roadbed.control.secrets import look, references
    from roadbed.control.state import current_resources

    with session() as line:
        with line.app.database.read() as connection:
            wanted = references(current_resources(connection).resources)
        looked = look(wanted, line.app.secrets.resolve)
    if output == "json":
        print_json({"secrets": [asdict(one) for one in looked]})
    elif not looked:
        click.echo("the stack refers to no secret")
    else:
        for one in looked:
            mark, told = ("✗", one.wrong) if one.wrong else ("✓", "ok")
            users = ", ".join(one.used_by)
            click.echo(f"{mark} {plain(one.reference)}  {plain(told)}  ({users})")
            if one.hint:
                click.echo(f"  hint: {plain(one.hint)}")
    if any(one.wrong for one in looked):
        raise SystemExit(1)
