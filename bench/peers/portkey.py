"""Portkey's open gateway, on Node."""

import shutil

from peers import Gap, Place, Start, run

NAME = "Portkey gateway"


def install(folder):
    """Install `@portkey-ai/gateway`."""
    if shutil.which("npm") is None:
        raise Gap("npm is not on this machine")
    if not (folder / "node_modules").exists():
        (folder / "package.json").write_text('{"private": true}')
        run(
            "npm",
            "install",
            "--silent",
            "--no-audit",
            "@portkey-ai/gateway",
            cwd=folder,
        )


def start(place: Place) -> Start:
    """Return how to start it, without its console."""
    program = "node_modules/@portkey-ai/gateway/build/start-server.js"
    return Start(
        words=(
            "node",
            str(place.folder / program),
            f"--port={place.port}",
            "--headless",
        ),
        headers={
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": place.upstream,
            "authorization": "Bearer none",
        },
    )
