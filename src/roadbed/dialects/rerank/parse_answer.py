"""Rerank: what an upstream answers."""

import math
from typing import Any

import msgspec

from roadbed.core.errors import ProviderError
from roadbed.core.secret import Secret
from roadbed.dialects.decoding import believed, count_of
from roadbed.dialects.openai.errors import in_band
from roadbed.inference.call import Chunk, Usage
from roadbed.inference.chat import RerankRequest


class _Result(msgspec.Struct):
    index: int
    relevance_score: float


class _Body(msgspec.Struct):
    results: list[_Result] | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    error: Any = None


_BODY = msgspec.json.Decoder(_Body)


def read_answer(
    request: RerankRequest, data: bytes, key: Secret | None = None
) -> Chunk:
    """Return the ranking in *data*: the best document first, each at most once.

    Raises ProviderError for anything else; *key* is ours, which no error repeats.
    """
    try:
        body: _Body = _BODY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_answer() from None
    if body.error:
        raise in_band(body.error, key)
    ranking = [(result.index, result.relevance_score) for result in body.results or ()]
    places = {at for at, _ in ranking}
    known = places <= set(range(len(request.documents)))
    if not ranking or len(places) < len(ranking) or not known:
        raise _no_answer()
    if not all(math.isfinite(score) for _, score in ranking):
        raise _no_answer()
    return Chunk(
        ranking=ordered(ranking, request.top_n),
        usage=_usage(body),
        finish="stop",
        served=body.model or "",
    )


def ordered(
    ranking: list[tuple[int, float]], top_n: int | None
) -> tuple[tuple[int, float], ...]:
    """Return the *top_n* best, the best one first; of equals the first one given."""
    return tuple(sorted(ranking, key=lambda pair: (-pair[1], pair[0]))[:top_n])


def _usage(body: _Body) -> Usage | None:
    """Return the tokens that were read, wherever they are told of; None if nowhere."""
    meta = body.meta or {}
    for told in (body.usage, meta.get("tokens"), meta.get("billed_units")):
        for name in ("total_tokens", "prompt_tokens", "input_tokens"):
            if isinstance(told, dict) and told.get(name) is not None:
                return believed(Usage(input_tokens=count_of(told[name])))
    return None


def _no_answer() -> ProviderError:
    return ProviderError(
        "the provider's answer is no ranking of these documents",
        hint="check that the server at base_url has /rerank, and that the version's "
        "upstream is a model that ranks",
    )
