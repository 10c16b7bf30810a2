"""The provider and its runners."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, TypeVar

from roadbed.adapters.providers.extractive.answer import citations, text_of
from roadbed.adapters.providers.extractive.fitness import (
    ALGORITHM,
    Config,
    document_text,
    files_of,
    unfit,
)
from roadbed.adapters.providers.extractive.passages import Passage, sentences, split
from roadbed.adapters.providers.extractive.ranking import rank
from roadbed.adapters.providers.extractive.search import Index
from roadbed.core.errors import Corrupt, Invalid, NotFound, TimedOut
from roadbed.inference.call import Call, Chunk
from roadbed.inference.chat import ChatRequest, EmbedRequest, RerankRequest
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets

T = TypeVar("T")
PASSAGES = 3


class Extractive:
    """A search over the documents of each version."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self._config = config
        self._blobs = blobs

    def open(self, version: ModelVersion) -> "ExtractiveRunner":
        """Read the version's documents and index them.

        Raises Invalid for a definition that is no search, and Corrupt if a document
        is not what was stored.
        """
        if reason := unfit(self._config, version.definition):
            raise Invalid(f"{version}: {reason}")
        files = files_of(version.body)
        passages: list[Passage] = []
        for file in files:
            passages += split(file["path"], file["digest"], self._text(file))
        return ExtractiveRunner(Index(passages), len(files))

    async def close(self) -> None:
        """Do nothing: versions share nothing."""

    def _text(self, file: Mapping[str, Any]) -> str:
        try:
            data = b"".join(self._blobs.get(file["digest"]))
        except NotFound:
            raise Corrupt(
                f"the document {file['path']!r} is declared and was not kept",
                hint=f"put {file['digest']} back into the blobs",
            ) from None
        return document_text(file["path"], data)


class ExtractiveRunner:
    """One version: an index of its documents' passages."""

    def __init__(self, index: Index, documents: int) -> None:
        self._index = index
        self._documents = documents

    def metadata(self) -> dict[str, Any]:
        """Return the platform, and how much there is to search."""
        return {
            "platform": "extractive",
            "upstream": ALGORITHM,
            "documents": self._documents,
            "passages": len(self._index.passages),
        }

    async def send(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the answer, a sentence at a time if the caller wants a stream.

        The last chunk has the citations. Usage is None: no tokens are counted here.
        """
        request = call.request
        if isinstance(request, RerankRequest):
            scores = await _in_time(call, rank, request.query, request.documents)
            yield Chunk(
                ranking=tuple(scores[: request.top_n]), finish="stop", served=ALGORITHM
            )
            return
        if not isinstance(request, ChatRequest):
            raise _unasked(request)
        hits = await _in_time(call, self._index.find, request.question(), PASSAGES)
        text, last = text_of(hits, self._documents), ""
        if request.stream:
            for sentence in sentences(text):
                yield Chunk(text=sentence)
        else:
            last = text
        yield Chunk(
            text=last, annotations=citations(hits), finish="stop", served=ALGORITHM
        )

    async def close(self) -> None:
        """Let go of the index."""
        self._index.close()


async def _in_time(call: Call, search: Callable[..., T], *words: Any) -> T:
    """Return what *search* finds, in a thread; raise TimedOut at the deadline."""
    work = asyncio.to_thread(search, *words)
    if call.deployment is None:
        return await work
    deadline_s = call.started_ns / 1e9 + call.deployment.deadline_ms / 1e3
    try:
        async with asyncio.timeout(deadline_s - time.monotonic()):
            return await work
    except TimeoutError:
        ms = call.deployment.deadline_ms
        raise TimedOut(f"the search took longer than {ms} ms") from None


def _unasked(request: object) -> Invalid:
    if isinstance(request, EmbedRequest):
        return Invalid(
            "this model searches documents by their words, and makes no vectors",
            hint="ask an endpoint whose model makes embeddings",
        )
    return Invalid(
        "this model answers questions, not tensors", hint="POST /v1/chat/completions"
    )
