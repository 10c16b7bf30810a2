"""Embeddings: what an upstream answers."""

from collections.abc import Sequence
from typing import Any

import msgspec

from roadbed.core.errors import ProviderError
from roadbed.core.secret import Secret
from roadbed.dialects.decoding import believed, count_of
from roadbed.dialects.embeddings.parse_request import DIALECT
from roadbed.dialects.embeddings.vectors import decoded
from roadbed.dialects.openai.errors import in_band
from roadbed.inference.call import Chunk, Usage
from roadbed.inference.chat import EmbedRequest


class _Datum(msgspec.Struct):
    embedding: msgspec.Raw
    index: int | None = None


class _Tokens(msgspec.Struct):
    prompt_tokens: Any = None


class _Body(msgspec.Struct):
    data: list[_Datum] | None = None
    model: str | None = None
    usage: _Tokens | None = None
    error: Any = None


_BODY = msgspec.json.Decoder(_Body)
_VECTOR = msgspec.json.Decoder(list[float])
_TEXT = msgspec.json.Decoder(str)


def read_answer(request: EmbedRequest, data: bytes, key: Secret | None = None) -> Chunk:
    """Return the vectors of *data*, one for each input and in their order.

    What came is kept as it was, if it is in the encoding that the caller wants.
    Raises ProviderError for anything else; *key* is ours, which no error repeats.
    """
    try:
        body: _Body = _BODY.decode(data)
        found = sorted(enumerate(body.data or ()), key=_place)
        vectors = tuple(_vector(datum) for _, datum in found)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise _no_answer() from None
    if body.error:
        raise in_band(body.error, key)
    if [_place(pair) for pair in found] != list(range(len(request.inputs))):
        raise ProviderError(
            f"the provider gave {len(found)} vectors for {len(request.inputs)} inputs"
        )
    as_asked = all(_is_text(datum) == request.base64 for _, datum in found)
    return Chunk(
        vectors=vectors,
        usage=_usage(body.usage),
        finish="stop",
        served=body.model or "",
        raw=data if as_asked else None,
        dialect=DIALECT if as_asked else "",
    )


def _usage(told: _Tokens | None) -> Usage | None:
    if told is None:
        return None
    return believed(Usage(input_tokens=count_of(told.prompt_tokens)))


def _place(pair: tuple[int, _Datum]) -> int:
    at, datum = pair
    return at if datum.index is None else datum.index


def _is_text(datum: _Datum) -> bool:
    return bytes(memoryview(datum.embedding)[:1]) == b'"'


def _vector(datum: _Datum) -> Sequence[float]:
    if _is_text(datum):
        return decoded(_TEXT.decode(datum.embedding))
    return _VECTOR.decode(datum.embedding)


def _no_answer() -> ProviderError:
    return ProviderError(
        "the provider's answer is no list of embeddings",
        hint="check that the server at base_url has /embeddings, and that the "
        "version's upstream is a model that makes them",
    )
