"""The reference page of the Python API, from the docstrings of the workbench."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

_INTRO = """\
# Python API

For notebooks and training scripts. `roadbed.connect()` gives a `Bed`, a bed gives
datasets and runs, and a run registers a model. Everything is done in the name of the
key in `ROADBED_KEY`, else of the one that `roadbed login` kept."""


def python_page() -> str:
    """Return the page as Markdown: `connect`, then each class with what it offers."""
    from roadbed.workbench import Bed, DatasetHandle, LiveRun
    from roadbed.workbench.connect import connect

    parts = [_INTRO, _callable("##", "roadbed.connect", connect)]
    for kind in (Bed, DatasetHandle, LiveRun):
        parts.append(f"## {kind.__name__}\n\n{_said(kind)}")
        parts += _members(kind)
    return "\n\n".join(parts) + "\n"


def _members(kind: type) -> Iterator[str]:
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"### {kind.__name__}.{name}\n\n{_said(member)}"
        elif inspect.isfunction(member):
            yield _callable("###", f"{kind.__name__}.{name}", member)


def _callable(level: str, name: str, function: Callable[..., Any]) -> str:
    whole = inspect.signature(function)
    plain = [
        p.replace(annotation=p.empty)
        for p in whole.parameters.values()
        if p.name != "self"
    ]
    shown = whole.replace(parameters=plain, return_annotation=whole.empty)
    return f"{level} {name}{shown}\n\n{_said(function)}"


def _said(thing: object) -> str:
    return inspect.getdoc(thing) or ""
