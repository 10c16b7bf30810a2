"""How many tokens a request may be, where nobody counts them. Upper-biased.

It is a function of the bytes: words of a European language are four to a token, code
and other scripts fewer. So three bytes are taken for one, unless better is known.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol, runtime_checkable

import msgspec

from roadbed.core.errors import Invalid, Refused
from roadbed.gateway.money.estimate import IMAGE_TOKENS
from roadbed.inference.call import Call, Chunk, Outcome, Usage
from roadbed.inference.chat import (
    ChatRequest,
    CountRequest,
    EmbedRequest,
    RerankRequest,
    TextRequest,
)
from roadbed.inference.conversation import Image, Text, Thinking, ToolResult, ToolUse
from roadbed.inference.path import Attempt

BYTES_PER_TOKEN = 3.0
TURN_TOKENS = 4
"""What tells one turn, or one tool, from the next."""
_NOT_OFFERED = (404, 405)


@runtime_checkable
class Counter(Protocol):
    """A runner whose provider counts the tokens of a request, and takes no money."""

    def count(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield one chunk: the text `{"input_tokens": N}`, with a finish."""
        ...


def counting(attempt: Attempt) -> Attempt:
    """Return *attempt*, with requests to count tokens answered beside it.

    A provider that counts is asked; for any other, and where it turns out not to offer
    that, the answer is our estimate, and its usage says so. A count is no consumption:
    nothing is added to the tokens on record.
    """

    def ask(call: Call, outcome: Outcome) -> AsyncGenerator[Chunk]:
        if not isinstance(call.request, CountRequest):
            return attempt(call, outcome)
        runner = call.deployment.runner if call.deployment else None
        return _asked(runner, call) if isinstance(runner, Counter) else _estimate(call)

    return ask


def input_tokens(
    request: TextRequest, *, prompt: str = "", bytes_per_token: float = BYTES_PER_TOKEN
) -> int:
    """Return about how many tokens *request* is, behind the version's *prompt*."""
    match request:
        case ChatRequest():
            size, more = _of_chat(request)
        case EmbedRequest(inputs=inputs):
            size = sum(_size(text) for text in inputs if isinstance(text, str))
            more = sum(len(item) for item in inputs if not isinstance(item, str))
        case RerankRequest(query=query, documents=documents):
            size = sum(_size(query) + _size(document) for document in documents)
            more = len(documents)
    size += _size(prompt)
    return more + max(1, -int(-size // bytes_per_token))


async def _asked(runner: Counter, call: Call) -> AsyncGenerator[Chunk]:
    try:
        async with aclosing(runner.count(call)) as chunks:
            async for chunk in chunks:
                yield chunk
    except Refused as error:
        if error.upstream_status not in _NOT_OFFERED:
            raise
        async for chunk in _estimate(call):
            yield chunk


async def _estimate(call: Call) -> AsyncGenerator[Chunk]:
    assert isinstance(call.request, ChatRequest)
    body = call.deployment.version.body if call.deployment else {}
    prompt = str(body.get("prompt") or "")
    count = {"input_tokens": input_tokens(call.request, prompt=prompt)}
    text = msgspec.json.encode(count).decode()
    yield Chunk(text=text, usage=Usage(estimated=True), finish="stop")


def _of_chat(request: ChatRequest) -> tuple[int, int]:
    """Return the bytes of what is said, and the tokens of what has no bytes.

    What only its own provider can read is taken as it was written.
    """
    try:
        asked = request.conversation()
    except Invalid:
        return sum(memoryview(raw).nbytes for raw in request.fields.values()), 0
    parts = [part for turn in asked.turns for part in turn.parts]
    size, more = _of_parts(parts)
    for tool in asked.tools:
        schema = msgspec.json.encode(tool.schema)
        size += _size(tool.name) + _size(tool.description) + len(schema)
    if asked.output is not None:
        size += len(msgspec.json.encode(asked.output.schema))
    return size, more + TURN_TOKENS * (len(asked.turns) + len(asked.tools))


def _of_parts(parts: Any) -> tuple[int, int]:
    size = more = 0
    for part in parts:
        match part:
            case Text(text=text) | Thinking(text=text):
                size += _size(text)
            case Image():
                more += IMAGE_TOKENS
            case ToolUse(name=name, arguments=arguments):
                size += _size(name) + _size(arguments)
            case ToolResult(parts=inner):
                inside = _of_parts(inner)
                size, more = size + inside[0], more + inside[1]
    return size, more


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
