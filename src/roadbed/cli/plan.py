"""`roadbed plan`: what applying this folder would change."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from roadbed.control.desk import Proposal


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path), default=".")
@click.option("--out", type=click.Path(path_type=Path), help="Also keep it as JSON.")
@click.option(
    "--exit-code", is_flag=True, help="Exit with 3 if there is anything to change."
)
@output_option
@acts("stack.plan")
def command(folder: Path, out: Path | None, exit_code: bool, output: str) -> None:
    """Show what applying the stack in FOLDER would change. Changes nothing.

    Also the rollouts that it would begin, and which endpoints serve something else
    than the stack pins, with the patch that pins what they serve.
    """
    import json

    from roadbed.cli import _drift
    from roadbed.cli._session import session
    from roadbed.control import seen
    from roadbed.control.pricing import unpriced
    from roadbed.control.turned import to_json

    with session() as line:
        proposal = line.app.desk.propose(folder)
        notes = unpriced(proposal.stack, line.app.now_us())
        with line.app.database.read() as connection:
            drifted = seen.drifts(line.viewer, connection)
    drifts = _drift.mended(drifted, folder)
    plan = proposal.plan
    if out is not None:
        out.write_text(json.dumps(plan.to_json(), indent=2) + "\n")
    if output == "json":
        more = {
            "warnings": list(proposal.warnings),
            "rollouts": to_json(proposal.turns),
            "drift": [each.to_json() for each in drifts],
        }
        print_json({**plan.to_json(), **more})
    else:
        _show(proposal, notes if plan.changes else ())
        _drift.show(drifts)
    if exit_code and plan.changes:
        raise SystemExit(3)


def _show(proposal: "Proposal", notes: "Iterable[str]") -> None:
    from roadbed.control.render import render
    from roadbed.control.turned import told

    click.echo(render(proposal.plan).rstrip())
    for turn in told(proposal.turns):
        click.echo(f"rollout: {turn}")
    for warning in proposal.warnings:
        click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {warning}")
    for note in notes:
        click.echo(f"note: {note}")
