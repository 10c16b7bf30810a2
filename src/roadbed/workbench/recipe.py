"""How this process was started, as a recipe that holds no path of the machine."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from roadbed.registry.recipe import Recipe

INTERACTIVE = "it was run by hand, in a notebook or a shell"
ELSEWHERE = "its script is not below the folder that it worked in, or its repository"
PYTHON = "python"
_MOST = 500
_LARGEST = 1024 * 1024

Keep = Callable[[bytes], str]
"""Keeps bytes and returns their digest."""


def of_process(top: Path | None, folder: Path) -> Recipe:
    """Return how this process was started, in *folder* of the repository at *top*."""
    main = sys.modules.get("__main__")
    script = getattr(main, "__file__", None)
    if not script or hasattr(sys, "ps1") or "ipykernel" in sys.modules:
        return Recipe(problem=INTERACTIVE)
    entry = _below(Path(script), top or folder)
    if entry is None:
        return Recipe(problem=ELSEWHERE)
    words = [str(_below(Path(script), folder) or script), *sys.argv[1:]]
    return of_words([PYTHON, *words], top, folder)


def of_words(words: Sequence[str], top: Path | None, folder: Path) -> Recipe:
    """Return the recipe of a command with these *words*, typed in *folder*."""
    root = (top or folder).resolve()
    where = _below(folder, root)
    if where is None:
        return Recipe(problem=ELSEWHERE)
    argv = [PYTHON if _is_python(words[0]) else words[0], *words[1:]]
    for at, word in enumerate(argv):
        if Path(word).is_absolute() and (inside := _below(Path(word), folder)):
            argv[at] = inside
    script = next((w for w in argv if (folder / w).is_file()), "")
    entry = _below(folder / script, root) or "" if script else ""
    return Recipe(argv=tuple(argv), folder="" if where == "." else where, entry=entry)


def with_files(recipe: Recipe, root: Path, untracked: set[str], keep: Keep) -> Recipe:
    """Return *recipe* with its script kept, where no commit holds it."""
    if recipe.entry not in untracked:
        return recipe
    file = root / recipe.entry
    if file.stat().st_size > _LARGEST:
        return replace(recipe, problem="no commit holds its script, and it is large")
    return replace(recipe, files={recipe.entry: keep(file.read_bytes())})


def loaded(root: Path) -> tuple[str, ...]:
    """Return the files below *root* that this process has loaded as modules."""
    found = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        path = _below(Path(file), root) if isinstance(file, str) else None
        if path and "site-packages" not in path and not path.startswith("."):
            found.add(path)
    return tuple(sorted(found)[:_MOST])


def _is_python(word: str) -> bool:
    return word == sys.executable or Path(word).name.startswith(PYTHON)


def _below(path: Path, root: Path) -> str | None:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except (ValueError, OSError):
        return None
