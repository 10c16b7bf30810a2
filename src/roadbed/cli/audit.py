"""`roadbed audit`: the log of changes and refusals, and its proof."""

from pathlib import Path
from typing import Any

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table


@click.group()
def command() -> None:
    """Read, export and verify the audit log."""


@command.command("list")
@click.option("--actor", default="", help="Only what this actor did.")
@click.option("--action", default="", help="Only this action, such as stack.apply.")
@click.option("--outcome", type=click.Choice(["done", "denied"]), help="Only these.")
@click.option("--before", type=int, help="Only entries before this number.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many at most.",
)
@output_option
@acts("audit.read")
def list_(
    actor: str,
    action: str,
    outcome: str | None,
    before: int | None,
    limit: int,
    output: str,
) -> None:
    """List entries, newest first."""
    from roadbed.audit.log import AuditQuery
    from roadbed.cli._session import session
    from roadbed.core.clock import to_text

    query = AuditQuery(
        actor=actor,
        action=action,
        outcome=outcome,  # pyright: ignore[reportArgumentType]
        before_seq=before,
        limit=limit,
    )
    with session("audit") as line:
        entries = line.app.audit.search(query)
    rows = [
        {
            "seq": e.seq,
            "at": to_text(e.at_us),
            "actor": e.actor,
            "action": e.action,
            "resource": e.resource,
            "outcome": e.outcome,
            "detail": dict(e.detail),
        }
        for e in entries
    ]
    if output == "json":
        print_json({"entries": rows})
        return
    columns = ("seq", "at", "actor", "action", "resource", "outcome")
    print_table(columns, [[row[c] for c in columns] for row in rows])


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@acts("audit.verify")
def export(file: Path) -> None:
    """Write everything a verification needs to FILE, for somebody else to check.

    FILE is a tar with the log as C2SP lays it out: checkpoint, tiles, entries.
    """
    from roadbed.audit.bundle import opened
    from roadbed.audit.tar import write_tar
    from roadbed.cli._session import session

    with session("audit") as line:
        line.note("audit.export", "Audit/log")
        line.app.audit.checkpoint()
        log = opened(line.app.database, line.app.checkpoints, line.app.copies)
        with log as bundle, file.open("wb") as out:
            write_tar(out, bundle, line.app.public_key)
    click.echo(f"wrote {file}; check it with `roadbed audit verify --bundle {file}`")


@command.command()
@click.argument("seq", type=click.IntRange(1, 10**18 - 1))
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@acts("audit.read")
def prove(seq: int, file: Path | None) -> None:
    """Write the proof of entry number SEQ to FILE, or to SEQ.tlog-proof.

    The proof holds the entry; who has the public key needs nothing else.
    """
    from roadbed.cli._session import session

    file = file or Path(f"{seq}.tlog-proof")
    with session("audit") as line:
        proof = line.app.audit.prove(seq)
    file.write_text(str(proof), "utf-8")
    click.echo(f"wrote {file}; check it with `roadbed audit verify --proof {file}`")


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@command.command()
@click.option("--bundle", type=_FILE, help="Verify this exported log, offline.")
@click.option("--proof", type=_FILE, help="Verify this proof of one entry, offline.")
@click.option(
    "--key",
    metavar="KEYFILE|LINE",
    help="The public key the log must be signed with. Default: this line's own.",
)
@click.option("--origin", default="", help="The log it must be, if keys are several.")
@click.option(
    "--checkpoint",
    "earlier",
    type=_FILE,
    help="A checkpoint that you kept: the log must have grown out of it.",
)
@click.option(
    "--call",
    "calls",
    multiple=True,
    help="Also prove that this call is in the log, byte for byte. May be repeated.",
)
@output_option
@acts("audit.verify")
def verify(calls: tuple[str, ...], output: str, **offline: Any) -> None:
    """Verify the log: every entry, every checkpoint, every copy of one.

    With --bundle or --proof nothing is needed but that file and the key: no line, no
    database. Exits with 1 and names what is wrong if anything was edited, cut off or
    forged.
    """
    from roadbed.cli._verify import Offline, verify_own

    asked = Offline(**offline)
    found = asked.verify() if asked.file else verify_own(calls)
    if output == "json":
        print_json(found.to_json())
    else:
        click.echo("\n".join(found.lines))
    if not found.verified:
        raise SystemExit(1)


@command.command()
@output_option
@acts("audit.rotate")
def rotate(output: str) -> None:
    """Make a new key that signs the statements of model versions from now on.

    The private half of the key before it is destroyed on this machine; what it signed
    is verified as before. Run it on each machine that keeps keys of its own.
    """
    from roadbed.cli._session import session

    with session("statement-keys") as line:
        kid = line.app.prover.notary.rotate(line.app.database, line.actor)
    if output == "json":
        print_json({"key": kid})
        return
    click.echo(f"statements are signed by the key {kid} from now on")
