"""`roadbed model`: model versions, who vouches for them, and their end."""

from pathlib import Path

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table


@click.group()
def command() -> None:
    """Look at models and their immutable versions, approve and withdraw them."""


@command.command("list")
@click.argument("model", required=False)
@output_option
@acts("model.read")
def list_(model: str | None, output: str) -> None:
    """List the versions of MODEL, or of all models, newest first."""
    from roadbed.cli._session import listing, session
    from roadbed.control import seen
    from roadbed.core.clock import to_text

    with (
        session(model) if model else listing() as line,
        line.app.database.read() as connection,
    ):
        names = [model] if model else seen.models(line.viewer, connection)
        found = [v for n in names for v in seen.versions(line.viewer, connection, n)]
    rows = [
        {
            "version": str(v),
            "kind": v.kind,
            "digest": v.digest,
            "made": to_text(v.created_us),
            "by": v.actor,
            "run": v.run_id or "",
        }
        for v in found
    ]
    if output == "json":
        print_json({"versions": rows})
        return
    if not rows:
        whose = f"{model} has no versions" if model else "no versions yet"
        click.echo(f"{whose}; apply a stack, or register one from a run")
        return
    columns = ("version", "kind", "digest", "made", "by")
    print_table(columns, [[row[c] for c in columns] for row in rows])


@command.command()
@click.argument("version")
@acts("version.read")
def get(version: str) -> None:
    """Print VERSION, such as support-bot@7, and its model card, as JSON."""
    from roadbed.cli._session import session
    from roadbed.control.cards import card_of
    from roadbed.core.reference import parse
    from roadbed.registry.versions import get_version

    ref = parse(version)
    with session(str(ref)) as line, line.app.database.read() as connection:
        found = get_version(connection, ref)
        said = card_of(connection, ref)
    print_json(
        {
            "version": str(found),
            "digest": found.digest,
            "definition": dict(found.definition),
            "made_by": found.actor,
            "run": found.run_id,
            **said,
        }
    )


@command.command()
@click.argument("left")
@click.argument("right")
@output_option
@acts("version.read")
def diff(left: str, right: str, output: str) -> None:
    """Say what changed from LEFT, such as support@5, to RIGHT: support@7 or @7.

    The change that is most likely responsible comes first, with the reason.
    """
    from dataclasses import replace

    from roadbed.cli._session import session
    from roadbed.control.questions.render import render
    from roadbed.core.reference import parse

    before = parse(left)
    after = parse(before.name + right if right.startswith("@") else right)
    with session(str(before)) as line:
        line.also("version.read", "ModelVersion", str(after))
        comparer = line.app.comparer(line.may_read)
        mine = replace(comparer, may_report=line.may_see)
        changes = mine.of_versions(before, after)
    print_json(changes.to_json()) if output == "json" else click.echo(render(changes))


@command.command()
@click.argument("version")
@output_option
@acts("version.read")
def lineage(version: str, output: str) -> None:
    """Say where VERSION comes from: its run, its data, and what it goes on from."""
    from roadbed.cli._session import session
    from roadbed.control import seen
    from roadbed.control.questions.lineage import lineage_of, told
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(str(ref)) as line, line.app.database.read() as connection:
        whole = lineage_of(connection, ref)
        found = seen.lineage(line.viewer, connection, whole)
    print_json(found.to_json()) if output == "json" else click.echo(
        "\n".join(told(found))
    )


@command.command()
@click.argument("version")
@output_option
@acts("version.read")
def status(version: str, output: str) -> None:
    """Say whether VERSION is in service or was replaced, since when, and by whom."""
    from roadbed.cli._session import session
    from roadbed.control import seen
    from roadbed.control.questions.standing import status_of
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(str(ref)) as line, line.app.database.read() as connection:
        whole = status_of(connection, ref)
        found = seen.status(line.viewer, connection, whole)
    print_json(found.to_json()) if output == "json" else click.echo(
        "\n".join(found.lines())
    )


@command.command()
@click.argument("version")
@click.option("--reason", default="", help="Why, for the log and whoever reads it.")
@output_option
@acts("version.approve")
def approve(version: str, reason: str, output: str) -> None:
    """Vouch for VERSION, such as support-bot@7, which somebody else made."""
    from dataclasses import asdict

    from roadbed.cli._session import session
    from roadbed.core.reference import parse
    from roadbed.registry.approvals import approve as write

    ref = parse(version)
    with (
        session(str(ref)) as line,
        line.recorded("version.approve", f"ModelVersion/{ref}"),
        line.app.database.write() as connection,
    ):
        made = write(connection, ref, line.actor, reason, line.app.now_us())
    if output == "json":
        print_json(asdict(made))
        return
    click.echo(f"{made.approver} approves {ref}, {made.digest}")


@command.command()
@click.argument("version")
@click.option("--reason", default="", help="Why, for the log and whoever reads it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
@acts("version.delete")
def withdraw(version: str, reason: str, yes: bool, output: str) -> None:
    """Withdraw VERSION for good: it can never be pinned or loaded again."""
    from dataclasses import asdict

    from roadbed.cli._session import confirm, session
    from roadbed.control.withdraw import withdraw_version
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(str(ref)) as line:
        confirm(f"Withdraw {ref} for good?", yes=yes)
        with line.app.database.write() as connection:
            made = withdraw_version(
                connection, ref, line.actor, reason, line.app.now_us()
            )
    if output == "json":
        print_json(asdict(made))
        return
    click.echo(f"withdrawn: {ref}; its history stays")


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@command.command()
@click.argument("version", required=False)
@click.option("--bundle", type=_FILE, help="Verify this exported version, offline.")
@click.option(
    "--key", type=_FILE, help="With --bundle: the file with the public keys to trust."
)
@output_option
@acts("version.read")
def verify(
    version: str | None, bundle: Path | None, key: Path | None, output: str
) -> None:
    """Verify VERSION, such as tumor-triage@3, and all that it was made of.

    Its row, its signed statement, its artifacts, its run, the data and the versions
    that it goes on from are held to the audit log, and every byte is hashed again.
    With --bundle nothing is needed but that file and the key. Exits with 1 and names
    what is broken, if anything is.
    """
    from roadbed.cli._verified import of_bundle, of_version, show

    if bundle is None and version is None:
        raise click.UsageError("name a version, or a file with --bundle")
    found = of_version(version or "") if bundle is None else of_bundle(bundle, key)
    show(found, output)


@command.command()
@click.argument("version")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["bundle", "cyclonedx", "key", "model-signing"]),
    default="bundle",
    show_default=True,
    help="What to write.",
)
@acts("version.read")
def export(version: str, target: Path, kind: str) -> None:
    """Write VERSION to TARGET, for somebody else to verify.

    `bundle`: one file that `roadbed model verify --bundle` verifies offline.
    `model-signing`: a folder, and an OpenSSF model signature beside it.
    `cyclonedx`: a bill of materials with the model card. `key`: the public keys.
    """
    from roadbed.cli._exported import write

    click.echo(write(version, target, kind))
