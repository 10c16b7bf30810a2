"""What a run found of one case, as one line of JSON."""

from collections.abc import Iterable, Iterator

import msgspec

from roadbed.evals.asking import Answering


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One case with all its answers; lists have one item for each repeat.

    `at` counts cases from 0. `answers` are keys of what is kept, empty for an answer
    that did not come. `grades` has None where there is none, and `errors` says why
    answers or grades are missing. `hits` counts answers that were there before.
    Money is in billionths of a dollar, times are microseconds.
    """

    at: int
    id: str
    case: str
    cluster: str = ""
    weight: float = 1.0
    tags: tuple[str, ...] = ()
    answers: list[str] = []
    status: list[Answering] = []
    grades: dict[str, list[float | None]] = {}
    errors: list[str] = []
    hits: int = 0
    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    latency_us: list[int] = []

    @property
    def failed(self) -> int:
        """Return how many answers did not come."""
        return self.status.count("failed")


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Row).decode


def line_of(row: Row) -> bytes:
    """Return *row* as a line."""
    return _encode(row) + b"\n"


def read_rows(pieces: Iterable[bytes]) -> Iterator[Row]:
    """Yield the rows in *pieces* of a file of lines."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line:
                yield _decode(line)
    if rest:
        yield _decode(rest)


def mean_of(values: Iterable[float | None]) -> float | None:
    """Return the mean of those values that are there, None if none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
