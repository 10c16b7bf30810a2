"""A client that proves to hold a key, rightly or not."""

from joserfc import jws

from roadbed.identity.dpop import digest_of
from tests.issuers import SECOND, made_key, part


class Holder:
    """Has a key of its own, and signs proofs with it."""

    def __init__(self, algorithm="ES256"):
        self.algorithm = algorithm
        self.key = made_key(algorithm, kid="mine")
        self.count = 0

    @property
    def thumbprint(self):
        return self.key.thumbprint()

    @property
    def jwk(self):
        public = self.key.as_dict(private=False)
        return {k: v for k, v in public.items() if k not in ("kid", "use", "alg")}

    def proof(self, method, address, now_us, token="", header=None, **claims):
        """Return a proof; `...` leaves a claim or a header out."""
        self.count += 1
        usual = {
            "jti": f"{id(self)}-{self.count}",
            "htm": method,
            "htu": address,
            "iat": now_us // SECOND,
        }
        usual |= {"ath": digest_of(token)} if token else {}
        given = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk}
        told = {k: v for k, v in (given | (header or {})).items() if v is not ...}
        said = {k: v for k, v in (usual | claims).items() if v is not ...}
        text = f"{part(told)}.{part(said)}"
        signer = jws.JWSRegistry(algorithms=[self.algorithm]).get_alg(self.algorithm)
        return f"{text}.{part(signer.sign(text.encode(), self.key))}"
