"""The stack that `roadbed init` writes: small, commented, and yours from then on."""

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from roadbed.control.kinds import API_VERSION
from roadbed.control.schema import FILE, schema_text
from roadbed.core.errors import Conflict

_LARGEST = 1024 * 1024
_RENAMED = {"gitignore": ".gitignore"}


def starter_files() -> dict[str, bytes]:
    """Return the files of the starter stack by path, with the schema for editors."""
    root = resources.files("roadbed") / "starter"
    files = {_RENAMED.get(path, path): data for path, data in _walk(root, "")}
    return {FILE: schema_text().encode(), **dict(sorted(files.items()))}


def holds_stack(folder: Path) -> bool:
    """Say whether *folder* holds resources of Roadbed already."""
    files = (f for end in ("*.yaml", "*.yml") for f in folder.rglob(end))
    small = (f for f in files if f.is_file() and f.stat().st_size <= _LARGEST)
    return any(API_VERSION.encode() in file.read_bytes() for file in small)


def write_starter(folder: Path) -> list[Path]:
    """Write the starter stack into *folder* and return its files.

    Raises Conflict, and writes nothing, if one of them exists already; only a
    `.gitignore` that exists is added to, so that Git never sees the state.
    """
    files = starter_files()
    ignored = files.pop(".gitignore")
    taken = sorted(path for path in files if (folder / path).exists())
    if taken:
        raise Conflict(
            f"there is already a {taken[0]} here",
            hint="choose an empty folder; nothing was written",
        )
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    _ignore_state(folder / ".gitignore", ignored)
    return [folder / path for path in files]


def _ignore_state(file: Path, wanted: bytes) -> None:
    have = file.read_bytes() if file.exists() else b""
    if wanted.splitlines()[-1] not in have.splitlines():
        file.write_bytes(have.rstrip(b"\n") + b"\n\n" + wanted if have else wanted)


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.name.startswith((".", "_")):
            continue
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        else:
            yield f"{prefix}{item.name}", item.read_bytes()
