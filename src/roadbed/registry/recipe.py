"""A recipe: what was typed, and where in the repository, so that it can be run again.

It is kept in the `code` of a run's record, which the audit log holds the digest of.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from roadbed.registry.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a run is run.

    `argv` are its words, with `python` for whichever interpreter ran it; `folder` is
    the working folder below the top of the repository; `entry` is the script, below
    that top too. `files` are the digests of files that no commit holds, by path.
    `modules` are the files of the repository that it loaded. `reproduces` is the run
    that it repeats; `problem` says why it cannot be run again, if so.
    """

    argv: tuple[str, ...] = ()
    folder: str = ""
    entry: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    reproduces: str = ""
    problem: str = ""

    def content(self) -> dict[str, Any]:
        """Return it as plain JSON, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value}


def recipe_of(run: Run) -> Recipe:
    """Return the recipe of *run*; its `problem` says why it is none."""
    kept = run.code.get("recipe")
    if not isinstance(kept, Mapping):
        return Recipe(problem="its record holds no recipe")
    known = {n: kept[n] for n in Recipe.__dataclass_fields__ if n in kept}
    for name in ("argv", "modules"):
        known[name] = tuple(known.get(name, ()))
    return Recipe(**known)
