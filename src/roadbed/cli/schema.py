"""`roadbed schema`: JSON Schema of the resources, for editors."""

import click

from roadbed.cli._acts import PUBLIC, acts
from roadbed.cli._output import print_json


@click.command()
@click.argument("kind", required=False)
@acts(PUBLIC)
def command(kind: str | None) -> None:
    """Print the JSON Schema of all kinds, or of KIND.

    Editors use it through a comment at the top of a YAML file:
    # yaml-language-server: $schema=roadbed.schema.json
    """
    from roadbed.control.kinds import all_kinds
    from roadbed.control.schema import combined_schema, kind_schema
    from roadbed.core.errors import NotFound

    if kind is not None and kind not in all_kinds():
        known = ", ".join(sorted(all_kinds()))
        raise NotFound(f"no kind is called {kind!r}", hint=f"kinds: {known}")
    print_json(kind_schema(kind) if kind else combined_schema())
