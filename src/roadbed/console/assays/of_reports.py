"""One report, as one viewer may see it: scores, gates' words, and the worst cases."""

import heapq
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from roadbed.console.assays.asked import (
    BarTold,
    Cases,
    Gated,
    GraderTold,
    ReportPage,
    Score,
)
from roadbed.console.assays.cases import Reader
from roadbed.console.assays.filters import CaseFilter
from roadbed.console.assays.reading import (
    bar_of,
    newest_by_version,
    report_line,
    score_of,
    slices_of,
)
from roadbed.console.custody.rooms import Eyes
from roadbed.control import seen
from roadbed.core.errors import Invalid, NotFound
from roadbed.evals.reports import store, verdicts
from roadbed.evals.reports.report import value_of
from roadbed.evals.reports.store import Report
from roadbed.evals.running.rows import Row, mean_of
from roadbed.ports.blobs import Blobs

CASES = 10
"""As many cases as one page shows."""
KEPT = 200
"""As many of the worst cases as can be turned to."""
_GATES = 5
_OTHERS = 12
_FLAKY = 20

Said = Mapping[str, Any]


def report(eyes: Eyes, name: str, digest: str, wanted: CaseFilter) -> ReportPage:
    """Return one report of the evaluation called *name*."""
    blobs = eyes.rooms.blobs
    with eyes.rooms.database.read() as connection:
        found = find(eyes, connection, name, digest)
        said_by = verdicts.of_report(connection, found.digest)[:_GATES]
        known = store.of_evaluation(connection, name, found.tenant)
        sight = seen.Sight(eyes.viewer, connection)
        registered = sight.may_see("model", found.subject.version)
    said = store.read(blobs, found.digest)
    others = [
        each
        for each in known
        if each.complete
        and each.subject.version_digest != found.subject.version_digest
        and seen.may_see_report(eyes.viewer, each)
    ]
    return replace(
        _page(found, said),
        gates=tuple(_gated(blobs, each) for each in said_by),
        worst=_worst(eyes, found, said, wanted),
        registered=registered,
        others=tuple(report_line(e) for e in newest_by_version(others, _OTHERS)),
    )


def _page(found: Report, said: Said) -> ReportPage:
    """Return what the report itself says."""
    failures, tokens = said["failures"], said.get("tokens", {})
    examples = failures.get("examples", ())
    return ReportPage(
        line=report_line(found),
        golden=str(said["dataset"]["name"]),
        golden_digest=str(said["dataset"]["digest"]),
        cases=said["cases"],
        done=said["done"],
        repeats=said.get("repeats", 1),
        stopped=said["stopped"],
        graders=tuple(_grader(name, each) for name, each in said["graders"].items()),
        slices=slices_of(said["graders"]),
        failed=failures["answers"],
        failures=tuple((each["case"], each["error"]) for each in examples),
        ungraded=tuple(failures.get("ungraded", ())),
        refused=said.get("refused", 0),
        hits=said["hits"],
        cost_nano=said["cost_nano"],
        tokens=(tokens.get("input", 0), tokens.get("output", 0)),
        latency=tuple(said.get("latency_us", {}).items()),
    )


def find(eyes: Eyes, connection: sa.Connection, name: str, digest: str) -> Report:
    """Return a report of the evaluation called *name*, if the viewer may see it."""
    found = store.find(connection, digest)
    if found.subject.evaluation != name or not seen.may_see_report(eyes.viewer, found):
        raise NotFound(
            f"{name} has no report {digest[:80]!r}",
            hint="the page of the evaluation lists them",
        )
    return found


def each_of(said: Said) -> list[str]:
    """Return the graders that judge answers one by one, those that gate first."""
    graders = said["graders"]
    names = [name for name, each in graders.items() if "interval" in each]
    return sorted(names, key=lambda name: not graders[name].get("gate"))


def _worst(eyes: Eyes, found: Report, said: Said, wanted: CaseFilter) -> Cases:
    names = each_of(said)
    if wanted.grader and wanted.grader not in names:
        raise Invalid(
            f"no grader {wanted.grader[:40]!r} judged the cases of this report one by "
            "one",
            hint=f"one of: {', '.join(names)}" if names else "none did",
        )
    grader = wanted.grader or next(iter(names), "")
    if not grader:
        return Cases()
    graded, blobs = said["graders"][grader], eyes.rooms.blobs
    key = ("worst", said["rows"], grader, wanted.tag)
    rows, count = eyes.rooms.gate.once(
        key, lambda: worst_rows(blobs, said["rows"], (grader, graded), wanted.tag)
    )
    pages = max(1, -(-len(rows) // CASES))
    page = min(wanted.number, pages)
    chosen = rows[(page - 1) * CASES : page * CASES]
    cases, unread = Reader(eyes, found, said).told(chosen)
    return Cases(
        cases=cases,
        of=count,
        listed=len(rows),
        page=page,
        pages=pages,
        unread=unread,
    )


def worst_rows(
    blobs: Blobs, digest: str, by: tuple[str, Said], tag: str
) -> tuple[list[Row], int]:
    """Return the worst rows of a file, the worst first, and how many there are.

    Of a grader that says right or wrong, only those that were wrong at least once.
    Reads all of the file and holds no more than `KEPT` rows of it.
    """
    name, graded = by
    sign = 1.0 if graded["direction"] == "higher" else -1.0
    best = sign if graded["binary"] and sign > 0 else 0.0 if graded["binary"] else None
    kept: list[tuple[float, int, Row]] = []
    count = 0
    for row in store.rows(blobs, digest):
        mean = mean_of(row.grades.get(name, ()))
        if mean is None or (tag and tag not in row.tags) or sign * mean == best:
            continue
        count += 1
        entry = (-sign * mean, -row.at, row)
        if len(kept) < KEPT:
            heapq.heappush(kept, entry)
        elif entry[:2] > kept[0][:2]:
            heapq.heapreplace(kept, entry)
    return [row for _, _, row in sorted(kept, key=lambda e: e[:2], reverse=True)], count


def _grader(name: str, each: Said) -> GraderTold:
    whole = "measures" in each
    score = value_of(each["measures"]) if whole else each["interval"]
    repeated = each.get("repeats", {})
    rates = [(n, r) for n, r in repeated.items() if n.startswith("pass")]
    return GraderTold(
        name=name,
        direction=each["direction"],
        bar=bar_of(each.get("gate")),
        digest=each["digest"],
        score=score_of(name, score),
        measures=_measures(each) if whole else (),
        missing=each.get("missing", 0),
        rates=tuple(score_of(n, r) for n, r in rates),
        flaky=tuple(map(_flaky, repeated.get("flaky", ())[:_FLAKY])),
        flaky_cases=repeated.get("flaky_cases", 0),
        alike=(repeated.get("split") or {}).get("icc"),
    )


def _measures(each: Said) -> tuple[Score, ...]:
    return tuple(score_of(measure["name"], measure) for measure in each["measures"])


def _flaky(case: Any) -> str:
    return str(case[0] if isinstance(case, list | tuple) else case)


def _gated(blobs: Blobs, verdict: verdicts.Verdict) -> Gated:
    gate = verdicts.read(blobs, verdict.digest)["gate"]
    return Gated(
        outcome=gate["outcome"],
        against=verdict.baseline,
        actor=verdict.actor,
        at_us=verdict.at_us,
        bars=tuple(
            BarTold(name=name, outcome=bar["outcome"], sentence=bar["sentence"])
            for name, bar in gate["bars"].items()
        ),
    )
