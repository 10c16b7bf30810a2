"""The provider and its runners."""

import re
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from roadbed.adapters.providers.replay.calls import Config, Recorded, load, unfit
from roadbed.core.errors import Invalid, NotFound, ProviderError, Refused
from roadbed.inference.asking import asked_of
from roadbed.inference.call import Call, Chunk, ToolPiece, Usage
from roadbed.inference.chat import ChatRequest, CountRequest
from roadbed.inference.recorded import RecordedAnswer
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets

_WORDS = re.compile(r"\S+\s*|\s+")


class Replay:
    """Answers of one file, for all versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config

    def open(self, version: ModelVersion) -> "ReplayRunner":
        """Read the file of recorded calls; raise ProviderError if it cannot be used.

        Raises Corrupt if it is not the file that the config pins, and Invalid for a
        definition that cannot be replayed.
        """
        if reason := unfit(self.config, version.definition):
            raise Invalid(f"{version}: {reason}")
        try:
            recorded = load(self.config)
        except (NotFound, Invalid) as error:
            raise ProviderError(error.message, hint=error.hint) from None
        return ReplayRunner(recorded, str(version.body.get("upstream", "")))

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class ReplayRunner:
    """One version: it says what was said before."""

    def __init__(self, recorded: Recorded, upstream: str) -> None:
        self._recorded = recorded
        self._upstream = upstream

    def metadata(self) -> dict[str, Any]:
        """Return the platform, and how many answers there are."""
        answers = len(self._recorded.answers)
        return {"platform": "replay", "upstream": self._upstream, "answers": answers}

    async def send(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the recorded answer, word by word if the caller wants a stream."""
        request = call.request
        if not isinstance(request, ChatRequest) or isinstance(request, CountRequest):
            raise Invalid(
                "only conversations are replayed",
                hint="ask for chat completions or messages",
            )
        try:
            answer = self._recorded.find(asked_of(request.conversation()))
        except NotFound as error:
            raise Refused(error.message, hint=error.hint) from None
        if request.stream:
            for chunk in _pieces(answer):
                yield chunk
            yield _last(answer)
        else:
            tools = tuple(_tools(answer))
            yield _last(answer, text=answer.text, tools=tools)

    async def close(self) -> None:
        """Do nothing."""


def _pieces(answer: RecordedAnswer) -> Iterator[Chunk]:
    for word in _WORDS.findall(answer.text):
        yield Chunk(text=word, served=answer.served)
    for tool in _tools(answer):
        half = len(tool.arguments) // 2
        head, rest = tool.arguments[:half], tool.arguments[half:]
        yield Chunk(
            tools=(
                ToolPiece(index=tool.index, id=tool.id, name=tool.name, arguments=head),
            )
        )
        yield Chunk(tools=(ToolPiece(index=tool.index, arguments=rest),))


def _tools(answer: RecordedAnswer) -> Iterator[ToolPiece]:
    for index, tool in enumerate(answer.tool_calls):
        yield ToolPiece(
            index=index, id=tool.id, name=tool.name, arguments=tool.arguments
        )


def _last(answer: RecordedAnswer, **said: Any) -> Chunk:
    counted = answer.usage
    usage = None
    if counted is not None:
        usage = Usage(
            input_tokens=counted.input_tokens,
            output_tokens=counted.output_tokens,
            cached_tokens=counted.cached_tokens,
            cache_write_tokens=counted.cache_write_tokens,
            reasoning_tokens=counted.reasoning_tokens,
        )
    return Chunk(
        finish=answer.finish or "stop",
        usage=usage,
        served=answer.served,
        annotations=tuple(answer.annotations),
        **said,
    )
