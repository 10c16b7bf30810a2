"""`roadbed settings`: what differs between machines, and where it comes from."""

import click

from roadbed.cli._acts import PUBLIC, acts
from roadbed.cli._output import output_option, print_json, print_table


@click.command()
@output_option
@acts(PUBLIC)
def command(output: str) -> None:
    """Print every setting, its variable, its value now, and what it means."""
    from roadbed.settings import PREFIX, Settings, load

    settings = load()
    rows = [
        (PREFIX + name.upper(), settings.shown(name), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    if output == "json":
        print_json([{"variable": v, "value": s, "means": d} for v, s, d in rows])
        return
    print_table(("variable", "value", "means"), rows)
