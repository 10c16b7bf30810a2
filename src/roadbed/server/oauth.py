"""Where proofs of identity are exchanged for tokens: RFC 8693, 8414 and 7517.

Nobody needs to be known to ask. Every refusal and every token is an audit entry.
"""

import base64
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from pydantic import BaseModel, Field

from roadbed.access.actions import ACTIONS
from roadbed.control.token_service import EXCHANGE, Issued, Shown, Wanted, WrongClient
from roadbed.core.decision import Target
from roadbed.core.errors import (
    Denied,
    Invalid,
    NotReady,
    ProviderError,
    RoadbedError,
    Unauthenticated,
)
from roadbed.core.secret import Secret
from roadbed.identity.dpop import WrongProof
from roadbed.identity.prove import ACCESS_TOKEN, ID_TOKEN, JWT
from roadbed.server.errors import Reply
from roadbed.server.routes import OpenAsk, OpenRoute

TOKEN, KEYS = "/oauth/token", "/oauth/jwks.json"
METADATA = "/.well-known/oauth-authorization-server"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
CLIENT_CREDENTIALS = "client_credentials"
_TYPES = ("", ACCESS_TOKEN, JWT)
_ASKED = Target(kind="Token", name="*")


class Malformed(Invalid):
    """A request that asks for nothing that could be refused."""

    code = "invalid_request"


class UnknownGrant(Malformed):
    """A grant type that is not offered here."""

    code = "unsupported_grant_type"


class TokenForm(BaseModel):
    """What is sent for a token. Other fields are passed over, as OAuth wants it."""

    grant_type: str = Field(description=f"{TOKEN_EXCHANGE} or {CLIENT_CREDENTIALS}.")
    subject_token: str = Field(
        default="", description="What proves who the token is for."
    )
    subject_token_type: str = Field(
        default="",
        description=f"{ACCESS_TOKEN} for one of ours or a key, {JWT} for a workload "
        f"that a Federation names, {ID_TOKEN} for a person.",
    )
    actor_token: str = Field(default="", description="What proves who acts for it.")
    actor_token_type: str = Field(default="", description="As for the subject's.")
    audience: str = Field(default="", description="Empty: this server.")
    resource: str = Field(default="", description="Another word for the audience.")
    scope: str | None = Field(
        default=None, description="Actions with spaces between them. None: all."
    )
    requested_token_type: str = Field(default="", description="An access token.")
    client_id: str = Field(default="", description="The account whose key follows.")
    client_secret: str = Field(default="", description="A key of that account.")


class TokenAnswer(BaseModel):
    """A token, and what it is good for."""

    access_token: str
    issued_token_type: str = ACCESS_TOKEN
    token_type: str = "Bearer"
    expires_in: int = Field(description="In seconds.")
    scope: str | None = Field(default=None, description="Absent: as wide as its bearer")


def token(ask: OpenAsk) -> TokenAnswer:
    """Exchange a proof of identity for a short access token, never a wider one."""
    try:
        issued = ask.services.tokens.exchange(wanted_by(ask), ask.snapshot)
    except RoadbedError as error:
        if not isinstance(error, Malformed):
            reason = f"{error.message} (POST {TOKEN})"
            ask.services.refused(None, EXCHANGE, _ASKED, reason)
        raise
    return _answer(issued)


def metadata(ask: OpenAsk) -> dict[str, Any]:
    """Say where tokens are made, and how (RFC 8414)."""
    issuer = ask.services.tokens.issuer
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN,
        "jwks_uri": issuer + KEYS,
        "response_types_supported": [],
        "grant_types_supported": [TOKEN_EXCHANGE, CLIENT_CREDENTIALS],
        "token_endpoint_auth_methods_supported": [
            "none",
            "client_secret_post",
            "client_secret_basic",
        ],
        "scopes_supported": list(ACTIONS),
        "dpop_signing_alg_values_supported": ["ES256", "RS256", "EdDSA"],
    }


def keys(ask: OpenAsk) -> dict[str, Any]:
    """Show the public keys that verify our tokens."""
    return ask.snapshot.tokens.published(ask.services.now_us())


def wanted_by(ask: OpenAsk) -> Wanted:
    """Return what the form asks for; raise Invalid, or Unauthenticated."""
    form = TokenForm.model_validate({"grant_type": "", **ask.form})
    if form.requested_token_type not in _TYPES:
        raise Malformed("only access tokens are made here")
    scope = None if form.scope is None else tuple(form.scope.split())
    audience = form.audience or form.resource
    if form.audience and form.resource not in ("", form.audience):
        raise Malformed("audience and resource name two different ones")
    if form.grant_type == CLIENT_CREDENTIALS:
        client, secret = _client(form, ask.authorization)
        shown = Shown(token=Secret(secret))
        return Wanted(
            subject=shown,
            client=client,
            audience=audience,
            scope=scope,
            thumbprint=ask.possession(),
        )
    if form.grant_type != TOKEN_EXCHANGE:
        raise UnknownGrant(
            "this grant type is not offered",
            hint=f"{TOKEN_EXCHANGE} or {CLIENT_CREDENTIALS}",
        )
    subject = _shown(form.subject_token, form.subject_token_type, "subject_token")
    actor = None
    if form.actor_token or form.actor_token_type:
        actor = _shown(form.actor_token, form.actor_token_type, "actor_token")
    return Wanted(
        subject=subject,
        actor=actor,
        audience=audience,
        scope=scope,
        thumbprint=ask.possession(),
    )


def problem(error: RoadbedError) -> Reply:
    """Return *error* as OAuth says it: `{"error": …, "error_description": …}`."""
    code, status = _code(error)
    told = f"{error.message} ({error.hint})" if error.hint else error.message
    described = "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in told)
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="roadbed"'))
    body = {"error": code, "error_description": described}
    return Reply(status=status, headers=tuple(headers), body=msgspec.json.encode(body))


def _code(error: RoadbedError) -> tuple[str, int]:
    """Return the OAuth code of *error*, and its HTTP status."""
    if isinstance(error, WrongProof):
        return "invalid_dpop_proof", 401
    if isinstance(error, Unauthenticated):
        client = isinstance(error, WrongClient)
        return ("invalid_client" if client else "invalid_grant"), 401
    if isinstance(error, Denied):
        return "access_denied", 403
    if isinstance(error, Invalid):
        own = error.code != Invalid.code
        return (error.code if own else "invalid_request"), error.status
    if isinstance(error, ProviderError | NotReady):
        return "temporarily_unavailable", 503
    return ("invalid_request" if error.status < 500 else "server_error"), error.status


def _shown(text: str, kind: str, name: str) -> Shown:
    if not text or kind not in (ACCESS_TOKEN, ID_TOKEN, JWT):
        raise Malformed(
            f"{name} or {name}_type is missing, or of no type that is taken",
            hint=f"{ACCESS_TOKEN}, {ID_TOKEN}, {JWT}",
        )
    return Shown(token=Secret(text), type=kind)


def _client(form: TokenForm, authorization: str) -> tuple[str, str]:
    """Return the client and its secret, from the header or the form (RFC 6749)."""
    scheme, _, basic = authorization.partition(" ")
    client, secret = form.client_id, form.client_secret
    if scheme.lower() == "basic":
        client, secret = _basic(basic)
    if not client or not secret:
        raise WrongClient(
            "no client came with the request",
            hint="client_id is an account's name, client_secret a key of it",
        )
    return client, secret


def _basic(text: str) -> tuple[str, str]:
    try:
        told = base64.b64decode(text.strip(), validate=True).decode()
    except ValueError:
        raise WrongClient("the client's credentials cannot be read") from None
    client, _, secret = told.partition(":")
    return unquote_plus(client), unquote_plus(secret)


def _answer(issued: Issued) -> TokenAnswer:
    scope = issued.grant.proof.scope
    return TokenAnswer(
        access_token=issued.token.reveal(),
        token_type="DPoP" if issued.grant.proof.binding else "Bearer",
        expires_in=issued.seconds,
        scope=None if scope is None else " ".join(sorted(scope)),
    )


OPEN_ROUTES = (
    OpenRoute(
        method="POST",
        path=TOKEN,
        handler=token,
        summary="Exchange a proof of identity for a short token (RFC 8693)",
        answer=TokenAnswer,
        form=TokenForm,
        problem=problem,
    ),
    OpenRoute(
        method="GET",
        path=METADATA,
        handler=metadata,
        summary="Say where tokens are made (RFC 8414)",
        answer=dict[str, Any],
        problem=problem,
        cache="max-age=300",
    ),
    OpenRoute(
        method="GET",
        path=KEYS,
        handler=keys,
        summary="Show the public keys of tokens (RFC 7517)",
        answer=dict[str, Any],
        problem=problem,
        cache="max-age=300",
    ),
)
"""What OAuth's clients look for, where they look for it."""
