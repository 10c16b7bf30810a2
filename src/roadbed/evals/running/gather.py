"""Puts the answers to each case together, in the order of the cases."""

from roadbed.evals.grading import Sample
from roadbed.evals.running.rows import Row, line_of
from roadbed.evals.running.work import Item

_MOST_ERRORS = 3
_LENGTH = 300


class Gathering:
    """The lines of a run, and with *keep* all its samples.

    Of a case that waits for its other repeats the items are held; else its line is.
    """

    def __init__(self, repeats: int, *, keep: bool) -> None:
        self.lines: list[bytes | None] = []
        self._repeats = repeats
        self._open: dict[int, list[Item]] = {}
        self._samples: dict[tuple[int, int], Sample] | None = {} if keep else None

    def take(self, item: Item) -> bool:
        """Take in *item*; say whether its case is whole now."""
        answered = item.answered
        if self._samples is not None and answered and answered.status != "failed":
            self._samples[item.at, item.repeat] = item.sample()
        items = self._open.setdefault(item.at, [])
        items.append(item)
        if len(items) < self._repeats:
            return False
        del self._open[item.at]
        self._put(item.at, line_of(row_of(sorted(items, key=_repeat))))
        return True

    def samples(self) -> list[Sample]:
        """Return all samples, in the order of the cases."""
        return [sample for _, sample in sorted((self._samples or {}).items(), key=_key)]

    def _put(self, at: int, line: bytes) -> None:
        if at >= len(self.lines):
            self.lines.extend([None] * (at + 1 - len(self.lines)))
        self.lines[at] = line


def row_of(items: list[Item]) -> Row:
    """Return the row of one case, of the answers to all its repeats."""
    case, given = items[0].case, [item.answered for item in items if item.answered]
    names = dict.fromkeys(name for item in items for name in item.grades)
    return Row(
        at=items[0].at,
        id=case.id,
        case=case.digest,
        cluster=case.cluster,
        weight=case.weight,
        tags=case.tags,
        answers=[
            item.key if item.answered and not item.answered.error else ""
            for item in items
        ],
        status=[answered.status for answered in given],
        grades={name: [_value(item, name) for item in items] for name in names},
        errors=_errors(items),
        hits=sum(item.hit for item in items),
        cost_nano=sum(answered.cost_nano for answered in given),
        input_tokens=sum(answered.input_tokens for answered in given),
        output_tokens=sum(answered.output_tokens for answered in given),
        latency_us=[answered.latency_us for answered in given],
    )


def _value(item: Item, name: str) -> float | None:
    grade = item.grades.get(name)
    return None if grade is None else grade.value


def _errors(items: list[Item]) -> list[str]:
    """Return the first reasons why an answer, or a grade of one, is missing."""
    found = []
    for item in items:
        if item.answered and item.answered.status == "failed":
            found.append(item.answered.error)
        found += [f"{n}: {g.error}" for n, g in item.grades.items() if g.error]
    return [text[:_LENGTH] for text in found[:_MOST_ERRORS]]


def _repeat(item: Item) -> int:
    return item.repeat


def _key(entry: tuple[tuple[int, int], Sample]) -> tuple[int, int]:
    return entry[0]
