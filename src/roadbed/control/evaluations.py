"""Which evaluations a version must have passed before it is promoted, and which lack.

An evaluation counts whether it is live or declared, as approvals do: who may apply
could otherwise drop the bar and clear it in one go.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from roadbed.control.preview import Preview
from roadbed.control.promote import Promotion
from roadbed.control.readable import served_of
from roadbed.core.actor import Principal
from roadbed.core.digest import digest_of
from roadbed.core.errors import GateFailed, NotFound, RoadbedError
from roadbed.core.reference import VersionRef, parse
from roadbed.core.resource import tenant_of
from roadbed.data.tables import dataset_versions
from roadbed.evals.kinds import Evaluation
from roadbed.evals.reports.standing import Standing, standings
from roadbed.evals.reports.verdicts import (
    Verdict,
    Waiver,
    said_of,
    waive,
    waived,
)
from roadbed.evals.running.judges import digests_of
from roadbed.evals.running.keys import Subject, evaluation_digest
from roadbed.inference.snapshot import ModelVersion
from roadbed.registry.approvals import made_by
from roadbed.registry.versions import get_version

Content = Mapping[str, Any]
_UNCERTIFIED = "has a judge without a certificate that holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """An evaluation that a version has not passed, and what to do about it."""

    endpoint: str
    ref: VersionRef
    evaluation: str
    why: str
    hint: str

    def __str__(self) -> str:
        return (
            f"{self.ref} may not go into production on {self.endpoint}: "
            f"evaluation {self.evaluation} {self.why} ({self.hint})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants waived: an evaluation of a version on an endpoint."""

    endpoint: str
    ref: VersionRef
    evaluation: str
    reason: str
    until_us: int


def waive_evaluation(
    connection: sa.Connection,
    preview: Preview,
    wish: Wish,
    waiver: Principal,
    now_us: int,
) -> Waiver:
    """Write down that *waiver* waives what *wish* says, and return it.

    Raises NotFound for an evaluation that blocks no such endpoint, Denied for who
    made the version, and Invalid for a waiver without reason or end.
    """
    content = preview.content("Endpoint", wish.endpoint)
    names = [c["metadata"]["name"] for c in required(preview, wish.endpoint)]
    if tenant_of(content) != waiver.tenant or wish.evaluation not in names:
        raise NotFound(
            f"no evaluation called {wish.evaluation[:80]!r} blocks {wish.endpoint}",
            hint=f"there is {', '.join(names)}" if names else "none blocks it",
        )
    wanted = Waiver(
        endpoint=wish.endpoint,
        evaluation=wish.evaluation,
        version=str(wish.ref),
        version_digest=preview.version(wish.ref).digest,
        actor=waiver.chain,
        reason=wish.reason,
        at_us=now_us,
        until_us=wish.until_us,
        tenant=waiver.tenant,
    )
    return waive(connection, wanted, _maker(connection, wish.ref))


def required(preview: Preview, endpoint: str) -> list[Content]:
    """Return the evaluations that block *endpoint*: the live ones, and the declared."""
    live = [r.content for r in preview.live.of("Evaluation")]
    found = {
        digest_of(content["spec"]): content
        for content in (*live, *preview.of("Evaluation"))
        if content["spec"]["endpoint"] == endpoint
        and content["spec"]["blocking"] == "promotion"
    }
    return sorted(found.values(), key=lambda content: content["metadata"]["name"])


def in_service(preview: Preview, endpoint: str) -> VersionRef | None:
    """Return what *endpoint* serves in production now, None if that is nothing.

    While a version takes over, that is the one from before.
    """
    live = preview.live.resources.get(("Endpoint", endpoint))
    if live is None or live.content["spec"]["stage"] != "production":
        return None
    newest = preview.live.rolling.get(endpoint)
    return parse(served_of(live.content, newest, 0).base)


def served_in(preview: Preview) -> Callable[[str], str]:
    """Return what says the digest of what an endpoint would serve, and where that is.

    A judge that another server answers for is another one, though the model's name
    is the same.
    """

    @cache
    def served(endpoint: str) -> str:
        content = preview.content("Endpoint", endpoint)
        version = preview.version(parse(content["spec"]["model"]))
        terms = preview.terms(endpoint, version)
        return digest_of({"version": version.digest, "terms": terms})

    return served


def subject_of(
    preview: Preview,
    content: Content,
    version: ModelVersion,
    golden: str,
) -> Subject:
    """Return what a report on *version* by the Evaluation *content* is about.

    *golden* is the digest of its golden set. Raises NotFound and Invalid for what the
    evaluation refers to.
    """
    spec = Evaluation(**content["spec"])
    graders = digests_of(spec, served_in(preview))
    return Subject(
        endpoint=spec.endpoint,
        evaluation=content["metadata"]["name"],
        evaluation_digest=evaluation_digest(spec, golden, graders),
        version=str(version),
        version_digest=version.digest,
        terms=preview.terms(spec.endpoint, version),
    )


def golden_digest(connection: sa.Connection, ref: VersionRef) -> str:
    """Return the digest of the golden set *ref*; raise NotFound."""
    table = dataset_versions
    query = sa.select(table.c.digest).where(
        table.c.name == ref.name, table.c.number == ref.number
    )
    found = connection.execute(query).scalar()
    if found is None:
        raise NotFound(f"its golden set {ref} does not exist")
    return str(found)


def lacking(
    connection: sa.Connection,
    preview: Preview,
    promoted: tuple[Promotion, ...],
    applier: str,
    now_us: int,
) -> Iterator[Lack]:
    """Yield what the promoted versions lack, in the eyes of *applier*."""
    for promotion in promoted:
        for content in required(preview, promotion.endpoint):
            why = _why(connection, preview, promotion, content, (applier, now_us))
            if why:
                yield _lack(promotion, content["metadata"]["name"], why)


def must_be_evaluated(
    connection: sa.Connection,
    preview: Preview,
    promoted: tuple[Promotion, ...],
    applier: str,
    now_us: int,
) -> None:
    """Raise GateFailed unless each promoted version passed what its endpoint takes."""
    for lack in lacking(connection, preview, promoted, applier, now_us):
        message = str(lack).removesuffix(f" ({lack.hint})")
        raise GateFailed(message, hint=lack.hint)


def _why(
    connection: sa.Connection,
    preview: Preview,
    promotion: Promotion,
    content: Content,
    who: tuple[str, int],
) -> str:
    """Say why *content* does not let the version pass, empty if it does."""
    try:
        version = preview.version(promotion.ref)
        golden = golden_digest(connection, parse(content["spec"]["cases"]["dataset"]))
        subject = subject_of(preview, content, version, golden)
    except RoadbedError as error:
        return f"cannot be told of: {error.message}"
    if _is_waived(connection, subject, promotion.ref, who):
        return ""
    if refusal := _refused_judge(connection, preview, content, who[1]):
        return refusal
    return _unpassed(preview, content, said_of(connection, subject))


def judges_standing(
    connection: sa.Connection, preview: Preview, content: Content, now_us: int
) -> dict[str, Standing]:
    """Return how the judges of the Evaluation *content* stand, by their names.

    Raises NotFound for an endpoint of a judge that is not there.
    """
    spec = Evaluation(**content["spec"])
    return standings(connection, spec, served_in(preview), now_us)


def _refused_judge(
    connection: sa.Connection, preview: Preview, content: Content, now_us: int
) -> str:
    """Say which judge may not gate now, whatever it said before; empty if all may."""
    found = judges_standing(connection, preview, content, now_us)
    refusals = [each.refusal for each in found.values() if each.refusal]
    return f"{_UNCERTIFIED}: {refusals[0]}" if refusals else ""


def _unpassed(preview: Preview, content: Content, said: list[Verdict]) -> str:
    """Say why none of the verdicts *said* of it lets the version pass."""
    endpoint = content["spec"]["endpoint"]
    serving = in_service(preview, endpoint)
    against = preview.live.version(serving) if serving else None
    compares = any(
        (use.get("gate") or {}).get("tolerance") is not None
        for use in content["spec"]["graders"]
    )
    told = "was not run on it as it is now"
    for verdict in said:
        other = verdict.baseline_digest != (against.digest if against else "")
        if compares and other:
            told = f"passed against {verdict.baseline or 'nothing'}, not {serving}"
            continue
        if verdict.verdict == "passed":
            return ""
        return "failed" if verdict.verdict == "failed" else "is inconclusive"
    return told


def _is_waived(
    connection: sa.Connection,
    subject: Subject,
    ref: VersionRef,
    who: tuple[str, int],
) -> bool:
    applier, now_us = who
    own = {made_by(applier), made_by(_maker(connection, ref) or applier)}
    found: list[Waiver] = waived(connection, subject, now_us)
    return any(made_by(waiver.actor) not in own for waiver in found)


def _maker(connection: sa.Connection, ref: VersionRef) -> str:
    """Return who made *ref*, empty if this apply makes it."""
    try:
        return get_version(connection, ref).actor
    except NotFound:
        return ""


def _lack(promotion: Promotion, evaluation: str, why: str) -> Lack:
    return Lack(
        endpoint=promotion.endpoint,
        ref=promotion.ref,
        evaluation=evaluation,
        why=why,
        hint=_hint(promotion, evaluation, why),
    )


def _hint(promotion: Promotion, evaluation: str, why: str) -> str:
    if why.startswith(_UNCERTIFIED):
        return f"`roadbed eval certify {evaluation} --grader NAME --labels DATASET@N`"
    return (
        f"`roadbed eval gate {promotion.endpoint} {promotion.ref}`, "
        "with --stack FOLDER for what is not applied yet"
    )
