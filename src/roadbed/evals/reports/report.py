"""What a run showed, as one document: a number is never without its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from roadbed.evals.grading import Measure
from roadbed.evals.kinds import Evaluation
from roadbed.evals.reports.columns import Columns
from roadbed.evals.running.judges import Judge
from roadbed.evals.running.rows import read_rows
from roadbed.evals.running.store import Run
from roadbed.evals.running.work import Found
from roadbed.evals.statistics import multiplicity, repeats

VERSION = 1
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
    spec = made.spec
    names = [judge.name for judge in made.judges if judge.each]
    seen = Columns(names, spec.slices, spec.repeats)
    seen.take(read_rows(line for line in found.lines if line))
    totals = seen.totals
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
        "done": seen.cases,
        "repeats": spec.repeats,
        "alpha": spec.alpha,
        "complete": seen.cases == made.run.total and not found.stopped,
        "stopped": found.stopped,
        "graders": {j.name: _graded(j, made, seen, found) for j in made.judges},
        "failures": seen.failures,
        "refused": totals["refused"],
        "hits": totals["hits"],
        "cost_nano": found.progress.cost_nano,
        "answers_cost_nano": totals["cost_nano"],
        "tokens": {"input": totals["input_tokens"], "output": totals["output_tokens"]},
        "latency_us": _latency(seen),
    }


def _graded(judge: Judge, made: Made, seen: Columns, found: Found) -> dict[str, Any]:
    said: dict[str, Any] = {
        "digest": judge.digest,
        "direction": judge.direction,
        "binary": judge.binary,
        "gate": judge.gate.model_dump(mode="json") if judge.gate else None,
    }
    if judge.whole:
        measures = found.measures.get(judge.name, ())
        return {**said, "measures": [asdict(measure) for measure in measures]}
    alpha, tags = alpha_of(made.spec), made.spec.slices
    share = multiplicity.share(alpha, max(len(tags), 1))
    return {
        **said,
        "interval": asdict(seen.interval(judge, alpha)),
        "missing": seen.missing[judge.name],
        "slices": {tag: asdict(seen.interval(judge, share, tag)) for tag in tags},
        **_repeated(judge, made.spec.repeats, seen),
    }


def value_of(measures: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the measure that a grader of all answers together is gated by."""
    return measures[0] if measures else asdict(Measure(name="", value=None))


def _repeated(judge: Judge, count: int, seen: Columns) -> dict[str, Any]:
    """Return what several answers to each case say: of passing, and of flaky cases."""
    if count < 2:
        return {}
    answers = seen.answers[judge.name]
    found: dict[str, Any] = {"split": asdict(repeats.split(answers))}
    if judge.binary:
        some, every = repeats.pass_rates(answers, count, clusters=seen.clusters)
        flaky = repeats.flaky(answers)
        found |= {f"pass@{count}": asdict(some), f"pass^{count}": asdict(every)}
        found |= {"flaky": flaky[:_MOST_FLAKY], "flaky_cases": len(flaky)}
    return {"repeats": found}


def alpha_of(spec: Evaluation) -> float:
    """Return the error rate of each bar, so that all together keep to the spec's."""
    gates = [use.gate for use in spec.graders if use.gate is not None]
    bars = sum((g.tolerance is not None) + (g.floor is not None) for g in gates)
    return multiplicity.share(spec.alpha, max(bars, 1))


def _latency(seen: Columns) -> dict[str, Any]:
    times = sorted(seen.times)
    if not times:
        return {}
    last = len(times) - 1
    quantiles = {name: times[min(int(q * len(times)), last)] for name, q in _QUANTILES}
    return {**quantiles, "mean": sum(times) // len(times)}
