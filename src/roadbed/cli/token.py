"""`roadbed token`: exchange proofs of identity for tokens, revoke and read them."""

from typing import IO

import click

from roadbed.cli._acts import PUBLIC, acts
from roadbed.cli._output import output_option, plain, print_json

_LARGEST = 16 * 1024


@click.group()
def command() -> None:
    """Exchange, revoke and inspect access tokens."""


@command.command()
@click.argument("file", type=click.File("r"), default="-")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["access", "workload", "person"]),
    default="access",
    show_default=True,
    help="What FILE holds: one of our tokens or a key, a token that a Federation "
    "names, or an ID token of an IdentityProvider.",
)
@click.option(
    "--actor",
    type=click.File("r"),
    help="A file with the access token of who acts for the subject.",
)
@click.option(
    "--scope", "scopes", multiple=True, help="An action that it is for; all if absent."
)
@output_option
@acts(PUBLIC)
def exchange(
    file: IO[str],
    kind: str,
    actor: IO[str] | None,
    scopes: tuple[str, ...],
    output: str,
) -> None:
    """Exchange the proof in FILE, or on standard input, for a short access token.

    Works on the line whose state is here. The token is printed and kept nowhere.
    """
    from roadbed.cli._session import line
    from roadbed.control.token_service import Shown, Wanted
    from roadbed.core.clock import to_text
    from roadbed.core.secret import Secret
    from roadbed.identity import prove

    types = {"access": prove.ACCESS_TOKEN, "workload": prove.JWT}
    shown = Shown(token=Secret(_read(file)), type=types.get(kind, prove.ID_TOKEN))
    acting = actor and Shown(token=Secret(_read(actor)))
    with line() as app:
        wanted = Wanted(subject=shown, actor=acting, scope=scopes or None)
        issued = app.exchange(wanted)
        app.audit.checkpoint()
    proof = issued.grant.proof
    facts = {
        "access_token": issued.token.reveal(),
        "id": proof.id,
        "subject": str(proof.subject),
        "expires": to_text(proof.expires_us),
        "scope": None if proof.scope is None else sorted(proof.scope),
    }
    if output == "json":
        print_json(facts)
        return
    click.echo(facts["access_token"])
    note = f"token {proof.id} for {proof.subject}, until {facts['expires']}"
    click.echo(plain(note), err=True)


@command.command()
@click.argument("token_id", required=False)
@click.option(
    "--subject",
    default="",
    help="End all that agent:NAME, service-account:NAME or user:ISSUER#SUBJECT has.",
)
@acts("token.revoke")
def revoke(token_id: str | None, subject: str) -> None:
    """Revoke the token TOKEN_ID (its claim `jti`), or all tokens of a subject.

    Running servers refuse them within a second, and what was made from them.
    """
    from roadbed.cli._session import session
    from roadbed.control.targets import tokens_of
    from roadbed.core.errors import Invalid
    from roadbed.identity.revocations import revoke_subject, revoke_token

    if bool(token_id) == bool(subject):
        raise Invalid("name either a token or a subject", hint="--subject agent:NAME")
    with session("*") as line:
        line.require_on(
            "token.revoke", tokens_of(line.directory, subject or str(token_id))
        )
        now_us = line.app.now_us()
        with line.app.database.write() as connection:
            if token_id:
                revoke_token(connection, token_id, now_us, revoked_by=line.actor)
            else:
                revoke_subject(connection, subject, now_us, revoked_by=line.actor)
    click.echo(f"revoked {plain(token_id or subject)}")


@command.command()
@click.argument("file", type=click.File("r"), default="-")
@acts(PUBLIC)
def inspect(file: IO[str]) -> None:
    """Show what the token in FILE, or on standard input, says; verify nothing.

    Whoever wrote it can say anything. The signature is not shown.
    """
    from roadbed.identity.jwt import read

    told = read(_read(file))
    click.echo("not verified: anybody can write a token that says this", err=True)
    print_json({"header": dict(told.header), "claims": dict(told.claims)})


def _read(file: IO[str]) -> str:
    """Return the token in *file*; raise Invalid if there is none."""
    from roadbed.core.errors import Invalid

    text = file.read(_LARGEST).strip()
    if not text:
        raise Invalid("no token came in", hint="pipe it in, or name a file")
    return text
