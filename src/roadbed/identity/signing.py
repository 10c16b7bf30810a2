"""The keys that sign our own tokens: made, published, used for a month, and forgotten.

Each replica makes its own, so no private key travels. All public halves stand in one
table; what one replica signed, every other verifies.
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import SYSTEM
from roadbed.core.digest import digest_of
from roadbed.core.errors import NotFound
from roadbed.database.engine import Database
from roadbed.database.tables import bump
from roadbed.identity import tables
from roadbed.identity.jwt import ACCESS, LEEWAY_US, OURS_LIFETIME_US, Key, key_of
from roadbed.ports.signers import Signers

DAY_US = 24 * 3_600_000_000
SIGNS_US = 30 * DAY_US
"""How long a key signs. It verifies until the last token that it signed has ended."""
VERIFIES_US = SIGNS_US + OURS_LIFETIME_US + LEEWAY_US
EARLY_US = DAY_US
"""How long before its end a key has a successor."""


def load_verification_keys(
    connection: sa.Connection, now_us: int
) -> dict[str, tuple[Key, int]]:
    """Return the keys that verify our tokens at *now_us*, and until when each does."""
    found: dict[str, tuple[Key, int]] = {}
    for row in connection.execute(_live(now_us)):
        key = key_of(row.jwk)
        if key is not None and key.kid == row.kid:
            found[row.kid] = (key, row.expires_us)
    return found


def retire_signing_key(
    connection: sa.Connection, kid: str, now_us: int, *, retired_by: str
) -> None:
    """Let what the key called *kid* signed prove nothing any more, from now on.

    Raises NotFound if there is no such key; retiring it again changes nothing.
    """
    table = tables.signing_keys
    same = table.c.kid == kid
    hold(connection)
    if connection.execute(sa.select(table.c.kid).where(same)).first() is None:
        raise NotFound(f"no signing key is called {kid[:60]!r}")
    change = table.update().where(same, table.c.retired_us.is_(None))
    if connection.execute(change.values(retired_us=now_us)).rowcount:
        entry = Entry(retired_by, "signing-key.retire", f"SigningKey/{kid}")
        append(connection, now_us, entry)
        bump(connection, "serving")


class Signing:
    """Signs our tokens with the newest key that this replica holds. Blocks."""

    def __init__(
        self, database: Database, signers: Signers, now_us: Callable[[], int]
    ) -> None:
        self._database = database
        self._signers = signers
        self._now_us = now_us
        self._lock = threading.Lock()

    def ensure(self) -> str:
        """Return the name of the key to sign with now; make one if it is time to.

        Forgets the private keys whose time is over.
        """
        with self._lock:
            now_us = self._now_us()
            with self._database.read() as connection:
                kid = self._own(connection, now_us)
            if kid is not None:
                return kid
            with self._database.write() as connection:
                hold(connection)
                # Somebody who shares the private keys may have been faster.
                return self._own(connection, now_us) or self._make(connection, now_us)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return *claims* as a signed access token."""
        kid = self.ensure()
        header = {"alg": "ES256", "kid": kid, "typ": ACCESS}
        signing = f"{_part(_json(header))}.{_part(_json(claims))}"
        return f"{signing}.{_part(self._signers.sign(kid, signing.encode()))}"

    def _own(self, connection: sa.Connection, now_us: int) -> str | None:
        """Return the newest key here that signs for a while yet; forget old ones."""
        own = None
        for row in connection.execute(_all_keys()):
            if not self._signers.holds(row.kid):
                continue
            young = now_us < row.created_us + SIGNS_US - EARLY_US
            if row.retired_us is not None or now_us >= row.expires_us:
                self._signers.forget(row.kid)
            elif young and own is None:
                own = row.kid
        return own

    def _make(self, connection: sa.Connection, now_us: int) -> str:
        jwk = dict(self._signers.create())
        kid = str(jwk["kid"])
        expires_us = now_us + VERIFIES_US
        detail = {"digest": digest_of(jwk), "expires_us": expires_us}
        entry = Entry(
            str(SYSTEM), "signing-key.create", f"SigningKey/{kid}", detail=detail
        )
        append(connection, now_us, entry)
        row = {"kid": kid, "jwk": jwk, "created_us": now_us, "expires_us": expires_us}
        connection.execute(tables.signing_keys.insert().values(**row))
        bump(connection, "serving")
        return kid


def _all_keys() -> sa.Select[Any]:
    table = tables.signing_keys
    return sa.select(table).order_by(table.c.created_us.desc(), table.c.kid)


def _live(now_us: int) -> sa.Select[Any]:
    table = tables.signing_keys
    return _all_keys().where(table.c.retired_us.is_(None), table.c.expires_us > now_us)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
