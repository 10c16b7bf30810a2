"""How `roadbed rollout` finds rollouts, waits for them, and shows them."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from roadbed.cli._foretold import percent
from roadbed.cli._output import plain, print_json, print_table

if TYPE_CHECKING:
    from roadbed.cli._session import Session
    from roadbed.control.rollouts import Drift
    from roadbed.rollouts.presence import Replica
    from roadbed.rollouts.rollout import Change, Rollout
    from roadbed.rollouts.shown import Tile
    from roadbed.rollouts.told import Summary, Whole

EXITS = {
    "rolling_back": 3,
    "rolled_back": 3,
    "aborted": 3,
    "superseded": 3,
    "inconclusive": 6,
    "paused": 6,
}
"""The exit code by the phase of a rollout; of any other it is 0."""
_LOOK_S = 0.5


def found(line: "Session", named: str, action: str) -> "Rollout":
    """Return the rollout called *named*, or the newest of the endpoint called so.

    Raises NotFound, and Denied unless *action* is allowed on its endpoint.
    """
    from roadbed.access.visible import own
    from roadbed.control.targets import find_endpoint
    from roadbed.core.errors import NotFound
    from roadbed.rollouts import store

    with line.app.database.read() as connection:
        rollout = store.newest(connection, named) if named else None
        with suppress(NotFound):
            rollout = rollout or store.get(connection, named)
        target = find_endpoint(connection, rollout.endpoint if rollout else named)
    mine = own(line.principal, target)
    if rollout is None or mine is None:
        raise NotFound(
            f"there is no rollout {named[:80]!r}, and none of an endpoint called so",
            hint="`roadbed rollout list` lists those that you may see",
        )
    line.require_on(action, mine)
    return rollout


def waited(line: "Session", named: str, *, wait: bool) -> "Whole":
    """Return all of the rollout called *named*; with *wait*, once nothing goes on.

    That is when it is over, or when it needs somebody.
    """
    from roadbed.rollouts import store
    from roadbed.rollouts.state import OVER, WAITING
    from roadbed.rollouts.told import whole

    rollout = found(line, named, "endpoint.read")
    while wait and rollout.state.phase not in (*OVER, *WAITING):
        time.sleep(_LOOK_S)
        with line.app.database.read() as connection:
            rollout = store.get(connection, rollout.id)
    with line.app.database.read() as connection:
        return whole(connection, rollout, line.app.now_us(), line.app.calls)


def drift_of(line: "Session", rollout_id: str) -> "Drift | None":
    """Return the drift from Git that a rollout left behind, None if none is left."""
    from roadbed.control import seen

    with line.app.database.read() as connection:
        drifts = seen.drifts(line.viewer, connection)
    return next((each for each in drifts if each.rollout == rollout_id), None)


def told(rollout: "Rollout", output: str) -> None:
    """Say where *rollout* is now that somebody did something to it."""
    from roadbed.rollouts.told import summary

    now = summary(rollout)
    if output == "json":
        print_json(asdict(now))
        return
    click.echo(f"{now.id} of {now.endpoint}: {_where(now)}")
    if now.declared != now.new or now.phase in ("rolling_back", "aborted"):
        serves = now.old if now.phase in ("rolling_back", "aborted") else now.new
        _drifted(now.endpoint, serves, now.declared)


def show_list(rollouts: Sequence["Summary"]) -> None:
    """Print where each of *rollouts* is."""
    from roadbed.core.clock import to_text

    if not rollouts:
        click.echo("no rollouts; pin another version on an endpoint, and apply")
        return
    columns = ("rollout", "endpoint", "from", "to", "where", "began", "reason")
    rows = [
        (
            r.id,
            r.endpoint,
            r.old,
            r.new,
            _where(r),
            to_text(r.started_us)[:19],
            r.reason,
        )
        for r in rollouts
    ]
    print_table(columns, rows)


def show(found: "Whole", drift: "Drift | None") -> None:
    """Print all of a rollout, and the *drift* that it left behind, for people."""
    from roadbed.core.clock import to_text

    now = found.rollout
    click.echo(f"{now.id}: {now.endpoint} from {now.old} to {now.new}")
    since = to_text(now.since_us)[:19]
    click.echo(plain(f"{_where(now)} since {since}: {now.reason or 'no reason'}"))
    parts = (_guardrails(found), _ratio(found), _copies(found), _replicas(found))
    for part in parts:
        for text in part:
            click.echo(text)
    click.echo("")
    columns = ("at", "phase", "share", "by", "reason", "evidence")
    print_table(columns, map(_change, found.changes))
    if drift is not None:
        _drifted(drift.endpoint, drift.served, drift.pinned)


def _drifted(endpoint: str, served: str, pinned: str) -> None:
    click.echo(f"{endpoint} serves {served}; the stack pins {pinned}")
    click.echo("hint: `roadbed plan` shows the patch that pins what is served")


def _where(now: "Summary") -> str:
    """Return the phase in words, with the step and the share where there is one."""
    step = f", step {now.step} of {now.steps}" if now.phase == "canary" else ""
    held = f" in {now.held}" if now.held else ""
    share = "" if now.over else f", {percent(now.weight / 10_000)} of units"
    return f"{now.phase.replace('_', ' ')}{held}{step}{share}"


def _guardrails(found: "Whole") -> Iterator[str]:
    if not found.guardrails:
        yield "\nno guardrails: nothing is compared"
        return
    yield ""
    now = found.rollout
    columns = (
        *("guardrail", "verdict", now.old, now.new, "difference"),
        *("e-value", "units"),
    )
    print_table(columns, map(_tile, found.guardrails))


def _tile(tile: "Tile") -> tuple[str, ...]:
    units = f"{tile.samples_old:,} / {tile.samples_new:,}"
    bet = "—"
    if tile.e_value is not None:
        bet = f"{tile.e_value:.3g} of {tile.limit:.3g}"
    levels = (_level(tile, tile.old), _level(tile, tile.new))
    return (tile.name, tile.verdict, *levels, _difference(tile), bet, units)


def _level(tile: "Tile", value: float | None) -> str:
    if value is None:
        return "—"
    if tile.name == "cost":
        return f"${value / _nano():.4g}"
    return percent(value) if tile.kind == "binary" else f"{value:.4g}"


def _nano() -> int:
    """Return how many billionths make a dollar: costs are kept in these."""
    from roadbed.gateway.money.rule import NANO

    return NANO


def _difference(tile: "Tile") -> str:
    if tile.difference is None or tile.low is None or tile.high is None:
        return "—"
    times, unit = (100, " points") if tile.kind == "binary" else (1, "")
    if tile.name == "cost":
        times, unit = 1 / _nano(), " $"
    value, low, high = (
        f"{v * times:+.3g}" for v in (tile.difference, tile.low, tile.high)
    )
    return f"{value}{unit} ({low} to {high})"


def _ratio(found: "Whole") -> Iterator[str]:
    ratio = found.ratio
    bet = f" (e-value {ratio.e_value:.3g} of {ratio.limit:.4g})"
    known = ratio.verdict != "no data"
    yield f"\nshares of units: {ratio.verdict}{bet if known else ''}"


def _copies(found: "Whole") -> Iterator[str]:
    copies = found.copies
    if copies is None or not copies.copies:
        return
    share = copies.disagreement
    told = "none could be compared" if share is None else f"{percent(share)} differ"
    cost = f"{copies.cost_nano / _nano():.4f} dollars"
    yield f"mirrored: {copies.copies} calls, of their answers {told}; they cost {cost}"


def _replicas(found: "Whole") -> Iterator[str]:
    known: Iterable[Replica] = found.replicas
    if found.rollout.over and not known:
        return
    ready = sum(replica.state == "ready" for replica in known)
    yield f"replicas: {ready} of {len(found.replicas)} have {found.rollout.new} loaded"
    for replica in known:
        share = percent(replica.weight / 10_000)
        why = f": {replica.reason}" if replica.reason else ""
        yield plain(f"  {replica.name} {replica.state}, {share} of units get it{why}")


def _change(change: "Change") -> tuple[str, ...]:
    from roadbed.core.clock import to_text
    from roadbed.core.digest import short

    return (
        to_text(change.at_us)[:19],
        change.phase.replace("_", " "),
        percent(change.weight / 10_000),
        change.actor,
        change.reason,
        short(change.evidence_digest) if change.evidence else "",
    )
