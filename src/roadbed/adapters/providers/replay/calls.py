"""The file of recorded calls: where it is, what it may be, and what is in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from roadbed.core.digest import digest
from roadbed.core.errors import Corrupt, Invalid, NotFound, RoadbedError
from roadbed.inference.asking import key_of, question_of
from roadbed.inference.recorded import RecordedAnswer, RecordedCall

MAX_BYTES = 256 * 1024 * 1024
COMPARED = 2_000
"""How many recorded questions a missing one is compared with."""

_NO_CALL = (
    msgspec.MsgspecError,
    RoadbedError,
    ValueError,
    AttributeError,
    RecursionError,
)
_LINE = msgspec.json.Decoder(RecordedCall)


class Config(BaseModel):
    """The `config` block of a Provider resource of type `replay`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: str = Field(
        min_length=1,
        description="The file of recorded calls, JSON Lines as `roadbed calls export` "
        "writes them. A relative path begins where the server was started.",
    )
    digest: str = Field(
        default="",
        pattern=r"^(sha256:[0-9a-f]{64})?$",
        description="The file's digest, which the export prints. With it the answers "
        "are pinned, and a file that differs is refused.",
    )


def unpinned(config: Config, upstream: str) -> str | None:
    """Return why the answers may change under a version, or None if they cannot."""
    if config.digest:
        return None
    return (
        "its answers come from a file that may change; set `digest` on the Provider, "
        "as `roadbed calls export` prints it"
    )


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* cannot be replayed, or None if it can."""
    if "hosted" not in definition:
        return "only conversations are replayed; use provider `onnx` for this model"
    return None


@dataclass(slots=True)
class Recorded:
    """The answers of a file by the digests of their questions."""

    answers: dict[str, RecordedAnswer] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)

    def find(self, asked: dict[str, Any]) -> RecordedAnswer:
        """Return the answer to a question; raise NotFound with the nearest one."""
        key = key_of(asked)
        found = self.answers.get(key)
        if found is not None:
            return found
        near = self._nearest(question_of(asked))
        hint = f"the nearest that was: {near[:120]!r}; " if near else ""
        raise NotFound(
            f"no recorded call asks this ({key})",
            hint=f"{hint}the same words with other tools or parameters are another "
            "question; ask the real model and run `roadbed calls export`",
        )

    def _nearest(self, question: str) -> str:
        words = set(question.lower().split())

        def likeness(other: str) -> float:
            theirs = set(other.lower().split())
            return len(words & theirs) / (len(words | theirs) or 1)

        return max(self.questions[:COMPARED], key=likeness, default="")


def load(config: Config) -> Recorded:
    """Read the file; of calls that ask the same, the last one counts.

    Raises NotFound if it is not there, Corrupt if it is not the one that was pinned,
    and Invalid naming the line that is no call. What stands in a line is not repeated.
    """
    data = _data(config)
    recorded = Recorded()
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            call = _LINE.decode(line)
            recorded.answers[key_of(call.asked)] = call.answer
            recorded.questions.append(question_of(call.asked)[:2000])
        except _NO_CALL:
            raise Invalid(
                f"line {number} of the recorded calls is no call",
                hint="write the file with `roadbed calls export`",
            ) from None
    return recorded


def _data(config: Config) -> bytes:
    path = Path(config.calls)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Invalid(f"the recorded calls are over {MAX_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise NotFound(
            f"the recorded calls cannot be read: {error.strerror}",
            hint="see `calls` of the Provider; `roadbed calls export` writes the file",
        ) from None
    if config.digest and digest(data) != config.digest:
        raise Corrupt(
            "the recorded calls are not those that the Provider's `digest` pins",
            hint="restore the file, or pin the new one: `roadbed calls export` prints "
            "its digest",
        )
    return data
