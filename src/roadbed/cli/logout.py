"""`roadbed logout`: forget who is logged in here."""

import click

from roadbed.cli._acts import PUBLIC, acts


@click.command()
@acts(PUBLIC)
def command() -> None:
    """Forget the person or the key that `roadbed login` kept here.

    The provider is told that the person's refresh token is used no more. A key goes
    on working elsewhere until it is revoked.
    """
    from roadbed.cli import _person
    from roadbed.cli._session import line
    from roadbed.core.errors import Unauthenticated
    from roadbed.settings import KEY_FILE

    with line() as app:
        state = app.settings.state
        try:
            kept = _person.recall(state)
        except Unauthenticated:
            _person.forget(state)
            click.echo("logged out; what was kept could not be read")
            return
        key = state / KEY_FILE
        if kept is not None:
            told = _person.leave(app, kept)
            untold = "" if told else "; the provider could not be told"
            click.echo(f"logged out of {kept.provider}{untold}")
            if key.exists():
                click.echo(f"{state.name}/{KEY_FILE} is there still, and acts again")
        elif key.exists():
            key.unlink()
            click.echo(f"{state.name}/{KEY_FILE} is gone")
        else:
            click.echo("nobody was logged in")
