"""Reports, as they are kept, turned into what pages show."""

from collections.abc import Iterable, Mapping
from typing import Any

from roadbed.console.assays.asked import GraderLine, Line, ReportLine, Score, Slices
from roadbed.evals.reports.store import Report

Content = Mapping[str, Any]


def line_of(content: Content) -> Line:
    """Return an Evaluation in words."""
    spec, named = content["spec"], content["metadata"]
    watch = spec.get("watch")
    return Line(
        name=named["name"],
        endpoint=spec["endpoint"],
        golden=str(spec["cases"]["dataset"]),
        graders=tuple(
            GraderLine(
                name=use["name"],
                grader=use["grader"],
                bar=bar_of(use.get("gate")),
                floor=(use.get("gate") or {}).get("floor"),
            )
            for use in spec["graders"]
        ),
        blocks=spec.get("blocking", "promotion") == "promotion",
        repeats=int(spec.get("repeats", 1)),
        alpha=float(spec.get("alpha", 0.05)),
        watched=_watch(watch) if watch else "",
        description=str(named.get("description") or ""),
    )


def bar_of(gate: Mapping[str, Any] | None) -> str:
    """Return a bar in words, empty for a grader that only informs."""
    if not gate:
        return ""
    tolerance, floor = gate.get("tolerance"), gate.get("floor")
    parts = [
        "" if tolerance is None else f"at most {tolerance:g} worse than in service",
        "" if floor is None else f"reaches {floor:g}",
    ]
    return ", and ".join(part for part in parts if part)


def report_line(report: Report, digest: str = "") -> ReportLine:
    """Return a report as lists show it; *digest* is of the evaluation as it is now."""
    subject = report.subject
    return ReportLine(
        digest=report.digest,
        evaluation=subject.evaluation,
        endpoint=subject.endpoint,
        version=subject.version,
        at_us=report.at_us,
        actor=report.actor,
        complete=report.complete,
        current=not digest or digest == subject.evaluation_digest,
        scores=tuple(
            score_of(name, said) for name, said in report.summary["scores"].items()
        ),
    )


def score_of(name: str, said: Any) -> Score:
    """Return an interval, a measure or a list of measures as a score called *name*."""
    one = (said[0] if said else {}) if isinstance(said, list) else said
    return Score(
        name=name,
        value=one.get("value", one.get("difference")),
        low=one.get("low"),
        high=one.get("high"),
        cases=one.get("n") or 0,
        clusters=one.get("clusters") or 0,
        method=one.get("error") or one.get("method") or "",
        sure=1 - (one.get("alpha") or 0.05),
    )


def slices_of(graders: Mapping[str, Any]) -> tuple[Slices, ...]:
    """Return the scores by tag of each grader that has any."""
    return tuple(
        Slices(
            grader=name,
            scores=tuple(score_of(tag, each) for tag, each in said["slices"].items()),
        )
        for name, said in graders.items()
        if said.get("slices")
    )


def newest_by_version(reports: Iterable[Report], most: int) -> list[Report]:
    """Return the first of *reports* on each version, *most* of them."""
    found: dict[str, Report] = {}
    for report in reports:
        if len(found) < most:
            found.setdefault(report.subject.version_digest, report)
    return list(found.values())


def _watch(watch: Mapping[str, Any]) -> str:
    every, cases = watch.get("every_hours", 24), watch.get("cases", 100)
    return f"{cases} cases are asked again every {every} hours"
