"""`roadbed init`: write a small stack and make this machine's state."""

from pathlib import Path

import click

from roadbed.cli._acts import PUBLIC, acts


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option(
    "--new-token",
    is_flag=True,
    help="Only make a new bootstrap token, for a state directory that is yours.",
)
@acts(PUBLIC)
def command(folder: Path, new_token: bool) -> None:
    """Make the state of this machine in FOLDER, and a starter stack if there is none.

    A folder that holds a stack already, such as a clone of somebody's repository,
    keeps it as it is. The bootstrap token works once, within an hour: it buys the
    first key with `roadbed login`. There is no default password.
    """
    from roadbed.app import initialise, renew_bootstrap
    from roadbed.cli._private import write_private
    from roadbed.cli._session import TOKEN_FILE
    from roadbed.control.starter import holds_stack, write_starter
    from roadbed.core.errors import Conflict
    from roadbed.settings import STATE_DIRECTORY, load

    state = folder.resolve() / STATE_DIRECTORY
    if new_token:
        token = renew_bootstrap(load(folder=folder.resolve()))
        write_private(state / TOKEN_FILE, token.reveal())
        click.echo(f"a new bootstrap token is in {STATE_DIRECTORY}/{TOKEN_FILE}")
        _next(folder, plan=False)
        return
    if state.exists():
        raise Conflict(
            f"{folder} has a {STATE_DIRECTORY}/ already",
            hint="nothing was written; `roadbed init --new-token` makes a new token "
            "if the first one was lost",
        )
    if holds_stack(folder):
        click.echo(f"kept the stack in {folder}")
    else:
        click.echo(f"wrote {len(write_starter(folder))} files to {folder}")
    state.mkdir(mode=0o700)
    token = initialise(load(folder=folder.resolve()))
    write_private(state / TOKEN_FILE, token.reveal())
    click.echo(f"made the state of this machine in {state.name}/")
    _next(folder, plan=True)


def _next(folder: Path, *, plan: bool) -> None:
    from roadbed.cli._session import TOKEN_FILE
    from roadbed.settings import STATE_DIRECTORY

    lines = [f"roadbed login < {STATE_DIRECTORY}/{TOKEN_FILE}   (works once)"]
    if folder != Path():
        lines.insert(0, f"cd {folder}")
    if plan:
        lines.append("roadbed plan")
    for at, line in enumerate(lines):
        click.echo(f"{'next:' if at == 0 else '':<6} {line}")
