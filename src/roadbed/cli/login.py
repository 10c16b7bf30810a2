"""`roadbed login`: as a person, or with the bootstrap token for the first key."""

import sys
from typing import TYPE_CHECKING

import click

from roadbed.cli._acts import PUBLIC, acts

if TYPE_CHECKING:
    from roadbed.app import App, Gate
    from roadbed.identity.directory import Company


@click.command()
@click.option("--provider", default="", help="The IdentityProvider to sign in with.")
@acts(PUBLIC)
def command(provider: str) -> None:
    """Sign in with the company's identity provider, or redeem a token for a key.

    Without a browser on this machine: open the address that is shown on any device
    and confirm the code. What proves you afterwards is kept in the keyring of the
    operating system, or in the state directory, readable by its owner only.

    A bootstrap token, piped in, buys the first key of the service account
    `operator`. An existing key can be kept the same way: give it instead.
    """
    from roadbed.cli._session import line

    with line() as app:
        token = "" if provider else _piped()
        if token:
            _with_token(app, token)
            return
        gate = app.gate()
        company = _company(gate, provider)
        if company is not None:
            _as_person(app, gate, company)
        elif sys.stdin.isatty():
            _with_token(app, click.prompt("bootstrap token or key", hide_input=True))
        else:
            raise _nothing()


def _piped() -> str:
    return "" if sys.stdin.isatty() else sys.stdin.read().strip()


def _company(gate: "Gate", name: str) -> "Company | None":
    """Return the provider called *name*, or the only one, None if there is none."""
    from roadbed.core.errors import Invalid, NotFound

    known = sorted(gate.directory.companies.values(), key=lambda c: c.name)
    listed = ", ".join(company.name for company in known) or "none"
    if name:
        found = gate.directory.company(name)
        if found is None:
            raise NotFound(
                f"no identity provider is called {name[:80]!r}",
                hint=f"declared: {listed}",
            )
        return found
    offered = [company for company in known if company.device_client_id]
    if len(offered) > 1:
        raise Invalid(
            "several identity providers are declared", hint=f"--provider, of: {listed}"
        )
    return offered[0] if offered else None


def _as_person(app: "App", gate: "Gate", company: "Company") -> None:
    from roadbed.audit.entry import Entry
    from roadbed.cli import _device, _person
    from roadbed.cli._output import plain

    tokens = _device.sign_in(app.relying, company)
    proven = app.relying.prove(company, tokens)
    where = _person.keep(app.settings.state, company.name, tokens)
    detail = {"provider": company.name, "methods": sorted(proven.methods)}
    who = str(proven.subject)
    app.audit.record(Entry(who, "session.open", "Session/command-line", detail=detail))
    app.audit.checkpoint()
    title = f" ({plain(proven.subject.title)})" if proven.subject.title else ""
    click.echo(f"logged in as {plain(who)}{title}")
    place = f"{app.settings.state.name}/{_person.FILE}, for your eyes only"
    click.echo(f"kept in {'the keyring' if where == 'keyring' else place}")
    found = gate.directory.find(proven.subject)
    if found is None or not found.roles:
        name = f"user:{company.name}/{plain(proven.subject.name)}"
        click.echo(f"you hold no role yet: it takes a Binding for {name} or a group")


def _with_token(app: "App", token: str) -> None:
    from roadbed.cli import _person
    from roadbed.cli._private import write_private
    from roadbed.cli._session import TOKEN_FILE
    from roadbed.core.clock import to_text
    from roadbed.identity.keys import redeem_bootstrap
    from roadbed.settings import KEY_FILE

    token = token.strip()
    file = app.settings.state / KEY_FILE
    if token.startswith("rbk_"):
        principal = app.authenticate(token)
        write_private(file, token)
        _person.forget(app.settings.state)
        click.echo(f"logged in as {principal}")
        return
    with app.database.write() as connection:
        new = redeem_bootstrap(connection, token, app.now_us())
    write_private(file, new.secret.reveal())
    _person.forget(app.settings.state)
    (app.settings.state / TOKEN_FILE).unlink(missing_ok=True)
    app.audit.checkpoint()
    click.echo(f"logged in as service-account:{new.account}")
    click.echo(
        f"the key is in {file.parent.name}/{file.name} until {to_text(new.expires_us)}"
    )


def _nothing() -> Exception:
    from roadbed.core.errors import Unauthenticated

    return Unauthenticated(
        "no token came in, and no identity provider is declared for the command line",
        hint="pipe the token in: roadbed login < .roadbed/bootstrap-token",
    )
