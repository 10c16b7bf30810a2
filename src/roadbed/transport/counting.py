"""Counting the tokens of a request, at a provider that does."""

from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

import msgspec

from roadbed.core.errors import ProviderError
from roadbed.dialects.base import Written
from roadbed.inference.call import Call, Chunk
from roadbed.inference.snapshot import ModelVersion
from roadbed.transport.limits import Limits
from roadbed.transport.pool import Pool
from roadbed.transport.runner import Api, HttpRunner


class Counts(NamedTuple):
    """How a provider is asked to count: in which dialect, and where.

    `takes` says of a field whether it may be sent.
    """

    written: Written
    url: str
    takes: Callable[[str], bool]


class _Counted(msgspec.Struct):
    input_tokens: int


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_COUNTED = msgspec.json.Decoder(_Counted)


class CountingRunner(HttpRunner):
    """One version, which also counts tokens. Counting costs nothing."""

    def __init__(
        self, pool: Pool, api: Api, version: ModelVersion, counts: Counts
    ) -> None:
        super().__init__(pool, api, version)
        self._counts = counts

    async def count(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the number of input tokens of a `CountRequest`, as JSON text."""
        counts, limits = self._counts, Limits(call, self._api.config)
        asked = _FIELDS.decode(self._question.ask(call, counts.written))
        body = msgspec.json.encode({k: v for k, v in asked.items() if counts.takes(k)})
        key, response = await self._post(call, counts.url, body, limits)
        try:
            await self._refuse_failure(response, limits, key)
            told = _count_in(await self._body(response, limits))
        finally:
            response.release()
        yield Chunk(text=msgspec.json.encode(told).decode(), finish="stop")


def _count_in(data: bytes) -> _Counted:
    try:
        return _COUNTED.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    raise ProviderError("the provider did not say how many tokens there are")
