"""How a noun shows itself: one line on a terminal, a small table in a notebook."""

from collections.abc import Mapping
from html import escape


def line(title: str, facts: Mapping[str, object]) -> str:
    """Return *title* and its *facts* on one line, empty facts left out."""
    told = ", ".join(f"{name} {value}" for name, value in _told(facts))
    return f"{title} ({told})" if told else title


def table(title: str, facts: Mapping[str, object]) -> str:
    """Return *title* and its *facts* as HTML, everything in it escaped."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(str(value))}</td></tr>'
        for name, value in _told(facts)
    )
    return f"<table><caption><b>{escape(title)}</b></caption>{rows}</table>"


def _told(facts: Mapping[str, object]) -> list[tuple[str, object]]:
    return [(name, value) for name, value in facts.items() if value not in ("", None)]
