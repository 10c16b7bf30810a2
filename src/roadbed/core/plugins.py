"""Find an implementation by name: the name of the file is the name in the config."""

import pkgutil
import sys
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from types import ModuleType
from typing import cast

from roadbed.core.errors import NotFound


def names(package: ModuleType, group: str) -> list[str]:
    """List what is installed, without importing any of it."""
    own = {
        m.name.replace("_", "-")
        for m in pkgutil.iter_modules(package.__path__)
        if not m.name.startswith("_")
    }
    return sorted(own | {e.name for e in _installed().select(group=group)})


def find(package: ModuleType, group: str, name: str) -> ModuleType:
    """Import the module called *name*; NotFound lists what is installed."""
    for entry in _installed().select(group=group, name=name):
        return entry.load()
    if name not in names(package, group):
        known = ", ".join(names(package, group))
        family = group.removeprefix("roadbed.").removesuffix("s")
        raise NotFound(f"no {family} is called {name!r}", hint=f"installed: {known}")
    return import_module(f"{package.__name__}.{name.replace('-', '_')}")


def _installed() -> EntryPoints:
    return _on_path(tuple(sys.path))


@lru_cache(maxsize=1)
def _on_path(_path: tuple[str, ...]) -> EntryPoints:
    """Return what the packages there offer: to read that takes 15 ms each time."""
    return cast(EntryPoints, entry_points())
