"""`roadbed reference`: the manual's reference pages, made from the code."""

from pathlib import Path

import click

from roadbed.cli._acts import PUBLIC, acts


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@acts(PUBLIC)
def command(folder: Path) -> None:
    """Write the reference pages into FOLDER, made from the code that they describe.

    Resources, providers, graders, access, settings, commands, the HTTP API, the Python
    API.
    """
    from roadbed.cli._manual import pages

    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages().items():
        (folder / name).write_text(page())
        click.echo(f"wrote {folder / name}")
