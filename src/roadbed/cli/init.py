"""`roadbed init`: write a small stack and make this machine's state."""

from pathlib import Path

import click

from roadbed.cli._acts import PUBLIC, acts


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@acts(PUBLIC)
def command(folder: Path) -> None:
    """Write a commented starter stack into FOLDER, and make its state.

    Also makes a bootstrap token that works once, within an hour: it buys the
    first key with `roadbed login`. There is no default password.
    """
    from roadbed.app import initialise
    from roadbed.cli._session import TOKEN_FILE, write_private
    from roadbed.control.starter import write_starter
    from roadbed.core.errors import Conflict
    from roadbed.settings import STATE_DIRECTORY, load

    state = folder.resolve() / STATE_DIRECTORY
    if state.exists():
        raise Conflict(
            f"there is already a line in {folder}",
            hint="choose another folder; nothing was written",
        )
    written = write_starter(folder)
    state.mkdir(mode=0o700)
    token = initialise(load(folder=folder.resolve()))
    write_private(state / TOKEN_FILE, token.reveal())
    click.echo(
        f"wrote {len(written)} files to {folder}, and its state to {state.name}/"
    )
    if folder != Path():
        click.echo(f"next:  cd {folder}")
    click.echo(f"       roadbed login < {STATE_DIRECTORY}/{TOKEN_FILE}   (works once)")
    click.echo("       roadbed plan")
