"""When two calls are the same call: the digest of all that decides the answer."""

import hashlib
import struct
from collections.abc import Iterator, Set
from typing import NamedTuple

import msgspec

from roadbed.inference.call import Call, TensorRequest
from roadbed.inference.chat import ChatRequest, TextRequest
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
_TOLD = _ELSEWHERE.union(_TOOLS)
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
    told = _TOLD & request.fields.keys()
    if not told:
        return True
    given = {name for name in told if _says(request.fields[name])}
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
    principal = call.principal
    request = call.request
    parts = [
        (principal.tenant if principal else "").encode(),
        deployment.endpoint.encode(),
        deployment.choices[0].name.encode(),
        deployment.version.digest.encode(),
        call.snapshot.authority.digest.encode(),
        call.dialect.encode(),
        type(request).__name__.encode(),
        b"" if rule.shared or principal is None else principal.chain.encode(),
    ]
    if isinstance(request, TensorRequest):
        parts += _of_tensors(request)
    else:
        parts += _of_fields(request, _FORM | _WHO if rule.shared else _FORM)
    sizes = struct.pack(f">{len(parts) + 1}Q", len(parts), *map(len, parts))
    return hashlib.blake2b(b"".join((sizes, *parts)), digest_size=32).digest()


def _of_fields(request: TextRequest, left_out: Set[str]) -> list[bytes]:
    fields = request.fields
    names = sorted(fields.keys() - left_out)
    texts = [name.encode("utf-8", "surrogatepass") for name in names]
    return [*texts, *map(bytes, map(fields.__getitem__, names))]


def _of_tensors(request: TensorRequest) -> Iterator[bytes]:
    yield msgspec.json.encode([request.outputs, request.parameters], order="sorted")
    for tensor in request.inputs:
        yield msgspec.json.encode([tensor.name, tensor.datatype, tensor.shape])
        yield tensor.data


def _says(raw: msgspec.Raw) -> bool:
    return bytes(raw).strip() not in _NOTHING
