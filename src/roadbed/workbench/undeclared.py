"""Which dataset versions were read past the API: by their files, from a path."""

from collections.abc import Iterable
from pathlib import Path

from roadbed.core.digest import PREFIX, digest_stream
from roadbed.core.reference import VersionRef
from roadbed.data import origins
from roadbed.registry.runs import Input
from roadbed.workbench.tools import Tools
from roadbed.workbench.watch import unwatched

ROLE = "undeclared"
_PIECE = 1024 * 1024


def reads(tools: Tools, paths: Iterable[str], known: Iterable[Input]) -> list[Input]:
    """Return the versions that files at *paths* hold, besides those that are *known*.

    A file is known by its bytes: as one that a version was made of, or as one of our
    objects.
    """
    with tools.database.read() as connection:
        sizes = origins.sizes(connection)
        files, objects = _digests(paths, sizes)
        found = {
            **origins.of_files(connection, files),
            **origins.of_objects(connection, objects),
        }
    declared = {VersionRef(used.dataset, used.number) for used in known}
    return [
        Input(role=ROLE, dataset=ref.name, number=ref.number, digest=digest)
        for ref, digest in sorted(found.items())
        if ref not in declared
    ]


def _digests(paths: Iterable[str], sizes: frozenset[int]) -> tuple[set[str], set[str]]:
    files, objects = set(), set()
    for path in map(Path, paths):
        digest = "".join(path.parts[-2:])
        if path.parts[-3:-2] == ("sha256",) and len(digest) == 64:
            objects.add(PREFIX + digest)
        elif sizes and (named := _digest(path, sizes)):
            files.add(named)
    return files, objects


def _digest(path: Path, sizes: frozenset[int]) -> str:
    try:
        if not path.is_file() or path.stat().st_size not in sizes:
            return ""
        with unwatched(), path.open("rb") as file:
            return digest_stream(iter(lambda: file.read(_PIECE), b""))
    except OSError:
        return ""
