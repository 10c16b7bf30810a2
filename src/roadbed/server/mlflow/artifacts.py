"""Files: listed, sent and taken in as they come; what a version rests on stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.registry.clients import logged, tracked
from roadbed.registry.clients.logged import FOLDER
from roadbed.registry.tracking.artifacts import check_path
from roadbed.registry.tracking.versions import files_of
from roadbed.server.mlflow import shapes
from roadbed.server.mlflow.errors import NotOffered
from roadbed.server.mlflow.locate import run_called, run_id_of, run_named
from roadbed.server.mlflow.route import Asked, Download, Sought, route
from roadbed.server.mlflow.seek import logged_called, version_called

REGISTRY = "registry"
"""The folder of what was registered: read from the definition, never written to."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that an address of files names.

    Files below `prefix` of the run `run_id`, or those of a `version`; `path` is what
    was asked for below it.
    """

    path: str
    run_id: str = ""
    prefix: str = ""
    model: str = ""
    version: tuple[str, int] | None = None

    @property
    def whole(self) -> str:
        """Return the path below the run."""
        return "/".join(part for part in (self.prefix, self.path) if part)


def read_spot(address: str) -> Spot:
    """Read an address of files; raise NotFound for what is none."""
    parts = address.strip("/").split("/")
    match parts if all(parts) else []:
        case [_, "models", model, "artifacts", *rest]:
            return Spot("/".join(rest), prefix=f"{FOLDER}/{model}", model=model)
        case [where, model, number, *rest] if where == REGISTRY and number.isdigit():
            return Spot("/".join(rest), version=(model, int(number[:9])))
        case [_, run_id, "artifacts", *rest]:
            return Spot("/".join(rest), run_id=run_id)
    raise NotFound(f"No such artifact: {address[:200]!r}")


def list_of_run(ask: Asked) -> dict[str, Any]:
    """List what stands directly below a folder of a run."""
    run_id, below = run_id_of(ask), _folder(ask.fields.text("path", 1_000))
    with ask.services.database.read() as connection:
        run = tracked.get(connection, run_id)
    found = [(a.path, a.bytes) for a in ask.artifacts.list(run_id)]
    own_files = [(p, size) for p, size in found if not p.startswith(f"{FOLDER}/")]
    return {
        "root_uri": shapes.root_of(run),
        "files": shapes.files(own_files, below, whole=True),
    }


def list_below(ask: Asked) -> dict[str, Any]:
    """List what stands directly below an address."""
    spot = read_spot(ask.fields.text("path", 2_000))
    if spot.version is None:
        ask.must_see(_seek(ask, spot), "run.read")
    else:
        with ask.services.database.read() as connection:
            sought = version_called(connection, *spot.version)
        ask.must_see(sought, "version.read")
    found, below = _files(ask, spot)
    return {"files": shapes.files(found, below, whole=False)}


def download(ask: Asked) -> Download:
    """Send a file; its bytes were compared with their digest before the first goes."""
    spot = read_spot(ask.params["path"])
    found, pieces = ask.artifacts.get(_keeper(ask, spot), spot.whole)
    return Download(pieces, found.bytes, _name(spot.path))


def download_of_version(ask: Asked) -> Download:
    """Send a file of a version, as its definition names it."""
    path = ask.params["path"]
    with ask.services.database.read() as connection:
        number = int(ask.params["number"])
        file = files_of(connection, ask.params["model"], number).get(path)
    if file is None:
        raise NotFound(f"No such artifact: {path[:200]!r}")
    return Download(ask.blobs.get(file.digest), file.bytes, _name(path))


def closed(ask: Asked) -> dict[str, Any]:
    """Say that the files of a registered version stay as they are."""
    raise Conflict(
        "the files of a registered version stay as they are",
        hint="log another model, and register that",
    )


def upload(ask: Asked) -> dict[str, Any]:
    """Take a file in as it comes; it takes the place of an earlier one."""
    spot = read_spot(ask.params["path"])
    check_path(spot.path)
    if not spot.model and spot.path.startswith(f"{FOLDER}/"):
        raise Invalid(f"{FOLDER!r} is the folder of logged models")
    ask.artifacts.put(_keeper(ask, spot), spot.whole, ask.pieces())
    return {}


def delete(ask: Asked) -> dict[str, Any]:
    """Remove a file, or a folder, of a run; not if a version rests on any of it."""
    spot = read_spot(ask.params["path"])
    ask.artifacts.remove(_keeper(ask, spot), spot.whole)
    return {}


def not_offered(ask: Asked) -> dict[str, Any]:
    """Say that files are sent whole; clients fall back to that."""
    raise NotOffered(
        "files are sent whole, through this server",
        hint="unset MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD",
    )


def spot_named(ask: Asked) -> Sought:
    """Find the run whose files an address names."""
    return _seek(ask, read_spot(ask.params["path"]))


def _seek(ask: Asked, spot: Spot) -> Sought:
    """Find the run that keeps the files of a spot."""
    if spot.model:
        return logged_called(ask, spot.model)
    with ask.services.database.read() as connection:
        return run_called(connection, spot.run_id)


def version_at(ask: Asked) -> Sought:
    """Find the version whose files an address names."""
    number = ask.params["number"]
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise NotFound(f"No such artifact: {number[:80]!r}")
    with ask.services.database.read() as connection:
        return version_called(connection, ask.params["model"], int(number))


def _files(ask: Asked, spot: Spot) -> tuple[Sequence[tuple[str, int]], str]:
    if spot.version is not None:
        with ask.services.database.read() as connection:
            kept = files_of(connection, *spot.version)
        return [(path, file.bytes) for path, file in kept.items()], spot.path
    found = ask.artifacts.list(_keeper(ask, spot), spot.prefix)
    shown = [(a.path, a.bytes) for a in found]
    if not spot.model:
        shown = [(p, size) for p, size in shown if not p.startswith(f"{FOLDER}/")]
    return shown, spot.whole


def _keeper(ask: Asked, spot: Spot) -> str:
    """Return the run that keeps the files of a spot."""
    if not spot.model:
        return spot.run_id
    with ask.services.database.read() as connection:
        return logged.get(connection, spot.model).run_id


def _folder(path: str) -> str:
    path = path.strip("/")
    if path:
        check_path(path)
    return path


def _name(path: str) -> str:
    return path.rpartition("/")[2] or "artifact"


_READ, _WRITE = "run.read", "run.write"
_FILES = "/api/2.0/mlflow-artifacts/artifacts"
_VERSION = f"{_FILES}/{REGISTRY}/{{model}}/{{number}}/{{path}}"
_MULTIPART = "/api/2.0/mlflow-artifacts/mpu"
ROUTES = (
    route("GET", "artifacts/list", _READ, list_of_run, "List files", locate=run_named),
    route("GET", _FILES, _READ, list_below, "List files by address", lists=True),
    route(
        "GET",
        _VERSION,
        "version.read",
        download_of_version,
        "Send a file of a registered version",
        locate=version_at,
    ),
    *(
        route(
            method,
            _VERSION,
            "version.read",
            closed,
            "Say that registered files stay",
            locate=version_at,
            uploads=True,
        )
        for method in ("PUT", "DELETE")
    ),
    route(
        "GET",
        f"{_FILES}/{{path}}",
        _READ,
        download,
        "Send a file",
        locate=spot_named,
    ),
    route(
        "PUT",
        f"{_FILES}/{{path}}",
        _WRITE,
        upload,
        "Take a file in",
        locate=spot_named,
        uploads=True,
    ),
    route(
        "DELETE",
        f"{_FILES}/{{path}}",
        _WRITE,
        delete,
        "Remove files that no version rests on",
        locate=spot_named,
    ),
    *(
        route(
            "POST",
            f"{_MULTIPART}/{act}/{{path}}",
            _WRITE,
            not_offered,
            "Say that files are sent whole",
            locate=spot_named,
        )
        for act in ("create", "complete", "abort")
    ),
    route(
        "GET",
        "/api/2.0/mlflow-artifacts/presigned/{path}",
        _READ,
        not_offered,
        "Say that files are sent through the server",
        locate=spot_named,
    ),
)
