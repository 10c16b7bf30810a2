"""What is known of the judges behind a report: certificates, and corrected scores."""

from collections.abc import Mapping
from typing import Any

from roadbed.app import App
from roadbed.control.evaluations import judges_standing
from roadbed.control.preview import Preview
from roadbed.core.errors import RoadbedError
from roadbed.core.reference import parse
from roadbed.evals.certificates import Certificate
from roadbed.evals.kinds import Evaluation
from roadbed.evals.labels import Label, read_labels
from roadbed.evals.reports import store
from roadbed.evals.reports.corrected import Corrected, content, corrected, wanted
from roadbed.evals.reports.differing import Differing, corrected_pairs, differing
from roadbed.evals.reports.gate import Word
from roadbed.evals.reports.report import alpha_of
from roadbed.evals.running.judges import scale_of
from roadbed.evals.running.shelf import Shelf
from roadbed.evals.statistics.intervals import Interval

Judged = Mapping[str, Mapping[str, Any]]
"""By the name of the grader: how its judge stands, and `corrected`, what people would
say of the answers of one report, None without a certificate that holds. `difference`
is there once two reports were compared: what people would say of how they differ."""
_Reports = tuple[Mapping[str, Any], Mapping[str, Any]]
"""Of the baseline, and of the candidate."""


def judged(
    app: App, preview: Preview, content_: Mapping[str, Any], said: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return what is known of the judges of an Evaluation and of its report *said*.

    Raises NotFound for an endpoint of a judge that is not there. Blocks.
    """
    spec, now_us = Evaluation(**content_["spec"]), app.now_us()
    with app.database.read() as connection:
        found = judges_standing(connection, preview, content_, now_us)
    shown: dict[str, dict[str, Any]] = {}
    for name, standing in found.items():
        held = standing.certificate
        known = held is not None and held.made_us <= now_us < held.expires_us
        right = _corrected(app, spec, said, (name, held)) if known and held else None
        shown[name] = {
            **standing.content(),
            "refusal": standing.refusal,
            "corrected": content(right) if right else None,
        }
    return shown


def differences(
    app: App, spec: Evaluation, known: Judged, reports: _Reports
) -> tuple[dict[str, Differing], Judged]:
    """Return how two *reports* differ by what people would say, by grader, and *known*
    with that. Of judges whose certificate holds. Blocks."""
    found: dict[str, Differing] = {}
    for name, each in known.items():
        if each["corrected"] is not None and "interval" in reports[1]["graders"][name]:
            labels = str(each["certificate"]["labels"])
            found[name] = _differing(app, spec, (name, labels), reports)
    told = {
        name: {**each, "difference": differing(found[name])} if name in found else each
        for name, each in known.items()
    }
    return found, told


def _differing(
    app: App, spec: Evaluation, by: tuple[str, str], reports: _Reports
) -> Differing:
    name, ref = by
    try:
        labels = _labels(app, spec, name, ref)
    except RoadbedError as error:
        return Differing(why=f"the labels cannot be read: {error.message}")
    sides = [list(store.rows(app.blobs, said["rows"])) for said in reports]
    keys = [key for rows in sides for key in wanted(rows, labels)]
    answers = Shelf(app.database).answers(list(dict.fromkeys(keys)))
    how = bool(reports[1]["graders"][name]["binary"]), alpha_of(spec)
    return corrected_pairs(name, (sides[0], sides[1]), labels, answers, how)


def word_of(found: Judged) -> Word:
    """Return what a gate has to know of the judges."""
    right = {
        name: (each["corrected"] or {}).get("interval") for name, each in found.items()
    }
    return Word(
        refused={n: str(each["refusal"]) for n, each in found.items()},
        scores={name: Interval(**said) for name, said in right.items() if said},
    )


def _corrected(
    app: App,
    spec: Evaluation,
    said: Mapping[str, Any],
    by: tuple[str, Certificate],
) -> Corrected:
    name, held = by
    try:
        labels = _labels(app, spec, name, held.labels)
    except RoadbedError as error:
        return Corrected(why=f"the labels cannot be read: {error.message}")
    rows = list(store.rows(app.blobs, said["rows"]))
    answers = Shelf(app.database).answers(wanted(rows, labels))
    binary = bool(said["graders"][name]["binary"])
    return corrected(name, rows, labels, answers, (binary, alpha_of(spec)))


def _labels(app: App, spec: Evaluation, name: str, ref: str) -> list[Label]:
    use = next(use for use in spec.graders if use.name == name)
    version = app.datasets.get(parse(ref))
    return read_labels(app.datasets, version, scale_of(use.config))
