"""When two calls are the same call: the digest of all that decides the answer."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from roadbed.inference.call import Call, TensorRequest
from roadbed.inference.chat import ChatRequest, TextRequest
from roadbed.inference.snapshot import Deployment
from roadbed.inference.terms import Cache

_FORM = frozenset({"model", "stream", "stream_options"})
_WHO = frozenset({"user", "safety_identifier", "prompt_cache_key"})
_ELSEWHERE = frozenset(
    {
        "previous_response_id", "conversation", "container", "background", "prompt",
        "web_search_options", "mcp_servers", "store",
    }
)  # fmt: skip
_TOOLS = ("tools", "functions")
_NOTHING = frozenset({b"null", b"[]", b"{}", b"false"})


class Form(NamedTuple):
    """In which form an answer is written: what is stored in one is shown in another."""

    stream: bool
    usage: bool


def form_of(call: Call) -> Form:
    """Return the form in which the answer to *call* is wanted."""
    request = call.request
    if not isinstance(request, ChatRequest):
        return Form(stream=False, usage=False)
    return Form(stream=request.stream, usage=request.wants_usage)


def may_be_kept(call: Call, rule: Cache) -> bool:
    """Say whether the answer to *call* is one that *rule* lets others have.

    It is not if tools are offered and the rule does not speak of them, nor if it also
    depends on what the provider keeps elsewhere, or does more than answer.
    """
    request = call.request
    if isinstance(request, TensorRequest):
        return True
    given = {name for name, raw in request.fields.items() if _says(raw)}
    if given & _ELSEWHERE:
        return False
    return rule.tools or not given.intersection(_TOOLS)


def key_of(call: Call, rule: Cache) -> bytes:
    """Return the 32 bytes that two calls share if one answer may serve both.

    They cover tenant, endpoint, version, policies, dialect, and every field as it was
    sent, except those that only say how it is written. Unless the rule shares answers,
    also who asks, and for whom.
    """
    deployment = call.deployment
    assert deployment is not None
    digest = hashlib.blake2b(digest_size=32)
    for part in _parts(call, deployment, rule):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _parts(call: Call, deployment: Deployment, rule: Cache) -> Iterator[bytes]:
    principal = call.principal
    yield (principal.tenant if principal else "").encode()
    yield deployment.endpoint.encode()
    yield deployment.version.digest.encode()
    yield call.snapshot.authority.digest.encode()
    yield call.dialect.encode()
    yield type(call.request).__name__.encode()
    yield b"" if rule.shared or principal is None else principal.chain.encode()
    if isinstance(call.request, TensorRequest):
        yield from _of_tensors(call.request)
    else:
        yield from _of_fields(call.request, _FORM | _WHO if rule.shared else _FORM)


def _of_fields(request: TextRequest, left_out: Iterable[str]) -> Iterator[bytes]:
    for name in sorted(request.fields.keys() - left_out):
        yield name.encode("utf-8", "surrogatepass")
        yield bytes(request.fields[name])


def _of_tensors(request: TensorRequest) -> Iterator[bytes]:
    yield msgspec.json.encode([request.outputs, request.parameters], order="sorted")
    for tensor in request.inputs:
        yield msgspec.json.encode([tensor.name, tensor.datatype, tensor.shape])
        yield tensor.data


def _says(raw: msgspec.Raw) -> bool:
    return bytes(raw).strip() not in _NOTHING
