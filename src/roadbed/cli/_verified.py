"""What `model verify` verifies, how it is printed, and which exit code it has."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadbed.cli._output import print_json, print_table

if TYPE_CHECKING:
    from roadbed.control.proof.link import Verified


def show(found: "Verified", output: str) -> None:
    """Print every hop; exit with 1 if one is broken."""
    if output == "json":
        print_json(found.to_json())
    else:
        rows = [(x.state, x.kind, x.name, x.digest[:19], x.reason) for x in found.links]
        print_table(("state", "hop", "name", "digest", "reason"), rows)
        click.echo(found)
    if found.broken:
        raise SystemExit(1)


def of_version(version: str) -> "Verified":
    """Verify a version of the line in this folder."""
    from roadbed.cli._session import session
    from roadbed.control import seen
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(str(ref)) as line:
        whole = line.app.prover.version(ref)
        with line.app.database.read() as connection:
            return seen.verified(line.viewer, connection, whole)


def of_bundle(file: Path, key: Path | None) -> "Verified":
    """Verify a bundle with nothing but the file and the key."""
    from roadbed.control.proof.offline import read_keys, verify_bundle
    from roadbed.core.errors import Invalid
    from roadbed.registry.proof.bundle import read_bundle

    if key is None:
        raise Invalid(
            "whose signature is to be believed?",
            hint="give a file with public keys: --key FILE",
        )
    keys = read_keys(key.read_text("utf-8", "replace"))
    return verify_bundle(read_bundle(file), keys)
