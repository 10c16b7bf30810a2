"""Which code is running: the commit, and what was changed since, byte by byte."""

import hashlib
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadbed.core.digest import PREFIX, digest
from roadbed.settings import STATE_DIRECTORY

_TIMEOUT_S = 60
_MAX_UNTRACKED = 200
_MAX_HASHED_BYTES = 16 * 1024 * 1024
_MAX_BUNDLED_KIB = 32 * 1024
_URL = re.compile(r"(?P<scheme>https?|ssh|git)://(?:[^@/]*@)?(?P<rest>.+)")
_SCP = re.compile(r"[\w.-]+@[\w.-]+:\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What Git says about a folder, without a trace of the machine it is on.

    `patch` turns the commit into the tracked files as they are. Files that Git
    does not track are listed with their digests. `top` is where the repository is on
    this machine, and is not kept.
    """

    facts: dict[str, Any]
    patch: bytes = b""
    top: Path | None = None

    def content(self) -> dict[str, Any]:
        """Return it as plain JSON; the patch by its digest."""
        return {**self.facts, "patch": digest(self.patch) if self.patch else ""}


@dataclass(slots=True)
class _Git:
    """Runs Git in one folder; it takes no locks and starts no helpers."""

    folder: Path
    problem: str = field(default="", init=False)

    def __call__(self, *words: str) -> bytes | None:
        """Return what Git printed, or None if it failed; `problem` says why."""
        command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *words]
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError:
            self.problem = "git is not installed"
            return None
        except subprocess.TimeoutExpired:
            self.problem = f"git took longer than {_TIMEOUT_S} seconds"
            return None
        if done.returncode == 0:
            return done.stdout
        self.problem = "git refused" if b"ownership" in done.stderr else "no repository"
        return None


def observe(folder: Path) -> Code:
    """Return the code in *folder*; where there is no repository, it says so."""
    git = _Git(folder)
    inside = git("rev-parse", "--show-prefix")
    if inside is None:
        return Code(facts={"repository": False, "reason": git.problem})
    commit = _text(git("rev-parse", "--verify", "--quiet", "HEAD"))
    patch = b""
    if commit:
        whole = ("--binary", "--no-color", "--no-ext-diff", "--no-textconv")
        patch = git("diff", *whole, "HEAD", "--") or b""
    untracked = _untracked(git)
    return Code(
        top=Path(_text(git("rev-parse", "--show-toplevel"))),
        facts={
            "repository": True,
            "commit": commit,
            "branch": _text(git("symbolic-ref", "--quiet", "--short", "HEAD")),
            "remote": _remote(_text(git("remote", "get-url", "origin"))),
            "folder": _text(inside).rstrip("/"),
            "dirty": bool(patch or untracked or not commit),
            "untracked": untracked,
        },
        patch=patch,
    )


def top_of(folder: Path) -> Path | None:
    """Return the top of the repository that *folder* is in, None without one."""
    found = _text(_Git(folder)("rev-parse", "--show-toplevel"))
    return Path(found) if found else None


def bundle(top: Path) -> bytes:
    """Return the commit with its history as a Git bundle; nothing if it is large.

    With it the code is there again though the repository is not, or was rewritten.
    """
    git = _Git(top)
    sizes = dict(
        line.split(": ", 1)
        for line in _text(git("count-objects", "-v")).splitlines()
        if ": " in line
    )
    kib = sum(int(sizes.get(name, "0")) for name in ("size", "size-pack"))
    if kib > _MAX_BUNDLED_KIB or _text(git("rev-parse", "--is-shallow-repository")) != (
        "false"
    ):
        return b""
    words = ("-c", "pack.threads=1", "bundle", "create", "--quiet", "-", "HEAD")
    return git(*words) or b""


def _untracked(git: _Git) -> list[dict[str, str]]:
    top = Path(_text(git("rev-parse", "--show-toplevel")))
    listed = git(
        "ls-files", "--others", "--exclude-standard", "-z", "--full-name", str(top)
    )
    names = [name for name in (listed or b"").decode("utf-8", "replace").split("\0")]
    return [
        {"path": name, "digest": _digest(top / name)}
        for name in sorted(names)[:_MAX_UNTRACKED]
        if name and STATE_DIRECTORY not in Path(name).parts
    ]


def _digest(file: Path) -> str:
    """Return the digest of a file, or nothing if it is large or no plain file."""
    if not file.is_file() or file.stat().st_size > _MAX_HASHED_BYTES:
        return ""
    return PREFIX + hashlib.sha256(file.read_bytes()).hexdigest()


def _remote(url: str) -> str:
    """Return where the code comes from, without a password; nothing for a path."""
    if match := _URL.fullmatch(url):
        return f"{match['scheme']}://{match['rest']}"
    return url if _SCP.fullmatch(url) else ""


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "replace").strip()
