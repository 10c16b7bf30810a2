"""`roadbed access`: who can do what, and why."""

from typing import TYPE_CHECKING

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, plain, print_json, print_table

if TYPE_CHECKING:
    from roadbed.control.governance.explain import Answer

NO = 3


@click.group()
def command() -> None:
    """Ask who can do what to which thing, and why."""


@command.command()
@click.argument("who")
@click.argument("action")
@click.argument("target", default="*")
@output_option
@acts("access.explain")
def can(who: str, action: str, target: str, output: str) -> None:
    """Say whether WHO may do ACTION to TARGET, and why. Exits with 3 for no.

    WHO is service-account:NAME, agent:NAME, user:PROVIDER/SUBJECT or
    group:PROVIDER/GROUP; TARGET is Kind/name or a name, such as
    ModelVersion/handbook@1. Fresh proof of identity is taken for granted.
    """
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.control.governance.explain import can as ask
    from roadbed.control.governance.rulebook import live_rulebook

    with session("*") as line, line.app.database.read() as connection:
        answer = ask(live_rulebook(connection), who, action, target)
    if output == "json":
        print_json(asdict(answer))
    else:
        _show(answer)
    if not answer.allowed:
        raise SystemExit(NO)


@command.command("who")
@click.argument("action")
@click.argument("target", default="*")
@output_option
@acts("access.explain")
def who_(action: str, target: str, output: str) -> None:
    """List everybody that the stack names who may do ACTION to TARGET, and why."""
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.control.governance.explain import who as ask
    from roadbed.control.governance.rulebook import live_rulebook

    with session("*") as line, line.app.database.read() as connection:
        answers = ask(live_rulebook(connection), action, target)
    if output == "json":
        print_json({"answers": [asdict(answer) for answer in answers]})
        return
    if not answers:
        click.echo(f"nobody that the stack names may do {action} to {target}")
        return
    rows = [[a.who, ", ".join(a.policies), ", ".join(a.roles)] for a in answers]
    print_table(("who", "by policies", "with roles"), rows)


def _show(answer: "Answer") -> None:
    word = "yes" if answer.allowed else "no"
    facts = {
        "decided on": f"{answer.action} {answer.target}",
        "policies": ", ".join(answer.policies),
        "roles": ", ".join(answer.roles) or "none",
        "guards": ", ".join(answer.guards),
        "digest": answer.digest,
    }
    click.echo(word)
    for label, value in facts.items():
        if value:
            click.echo(f"    {label:<12}{plain(value)}")
