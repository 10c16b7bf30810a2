"""Judges and their certificates: how each agrees with people, and what fools it."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from roadbed.access.visible import own
from roadbed.console.assays.asked import (
    CertificateTold,
    JudgesPage,
    JudgeUse,
    Probe,
    Score,
)
from roadbed.console.assays.reading import score_of
from roadbed.console.custody.rooms import Eyes
from roadbed.control.evaluations import served_in
from roadbed.control.preview import Preview
from roadbed.control.state import current
from roadbed.control.targets import find_dataset, find_evaluation
from roadbed.core.errors import NotFound, RoadbedError
from roadbed.evals.certificates import (
    Certificate,
    latest,
    valid,
)
from roadbed.evals.examination import PROBES, shortcomings
from roadbed.evals.kinds import Use
from roadbed.evals.reports.standing import standing_of
from roadbed.evals.running.judges import asked_by, config_of

CERTIFICATES = 50
"""As many certificates as the page shows, the newest first."""
_AT_LEAST = 0.5
"""Nothing that agrees with people less often may gate, whatever is declared."""


def judges(eyes: Eyes, now_us: int) -> JudgesPage:
    """Return the judges of the evaluations that the viewer may see."""
    with eyes.rooms.database.read() as connection:
        preview = Preview(live=current(connection))
        uses = tuple(_uses(eyes, connection, preview, now_us))
        found = tuple(
            _told(certificate, now_us)
            for certificate in latest(connection, CERTIFICATES)
            if _may_see(eyes, connection, certificate)
        )
    return JudgesPage(uses=uses, certificates=found)


def _uses(
    eyes: Eyes, connection: sa.Connection, preview: Preview, now_us: int
) -> Iterator[JudgeUse]:
    for content in preview.of("Evaluation"):
        name = content["metadata"]["name"]
        target = own(eyes.viewer.principal, find_evaluation(connection, name))
        if target is None or not eyes.viewer.may("evaluation.read", target):
            continue
        for given in content["spec"]["graders"]:
            found = _use(connection, preview, (name, Use(**given)), now_us)
            if found is not None:
                yield found


def _use(
    connection: sa.Connection, preview: Preview, of: tuple[str, Use], now_us: int
) -> JudgeUse | None:
    """Return one use of a grader, None if it asks no judge or is not installed."""
    evaluation, use = of
    known: dict[str, Any] = {
        "evaluation": evaluation,
        "name": use.name,
        "grader": use.grader,
        "gates": use.gate is not None,
    }
    try:
        config = config_of(use)
    except NotFound:
        return None
    except RoadbedError as error:
        return JudgeUse(**known, endpoints=(), may=False, reason=error.message)
    try:
        found = standing_of(connection, use, served_in(preview), now_us)
    except RoadbedError as error:
        return JudgeUse(**known, endpoints=(), may=False, reason=error.message)
    if found is None:
        return None
    return JudgeUse(
        **known,
        endpoints=tuple(asked_by(config)),
        may=found.permission.allowed,
        reason=found.permission.reason,
        declared=found.declared,
        judge=found.judge,
        until_us=found.certificate.expires_us if found.certificate else None,
    )


def _may_see(eyes: Eyes, connection: sa.Connection, certificate: Certificate) -> bool:
    """Say whether the viewer may see the labels that it was examined with."""
    name = certificate.labels.partition("@")[0]
    target = own(eyes.viewer.principal, find_dataset(connection, name))
    return target is not None and eyes.viewer.may("dataset.read", target)


def _told(certificate: Certificate, now_us: int) -> CertificateTold:
    found = certificate.findings
    return CertificateTold(
        id=certificate.id,
        judge=certificate.judge,
        name=certificate.name,
        labels=certificate.labels,
        actor=certificate.actor,
        made_us=certificate.made_us,
        expires_us=certificate.expires_us,
        holds=valid(certificate, now_us, certificate.judge),
        agreement=score_of("agreement", found["agreement"]),
        kappa=score_of("Cohen's kappa", found["kappa"]),
        accuracy=tuple(
            (
                tag,
                score_of("sensitivity", each["sensitivity"]),
                score_of("specificity", each["specificity"]),
            )
            for tag, each in found["slices"].items()
        ),
        position=_position(found["position"]),
        probes=tuple(_probes(found["probes"])),
        lacks=tuple(shortcomings(found, _AT_LEAST)),
    )


def _position(found: Mapping[str, Any]) -> tuple[Score, ...]:
    names = {
        "changed": "The order changed the verdict",
        "flipped": "The order alone decided",
        "first": "Of those, for the first one",
    }
    return tuple(
        score_of(told, found[name]) for name, told in names.items() if name in found
    )


def _probes(found: Mapping[str, Mapping[str, int]]) -> Iterator[Probe]:
    for name, told in PROBES.items():
        probe = found.get(name, {"answers": 0, "fooled": 0})
        yield Probe(name=name, told=told, **probe)
