"""What knowing who calls costs: CPU per look-up, for a key and for an access token.

```
python bench/tokens.py             # 2,000 tokens, a few seconds
```

*Cold* is a token that this snapshot sees for the first time: its signature, its claims
and the directory. *Known* is the same token again. *Decided* adds the policies, for a
principal and an action that were asked about before.
"""

import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from roadbed.access.authority import compile_policies
from roadbed.adapters.signers.local import LocalSigners
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.identity.access_token import claims_of
from roadbed.identity.authenticate import authenticate
from roadbed.identity.directory import Directory, Known, Subject
from roadbed.identity.exchange import Wish, decide
from roadbed.identity.jwt import key_of
from roadbed.identity.proof import Proof
from roadbed.identity.signing import _json, _part
from roadbed.identity.tokens import credential_digest
from roadbed.identity.verifier import Verifier
from roadbed.inference.snapshot import Snapshot

US, KEY, TIMES = "https://us.example", "rbk_bench_" + "0" * 64, 20


def main(count: int) -> None:
    """Measure, and print one line for each."""
    now_us = time.time_ns() // 1000
    with tempfile.TemporaryDirectory() as folder:
        tokens, verifier = made(Path(folder), count, now_us)
    holder = Principal(kind="service-account", name="ci", expires_us=2**62)
    snapshot = Snapshot(
        revision=1,
        digest="",
        authority=compile_policies({}),
        credentials={credential_digest(KEY): holder},
        deployments={},
        tokens=verifier,
    )

    def ask(token: str) -> Principal:
        return authenticate(snapshot, token, now_us)

    def decided(token: str) -> None:
        target = Target(kind="Endpoint", name="support")
        snapshot.authority.decide(ask(token), "endpoint.infer", target, now_us)

    print(f"{count} tokens of {len(tokens[0])} bytes; CPU per look-up")
    show("a key", measure(ask, [KEY] * count * TIMES))
    show("a token, cold", measure(ask, tokens))
    show("a token, known", measure(ask, tokens[:100] * TIMES * 10))
    show("a token, known and decided", measure(decided, tokens[:1] * count * TIMES))


def made(folder: Path, count: int, now_us: int) -> tuple[list[str], Verifier]:
    """Return that many tokens of one account, and what verifies them."""
    signers = LocalSigners(folder)
    jwk = signers.create()
    key = key_of(jwk)
    assert key is not None
    proof = Proof(
        subject=Subject(kind="service-account", name="ci"),
        expires_us=now_us + 10**9,
        authenticated_us=now_us,
        since_us=now_us,
    )
    header = _part(_json({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}))
    tokens = []
    for _ in range(count):
        grant = decide(proof, None, Wish(audience=US), now_us, secrets.token_hex(16))
        text = f"{header}.{_part(_json(claims_of(grant, US)))}"
        tokens.append(f"{text}.{_part(signers.sign(key.kid, text.encode()))}")
    directory = Directory(accounts={"ci": Known(roles=frozenset({"app"}))})
    keys = {key.kid: (key, 2**62)}
    return tokens, Verifier(issuer=US, keys=keys, directory=directory)


def measure(work: Callable[[str], Any], words: Iterable[str]) -> float:
    """Return the microseconds of CPU that *work* takes for one of *words*."""
    listed = list(words)
    begun = time.process_time_ns()
    for word in listed:
        work(word)
    return (time.process_time_ns() - begun) / len(listed) / 1000


def show(what: str, micros: float) -> None:
    """Print one figure."""
    print(f"{what:<28} {micros:8.1f} us")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
