"""Stacks as text: what a test declares, with or without a fault."""

from pathlib import Path
from textwrap import dedent

from roadbed.control.load import read_stack
from roadbed.control.stack import Stack

HEAD = "apiVersion: roadbed/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


def resource(kind: str, name: str, spec: str) -> str:
    """Return one YAML resource; the spec begins on line 5."""
    body = dedent(spec).strip().replace("\n", "\n  ")
    return HEAD.format(kind=kind, name=name) + f"  {body}\n"


def write(folder: Path, **files: str) -> Path:
    """Write each text as `<name>.yaml` into *folder* and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def stack_of(folder: Path, *resources: str) -> Stack:
    """Return the stack of these resources, written to one file in *folder*."""
    stack, problems = read_stack(write(folder, stack="---\n".join(resources)))
    assert not problems, problems
    return stack


def problems_of(folder: Path) -> list[str]:
    """Return the problems of reading *folder*, as the command line prints them."""
    return [str(problem) for problem in read_stack(folder)[1]]


OPERATOR = resource(
    "ServiceAccount",
    "operator",
    "roles: [platform-engineer, security-admin, researcher, auditor]",
)
ECHO = resource("Provider", "echo", "type: echo")
