"""`roadbed verify`: is all that an answer was made of what it was?"""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option


@click.command()
@click.argument("call")
@output_option
@acts("call.read")
def command(call: str, output: str) -> None:
    """Verify CALL, an answer's id from x-roadbed-call, and all that it was made of.

    Walks from the record under its sealed batch to the endpoint, the version, its
    signed statement, its artifact, the run and the data, and hashes every byte
    again. Exits with 1 and names what is broken, if anything is.
    """
    from roadbed.cli._session import session
    from roadbed.cli._verified import show
    from roadbed.cli._verify import seal_now
    from roadbed.control import seen

    with session(call) as line:
        seal_now(line.app, call)
        whole = line.app.prover.call(call)
        with line.app.database.read() as connection:
            found = seen.verified(line.viewer, connection, whole)
    show(found, output)
