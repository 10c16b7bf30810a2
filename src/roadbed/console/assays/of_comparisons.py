"""Two reports of one evaluation side by side, as one viewer may see them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from roadbed.console.assays.asked import Changed, ComparisonPage, Difference, Regraded
from roadbed.console.assays.cases import Reader, answer_of, expected_of, text_of
from roadbed.console.assays.filters import Pair
from roadbed.console.assays.of_reports import find
from roadbed.console.assays.reading import newest_by_version, report_line, score_of
from roadbed.console.assays.wording import words
from roadbed.console.custody.rooms import Eyes
from roadbed.control import seen
from roadbed.control.evaluations import in_service
from roadbed.control.preview import Preview
from roadbed.control.state import current
from roadbed.core.errors import Invalid
from roadbed.evals.asking import Answered
from roadbed.evals.case import Case
from roadbed.evals.kinds import Evaluation
from roadbed.evals.reports import store
from roadbed.evals.reports.compare import compare_reports
from roadbed.evals.reports.store import Report
from roadbed.ports.blobs import Blobs

CASES = 10
"""As many cases as one page shows."""
KEPT = 100
"""As many of the cases that changed most as can be turned to."""
_CHOICES = 30

Said = Mapping[str, Any]


def compare(eyes: Eyes, name: str, wanted: Pair) -> ComparisonPage:
    """Return how two reports differ: those wanted, else the newest with its elder."""
    with eyes.rooms.database.read() as connection:
        known = store.of_evaluation(connection, name, eyes.viewer.principal.tenant)
        mine = [
            each
            for each in known
            if each.complete and seen.may_see_report(eyes.viewer, each)
        ]
        choices = newest_by_version(mine, _CHOICES)
        before, after = _chosen(eyes, connection, name, (wanted, choices))
    page = ComparisonPage(
        evaluation=name,
        before=report_line(before) if before else None,
        after=report_line(after) if after else None,
        choices=tuple(map(report_line, choices)),
    )
    if before is None or after is None or before.digest == after.digest:
        return page
    return _compared(eyes, page, (before, after), wanted.number)


def _chosen(
    eyes: Eyes,
    connection: sa.Connection,
    name: str,
    given: tuple[Pair, Sequence[Report]],
) -> tuple[Report | None, Report | None]:
    wanted, choices = given
    after = (
        find(eyes, connection, name, wanted.after)
        if wanted.after
        else next(iter(choices), None)
    )
    if wanted.before:
        return find(eyes, connection, name, wanted.before), after
    others = [
        each
        for each in choices
        if after and each.subject.version_digest != after.subject.version_digest
    ]
    serving = _serving(connection, after)
    pinned = [each for each in others if each.subject.version == serving]
    return next(iter([*pinned, *others]), None), after


def _serving(connection: sa.Connection, report: Report | None) -> str:
    """Return what is in service where *report* is of, empty if nothing is."""
    if report is None:
        return ""
    preview = Preview(live=current(connection))
    return str(in_service(preview, report.subject.endpoint) or "")


def _compared(
    eyes: Eyes, page: ComparisonPage, pair: tuple[Report, Report], number: int
) -> ComparisonPage:
    blobs = eyes.rooms.blobs
    digests = tuple(report.digest for report in pair)
    sides = [store.read(blobs, digest) for digest in digests]
    key = ("compared", *digests)
    try:
        found = eyes.rooms.gate.once(key, lambda: _differences(blobs, sides))
    except Invalid as error:
        return replace(page, problem=f"{error.message}. {error.hint}".strip())
    changed = by_case(found["changed"])
    pages = max(1, -(-len(changed) // CASES))
    at = min(number, pages)
    cases, unread = _cases(eyes, (pair, sides), changed[(at - 1) * CASES : at * CASES])
    graders = found["graders"].items()
    gates = {name: each.get("gate") for name, each in sides[1]["graders"].items()}
    return replace(
        page,
        graders=tuple(_difference(n, each, gates.get(n)) for n, each in graders),
        slices=tuple(
            (name, tuple(_slice(tag, s, each) for tag, s in each["slices"].items()))
            for name, each in graders
            if each["slices"]
        ),
        unpaired=found["unpaired"],
        pairs=max((each["comparison"]["n"] for _, each in graders), default=0),
        changed=cases,
        listed=len(changed),
        page=at,
        pages=pages,
        unread=unread,
    )


def _differences(blobs: Blobs, sides: Sequence[Said]) -> dict[str, Any]:
    """Compare two reports by what the second one says of its bars and slices."""
    before, after = sides
    return compare_reports(
        spec_of(after),
        (before, store.rows(blobs, before["rows"])),
        (after, store.rows(blobs, after["rows"])),
        KEPT,
    )


def spec_of(said: Said) -> Evaluation:
    """Return as much of an Evaluation as a comparison takes, from a report by it."""
    graders = said["graders"]
    tags = {tag: None for each in graders.values() for tag in each.get("slices", ())}
    return Evaluation.model_validate(
        {
            "endpoint": said["subject"]["endpoint"],
            "cases": {"dataset": said["dataset"]["name"]},
            "graders": [
                {"name": name, "grader": "any", "gate": each.get("gate")}
                for name, each in graders.items()
            ],
            "alpha": said["alpha"],
            "slices": list(tags),
            "blocking": "never",
        }
    )


def _difference(name: str, said: Said, gate: Said | None) -> Difference:
    compared = said["comparison"]
    return Difference(
        name=name,
        before=said["baseline"],
        after=said["candidate"],
        score=score_of(name, compared),
        verdict=said["verdict"],
        p=compared["p"],
        direction=said["direction"],
        tolerance=gate.get("tolerance") if gate else None,
    )


def _slice(tag: str, said: Said, whole: Said) -> Difference:
    return Difference(
        name=tag,
        before=None,
        after=None,
        score=score_of(tag, said["comparison"]),
        verdict=said["verdict"],
        p=said["adjusted_p"],
        direction=whole["direction"],
    )


def _cases(
    eyes: Eyes,
    sides: tuple[tuple[Report, Report], Sequence[Said]],
    changed: Sequence[Sequence[Said]],
) -> tuple[tuple[Changed, ...], tuple[str, ...]]:
    """Return what was asked in the *changed* cases, and how the answers differ."""
    reports, said = sides
    readers = [Reader(eyes, *side) for side in zip(reports, said, strict=True)]
    cases, problem = readers[1].cases([each[0]["case"] for each in changed])
    answers: dict[str, Answered] = {}
    for at, reader in enumerate(readers):
        answers |= reader.answers(each[0]["answers"][at] for each in changed)
    hidden = not all(reader.answers_seen for reader in readers)
    told = "you may not read answers here (call.read-payload)" if hidden else ""
    found = tuple(_changed(each, cases, answers, readers) for each in changed)
    return found, tuple(text for text in (problem, told) if text)


def by_case(changed: Sequence[Said]) -> list[list[Said]]:
    """Return what changed case by case, in the order of each case's first."""
    found: dict[str, list[Said]] = {}
    for each in changed:
        found.setdefault(each["case"], []).append(each)
    return list(found.values())


def _changed(
    given: Sequence[Said],
    cases: Mapping[str, Case],
    answers: Mapping[str, Answered],
    readers: Sequence[Reader],
) -> Changed:
    said = given[0]
    case = cases.get(said["case"])
    pair = [answers.get(key) for key in said["answers"]]
    pieces, was_cut = None, False
    if pair[0] is not None and pair[1] is not None:
        pieces, was_cut = words(*(answer_of(each) for each in pair if each))
    before, after = (
        reader.call_page(each) for reader, each in zip(readers, pair, strict=True)
    )
    return Changed(
        case=said["case"],
        grades=tuple(
            Regraded(
                grader=each["grader"],
                before=each["baseline"],
                after=each["candidate"],
                worse=each["worse"],
            )
            for each in given
        ),
        tags=tuple(said["tags"]),
        asked=text_of(case.input) if case else None,
        expected=expected_of(case),
        pieces=pieces,
        cut=was_cut,
        calls=(before, after),
    )
