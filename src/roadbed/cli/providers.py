"""`roadbed providers`: the types of provider that are installed."""

import click

from roadbed.cli._acts import PUBLIC, acts
from roadbed.cli._output import output_option, print_json, print_table


@click.command()
@output_option
@acts(PUBLIC)
def command(output: str) -> None:
    """List the types a Provider resource may have: ours, and those of plug-ins."""
    import roadbed.adapters.providers
    from roadbed.core import plugins

    group = "roadbed.providers"
    rows = [
        (name, _promise(plugins.find(roadbed.adapters.providers, group, name)))
        for name in plugins.names(roadbed.adapters.providers, group)
    ]
    if output == "json":
        print_json({"providers": [{"type": t, "promise": p} for t, p in rows]})
        return
    print_table(("type", "promise"), rows)


def _promise(module: object) -> str:
    return (module.__doc__ or "").strip().split("\n", 1)[0]
