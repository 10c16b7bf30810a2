"""`roadbed rollout`: see how a version takes over, steer it, and go back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json

if TYPE_CHECKING:
    from roadbed.rollouts.acts import Act

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_PHASES = (
    *("draft", "approved", "shadow", "canary", "soaking", "promoted", "paused"),
    *("inconclusive", "rolling_back", "rolled_back", "aborted", "superseded"),
)
_why = click.option("--reason", required=True, help="Why, for the log.")


@click.group()
def command() -> None:
    """See how a newly pinned version takes over, steer it, and go back.

    ROLLOUT is the id of a rollout, or the name of an endpoint: then its newest one.
    A command that comes too late or too soon exits with 5, one that is not allowed
    with 4, and then nothing changed.
    """


@command.command("list")
@click.argument("endpoint", required=False)
@click.option("--active", is_flag=True, help="Only those that are under way.")
@click.option("--phase", type=click.Choice(_PHASES), help="Only those in this phase.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, help="How many at most."
)
@output_option
@acts("endpoint.read")
def list_(
    endpoint: str | None, active: bool, phase: str | None, limit: int, output: str
) -> None:
    """List the rollouts of ENDPOINT, or of all, newest first."""
    from dataclasses import asdict

    from roadbed.cli._rollouts import show_list
    from roadbed.cli._session import listing
    from roadbed.control import seen
    from roadbed.rollouts.state import ACTIVE
    from roadbed.rollouts.told import summary

    phases = [p for p in ((phase,) if phase else ACTIVE if active else ()) if p]
    with listing() as line, line.app.database.read() as connection:
        found = seen.rollouts(
            line.viewer,
            connection,
            endpoint=endpoint or "",
            phases=phases,
            limit=limit,
        )
    shown = [summary(rollout) for rollout in found]
    if output == "json":
        print_json({"rollouts": [asdict(each) for each in shown]})
    else:
        show_list(shown)


@command.command()
@click.argument("rollout")
@click.option("--wait", is_flag=True, help="Wait until it is over, or needs somebody.")
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 3 unless the newer version is served or may yet be, and with 6 "
    "if it is inconclusive or paused.",
)
@output_option
@acts("endpoint.read")
def get(rollout: str, wait: bool, exit_code: bool, output: str) -> None:
    """Show all of ROLLOUT: where it is, what was shown, what happened.

    Of each guardrail: how it is at both versions, the difference with an interval that
    holds however often one looks, what the bet that it is worse is worth and at what
    it goes back, and how many units were seen.
    """
    from dataclasses import asdict

    from roadbed.cli._rollouts import EXITS, show, waited
    from roadbed.cli._session import listing

    with listing() as line:
        found = waited(line, rollout, wait=wait)
    if output == "json":
        print_json(asdict(found))
    else:
        show(found)
    if exit_code and (code := EXITS.get(found.rollout.phase, 0)):
        raise SystemExit(code)


@command.command()
@click.argument("endpoint")
@click.option(
    "--stack", type=_FOLDER, help="Read the endpoint of this folder, applied or not."
)
@click.option(
    "--since",
    default="7d",
    show_default=True,
    help="From how far back calls are taken: 12h, 7d, 4w.",
)
@output_option
@acts("endpoint.read")
def plan(endpoint: str, stack: Path | None, since: str, output: str) -> None:
    """Say how the next rollout of ENDPOINT would go. Changes nothing.

    With the calls that it got: how long each step lasts at the soonest, what it waits
    for, and from where on a version that is worse would be found out. A newer version
    that is exactly as good is taken for granted.
    """
    from dataclasses import asdict

    from roadbed.cli._evaluations import preview_of
    from roadbed.cli._foretold import show
    from roadbed.cli._golden import back
    from roadbed.cli._session import listing, session
    from roadbed.control.foretold import Foreteller

    with listing() if stack else session(endpoint) as line:
        now_us = line.app.now_us()
        preview = preview_of(line, stack)
        teller = Foreteller(
            viewer=line.viewer, calls=line.app.calls, preview=preview, now_us=now_us
        )
        with line.app.database.read() as connection:
            found = teller.foretell(connection, endpoint, back(since, now_us))
    print_json(asdict(found)) if output == "json" else show(found)


@command.command()
@click.argument("rollout")
@_why
@output_option
@acts("rollout.steer")
def approve(rollout: str, reason: str, output: str) -> None:
    """Approve ROLLOUT, which somebody else began: from now on it goes on."""
    _steer("approve", rollout, reason, output)


@command.command()
@click.argument("rollout")
@_why
@output_option
@acts("rollout.steer")
def pause(rollout: str, reason: str, output: str) -> None:
    """Pause ROLLOUT where it is. It goes back all the same if it gets worse."""
    _steer("pause", rollout, reason, output)


@command.command()
@click.argument("rollout")
@_why
@output_option
@acts("rollout.steer")
def resume(rollout: str, reason: str, output: str) -> None:
    """Go on with ROLLOUT after a pause, or after it was inconclusive."""
    _steer("resume", rollout, reason, output)


@command.command()
@click.argument("rollout")
@_why
@output_option
@acts("rollout.steer")
def promote(rollout: str, reason: str, output: str) -> None:
    """Give the newer version of ROLLOUT to all, without waiting for more."""
    _steer("promote", rollout, reason, output)


@command.command()
@click.argument("rollout")
@_why
@output_option
@acts("rollout.steer")
def abort(rollout: str, reason: str, output: str) -> None:
    """End ROLLOUT before any traffic moved."""
    _steer("abort", rollout, reason, output)


@command.command()
@click.argument("endpoint")
@click.option(
    "--reason",
    default="rolled back by hand",
    show_default=True,
    help="Why, for the log.",
)
@output_option
@acts("rollout.rollback")
def rollback(endpoint: str, reason: str, output: str) -> None:
    """Let ENDPOINT serve the version from before, now.

    Whatever is under way ends; if the newest rollout was promoted, it is undone. It
    takes one permission, rollout.rollback, and neither Git nor the registry: replicas
    have the version from before loaded. What the stack pins is then another one; see
    `roadbed plan` for the patch.
    """
    from roadbed.cli._rollouts import told
    from roadbed.cli._session import session
    from roadbed.control.rollouts import roll_back

    with session(endpoint) as line, line.app.database.write() as connection:
        now_us = line.app.now_us()
        done = roll_back(connection, endpoint, reason, line.principal.chain, now_us)
    told(done, output)


def _steer(what: "Act", named: str, reason: str, output: str) -> None:
    """Do *what* to the rollout that *named* means, as whoever runs this command."""
    from roadbed.cli._rollouts import found, told
    from roadbed.cli._session import listing
    from roadbed.control.rollouts import steer

    with listing() as line:
        rollout = found(line, named, "rollout.steer")
        with (
            line.recorded("rollout.steer", f"Endpoint/{rollout.endpoint}"),
            line.app.database.write() as connection,
        ):
            actor, now_us = line.principal.chain, line.app.now_us()
            done = steer(connection, rollout, what, reason, actor, now_us)
    told(done, output)
