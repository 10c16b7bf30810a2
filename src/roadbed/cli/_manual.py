"""The reference pages, made from the code: which page is called what."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import click


def settings_page() -> str:
    """Return the page of all settings as Markdown: variable, default, meaning."""
    from roadbed.settings import PREFIX, Settings

    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(one.default)} | {one.description} |"
        for name, one in Settings.model_fields.items()
    ]
    head = ["# Settings", "", "| variable | default | meaning |", "|---|---|---|"]
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


def pages() -> Mapping[str, Callable[[], str]]:
    """Return every page of the reference by its file's name, not yet written."""
    from roadbed.cli import (
        _manual_access,
        _manual_api,
        _manual_graders,
        _manual_providers,
    )
    from roadbed.cli._manual_python import python_page
    from roadbed.control.reference import reference_page

    return MappingProxyType(
        {
            "resources.md": reference_page,
            "providers.md": _manual_providers.providers_page,
            "graders.md": _manual_graders.graders_page,
            "access.md": _manual_access.access_page,
            "settings.md": settings_page,
            "commands.md": commands_page,
            "api.md": _manual_api.api_page,
            "python.md": python_page,
        }
    )


def _default(value: object) -> str:
    """Return a default; what the description explains is left to it."""
    plain = isinstance(value, (int, float)) or (isinstance(value, str) and value)
    return f"`{value}`" if plain else ""


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
