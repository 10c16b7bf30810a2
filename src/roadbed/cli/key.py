"""`roadbed key`: the keys of service accounts."""

import click

from roadbed.cli._acts import acts
from roadbed.cli._output import output_option, print_json, print_table

_DAY_US = 86_400_000_000


@click.group()
def command() -> None:
    """Create, list and revoke the keys of service accounts."""


@command.command()
@click.argument("account")
@click.option(
    "--days",
    type=click.IntRange(1, 90),
    default=30,
    show_default=True,
    help="How long it works.",
)
@output_option
@acts("key.create")
def create(account: str, days: int, output: str) -> None:
    """Make a key for ACCOUNT and show it, once."""
    from roadbed.cli._session import account_session
    from roadbed.core.clock import to_text

    with account_session(account) as line:
        new = line.create_key(account, days * _DAY_US)
    facts = {
        "id": new.id,
        "account": new.account,
        "expires": to_text(new.expires_us),
        "secret": new.secret.reveal(),
    }
    if output == "json":
        print_json(facts)
        return
    click.echo(facts["secret"])
    note = f"key {new.id} of {account}, until {facts['expires']}; it is not shown again"
    click.echo(note, err=True)


@command.command("list")
@output_option
@acts("key.list")
def list_(output: str) -> None:
    """List the keys: whose, since when, until when. Never the keys themselves."""
    from roadbed.cli._session import listing
    from roadbed.control import seen
    from roadbed.core.clock import to_text

    with listing() as line:
        now_us = line.app.now_us()
        with line.app.database.read() as connection:
            keys = seen.keys(line.viewer, connection)
    rows = [
        {
            "id": k.id,
            "account": k.account,
            "state": "live" if k.live(now_us) else "ended",
            "created": to_text(k.created_us),
            "expires": to_text(k.expires_us),
            "created_by": k.created_by,
        }
        for k in keys
    ]
    if output == "json":
        print_json({"keys": rows})
        return
    columns = ("id", "account", "state", "created", "expires", "created_by")
    print_table(columns, [[row[c] for c in columns] for row in rows])


@command.command()
@click.argument("key_id")
@acts("key.revoke")
def revoke(key_id: str) -> None:
    """Revoke the key KEY_ID; running servers refuse it within a second."""
    from roadbed.cli._session import session
    from roadbed.identity.keys import revoke_key

    with (
        session(key_id) as line,
        line.app.database.write() as connection,
    ):
        revoke_key(connection, key_id, line.app.now_us(), revoked_by=line.actor)
    click.echo(f"revoked {key_id}")
