"""What a run showed, as one document: a number is never without its interval."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from roadbed.evals.grading import Measure
from roadbed.evals.kinds import Evaluation
from roadbed.evals.running.judges import Judge
from roadbed.evals.running.rows import Row, mean_of, read_rows
from roadbed.evals.running.store import Run
from roadbed.evals.running.work import Found
from roadbed.evals.statistics import intervals, multiplicity, repeats

VERSION = 1
_EXAMPLES = 5
_MOST_FLAKY = 50
_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A run that ended, and the digest of the file with what it found of each case."""

    run: Run
    spec: Evaluation
    judges: Sequence[Judge]
    dataset: str
    rows: str
    at_us: int


def report_of(made: Made, found: Found) -> dict[str, Any]:
    """Return the report, as plain JSON."""
    rows = list(read_rows(line for line in found.lines if line))
    spec, complete = made.spec, len(rows) == made.run.total and not found.stopped
    return {
        "report": VERSION,
        "subject": made.run.subject.row(),
        "run": made.run.id,
        "take": made.run.take,
        "actor": made.run.actor,
        "at_us": made.at_us,
        "dataset": {"name": str(spec.cases.dataset), "digest": made.dataset},
        "rows": made.rows,
        "cases": made.run.total,
        "done": len(rows),
        "repeats": spec.repeats,
        "alpha": spec.alpha,
        "complete": complete,
        "stopped": found.stopped,
        "graders": {
            judge.name: _graded(judge, made, rows, found) for judge in made.judges
        },
        "failures": _failures(rows),
        "refused": sum(row.status.count("refused") for row in rows),
        "hits": sum(row.hits for row in rows),
        "cost_nano": found.progress.cost_nano,
        "answers_cost_nano": sum(row.cost_nano for row in rows),
        "tokens": {
            "input": sum(row.input_tokens for row in rows),
            "output": sum(row.output_tokens for row in rows),
        },
        "latency_us": _latency(rows),
    }


def interval_of(rows: Sequence[Row], judge: str, binary: bool, alpha: float) -> Any:
    """Return the mean grade of *judge* over the rows, with its interval.

    A case with several answers counts with their mean; one without a grade does not.
    """
    graded = [(row, mean_of(row.grades.get(judge, ()))) for row in rows]
    known = [(row, value) for row, value in graded if value is not None]
    values = [value for _, value in known]
    return intervals.mean(
        values,
        weights=[row.weight for row, _ in known],
        clusters=[row.cluster for row, _ in known],
        binary=binary and set(values) <= {0, 1},
        alpha=alpha,
    )


def _graded(
    judge: Judge, made: Made, rows: Sequence[Row], found: Found
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "digest": judge.digest,
        "direction": judge.direction,
        "binary": judge.binary,
        "gate": judge.gate.model_dump(mode="json") if judge.gate else None,
    }
    if judge.whole:
        measures = found.measures.get(judge.name, ())
        return {**said, "measures": [asdict(measure) for measure in measures]}
    alpha = alpha_of(made.spec)
    share = multiplicity.share(alpha, max(len(made.spec.slices), 1))
    return {
        **said,
        "interval": asdict(interval_of(rows, judge.name, judge.binary, alpha)),
        "missing": sum(_missing(row, judge.name) for row in rows),
        "slices": {
            tag: asdict(interval_of(some, judge.name, judge.binary, share))
            for tag, some in slices_of(rows, made.spec.slices).items()
        },
        **_repeated(judge, made.spec.repeats, rows),
    }


def slices_of(rows: Iterable[Row], tags: Sequence[str]) -> dict[str, list[Row]]:
    """Return the rows of each of *tags*."""
    found: dict[str, list[Row]] = {tag: [] for tag in tags}
    for row in rows:
        for tag in found.keys() & row.tags:
            found[tag].append(row)
    return found


def value_of(measures: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the measure that a grader of all answers together is gated by."""
    return measures[0] if measures else asdict(Measure(name="", value=None))


def _missing(row: Row, judge: str) -> int:
    came = len(row.status) - row.failed
    return came - sum(v is not None for v in row.grades.get(judge, ()))


def _repeated(judge: Judge, count: int, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what several answers to each case say: of passing, and of flaky cases."""
    if count < 2:
        return {}
    graded = {row.id: _known(row.grades.get(judge.name, ())) for row in rows}
    answers = {case: values for case, values in graded.items() if values}
    found: dict[str, Any] = {"split": asdict(repeats.split(answers))}
    if judge.binary:
        names = {row.id: row.cluster for row in rows}
        some, every = repeats.pass_rates(answers, count, clusters=names)
        flaky = repeats.flaky(answers)
        found |= {f"pass@{count}": asdict(some), f"pass^{count}": asdict(every)}
        found |= {"flaky": flaky[:_MOST_FLAKY], "flaky_cases": len(flaky)}
    return {"repeats": found}


def alpha_of(spec: Evaluation) -> float:
    """Return the error rate of each bar, so that all together keep to the spec's."""
    gates = [use.gate for use in spec.graders if use.gate is not None]
    bars = sum((g.tolerance is not None) + (g.floor is not None) for g in gates)
    return multiplicity.share(spec.alpha, max(bars, 1))


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _failures(rows: Sequence[Row]) -> dict[str, Any]:
    failed = [row for row in rows if row.failed]
    examples = [{"case": row.id, "error": row.errors[0]} for row in failed[:_EXAMPLES]]
    ungraded = [e for row in rows if not row.failed for e in row.errors][:_EXAMPLES]
    return {
        "answers": sum(row.failed for row in failed),
        "cases": len(failed),
        "examples": examples,
        "ungraded": ungraded,
    }


def _latency(rows: Sequence[Row]) -> dict[str, Any]:
    times = sorted(us for row in rows for us in row.latency_us if us)
    if not times:
        return {}
    quantiles = {
        n: times[min(int(q * len(times)), len(times) - 1)] for n, q in _QUANTILES
    }
    return {**quantiles, "mean": sum(times) // len(times)}
