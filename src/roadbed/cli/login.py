"""`roadbed login`: turn the bootstrap token into the first key."""

import sys

import click

from roadbed.cli._acts import PUBLIC, acts


@click.command()
@acts(PUBLIC)
def command() -> None:
    """Redeem the bootstrap token, read from standard input, for a key.

    The key belongs to the service account `operator` and is kept in the state
    directory, readable by its owner only. An existing key can be kept the same
    way: give it instead of the token.
    """
    from roadbed.cli._session import TOKEN_FILE, line, write_private
    from roadbed.core.clock import to_text
    from roadbed.core.errors import Unauthenticated
    from roadbed.identity.keys import redeem_bootstrap
    from roadbed.settings import KEY_FILE

    if sys.stdin.isatty():
        token = click.prompt("bootstrap token or key", hide_input=True).strip()
    else:
        token = sys.stdin.read().strip()
    if not token:
        raise Unauthenticated(
            "no token came in",
            hint="pipe it in: roadbed login < .roadbed/bootstrap-token",
        )
    with line() as app:
        file = app.settings.state / KEY_FILE
        if token.startswith("rbk_"):
            principal = app.authenticate(token)
            write_private(file, token)
            click.echo(f"logged in as {principal}")
            return
        with app.database.write() as connection:
            new = redeem_bootstrap(connection, token, app.now_us())
        write_private(file, new.secret.reveal())
        (app.settings.state / TOKEN_FILE).unlink(missing_ok=True)
        app.audit.checkpoint()
    click.echo(f"logged in as service-account:{new.account}")
    click.echo(
        f"the key is in {file.parent.name}/{file.name} until {to_text(new.expires_us)}"
    )
