"""Asks identity providers to vouch for people. Blocks: never on the loop."""

import json
import secrets as randomness
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from roadbed.core.errors import Conflict, Invalid, Unauthenticated, Unavailable
from roadbed.core.secret import Secret
from roadbed.identity import device, oidc
from roadbed.identity.device import Tokens, Waiting
from roadbed.identity.directory import Company
from roadbed.identity.issuers import Issuers
from roadbed.identity.jwt import FOREIGN_LIFETIME_US, PLAIN, Expected, read, verify
from roadbed.identity.oidc import Proven
from roadbed.ports.secrets import Secrets
from roadbed.ports.web import Web

_FORM = {
    "content-type": "application/x-www-form-urlencoded",
    "accept": "application/json",
}


def new_state() -> str:
    """Return a `state` that nobody can guess."""
    return randomness.token_urlsafe(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """Roadbed as the party that relies on identity providers (OpenID Connect Core).

    Client secrets are resolved when they are sent, and not kept.
    """

    web: Web
    secrets: Secrets
    issuers: Issuers
    now_us: Callable[[], int]

    def authorization(
        self, company: Company, proof: oidc.Proof, redirect_uri: str, *, again: bool
    ) -> str:
        """Return where the browser goes to sign in; raise Unavailable."""
        endpoint = self.issuers.metadata(company.issuer).endpoint(
            "authorization_endpoint"
        )
        return oidc.authorization_url(
            endpoint, company, proof, redirect_uri, again=again
        )

    def redeem(
        self,
        company: Company,
        query: Mapping[str, str],
        proof: oidc.Proof,
        redirect_uri: str,
    ) -> Proven:
        """Return whom the callback's *query* proves.

        Raises Denied or Unauthenticated if it proves nobody, Unavailable if the
        provider cannot be asked.
        """
        metadata = self.issuers.metadata(company.issuer)
        code = oidc.code_of(query, company.issuer, metadata.document)
        answer = self._ask(
            company.issuer,
            metadata.endpoint("token_endpoint"),
            oidc.token_form(company, code, proof, redirect_uri),
            self._client(company, metadata.document),
        )
        tokens = device.tokens_of(answer)
        if tokens is None:
            raise Unauthenticated(
                f"the provider gave no ID token: {oidc.provider_words(answer)}",
                hint="begin the sign-in again",
            )
        claims = self._verified(company, company.client_id, tokens)
        oidc.check_code_flow(claims, proof, tokens.access_token, self.now_us())
        return oidc.proven_by(claims, company, company.client_id)

    def begin_device(self, company: Company) -> Waiting:
        """Ask for a code that a person can confirm elsewhere.

        Raises Conflict if the provider is declared without a client for it.
        """
        if not company.device_client_id:
            raise Conflict(
                f"{company.name} is declared without a client for the command line",
                hint="give its IdentityProvider a `device_client_id`",
            )
        metadata = self.issuers.metadata(company.issuer)
        endpoint = metadata.endpoint("device_authorization_endpoint")
        form = {
            "client_id": company.device_client_id,
            "scope": oidc.scope_of(company),
            # Who logs in at a terminal proves anew who they are, where the provider
            # heeds it: privileged acts may follow at once.
            "max_age": "0",
            "prompt": "login",
        }
        answer = self._ask(company.issuer, endpoint, form, ({}, {}))
        if "error" in answer:
            raise Unavailable(
                f"{company.issuer} gives no code: {oidc.provider_words(answer)}",
                hint="see that the client may use the device flow there",
            )
        return device.waiting_of(answer, company.issuer)

    def poll(self, company: Company, waiting: Waiting) -> Tokens | Waiting:
        """Ask once whether the code was confirmed; return tokens, or how to wait on.

        Raises Denied if it never will be.
        """
        form = {
            "grant_type": device.GRANT,
            "device_code": waiting.code.reveal(),
            "client_id": company.device_client_id,
        }
        answer = self._token(company, form)
        return device.tokens_of(answer) or device.after(waiting, answer)

    def refresh(self, company: Company, refresh_token: Secret) -> Tokens | None:
        """Return new tokens for *refresh_token*, None if it is no longer good."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.reveal(),
            "client_id": company.device_client_id,
        }
        return device.tokens_of(self._token(company, form))

    def revoke(self, company: Company, refresh_token: Secret) -> bool:
        """Tell the provider that *refresh_token* is used no more; say whether it is so.

        False if it offers no such thing (RFC 7009).
        """
        document = self.issuers.metadata(company.issuer)
        if "revocation_endpoint" not in document.document:
            return False
        form = {
            "token": refresh_token.reveal(),
            "token_type_hint": "refresh_token",
            "client_id": company.device_client_id,
        }
        url = document.endpoint("revocation_endpoint")
        return self._post(company.issuer, url, form, {}).status == 200

    def prove(self, company: Company, tokens: Tokens) -> Proven:
        """Return whom the command line's *tokens* prove; raise Unauthenticated."""
        client = company.device_client_id
        return oidc.proven_by(self._verified(company, client, tokens), company, client)

    def _verified(
        self, company: Company, client_id: str, tokens: Tokens
    ) -> Mapping[str, Any]:
        token = tokens.id_token.reveal()
        keys = self.issuers.keys(company.issuer, read(token).kid)
        expected = Expected(
            issuer=company.issuer,
            audience=client_id,
            types=PLAIN,
            lifetime_us=FOREIGN_LIFETIME_US,
            lists=True,
        )
        return verify(token, keys, expected, self.now_us())

    def _client(
        self, company: Company, document: Mapping[str, Any]
    ) -> tuple[dict[str, str], dict[str, str]]:
        reference = company.client_secret
        secret = self.secrets.resolve(reference) if reference else None
        return oidc.client_proof(company.client_id, secret, document)

    def _token(self, company: Company, form: dict[str, str]) -> Mapping[str, Any]:
        url = self.issuers.metadata(company.issuer).endpoint("token_endpoint")
        return self._ask(company.issuer, url, form, ({}, {}))

    def _ask(
        self,
        issuer: str,
        url: str,
        form: dict[str, str],
        client: tuple[dict[str, str], dict[str, str]],
    ) -> Mapping[str, Any]:
        headers, fields = client
        reply = self._post(issuer, url, form | fields, headers)
        try:
            answer = json.loads(reply.body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or reply.status >= 500:
            raise Unavailable(f"{issuer} answered {reply.status} without an answer")
        return answer

    def _post(
        self, issuer: str, url: str, form: dict[str, str], headers: dict[str, str]
    ) -> Any:
        try:
            return self.web.post(url, urlencode(form).encode(), _FORM | headers)
        except Invalid as refusal:
            raise Unavailable(
                f"{issuer} may not be asked: {refusal.message}", hint=refusal.hint
            ) from None
