"""`roadbed policy`: try policies before they are live."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadbed.cli._acts import PUBLIC, acts
from roadbed.cli._output import output_option, plain, print_json, print_table

if TYPE_CHECKING:
    from roadbed.control.governance.cases import Result

FAILED = 3
_FOLDER = click.argument(
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
)


@click.group()
def command() -> None:
    """Test policies with written cases, and replay what was decided."""


@command.command("test")
@_FOLDER
@output_option
@acts(PUBLIC)
def test_(folder: Path, output: str) -> None:
    """Decide the cases in policies/tests of FOLDER by its policies.

    Needs no line. Exits with 3 if a case fails.
    """
    from roadbed.control.governance.cases import run_cases
    from roadbed.control.load import load_stack

    results = run_cases(load_stack(folder))
    failed = [result for result in results if not result.passed]
    if output == "json":
        print_json({"failed": len(failed), "cases": [r.to_json() for r in results]})
    else:
        for result in failed:
            _show(result)
        passed = len(results) - len(failed)
        click.echo(f"{passed} of {len(results)} cases passed")
    if failed:
        raise SystemExit(FAILED)


def _show(result: "Result") -> None:
    word = "allow" if result.allowed else "deny"
    click.echo(f"{plain(result.file)}:{result.line}: {plain(result.case.name)}")
    click.echo(
        f"    expected {result.case.expect} {plain(result.case.reason)}".rstrip()
    )
    click.echo(f"    decided {word}: {plain(', '.join(result.reasons))}")


@command.command()
@_FOLDER
@click.option("--since", default="7d", show_default=True, help="How far to go back.")
@click.option("--fail-on-flip", is_flag=True, help="Exit with 3 if a decision flips.")
@output_option
@acts("access.replay")
def replay(folder: Path, since: str, fail_on_flip: bool, output: str) -> None:
    """Decide recorded calls and acts again, by the policies of FOLDER.

    Lists each that would be decided otherwise, and the policies that decide it.
    """
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.control.governance.replay import recorded, seconds_of
    from roadbed.control.governance.replay import replay as decide_again
    from roadbed.control.governance.rulebook import live_rulebook, registered, rulebook
    from roadbed.control.load import load_stack

    seconds = seconds_of(since)
    stack = load_stack(folder)
    declared = {loaded.key: loaded.content for loaded in stack.resources}
    with session("*") as line, line.app.database.read() as connection:
        app = line.app
        asked = recorded(app.calls, app.audit, app.now_us() - seconds * 1_000_000)
        candidate = rulebook(declared, registered(connection))
        done = decide_again(live_rulebook(connection), candidate, asked)
    if output == "json":
        print_json(asdict(done))
    else:
        columns = ("times", "who", "action", "target", "live", "candidate")
        rows = [[*(getattr(f, c) for c in columns), _by(f)] for f in done.flips]
        if rows:
            print_table((*columns, "decided by"), rows)
        click.echo(
            f"{len(done.flips)} flips among {done.different} different requests "
            f"of {done.asked}"
        )
        if done.ungrouped:
            click.echo(
                f"note: the groups of people are not on record: {done.ungrouped}"
            )
    if done.flips and fail_on_flip:
        raise SystemExit(FAILED)


def _by(flip: object) -> str:
    return ", ".join(getattr(flip, "decided_by", ()))
