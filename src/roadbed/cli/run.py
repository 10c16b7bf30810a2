"""`roadbed run`: start a program as a run, and look at what runs did."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table

if TYPE_CHECKING:
    from roadbed.registry.runs import Run


class _Starts(click.Group):
    """A group that also takes a program: `roadbed run -- python train.py`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read words with a `--` as those of `roadbed run exec`."""
        if "--" in args and args[0] not in self.commands:
            args = ["exec", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Starts)
def command() -> None:
    """Start a program as a run, look at runs, compare and repeat them.

    `roadbed run -- python train.py` starts a program: short for `roadbed run exec`.
    """


@command.command("exec")
@click.option("--name", default="", help="What to call it; default: the script's name.")
@click.option(
    "--data", multiple=True, metavar="[ROLE=]NAME@N", help="A version that it reads."
)
@click.option("--param", multiple=True, metavar="NAME=VALUE", help="A parameter.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@acts("run.write")
def exec_(
    name: str, data: tuple[str, ...], param: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Start the program WORDS as a run; exit as it exits.

    Its code, environment and how it ends are recorded. A Python program joins the run
    with `roadbed.run(…)` or `roadbed.current()`, and logs to it.
    """
    from roadbed.cli._session import session
    from roadbed.workbench.connect import bed_of
    from roadbed.workbench.launch import Order, launch

    with session() as line:
        bed = bed_of(line.app, line.principal, Path.cwd())
        order = Order(
            argv=words, name=name, data=bed.given(_data(data)), params=_params(param)
        )
        ended = launch(bed, order)
    told = f", {ended.run.error}" if ended.run.error else ""
    click.echo(f"run {ended.run.id}: {ended.run.status}{told}", err=True)
    raise SystemExit(ended.code)


@command.command("list")
@click.argument("name", required=False)
@click.option("--limit", default=20, show_default=True, help="How many at most.")
@output_option
@acts("run.read")
def list_(name: str | None, limit: int, output: str) -> None:
    """List the newest runs, all of them or those called NAME."""
    from roadbed.cli._session import listing
    from roadbed.control import seen

    with listing() as line:
        found = seen.runs(line.viewer, line.app.runs, name, limit)
        standing = _standings(line.app, found)
    rows = [_row(run, standing[run.id]) for run in found]
    if output == "json":
        print_json({"runs": rows})
        return
    if not rows:
        click.echo("no runs yet; `roadbed run -- python train.py` starts one")
        return
    columns = ("run", "name", "status", "data", "metrics", "started", "by")
    print_table(columns, [[_told(row[c]) for c in columns] for row in rows])


@command.command()
@click.argument("run")
@output_option
@acts("run.read")
def get(run: str, output: str) -> None:
    """Show RUN: its code, data, parameters, environment, metrics and artifacts."""
    from roadbed.cli._session import session
    from roadbed.control.questions.runs import whole

    with session(run) as line:
        shown = whole(line.app.database, run, line.app.now_us())
    if output == "json":
        print_json(shown.to_json())
        return
    for label, value in shown.facts():
        click.echo(f"{label:<14}{value}")


@command.command()
@click.argument("run")
@click.argument("metric", required=False)
@output_option
@acts("run.read")
def log(run: str, metric: str | None, output: str) -> None:
    """Show what RUN logged over its steps: every METRIC, or one of them."""
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.core.clock import to_text
    from roadbed.registry.tracking import points

    with session(run) as line, line.app.database.read() as connection:
        keys = sorted(points.latest(connection, [run])[run])
        chosen = [metric] if metric else keys
        found = [p for key in chosen for p in points.history(connection, run, key)]
    if output == "json":
        print_json({"points": [asdict(point) for point in found]})
        return
    columns = ("metric", "step", "value", "at")
    rows = [[p.key, p.step, f"{p.value:.6g}", to_text(p.at_us)] for p in found]
    print_table(columns, rows)


@command.command()
@click.argument("left")
@click.argument("right")
@output_option
@acts("run.read")
def compare(left: str, right: str, output: str) -> None:
    """Say what changed from run LEFT to run RIGHT, the likeliest cause first."""
    from roadbed.cli._session import session
    from roadbed.control.questions.render import render

    with session(left) as line:
        line.also("run.read", "Run", right)
        changes = line.app.comparer(line.may_read).of_runs(left, right)
    print_json(changes.to_json()) if output == "json" else click.echo(render(changes))


@command.command()
@click.argument("run")
@click.option(
    "--allow-environment",
    is_flag=True,
    help="Go on though the environment differs from the recorded one.",
)
@output_option
@acts("run.write")
def reproduce(run: str, allow_environment: bool, output: str) -> None:
    """Run RUN again: same commit, same data; compare what comes out.

    Exits with 0 if all metrics and artifacts are equal to the last bit, with 3 if they
    differ, with 6 if the program failed or logged nothing to compare.
    """
    from roadbed.cli._session import session
    from roadbed.workbench.connect import bed_of
    from roadbed.workbench.reproduce import reproduce as repeat

    with session() as line:
        bed = bed_of(line.app, line.principal, Path.cwd())
        line.also("run.read", "Run", run)
        code = line.app.code
        found = repeat(bed, code, run, allow_environment=allow_environment)
    if output == "json":
        print_json(found.to_json())
    else:
        click.echo("\n".join(found.lines()))
    raise SystemExit(found.exit_code)


def _data(given: tuple[str, ...]) -> dict[str, str]:
    pairs = (text.rpartition("=") for text in given)
    return {role or "training": ref for role, _, ref in pairs}


def _params(given: tuple[str, ...]) -> dict[str, Any]:
    import json

    from roadbed.core.errors import Invalid

    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Invalid(f"{text!r} is no parameter", hint="--param C=0.5")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _standings(app: Any, found: list["Run"]) -> dict[str, str]:
    from roadbed.registry.leases import standings

    with app.database.read() as connection:
        return dict(standings(connection, found, app.now_us()))


def _row(run: "Run", standing: str) -> dict[str, Any]:
    from roadbed.core.clock import to_text

    return {
        "run": run.id,
        "name": run.name,
        "status": standing,
        "error": run.error,
        "data": [str(used) for used in run.data if used.role != "undeclared"],
        "undeclared": [str(used) for used in run.data if used.role == "undeclared"],
        "metrics": dict(run.metrics),
        "started": to_text(run.started_us)[:19],
        "by": run.actor,
    }


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={number:.4g}" for name, number in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
