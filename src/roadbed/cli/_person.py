"""The person who is logged in here: in the keyring, or in a file of theirs alone."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from roadbed.core.errors import Unauthenticated

if TYPE_CHECKING:
    from roadbed.app import App, Gate
    from roadbed.core.actor import Principal
    from roadbed.identity.device import Tokens
    from roadbed.identity.directory import Company

FILE = "person.json"
"""Where it says who is logged in; without a keyring it holds the tokens as well."""
SERVICE = "roadbed"
_MARGIN_US = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Who logged in, and where their tokens are: in the `keyring` or in the `file`."""

    provider: str
    where: str
    tokens: "Tokens"


def keep(state: Path, provider: str, tokens: "Tokens") -> str:
    """Keep *tokens* and return where: `keyring` or `file`."""
    from roadbed.cli import _ring
    from roadbed.cli._private import write_private

    secret = _written(tokens)
    taken = _ring.put(SERVICE, _place(state), secret)
    where = "keyring" if taken else "file"
    told = {"provider": provider, "where": where}
    if where == "file":
        told["tokens"] = secret
    write_private(state / FILE, json.dumps(told))
    return where


def recall(state: Path) -> Kept | None:
    """Return who is logged in, None if nobody is.

    Raises Unauthenticated if it says that somebody is and their tokens are gone.
    """
    from roadbed.cli import _ring

    try:
        told = json.loads((state / FILE).read_text("utf-8"))
        provider, where = str(told["provider"]), str(told["where"])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        raise _lost() from None
    ours = where == "keyring"
    secret = _ring.get(SERVICE, _place(state)) if ours else told.get("tokens")
    if not isinstance(secret, str):
        raise _lost()
    return Kept(provider=provider, where=where, tokens=_read(secret))


def forget(state: Path) -> None:
    """Forget who is logged in."""
    from roadbed.cli import _ring

    if (state / FILE).exists():
        _ring.drop(SERVICE, _place(state))
    (state / FILE).unlink(missing_ok=True)


def leave(app: "App", kept: Kept) -> bool:
    """Forget who is logged in; say whether the provider could be told as well."""
    from roadbed.core.errors import RoadbedError

    forget(app.settings.state)
    company, token = (
        app.gate().directory.company(kept.provider),
        kept.tokens.refresh_token,
    )
    if company is None or token is None:
        return False
    try:
        return app.relying.revoke(company, token)
    except RoadbedError:
        return False


def prove(app: "App", gate: "Gate", kept: Kept) -> "Principal":
    """Return the principal that *kept* proves, with the roles of this moment.

    Asks the provider for a new ID token when the old one has run out. Raises
    Unauthenticated if the provider no longer vouches for the person.
    """
    company = gate.directory.company(kept.provider)
    if company is None:
        raise Unauthenticated(
            f"you logged in with {kept.provider}, which is no longer declared",
            hint="`roadbed logout`, then log in with another one or with a key",
        )
    tokens = _renewed(app, company, kept)
    proven = app.relying.prove(company, tokens)
    if gate.tokens.revoked.ended(proven.subject, proven.made_us):
        raise Unauthenticated(
            "what you logged in with was revoked", hint="run `roadbed login` again"
        )
    found = gate.directory.find(proven.subject)
    if found is None:
        raise Unauthenticated(f"{kept.provider} is no longer declared")
    return replace(
        found,
        methods=proven.methods,
        expires_us=proven.expires_us,
        fresh_until_us=proven.fresh_until_us,
    )


def _renewed(app: "App", company: "Company", kept: Kept) -> "Tokens":
    """Return tokens that are good now; one process at a time asks for new ones."""
    from roadbed.gateway.lock import ProcessLock

    if _lasts(app, kept.tokens):
        return kept.tokens
    state = app.settings.state
    lock = ProcessLock.hold(state / "person.lock")
    try:
        now = recall(state) or kept
        if _lasts(app, now.tokens):
            return now.tokens
        return _refreshed(app, company, now.tokens)
    finally:
        lock.release(remove=False)


def _refreshed(app: "App", company: "Company", tokens: "Tokens") -> "Tokens":
    old = tokens.refresh_token
    new = app.relying.refresh(company, old) if old else None
    if new is None:
        raise Unauthenticated(
            f"{company.name} no longer vouches for you here",
            hint="`roadbed login` signs you in again",
        )
    if _subject(new) != _subject(tokens):
        raise Unauthenticated(
            f"{company.name} answered for somebody else",
            hint="tell those who run it, and run `roadbed login` again",
        )
    new = replace(new, refresh_token=new.refresh_token or old)
    keep(app.settings.state, company.name, new)
    return new


def _place(state: Path) -> str:
    """Return the name in the keyring: each line keeps its own."""
    return str(state.resolve())


def _lasts(app: "App", tokens: "Tokens") -> bool:
    from roadbed.identity.jwt import read

    ends = read(tokens.id_token.reveal()).claims.get("exp")
    return type(ends) is int and ends * 1_000_000 > app.now_us() + _MARGIN_US


def _subject(tokens: "Tokens") -> object:
    from roadbed.identity.jwt import read

    return read(tokens.id_token.reveal()).claims.get("sub")


def _written(tokens: "Tokens") -> str:
    refresh = tokens.refresh_token
    return json.dumps(
        {
            "id_token": tokens.id_token.reveal(),
            "refresh_token": refresh.reveal() if refresh else "",
        }
    )


def _read(text: str) -> "Tokens":
    from roadbed.identity.device import tokens_of

    try:
        found = tokens_of(json.loads(text))
    except (ValueError, AttributeError):
        found = None
    if found is None:
        raise _lost()
    return found


def _lost() -> Unauthenticated:
    return Unauthenticated(
        "what you logged in with cannot be read", hint="run `roadbed login` again"
    )
