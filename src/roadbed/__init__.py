"""Roadbed: one governed path from data to prediction."""

from importlib import import_module
from os import PathLike
from typing import Any

__version__ = "0.1.0"


def connect(folder: str | PathLike[str] | None = None) -> Any:
    """Return a workbench on the line in *folder*, or in this folder or above.

    This is where a notebook begins; see `roadbed.workbench.bed.Bed` for what the
    workbench can do. Loads nothing heavy before it is called.
    """
    # By name, so that the rooms may import the package without its top.
    return import_module("roadbed.workbench.connect").connect(folder)


def run(name: str, **given: Any) -> Any:
    """Return a run on the line in this folder or above, for a `with` block.

    What is *given* is that of `roadbed.workbench.bed.Bed.run`: data, params, seed.
    """
    return import_module("roadbed.workbench.connect").run(name, **given)


def current() -> Any:
    """Return the run that is open in this process; raise NotFound if there is none."""
    return import_module("roadbed.workbench.connect").current()
