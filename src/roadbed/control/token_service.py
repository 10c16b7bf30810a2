"""Makes short access tokens out of other proofs of identity (RFC 8693)."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from roadbed.access.actions import ACTIONS
from roadbed.access.authorize import require
from roadbed.audit.entry import Entry
from roadbed.audit.log import append
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import Denied, Invalid, Unauthenticated
from roadbed.core.secret import Secret
from roadbed.database.engine import Database
from roadbed.identity.access_token import claims_of
from roadbed.identity.authenticate import authenticate
from roadbed.identity.exchange import Grant, Wish, WrongScope, decide, most
from roadbed.identity.issuers import Issuers
from roadbed.identity.proof import Proof, principal_of
from roadbed.identity.prove import (
    ACCESS_TOKEN,
    ID_TOKEN,
    JWT,
    prove_key,
    prove_ours,
    prove_person,
    prove_workload,
)
from roadbed.identity.signing import Signing
from roadbed.inference.snapshot import Authority, Tokens

EXCHANGE = "token.exchange"


class WrongTarget(Invalid):
    """A token was asked for somebody whom no tokens are made for here."""

    code = "invalid_target"


class WrongClient(Unauthenticated):
    """No key of an account came as the secret of a client."""


class Known(Protocol):
    """What is known at this moment: a Snapshot, or what the command line loads."""

    @property
    def credentials(self) -> Mapping[str, Principal]:
        """The principal that each key proves, by the digest of the key."""
        ...

    @property
    def tokens(self) -> Tokens:
        """What our own access tokens prove."""
        ...

    @property
    def authority(self) -> Authority:
        """Decides who may exchange."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A credential that was shown, and what its bearer says it is (RFC 8693, 3)."""

    token: Secret
    type: str = ACCESS_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for. An empty audience is this line's own; no scope is all.

    `thumbprint` is that of a key whose possession was proven; the token is then bound
    to it. `client` is set where the subject's token is the secret of a client, whose
    key it must then be.
    """

    subject: Shown
    actor: Shown | None = None
    audience: str = ""
    scope: tuple[str, ...] | None = None
    client: str = ""
    thumbprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token that was just made; it is kept nowhere."""

    token: Secret
    grant: Grant

    @property
    def seconds(self) -> int:
        """Return how long it lives, in seconds."""
        return (self.grant.proof.expires_us - self.grant.issued_us) // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenService:
    """Proves, decides, asks the policies, signs, and writes it down. Blocks.

    `issuer` is this line's own name, and the one audience it makes tokens for.
    """

    database: Database
    issuers: Issuers
    signing: Signing
    issuer: str
    now_us: Callable[[], int]

    def exchange(self, wanted: Wanted, known: Known) -> Issued:
        """Return a new token for what was shown.

        Raises Unauthenticated, Denied, Invalid, or Unavailable if an issuer cannot
        be asked. The audit log names whom it is for, never the token.
        """
        now_us = self.now_us()
        wish = Wish(
            audience=self._audience(wanted),
            scope=_scope(wanted),
            binding=wanted.thumbprint,
        )
        subject = self._prove(wanted.subject, wanted.client, known, now_us)
        actor = wanted.actor and self._prove(wanted.actor, "", known, now_us)
        grant = decide(subject, actor, wish, now_us, secrets.token_hex(16))
        who = self._permitted(grant, _both(subject, actor), known, now_us)
        token = Secret(self.signing.sign(claims_of(grant, self.issuer)))
        with self.database.write() as connection:
            append(connection, now_us, entry_of(grant, who))
        return Issued(token=token, grant=grant)

    def _audience(self, wanted: Wanted) -> str:
        if wanted.audience not in ("", self.issuer):
            raise WrongTarget(
                "no tokens are made for this audience",
                hint=f"the one audience here is {self.issuer}",
            )
        return self.issuer

    def _prove(self, shown: Shown, client: str, known: Known, now_us: int) -> Proof:
        token, directory = shown.token.reveal(), known.tokens.directory
        if client:
            proof = _client(client, token, known, now_us)
        elif shown.type == ACCESS_TOKEN:
            proof = prove_ours(known, token, now_us)
        elif shown.type == JWT:
            proof = prove_workload(directory, self.issuers, token, now_us)
        elif shown.type == ID_TOKEN:
            proof = prove_person(directory, self.issuers, token, now_us)
        else:
            raise Invalid("this is no type of token", hint=f"{ACCESS_TOKEN}, …:jwt")
        if known.tokens.revoked.covers(proof):
            raise Unauthenticated("the tokens of this subject were revoked")
        return proof

    def _permitted(
        self, grant: Grant, presented: list[Proof], known: Known, now_us: int
    ) -> Principal:
        """Return whom the token is for, if the policies let it be made.

        What they are asked about is the bearer of what was presented, which has
        only the scope of that.
        """
        directory = known.tokens.directory
        who = principal_of(grant.proof, directory)
        if any(actor.tenant != who.tenant for actor in who.actors):
            raise Denied("who acts for somebody is of the same tenant")
        bearer = replace(who, scope=most(presented))
        attributes = {"tenant": who.tenant}
        target = Target(kind="Token", name=grant.audience, attributes=attributes)
        require(known.authority, bearer, EXCHANGE, target, now_us)
        return who


def entry_of(grant: Grant, who: Principal) -> Entry:
    """Return the audit entry of a token that is made: all but the token itself."""
    proof = grant.proof
    detail = {
        "subject": str(proof.subject),
        "actors": [str(actor) for actor in proof.actors],
        "audience": grant.audience,
        "scope": None if proof.scope is None else sorted(proof.scope),
        "expires_us": proof.expires_us,
        "via": list(proof.via),
    }
    return Entry(who.chain, EXCHANGE, f"Token/{proof.id}", detail=detail)


def _client(client: str, token: str, known: Known, now_us: int) -> Proof:
    """Return what the key of an account proves, shown as a client's secret."""
    try:
        holder = authenticate(known, token, now_us)
    except Unauthenticated as refusal:
        raise WrongClient(refusal.message, hint=refusal.hint) from None
    if not holder.digest or holder.name != client:
        raise WrongClient("this is not a key of that client")
    return prove_key(holder, now_us)


def _both(subject: Proof, actor: Proof | None) -> list[Proof]:
    return [subject] if actor is None else [subject, actor]


def _scope(wanted: Wanted) -> frozenset[str] | None:
    """Return the actions that were asked for; raise WrongScope if one is none."""
    if wanted.scope is None:
        return None
    if not wanted.scope or not set(wanted.scope) <= ACTIONS.keys():
        raise WrongScope(
            "the scope names what is no action",
            hint="a scope is a list of actions, such as endpoint.infer",
        )
    return frozenset(wanted.scope)
