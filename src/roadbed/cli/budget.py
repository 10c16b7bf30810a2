"""`roadbed budget`: how budgets stand."""

from typing import Any

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table


@click.group()
def command() -> None:
    """See how the budgets stand that the stack declares."""


@command.command("list")
@output_option
@acts("resource.read")
def list_(output: str) -> None:
    """List the budgets, and what is spent of each."""
    from roadbed.cli._session import listing
    from roadbed.control.budgets import standings
    from roadbed.gateway.money.rule import dollars

    with listing() as line, line.app.database.read() as connection:
        found = standings(line.viewer, connection, line.app.now_us())
    if output == "json":
        print_json({"budgets": [_plain(standing) for standing in found]})
        return
    if not found:
        click.echo("no budgets; declare one: kind: Budget")
        return
    rows = [
        (
            s.budget,
            s.run,
            s.period,
            f"${dollars(s.spent)}",
            f"${dollars(s.amount)}",
            f"{s.percent} %",
            "refuses" if s.refuses else "tells",
            s.renews,
        )
        for s in found
    ]
    names = ("budget", "run", "period", "spent", "of", "", "beyond it", "renews")
    print_table(names, rows)


@command.command()
@click.argument("name")
@output_option
@acts("resource.read")
def show(name: str, output: str) -> None:
    """Show how the budget NAME stands."""
    from roadbed.cli._session import listing
    from roadbed.control.budgets import standings
    from roadbed.core.errors import NotFound

    with listing() as line, line.app.database.read() as connection:
        everything = standings(line.viewer, connection, line.app.now_us())
    found = [_plain(s) for s in everything if s.budget == name]
    if not found:
        raise NotFound(f"there is no budget {name!r}", hint="`roadbed budget list`")
    if output == "json":
        print_json({"budgets": found})
        return
    for standing in found:
        for field, value in standing.items():
            click.echo(f"{field:<10} {value}")


def _plain(standing: object) -> dict[str, Any]:
    """Return a standing as plain JSON, its money also as US dollars."""
    from dataclasses import asdict

    from roadbed.gateway.money.rule import dollars

    plain = asdict(standing)  # pyright: ignore[reportArgumentType]
    return plain | {
        "amount_usd": dollars(plain["amount"]),
        "spent_usd": dollars(plain["spent"]),
    }
