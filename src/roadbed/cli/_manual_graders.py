"""The reference page of graders: what the `config` block of each may hold."""

from typing import Any

from roadbed.cli._manual_providers import rows_of

_INTRO = """\
# Graders

What `config` of a grader in an Evaluation may hold, for each `grader` that is installed
here. A grader whose grades are only 0 and 1 is gated as a rate. One that *measures all
answers together* reports several numbers; the first is what a gate is about."""


def graders_page() -> str:
    """Return the page as Markdown: a section for each installed grader."""
    import roadbed.evals.graders
    from roadbed.core import plugins
    from roadbed.evals.grading import GRADERS

    package = roadbed.evals.graders
    parts = [_INTRO]
    for name in plugins.names(package, GRADERS):
        parts.append(_section(name, plugins.find(package, GRADERS, name)))
    return "\n\n".join(parts) + "\n"


def _section(name: str, module: Any) -> str:
    promise = " ".join((module.__doc__ or "").strip().split("\n\n", 1)[0].split())
    head = f"## {name}\n\n{promise}\n\nVersion {module.VERSION}."
    rows = rows_of(module.Config.model_fields)
    if not rows:
        return f"{head} There is nothing to set."
    table = "| field | default | what it is |\n|---|---|---|\n"
    return f"{head}\n\n{table}" + "\n".join(rows)
