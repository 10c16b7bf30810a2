"""Run a recorded run again: its code out of the bundle, in a folder for the moment."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from roadbed.core.errors import Invalid, NotFound
from roadbed.ports.code import Code, Tree
from roadbed.registry.recipe import Recipe, recipe_of
from roadbed.registry.runs import Run
from roadbed.workbench.bed import Bed
from roadbed.workbench.launch import Ended, Order, launch


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Which run is repeated, with which data, and as what.

    With `rehearsal` nothing is registered. `quiet` keeps what the program prints away.
    """

    run: Run
    pins: Mapping[str, int] = field(default_factory=dict)
    rehearsal: bool = False
    quiet: bool = False
    begun: Callable[[str], None] = lambda run_id: None


def repeat(bed: Bed, code: Code, again: Again) -> Ended:
    """Run it again and return how that ended; raise Invalid where nobody can."""
    how = checked(again.run)
    with _code(bed, code, again.run, how) as folder:
        where = folder / how.folder
        where.mkdir(parents=True, exist_ok=True)
        kept = {**again.run.code}
        known = replace(how, reproduces=again.run.id if again.rehearsal else "")
        kept["recipe"] = known.content()
        order = Order(
            argv=how.argv,
            name=again.run.name,
            pins=again.pins,
            where=where,
            how=known,
            code=kept,
            quiet=again.quiet,
            begun=again.begun,
        )
        return launch(bed, order)


def checked(run: Run) -> Recipe:
    """Return the recipe of *run*; raise Invalid, saying why it cannot be run again."""
    how = recipe_of(run)
    problem = how.problem
    kept = run.code.get("bundle") or (how.entry and how.entry in how.files)
    if not problem and not kept:
        problem = "its code is not kept: no repository, or one that is too large"
    if problem:
        raise Invalid(
            f"run {run.id} cannot be run again: {problem}",
            hint="start runs as `roadbed run -- python train.py` in a repository",
        )
    return how


@contextmanager
def _code(bed: Bed, code: Code, run: Run, how: Recipe) -> Iterator[Path]:
    """Write the code of *run* into a folder that is gone afterwards."""
    files = {name: b"".join(bed.blobs.get(d)) for name, d in how.files.items()}
    with tempfile.TemporaryDirectory(prefix="roadbed-again-") as name:
        folder = Path(name)
        bundle = str(run.code.get("bundle") or "")
        if not bundle:
            for path, data in files.items():
                _write(folder, path, data)
            yield folder
            return
        patch = str(run.code.get("patch") or "")
        tree = Tree(
            commit=str(run.code["commit"]),
            bundle=bed.blobs.path(bundle),
            patch=b"".join(bed.blobs.get(patch)) if patch else b"",
            files=files,
        )
        code.checkout(tree, folder)
        yield folder


def _write(folder: Path, path: str, data: bytes) -> None:
    file = folder / path
    if not file.resolve().is_relative_to(folder.resolve()):
        raise NotFound(f"{path!r} is no path below the folder")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
