"""Whether the libraries of the extra `evals` are there; none of them is loaded."""

from functools import cache
from importlib.util import find_spec

LACKING = "no interval: install roadbed with its extra `evals`"


@cache
def ready() -> bool:
    """Say whether there can be intervals in this installation."""
    return all(find_spec(name) is not None for name in ("numpy", "scipy"))
