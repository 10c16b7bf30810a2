"""How versions stand by evaluations: passed, failed, waived, or not run yet."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from roadbed.control.evaluations import golden_digest, in_service, subject_of
from roadbed.control.preview import Preview
from roadbed.control.questions.changes import Section
from roadbed.core.errors import RoadbedError
from roadbed.core.reference import VersionRef, parse
from roadbed.evals.reports.store import Report, newest, of_version
from roadbed.evals.reports.verdicts import Verdict, Waiver, said_of, waived
from roadbed.evals.running.keys import Subject

Content = Mapping[str, Any]
Word = Literal[
    "passed", "failed", "inconclusive", "not judged", "not run", "cannot be told"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """How one version stands by one evaluation as it is declared now.

    `note` says what is to be known besides: against what it passed, or why nothing
    can be told. `waivers` are those that hold. `subject` is None where nothing is told.
    """

    version: str
    word: Word
    note: str = ""
    subject: Subject | None = None
    verdict: Verdict | None = None
    report: Report | None = None
    waivers: tuple[Waiver, ...] = ()


def stands(
    connection: sa.Connection,
    preview: Preview,
    content: Content,
    ref: VersionRef,
    now_us: int,
) -> Stands:
    """Return how *ref* stands by the Evaluation with this *content*."""
    try:
        version = preview.version(ref)
        golden = golden_digest(connection, parse(content["spec"]["cases"]["dataset"]))
        subject = subject_of(preview, content, version, golden)
    except RoadbedError as error:
        return Stands(version=str(ref), word="cannot be told", note=error.message)
    verdict = next(iter(said_of(connection, subject)), None)
    report = newest(connection, subject, complete=False)
    unjudged: Word = "not judged" if report else "not run"
    return Stands(
        version=str(ref),
        word=_WORDS.get(verdict.verdict, unjudged) if verdict else unjudged,
        note=_against(preview, subject, verdict),
        subject=subject,
        verdict=verdict,
        report=report,
        waivers=tuple(waived(connection, subject, now_us)),
    )


def evaluation_section(
    connection: sa.Connection,
    digests: tuple[str, str],
    may: Callable[[Report], bool],
) -> Section:
    """Return what the reports on two versions say, that whoever asks *may* see.

    *digests* are those of the versions. Only scores by the same evaluation say that
    the versions differ.
    """
    left, right = (_newest_by_name(connection, each, may) for each in digests)
    lines: list[str] = []
    differs = False
    for key in sorted({*left, *right}):
        before, after = left.get(key), right.get(key)
        if before is None or after is None:
            found = before or after
            assert found is not None
            lines.append(f"{key[1]}: only {found.subject.version} was evaluated")
            continue
        same = before.subject.evaluation_digest == after.subject.evaluation_digest
        lines += _scores(key[1], (before, after), same=same)
        differs = differs or (same and _values(before) != _values(after))
    both = left.keys() & right.keys()
    unknown = bool(lines) and not both
    return Section(
        name="evaluation",
        differs=None if unknown else differs,
        lines=tuple(lines),
    )


def _against(preview: Preview, subject: Subject, verdict: Verdict | None) -> str:
    serving = in_service(preview, subject.endpoint)
    if verdict is None or serving is None or str(serving) == subject.version:
        return ""
    live = preview.live.version(serving)
    if live is None or live.digest == verdict.baseline_digest:
        return ""
    return f"judged against {verdict.baseline or 'no version'}, not {serving}"


def _newest_by_name(
    connection: sa.Connection, digest: str, may: Callable[[Report], bool]
) -> dict[tuple[str, str], Report]:
    found: dict[tuple[str, str], Report] = {}
    for report in of_version(connection, digest):
        key = report.subject.endpoint, report.subject.evaluation
        if key not in found and may(report):
            found[key] = report
    return found


def _scores(name: str, pair: tuple[Report, Report], *, same: bool) -> Iterable[str]:
    before, after = (report.summary["scores"] for report in pair)
    unlike = "" if same else ", by another form of the evaluation"
    for grader in [each for each in before if each in after]:
        old, new = _score(before[grader]), _score(after[grader])
        yield f"{name}, {grader}: {old} → {new}{unlike}"


def _values(report: Report) -> list[float | None]:
    scores = report.summary["scores"]
    return [_one(scores[name]).get("value") for name in sorted(scores)]


def _one(score: Any) -> Mapping[str, Any]:
    if isinstance(score, list):
        return score[0] if score else {}
    return score


def _score(score: Any) -> str:
    one = _one(score)
    if one.get("value") is None:
        return "no score"
    if one.get("low") is None or one.get("high") is None:
        return f"{one['value']:.3g}"
    return f"{one['value']:.3g} ({one['low']:.3g} to {one['high']:.3g})"


_WORDS: Mapping[str, Word] = {
    "passed": "passed",
    "failed": "failed",
    "inconclusive": "inconclusive",
}
