"""`roadbed reference`: the manual's reference pages, made from the code."""

from pathlib import Path

import click

from roadbed.cli._acts import PUBLIC, acts


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@acts(PUBLIC)
def command(folder: Path) -> None:
    """Write the reference pages into FOLDER: resources, settings, commands."""
    from roadbed.cli._manual import commands_page, settings_page
    from roadbed.control.reference import reference_page

    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "resources.md": reference_page(),
        "settings.md": settings_page(),
        "commands.md": commands_page(),
    }
    for name, text in pages.items():
        (folder / name).write_text(text)
        click.echo(f"wrote {folder / name}")
