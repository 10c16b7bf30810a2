"""`roadbed why`: from one answer back to where it came from."""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json


@click.command()
@click.argument("call")
@output_option
@acts("call.read")
def command(call: str, output: str) -> None:
    """Print the chain of custody of CALL: an answer's id, from x-roadbed-call.

    Works for calls in the spool and for sealed ones alike. For a trained model it
    also prints how much each feature contributed to the prediction.
    """
    from roadbed.cli._session import session
    from roadbed.control import seen
    from roadbed.control.chain import render

    with session(call) as line:
        whole = line.app.why(call)
        with line.app.database.read() as connection:
            chain = seen.chain(line.viewer, connection, whole)
    if output == "json":
        print_json(chain.to_json())
        return
    click.echo(render(chain))
