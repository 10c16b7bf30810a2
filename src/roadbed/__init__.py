"""Roadbed: one governed path from data to prediction.

A notebook begins with `bed = roadbed.connect()`; see `roadbed.workbench`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadbed.workbench.connect import connect as connect

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the workbench when it is asked for, and not before."""
    if name == "connect":
        from roadbed.workbench.connect import connect  # noqa: PLC0415

        return connect
    raise AttributeError(f"module 'roadbed' has no attribute {name!r}")
