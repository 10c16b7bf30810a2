"""`roadbed quality`: how good an endpoint's answers are in production."""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table


@click.command()
@click.argument("endpoint")
@click.option(
    "--since", default="30d", show_default=True, help="How far back: 12h, 7d, 4w."
)
@click.option(
    "--step", default="", help="Also in steps of this length, such as 1d or 6h."
)
@output_option
@acts("endpoint.read")
def command(endpoint: str, since: str, step: str, output: str) -> None:
    """Print how good the answers of ENDPOINT were, by grader and version.

    From calls that were drawn by chance and graded after they were answered (`online`
    of an Evaluation), and from feedback. Each number has its 95 % interval. Where the
    same grader judged the version offline, the gap to its newest report is shown.
    """
    from dataclasses import asdict

    from roadbed.cli._golden import back, length
    from roadbed.cli._quality import gap_rows, rows
    from roadbed.cli._session import session
    from roadbed.control.quality import quality_of

    with session(endpoint) as line:
        now_us = line.app.now_us()
        span = (back(since, now_us), now_us + 1)
        with line.app.database.read() as connection:
            tenant = line.principal.tenant
            found = quality_of(connection, tenant, endpoint, span, length(step or "1d"))
    if output == "json":
        print_json(asdict(found))
        return
    if not found.whole:
        click.echo("nothing was graded, and nobody gave feedback")
        click.echo(
            "an Evaluation with `online` grades calls; see `roadbed calls feedback`"
        )
        return
    head = ("grader", "version", "value", "95 %", "graded", "not graded")
    print_table((*head, "from") if step else head, rows(found, steps=bool(step)))
    if found.gaps:
        click.echo("\nagainst the newest report of each version:")
        told = ("grader", "version", "report", "production", "gap", "95 %", "of")
        print_table(told, gap_rows(found))
    if found.corrections:
        click.echo(f"{found.corrections} calls were corrected by people")
