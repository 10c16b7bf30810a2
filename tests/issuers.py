"""An issuer of tokens for tests: real keys, and a real server on this machine."""

import base64
import http.server
import json
import threading
from contextlib import contextmanager

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.principals import NOW

SECOND = 1_000_000


def made_key(algorithm="ES256", kid="one"):
    """Return a new private key for *algorithm*."""
    parameters = {"kid": kid, "use": "sig", "alg": algorithm}
    if algorithm == "RS256":
        return RSAKey.generate_key(2048, parameters)
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", parameters)
    return ECKey.generate_key("P-256", parameters)


def part(value):
    """Return *value* as one part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Minter:
    """Signs whatever it is told to, as an issuer would and as none should."""

    def __init__(self, issuer="https://issuer.example", algorithm="ES256", kid="one"):
        self.issuer, self.algorithm, self.kid = issuer, algorithm, kid
        self.key = made_key(algorithm, kid)

    @property
    def jwks(self):
        return {"keys": [self.key.as_dict(private=False)]}

    def claims(self, now_us=NOW, **claims):
        now = now_us // SECOND
        usual = {
            "iss": self.issuer,
            "aud": "roadbed",
            "sub": "someone",
            "iat": now,
            "exp": now + 300,
        }
        return {k: v for k, v in (usual | claims).items() if v is not ...}

    def token(self, *, header=None, now_us=NOW, **claims):
        """Return a signed token; `...` leaves a claim or a header out."""
        given = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT"} | (header or {})
        told = {k: v for k, v in given.items() if v is not ...}
        return self.signed(told, self.claims(now_us, **claims))

    def signed(self, header, claims):
        """Return a token of this header and these claims, whatever they are."""
        signing = f"{part(header)}.{part(claims)}"
        usual = {"alg": self.algorithm}
        registry = jws.JWSRegistry(algorithms=[self.algorithm])
        algorithm = registry.get_alg(usual["alg"])
        return f"{signing}.{part(algorithm.sign(signing.encode(), self.key))}"


@contextmanager
def publishing(minter, path=""):
    """Serve the metadata and the keys of *minter*, and make that its issuer.

    Yields the list of the paths that were asked for.
    """
    asked = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            known = {
                f"{path}/.well-known/openid-configuration": {
                    "issuer": minter.issuer,
                    "jwks_uri": f"{minter.issuer}/jwks",
                },
                f"{path}/jwks": minter.jwks,
            }
            body = json.dumps(known.get(self.path, {})).encode()
            self.send_response(200 if self.path in known else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    minter.issuer = f"http://127.0.0.1:{server.server_address[1]}{path}"
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
