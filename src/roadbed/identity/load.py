"""Load what proves something: our keys, the revocations, and what tokens hang on."""

from collections.abc import Mapping

import sqlalchemy as sa

from roadbed.core.actor import Principal
from roadbed.identity.directory import Directory
from roadbed.identity.revocations import load_revoked
from roadbed.identity.signing import load_verification_keys
from roadbed.identity.verifier import Verifier

FOR_EVER = 2**62


def load_verifier(
    connection: sa.Connection,
    issuer: str,
    directory: Directory,
    credentials: Mapping[str, Principal],
    now_us: int,
) -> Verifier:
    """Return what verifies the tokens of *issuer*, which is us.

    A token ends with the key or the rule that it was made from.
    """
    keys = {f"key:{p.credential}": p.expires_us for p in credentials.values()}
    rules = {f"federation:{rule.id}": FOR_EVER for rule in directory.rules}
    return Verifier(
        issuer=issuer,
        keys=load_verification_keys(connection, now_us),
        revoked=load_revoked(connection, now_us),
        directory=directory,
        live=keys | rules,
    )
