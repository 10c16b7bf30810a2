"""The reference pages of settings and commands, made from the code."""

from collections.abc import Iterator

import click


def settings_page() -> str:
    """Return the page of all settings as Markdown."""
    from roadbed.settings import PREFIX, Settings

    rows = [
        f"| `{PREFIX}{name.upper()}` | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    head = ["# Settings", "", "| variable | meaning |", "|---|---|"]
    return "\n".join([*head, *rows, ""])


def commands_page() -> str:
    """Return the page of all commands with their help as Markdown."""
    from roadbed.cli import EXIT_CODES, roadbed

    context = click.Context(roadbed, info_name="roadbed")
    lines = ["# Commands", "", EXIT_CODES, ""]
    for path, command in _walk(context, roadbed):
        lines += [f"## {path}", "", "```text"]
        inner = click.Context(command, info_name=path)
        lines += [command.get_help(inner), "```", ""]
    return "\n".join(lines)


def _walk(
    context: click.Context, group: click.Group, path: str = "roadbed"
) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _walk(context, command, f"{path} {name}")
