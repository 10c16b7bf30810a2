"""Which action a command is: declared beside it, asked for before it does anything."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

PUBLIC = "public"
"""Marks a command that reads and changes nothing of a line that needs a key."""

F = TypeVar("F", bound=Callable[..., Any])


def acts(action: str) -> Callable[[F], F]:
    """Declare that a command is *action*; `session` asks for it."""

    def declare(callback: F) -> F:
        callback.action = action  # pyright: ignore[reportFunctionMemberAccess]
        return callback

    return declare


def action_of(command: click.Command) -> str:
    """Return the declared action of *command*, empty if it declares none."""
    return getattr(command.callback, "action", "")


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with the words that lead to it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        elif command is not None:
            yield f"{path}{name}", command
