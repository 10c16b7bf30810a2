"""`roadbed apply`: make the stack in this folder the one that is live."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json

if TYPE_CHECKING:
    from roadbed.cli._session import Session
    from roadbed.control.apply import Applied
    from roadbed.control.desk import Proposal


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path), default=".")
@click.option(
    "--plan",
    "saved",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Apply exactly this saved plan, or refuse if it no longer fits.",
)
@click.option("--yes", is_flag=True, help="Do not ask, and do not repeat the plan.")
@output_option
@acts("stack.apply")
def command(folder: Path, saved: Path | None, yes: bool, output: str) -> None:
    """Apply the stack in FOLDER, in one transaction.

    A running server serves the change within a second. Exits with 5 if somebody
    else applied in between.
    """
    from roadbed.cli._session import confirm, session
    from roadbed.control.render import render

    with session() as line:
        proposal = line.app.desk.propose(folder)
        plan = proposal.plan
        if saved is not None:
            _same(plan, saved)
        if output == "table":
            text = render(plan).rstrip()
            click.echo(text.rsplit("\n", 1)[-1] if yes else text)
        if not plan.changes:
            if output == "json":
                print_json({"revision": plan.base, "made": [], "changes": 0})
            return
        _must_be_allowed(line, proposal)
        confirm("Apply this?", yes=yes)
        with line.recorded("stack.apply", "Stack/stack"):
            applied = line.app.desk.apply(proposal, line.actor)
    _tell(applied, proposal, output)


def _tell(applied: "Applied", proposal: "Proposal", output: str) -> None:
    from roadbed.control.turned import told

    made = list(applied.versions)
    if output == "json":
        print_json(
            {
                "revision": applied.revision,
                "digest": applied.digest,
                "made": made,
                "changes": len(proposal.plan.changes),
            }
        )
        return
    more = f", made {', '.join(made)}" if made else ""
    click.echo(f"applied: revision {applied.revision}, {applied.digest}{more}")
    for turn in told(proposal.turns):
        click.echo(f"rollout: {turn}")


def _must_be_allowed(line: "Session", proposal: "Proposal") -> None:
    for version in proposal.promoted:
        line.require_on("version.promote", version)
    for endpoint in proposal.immediate:
        line.require_on("rollout.immediate", endpoint)


def _same(plan: object, saved: Path) -> None:
    import json

    from roadbed.control.plan import Plan
    from roadbed.core.errors import Conflict, Invalid

    try:
        kept = Plan.from_json(json.loads(saved.read_text()))
    except (ValueError, KeyError, TypeError):
        raise Invalid(f"{saved} is no plan that `roadbed plan --out` wrote") from None
    assert isinstance(plan, Plan)
    if kept.digest != plan.digest:
        raise Conflict(
            "the saved plan no longer fits: the stack or what is live has changed",
            hint="run `roadbed plan` again and look at it",
        )
