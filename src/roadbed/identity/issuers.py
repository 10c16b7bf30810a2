"""What other issuers publish about themselves: their endpoints and their keys.

Hand in only issuers that an IdentityProvider or a Federation declares: an issuer is
never looked up because a token names it.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from roadbed.core.errors import Invalid, ProviderError, Unavailable
from roadbed.identity.jwt import Key, keys_of
from roadbed.ports.web import Web

T = TypeVar("T")
MINUTE_US = 60_000_000
FRESH_US = 10 * MINUTE_US
"""How long what was fetched is believed without asking again."""
STALE_US = 60 * MINUTE_US
"""How long it serves while its issuer cannot be reached."""
PATIENCE_US = 30_000_000
"""An issuer is asked again no sooner: for a key that is unknown, or after a failure."""
DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """An issuer's own description (OpenID Connect Discovery 1.0)."""

    issuer: str
    document: Mapping[str, Any]

    def endpoint(self, name: str) -> str:
        """Return the address called *name*, such as `token_endpoint`.

        Raises Unavailable if there is none, or one without TLS from an issuer that
        has it.
        """
        url = self.document.get(name)
        if not isinstance(url, str) or not url:
            raise Unavailable(f"{self.issuer} names no {name}")
        if urlsplit(self.issuer).scheme == "https" != urlsplit(url).scheme:
            raise Unavailable(f"{self.issuer} names a {name} without TLS")
        return url


class _Kept(Generic[T]):
    """Something fetched, and when its issuer was last asked for it."""

    def __init__(self) -> None:
        self.value: T | None = None
        self._fetched_us = self._asked_us = 0

    def get(self, fetch: Callable[[], T], now_us: int, *, again: bool = False) -> T:
        """Return what is kept, or what *fetch* finds if that is old or *again* is set.

        Raises Unavailable if nothing is kept that is young enough to go on with.
        """
        value, age_us = self.value, now_us - self._fetched_us
        rested = now_us - self._asked_us >= PATIENCE_US
        if value is not None and (age_us < FRESH_US) and not (again and rested):
            return value
        usable = value if age_us < STALE_US else None
        if not rested and usable is not None:
            return usable
        if not rested:
            raise Unavailable(
                "the issuer could not be reached a moment ago",
                hint="try again in half a minute",
            )
        self._asked_us = now_us
        try:
            self.value, self._fetched_us = fetch(), now_us
        except ProviderError:
            if usable is None:
                raise
            return usable
        return self.value


class _Issuer:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.metadata = _Kept[Metadata]()
        self.keys = _Kept[Mapping[str, Key]]()


class Issuers:
    """Asks issuers through *web* and remembers the answers. Blocks: never on the loop.

    What was fetched is believed for ten minutes, and for an hour while the issuer
    cannot be reached; then nothing it signed is believed.
    """

    def __init__(self, web: Web, now_us: Callable[[], int]) -> None:
        self._web = web
        self._now_us = now_us
        self._known: dict[str, _Issuer] = {}
        self._lock = threading.Lock()

    def metadata(self, issuer: str) -> Metadata:
        """Return what *issuer* says of itself.

        Raises Unavailable if it cannot be reached, or is not who it was declared.
        """
        known = self._of(issuer)
        with known.lock:
            return self._metadata(issuer, known)

    def keys(self, issuer: str, kid: str = "") -> Mapping[str, Key]:
        """Return the keys that *issuer* signs with, by their names.

        If *kid* is not among them it is asked again, twice a minute at most. Raises
        Unavailable if it cannot be reached.
        """
        known = self._of(issuer)
        with known.lock:
            again = bool(kid) and kid not in (known.keys.value or {})
            return known.keys.get(
                lambda: self._fetch_keys(issuer, known), self._now_us(), again=again
            )

    def _of(self, issuer: str) -> _Issuer:
        with self._lock:
            return self._known.setdefault(issuer, _Issuer())

    def _metadata(self, issuer: str, known: _Issuer) -> Metadata:
        return known.metadata.get(lambda: self._fetch_metadata(issuer), self._now_us())

    def _fetch_metadata(self, issuer: str) -> Metadata:
        document = self._json(issuer, issuer.rstrip("/") + DISCOVERY)
        if document.get("issuer") != issuer:
            raise Unavailable(
                f"what answers at {issuer} calls itself otherwise",
                hint="write the issuer exactly as its discovery document does",
            )
        return Metadata(issuer=issuer, document=document)

    def _fetch_keys(self, issuer: str, known: _Issuer) -> Mapping[str, Key]:
        url = self._metadata(issuer, known).endpoint("jwks_uri")
        found = keys_of(self._json(issuer, url))
        if not found:
            raise Unavailable(f"{issuer} publishes no key that can be used")
        return found

    def _json(self, issuer: str, url: str) -> Mapping[str, Any]:
        try:
            reply = self._web.get(url, {"accept": "application/json"})
        except Invalid as refusal:
            raise Unavailable(refusal.message, hint=refusal.hint) from None
        if reply.status != 200:
            raise Unavailable(f"{issuer} answered {reply.status}")
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise Unavailable(
                f"{issuer} answered with something that is no JSON object"
            )
        return document
