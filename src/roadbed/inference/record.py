"""What is kept of a call: the record, and apart from it the payload."""

import hashlib
from typing import Any

import msgspec

from roadbed.core.digest import canonical

SCHEMA_VERSION = 3
MIRRORED, MIRRORS = "mirrored", "mirrors"
"""The arm of a copy of a call: a newer version was asked too, and nobody was told; and
the label that names the call."""
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the call log. Times are UTC microseconds; never edited.

    `payload_commit` binds the payload without holding it: HMAC-SHA256 under the
    payload's own random salt, so that the payload can be erased and the log kept.
    Money is in billionths of a US dollar (`cost_nano`), by the prices that `price`
    names; `estimated` is 1 where the provider counted no tokens. `attempts` counts the
    tries at upstreams, and `chain` tells of them as JSON where there is more to tell
    than one success. `unsaid` are names of what was asked and the model's dialect has
    no words for. `stages` are the microseconds that each stage took. `rollout` names
    the rollout that it was part of, `arm` is `old` or `new` (`placed-…` where somebody
    chose, `first-…` where the caller was among the first, `mirrored` for a copy), and
    `bucket` the one of 10,000, counted from 1.
    """

    call_id: str
    ts: int
    region: str
    tenant: str
    endpoint: str
    kind: str
    dialect: str
    status: str
    error: str = ""
    model: str = ""
    model_digest: str = ""
    provider: str = ""
    served: str = ""
    principal: str = ""
    decision: str = ""
    snapshot: str = ""
    policy: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    latency_us: int = 0
    first_us: int = 0
    rows: int = 0
    trace_id: str = ""
    payload_commit: str = ""
    num: dict[str, float] = {}
    cat: dict[str, str] = {}
    prediction: dict[str, float] = {}
    upstream: str = ""
    finish: str = ""
    stream: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: int = 0
    cost_nano: int = 0
    price: str = ""
    attempts: int = 0
    chain: str = ""
    cache: str = ""
    degraded: str = ""
    run: str = ""
    span_id: str = ""
    parent_id: str = ""
    stages: dict[str, int] = {}
    labels: dict[str, str] = {}
    unsaid: str = ""
    rollout: str = ""
    arm: str = ""
    bucket: int = 0


_ALWAYS = frozenset(f.name for f in msgspec.structs.fields(CallRecord) if f.required)


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and answered, as JSON texts, with the salt of its commitment."""

    call_id: str
    ts: int
    tenant: str
    endpoint: str
    salt: str
    request: str
    response: str


def said(record: CallRecord) -> dict[str, Any]:
    """Return the fields of *record* that say something.

    What is empty is left out, so that a field which is added later changes no
    leaf of a record from before.
    """
    fields = msgspec.structs.asdict(record)
    return {name: value for name, value in fields.items() if value or name in _ALWAYS}


def leaf_bytes(record: CallRecord) -> bytes:
    """Return the bytes of *record* that the audit log commits to."""
    return canonical(said(record))


def commit(salt: str, request: str, response: str) -> str:
    """Return the commitment to a payload: hex HMAC-SHA256 under *salt* (hex)."""
    asked, answered = request.encode(), response.encode()
    sizes = len(asked).to_bytes(8, "big"), len(answered).to_bytes(8, "big")
    return _hmac(bytes.fromhex(salt), b"".join((sizes[0], asked, sizes[1], answered)))


def _hmac(key: bytes, message: bytes) -> str:
    """Return hex HMAC-SHA256 (RFC 2104) under a *key* of at most a block.

    Written out, for the module of this name takes twice as long to begin.
    """
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(block.translate(_INNER) + message).digest()
    return hashlib.sha256(block.translate(_OUTER) + inner).hexdigest()
