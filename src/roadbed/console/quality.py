"""Quality: how good an endpoint's answers are in production, over time."""

from starlette.responses import Response

from roadbed.console.learning.chart import charts
from roadbed.console.visit import Visit
from roadbed.control.quality import DAY_US

SPANS = {"7d": 7, "30d": 30, "90d": 90}


def quality(visit: Visit) -> Response:
    """Show one endpoint's quality by grader and version."""
    name = visit.named("name")
    wanted = visit.request.query_params.get("range", "30d")
    span = wanted if wanted in SPANS else "30d"
    until_us = visit.now_us + 1
    between = (max(0, until_us - SPANS[span] * DAY_US), until_us)
    found = visit.learning.quality(name, between)
    return visit.page(
        "quality.html",
        name=name,
        view=found,
        charts=charts(found.steps, between),
        spans=tuple(SPANS),
        span=span,
    )
