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
