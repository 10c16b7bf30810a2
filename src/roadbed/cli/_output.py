"""How commands print: a table for people, JSON for programs."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def output_option(command: F) -> F:
    """Give *command* the option `-o/--output table|json`, as the word `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="Print for people, or as JSON for programs.",
    )(command)


def plain(value: object) -> str:
    """Return *value* as text that a terminal only shows: no control characters."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode()
        for c in str(value)
    )


def print_json(value: Any) -> None:
    """Print *value* as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print *rows* under *columns*, each column as wide as it needs to be."""
    table = [[plain(cell) for cell in row] for row in rows]
    widths = [
        max(len(name), *(len(row[at]) for row in table)) if table else len(name)
        for at, name in enumerate(columns)
    ]
    head = "  ".join(n.upper().ljust(w) for n, w in zip(columns, widths, strict=True))
    click.echo(click.style(head.rstrip(), dim=True))
    for row in table:
        line = "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True))
        click.echo(line.rstrip())
