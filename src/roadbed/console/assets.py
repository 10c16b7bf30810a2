"""The files the pages need, read once, each named by the hash of its content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response

from roadbed.core.errors import NotFound

PREFIX = "/console/static"
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    content: bytes
    media_type: str
    hash: str


class Assets:
    """All files under `static/` that a browser may have: styles, scripts, images."""

    def __init__(self, files: Mapping[str, Asset]) -> None:
        self._files = files

    @classmethod
    def load(cls) -> "Assets":
        """Read the files from the package."""
        return cls(dict(_walk(resources.files("roadbed.console") / "static", "")))

    def url(self, name: str) -> str:
        """Return the address of *name*, which changes when the file does."""
        return f"{PREFIX}/{name}?v={self._files[name].hash}"

    async def send(self, request: Request) -> Response:
        """Answer with the file; kept for ever if the address names its hash."""
        asset = self._files.get(request.path_params["name"])
        if asset is None:
            return _missing()
        exact = request.query_params.get("v") == asset.hash
        return Response(
            asset.content,
            media_type=asset.media_type,
            headers={
                "Cache-Control": _FOREVER if exact else "no-cache",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'",
                "Cross-Origin-Resource-Policy": "same-origin",
            },
        )


def _missing() -> Response:
    return Response("no such file\n", NotFound.status, media_type="text/plain")


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            found += _walk(entry, name + "/")
        elif (ending := entry.name.rpartition(".")[2]) in _TYPES:
            content = entry.read_bytes()
            hashed = hashlib.sha256(content).hexdigest()[:16]
            found.append((name, Asset(content, _TYPES[ending], hashed)))
    return found
