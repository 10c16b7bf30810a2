"""The text of an answer that a search gives, with its citations."""

from collections.abc import Sequence
from typing import Any

from roadbed.adapters.providers.extractive.search import Hit

NOTICE = (
    "This is an extract of documents, found by a search; no language model wrote it."
)


def text_of(hits: Sequence[Hit], documents: int) -> str:
    """Return the notice, the passages with `[1]`, `[2]` after them, and the sources."""
    if not hits:
        many = "document" if documents == 1 else f"{documents} documents"
        return f"{NOTICE}\n\nNothing in the {many} matches this question."
    quotes = [_quoted(n, hit.passage.text) for n, hit in enumerate(hits, 1)]
    sources = [_source(n, hit) for n, hit in enumerate(hits, 1)]
    return "\n\n".join([NOTICE, *quotes, "\n".join(sources)])


def citations(hits: Sequence[Hit]) -> tuple[dict[str, Any], ...]:
    """Return one annotation for each source: `index` is its number in the text."""
    return tuple(
        {
            "type": "file_citation",
            "index": n,
            "filename": hit.passage.path,
            "heading": hit.passage.heading,
            "passage": hit.passage.id,
            "passage_digest": hit.passage.digest,
            "quote": hit.passage.text,
            "document_digest": hit.passage.document,
            "score": hit.score,
        }
        for n, hit in enumerate(hits, 1)
    )


def _quoted(number: int, text: str) -> str:
    last = text.rsplit("\n", 1)[-1].lstrip()
    gap = "\n" if last.startswith(("```", "~~~", "|")) else " "
    return f"{text}{gap}[{number}]"


def _source(number: int, hit: Hit) -> str:
    heading = f", {hit.passage.heading}" if hit.passage.heading else ""
    return f"[{number}] {hit.passage.path}{heading}"
