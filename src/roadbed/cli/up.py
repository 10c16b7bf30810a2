"""`roadbed up`: serve."""

import click

from roadbed.cli._acts import PUBLIC, acts


@click.command()
@click.option("--host", help="Address to listen on. Default: ROADBED_HOST.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes any. Default: ROADBED_PORT.",
)
@acts(PUBLIC)
def command(host: str | None, port: int | None) -> None:
    """Serve the data plane, the control API and the console on one port.

    Ctrl-C or SIGTERM stops it: calls under way end first, and the log is sealed.
    """
    from roadbed.app import open_app
    from roadbed.server.logs import announcer, set_up
    from roadbed.server.main import serve
    from roadbed.settings import load

    given = {"host": host, "port": port}
    chosen = {name: value for name, value in given.items() if value is not None}
    app = open_app(load().model_copy(update=chosen), serving=True)
    set_up(app.settings.log_format)
    as_json = app.settings.log_format == "json"
    say = announcer() if as_json else lambda text: click.echo(text, err=True)
    try:
        serve(app, announce=say)
    finally:
        app.close()
