"""Cases of a file that others wrote, as rows of a golden set, and what it graded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadbed.core.digest import canonical
from roadbed.core.errors import Invalid
from roadbed.evals.case import Case
from roadbed.evals.cases import is_json
from roadbed.evals.importing import cases
from roadbed.evals.recorded import Recorded
from roadbed.ports.tables import Stream

_TEXTS = ("input", "expected")
_MORE = ("tags", "weight", "cluster")
BATCH = 1000


@dataclass(slots=True, kw_only=True)
class Scores:
    """What the file says of one grader: how many grades, and their mean."""

    graded: int = 0
    total: float = 0.0

    @property
    def mean(self) -> float | None:
        """Return the mean grade, None without any."""
        return self.total / self.graded if self.graded else None


@dataclass(slots=True, kw_only=True)
class Imported:
    """The cases of a file, how many answers it has, and the grades of each grader."""

    cases: list[Case] = field(default_factory=list)
    answers: int = 0
    scores: dict[str, Scores] = field(default_factory=dict)


def imported(recorded: Iterable[Recorded]) -> Imported:
    """Return what is in a file; raise Invalid if there is no case in it."""
    found = Imported()

    def counted() -> Iterable[Recorded]:
        for each in recorded:
            found.answers += each.answered is not None
            for name, grade in each.grades.items():
                if grade.value is not None:
                    scores = found.scores.setdefault(name, Scores())
                    scores.graded += 1
                    scores.total += grade.value
            yield each

    found.cases = cases(counted())
    if not found.cases:
        raise Invalid("there is no case in the file")
    return found


def stream_of(found: Sequence[Case]) -> Stream:
    """Return the rows of a golden set; what is not all text is JSON throughout."""
    as_json = {name for name in _TEXTS if _must([getattr(c, name) for c in found])}
    columns = [
        "id",
        "input",
        *(name for name in ("expected", *_MORE) if _any(found, name)),
    ]
    names = (*columns, "provenance")
    rows = [[_value(case, name, as_json) for name in names] for case in found]
    pieces = (rows[at : at + BATCH] for at in range(0, len(rows), BATCH))
    return Stream(names=names, batches=list(pieces))


def _any(found: Sequence[Case], name: str) -> bool:
    """Say whether some case has a value of its own in the field *name*."""
    plain = Case(id="", input="")
    return any(getattr(case, name) != getattr(plain, name) for case in found)


def _value(case: Case, name: str, as_json: set[str]) -> Any:
    value = getattr(case, name)
    if name == "provenance":
        return canonical(dict(value)).decode()
    if name == "tags":
        return canonical(list(value)).decode() if value else None
    if name == "cluster":
        return value or None
    return canonical(value).decode() if name in as_json and value is not None else value


def _must(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    texts = [value for value in known if isinstance(value, str)]
    return len(texts) < len(known) or all(map(is_json, texts))


def told(found: Imported) -> Mapping[str, Any]:
    """Return what the file says besides its cases, as plain JSON."""
    scores = {
        name: {"graded": each.graded, "mean": each.mean}
        for name, each in sorted(found.scores.items())
    }
    return {"cases": len(found.cases), "answers": found.answers, "grades": scores}
