"""Read what evaluations showed, and waive one."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control import seen
from roadbed.control.evaluations import Wish, judges_standing, waive_evaluation
from roadbed.control.preview import Preview
from roadbed.control.state import current
from roadbed.control.targets import find_evaluation, find_report
from roadbed.core.clock import to_us
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid
from roadbed.core.reference import parse
from roadbed.evals.certificates import list_certificates
from roadbed.evals.reports import store
from roadbed.evals.reports.store import Report
from roadbed.evals.reports.verdicts import Waiver, list_waivers
from roadbed.server.routes import Ask, Route


class ReportFilter(BaseModel):
    """Which reports are wanted."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(default="", max_length=128, description="Only of this one.")
    limit: int = Field(default=50, ge=1, le=1000)


class Reports(BaseModel):
    """Reports, newest first."""

    reports: list[Report]


class Waived(BaseModel):
    """What is to be waived, why, and until when."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(default="", max_length=128, description="The endpoint.")
    version: str = Field(
        default="", max_length=200, description="The version: support@7."
    )
    reason: str = Field(default="", max_length=500, description="Why, for the log.")
    until: datetime | None = Field(
        default=None, description="When the waiver ends; UTC if it does not say."
    )


class Certificates(BaseModel):
    """The judges of an evaluation: how they stand, and all their certificates."""

    judges: dict[str, dict[str, Any]]


class Waivers(BaseModel):
    """The waivers of an evaluation, newest first, those that are over as well."""

    waivers: list[Waiver]


def evaluation_named(ask: Ask) -> Target | None:
    """Find an evaluation."""
    with ask.services.database.read() as connection:
        return find_evaluation(connection, ask.params["evaluation"])


def report_named(ask: Ask) -> Target | None:
    """Find the evaluation that a report is of."""
    with ask.services.database.read() as connection:
        return find_report(connection, ask.params["report"])


def list_(ask: Ask) -> Reports:
    """List the reports that the caller may see."""
    wanted: ReportFilter = ask.query
    with ask.services.database.read() as connection:
        found = seen.reports(ask.viewer, connection, wanted.endpoint, wanted.limit)
    return Reports(reports=found)


def get(ask: Ask) -> dict[str, Any]:
    """Show all of one report."""
    with ask.services.database.read() as connection:
        found = store.find(connection, ask.params["report"])
    said = store.read(ask.services.desk.blobs, found.digest)
    return {"digest": found.digest, **said}


def waivers(ask: Ask) -> Waivers:
    """List the waivers of an evaluation."""
    name = ask.params["evaluation"]
    with ask.services.database.read() as connection:
        found = list_waivers(connection, ask.tenant)
    return Waivers(waivers=[w for w in found if w.evaluation == name])


def certificates(ask: Ask) -> Certificates:
    """Show the judges of an evaluation, each with its certificates, newest first."""
    with ask.services.database.read() as connection:
        preview = Preview(live=current(connection))
        content = preview.content("Evaluation", ask.params["evaluation"])
        found = judges_standing(connection, preview, content, ask.services.now_us())
        held = {n: list_certificates(connection, s.judge) for n, s in found.items()}
    shown = {name: standing.content() for name, standing in found.items()}
    for name, each in shown.items():
        del each["certificate"]
        each["certificates"] = [{"id": c.id, **c.document()} for c in held[name]]
    return Certificates(judges=shown)


def waive(ask: Ask) -> Waiver:
    """Waive an evaluation of a version, in the caller's name."""
    wanted: Waived = ask.body
    until = wanted.until
    if until is None or not wanted.endpoint:
        raise Invalid("a waiver names the endpoint, and `until` when it ends")
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    wish = Wish(
        endpoint=wanted.endpoint,
        ref=parse(wanted.version),
        evaluation=ask.params["evaluation"],
        reason=wanted.reason,
        until_us=to_us(until),
    )
    with ask.services.database.write() as connection:
        preview = Preview(live=current(connection))
        now_us = ask.services.now_us()
        return waive_evaluation(connection, preview, wish, ask.principal, now_us)


_REPORTS = "/api/v1/evaluation-reports"
_CERTIFICATES = "/api/v1/evaluations/{evaluation}/certificates"
_WAIVERS = "/api/v1/evaluations/{evaluation}/waivers"
ROUTES = (
    Route(
        method="GET",
        path=_REPORTS,
        action="evaluation.read",
        handler=list_,
        summary="List reports of evaluations, newest first",
        answer=Reports,
        query=ReportFilter,
        lists="reports",
        tag="evaluations",
    ),
    Route(
        method="GET",
        path=f"{_REPORTS}/{{report}}",
        action="evaluation.read",
        handler=get,
        summary="Show all of a report",
        answer=dict[str, Any],
        target="report",
        locate=report_named,
        tag="evaluations",
    ),
    Route(
        method="GET",
        path=_CERTIFICATES,
        action="evaluation.read",
        handler=certificates,
        summary="Show the judges of an evaluation and their certificates",
        answer=Certificates,
        target="evaluation",
        locate=evaluation_named,
        tag="evaluations",
    ),
    Route(
        method="GET",
        path=_WAIVERS,
        action="evaluation.read",
        handler=waivers,
        summary="List the waivers of an evaluation",
        answer=Waivers,
        target="evaluation",
        locate=evaluation_named,
        tag="evaluations",
    ),
    Route(
        method="POST",
        path=_WAIVERS,
        action="evaluation.waive",
        handler=waive,
        summary="Let a version pass without an evaluation, for a while",
        answer=Waiver,
        body=Waived,
        status=201,
        target="evaluation",
        locate=evaluation_named,
        tag="evaluations",
    ),
)
