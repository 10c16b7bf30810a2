"""Find an implementation by name: the name of the file is the name in the config."""

import pkgutil
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType

from roadbed.core.errors import NotFound


def names(package: ModuleType, group: str) -> list[str]:
    """List what is installed, without importing any of it."""
    own = {
        m.name.replace("_", "-")
        for m in pkgutil.iter_modules(package.__path__)
        if not m.name.startswith("_")
    }
    return sorted(own | {e.name for e in entry_points(group=group)})


def find(package: ModuleType, group: str, name: str) -> ModuleType:
    """Import the module called *name*; NotFound lists what is installed."""
    for entry in entry_points(group=group, name=name):
        return entry.load()
    if name not in names(package, group):
        known = ", ".join(names(package, group))
        family = group.removeprefix("roadbed.").removesuffix("s")
        raise NotFound(f"no {family} is called {name!r}", hint=f"installed: {known}")
    return import_module(f"{package.__name__}.{name.replace('-', '_')}")
