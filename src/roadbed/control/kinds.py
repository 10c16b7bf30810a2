"""The kinds a team may declare: each is one class in the `kinds.py` of its room."""

import pkgutil
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType

import roadbed
from roadbed.core.resource import Spec

API_VERSION = "roadbed/v1"
"""What the first line of every resource says."""


@cache
def all_kinds() -> MappingProxyType[str, type[Spec]]:
    """Return every kind by its name, in alphabetical order."""
    found: dict[str, type[Spec]] = {}
    for room in pkgutil.iter_modules(roadbed.__path__):
        name = f"roadbed.{room.name}.kinds"
        if room.ispkg and room.name != "control" and find_spec(name) is not None:
            found |= {kind.kind: kind for kind in _kinds_of(name)}
    return MappingProxyType(dict(sorted(found.items())))


def _kinds_of(module: str) -> list[type[Spec]]:
    values = vars(import_module(module)).values()
    return [
        value
        for value in values
        if isinstance(value, type)
        and issubclass(value, Spec)
        and value.__module__ == module
        and "kind" in vars(value)
    ]
