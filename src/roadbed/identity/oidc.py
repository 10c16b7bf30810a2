"""Signing people in with OpenID Connect: what is asked, and what answers must say.

Code flow with PKCE (RFC 7636, always S256) and the issuer in the callback (RFC 9207).
Everything here is a function of plain values; `relying.py` does the asking.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from roadbed.core.errors import Denied, Unauthenticated
from roadbed.core.secret import Secret
from roadbed.identity.directory import Company, Subject

MINUTE_US = 60_000_000
SESSION_SECONDS = 8 * 3600
FRESH_US = 15 * MINUTE_US
"""How long after proving who they are people may do privileged acts."""
LEEWAY_US = MINUTE_US
_MAX_GROUPS = 500
_TITLE, _WORDS = 120, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What only the browser that began a sign-in can show when it is finished.

    It is made from the secret in the browser's cookie and from the `state`, so no
    server keeps it: not the nonce, and not PKCE's verifier.
    """

    state: str
    nonce: str
    verifier: Secret

    @property
    def challenge(self) -> str:
        """Return what the provider is told of the verifier: its SHA-256."""
        return _url64(hashlib.sha256(self.verifier.reveal().encode()).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A person whom the provider vouched for.

    `authenticated_us` is when they last proved who they are, 0 if the provider does
    not say; `made_us` and `expires_us` are when the ID token begins and ends.
    """

    subject: Subject
    authenticated_us: int
    methods: frozenset[str]
    expires_us: int
    made_us: int = 0

    @property
    def fresh_until_us(self) -> int:
        """Return until when privileged acts may follow; 0 if never."""
        return self.authenticated_us + FRESH_US if self.authenticated_us else 0


def proof_of(browser: Secret, state: str) -> Proof:
    """Return the proof of the sign-in *state* of the browser that holds *browser*."""
    return Proof(
        state=state,
        nonce=_derived(browser, "nonce", state),
        verifier=Secret(_derived(browser, "verifier", state)),
    )


def authorization_url(
    endpoint: str, company: Company, proof: Proof, redirect_uri: str, *, again: bool
) -> str:
    """Return where the browser goes to sign in at *company*.

    With *again* the provider must ask anew, however long it has known the person.
    Asking for a greatest age makes it say when it last did.
    """
    asked = {
        "response_type": "code",
        "client_id": company.client_id,
        "redirect_uri": redirect_uri,
        "scope": scope_of(company),
        "state": proof.state,
        "nonce": proof.nonce,
        "code_challenge": proof.challenge,
        "code_challenge_method": "S256",
        "max_age": "0" if again else str(SESSION_SECONDS),
    }
    if again:
        asked["prompt"] = "login"
    joint = "&" if urlsplit(endpoint).query else "?"
    return f"{endpoint}{joint}{urlencode(asked)}"


def scope_of(company: Company) -> str:
    """Return the scopes to ask *company* for; `openid` is always among them."""
    return " ".join(dict.fromkeys(("openid", *company.scopes)))


def code_of(
    query: Mapping[str, str], issuer: str, metadata: Mapping[str, Any]
) -> Secret:
    """Return the code in the callback's *query*, if it comes from *issuer*.

    Raises Denied if the provider let nobody in, Unauthenticated if the answer names
    another issuer, or none where *metadata* promises one, or holds no code.
    """
    named = query.get("iss")
    promised = metadata.get("authorization_response_iss_parameter_supported") is True
    if named != issuer and (promised or named is not None):
        raise Unauthenticated(
            "the answer does not come from the provider that was asked",
            hint="begin again; if it happens again, tell whoever runs Roadbed",
        )
    if "error" in query:
        raise Denied(
            f"the provider let nobody in: {provider_words(query)}",
            hint="try again, or ask those who run the provider",
        )
    if not query.get("code"):
        raise Unauthenticated("the answer of the provider holds no code")
    return Secret(query["code"])


def token_form(
    company: Company, code: Secret, proof: Proof, redirect_uri: str
) -> dict[str, str]:
    """Return the form that redeems *code*, without what proves the client."""
    return {
        "grant_type": "authorization_code",
        "code": code.reveal(),
        "redirect_uri": redirect_uri,
        "code_verifier": proof.verifier.reveal(),
        "client_id": company.client_id,
    }


def client_proof(
    client_id: str, secret: Secret | None, metadata: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers and the fields with which our client proves itself.

    In a header unless the provider takes it in the form only.
    """
    if secret is None:
        return {}, {}
    ways = metadata.get("token_endpoint_auth_methods_supported")
    listed = ways if isinstance(ways, list) else ["client_secret_basic"]
    if "client_secret_basic" not in listed and "client_secret_post" in listed:
        return {}, {"client_secret": secret.reveal()}
    pair = f"{quote(client_id, safe='')}:{quote(secret.reveal(), safe='')}"
    told = base64.b64encode(pair.encode()).decode()
    return {"authorization": f"Basic {told}"}, {}


def check_code_flow(
    claims: Mapping[str, Any], proof: Proof, access_token: str, now_us: int
) -> None:
    """Raise Unauthenticated unless the ID token belongs to this very sign-in.

    *claims* are those of a verified token. It must carry our nonce, be new, and
    belong to the access token that came with it, if it says so.
    """
    nonce = claims.get("nonce")
    if type(nonce) is not str or not hmac.compare_digest(
        nonce.encode(), proof.nonce.encode()
    ):
        raise _unfit("it was made for another sign-in")
    if claims["iat"] * 1_000_000 < now_us - 10 * MINUTE_US:
        raise _unfit("it was made long ago")
    half = claims.get("at_hash")
    if half is not None and half != _half_hash(access_token):
        raise _unfit("it belongs to another access token")


def proven_by(claims: Mapping[str, Any], company: Company, client_id: str) -> Proven:
    """Return whom the verified ID token's *claims* prove; raise Unauthenticated.

    Who they are is the subject. Names and e-mail addresses prove nothing.
    """
    if claims.get("azp", client_id) != client_id:
        raise _unfit("it was made for another party")
    subject = Subject(
        kind="user",
        name=claims["sub"],
        issuer=company.issuer,
        groups=_names(claims.get(company.groups_claim)),
        title=_title(claims),
    )
    return Proven(
        subject=subject,
        authenticated_us=proven_at(claims.get("auth_time"), claims["iat"]),
        methods=_names(claims.get("amr")),
        expires_us=claims["exp"] * 1_000_000,
        made_us=claims["iat"] * 1_000_000,
    )


def proven_at(seconds: Any, made: int) -> int:
    """Return an `auth_time` in microseconds, 0 if it is no moment before *made*.

    Then nobody knows when the person proved who they are: when the token was made is
    no answer, for a refreshed token is new and its proof old. Some providers write
    fractions of a second; they are cut off.
    """
    told = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not told or not 0 < seconds <= made + 60:
        return 0
    return int(seconds) * 1_000_000


def check_age(proven: Proven, asked_us: int, *, again: bool) -> None:
    """Raise Unauthenticated if the provider did not ask the person anew as told."""
    if again and proven.authenticated_us < asked_us - LEEWAY_US:
        raise Unauthenticated(
            "the provider did not ask anew, or does not say when it last did",
            hint="its ID tokens need the claim `auth_time`; ask those who run it",
        )


def provider_words(answer: Mapping[str, Any]) -> str:
    """Return the error in a provider's *answer*, as text that is safe to show."""
    said = [answer.get("error"), answer.get("error_description")]
    words = [" ".join(word.split()) for word in said if isinstance(word, str)]
    plain = ": ".join(word for word in words if word)
    return "".join(c for c in plain if c.isprintable())[:_WORDS] or "it gave no reason"


def _unfit(reason: str) -> Unauthenticated:
    return Unauthenticated(
        f"the ID token is refused: {reason}", hint="begin the sign-in again"
    )


def _derived(browser: Secret, what: str, state: str) -> str:
    key, text = browser.reveal().encode(), f"roadbed {what} {state}"
    return _url64(hmac.new(key, text.encode(), hashlib.sha256).digest())


def _half_hash(access_token: str) -> str:
    """Return OpenID Connect's `at_hash` for the algorithms that we accept."""
    return _url64(hashlib.sha256(access_token.encode()).digest()[:16])


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _names(value: object) -> frozenset[str]:
    """Return the texts in *value*; what is no text names nothing."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or len(listed) > _MAX_GROUPS:
        return frozenset()
    return frozenset(name for name in listed if isinstance(name, str) and name)


def _title(claims: Mapping[str, Any]) -> str:
    said = [claims.get("name"), claims.get("preferred_username")]
    texts = [text for text in said if isinstance(text, str) and text.strip()]
    plain = "".join(c for c in " ".join(texts[:1]) if c.isprintable())
    return plain.strip()[:_TITLE]
