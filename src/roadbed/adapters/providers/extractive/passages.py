"""Documents cut into passages: by headings, then by paragraphs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from roadbed.core.digest import digest, digest_of, short

LONGEST = 600
_FRONT = re.compile(r"\A---\n.*?\n---(?:\n|\Z)", re.S)
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")
_SENTENCE = re.compile(r".+?(?:[.!?]\s+|\n\s*|\Z)", re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document, small enough to quote.

    `id` is made from the document's path, the heading and the text: it stays the same
    when other parts of the document change. `digest` is that of the text.
    """

    id: str
    path: str
    document: str
    heading: str
    text: str
    digest: str


def split(path: str, document: str, text: str) -> list[Passage]:
    """Return the passages of *text* in order, each once.

    *path* is the document's name, *document* its digest. Headings are Markdown's; a
    text without any is one section. Passages are at most 600 characters, and end
    where a paragraph, else a sentence, else a word ends.
    """
    found: dict[str, Passage] = {}
    for heading, body in _sections(text):
        for piece in _pack(body):
            name = f"{path}#{short(digest_of([path, heading, piece]))}"
            found[name] = Passage(
                id=name,
                path=path,
                document=document,
                heading=heading,
                text=piece,
                digest=digest(piece.encode()),
            )
    return list(found.values())


def sentences(text: str) -> list[str]:
    """Return *text* cut after each sentence and line; joined, it is *text* again."""
    return _SENTENCE.findall(text)


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each section's heading, with those above it, and its paragraphs."""
    above: list[tuple[int, str]] = []
    body: list[str] = []
    text = _FRONT.sub("", "\n".join(text.splitlines()), count=1)
    for block in _blocks(text):
        heading = _heading(block)
        if heading is None:
            body.append(block)
            continue
        yield _title(above), body
        above = [(level, name) for level, name in above if level < heading[0]]
        above, body = [*above, heading], []
    yield _title(above), body


def _title(above: list[tuple[int, str]]) -> str:
    return " / ".join(name for _, name in above if name)


def _heading(block: str) -> tuple[int, str] | None:
    if marked := _HEADING.fullmatch(block):
        name = marked[2].strip()
        bare = name.rstrip("#")
        return len(marked[1]), bare.rstrip() if bare.endswith((" ", "\t")) else name
    line, _, under = block.partition("\n")
    if line and _UNDERLINE.fullmatch(under):
        return (1 if "=" in under else 2), line.strip()
    return None


def _blocks(text: str) -> Iterator[str]:
    """Yield paragraphs, headings and fenced code, each as one block."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
            lines.append(line)
        elif _HEADING.fullmatch(line):
            yield from _joined(lines)
            yield line
            lines = []
        elif not line.strip() or (len(lines) == 1 and _UNDERLINE.fullmatch(line)):
            yield from _joined([*lines, line.rstrip()])
            lines = []
        else:
            fence = mark[1] if mark else ""
            lines.append(line)
    yield from _joined(lines)


def _joined(lines: list[str]) -> Iterator[str]:
    text = "\n".join(lines).strip("\n")
    if text and not _UNDERLINE.fullmatch(text):  # a rule across the page says nothing
        yield text


def _pack(blocks: list[str]) -> Iterator[str]:
    """Yield the blocks, joined while they fit, and cut where one does not."""
    packed = ""
    for block in blocks:
        together = f"{packed}\n\n{block}" if packed else block
        if len(together) <= LONGEST:
            packed = together
            continue
        if packed:
            yield packed
        *full, packed = _cut(block)
        yield from full
    if packed.strip():
        yield packed


def _cut(block: str) -> list[str]:
    pieces, piece = [], ""
    for part in (p for s in sentences(block) for p in _short(s)):
        if len(piece) + len(part) > LONGEST:
            pieces.append(piece)
            piece = ""
        piece += part
    stripped = [p.strip("\n ") for p in (*pieces, piece)]
    return [p for p in stripped if p] or [""]


def _short(sentence: str) -> Iterator[str]:
    """Yield the sentence, cut where words end if it is too long to quote."""
    start = 0
    while len(sentence) - start > LONGEST:
        at = sentence.rfind(" ", start + 1, start + LONGEST)
        at = at if at > 0 else start + LONGEST
        yield sentence[start:at]
        start = at
    yield sentence[start:]
