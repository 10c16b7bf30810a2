"""What gates said as text for people: a comment on a pull request, and JUnit."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from roadbed.core.clock import to_text
from roadbed.evals.reports.standing import named

WORDS = {
    "passed": "passed",
    "failed": "**failed**",
    "inconclusive": "**inconclusive**",
    "compared": "compared",
}
_LENGTH = 160
_BEFORE = 30
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Document = Mapping[str, Any]
"""What one gate said: `evaluation`, `subject`, `gate`, `report`, `baseline`,
`comparison`; see `document_of`."""


def document_of(
    said: Mapping[str, Any],
    candidate: Mapping[str, Any],
    baseline: Mapping[str, Any] | None,
    comparison: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return what a gate said, with the reports and the comparison it is based on."""
    return {
        "evaluation": said["subject"]["evaluation"],
        "subject": said["subject"],
        "gate": said.get("gate") or {"outcome": "compared", "bars": {}},
        "judges": dict(said.get("judges") or {}),
        "reports": {"candidate": said["report"], "baseline": said["baseline_report"]},
        "report": dict(candidate),
        "baseline": dict(baseline) if baseline else None,
        "comparison": dict(comparison) if comparison else None,
    }


def outcome_of(documents: Sequence[Document]) -> str:
    """Return the word for all gates together: one failure fails, and all must pass."""
    words = {document["gate"]["outcome"] for document in documents}
    if "failed" in words:
        return "failed"
    return "passed" if words <= {"passed"} else "inconclusive"


def markdown(documents: Sequence[Document], *, whole: bool = True) -> str:
    """Return the comment: which cases changed, by how much, and how sure that is.

    Unless *whole*, what is folded in a comment is left out.
    """
    lines: list[str] = []
    for document in documents:
        lines += [*_head(document), *_bars(document), *_judges(document)]
        lines += _slices(document)
        lines += [*_changed(document), *(_measures(document) if whole else ())]
        lines += [*_foot(document), ""]
    return "\n".join(lines)


def junit(documents: Sequence[Document]) -> str:
    """Return the gates as JUnit XML: a suite for each gate, a case for each bar.

    A suite is named by its evaluation, and if there are several of it by the version
    too, for readers take suites of one name for one. What is inconclusive is an error,
    so that it is no failure and no pass.
    """
    suites = ElementTree.Element("testsuites", name="roadbed")
    for document, suite_name in zip(documents, _suites(documents), strict=True):
        bars = document["gate"]["bars"]
        words = [bar["outcome"] for bar in bars.values()]
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name=suite_name,
            tests=str(len(bars)),
            failures=str(words.count("failed")),
            errors=str(words.count("inconclusive")),
        )
        for name, bar in bars.items():
            _case(suite, document, name, bar)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suites(documents: Sequence[Document]) -> list[str]:
    """Return a name for each suite, no two of them the same."""
    plain = [document["evaluation"] for document in documents]
    long = [_suite(document) for document in documents]
    names = [b if plain.count(a) > 1 else a for a, b in zip(plain, long, strict=True)]
    taken = set[str]()
    for at, name in enumerate(names):
        number, free = 2, name
        while free in taken:
            number, free = number + 1, f"{name} #{number}"
        names[at] = free
        taken.add(free)
    return names


def _suite(document: Document) -> str:
    subject = document["subject"]
    return f"{document['evaluation']} of {subject['version']} on {subject['endpoint']}"


def code(value: Any, length: int = _LENGTH) -> str:
    """Return *value* as code in a table: nothing in it is a link, a tag or a name."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    plain = " ".join(_UNPRINTABLE.sub("", text).replace("`", "'").split())
    if len(plain) > length:
        plain = plain[: length - 1] + "…"
    return f"`{plain}`".replace("|", "\\|") if plain else ""


def _head(document: Document) -> Iterator[str]:
    subject, gate = document["subject"], document["gate"]
    baseline = document["baseline"]
    against = f" against {baseline['subject']['version']}" if baseline else ""
    yield (
        f"### {subject['evaluation']}: {WORDS[gate['outcome']]} — "
        f"{subject['version']} on {subject['endpoint']}{against}, "
        f"by {document['report']['dataset']['name']}"
    )
    yield ""


def _bars(document: Document) -> Iterator[str]:
    yield "| grader | before | after | difference | verdict | the bar |"
    yield "|---|---|---|---|---|---|"
    comparison, bars = document["comparison"], document["gate"]["bars"]
    for name, said in document["report"]["graders"].items():
        bar = bars.get(name)
        told = f"{WORDS[bar['outcome']]}: {bar['sentence']}" if bar else ""
        compared = comparison["graders"].get(name) if comparison else None
        before = _number(compared["baseline"]) if compared else ""
        after = _score(said)
        difference = _difference(compared["comparison"]) if compared else ""
        verdict = compared["verdict"] if compared else ""
        yield f"| {name} | {before} | {after} | {difference} | {verdict} | {told} |"
    if "answers" in bars:
        yield f"| | | | | | {WORDS['inconclusive']}: {bars['answers']['sentence']} |"
    yield ""


def _measures(document: Document) -> Iterator[str]:
    """Yield what graders of all answers measured besides the first."""
    before = (document["baseline"] or {}).get("graders", {})
    rows = [
        f"| {name} | {code(measure['name'])} | "
        f"{_measured(before.get(name), measure['name'])} | {_interval(measure)} |"
        for name, said in document["report"]["graders"].items()
        for measure in said.get("measures", ())
        if measure["value"] is not None
    ]
    if rows:
        yield "<details><summary>All that was measured</summary>"
        yield ""
        yield "| grader | measure | before | after |"
        yield "|---|---|---|---|"
        yield from rows
        yield ""
        yield "</details>"
        yield ""


def _measured(said: Mapping[str, Any] | None, name: str) -> str:
    measures = said.get("measures", ()) if said else ()
    return next((_interval(m) for m in measures if m["name"] == name), "")


def _judges(document: Document) -> Iterator[str]:
    yield from judge_lines(document.get("judges") or {})
    if document.get("judges"):
        yield ""


def judge_lines(judges: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each judge: its certificate, and its score put right."""
    for name, said in judges.items():
        held, right = said["certificate"], said["corrected"]
        told = (
            f"{named(held)}, until {to_text(held['expires_us'])[:10]}" if held else ""
        )
        parts = [told or "no certificate, so it may inform and not gate"]
        if said["gates"] and held and not said["may_gate"]:
            parts.append(f"it may not gate: {said['reason']}")
        if right and right["interval"]:
            score = _score({"interval": right["interval"]})
            parts.append(f"corrected score {score}, {right['interval']['method']}")
        elif right:
            parts.append(f"not corrected: {right['why']}")
        parts += _corrected_difference(said.get("difference"))
        yield f"- judge {name}: {'; '.join(parts)}"


def _corrected_difference(said: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what people would say of the difference, or why nobody knows."""
    if said and said["comparison"]:
        compared = said["comparison"]
        yield f"the difference is corrected by {compared['method']}"
    elif said:
        yield f"the difference is as the judge sees it: {said['why']}"


def _slices(document: Document) -> Iterator[str]:
    comparison = document["comparison"]
    graders = comparison["graders"] if comparison else {}
    told = _told(document)
    found = [
        (tag, name, slice_)
        for name, compared in graders.items()
        if name in told
        for tag, slice_ in compared["slices"].items()
    ]
    rows = [
        f"| {code(tag)} | {name} | {_difference(slice_['comparison'])} | "
        f"{slice_['verdict']} | {slice_['adjusted_p']:.2g} |"
        for tag, name, slice_ in found
        if slice_["comparison"]["difference"] != 0
    ]
    if rows:
        yield "| slice | grader | difference | verdict | p, adjusted |"
        yield "|---|---|---|---|---|"
        yield from rows
        yield ""
    if rest := len(found) - len(rows):
        yield f"In {rest} of {len(found)} pairs of slice and grader, nothing changed."
        yield ""


def _changed(document: Document) -> Iterator[str]:
    comparison = document["comparison"]
    changed = comparison["changed"] if comparison else []
    told = _told(document)
    changed = [each for each in changed if each["grader"] in told]
    if not changed:
        return
    rows = list(_by_case(changed))
    shown = len({row[0]["case"] for row in rows})
    yield f"{_counted(comparison, told)}. The {shown} that changed most:"
    yield ""
    yield "| case | grader | grade | asked | before | after |"
    yield "|---|---|---|---|---|---|"
    for each, graders in rows:
        asked = code(each.get("input"))
        old, new = map(code, _apart(each["baseline_answer"], each["candidate_answer"]))
        what = f"| {code(each['case'])} | {graders} | {_grades(each)} | {asked} "
        yield f"{what}| {old} | {new} |"
    yield ""


def _counted(comparison: Mapping[str, Any], told: Collection[str]) -> str:
    """Return how many cases changed in the eyes of each grader."""
    found = [(n, c) for n, c in comparison["graders"].items() if n in told]
    return "; ".join(
        f"{name}: {c.get('became_worse', 0):,} cases became worse, "
        f"{c.get('became_better', 0):,} better"
        for name, c in found
    )


def _told(document: Document) -> Collection[str]:
    """Return the graders whose cases are told: those that gate, or else all."""
    names = [n for n, g in document["report"]["graders"].items() if "interval" in g]
    gating = [name for name in names if name in document["gate"]["bars"]]
    return gating or names


def _apart(old: str, new: str) -> tuple[str, str]:
    """Return two answers without most of what both begin with."""
    same = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        same += 1
    start = old.rfind(" ", 0, max(0, same - _BEFORE)) + 1
    if start < _BEFORE or old == new:
        return old, new
    return f"…{old[start:]}", f"…{new[start:]}"


def _by_case(
    changed: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield each case with the graders that graded it alike, worst first."""
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in changed:
        alike.setdefault((each["case"], _grades(each)), []).append(each)
    for several in alike.values():
        yield several[0], ", ".join(each["grader"] for each in several)


def _grades(each: Mapping[str, Any]) -> str:
    return f"{_number(each['baseline'])} → {_number(each['candidate'])}"


def _foot(document: Document) -> Iterator[str]:
    report = document["report"]
    failed = report["failures"]["answers"]
    dollars = report["cost_nano"] / 1e9
    golden = report["dataset"]["name"]
    parts = [
        f"{report['done']:,} of {report['cases']:,} cases of {golden}",
        f"{report['hits']:,} answers were there already",
        f"{failed:,} did not come" if failed else "all came",
        f"${dollars:.4f}",
        f"report {report_name(document)}",
    ]
    yield "; ".join(parts) + "."
    for example in report["failures"].get("examples", ())[:3] if failed else ():
        yield f"- {code(example['case'])} did not come: {code(example['error'])}"
    for error in report["failures"].get("ungraded", ())[:1]:
        yield f"- Some answers have no grade: {code(error)}"


def report_name(document: Document) -> str:
    """Return the short name of the candidate's report."""
    return str(document["reports"]["candidate"]).removeprefix("sha256:")[:12]


def _case(
    suite: ElementTree.Element, document: Document, name: str, bar: Mapping[str, str]
) -> None:
    subject = document["subject"]
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=f"{subject['endpoint']}.{subject['evaluation']}",
        name=f"{name} of {subject['version']}",
    )
    kind = {"failed": "failure", "inconclusive": "error"}.get(bar["outcome"])
    said = _UNPRINTABLE.sub("", bar["sentence"])
    if kind is None:
        ElementTree.SubElement(case, "system-out").text = said
        return
    found = ElementTree.SubElement(case, kind, message=said, type=bar["outcome"])
    found.text = _UNPRINTABLE.sub("", "\n".join(_changed(document)))


def _score(said: Mapping[str, Any]) -> str:
    if "interval" in said:
        return _interval(said["interval"])
    return _interval(said["measures"][0]) if said["measures"] else "—"


def _interval(score: Mapping[str, Any]) -> str:
    value, low, high = (score[name] for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return _number(value)
    return f"{_number(value)} ({_number(low)} to {_number(high)})"


def _difference(comparison: Mapping[str, Any]) -> str:
    value, low, high = (comparison[name] for name in ("difference", "low", "high"))
    if value is None:
        return "—"
    if low is None or high is None:
        return f"{value:+.3g}"
    return f"{value:+.3g} ({low:+.3g} to {high:+.3g})"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4g}"
