"""What is read from a file that others wrote: the file, and one sample of it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from roadbed.core.digest import digest_stream
from roadbed.core.errors import Invalid
from roadbed.evals.asking import Answered
from roadbed.evals.case import Case
from roadbed.evals.grading import Grade

LINE_BYTES = 16 * 1024 * 1024
WHOLE_BYTES = 256 * 1024 * 1024
LINES = 5_000_000
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One sample of a file. `answered` and `grades` are of those that have results."""

    case: Case
    answered: Answered | None = None
    grades: Mapping[str, Grade] = field(default_factory=dict)
    repeat: int = 0


@dataclass(frozen=True)
class Source:
    """A file that somebody else wrote. It is read within limits, and only forwards."""

    path: Path

    @cached_property
    def digest(self) -> str:
        """The digest of the file."""
        with self.path.open("rb") as file:
            return digest_stream(iter(lambda: file.read(_PIECE), b""))

    def provenance(self, sample: str, form: str, **more: Any) -> dict[str, Any]:
        """Return where a case came from: form, file, its digest, and the sample."""
        named = {"imported": form, "file": self.path.name, "digest": self.digest}
        return {**named, "sample": sample, **more}

    def whole(self) -> bytes:
        """Return all bytes; raise Invalid if there are more than 256 MB."""
        size = self.path.stat().st_size
        if size > WHOLE_BYTES:
            raise self.wrong(f"it has {size:,} bytes; at most {WHOLE_BYTES:,} are read")
        return self.path.read_bytes()

    def document(self) -> Any:
        """Return the file as one JSON document."""
        return self.parsed(self.whole(), "the file")

    def lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the objects of a JSON Lines file by their lines, which count from 1."""
        with self.path.open("rb") as file:
            for number in range(1, LINES + 1):
                line = file.readline(LINE_BYTES + 1)
                if not line:
                    return
                if len(line) > LINE_BYTES:
                    raise self.wrong(f"line {number} is longer than 16 MB")
                if line.strip():
                    yield number, self.object(line, f"line {number}")
        raise self.wrong(f"it has more than {LINES:,} lines")

    def object(self, data: bytes, where: str) -> dict[str, Any]:
        """Return *data* as a JSON object; Invalid names *where* if it is none."""
        value = self.parsed(data, where)
        if not isinstance(value, dict):
            raise self.wrong(f"{where} is no JSON object")
        return value

    def parsed(self, data: bytes, where: str) -> Any:
        """Return *data* as JSON; what JSON has no number for becomes null."""
        try:
            return json.loads(data, parse_constant=lambda name: None)
        except (ValueError, RecursionError) as error:
            raise self.wrong(f"{where} is no JSON: {str(error)[:200]}") from None

    def wrong(self, what: str, hint: str = "") -> Invalid:
        """Return the error that says what is wrong with the file."""
        return Invalid(f"{self.path.name}: {what}", hint=hint)


def text(value: Any) -> str:
    """Return *value* as text: itself, or as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def tags(metadata: Any) -> tuple[str, ...]:
    """Return the short values of *metadata* as tags such as `topic:refunds`."""
    pairs = metadata.items() if isinstance(metadata, dict) else ()
    short = (str, int, bool)
    found = [f"{k}:{v}" for k, v in pairs if isinstance(v, short) and len(str(v)) <= 60]
    return tuple(sorted(found)[:20])


def number(value: Any) -> float | None:
    """Return a finite number, None for anything else; true is 1."""
    if not isinstance(value, bool | int | float) or abs(value) > 1e300:
        return None
    return float(value) if value == value else None


def whole(value: Any) -> int:
    """Return a count, 0 for what is none."""
    found = number(value)
    return max(0, int(found)) if found is not None and found < 2**53 else 0
