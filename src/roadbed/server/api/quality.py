"""How good an endpoint's answers are in production."""

from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, Field

from roadbed.access.visible import endpoint_of
from roadbed.control.quality import DAY_US, EndpointQuality, quality_of
from roadbed.control.targets import find_endpoint
from roadbed.core.decision import Target
from roadbed.core.errors import Invalid
from roadbed.server.routes import Ask, Route

MAX_STEPS = 400


class QualityFilter(BaseModel):
    """A stretch of time, up to now if nothing is said, and the length of its steps."""

    model_config = ConfigDict(extra="forbid")

    since_us: int | None = Field(default=None, ge=0, le=2**62)
    until_us: int | None = Field(default=None, ge=0, le=2**62)
    step_us: int = Field(default=DAY_US, ge=60_000_000, le=2**50)


class EstimateShown(BaseModel):
    """A mean over all calls, and the 95 % interval that it is known within."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    effective: float
    missing: int


class QualityShown(BaseModel):
    """What one grader, or feedback, says of one version in a stretch of time."""

    evaluation: str
    grader: str
    model: str
    since_us: int
    until_us: int
    estimate: EstimateShown


class GapShown(BaseModel):
    """How a version's answers in production differ from those in its newest report."""

    evaluation: str
    grader: str
    model: str
    report: str
    reported_us: int
    offline: EstimateShown
    online: EstimateShown
    gap: EstimateShown


class Shown(BaseModel):
    """Quality in steps and of the whole stretch, and how far it is from reports."""

    endpoint: str
    since_us: int
    until_us: int
    step_us: int
    steps: list[QualityShown]
    whole: list[QualityShown]
    gaps: list[GapShown]
    corrections: int


def show(ask: Ask) -> Shown:
    """Show how good the answers were."""
    wanted: QualityFilter = ask.query
    until_us = wanted.until_us or ask.services.now_us()
    since_us = wanted.since_us
    if since_us is None:
        since_us = max(0, until_us - 30 * DAY_US)
    if until_us - since_us > wanted.step_us * MAX_STEPS:
        raise Invalid(
            f"there are at most {MAX_STEPS} steps", hint="ask for longer ones"
        )
    with ask.services.database.read() as connection:
        found = quality_of(
            connection,
            ask.tenant,
            ask.params["endpoint"],
            (since_us, until_us),
            wanted.step_us,
        )
    return _shown(found)


def endpoint_named(ask: Ask) -> Target | None:
    """Find an endpoint of the caller's tenant, served now or declared once."""
    name = ask.params["endpoint"]
    served = endpoint_of(ask.snapshot, ask.principal, name)
    if served is not None:
        return served
    with ask.services.database.read() as connection:
        return find_endpoint(connection, name)


def _shown(found: EndpointQuality) -> Shown:
    return Shown.model_validate(asdict(found))


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/endpoints/{endpoint}/quality",
        action="endpoint.read",
        handler=show,
        summary="Show how good an endpoint's answers are in production",
        answer=Shown,
        query=QualityFilter,
        target="endpoint",
        locate=endpoint_named,
        tag="quality",
    ),
)
