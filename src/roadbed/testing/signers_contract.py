"""What every place that keeps private keys must do."""

from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from joserfc.jwk import ECKey

from roadbed.core.errors import NotFound
from roadbed.ports.signers import Signers


def verifies(jwk: Mapping[str, Any], signature: bytes, data: bytes) -> bool:
    """Say whether *signature* over *data* is that of the key *jwk*."""
    r, s = signature[:32], signature[32:]
    encoded = utils.encode_dss_signature(
        int.from_bytes(r, "big"), int.from_bytes(s, "big")
    )
    public = ECKey.import_key(dict(jwk)).public_key
    try:
        public.verify(encoded, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


class SignersContract:
    """Inherit this, and say how to make one."""

    @pytest.fixture
    def signers(self) -> Signers:
        """Return an empty place for keys."""
        raise NotImplementedError

    def test_what_it_signs_its_public_key_verifies(self, signers: Signers) -> None:
        """A signature is 64 bytes, and of the data that was given."""
        jwk = signers.create()
        signature = signers.sign(jwk["kid"], b"data")

        assert len(signature) == 64
        assert verifies(jwk, signature, b"data")
        assert not verifies(jwk, signature, b"other data")

    def test_a_public_key_says_what_it_is_for(self, signers: Signers) -> None:
        """It is named by its thumbprint, and holds nothing private."""
        jwk = signers.create()

        assert set(jwk) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        assert (jwk["crv"], jwk["alg"], jwk["use"]) == ("P-256", "ES256", "sig")
        assert jwk["kid"] == ECKey.import_key(dict(jwk)).thumbprint()

    def test_each_key_is_another(self, signers: Signers) -> None:
        """And each signs as itself."""
        one, two = signers.create(), signers.create()

        assert one["kid"] != two["kid"]
        assert not verifies(two, signers.sign(one["kid"], b"data"), b"data")

    def test_it_knows_which_keys_it_holds(self, signers: Signers) -> None:
        """What it does not hold, or has forgotten, signs nothing."""
        kid = signers.create()["kid"]
        other = "A" * 43

        assert signers.holds(kid)
        assert not signers.holds(other)
        signers.forget(kid)
        signers.forget(other)
        assert not signers.holds(kid)
        for absent in (kid, other, "../../etc/passwd", ""):
            with pytest.raises(NotFound):
                signers.sign(absent, b"data")

    def test_many_keys_sign_at_once(self, signers: Signers) -> None:
        """Nothing is shared that could be mixed up."""
        keys = [signers.create() for _ in range(3)]
        signed = [(k, signers.sign(k["kid"], k["kid"].encode())) for k in keys * 2]

        assert all(verifies(k, s, k["kid"].encode()) for k, s in signed)
