"""`roadbed schema`: JSON Schema of the resources, for editors."""

import click

from roadbed.cli._output import print_json


@click.command()
@click.argument("kind", required=False)
def command(kind: str | None) -> None:
    """Print the JSON Schema of all kinds, or of KIND.

    Editors use it through a comment at the top of a YAML file:
    # yaml-language-server: $schema=roadbed.schema.json
    """
    from roadbed.control.schema import schema_of, stack_schema

    print_json(schema_of(kind) if kind else stack_schema())
