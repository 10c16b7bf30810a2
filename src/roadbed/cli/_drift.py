"""Endpoints that serve something else than Git says, and the patches that say so."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadbed.cli._output import plain

if TYPE_CHECKING:
    from roadbed.control.rollouts import Drift


@dataclass(frozen=True, slots=True)
class Mended:
    """One endpoint that drifted, and the patch that pins what it serves.

    `patch` is empty if the folder has no file that declares the endpoint.
    """

    drift: "Drift"
    patch: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self.drift), "patch": self.patch}

    def __str__(self) -> str:
        """Return in one line what is served, and why."""
        d = self.drift
        return (
            f"{d.endpoint} serves {d.served}, and {d.file}:{d.line} pins {d.pinned}: "
            f"{d.reason} ({d.rollout})"
        )


def mended(drifts: "Iterable[Drift]", folder: Path) -> list[Mended]:
    """Return those that *folder* does not mend already, each with its patch."""
    from roadbed.control.rollouts import patch_of
    from roadbed.core.errors import Conflict

    root, found = folder if folder.is_dir() else folder.parent, list[Mended]()
    for drift in drifts:
        file = root / drift.file
        try:
            patch = patch_of(drift, file.read_text("utf-8")) if file.is_file() else ""
        except Conflict:
            continue  # It pins another version now: applying that ends the drift.
        found.append(Mended(drift, patch))
    return found


def show(found: Sequence[Mended]) -> None:
    """Print what drifted, and the patches, ready for `git apply`."""
    for each in found:
        mark = click.style("drift:", fg="yellow", bold=True)
        click.echo(f"{mark} {plain(str(each))}")
    patches = [each.patch for each in found if each.patch]
    if patches:
        click.echo("hint: this pins what is served; `git apply` takes it")
    for patch in patches:
        click.echo(patch, nl=False)
