"""The gateways that ours is measured beside, each a file: how it installs and starts.

Each has NAME; `install(folder)`, which raises Gap with the reason if it does not
install from the public indexes; and `start(place)`, the words that start it.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MODEL = "gpt-4o-2024-08-06"


class Gap(Exception):
    """A peer cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Place:
    """Where a peer runs: its folder, its port and the upstream it forwards to."""

    folder: Path
    port: int
    upstream: str


@dataclass(frozen=True)
class Start:
    """How to start a peer and how to ask it."""

    words: tuple[str, ...]
    path: str = "/v1/chat/completions"
    model: str = MODEL
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_s: float = 60.0
    port: int = 0


def run(*words: object, cwd: Path | None = None) -> None:
    """Run a command; raise Gap with its last line if it fails."""
    done = subprocess.run(
        [str(w) for w in words], cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Gap(said[-1][:120] if said else f"{words[0]} failed")


def pip_install(folder: Path, package: str) -> Path:
    """Install *package* into a new environment in *folder*; return its programs."""
    programs = folder / "venv" / "bin"
    if not (folder / ".installed").exists():
        run(sys.executable, "-m", "venv", folder / "venv")
        run(programs / "python", "-m", "pip", "install", "--quiet", package)
        (folder / ".installed").touch()
    return programs


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with *more* in it."""
    return {**os.environ, **more}
